"""Max pooling as in `ops/maxpool.py`, band by band, so that each band stays in the cache."""

import numpy as np

from minunet.array import Array
from minunet.fast.threads import fitting, over
from minunet.ops import maxpool


def forward(x: Array) -> tuple[Array, Array]:
    """Return the largest value of each 2x2 block, and its index; see `ops/maxpool.py`."""
    rows, columns, channels = x.shape[0] // 2, x.shape[1] // 2, x.shape[2]
    y = np.empty_like(x, shape=(rows, columns, channels))
    argmax = np.empty_like(x, shape=y.shape, dtype=np.uint8)

    def work(first: int, n: int, _thread: int) -> None:
        band = np.s_[first : first + n]
        y[band], argmax[band] = maxpool.forward(x[2 * first : 2 * (first + n)])

    over(rows, fitting(8 * y[0].nbytes), work)
    return y, argmax


def backward(dy: Array, argmax: Array) -> Array:
    """Compute the gradient of max pooling; see `ops/maxpool.py`."""
    rows, columns, channels = dy.shape
    dx = np.empty_like(dy, shape=(2 * rows, 2 * columns, channels))

    def work(first: int, n: int, _thread: int) -> None:
        band = np.s_[first : first + n]
        dx[2 * first : 2 * (first + n)] = maxpool.backward(dy[band], argmax[band])

    over(rows, fitting(8 * dy[0].nbytes), work)
    return dx
