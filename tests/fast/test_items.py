"""Pixels as items: a view that copies whole pixels, also of some of the channels."""

import numpy as np

from minunet.fast.items import items


def test_copying_items_copies_pixels():
    x = np.arange(24, dtype=np.float32).reshape(2, 3, 4)
    y = np.zeros((2, 3, 6), np.float32)
    items(y[..., 1:5])[:, ::-1] = items(x)
    np.testing.assert_array_equal(y[0, 0], [0, 8, 9, 10, 11, 0])
    np.testing.assert_array_equal(y[1, 2], [0, 12, 13, 14, 15, 0])
    assert items(x).shape == (2, 3)
