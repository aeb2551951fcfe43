"""The eight symmetries of the square: all of them, each once, image and labels alike."""

from itertools import product

import numpy as np
import pytest

from minunet import augment

ALL = range(augment.SYMMETRIES)
PAGE = np.array([[1, 2, 3], [4, 5, 6]])


def test_by_hand():
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
        np.testing.assert_array_equal(augment.symmetry(PAGE, which), turned)


def as_permutation(which):
    return tuple(augment.symmetry(np.arange(9).reshape(3, 3), which).ravel())


def test_they_are_the_group_of_the_square():
    assert augment.SYMMETRIES == 8
    group = {as_permutation(which) for which in ALL}
    assert len(group) == 8
    square = np.arange(9).reshape(3, 3)
    for first, second in product(ALL, ALL):
        both = augment.symmetry(augment.symmetry(square, first), second)
        assert tuple(both.ravel()) in group
    for first in ALL:  # and each can be undone by one of them
        assert any(
            np.array_equal(augment.symmetry(augment.symmetry(square, first), second), square)
            for second in ALL
        )


def test_neighbours_stay_neighbours():
    square = np.arange(25).reshape(5, 5)
    pairs = {frozenset(pair) for pair in zip(square[:, 1:].flat, square[:, :-1].flat, strict=True)}
    pairs |= {frozenset(pair) for pair in zip(square[1:].flat, square[:-1].flat, strict=True)}
    for which in ALL:
        moved = augment.symmetry(square, which)
        for one, other in zip(moved[:, 1:].flat, moved[:, :-1].flat, strict=True):
            assert frozenset((one, other)) in pairs


@pytest.mark.parametrize("which", ALL)
def test_image_and_labels_stay_together(which):
    rng = np.random.default_rng(which)
    labels = rng.integers(0, 3, (5, 8))
    image = np.stack([labels * 10.0, labels * 100.0], axis=-1)
    x, y = augment.symmetry(image, which), augment.symmetry(labels, which)
    assert x.shape == (*y.shape, 2)
    assert y.shape == ((5, 8) if which % 2 == 0 else (8, 5))
    np.testing.assert_array_equal(x[..., 0], y * 10.0)
    np.testing.assert_array_equal(x[..., 1], y * 100.0)
    assert x.dtype == image.dtype
    assert y.dtype == labels.dtype


@pytest.mark.parametrize("which", ALL)
def test_the_argument_is_not_written(which):
    page = PAGE.copy()
    page.flags.writeable = False
    augment.symmetry(page, which)
    np.testing.assert_array_equal(page, PAGE)
