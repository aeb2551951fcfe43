"""Helpers for tests of images: pixels to write, comparisons, refusals, and grey values as RGB."""

import numpy as np
import pytest

from minunet.data import image_files
from minunet.errors import InputError


def draw(shape, dtype=np.uint8, seed=0):
    """Make random grey values over the whole range of their dtype."""
    random = np.random.default_rng(seed).random(shape)
    return (random * {"uint8": 256, "uint16": 65536}.get(np.dtype(dtype).name, 1)).astype(dtype)


def assert_slices(images, expected):
    """Check that images (H, W, 1) equal the expected maps (H, W), including their dtype."""
    assert len(images) == len(expected)
    for image, map_ in zip(images, expected, strict=True):
        assert image.shape == (*map_.shape, 1)
        assert image.dtype == map_.dtype
        np.testing.assert_array_equal(image[..., 0], map_)


def sentence(path, read=image_files.read):
    """Return the message that refuses a path: a single line that names the path."""
    with pytest.raises(InputError) as refused:
        read(path)
    text = str(refused.value)
    assert str(path) in text
    assert "\n" not in text
    return text


def in_grey(values):
    """Return the RGB image, black where the values are lowest and white where they are highest."""
    return np.dstack([np.interp(values, (values.min(), values.max()), (0, 1))] * 3)
