"""Tiles to train on: what belongs together stays together, and every pixel has its chance."""

from collections import defaultdict
from itertools import product

import numpy as np
import pytest

from minunet import augment, sampling


def positions(height, width, first=0):
    """Make an image that tells where its pixels are, and labels that count them from `first`."""
    rows, columns = np.indices((height, width))
    number = first + np.arange(height * width).reshape(height, width)
    return np.stack([rows, columns, number], axis=-1).astype(np.float32), number


@pytest.mark.parametrize(("depth", "size"), [(1, 24), (2, 52)])
@pytest.mark.parametrize("shape", [(30, 41), (5, 7), (1, 6)])
def test_image_labels_and_weights_belong_together(depth, size, shape):
    image, labels = positions(*shape)
    weights = np.random.default_rng(1).random(labels.size).astype(np.float32)
    margin = {1: 8, 2: 20}[depth]  # 6·2^d - 4
    output = size - 2 * margin
    rng = np.random.default_rng(0)
    for _ in range(60):
        x, label, weight_map = sampling.draw([image], [labels], weights, size, depth, rng)
        assert x.shape == (size, size, 3)
        assert label.shape == weight_map.shape == (output, output)
        assert x.dtype == weight_map.dtype == np.float32
        middle = x[margin:-margin, margin:-margin, 2]
        np.testing.assert_array_equal(label, middle)
        np.testing.assert_array_equal(weight_map, weights[middle.astype(int)])


def test_a_tile_is_a_window_of_the_mirrored_image_in_one_of_eight_symmetries():
    image, labels = positions(9, 13)
    padded = np.pad(image, [(30, 30), (30, 30), (0, 0)], mode="reflect")
    windows = defaultdict(set)  # by their bytes: all windows, turned and flipped by hand
    for row, column in product(range(9), range(13)):
        top, left = 30 + row - 2 - 8, 30 + column - 2 - 8  # the output of 20 is 4
        window = padded[top : top + 20, left : left + 20]
        for symmetry, view in enumerate(symmetries(window)):
            windows[view.tobytes()].add(symmetry)
    rng, seen = np.random.default_rng(0), set()
    for _ in range(500):
        x = sampling.draw([image], [labels], np.ones(117, np.float32), 20, 1, rng).x
        key = np.ascontiguousarray(x).tobytes()
        assert key in windows
        if len(windows[key]) == 1:  # near an edge, one window may be the mirror image of another
            seen |= windows[key]
    assert seen == set(range(8))


def symmetries(window):
    for flipped in (window, window[::-1], window[:, ::-1], window[::-1, ::-1]):
        yield np.ascontiguousarray(flipped)
        yield np.ascontiguousarray(flipped.swapaxes(0, 1))


def test_every_pixel_of_every_image_is_a_centre_equally_often(monkeypatch):
    monkeypatch.setattr(augment, "symmetry", lambda x, which: x)  # the centre stays where it is
    shapes, images, labels, first = [(2, 3), (7, 5), (1, 4)], [], [], 0
    for shape in shapes:
        image, numbers = positions(*shape, first)
        images.append(image)
        labels.append(numbers)
        first += numbers.size
    draws, counts = 9000, np.zeros(first)
    rng = np.random.default_rng(0)
    for _ in range(draws):
        label = sampling.draw(images, labels, np.ones(first, np.float32), 18, 1, rng).labels
        counts[label[1, 1]] += 1  # of an output of 2 pixels, the one with the centre's number
    expected = draws / first
    chi_square = np.sum((counts - expected) ** 2) / expected
    # 44 degrees of freedom: mean 44, standard deviation √88 = 9.4. Images drawn equally often
    # instead would give 10 000 and more.
    assert chi_square < 44 + 4 * 9.4  # measured: 53.8


def test_symmetries_are_drawn_equally_often(monkeypatch):
    drawn = []
    monkeypatch.setattr(augment, "symmetry", lambda x, which: (drawn.append(which), x)[1])
    image, labels = positions(9, 13)
    rng = np.random.default_rng(0)
    for _ in range(4000):
        sampling.draw([image], [labels], np.ones(117, np.float32), 18, 1, rng)
    assert drawn[0::2] == drawn[1::2]  # of labels and image alike
    counts = np.bincount(drawn[0::2], minlength=8)
    assert counts.sum() == 4000
    # Binomial, 500 ± 21 each.
    assert np.abs(counts - 500).max() < 4 * 21  # measured: 34


def test_the_same_generator_draws_the_same_tile():
    image, labels = positions(30, 41)
    weights = np.ones(labels.size, np.float32)
    first, again, other = (
        sampling.draw([image], [labels], weights, 24, 1, np.random.default_rng(seed))
        for seed in (5, 5, 6)
    )
    for a, b in zip(first, again, strict=True):
        np.testing.assert_array_equal(a, b)
    assert (first.x != other.x).any()


def test_the_arguments_are_not_written():
    image, labels = positions(30, 41)
    weights = np.ones(labels.size, np.float32)
    for array in (image, labels, weights):
        array.flags.writeable = False
    rng = np.random.default_rng(0)
    for array in sampling.draw([image], [labels], weights, 24, 1, rng):
        assert not any(np.shares_memory(array, given) for given in (image, labels, weights))
