"""Taps and bands: the loop that every spatial op is written with."""

import numpy as np
import pytest
from hypothesis import given
from ops.checks import SEEDS, assert_close, sizes

from minunet.ops.taps import BAND, bands, over_pixels, taps


def test_taps_go_row_by_row_over_a_kernel_that_is_not_square():
    w = np.zeros((2, 3, 5, 4))
    assert list(taps(w)) == [(0, 0), (0, 1), (0, 2), (1, 0), (1, 1), (1, 2)]


@pytest.mark.parametrize("rows", [0, 1, BAND - 1, BAND, BAND + 1, 2 * BAND, 5 * BAND + 3])
def test_bands_cover_every_row_exactly_once_and_in_order(rows):
    covered = [row for first, n in bands(rows) for row in range(first, first + n)]
    assert covered == list(range(rows))


@pytest.mark.parametrize("rows", [1, BAND, 5 * BAND + 3])
def test_no_band_is_empty_or_longer_than_a_band(rows):
    assert all(1 <= n <= BAND for _, n in bands(rows))


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
