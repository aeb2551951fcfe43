"""Distances to the two nearest cells match hand-computed ones and a transform for each cell."""

import numpy as np
import pytest
from cell_maps import brute_force, disc, discs, label_maps, present, real
from hypothesis import given
from hypothesis import strategies as st

from minunet.data import distances, weight_map
from minunet.errors import InputError
from minunet.metrics import segments


def assert_exact(instances):
    d1, d2 = distances.two_nearest(instances)
    expected = brute_force(instances)
    np.testing.assert_array_equal(d1, expected[0])  # bit for bit: both are roots of integers
    np.testing.assert_array_equal(d2, expected[1])
    assert d1.dtype == d2.dtype == np.float64


def test_by_hand():
    # One row, with cells at columns 0 - 1, 5 and 7.
    d1, d2 = distances.two_nearest(np.array([[1, 1, 0, 0, 0, 2, 0, 7]]))
    np.testing.assert_array_equal(d1, [[0, 0, 1, 2, 1, 0, 1, 0]])
    np.testing.assert_array_equal(d2, [[5, 4, 3, 2, 3, 2, 1, 2]])
    # Euclidean: the second cell is 3 rows and 4 columns away from the corner.
    instances = np.zeros((4, 6), np.uint8)
    instances[0, 1] = 5
    instances[3, 4] = 9
    d1, d2 = distances.two_nearest(instances)
    assert (d1[0, 0], d2[0, 0]) == (1, 5)
    assert d1[3, 1] == d2[3, 1] == 3


def test_d2_is_the_distance_to_a_second_cell_not_a_second_pixel():
    # Two pixels with the same number are one cell, even if they do not touch.
    d1, d2 = distances.two_nearest(np.array([[3, 0, 0, 3, 0, 0, 0, 0, 8]]))
    np.testing.assert_array_equal(d1, [[0, 1, 1, 0, 1, 2, 2, 1, 0]])
    np.testing.assert_array_equal(d2, [[8, 7, 6, 5, 4, 3, 3, 4, 5]])


def test_no_cell_and_one_cell():
    d1, d2 = distances.two_nearest(np.zeros((3, 4), int))
    assert np.isinf(d1).all()
    assert np.isinf(d2).all()
    assert d1 is not d2
    d1, d2 = distances.two_nearest(np.array([[0, 7, 7, 0, 0]]))
    np.testing.assert_array_equal(d1, [[1, 0, 0, 1, 2]])
    assert np.isinf(d2).all()


def test_numbers_that_are_not_positive_are_background():
    d1, d2 = distances.two_nearest(np.array([[-1, 4, -1, -5, 9, 0]]))
    np.testing.assert_array_equal(d1, [[1, 0, 1, 1, 0, 1]])
    np.testing.assert_array_equal(d2, [[4, 3, 2, 2, 3, 4]])


def test_a_map_full_of_cells():
    # No background: d1 is 0 everywhere, and d2 is the distance to the border of another cell.
    d1, d2 = distances.two_nearest(np.array([[1, 1, 2, 3], [1, 1, 2, 3]]))
    np.testing.assert_array_equal(d1, np.zeros((2, 4)))
    np.testing.assert_array_equal(d2, [[2, 1, 1, 1], [2, 1, 1, 1]])


def test_64_bit_numbers_too_close_for_a_float():
    # Large volumes have 64-bit segment numbers.
    a, b = 2**60, 2**60 + 1
    for dtype in (np.int64, np.uint64):
        d1, d2 = distances.two_nearest(np.array([[a, a, a, b, b, b, 0, a]], dtype))
        np.testing.assert_array_equal(d1, [[0, 0, 0, 0, 0, 0, 1, 0]])
        np.testing.assert_array_equal(d2, [[3, 2, 1, 1, 2, 2, 1, 2]])


@given(label_maps())
def test_against_brute_force(instances):
    assert_exact(instances)


@given(label_maps(), st.sampled_from([0, 1, 1.5, 2, 3, 5, 8]))
def test_d2_beyond_reach_is_infinite(instances, reach):
    d1, d2 = distances.two_nearest(instances, reach)
    expected = brute_force(instances)
    np.testing.assert_array_equal(d1, expected[0])
    np.testing.assert_array_equal(d2, np.where(expected[1] <= reach, expected[1], np.inf))


@pytest.mark.parametrize("n", [2, 5, 12, 40, 130])
def test_scattered_pixels(n):
    rng = np.random.default_rng(n)
    instances = np.zeros((23, 31), np.uint16)
    instances.flat[rng.permutation(instances.size)[:n]] = rng.permutation(np.arange(1, n + 1) * 500)
    assert_exact(instances)


def nested():
    # A ring around a cell, a third cell outside the ring, and a fourth at the border of the map.
    instances = np.zeros((50, 64), np.int32)
    instances[disc((50, 64), 25, 24, 20)] = 6
    instances[disc((50, 64), 25, 24, 14)] = 0
    instances[disc((50, 64), 23, 26, 5)] = 2
    instances[disc((50, 64), 6, 55, 4)] = 11
    instances[49, 30:] = 3
    return instances


def lines():
    # Long thin cells that cross the whole map and whose bounding boxes overlap.
    instances = np.zeros((40, 57), np.uint8)
    for k, column in enumerate(range(-40, 57, 6), start=1):
        rows = np.arange(40)
        inside = (rows + column >= 0) & (rows + column < 57)
        instances[rows[inside], rows[inside] + column] = k
    return instances


@pytest.mark.parametrize("draw", [nested, lines, discs])
@pytest.mark.parametrize("turned", [False, True])
def test_shapes(draw, turned):
    instances = draw().T if turned else draw()  # turned: not contiguous
    assert_exact(instances)
    assert_exact(weight_map.separate(instances))


def test_distances_whose_squares_need_64_bits():
    instances = np.zeros((50_000, 2), np.uint8)
    instances[1, 0], instances[-1, 1] = 7, 3
    rows, columns = np.indices(instances.shape)
    to_7, to_3 = np.hypot(rows - 1, columns), np.hypot(49_999 - rows, 1 - columns)
    d1, d2 = distances.two_nearest(instances)
    np.testing.assert_allclose(d1, np.minimum(to_7, to_3), rtol=1e-15)  # measured: 0
    np.testing.assert_allclose(d2, np.maximum(to_7, to_3), rtol=1e-15)  # measured: 0
    d1, d2 = distances.two_nearest(instances.T, reach=300)
    np.testing.assert_allclose(d1, np.minimum(to_7, to_3).T, rtol=1e-15)  # measured: 0
    assert np.isinf(d2).all()


@given(label_maps())
def test_turning_the_map_turns_the_distances(instances):
    d1, d2 = distances.two_nearest(instances)
    turned1, turned2 = distances.two_nearest(np.rot90(instances))
    np.testing.assert_array_equal(turned1, np.rot90(d1))
    np.testing.assert_array_equal(turned2, np.rot90(d2))


def test_the_map_is_not_modified():
    instances = discs()
    before = instances.copy()
    instances.flags.writeable = False
    distances.two_nearest(instances)
    np.testing.assert_array_equal(instances, before)


@pytest.mark.parametrize("function", [distances.two_nearest, distances.check])
@pytest.mark.parametrize(
    "bad", [np.zeros((3, 4)), np.zeros((3, 4), bool), np.zeros((3, 4, 1), int)]
)
def test_instances_that_are_not_a_map_of_integers_are_refused(function, bad):
    with pytest.raises(InputError, match=r"must be integers of shape \(H, W\)") as error:
        function(bad)
    assert str(bad.dtype) in str(error.value)
    assert str(bad.shape) in str(error.value)


def test_real_membranes():
    instances = segments.components(real("isbi2012/train-labels.tif", page=3)[:240, :310])
    assert len(present(instances)) > 20
    assert_exact(instances)
    assert_exact(weight_map.separate(instances))


def test_real_nuclei_that_touch():
    instances = real("nuclei-dsb2018/masks/0ea221716cf1.tif")[:200, :260]
    assert_exact(instances)
    assert_exact(weight_map.separate(instances))


def test_real_hela_cells():
    instances = real("DIC-C2DH-HeLa/01_ST/SEG/man_seg005.tif")
    assert 5 < len(present(instances)) < 30
    assert_exact(weight_map.separate(instances))
