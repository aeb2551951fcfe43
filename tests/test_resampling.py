"""Averaging and interpolation against block means and scipy; labels against votes."""

from collections import Counter
from fractions import Fraction
from math import ceil

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import ndimage

from minunet import resampling
from minunet.resampling import enlarge, shrink, shrink_labels, small_shape, small_size

FACTORS = st.one_of(st.integers(1, 8), st.sampled_from([1.2, 1.5, 2.25, 2.5, 3.3, 7.9, 100 / 3]))
SIZES = st.integers(1, 40)


def draw(*shape, dtype=np.float64):
    return (np.random.default_rng(0).random(shape) * 200).astype(dtype)


def overlaps(size, factor):
    """Return how much of every image pixel (columns) lies in every small pixel (rows), exactly."""
    f = Fraction(factor).limit_denominator(1000)
    count = max(ceil(size / f), 1)
    return [
        [max(Fraction(0), min((i + 1) * f, j + 1) - max(i * f, j)) for j in range(size)]
        for i in range(count)
    ]


def weights(size, factor):
    return np.array([[float(part / sum(row)) for part in row] for row in overlaps(size, factor)])


def interpolated(image, rows, columns):
    """Interpolate an image (H, W) linearly at positions along both axes, by scipy."""
    at = np.meshgrid(rows, columns, indexing="ij")
    return ndimage.map_coordinates(image, at, order=1, mode="nearest")


@pytest.mark.parametrize(
    ("size", "factor", "count"),
    [
        *[(8, 2, 4), (9, 2, 5), (1, 8, 1), (7, 8, 1), (9, 8, 2), (10, 2.5, 4), (10, 0.25, 40)],
        *[(3, 0.3, 10), (100, 100 / 3, 3), (21, 2.1, 10), (5, 1e18, 1), (4, 1, 4)],
    ],
)
def test_the_number_of_small_pixels_by_hand(size, factor, count):
    assert small_size(size, factor) == count
    assert small_shape((size, 4, 3), (factor, 4.0)) == (count, 1)


# Averaging


@pytest.mark.parametrize("factors", [(2, 2), (3, 5), (1, 4), (15, 1), (15, 20)])
def test_integer_factors_give_block_means(factors):
    image, (f, g) = draw(15, 20, 2), factors
    image = np.pad(image, ((0, -15 % f), (0, -20 % g), (0, 0)))
    height, width = image.shape[0] // f, image.shape[1] // g
    expected = image.reshape(height, f, width, g, 2).mean((1, 3))
    np.testing.assert_allclose(shrink(image, factors), expected, rtol=1e-13)


def test_means_of_integers_are_exact():
    image = draw(8, 12, 1, dtype=np.uint8)
    expected = image.reshape(4, 2, 3, 4, 1).astype(float).mean((1, 3))
    found = shrink(image, (2, 4))
    assert found.dtype == np.float32
    np.testing.assert_array_equal(found, expected)


def test_a_factor_that_is_not_an_integer_by_hand():
    # Pixels of 2.5: the third pixel counts half in each.
    image = np.array([2.0, 4, 6, 8, 10]).reshape(1, 5, 1)
    np.testing.assert_allclose(shrink(image, (1, 2.5))[..., 0], [[9 / 2.5, 21 / 2.5]])
    np.testing.assert_allclose(shrink(image.swapaxes(0, 1), (2.5, 1))[..., 0], [[3.6], [8.4]])
    # 1.5: 2 and half of 4; the other half and 6; 8 and half of 10; the rest of 10.
    expected = [[4 / 1.5, 8 / 1.5, 13 / 1.5, 10]]
    np.testing.assert_allclose(shrink(image, (1, 1.5))[..., 0], expected)


@given(height=SIZES, width=SIZES, f=FACTORS, g=FACTORS)
@settings(deadline=None)
def test_averaging_is_weighted_by_area(height, width, f, g):
    image = draw(height, width, 2)
    expected = np.einsum("ij,jlc,kl->ikc", weights(height, f), image, weights(width, g))
    found = shrink(image, (f, g))
    assert found.shape == (*small_shape(image.shape, (f, g)), 2)
    np.testing.assert_allclose(found, expected, rtol=1e-9)


def test_a_factor_beyond_the_image_gives_its_mean():
    image = draw(7, 9, 1)
    for factor in (9, 1000, 1e18):
        np.testing.assert_allclose(shrink(image, (factor, factor)), [[[image.mean()]]])


@pytest.mark.parametrize("factor", [0.5, 0.25, 0.4, 0.9])
def test_below_1_an_image_is_interpolated(factor):
    image = draw(7, 10)
    found = shrink(image[..., np.newaxis], (factor, 1))[..., 0]
    rows = (np.arange(small_size(7, factor)) + 0.5) * factor - 0.5
    np.testing.assert_allclose(found, interpolated(image, rows, np.arange(10)), rtol=1e-9)


@pytest.mark.parametrize(
    ("dtype", "expected"),
    [
        *[(bool, np.float32), (np.uint8, np.float32), (np.uint16, np.float32)],
        *[(np.float32, np.float32), (np.int32, np.float64), (np.float64, np.float64)],
    ],
)
def test_the_dtype_keeps_the_values(dtype, expected):
    largest = np.iinfo(dtype).max if np.dtype(dtype).kind in "iu" else 1
    image = np.full((5, 7, 1), largest, dtype)
    found = shrink(image, (2, 3))
    assert found.dtype == expected
    np.testing.assert_allclose(found, image[:3, :3], rtol=1e-6)


@pytest.mark.parametrize("factors", [(2, 3), (2.5, 1), (0.5, 0.7), (1, 40)])
def test_bands_do_not_matter(tmp_path, monkeypatch, factors):
    image = draw(23, 17, 2, dtype=np.uint8)
    expected = shrink(image, factors)
    monkeypatch.setattr("minunet.image.MOST", 10)
    small = np.memmap(tmp_path / "small", np.float32, "w+", shape=expected.shape)
    assert shrink(image, factors, small) is small
    np.testing.assert_array_equal(small, expected)


def test_the_image_does_not_change():
    image = draw(9, 8, 1)
    image.flags.writeable = False
    shrink(image, (2, 2.5))


# Interpolation


@given(height=SIZES, width=SIZES, f=FACTORS, g=FACTORS)
@settings(deadline=None)
def test_interpolation_against_scipy(height, width, f, g):
    small = draw(*small_shape((height, width), (f, g)))
    found = enlarge(small[..., np.newaxis], (f, g), (height, width, 1))
    rows, columns = ((np.arange(n) + 0.5) / h - 0.5 for n, h in ((height, f), (width, g)))
    assert found.shape == (height, width, 1)
    np.testing.assert_allclose(found[..., 0], interpolated(small, rows, columns), rtol=1e-9)


def test_interpolation_by_hand():
    small = np.array([1.0, 3.0]).reshape(1, 2, 1)
    found = enlarge(small, (2, 4), (2, 8, 1))[..., 0]
    np.testing.assert_allclose(found, [[1, 1, 1.25, 1.75, 2.25, 2.75, 3, 3]] * 2)


@given(
    height=SIZES,
    width=SIZES,
    f=st.one_of(FACTORS, st.sampled_from([0.25, 0.4])),
    first=st.integers(0, 39),
    count=st.integers(1, 40),
)
@settings(deadline=None)
def test_rows_of_an_enlarged_map_have_the_same_bits(height, width, f, first, count):
    small = draw(*small_shape((height, width), (f, 1.7)), 3, dtype=np.float32)
    whole = enlarge(small, (f, 1.7), (height, width, 1))
    assert whole.dtype == np.float32
    rows = slice(min(first, height - 1), min(first + count, height))
    part = enlarge(small, (f, 1.7), (height, width, 1), rows)
    np.testing.assert_array_equal(part, whole[rows])


@pytest.mark.parametrize("f", [0.3, 1.0, 2.0, 2.7, 8.0])
def test_a_constant_stays_constant_both_ways(f):
    image = np.full((21, 13, 1), 3.0)
    small = shrink(image, (f, f))
    np.testing.assert_allclose(small, 3)
    np.testing.assert_allclose(enlarge(small, (f, f), image.shape), image)


def test_a_slope_is_kept_inside():
    # Means of a linear function are its values at the centres, which lie on the same line.
    image = np.add.outer(np.arange(24.0), 2 * np.arange(36.0))[..., np.newaxis]
    back = enlarge(shrink(image, (3, 4)), (3, 4), image.shape)
    np.testing.assert_allclose(back[1:-1, 2:-2], image[1:-1, 2:-2])


# Labels


def votes(labels, factors):
    """Give every small pixel the most frequent label of the image pixels with a centre in it."""
    small = np.zeros(small_shape(labels.shape, factors), labels.dtype)
    for i, j in np.ndindex(small.shape):
        found = Counter()
        for r, c in np.ndindex(labels.shape):
            down, across = (Fraction(f).limit_denominator(1000) for f in factors)
            if ((2 * r + 1) // (2 * down), (2 * c + 1) // (2 * across)) == (i, j):
                found[int(labels[r, c])] += 1
        small[i, j] = max(found, key=lambda label: (found[label], label)) if found else -1
    return small


@given(
    height=st.integers(1, 12),
    width=st.integers(1, 12),
    f=FACTORS,
    g=FACTORS,
    classes=st.integers(1, 4),
)
@settings(deadline=None)
def test_labels_are_the_majority(height, width, f, g, classes):
    labels = np.random.default_rng(height).integers(0, classes, (height, width)).astype(np.int32)
    found, expected = shrink_labels(labels, (f, g)), votes(labels, (f, g))
    assert (found.shape, found.dtype) == (expected.shape, labels.dtype)
    known = expected >= 0  # the last small pixel of an axis may contain no centre
    assert known[:-1, :-1].all()
    np.testing.assert_array_equal(found[known], expected[known])
    assert np.isin(found, labels).all()


def test_labels_by_hand():
    labels = np.array([[0, 0, 1, 2, 5], [0, 9, 1, 2, 5], [3, 3, 3, 4, 0]], np.uint16)
    found = shrink_labels(labels, (2, 2))
    np.testing.assert_array_equal(found, [[0, 2, 5], [3, 4, 0]])  # ties: the largest
    assert found.dtype == np.uint16


@pytest.mark.parametrize(("size", "factor"), [(5, 1.2), (9, 1.2), (13, 1.3), (10, 9.7), (6, 5.9)])
def test_every_small_pixel_has_a_label(size, factor):
    # The last small pixel contains less than half of the last image pixel, but gets its label.
    labels = np.arange(1, size + 1)[np.newaxis]
    found = shrink_labels(labels, (1, factor))
    assert found.shape == (1, small_size(size, factor))
    assert found[0, -1] == size
    assert (np.diff(found[0]) >= 0).all()


@pytest.mark.parametrize("factor", [0.5, 0.25, 0.4])
def test_below_1_labels_are_repeated(factor):
    labels = np.array([[3, 0, 7]])
    found = shrink_labels(labels, (1, factor))
    at = ((np.arange(small_size(3, factor)) + 0.5) * factor).astype(int)
    np.testing.assert_array_equal(found, labels[:, np.minimum(at, 2)])


def test_large_numbers_of_cells_are_kept():
    labels = np.full((4, 4), 2**31 - 1, np.int32)
    np.testing.assert_array_equal(shrink_labels(labels, (2, 3)), [[2**31 - 1] * 2] * 2)


def test_no_factor_changes_nothing():
    image, labels = draw(5, 6, 2, dtype=np.float32), np.arange(30).reshape(5, 6)
    np.testing.assert_array_equal(shrink(image, resampling.NONE), image)
    np.testing.assert_array_equal(enlarge(image, resampling.NONE, image.shape), image)
    np.testing.assert_array_equal(shrink_labels(labels, resampling.NONE), labels)
