"""Convolution and ReLU of a map with very few channels, such as the image: all taps at once.

With one channel, a tap is a product of single numbers, and BLAS spends its time on everything else.
Here the windows of a band are copied, tap after tap, into the rows of one matrix:

    taps[(i, j, k), q] = x[r+i, c+j, k]        q: the pixel (r, c) of the band

A row of ones below them makes the bias one more tap, so that one product gives the outputs, and one
product gives the gradients of kernel and bias.
"""

import numpy as np

from minunet.array import Array
from minunet.fast.rectified import masked
from minunet.fast.threads import count, fitting, over, scratch


def pays(w: Array) -> bool:
    """Return True if this form is faster, that is, for a few taps in all."""
    return w[..., 0].size <= 32


def _taps(x: Array, w: Array, first: int, n: int) -> Array:
    """Copy the windows of `n` rows of outputs, from row `first` on: (kh·kw·C + 1, pixels)."""
    kh, kw, channels, _ = w.shape
    columns = x.shape[1] - kw + 1
    taps = scratch("taps", x, kh * kw * channels + 1, n, columns)
    for tap, (i, j, k) in enumerate(np.ndindex(kh, kw, channels)):
        taps[tap] = x[first + i : first + i + n, j : j + columns, k]
    taps[-1] = 1
    return taps.reshape(len(taps), -1)


def _most(x: Array, w: Array) -> int:
    """Return the number of rows in a band."""
    return fitting((w[..., 0].size + 1 + w.shape[3]) * x.shape[1] * x.itemsize)


def forward(x: Array, w: Array, b: Array) -> Array:
    """Compute an unpadded convolution, followed by a ReLU; see `direct.forward`."""
    kh, kw, _, features = w.shape
    kernel = np.concatenate([w.reshape(-1, features), b[np.newaxis]])
    y = np.empty_like(x, shape=(x.shape[0] - kh + 1, x.shape[1] - kw + 1, features))

    def work(first: int, n: int, _thread: int) -> None:
        out = y[first : first + n].reshape(-1, features)
        np.matmul(_taps(x, w, first, n).T, kernel, out=out)
        np.maximum(out, 0, out=out)

    over(len(y), _most(x, w), work)
    return y


def parameter_gradients(dy: Array, y: Array, x: Array, w: Array) -> tuple[Array, Array]:
    """Compute dw and db; see `direct.parameter_gradients`."""
    features = y.shape[2]
    sums = np.zeros_like(w, shape=(count(), w[..., 0].size + 1, features))

    def work(first: int, n: int, thread: int) -> None:
        dz = masked(dy, y, first, n)
        sums[thread] += _taps(x, w, first, n) @ dz.reshape(-1, features)

    over(len(y), _most(x, w), work)
    total = sums.sum(axis=0)
    return total[:-1].reshape(w.shape), total[-1]
