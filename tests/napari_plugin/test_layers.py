"""Slices and pixel sizes of layers, from arrays and the names of units."""

import numpy as np
import pytest

from minunet.errors import InputError
from minunet.napari_plugin.layers import LayerSlices, full_resolution, pixel_size


def test_all_axes_but_the_last_two_count_slices():
    data = np.arange(2 * 3 * 4 * 5).reshape(2, 3, 4, 5)
    slices = LayerSlices(data)
    assert (len(slices), slices.leading, slices.height, slices.width) == (6, (2, 3), 4, 5)
    np.testing.assert_array_equal(slices[4], data[1, 1][..., np.newaxis])
    assert [one[0, 0, 0] for one in slices] == [0, 20, 40, 60, 80, 100]
    assert [one[0, 0, 0] for one in slices[1:5:2]] == [20, 60]


def test_a_single_slice():
    data = np.arange(20).reshape(4, 5)
    (only,) = LayerSlices(data)
    np.testing.assert_array_equal(only[..., 0], data)


def test_colours_lose_their_alpha():
    data = np.arange(2 * 4 * 5 * 4, dtype=np.uint8).reshape(2, 4, 5, 4)
    slices = LayerSlices(data, rgb=True)
    assert (len(slices), slices.channels) == (2, 3)
    np.testing.assert_array_equal(slices[1], data[1, ..., :3])


def test_level_0_of_a_pyramid_is_read():
    levels = [np.ones((3, 4, 6)), np.zeros((3, 2, 3))]
    assert full_resolution(levels) is levels[0]
    assert LayerSlices(levels)[2].shape == (4, 6, 1)


class Counted:
    """An array that counts how many pixels are read, as from a disk."""

    def __init__(self, array):
        self.array, self.shape, self.dtype, self.read = array, array.shape, array.dtype, 0

    def __getitem__(self, index):
        """Read some pixels."""
        found = self.array[index]
        self.read += found.size
        return found


def test_only_the_slice_that_is_indexed_is_read():
    data = Counted(np.ones((5, 4, 6)))
    assert LayerSlices(data)[3].sum() == 24
    assert data.read == 24


def test_values_that_are_not_finite_are_refused():
    data = np.ones((2, 4, 5))
    data[1, 2, 3] = np.nan
    slices = LayerSlices(data)
    assert slices[0].sum() == 20
    with pytest.raises(InputError, match="slice 1 of the image"):
        slices[1]


@pytest.mark.parametrize(
    ("scale", "units", "expected"),
    [
        ((50, 4, 5), ("nanometer",) * 3, (0.004, 0.005)),
        ((1, 0.5, 0.25), ("pixel", "micrometer", "micrometer"), (0.5, 0.25)),
        ((2, 3), ("millimeter", "micrometer"), (2000, 3)),
        ((2, 3), ("pixel", "micrometer"), None),
        ((2, 3), (), None),
    ],
)
def test_pixel_size(scale, units, expected):
    assert pixel_size(scale, units) == expected


def test_equal_channels_are_read_as_one():
    grey = np.random.default_rng(0).integers(0, 9, (2, 5, 6)).astype(np.uint8)
    slices = LayerSlices(np.stack([grey] * 3, axis=-1), rgb=True)
    assert slices.channels == 1
    np.testing.assert_array_equal(slices[1], grey[1][..., np.newaxis])
    colour = np.stack([grey, grey, grey + 1], axis=-1)
    assert LayerSlices(colour, rgb=True).channels == 3
    np.testing.assert_array_equal(LayerSlices(colour, rgb=True)[1], colour[1])
