"""Interpolation between pixels and beyond edges matches hand-computed values, SciPy and np.pad."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import ndimage

from minunet.augmentation import interpolation

PAGE = np.array([[0, 10, 20], [100, 110, 120]], np.float32)


@pytest.fixture(autouse=True, scope="module")
def bands_of_a_few_rows():
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(interpolation, "CACHED", 50)
        yield


def test_linear_by_hand():
    at = np.array([[[0, 0.5, 0.25, 1]], [[0, 0.5, 1.5, 2]]])
    # 0.75·(10 + 20)/2 + 0.25·(110 + 120)/2 = 40
    np.testing.assert_array_equal(interpolation.linear(PAGE, at), [[0, 55, 40, 120]])


def test_linear_beyond_the_edges_by_hand():
    # Rows … 1 0 1 0 …, columns … 2 1 0 1 2 1 0 …
    at = np.array([[[-1, 0, 2, 1.25]], [[0, -0.5, 4, 2.75]]])
    # 0.75·(0.25·120 + 0.75·110) + 0.25·(0.25·20 + 0.75·10) = 84.375 + 3.125
    np.testing.assert_array_equal(interpolation.linear(PAGE, at), [[100, 5, 0, 87.5]])


def test_nearest_by_hand():
    labels = np.array([[7, 8, 9], [1, 2, 3]], np.uint16)
    # Half-way positions take the later pixel; -0.5 is between 0 and -1, which mirrors to 1.
    at = np.array([[[0.49, 0.5, 0.2, -0.6, -0.5]], [[0, 1.49, 1.5, 3, 0.5]]])
    np.testing.assert_array_equal(interpolation.nearest(labels, at), [[7, 2, 9, 2, 8]])


def positions(shape, size, seed, reach):
    """Sample positions of a tile, up to `reach` pixels beyond the edges of an image."""
    rng = np.random.default_rng(seed)
    at = rng.uniform(-reach, 1, (2, *size))
    return at + (np.array(shape).reshape(2, 1, 1) + reach - 1) * rng.random((2, *size))


shapes = st.tuples(st.integers(1, 9), st.integers(1, 12))
sizes = st.tuples(st.integers(1, 40), st.integers(1, 8))


@given(shape=shapes, size=sizes, seed=st.integers(0, 99), reach=st.sampled_from([1, 30]))
def test_linear_matches_scipy(shape, size, seed, reach):
    image = np.random.default_rng(seed).random(shape)
    at = positions(shape, size, seed, reach)
    expected = ndimage.map_coordinates(image, at, order=1, mode="mirror")
    found = interpolation.linear(image, at)
    np.testing.assert_allclose(found, expected, rtol=0, atol=1e-13)  # measured: 4e-15


@given(shape=shapes, size=sizes, seed=st.integers(0, 99), reach=st.sampled_from([1, 30]))
def test_nearest_matches_scipy(shape, size, seed, reach):
    labels = np.random.default_rng(seed).permutation(shape[0] * shape[1]).reshape(shape)
    at = positions(shape, size, seed, reach)
    expected = ndimage.map_coordinates(labels, at, order=0, mode="mirror")
    np.testing.assert_array_equal(interpolation.nearest(labels, at), expected)


@given(shape=shapes, seed=st.integers(0, 99))
def test_integer_positions_are_pixels_of_the_mirrored_image(shape, seed):
    image = np.random.default_rng(seed).random(shape).astype(np.float32)
    padded = np.pad(image, [(13, 21), (17, 9)], mode="reflect")
    at = np.indices(padded.shape) - np.reshape([13.0, 17.0], (2, 1, 1))
    np.testing.assert_array_equal(interpolation.linear(image, at), padded)
    np.testing.assert_array_equal(interpolation.nearest(image, at), padded)


@given(shape=shapes, seed=st.integers(0, 99))
def test_cubic_passes_through_the_pixels_of_the_mirrored_image(shape, seed):
    image = np.random.default_rng(seed).random((*shape, 2))
    padded = np.pad(image, [(5, 3), (2, 6), (0, 0)], mode="reflect")
    at = np.indices(padded.shape[:2]) - np.reshape([5.0, 2.0], (2, 1, 1))
    found = interpolation.cubic(image, at)
    np.testing.assert_allclose(found, padded, rtol=0, atol=1e-13)  # measured: 1e-15


def test_cubic_is_closer_to_a_smooth_image_than_linear():
    def wave(r, c):
        return np.sin(r / 2.0) * np.cos(c / 3.0)

    image = wave(*np.indices((40, 50))).astype(np.float32)[..., np.newaxis]
    at = positions((20, 30), (33, 7), seed=0, reach=0) + 10
    error = {
        read.__name__: np.abs(read(image, at)[..., 0] - wave(*at)).max()
        for read in (interpolation.linear, interpolation.cubic)
    }
    assert error["linear"] > 0.03  # measured: 0.041
    assert error["cubic"] < 1e-3  # measured: 2e-4


@pytest.mark.parametrize("read", [interpolation.linear, interpolation.cubic])
def test_every_channel_is_interpolated_the_same_way(read):
    image = np.random.default_rng(0).random((7, 9, 3)).astype(np.float32)
    at = positions((7, 9), (21, 5), seed=3, reach=4)
    together = read(image, at)
    assert together.shape == (21, 5, 3)
    for c in range(3):
        np.testing.assert_array_equal(together[..., c], read(image[..., c : c + 1], at)[..., 0])


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_dtype_is_kept_and_arguments_are_not_modified(dtype):
    image = np.random.default_rng(0).random((7, 9, 1)).astype(dtype)
    labels = np.arange(63, dtype=np.uint8).reshape(7, 9)
    at = positions((7, 9), (21, 5), seed=3, reach=4)
    before = [array.copy() for array in (image, labels, at)]
    for array in (image, labels, at):
        array.flags.writeable = False
    assert interpolation.linear(image, at).dtype == dtype
    assert interpolation.cubic(image, at).dtype == dtype
    assert interpolation.nearest(labels, at).dtype == np.uint8
    for array, was in zip((image, labels, at), before, strict=True):
        np.testing.assert_array_equal(array, was)
