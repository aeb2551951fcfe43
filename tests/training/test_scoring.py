"""What is scored was chosen on other slices: step, threshold and checkpoint."""

import numpy as np
import pytest
from finished import KINDS, draw, network, settings

from minunet.metrics import cells, em
from minunet.metrics.score import THRESHOLDS
from minunet.prediction import averaging
from minunet.prediction.instances import Rule
from minunet.prediction.tiling import Tiling
from minunet.training import results, scoring
from minunet.training.scoring import Trained


def softmax(a):
    e = np.exp(a.astype(np.float64))
    return e / e.sum(axis=-1, keepdims=True)


@pytest.mark.parametrize("kind", KINDS)
def test_the_given_slices_are_segmented_with_the_average(kind):
    data = draw(kind)
    found = scoring.probabilities(network(kind), data, (1, 3), settings(kind))
    assert len(found) == 2
    for p, k in zip(found, (1, 3), strict=True):
        a = averaging.logits(network(kind), data.images[k], Tiling(24, average="flips"))
        np.testing.assert_allclose(p, softmax(a), atol=1e-6)  # measured: 1e-7


@pytest.mark.parametrize("kind", KINDS)
def test_every_kind_of_data_has_its_scores(kind):
    data = draw(kind)
    p = scoring.probabilities(network(kind), data, (1, 3), settings(kind))
    assert scoring.kind(data) == kind
    rule = Rule(0.4, 0.2, 2, 8)
    found = scoring.score(data, (1, 3), p, settings(kind), (0.4, 0.7), rule)
    assert set(results.HEADLINES[kind]) <= {one.key for one in found}
    if kind == "em":
        truth = [data.cells[k] for k in (1, 3)]
        assert found == em.scores(truth, [one[..., 1] for one in p], (0.4, 0.7), processes=1)
    elif kind == "cells":
        truth = [data.cells[k] for k in (1, 3)]

        def at(rule):
            return cells.scores(truth, [rule.cells(one[..., 1]) for one in p])

        curve = [at(rule._replace(threshold=t))[0].value for t in THRESHOLDS]
        assert found[0].by_threshold == pytest.approx(curve, rel=1e-12, nan_ok=True)
        wanted = [one._replace(threshold=0.4) for one in at(rule)]
        assert [found[0]._replace(by_threshold=()), *found[1:]] == wanted
        (usual, *_) = scoring.score(data, (1, 3), p, settings(kind))  # no rule was chosen
        assert usual.value == at(Rule(0.5, None, 2, 4))[0].value
    else:
        wrong = [
            np.mean(one.argmax(-1) != data.labels[k]) for one, k in zip(p, (1, 3), strict=True)
        ]
        error = next(one for one in found if one.key == "pixel_error")
        np.testing.assert_allclose(error.slices, wrong, rtol=1e-12)
        assert error.value == pytest.approx(np.mean(wrong), rel=1e-12)  # equally large slices


@pytest.mark.parametrize("kind", KINDS)
def test_every_tile_and_every_score_is_reported(monkeypatch, kind):
    texts, totals = [], []

    class Watched(scoring.Progress):
        def __init__(self, total, unit):
            totals.append((total, unit))
            super().__init__(total, unit)

        def advance(self, text):
            texts.append(text)
            super().advance(text)

    monkeypatch.setattr(scoring, "Progress", Watched)
    data = draw(kind)
    p = scoring.probabilities(network(kind), data, (1, 3), settings(kind))
    # Outputs of 8 pixels: four for 30 rows, six for 41 columns; `flips` has four versions.
    assert totals == [(2 * 96, "tile")]
    assert texts == ["slice 1"] * 96 + ["slice 3"] * 96
    scoring.score(data, (1, 3), p, settings(kind))
    assert totals[1:] == ([(20, "score")] if kind == "em" else [])
    assert len(texts) == sum(total for total, _ in totals)


# Each (step, part) has its own range of probabilities, so that each has its own best threshold:
# all pixels are right at low <= t < high, and no threshold is best for two of them.

RANGES = {
    (1, "training"): (0.05, 0.15, 0.1),
    (1, "validation"): (0.15, 0.25, 0.2),
    (1, "test"): (0.25, 0.35, 0.3),
    (2, "training"): (0.65, 0.75, 0.7),
    (2, "validation"): (0.75, 0.85, 0.8),
    (2, "test"): (0.85, 0.95, 0.9),
}
PARTS = {0: "training", 1: "validation", 2: "training", 3: "test"}


@pytest.fixture
def by_hand(monkeypatch):
    """Make probabilities by hand, see `RANGES`; list the (step, slice) that are segmented."""
    asked = []

    def probabilities(step, data, slices, settings):
        found = []
        for k in slices:
            asked.append((step, k))
            low, high, _ = RANGES[step, PARTS[k]]
            p = np.where(data.cells[k] > 0, high, low).astype(np.float32)
            found.append(np.stack([1 - p, p], axis=-1))
        return found

    monkeypatch.setattr(scoring, "probabilities", probabilities)
    return asked


def evaluated(kind, held_out, test, last=2, silver=()):
    data = draw(kind, (*held_out, *test))._replace(held_out=[*held_out], test=test, silver=silver)
    score = {"em": "v_rand", "cells": "seg"}[kind]
    given = settings(kind, score=score, smallest=1, images="i", labels=None if silver else "l")
    trained = Trained("last.npz", last, last), Trained("best.npz", 1, 1)
    return scoring.evaluate(data, given, *trained)


def of(chosen):
    """Return the threshold, the part and the number of slices that chose."""
    return chosen.threshold, chosen.part, chosen.number


def perfect(result):
    key = {"v_rand", "seg"}
    return next(one.value for one in result.scores if one.key in key) == pytest.approx(1)


@pytest.mark.parametrize("kind", ["em", "cells"])
def test_with_a_test_part_the_validation_slices_choose_for_the_test(by_hand, kind):
    found, of_last = evaluated(kind, (1,), (3,))
    headline, optimistic, _ = found
    assert headline.trained[:2] == ("best.npz", 1)
    assert (headline.part, headline.slices, headline.names) == ("test", [3], ["3"])
    assert of(headline.chosen) == (0.2, "validation", 1)  # although 0.3 would suit the test better
    assert not perfect(headline)
    assert {one.threshold for one in headline.scores} == {0.2}
    assert (optimistic.part, optimistic.slices) == ("validation", [1])
    assert optimistic.trained[:2] == ("best.npz", 1)
    assert perfect(optimistic)
    assert of(of_last) == (0.8, "validation", 1)
    assert by_hand == [(1, 1), (2, 1), (1, 3)]  # the test slice comes last


@pytest.mark.parametrize("kind", ["em", "cells"])
def test_without_a_test_part_training_slices_choose_for_the_validation(by_hand, kind):
    found, of_last = evaluated(kind, (1,), ())
    headline, optimistic, _ = found
    assert headline.trained[:2] == ("last.npz", 2)
    assert (headline.part, headline.slices) == ("validation", [1])
    assert of(headline.chosen) == of(of_last) == (0.7, "training", 1)
    assert not perfect(headline)
    assert optimistic.trained[:2] == ("best.npz", 1)
    assert (optimistic.part, of(optimistic.chosen)) == ("validation", (0.2, "validation", 1))
    assert perfect(optimistic)
    assert by_hand == [(1, 1), (2, 0), (2, 1)]  # one training slice, as there is one to score


def test_without_held_out_slices_the_scores_are_of_training_slices(by_hand, monkeypatch):
    monkeypatch.setitem(PARTS, 1, "training")
    monkeypatch.setitem(PARTS, 3, "training")
    found, of_last = evaluated("em", (), ())
    assert found.headline.trained.name == "last.npz"
    assert (found.headline.part, found.headline.slices) == ("training", [0, 1, 2, 3])
    assert of(found.headline.chosen) == of(of_last) == (0.7, "training", 4)
    assert found.optimistic.part == "training"


def test_without_validation_slices_training_slices_choose_for_the_test(by_hand, monkeypatch):
    monkeypatch.setitem(PARTS, 1, "training")
    found, _ = evaluated("em", (), (3,))
    assert found.headline.part == "test"
    assert of(found.headline.chosen) == (0.1, "training", 3)


def test_seg_by_threshold_is_that_of_the_slices_that_chose_and_of_the_scored_ones(by_hand):
    found, of_last = evaluated("cells", (1,), ())
    # The slice that chose has p = 0.65 and 0.75: only seeds above 0.7 are the true cells.
    assert of_last.rule[:2] == (0.7, 0.7)
    assert [k for k, value in enumerate(of_last.by_threshold) if value == 1] == [7]
    (seg, *others) = found.headline.scores
    # The scored slice has p = 0.75 and 0.85: up to 0.7 it is one segment; above 0.8 seeds are the
    # true cells, but grow to 0.7 until they fill the slice; above 0.9 there are none.
    whole, grown, none = (seg.by_threshold[k] for k in (0, 8, 9))
    assert list(seg.by_threshold) == [*[whole] * 8, grown, none]
    assert none == 0 <= whole < grown < 1
    assert (seg.key, seg.value, seg.threshold) == ("seg", whole, 0.7)
    assert all(one.threshold == 0.7 for one in others)


def test_the_whole_rule_of_cells_is_said_and_that_of_membranes_is_its_threshold(by_hand):
    found, _ = evaluated("cells", (1,), (3,))
    (_, line, _) = found.summary(["seg"])
    assert line == (
        "at threshold 0.2, cells grown to 0.2, seeds of 1 pixel or more, chosen on 1 validation "
        "slice"
    )
    found, _ = evaluated("em", (1,), (3,))
    assert found.headline.chosen.rule == Rule(0.2, None, 1, 4)
    assert found.headline.chosen.by_threshold == ()


def test_nothing_is_segmented_twice_if_the_last_step_is_the_best(by_hand):
    evaluated("em", (1,), (3,), last=1)
    assert by_hand == [(1, 1), (1, 3)]


def test_where_the_scores_come_from(by_hand):
    found, _ = evaluated("em", (1,), (3,))
    assert found.headline.to_json() == {
        "checkpoint": "best.npz",
        "step": 1,
        "part": "test",
        "truth": None,
        "fingerprint": found.headline.fingerprint,
        "threshold": 0.2,
        "threshold_chosen_on": "validation",
    }
    value = next(one.value for one in found.headline.scores if one.key == "pixel_error")
    lines = found.summary(["pixel_error"])
    assert lines[0].startswith(f"best.npz, step 1, on 1 test slice: pixel error {value:.4f}")
    assert lines[1] == "at threshold 0.2, chosen on 1 validation slice"
    assert lines[2].startswith(
        "optimistic, because these slices chose the step: best.npz, step 1, on 1 validation slice: "
        "pixel "
    )


def test_each_optimistic_score_has_its_own_best_threshold(by_hand):
    found, _ = evaluated("em", (1,), (3,))
    assert all(len(one.by_threshold) == len(THRESHOLDS) for one in found.optimistic.scores)
    assert all(len(one.by_threshold) == 1 for one in found.headline.scores)


def test_gold_truth_scores_and_silver_truth_is_marked(by_hand, monkeypatch):
    monkeypatch.setitem(PARTS, 3, "validation")
    found, _ = evaluated("cells", (1, 3), (), silver=(0, 3))
    assert (found.headline.slices, found.headline.truth) == ([1], "gold")
    found, _ = evaluated("cells", (1, 3), (), silver=(0, 1, 3))
    assert (found.headline.slices, found.headline.truth) == ([1, 3], "silver")
    assert "2 validation slices, against silver truth: " in found.summary(["seg"])[0]


def test_of_a_test_part_only_gold_truth_scores(by_hand, monkeypatch):
    monkeypatch.setitem(PARTS, 2, "test")
    found, _ = evaluated("cells", (1,), (2, 3), silver=(3,))
    assert (found.headline.slices, found.headline.truth) == ([2], "gold")


def test_the_fingerprint_is_of_the_scored_slices_and_their_truth():
    first = scoring.fingerprint(draw("em"), [1, 3])
    assert len(first) == 64
    assert scoring.fingerprint(draw("em"), [3, 1]) != first
    for part in ("images", "labels", "annotated", "cells"):
        for k in range(4):
            data = draw("em")
            maps = getattr(data, part)
            maps[k] = maps[k].copy()
            maps[k].flat[5] = not maps[k].flat[5]
            same = scoring.fingerprint(data, [1, 3]) == first
            assert same == (k in (0, 2))


def test_with_more_classes_nothing_is_segmented_to_choose_a_threshold(monkeypatch):
    asked, segment = [], scoring.probabilities

    def probabilities(network, data, slices, settings):
        asked.extend(slices)
        return segment(network, data, slices, settings)

    monkeypatch.setattr(scoring, "probabilities", probabilities)
    data = draw("classes")
    last, best = (Trained(name, k, network("classes")) for k, name in enumerate("ab"))
    found, of_last = scoring.evaluate(data, settings("classes", score="iou"), last, best)
    assert sorted(asked) == sorted([*data.held_out, *data.held_out])
    assert of_last.rule is found.headline.chosen.rule is None
