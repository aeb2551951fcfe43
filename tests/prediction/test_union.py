"""Components joined across blocks are those of the whole image."""

import numpy as np
import pytest
import scipy

from minunet.prediction import union


@pytest.mark.parametrize("diagonally", [False, True])
@pytest.mark.parametrize("side", [1, 3, 7])
def test_components_of_blocks_are_those_of_the_image(side, diagonally):
    image = np.random.default_rng(side).random((20, 23)) < (0.4 if diagonally else 0.6)
    neighbours = np.ones((3, 3)) if diagonally else None
    starts = [range(0, length, side) for length in image.shape]
    blocks = [[image[i : i + side, j : j + side] for j in starts[1]] for i in starts[0]]
    labelled = [[scipy.ndimage.label(one, neighbours) for one in row] for row in blocks]
    notes = [[union.edges(components) for components, _ in row] for row in labelled]
    before = union.offsets([count for row in labelled for _, count in row])
    numbers = union.unite(before[-1], union.touching(notes, before, diagonally))
    at = iter(before)
    united = np.block(
        [[np.where(one > 0, numbers[next(at) + one], 0) for one, _ in row] for row in labelled]
    )
    expected, count = scipy.ndimage.label(image, neighbours)
    pairs = np.unique(np.stack([united.ravel(), expected.ravel()]), axis=1)
    assert pairs.shape[1] == count + 1  # one to one
    assert np.array_equal(np.unique(pairs[0]), np.arange(count + 1))


def test_nothing_to_unite():
    note = union.edges(np.zeros((2, 3), int))
    before = union.offsets([0])
    pairs = union.touching([[note]], before, diagonally=True)
    assert pairs.shape == (2, 0)
    assert union.unite(0, pairs).tolist() == [0]
    assert union.unite(3, pairs).tolist() == [0, 1, 2, 3]
