"""Unpadded convolution: the blue (3x3) and teal (1x1) arrows of Figure 1.

    y[r, c, :] = b + Σ_{i,j} x[r+i, c+j, :] · w[i, j]

Every output pixel needs its whole neighbourhood, so a 3x3 kernel makes the map two pixels smaller
in each direction (paper, section 2). The kernel is not flipped: as everywhere in deep learning,
"convolution" means what mathematicians call cross-correlation.
"""

import numpy as np

from minunet.array import Array
from minunet.ops.taps import over_pixels, taps


def forward(x: Array, w: Array, b: Array) -> Array:
    """Compute an unpadded convolution: one linear layer per tap, shifted and summed.

    Parameters
    ----------
    x : (H, W, C)          feature map
    w : (kh, kw, C, O)     kernel
    b : (O,)               bias

    Returns
    -------
    y : (H-kh+1, W-kw+1, O)
    """
    rows, columns = x.shape[0] - w.shape[0] + 1, x.shape[1] - w.shape[1] + 1
    y = np.empty_like(x, shape=(rows, columns, w.shape[3]))
    y[...] = b
    for i, j in taps(w):
        y += x[i : i + rows, j : j + columns] @ w[i, j]
    return y


def backward(dy: Array, x: Array, w: Array) -> tuple[Array, Array, Array]:
    """Compute the gradients of an unpadded convolution, in the same loop over taps.

        dx[r+i, c+j, :] += dy[r, c, :] · w[i, j]ᵀ
        dw[i, j]         = Σ_{r,c} x[r+i, c+j, :] ⊗ dy[r, c, :]
        db               = Σ_{r,c} dy[r, c, :]

    Parameters
    ----------
    dy : (H-kh+1, W-kw+1, O)   gradient of the energy with respect to `y`
    x : (H, W, C)              input of `forward`
    w : (kh, kw, C, O)         kernel

    Returns
    -------
    dx, dw, db : gradients, shaped like `x`, `w`, `b`
    """
    rows, columns, _ = dy.shape
    dx, dw = np.zeros_like(x), np.empty_like(w)
    for i, j in taps(w):
        window = np.s_[i : i + rows, j : j + columns]
        dx[window] += dy @ w[i, j].T
        dw[i, j] = over_pixels(x[window], dy)
    return dx, dw, dy.sum(axis=(0, 1))
