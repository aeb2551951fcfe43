"""Whole images: cut into bands, mirrored beyond the edge, turned and flipped."""

from itertools import product
from typing import get_args

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from minunet.image import AVERAGED, SYMMETRIES, Average, all_finite, bands, cut, mirror, symmetry

ALL = range(SYMMETRIES)
PAGE = np.array([[1, 2, 3], [4, 5, 6]])

# Bands


@pytest.mark.parametrize("height", [0, 1, 2, 3, 4, 7, 12])
@pytest.mark.parametrize(("width", "rows"), [(5, 3), (7, 2), (11, 1), (40, 1)])
def test_bands_are_as_long_as_possible_and_cover_every_row_once(height, width, rows):
    cut = list(bands((height, width), most=15))
    assert [row for band in cut for row in range(band.start, band.stop)] == list(range(height))
    assert all(band.stop - band.start == rows for band in cut[:-1])
    assert all(1 <= band.stop - band.start <= rows for band in cut)


def test_band_sizes_count_all_channels():
    assert list(bands((4, 5, 3), most=30)) == [slice(0, 2), slice(2, 4)]


def test_a_band_has_a_million_values_by_default(monkeypatch):
    assert [band.stop for band in bands((2500, 1024))] == [1024, 2048, 2500]
    monkeypatch.setattr("minunet.image.MOST", 10 * 1024)
    assert [band.stop for band in bands((25, 1024))] == [10, 20, 25]


# Mirroring


@given(size=st.integers(1, 9), first=st.integers(-80, 80), count=st.integers(0, 40))
def test_mirrored_indices_form_a_triangle_wave(size, first, count):
    # Step through the triangle wave, turning around at both ends of the axis.
    up_and_down = [*range(size), *range(size - 2, 0, -1)]
    expected = [up_and_down[k % len(up_and_down)] for k in range(first, first + count)]
    np.testing.assert_array_equal(mirror(first, count, size), expected)


def test_the_edge_pixel_is_not_repeated():
    np.testing.assert_array_equal(mirror(-2, 9, size=5), [2, 1, 0, 1, 2, 3, 4, 3, 2])


def test_cut_by_hand():
    image = np.array([[1, 2, 3], [4, 5, 6]])
    np.testing.assert_array_equal(cut(image, 0, 1, 2, 2), [[2, 3], [5, 6]])
    np.testing.assert_array_equal(
        cut(image, -1, -1, 4, 5),
        [[5, 4, 5, 6, 5], [2, 1, 2, 3, 2], [5, 4, 5, 6, 5], [2, 1, 2, 3, 2]],
    )


@pytest.mark.parametrize("shape", [(5, 7), (5, 7, 3)])
def test_cut_copies_and_keeps_dtype_and_channels(shape):
    image = np.arange(np.prod(shape), dtype=np.uint16).reshape(shape)
    image.flags.writeable = False
    tile = cut(image, 0, 0, 5, 7)
    np.testing.assert_array_equal(tile, image)
    assert tile.dtype == np.uint16
    assert not np.shares_memory(tile, image)


# Symmetries


@given(height=st.integers(1, 6), width=st.integers(1, 6), which=st.integers(0, 7))
def test_a_symmetry_pixel_by_pixel(height, width, which):
    image = np.arange(height * width * 2).reshape(height, width, 2)
    turned = symmetry(image, which)
    for (r, c), _ in np.ndenumerate(turned[..., 0]):
        k = turned.shape[1] - 1 - c if which >= 4 else c  # the column before the flip
        row, column = [  # counter-clockwise quarter turn: the last column becomes the first row
            (r, k),
            (k, width - 1 - r),
            (height - 1 - r, width - 1 - k),
            (height - 1 - k, r),
        ][which % 4]
        np.testing.assert_array_equal(turned[r, c], image[row, column])
    assert np.shares_memory(turned, image)


def permutation(*applied):
    square = np.arange(9).reshape(3, 3)
    for which in applied:
        square = symmetry(square, which)
    return tuple(square.ravel())


def test_members_of_the_groups_for_averaging():
    assert tuple(AVERAGED) == get_args(Average)
    assert {name: len(numbers) for name, numbers in AVERAGED.items()} == {
        "none": 1,
        "flips": 4,
        "rotations": 4,
        "symmetries": SYMMETRIES,
    }
    image = np.array([[1, 2], [3, 4]])
    flips = [image, image[::-1], image[:, ::-1], image[::-1, ::-1]]
    assert {symmetry(image, k).tobytes() for k in AVERAGED["flips"]} == {
        flipped.tobytes() for flipped in flips
    }


@pytest.mark.parametrize("average", AVERAGED)
def test_symmetries_for_averaging_form_a_group(average):
    group = {permutation(which) for which in AVERAGED[average]}
    assert len(group) == len(AVERAGED[average])
    assert permutation(0) in group
    assert {permutation(a, b) for a in AVERAGED[average] for b in AVERAGED[average]} == group


def test_symmetries_by_hand():
    for which, turned in [
        (0, [[1, 2, 3], [4, 5, 6]]),
        (1, [[3, 6], [2, 5], [1, 4]]),
        (2, [[6, 5, 4], [3, 2, 1]]),
        (3, [[4, 1], [5, 2], [6, 3]]),
        (4, [[3, 2, 1], [6, 5, 4]]),
        (5, [[6, 3], [5, 2], [4, 1]]),
        (6, [[4, 5, 6], [1, 2, 3]]),
        (7, [[1, 4], [2, 5], [3, 6]]),
    ]:
        np.testing.assert_array_equal(symmetry(PAGE, which), turned)


def as_permutation(which):
    return tuple(symmetry(np.arange(9).reshape(3, 3), which).ravel())


def test_symmetries_are_the_group_of_the_square():
    assert SYMMETRIES == 8
    group = {as_permutation(which) for which in ALL}
    assert len(group) == 8
    square = np.arange(9).reshape(3, 3)
    for first, second in product(ALL, ALL):
        both = symmetry(symmetry(square, first), second)
        assert tuple(both.ravel()) in group
    for first in ALL:  # each has an inverse in the group
        assert any(
            np.array_equal(symmetry(symmetry(square, first), second), square) for second in ALL
        )


def test_neighbours_stay_neighbours():
    square = np.arange(25).reshape(5, 5)
    pairs = {frozenset(pair) for pair in zip(square[:, 1:].flat, square[:, :-1].flat, strict=True)}
    pairs |= {frozenset(pair) for pair in zip(square[1:].flat, square[:-1].flat, strict=True)}
    for which in ALL:
        moved = symmetry(square, which)
        for one, other in zip(moved[:, 1:].flat, moved[:, :-1].flat, strict=True):
            assert frozenset((one, other)) in pairs


@pytest.mark.parametrize("which", ALL)
def test_image_and_labels_stay_together(which):
    rng = np.random.default_rng(which)
    labels = rng.integers(0, 3, (5, 8))
    image = np.stack([labels * 10.0, labels * 100.0], axis=-1)
    x, y = symmetry(image, which), symmetry(labels, which)
    assert x.shape == (*y.shape, 2)
    assert y.shape == ((5, 8) if which % 2 == 0 else (8, 5))
    np.testing.assert_array_equal(x[..., 0], y * 10.0)
    np.testing.assert_array_equal(x[..., 1], y * 100.0)
    assert x.dtype == image.dtype
    assert y.dtype == labels.dtype


@pytest.mark.parametrize("which", ALL)
def test_symmetry_does_not_write_to_its_argument(which):
    page = PAGE.copy()
    page.flags.writeable = False
    symmetry(page, which)
    np.testing.assert_array_equal(page, PAGE)


# Finite values


@pytest.mark.parametrize("bad", [np.nan, np.inf, -np.inf])
@pytest.mark.parametrize("at", [(0, 0), (4, 2), (6, 4)])
def test_a_value_that_is_not_finite_is_found_in_every_band(monkeypatch, bad, at):
    monkeypatch.setattr("minunet.image.MOST", 10)
    image = np.ones((7, 5), np.float32)
    assert all_finite(image)
    image[at] = bad
    assert not all_finite(image)


@pytest.mark.parametrize("dtype", [np.uint8, np.int32, ">u2", bool])
def test_integers_are_not_read_to_check_that_they_are_finite(monkeypatch, dtype):
    monkeypatch.setattr("minunet.image.bands", lambda shape: pytest.fail("the image was read"))
    assert all_finite(np.ones((7, 5), dtype))


@pytest.mark.parametrize(
    ("top", "left", "seen"),
    [
        (2, 3, (slice(2, 6), slice(3, 8))),
        (-2, -1, (slice(0, 3), slice(0, 4))),
        (18, 28, (slice(17, 20), slice(28, 31))),
    ],
)
def test_only_the_part_that_a_tile_needs_is_read(top, left, seen):
    asked = []

    class Mapped:
        shape = (20, 31)

        def __getitem__(self, part):
            asked.append(part)
            return np.zeros(self.shape)[part]

    assert cut(Mapped(), top, left, 4, 5).shape == (4, 5)
    assert asked == [seen]
