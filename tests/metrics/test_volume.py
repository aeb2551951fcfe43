"""Scores of a volume are the same, whatever parts its pixels are counted in."""

import numpy as np
import pytest

from minunet.metrics import cells, classes, information, rand, segments, volume


def labels(seed, values, shape=(4, 20, 30)):
    """Return random labels in patches of 3 x 3 pixels; the same labels occur in all slices."""
    few = np.random.default_rng(seed).integers(
        0, values, (shape[0], *(n // 3 + 1 for n in shape[1:]))
    )
    return few.repeat(3, axis=1).repeat(3, axis=2)[:, : shape[1], : shape[2]]


def pieces(truth, found, side):
    for k in range(len(truth)):
        for top in range(0, truth.shape[1], side):
            part = np.s_[k, top : top + side]
            yield truth[part].ravel(), found[part].ravel()


@pytest.mark.parametrize("side", [1, 7, 100])
def test_the_table_is_that_of_the_whole_volume(side):
    truth, found = labels(0, 9), labels(1, 7)
    counted = volume.table(pieces(truth, found, side))
    whole = segments.contingency(truth.reshape(1, -1), found.reshape(1, -1))
    for ours, expected in zip(counted, whole, strict=True):
        np.testing.assert_array_equal(ours, expected)


def test_large_numbers_are_told_apart():
    truth = np.array([2**40, 2**40 + 1, 0])
    found = np.array([2**33, 7, 2**33])
    table = volume.table([(truth, found), (truth, found)])
    assert table.truth.tolist() == [0, 2**40, 2**40 + 1]
    assert table.proposal.tolist() == [2**33, 2**33, 7]
    assert table.pixels.tolist() == [2, 2, 2]


def test_large_numbers_beside_small_ones():
    large = np.array([2**60, 2**60 + 1, 2**60 + 2])
    one = volume.table([(large, np.array([1, 1, 2]))])
    two = volume.table([(np.array([1, 2, 3]), large)])
    assert [column.dtype for column in one] == [np.int64] * 3
    both = segments.together([one, two])
    assert both.truth.tolist() == [1, 2, 3, 2**60, 2**60 + 1, 2**60 + 2]
    assert both.proposal.tolist() == [2**60, 2**60 + 1, 2**60 + 2, 1, 1, 2]


def test_scores_of_cells_are_those_of_the_volume_as_one_image():
    truth, found = labels(0, 9), labels(0, 9) // 2
    scores = {one.key: one.value for one in volume.scores(volume.table(pieces(truth, found, 5)))}
    flat = truth.reshape(1, -1), found.reshape(1, -1)
    table = segments.contingency(*flat)
    expected = {one.key: one.value for one in cells.scores([flat[0]], [flat[1]])}
    expected |= {"v_rand": rand.adapted(table).f, "v_info": information.v_info(table).f}
    assert scores == pytest.approx(expected)
    assert 0.3 < scores["v_rand"] < 0.9


def test_a_change_of_number_between_slices_lowers_the_scores():
    truth = np.ones((2, 4, 4), int)
    found = np.stack([truth[0], 2 * truth[0]])
    scores = {one.key: one.value for one in volume.scores(volume.table(pieces(truth, found, 4)))}
    assert scores["seg"] == 0  # neither half covers more than half
    assert scores["v_rand"] == pytest.approx(2 * 512 / (1024 + 512))
    each = {one.key: one.value for one in cells.scores(list(truth), list(found))}
    assert each["seg"] == 1


def test_classes_with_any_values():
    truth, found = labels(0, 3) * 100, labels(1, 3) * 100
    values = [0, 100, 200]
    tables = [volume.table(pieces(a[None], b[None], 6)) for a, b in zip(truth, found, strict=True)]
    matrices = [volume.confusion(one, values) for one in tables]
    ours = classes.of_confusions(matrices, ["0", "100", "200"])
    expected = classes.scores(list(truth // 100), list(found // 100), 3, names=["0", "100", "200"])
    assert ours == expected


def test_no_annotated_pixels():
    empty = np.zeros(0, int)
    table = volume.table([(empty, empty)])
    assert [len(one) for one in segments.together([table, table])] == [0, 0, 0]
