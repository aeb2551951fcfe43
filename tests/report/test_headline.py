"""The top of a report says what was scored, and what chose the step and the threshold."""

import pytest
from reports import MISSED, V_RAND, text

from minunet.metrics.score import Score
from minunet.report import headline
from minunet.report.headline import Scored
from minunet.report.tables import tag

SCORED = Scored(
    "best.npz, step 2", "test", (21, 22, 23), ("21", "22", "23"), "", [V_RAND], 0.4, "validation", 5
)
ERROR = Score("pixel_error", "pixel error", 0.2, (0.2,), "a fraction", False, 0.4)


def said(*shown, **replaced):
    """Return the paragraphs of a headline."""
    made = tag("main", *headline.headline(shown, SCORED._replace(**replaced), 0.25))
    return [text(paragraph) for paragraph in made.iter("p")]


@pytest.mark.parametrize(
    ("replaced", "expected"),
    [
        (
            {},
            "Scored on 3 test slices (21 … 23), which were used for nothing else: neither for "
            "training nor for choosing the step or the threshold.",
        ),
        (
            {"part": "validation", "slices": (3, 4), "names": ("3", "4")},
            "Scored on 2 validation slices (3, 4), which were used neither for training nor for "
            "choosing this checkpoint or its threshold.",
        ),
        (
            {"slices": (1, 2, 4), "names": ("img1", "img2", "img10")},
            "Scored on 3 test slices (img1, img2, img10), which were used for nothing else: ",
        ),
        (
            {"names": ("img1", "img2", "img10")},
            "Scored on 3 test slices (img1 … img10), which were used for nothing else: ",
        ),
        ({"slices": (7,), "names": ("7",)}, "Scored on 1 test slice (7), which was used for"),
        (
            {"part": "training"},
            "Scored on 3 training slices (21 … 23), which were also used for training, because no "
            "slices were held out. These scores do not show how well the network performs on new "
            "images.",
        ),
    ],
)
def test_the_sentence_about_the_scored_slices(replaced, expected):
    where, _ = said(**replaced)
    assert where.startswith(expected)


def test_what_chose_the_threshold_and_the_baseline_of_the_same_slices():
    of = "Scores are for best.npz, step 2."
    five = " The threshold 0.4 was chosen on 5 validation slices."
    assert said()[-1] == of + five
    one = said(chosen_count=1, chosen_on="training")[-1]
    assert one == of + " The threshold 0.4 was chosen on 1 training slice."
    assert said(threshold=None)[-1] == of
    baseline = " The pixel error of the trivial baseline on these slices is 0.2500."
    assert said(ERROR)[-1] == of + five + baseline


def test_gold_and_silver_truth_are_named():
    assert said(truth="gold")[-1].endswith(" The scores are against gold truth only.")
    assert said(truth="silver")[1] == (
        "These scores are against silver truth, because no scored frame has gold truth."
    )
    assert "silver" not in " ".join(said(truth="gold"))


def test_the_spread_over_slices_is_shown():
    score = Score("v_rand", "V_Rand", 0.9, (0.8, 0.9, 1.0), "", True, 0.4)  # spread 0.1
    (made,) = tag("main", *headline.headline([score], SCORED, 0.25)).iter("li")
    words = [text(part) for part in made]
    assert words == ["V_Rand", "0.90 ± 0.10", "at threshold 0.4; higher is better"]


def optimistic(**replaced):
    return text(tag("main", *headline.optimistic(SCORED._replace(**replaced))))


def test_optimistic_scores_are_marked():
    assert list(headline.optimistic(None)) == []
    start = (
        "Scores of best.npz, step 2, on the 3 validation slices (21 … 23) that chose this step; "
    )
    end = ". These scores are too good: expect worse ones on new data."
    shown = optimistic(part="validation")
    assert shown.startswith(f"{start}each threshold is also the best one for these slices{end}")
    shown = optimistic(part="validation", scores=[MISSED])
    assert shown.startswith(f"{start}the threshold 0.4 was also chosen on these slices{end}")
    # SEG of numbered cells is known for all thresholds, but all scores are at the chosen one.
    seg = V_RAND._replace(key="seg", name="SEG")
    shown = optimistic(part="validation", scores=[seg, MISSED])
    assert shown.startswith(f"{start}the threshold 0.4 was also chosen on these slices{end}")
    shown = optimistic(part="validation", scores=[MISSED], threshold=None)
    assert shown.startswith(f"{start}this model has no threshold{end}")
