"""Bands of rows: every row once, in bands as large as allowed. The eight symmetries of a square."""

from itertools import product

import numpy as np
import pytest

from minunet.image import SYMMETRIES, bands, symmetry

ALL = range(SYMMETRIES)
PAGE = np.array([[1, 2, 3], [4, 5, 6]])


@pytest.mark.parametrize("height", [0, 1, 2, 3, 4, 7, 12])
@pytest.mark.parametrize(("width", "rows"), [(5, 3), (7, 2), (11, 1), (40, 1)])
def test_every_row_once_in_the_longest_bands_of_whole_rows(height, width, rows):
    cut = list(bands((height, width), most=15))
    assert [row for band in cut for row in range(band.start, band.stop)] == list(range(height))
    assert all(band.stop - band.start == rows for band in cut[:-1])
    assert all(1 <= band.stop - band.start <= rows for band in cut)


def test_the_values_of_all_channels_count():
    assert list(bands((4, 5, 3), most=30)) == [slice(0, 2), slice(2, 4)]


def test_unless_told_a_band_has_a_million_values(monkeypatch):
    assert [band.stop for band in bands((2500, 1024))] == [1024, 2048, 2500]
    monkeypatch.setattr("minunet.image.MOST", 10 * 1024)
    assert [band.stop for band in bands((25, 1024))] == [10, 20, 25]


# Symmetries


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
    for first in ALL:  # each has an inverse among them
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
