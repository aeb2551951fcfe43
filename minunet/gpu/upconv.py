"""2x2 up-convolution with one matrix product for all four taps.

    [y[2r, 2c], y[2r, 2c+1], y[2r+1, 2c], y[2r+1, 2c+1]] = b + x[r, c] · [w[0,0], …, w[1,1]]

The product has one row of 4·O numbers for each input pixel. A transposition then arranges each row
as a block of 2x2 output pixels.
"""

import numpy as np

from minunet.array import Array
from minunet.gpu.conv2d import flat, over_pixels


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
    (rows, columns, _), features = x.shape, w.shape[3]
    blocks = (flat(x) @ side_by_side(w)).reshape(rows, columns, 2, 2, features)
    y = np.empty_like(x, shape=(rows, 2, columns, 2, features))
    np.add(blocks.transpose(0, 2, 1, 3, 4), b, out=y)
    return y.reshape(2 * rows, 2 * columns, features)


def backward(dy: Array, x: Array, w: Array) -> tuple[Array, Array, Array]:
    """Compute the gradients of an up-convolution.

    Parameters
    ----------
    dy : (2H, 2W, O)     gradient of the energy with respect to `y`
    x : (H, W, C)        input of `forward`
    w : (2, 2, C, O)     kernel

    Returns
    -------
    dx, dw, db : gradients, shaped like `x`, `w`, `b`
    """
    (rows, columns, channels), features = x.shape, w.shape[3]
    blocks = dy.reshape(rows, 2, columns, 2, features).transpose(0, 2, 1, 3, 4)
    blocks = blocks.reshape(rows * columns, 4 * features)
    dx = blocks @ side_by_side(w).T
    dw = (flat(x).T @ blocks).reshape(channels, 2, 2, features).transpose(1, 2, 0, 3)
    return dx.reshape(x.shape), dw.copy(), over_pixels(flat(dy))


def side_by_side(w: Array) -> Array:
    """Return the matrices of the four taps (2, 2, C, O) as one matrix (C, 4·O)."""
    return w.transpose(2, 0, 1, 3).reshape(w.shape[2], -1)
