"""Solutions of the exercises of chapter 4, up-convolution."""

from __future__ import annotations

import numpy as np

from minunet.array import Array
from minunet.ops import conv2d

# 2 times 1 0 / 3 2 on the left, -1 times it on the right, and 1 added everywhere.
stamped = [[3, 1, 0, 1], [7, 5, -2, -1]]


def nearest_kernel(channels: int) -> Array:
    """Kernel that repeats every pixel: each tap is the identity, x · w[i, j] = x.

    Returns
    -------
    w : (2, 2, C, C)
    """
    return np.broadcast_to(np.eye(channels), (2, 2, channels, channels))


def upconv_backward(dy: Array, x: Array, w: Array) -> tuple[Array, Array, Array]:
    """Gradients of an up-convolution: the forward's loop over taps, read backwards.

    Parameters
    ----------
    dy : (2H, 2W, O)     gradient of the energy with respect to `y`
    x : (H, W, C)        the input of the forward
    w : (2, 2, C, O)     its kernel

    Returns
    -------
    dx, dw, db : gradients, shaped like `x`, `w`, `b`
    """
    dx, dw = np.zeros_like(x), np.zeros_like(w)
    for i, j in np.ndindex(2, 2):
        window = dy[i::2, j::2]  # the pixels that tap (i, j) made
        dx += window @ w[i, j].T
        dw[i, j] = np.tensordot(x, window, axes=((0, 1), (0, 1)))
    return dx, dw, dy.sum(axis=(0, 1))


def as_convolution(x: Array, w: Array, b: Array) -> Array:
    """Up-convolution as zeros between the pixels, and then a convolution.

    A window at an even row meets its pixel in its second row: so the kernel is turned by 180°,
    and a row and a column of zeros stand before the first pixels and behind the last ones.

    Parameters
    ----------
    x : (H, W, C)
    w : (2, 2, C, O)
    b : (O,)

    Returns
    -------
    y : (2H, 2W, O)
    """
    rows, columns, channels = x.shape
    between = np.zeros_like(x, shape=(2 * rows + 1, 2 * columns + 1, channels))
    between[1::2, 1::2] = x
    return conv2d.forward(between, w[::-1, ::-1], b)
