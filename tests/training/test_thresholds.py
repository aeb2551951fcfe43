"""The best threshold is chosen as counted by hand; of equal ones, the nearest to 0.5."""

import numpy as np
import pytest
from finished import draw, settings

from minunet.metrics import em
from minunet.prediction import instances
from minunet.training import thresholds

NAN = float("nan")


@pytest.mark.parametrize(
    ("values", "threshold"),
    [
        ([0, 1, 2, 3, 4, 5, 6, 7, 8, 9], 0.9),
        ([9, 8, 7, 6, 5, 4, 3, 2, 1, 0], 0.0),
        ([1] * 10, 0.5),
        ([1, 1, 1, 1, 1, 0, 0, 0, 0, 0], 0.4),
        ([0, 0, 0, 0, 1, 0, 1, 0, 0, 0], 0.4),  # equally near: the lower one
        ([0, 1, 0, 0, 0, 0, 0, 1, 0, 0], 0.7),
        ([0, 0, 0, 1, 0, 0, 0, 1, 0, 0], 0.3),  # equally near, although 0.7 - 0.5 < 0.5 - 0.3
        ([NAN, 0.2, NAN, 0.1, NAN, NAN, NAN, NAN, NAN, NAN], 0.1),
        ([NAN] * 10, None),
    ],
)
def test_the_best_threshold(values, threshold):
    assert thresholds.best(values) == threshold


@pytest.mark.parametrize(
    ("count", "expected"),
    [(1, [2]), (2, [2, 9]), (3, [2, 5, 9]), (5, [2, 3, 5, 6, 9]), (6, [2, 3, 5, 6, 7, 9])],
)
def test_slices_are_spread_evenly(count, expected):
    assert thresholds.spread_evenly([2, 3, 5, 6, 7, 9], count) == expected
    assert thresholds.spread_evenly([2, 3, 5, 6, 7, 9], 60) == [2, 3, 5, 6, 7, 9]


def rescaled(labels, low, high):
    """Return probabilities (H, W, 2): `low` for class 0 and `high` for class 1."""
    p = np.where(labels > 0, high, low).astype(np.float32)
    return np.stack([1 - p, p], axis=-1)


@pytest.mark.parametrize("score", ["v_rand", "iou", "seg"])
@pytest.mark.parametrize(
    ("low", "high", "threshold"), [(0.05, 0.25, 0.2), (0.85, 0.95, 0.9), (0.1, 0.9, 0.5)]
)
def test_the_threshold_is_that_of_the_given_slices(score, low, high, threshold):
    # Perfect on the given slices for every threshold in [low, high), at which all pixels are right.
    data = draw("cells" if score == "seg" else "em")
    p = [rescaled(data.cells[k], low, high) for k in (0, 2)]
    chosen = thresholds.choose(data, (0, 2), p, settings("em", score=score, smallest=1))
    assert chosen == threshold


def test_three_classes_have_no_threshold():
    data = draw("classes")
    p = [np.full((*one.shape, 3), 1 / 3, np.float32) for one in data.labels[:1]]
    assert thresholds.choose(data, (0,), p, settings("classes", score="iou")) is None


def test_unannotated_pixels_choose_nothing():
    data = draw("em")
    p = [rescaled(data.cells[k], 0.05, 0.25) for k in (0, 2)]
    data.annotated[0][:15] = False
    for score in ("v_rand", "iou"):
        given = settings("em", score=score, smallest=1)
        before = thresholds.by_threshold(data, (0, 2), [one[..., 1] for one in p], given)
        other = [one.copy() for one in p]
        other[0][:15] = 0.5
        after = thresholds.by_threshold(data, (0, 2), [one[..., 1] for one in other], given)
        assert before == after


def test_seg_counts_found_cells_only_where_they_are_annotated():
    data = draw("cells")
    truth = np.zeros((30, 41), np.int32)
    truth[:4, :4] = 1
    data.cells[0][...] = truth
    data.annotated[0][4:] = False
    p = np.zeros((30, 41), np.float32)
    p[:8, :4] = 0.9  # as large again where nothing is annotated
    given = settings("cells", score="seg", smallest=1)
    assert thresholds.by_threshold(data, (0,), [p], given)[5] == 1


def test_the_cells_of_a_threshold_have_the_connectivity_of_the_settings():
    p = np.eye(6, dtype=np.float32)
    for connectivity, count in ((4, 0), (8, 1)):
        given = settings("cells", smallest=2, connectivity=connectivity)
        assert thresholds.cells_of(p, given).max() == count


def test_too_many_cells_at_a_threshold_only_rule_it_out(monkeypatch):
    monkeypatch.setattr(instances, "MOST", 1)
    data = draw("cells")
    p = [rescaled(data.cells[k], 0.05, 0.25) for k in (0, 2)]
    given = settings("cells", score="seg", smallest=1)
    values = thresholds.by_threshold(data, (0, 2), [one[..., 1] for one in p], given)
    assert not np.isnan(values[0])  # one cell, the whole slice
    assert np.isnan(values[1])


def test_v_rand_by_threshold_is_that_of_evaluate():
    data = draw("em")
    rng = np.random.default_rng(0)
    p = [rng.random(data.labels[k].shape, np.float32) for k in (0, 2)]
    values = thresholds.by_threshold(data, (0, 2), p, settings("em", score="v_rand"))
    (score, *_) = em.scores([data.cells[k] for k in (0, 2)], p, processes=1)
    assert values == pytest.approx(score.by_threshold, rel=1e-12)
