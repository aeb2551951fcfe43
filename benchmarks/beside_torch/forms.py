"""Simple forms of a convolution, with the same result as `minunet/ops/conv2d.py`.

| form         | how it works                                           | what it costs            |
|--------------|--------------------------------------------------------|--------------------------|
| `naive_loop` | six loops, one multiplication at a time                | Python calls per product |
| `pixel_loop` | two loops, a small product for each output pixel       | Python calls per pixel   |
| `im2col`     | each window becomes a row; then one large product      | memory for kh·kw maps    |

The benchmark times them together with the forms in `minunet/fast`.
"""

import numpy as np
from numpy.lib.stride_tricks import sliding_window_view

from minunet.array import Array


def naive_loop(x: Array, w: Array, b: Array) -> Array:
    """Compute an unpadded convolution, straight from its definition.

        y[r, c, o] = b[o] + Σ_{i,j,k} x[r+i, c+j, k] · w[i, j, k, o]

    Parameters
    ----------
    x : (H, W, C)          feature map
    w : (kh, kw, C, O)     kernel
    b : (O,)               bias

    Returns
    -------
    y : (H-kh+1, W-kw+1, O)
    """
    y = _empty(x, w)
    kh, kw, channels, features = w.shape
    for r in range(y.shape[0]):
        for c in range(y.shape[1]):
            for o in range(features):
                y[r, c, o] = b[o]
                for i in range(kh):
                    for j in range(kw):
                        for k in range(channels):
                            y[r, c, o] += x[r + i, c + j, k] * w[i, j, k, o]
    return y


def pixel_loop(x: Array, w: Array, b: Array) -> Array:
    """Compute an unpadded convolution pixel by pixel; arrays as in `naive_loop`."""
    y = _empty(x, w)
    kh, kw = w.shape[:2]
    for r in range(y.shape[0]):
        for c in range(y.shape[1]):
            y[r, c] = np.tensordot(x[r : r + kh, c : c + kw], w, axes=3) + b
    return y


def im2col(x: Array, w: Array, b: Array) -> Array:
    """Compute an unpadded convolution as one matrix product; arrays as in `naive_loop`."""
    kh, kw, channels, features = w.shape
    windows = sliding_window_view(x, (kh, kw), axis=(0, 1))  # (rows, columns, C, kh, kw)
    rows, columns = windows.shape[:2]
    table = windows.transpose(0, 1, 3, 4, 2).reshape(rows * columns, kh * kw * channels)
    return (table @ w.reshape(-1, features) + b).reshape(rows, columns, features)


def _empty(x: Array, w: Array) -> Array:
    """Allocate the result."""
    rows, columns = x.shape[0] - w.shape[0] + 1, x.shape[1] - w.shape[1] + 1
    return np.empty_like(x, shape=(rows, columns, w.shape[3]))
