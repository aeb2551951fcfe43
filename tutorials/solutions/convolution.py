"""Solutions of chapter 1: what is a convolution?"""

import numpy as np

from minunet.array import Array

by_hand = [[15, 4, 5], [4, 13, 4]]
"""Upper left: 1·2 - 1·0 + 0·1 + 2·4 + 5 = 15. The others: move the kernel, not the numbers."""

pixel_below = [[0, 0, 0], [0, 0, 0], [0, 1, 0]]
"""y[r, c] = x[r + i, c + j] where w[i, j] is the only 1: here i = 2 and j = 1."""


def convolution(x: Array, w: Array, b: Array) -> Array:
    """Unpadded convolution: a linear layer for each tap, shifted and summed.

    Parameters
    ----------
    x : (H, W, C)
    w : (kh, kw, C, O)
    b : (O,)

    Returns
    -------
    y : (H-kh+1, W-kw+1, O)
    """
    oh, ow = x.shape[0] - w.shape[0] + 1, x.shape[1] - w.shape[1] + 1
    y = np.zeros_like(x, shape=(oh, ow, w.shape[3])) + b
    for i, j in np.ndindex(w.shape[:2]):
        y += x[i : i + oh, j : j + ow] @ w[i, j]
    return y


def two_in_one(v: Array, w: Array) -> Array:
    """Kernel of two convolutions in a row.

    Tap (i, j) of the first and then tap (p, q) of the second look i+p rows down and j+q columns to
    the right; their two linear layers in a row are the product of their matrices.

    Parameters
    ----------
    v : (3, 3, C, M)     the first kernel
    w : (3, 3, M, O)     the second

    Returns
    -------
    (5, 5, C, O)
    """
    u = np.zeros((5, 5, v.shape[2], w.shape[3]))
    for i, j in np.ndindex(3, 3):
        for p, q in np.ndindex(3, 3):
            u[i + p, j + q] += v[i, j] @ w[p, q]
    return u
