"""The right slices of a run are drawn and written."""

import numpy as np
import pytest
from finished import draw, network, settings
from matplotlib.figure import Figure

from minunet import runs
from minunet.metrics.score import Score
from minunet.prediction.instances import Rule
from minunet.training import pictures, scoring
from minunet.training.scoring import Chosen
from minunet.training.validation import baseline_error


@pytest.mark.parametrize("held_out", [(1, 2, 3), (2,), ()])
def test_the_first_and_the_last_slice_are_drawn_during_training(tmp_path, monkeypatch, held_out):
    shown = []
    monkeypatch.setattr(
        "minunet.report.run_pictures.preview", lambda path, slices, title: shown.extend(slices)
    )
    runs.append(tmp_path, {"step": 1, "energy": 0.5, "learning_rate": 0.1, "seconds": 2.0})
    data = draw("em", held_out)
    slices = held_out or (0, 1, 2, 3)
    p = [np.full((*data.labels[k].shape, 2), k / 8) for k in slices]
    pictures.draw_progress(tmp_path, data, p, "step 1")
    assert (tmp_path / "curves.png").read_bytes().startswith(b"\x89PNG")
    ends = sorted({slices[0], slices[-1]})
    assert len(shown) == len(ends)
    for one, k in zip(shown, ends, strict=True):
        assert one.image is data.images[k]
        assert one.labels is data.labels[k]
        assert one.p is p[slices.index(k)]


@pytest.mark.parametrize(
    ("values", "higher", "said"),
    [
        ((0.25, 0.75), True, ["best slice (slice 3)", "worst slice (slice 1)"]),
        ((0.25, 0.75), False, ["best slice (slice 1)", "worst slice (slice 3)"]),
        ((float("nan"), 0.75), True, ["best slice (slice 3)"]),
        ((float("nan"), float("nan")), True, []),
    ],
)
def test_the_best_and_the_worst_slice_are_drawn(values, higher, said):
    data = draw("em")
    p = scoring.probabilities(network("em"), data, (1, 3), settings("em"))
    score = Score("v_rand", "V_Rand", 0.5, values, "", higher, 0.5)
    drawn = pictures.draw_best_and_worst(data, (1, 3), p, score, Rule())
    assert len(drawn) == len(said)
    assert all(words in one.caption for words, one in zip(said, drawn, strict=True))
    assert all(one.png.startswith(b"\x89PNG") for one in drawn)


def test_a_single_slice_is_drawn_once():
    data = draw("cells", held_out=(2,))
    p = scoring.probabilities(network("cells"), data, (2,), settings("cells"))
    ranking = scoring.score(data, (2,), p, settings("cells"))[0]
    assert ranking.key == "seg"
    drawn = pictures.draw_best_and_worst(data, (2,), p, ranking, Rule())
    assert len(drawn) == 1


def test_the_curves_are_drawn_with_the_log_and_the_error_of_the_baseline(tmp_path, monkeypatch):
    drawn = []
    monkeypatch.setattr("minunet.report.run_pictures.curves", lambda *given: drawn.append(given))
    monkeypatch.setattr("minunet.report.run_pictures.preview", lambda *given: drawn.append(given))
    runs.append(tmp_path, {"step": 1, "energy": 0.5, "learning_rate": 0.1, "seconds": 2.0})
    data = draw("em")._replace(names=["a", "b", "c", "d"])
    p = [np.full((*data.labels[k].shape, 2), 0.5) for k in (1, 3)]
    pictures.draw_progress(tmp_path, data, p, "step 1: a score")
    curves, preview = drawn
    assert curves == (tmp_path / "curves.png", runs.read(tmp_path), baseline_error(data))
    assert 0 < baseline_error(data) < 1
    assert preview[0] == tmp_path / "preview.png"
    assert preview[2] == "step 1: a score (slice b and slice d)"


@pytest.mark.parametrize("kind", ["em", "cells", "classes"])
@pytest.mark.parametrize("threshold", [None, 0.25])
def test_each_slice_is_drawn_with_its_image_truth_and_result(monkeypatch, kind, threshold):
    drawn = []

    def watch(name, n):
        def draw_one(*given):
            drawn.append(given[:n])
            return Figure()

        monkeypatch.setattr(f"minunet.report.{name}", draw_one)

    watch("score_pictures.classes_panels", 5)
    watch("score_pictures.em_slice", 5)
    watch("score_pictures.cells_slice", 4)
    monkeypatch.setattr("minunet.report.score_pictures.draw", lambda rows: rows[0])
    data = draw(kind)
    classes = 3 if kind == "classes" else 2
    p = [np.eye(classes, dtype=np.float32)[data.labels[k]] for k in (1, 3)]
    data = data._replace(images=[np.concatenate([x, 3 * x], axis=-1) for x in data.images])
    ranking = Score("key", "Name", 0.5, (0.25, 0.75), "", True, threshold)
    rule = Rule(0.25, 0.1, 60, 8)
    made = pictures.draw_best_and_worst(data, (1, 3), p, ranking, rule)
    assert [one.caption for one in made] == [
        "The best slice (slice 3): Name = 0.7500",
        "The worst slice (slice 1): Name = 0.2500",
    ]
    for given, k, one in zip(drawn, (3, 1), (p[1], p[0]), strict=True):
        np.testing.assert_allclose(given[0], 2 * data.images[k][..., 0], rtol=1e-6)
        assert given[-1] is data.annotated[k]
        if kind == "classes":
            assert given[1] is data.labels[k]
            np.testing.assert_array_equal(given[2], data.labels[k])
            assert given[3] == ["0", "1", "2"]
            continue
        assert given[1] is data.cells[k]
        if kind == "em":
            np.testing.assert_array_equal(given[2], one[..., 1])
            assert given[3] == (0.5 if threshold is None else 0.25)
        else:
            found = rule.cells(one[..., 1])
            np.testing.assert_array_equal(given[2], found)
            for other in (Rule(), Rule(smallest=60)):
                assert (found != other.cells(one[..., 1])).any()


def test_seg_by_threshold_is_drawn_for_both_parts(monkeypatch):
    drawn = []

    def by_threshold(*given):
        drawn.append(given)
        return Figure()

    monkeypatch.setattr("minunet.report.run_pictures.by_threshold", by_threshold)
    chosen = Chosen(Rule(0.7, 0.3, 40), "training", 8, [0.1] * 10)
    score = Score("seg", "SEG", 0.5, (0.5,), "", True, 0.7, [0.2] * 10)
    (made,) = pictures.draw_thresholds(chosen, score, "validation")
    assert made.png.startswith(b"\x89PNG")
    assert made.caption == (
        "SEG by threshold of the seeds. Chosen: threshold 0.7, cells grown to 0.3, seeds of 40 "
        "pixels or more."
    )
    curves = {
        "training slices (for the choice)": [0.1] * 10,
        "validation slices (scored)": [0.2] * 10,
    }
    assert drawn == [(curves, 0.7, "SEG")]


@pytest.mark.parametrize(
    ("rule", "of_chosen", "of_scored"),
    [(None, [0.1] * 10, [0.2] * 10), (Rule(), (), [0.2] * 10), (Rule(), [0.1] * 10, ())],
)
def test_what_has_no_rule_or_no_seg_has_no_picture_by_threshold(rule, of_chosen, of_scored):
    score = Score("v_rand", "V_Rand", 0.5, (0.5,), "", True, 0.7, of_scored)
    assert pictures.draw_thresholds(Chosen(rule, "training", 8, of_chosen), score, "test") == []
