"""2x2 max pooling with the four taps along one axis; see `minunet.ops.maxpool`."""

import numpy as np

from minunet.array import Array
from minunet.ops.maxpool import largest

__all__ = ["backward", "forward", "largest"]


def forward(x: Array) -> tuple[Array, Array]:
    """Keep the largest of every four pixels, and the index of that pixel.

    Parameters
    ----------
    x : (H, W, C)             H and W even

    Returns
    -------
    y : (H/2, W/2, C)         largest value
    argmax : (H/2, W/2, C)    uint8, its index 0 … 3, row by row; the first if several are equal
    """
    rows, columns, channels = x.shape
    blocks = x.reshape(rows // 2, 2, columns // 2, 2, channels).transpose(1, 3, 0, 2, 4)
    taps = blocks.reshape(4, rows // 2, columns // 2, channels)
    return taps.max(axis=0), taps.argmax(axis=0).astype(np.uint8)


def backward(dy: Array, argmax: Array) -> Array:
    """Compute the gradient of max pooling: all of it goes to the largest pixel.

    Parameters
    ----------
    dy : (H/2, W/2, C)        gradient of the energy with respect to `y`
    argmax : (H/2, W/2, C)    output of `forward`

    Returns
    -------
    dx : (H, W, C)
    """
    rows, columns, channels = dy.shape
    taps = np.arange(4, dtype=np.uint8, like=dy).reshape(2, 1, 2, 1)
    blocks = (rows, 1, columns, 1, channels)
    mask = argmax.reshape(blocks) == taps
    return (dy.reshape(blocks) * mask).reshape(2 * rows, 2 * columns, channels)
