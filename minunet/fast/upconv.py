"""The up-convolution of `ops/upconv.py` in bands, with its four taps as one matrix product.

    z[r, c, (i, j), :] = x[r, c, :] · w[i, j]        y[2r+i, 2c+j, :] = z[r, c, (i, j), :] + b

Every input pixel is multiplied by all four taps, so the taps form one matrix (C, 4·O). The four
results are copied to their places, and the bias is added, while the band is in the cache.
"""

import numpy as np

from minunet.array import Array
from minunet.fast.blas import add_product
from minunet.fast.items import items
from minunet.fast.threads import count, fitting, over, scratch


def _side_by_side(w: Array) -> Array:
    """Put the taps of a kernel (2, 2, C, O) side by side: (C, 4·O)."""
    return np.moveaxis(w, 2, 0).reshape(w.shape[2], -1)


def _blocks(y: Array) -> Array:
    """View the pixels of a map (2H, 2W, O) as its 2x2 blocks: (H, W, 2, 2)."""
    pixels = items(y)
    return pixels.reshape(len(y) // 2, 2, y.shape[1] // 2, 2).swapaxes(1, 2)


def forward(x: Array, w: Array, b: Array) -> Array:
    """Double the size of a feature map; see `ops/upconv.py`."""
    x = np.ascontiguousarray(x)
    rows, columns, channels = x.shape
    features = w.shape[3]
    taps = _side_by_side(w)
    y = np.empty_like(x, shape=(2 * rows, 2 * columns, features))
    blocks = _blocks(y)
    bias = np.tile(b, 4 * columns)  # a whole row, which NumPy broadcasts several times faster

    def work(first: int, n: int, _thread: int) -> None:
        band = x[first : first + n].reshape(-1, channels)
        z = scratch("band", x, len(band), 4 * features)
        z.reshape(n, -1)[...] = bias
        add_product(z, band, taps)
        blocks[first : first + n] = items(z.reshape(n, columns, 2, 2, features))

    over(rows, fitting(columns * (channels + 4 * features) * x.itemsize), work)
    return y


def backward(dy: Array, x: Array, w: Array) -> tuple[Array, Array, Array]:
    """Compute the gradients of an up-convolution; see `ops/upconv.py`."""
    x = np.ascontiguousarray(x)
    rows, columns, channels = x.shape
    features = w.shape[3]
    taps = _side_by_side(w)
    blocks = _blocks(dy)  # dy may be half the channels of a map
    dx = np.empty_like(x)
    dtaps = np.zeros_like(w, shape=(count(), *taps.shape))
    db = np.zeros_like(w, shape=(count(), 4 * features))

    def work(first: int, n: int, thread: int) -> None:
        dz = scratch("band", x, n, columns, 2, 2, features)
        items(dz)[...] = blocks[first : first + n]
        dz = dz.reshape(n * columns, -1)
        np.matmul(dz, taps.T, out=dx[first : first + n].reshape(-1, channels))
        add_product(dtaps[thread], x[first : first + n].reshape(-1, channels).T, dz)
        db[thread] += dz.sum(axis=0)

    over(rows, fitting(columns * (channels + 4 * features) * x.itemsize), work)
    dw = np.moveaxis(dtaps.sum(axis=0).reshape(channels, 2, 2, features), 0, 2)
    return dx, np.ascontiguousarray(dw), db.sum(axis=0).reshape(4, features).sum(axis=0)
