"""2x2 up-convolution with stride 2: the green arrows of Figure 1.

    y[2r+i, 2c+j, :] = b + x[r, c, :] · w[i, j]

Each input pixel becomes a 2x2 block of outputs, with one linear layer per tap. The blocks do not
overlap, so every output pixel depends on exactly one tap. An up-convolution is the transpose of a
2x2 convolution with stride 2, so its backward is that convolution.
"""

import numpy as np

from minunet.array import Array
from minunet.ops.taps import over_pixels, taps


def forward(x: Array, w: Array, b: Array) -> Array:
    """Double the size of a feature map.

    Parameters
    ----------
    x : (H, W, C)        feature map
    w : (2, 2, C, O)     kernel
    b : (O,)             bias

    Returns
    -------
    y : (2H, 2W, O)
    """
    rows, columns, _ = x.shape
    y = np.empty_like(x, shape=(2 * rows, 2 * columns, w.shape[3]))
    y[...] = b
    for i, j in taps(w):
        y[i::2, j::2] += x @ w[i, j]
    return y


def backward(dy: Array, x: Array, w: Array) -> tuple[Array, Array, Array]:
    """Compute the gradients of an up-convolution: a 2x2 convolution with stride 2.

        dx[r, c, :] = Σ_{i,j} dy[2r+i, 2c+j, :] · w[i, j]ᵀ
        dw[i, j]    = Σ_{r,c} x[r, c, :] ⊗ dy[2r+i, 2c+j, :]
        db          = Σ_{r,c} dy[r, c, :]

    Parameters
    ----------
    dy : (2H, 2W, O)     gradient of the energy with respect to `y`
    x : (H, W, C)        input of `forward`
    w : (2, 2, C, O)     kernel

    Returns
    -------
    dx, dw, db : gradients, shaped like `x`, `w`, `b`
    """
    dx, dw = np.zeros_like(x), np.empty_like(w)
    for i, j in taps(w):
        window = dy[i::2, j::2]
        dx += window @ w[i, j].T
        dw[i, j] = over_pixels(x, window)
    return dx, dw, dy.sum(axis=(0, 1))
