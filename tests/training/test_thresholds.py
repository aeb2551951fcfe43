"""The best threshold and the best rule for cells are chosen as counted by hand."""

import numpy as np
import pytest
from finished import draw, settings

from minunet.metrics import em
from minunet.metrics.score import THRESHOLDS
from minunet.prediction import instances
from minunet.prediction.instances import Rule
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
    ("values", "threshold"),
    [
        ([0, 0.5, 0.9, 0.9, 0.9, 0.9, 0.8, 0, 0, 0], 0.4),  # of 0.3 and 0.4
        ([0, 0, 0, 0, 0.9, 0.8, 0.9, 0.8, 0.9, 0], 0.6),
        ([0, 0.5, 0.9, 0.8, 0.8, 0.8, 0.891, 0, 0, 0], 0.6),  # 0.009 below the best
        ([0, 0.5, 0.9, 0.8, 0.8, 0.8, 0.889, 0, 0, 0], 0.2),  # 0.011 below the best
        ([1] * 10, 0.5),
        ([NAN, 0.2, NAN, 0.2, NAN, 0.1, NAN, NAN, NAN, NAN], 0.3),
        ([NAN] * 10, None),
    ],
)
def test_the_middle_of_thresholds_that_are_nearly_as_good(values, threshold):
    assert thresholds.middle(values) == threshold


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


@pytest.mark.parametrize(
    ("low", "high", "nearest", "middle"),
    [(0.05, 0.25, 0.2, 0.2), (0.85, 0.95, 0.9, 0.9), (0.45, 0.95, 0.5, 0.7)],
)
@pytest.mark.parametrize("score", ["v_rand", "iou", "seg"])
def test_the_threshold_is_that_of_the_given_slices(score, low, high, nearest, middle):
    # Perfect on the given slices for every threshold in [low, high), at which all pixels are right.
    data = draw("cells" if score == "seg" else "em")
    p = [rescaled(data.cells[k], low, high) for k in (0, 2)]
    kind = "cells" if score == "seg" else "em"
    chosen = thresholds.choose(data, (0, 2), p, settings(kind, score=score, smallest=1))
    if score == "seg":  # of equal extents, the highest
        assert chosen == Rule(middle, middle, 1, 4)
    else:
        assert chosen == Rule(middle if score == "v_rand" else nearest, None, 1, 4)


# A disc of true cell 1 and one of true cell 2 touch. The network is sure of their cores (0.95) and
# less of their rims (0.65), so they merge below 0.65: seeds must lie above it, but the cells end
# at the pixels of 0.35, and those of 0.15 around them are background.


def touching():
    data = draw("cells", held_out=())
    truth = np.zeros((30, 41), np.int32)
    truth[5:15, 5:15], truth[5:15, 15:25] = 1, 2
    p = np.full((30, 41), 0.15, np.float32)
    p[3:17, 3:27] = 0.25
    p[5:15, 5:25] = 0.35
    p[7:13, 7:23] = 0.65
    p[8:12, 8:14] = p[8:12, 16:22] = 0.95
    return data._replace(cells=[truth] * 4), np.stack([1 - p, p], axis=-1)


def test_seeds_of_touching_cells_grow_to_their_extent():
    data, p = touching()
    chosen = thresholds.choose(data, (0,), [p], settings("cells", score="seg", smallest=1))
    # Seeds separate from 0.7 on: all are equally good, so 0.8 is chosen. Only 0.3 as the
    # extent gives the cells all of their pixels.
    assert chosen == Rule(0.8, 0.3, 1, 4)
    found = chosen.cells(p[..., 1])
    np.testing.assert_array_equal(found, data.cells[0])
    shown = thresholds.Shown(data, (0,), [p[..., 1]])
    assert shown.seg(chosen) == 1
    # Without growth, a cell is its core of 4 x 6 pixels: SEG is 0, as this is no half of 100.
    assert shown.seg(Rule(0.7, None, 1, 4)) == 0
    # One seed for both cells matches neither: it covers each wholly, but J = 100 / 200.
    assert shown.seg(Rule(0.5, 0.3, 1, 4)) == 0.5


def test_seg_by_threshold_of_the_seeds_by_hand():
    data, p = touching()
    one = p[..., 1]
    # Below 0.15 and 0.25 one segment of all 1230 and of 14 x 24 pixels matches both cells.
    whole, wide = 100 / 1230, 100 / 336
    values = thresholds.seg_by_threshold(data, (0,), [one], Rule(0.7, 0.3, 1, 4))
    assert values == pytest.approx([whole, whole, wide, 0.5, 0.5, 0.5, 0.5, 1, 1, 1])
    # Grown to 0.6 only, a cell has 6 x 8 pixels, less than half of 100.
    values = thresholds.seg_by_threshold(data, (0,), [one], Rule(0.7, 0.6, 1, 4))
    assert values[7:] == [0, 0, 0]


def test_thresholds_below_the_usual_one_are_chosen_if_only_they_separate():
    data, p = touching()
    levels = {0.95: 0.35, 0.65: 0.15, 0.35: 0.15}  # cores and the rest of the cells; 0.05 elsewhere
    cell = sum((np.isclose(p[..., 1], old) * new for old, new in levels.items()), np.float32(0))
    cell = np.where(cell > 0, cell, 0.05)
    p = np.stack([1 - cell, cell], axis=-1)
    # Only 0.2 and 0.3 separate the cells, and only 0.1 gives them their rims.
    chosen = thresholds.choose(data, (0,), [p], settings("cells", score="seg", smallest=1))
    assert chosen == Rule(0.3, 0.1, 1, 4)


def with_specks():
    """Return `touching` with seeds of 4, 5 and 6 pixels outside of the cells."""
    data, p = touching()
    for k, column in enumerate((30, 33, 36)):
        p[25, column : column + 2] = p[26, column : column + 2] = (0.05, 0.95)
        p[27, column : column + k] = (0.05, 0.95)
    return data, p


def test_the_minimum_size_is_chosen_by_what_is_found_where_there_is_no_cell():
    data, p = with_specks()
    given = settings("cells", score="seg", smallest=None)
    # The median true cell has 100 pixels, so 5 (the usual size), 1, 3, 6, 12 and 25 are tried. SEG
    # is the same for all of them. A cell core has 24 pixels, so 25 finds no cell, and from 6 on
    # nothing but the cells is left for 12.
    chosen = thresholds.choose(data, (0,), [p], given)
    assert chosen == Rule(0.8, 0.3, 12, 4)
    shown = thresholds.Shown(data, (0,), [p[..., 1]])
    sizes = {size: shown.f1(chosen._replace(smallest=size)) for size in (1, 3, 5, 6, 12, 25)}
    # F1 = 2 TP / (true + found), with 2 true cells.
    f1 = {1: 4 / 7, 3: 4 / 7, 5: 4 / 6, 6: 4 / 5, 12: 1, 25: 0}
    assert sizes == pytest.approx(f1)
    # A segment of 14 x 24 pixels covers both cells, but J = 100 / 336 for each: it finds neither.
    assert shown.f1(Rule(0.2, None, 12, 4)) == 0


@pytest.mark.parametrize(("f1_of_12", "expected"), [(0.809, 6), (0.811, 12)])
def test_a_larger_minimum_size_must_be_better_by_more_than_nothing(monkeypatch, f1_of_12, expected):
    data, p = with_specks()
    f1 = {1: 0.5, 3: 0.5, 5: 0.6, 6: 0.8, 12: f1_of_12, 25: 0.0}
    monkeypatch.setattr(thresholds.Shown, "f1", lambda shown, rule: f1[rule.smallest])
    chosen = thresholds.choose(data, (0,), [p], settings("cells", score="seg", smallest=None))
    assert chosen.smallest == expected


def test_a_given_minimum_size_stays():
    data, p = with_specks()
    for size in (3, 24):
        given = settings("cells", score="seg", smallest=size)
        assert thresholds.choose(data, (0,), [p], given) == Rule(0.8, 0.3, size, 4)


def test_numbered_cells_that_another_score_selects_do_not_grow():
    data, p = touching()
    for score in ("iou", "v_rand"):
        given = settings("cells", score=score, smallest=1)
        chosen = thresholds.choose(data, (0,), [p], given)
        assert chosen.extent is None
        assert not thresholds.learns_cells(data, given)


def test_slices_without_cells_choose_nothing():
    data, p = touching()
    data = data._replace(cells=[np.zeros((30, 41), np.int32)] * 4)
    for smallest in (None, 3):
        given = settings("cells", score="seg", smallest=smallest)
        assert thresholds.choose(data, (0,), [p], given) is None


def test_slices_with_gold_truth_choose_if_there_are_any():
    data = draw("cells", held_out=(1,))
    assert thresholds.choosing(data, 2) == [0, 3]
    assert thresholds.choosing(data._replace(silver=(0, 1)), 2) == [2, 3]
    assert thresholds.choosing(data._replace(silver=(0, 2, 3)), 9) == [0, 2, 3]


def test_every_rule_that_is_tried_is_shown(monkeypatch):
    begun, shown = [], []

    class Watched(thresholds.Progress):
        def __init__(self, *given):
            begun.append(given)
            super().__init__(*given)

        def advance(self, text):
            shown.append(text)
            super().advance(text)

    monkeypatch.setattr(thresholds, "Progress", Watched)
    data, p = touching()
    thresholds.choose(data, (0,), [p], settings("cells", score="seg"))
    assert begun == [(55, "rule")]  # 10 thresholds, each with the extents up to it: 1 + … + 10
    assert len(shown) == 55


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


def test_the_cells_of_every_threshold_have_the_connectivity_of_the_settings():
    data = draw("cells")
    data.cells[0][...] = np.eye(30, 41, dtype=np.int32)
    p = np.eye(30, 41, dtype=np.float32)
    for connectivity, expected in ((4, 0), (8, 1)):
        given = settings("cells", score="seg", smallest=2, connectivity=connectivity)
        values = thresholds.by_threshold(data, (0,), [p], given)
        assert values == [expected] * len(THRESHOLDS)
        (rule,) = {thresholds.choose(data, (0,), [np.stack([1 - p, p], axis=-1)], given)}
        assert rule.connectivity == connectivity


def test_too_many_cells_at_a_threshold_only_rule_it_out(monkeypatch):
    monkeypatch.setattr(instances, "most", lambda dtype: 1)
    data = draw("cells")
    p = [rescaled(data.cells[k], 0.05, 0.25) for k in (0, 2)]
    given = settings("cells", score="seg", smallest=1)
    values = thresholds.by_threshold(data, (0, 2), [one[..., 1] for one in p], given)
    assert not np.isnan(values[0])  # one cell, the whole slice
    assert np.isnan(values[1])
    rule = thresholds.choose(data, (0, 2), p, given)
    assert rule.lowest == 0  # a threshold that finds one cell, or an extent that merges them
    shown = thresholds.Shown(data, (0, 2), [one[..., 1] for one in p])
    assert shown.f1(Rule(0.1, None, 1, 4)) == 0


def test_v_rand_by_threshold_is_that_of_evaluate():
    data = draw("em")
    rng = np.random.default_rng(0)
    p = [rng.random(data.labels[k].shape, np.float32) for k in (0, 2)]
    values = thresholds.by_threshold(data, (0, 2), p, settings("em", score="v_rand"))
    (score, *_) = em.scores([data.cells[k] for k in (0, 2)], p, processes=1)
    assert values == pytest.approx(score.by_threshold, rel=1e-12)
