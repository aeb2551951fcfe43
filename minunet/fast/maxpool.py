"""Max pooling as in `ops/maxpool.py`, band by band, with the columns of the blocks side by side.

NumPy computes fastest on long contiguous rows. A band is therefore split into its even and its odd
columns, one item per pixel; then every step, first across the columns and then across the rows,
takes whole rows.
"""

import numpy as np

from minunet.array import Array
from minunet.fast.items import items
from minunet.fast.threads import fitting, over, scratch
from minunet.ops.maxpool import TAPS


def forward(x: Array) -> tuple[Array, Array]:
    """Return the largest value of each 2x2 block, and its index; see `ops/maxpool.py`."""
    x = np.ascontiguousarray(x)
    rows, columns, channels = x.shape[0] // 2, x.shape[1] // 2, x.shape[2]
    pixels = items(x)
    y = np.empty_like(x, shape=(rows, columns, channels))
    argmax = np.empty_like(x, shape=y.shape, dtype=np.uint8)

    def work(first: int, n: int, _thread: int) -> None:
        band = np.s_[first : first + n]
        halves = scratch("halves", x, 2, 2 * n, columns, channels)
        for j in range(2):
            items(halves)[j] = pixels[2 * first : 2 * (first + n), j::2]
        left, right = halves
        column = np.greater(right, left).view(np.uint8)  # of the larger one; the first wins a tie
        np.maximum(left, right, out=left)
        upper, lower = left[0::2], left[1::2]
        row = np.greater(lower, upper).view(np.uint8)
        np.maximum(upper, lower, out=y[band])
        above, below = column[0::2], 2 + column[1::2]  # indices of the largest in each row
        argmax[band] = above + row * (below - above)

    over(rows, fitting(8 * y[0].nbytes), work)
    return y, argmax


def largest(x: Array) -> Array:
    """Keep the largest of every four pixels; see `ops/maxpool.py`."""
    rows, columns, channels = x.shape[0] // 2, x.shape[1] // 2, x.shape[2]
    y = np.empty_like(x, shape=(rows, columns, channels), order="C")

    def work(first: int, n: int, _thread: int) -> None:
        upper, lower = (x[2 * first + i : 2 * (first + n) : 2] for i in range(2))
        column = np.maximum(upper, lower, out=scratch("column", x, n, 2 * columns, channels))
        np.maximum(column[:, 0::2], column[:, 1::2], out=y[first : first + n])

    over(rows, fitting(8 * y[0].nbytes), work)
    return y


def backward(dy: Array, argmax: Array) -> Array:
    """Compute the gradient of max pooling; see `ops/maxpool.py`."""
    rows, columns, channels = dy.shape
    dx = np.empty_like(dy, shape=(2 * rows, 2 * columns, channels), order="C")
    pixels = items(dx)

    def work(first: int, n: int, _thread: int) -> None:
        band = np.s_[first : first + n]
        gradient = scratch("gradient", dy, n, columns, channels)
        for tap, (i, j) in enumerate(TAPS):
            np.multiply(dy[band], argmax[band] == tap, out=gradient)
            pixels[2 * first + i : 2 * (first + n) : 2, j::2] = items(gradient)

    over(rows, fitting(8 * dy[0].nbytes), work)
    return dx
