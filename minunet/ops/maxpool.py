"""2x2 max pooling with stride 2: the red arrows of Figure 1.

    y[r, c] = max over the four taps (i, j) of x[2r+i, 2c+j]

H and W must be even; for a valid tile (`network/sizes.py`) they are even at every level.
"""

import numpy as np

from minunet.array import Array

TAPS = ((0, 0), (0, 1), (1, 0), (1, 1))


def forward(x: Array) -> tuple[Array, Array]:
    """Keep the largest of every four pixels, and the index of that pixel.

    Parameters
    ----------
    x : (H, W, C)             H and W even

    Returns
    -------
    y : (H/2, W/2, C)         largest value
    argmax : (H/2, W/2, C)    uint8, its index in `TAPS`; the first wins a tie
    """
    y = x[0::2, 0::2].copy()
    argmax = np.zeros_like(y, dtype=np.uint8)
    for tap, (i, j) in enumerate(TAPS[1:], start=1):
        candidate = x[i::2, j::2]
        larger = candidate > y  # strictly, so the first wins a tie
        np.maximum(argmax, larger * np.uint8(tap), out=argmax)  # later taps have larger indices
        np.maximum(y, candidate, out=y)
    return y, argmax


def largest(x: Array) -> Array:
    """Keep the largest of every four pixels: `forward` without the index, for predictions."""
    rows, columns, channels = x.shape
    y: Array = x.reshape(rows // 2, 2, columns // 2, 2, channels).max(axis=(1, 3))
    return y


def backward(dy: Array, argmax: Array) -> Array:
    """Compute the gradient of max pooling: all of it goes to the largest pixel.

        dx[2r+i, 2c+j] = dy[r, c] where (i, j) is the argmax of (r, c), else 0

    Parameters
    ----------
    dy : (H/2, W/2, C)        gradient of the energy with respect to `y`
    argmax : (H/2, W/2, C)    output of `forward`

    Returns
    -------
    dx : (H, W, C)
    """
    rows, columns, channels = dy.shape
    dx = np.empty_like(dy, shape=(2 * rows, 2 * columns, channels))
    for tap, (i, j) in enumerate(TAPS):
        np.multiply(dy, argmax == tap, out=dx[i::2, j::2])
    return dx
