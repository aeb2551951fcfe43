"""Taps are listed in order, and sums over pixels are correct."""

import numpy as np
from checks import SEEDS, assert_close, sizes
from hypothesis import given

from minunet.ops.taps import over_pixels, taps


def test_taps_are_listed_row_by_row():
    w = np.zeros((2, 3, 5, 4))
    assert list(taps(w)) == [(0, 0), (0, 1), (0, 2), (1, 0), (1, 1), (1, 2)]


def test_over_pixels_by_hand():
    # Two pixels, of two and three channels: [1 2] ⊗ [1 0 5] + [3 4] ⊗ [0 10 1].
    x = np.array([[[1.0, 2.0], [3.0, 4.0]]])
    dy = np.array([[[1.0, 0.0, 5.0], [0.0, 10.0, 1.0]]])
    np.testing.assert_array_equal(over_pixels(x, dy), [[1, 30, 8], [2, 40, 14]])


@given(sizes(4), SEEDS)
def test_over_pixels_is_a_sum_of_outer_products(shape, seed):
    height, width, c, o = shape
    rng = np.random.default_rng(seed)
    x, dy = rng.standard_normal((height, width, c)), rng.standard_normal((height, width, o))
    pixels = np.ndindex(height, width)
    assert_close(over_pixels(x, dy), sum(np.outer(x[pixel], dy[pixel]) for pixel in pixels))
