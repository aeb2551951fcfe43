"""The tap loop of `ops/conv_relu.py` in bands: a window is a run of pixels, read without a copy.

In memory, the pixels of a map (H, W, C) are one list, row after row. The pixels that tap (i, j)
reads for a band of outputs begin i·W + j pixels after those of tap (0, 0) and are contiguous: a
matrix (pixels, C) that BLAS reads without a copy. The cost is at the right edge: an output row has
kw - 1 pixels fewer than an input row, so kw - 1 results per row, which mix the end of the row with
the start of the next, are discarded.

Wide products are faster than thin ones. The kw pixels that one kernel row reads are neighbours, a
run of kw·C numbers. In a matrix such runs must not overlap, so a product takes every kw-th run, and
kw products, each begun a pixel later, take them all: kh·kw products as before, with kw·C for C.
"""

import numpy as np

from minunet.array import Array
from minunet.fast.blas import add_product
from minunet.fast.rectified import rectified
from minunet.fast.threads import count, fitting, over, scratch

RUN = 512
"""Minimum number of pixels in a product; with fewer, BLAS spends its time packing the kernel."""


def _runs(pixels: Array, first: int, many: int, kw: int) -> Array:
    """View every kw-th run of kw pixels, from pixel `first`, as a matrix (many, kw·C)."""
    return pixels[first : first + kw * many].reshape(many, kw * pixels.shape[1])


def forward(x: Array, w: Array, b: Array) -> Array:
    """Compute an unpadded convolution and its ReLU.

        band[q, :] = b + Σ_i [pixels[q + i·W] … pixels[q + i·W + kw-1]] · w[i]

    Parameters
    ----------
    x : (H, W, C)          float32, contiguous
    w : (kh, kw, C, O)     kernel
    b : (O,)               bias

    Returns
    -------
    y : (H-kh+1, W-kw+1, O)
    """
    kh, kw, channels, features = w.shape
    rows, columns, pitch = x.shape[0] - kh + 1, x.shape[1] - kw + 1, x.shape[1]
    pixels = x.reshape(-1, channels)
    kernel_rows = w.reshape(kh, kw * channels, features)
    y = np.empty_like(x, shape=(rows, columns, features))
    # A whole row of each: NumPy broadcasts long rows several times faster than a few numbers.
    bias, zero = np.zeros_like(x, shape=(2, pitch, features))
    bias += b

    def work(first: int, n: int, _thread: int) -> None:
        band = scratch("band", x, n * pitch, features)
        band.reshape(n, -1)[...] = bias.reshape(-1)
        for phase in range(kw):
            every = band[phase : len(band) - kw + 1 : kw]
            for i in range(kh):
                start = (first + i) * pitch + phase
                add_product(every, _runs(pixels, start, len(every), kw), kernel_rows[i])
        valid = band.reshape(n, pitch, features)[:, :columns]
        np.maximum(valid, zero[:columns], out=y[first : first + n])

    over(rows, fitting(pitch * (channels + features) * x.itemsize, least=RUN // pitch), work)
    return y


def backward(dy: Array, y: Array, x: Array, w: Array) -> tuple[Array, Array, Array]:
    """Compute the gradients of a rectified convolution, all while a band is in the cache.

    Each pixel of dz and the kh - 1 pixels above it, side by side, make the products kh times wider
    again: with z[q] = [dz[q], dz[q - W], …, dz[q - (kh-1)·W]],

        dx[q] = Σ_j z[q - j] · w[:, j]ᵀ        dw[:, :] = Σ_q [pixels[q] … pixels[q + kw-1]] ⊗ z[q]

    Parameters
    ----------
    dy, y, x, w : see `ops/conv_relu.py`; `x` contiguous

    Returns
    -------
    dx, dw, db : gradients, shaped like `x`, `w`, `b`
    """
    dx = np.empty_like(x)
    dw, db = _gradients(dy, y, x, w, dx)
    return dx, dw, db


def parameter_gradients(dy: Array, y: Array, x: Array, w: Array) -> tuple[Array, Array]:
    """Compute dw and db only; see `backward`."""
    return _gradients(dy, y, x, w, None)


def _gradients(dy: Array, y: Array, x: Array, w: Array, dx: Array | None) -> tuple[Array, Array]:
    """Compute dw and db, and write dx unless it is None."""
    kh, kw, channels, features = w.shape
    height, pitch = x.shape[:2]
    pixels = x.reshape(-1, channels)
    kernel_columns = np.ascontiguousarray(w.transpose(1, 0, 3, 2)).reshape(kw, -1, channels)
    dws = np.zeros_like(w, shape=(count(), kw * channels, kh * features))
    dbs = np.zeros_like(w, shape=(count(), pitch, features))

    def work(first: int, n: int, thread: int) -> None:
        z, dz = _side_by_side(rectified(dy, y, w.shape, first, n), n, pitch, w.shape)
        dbs[thread] += dz.sum(axis=0)
        if dx is not None:
            out = dx[first : first + n].reshape(-1, channels)
            out[...] = 0
            for j in range(kw):
                add_product(out, z[kw - 1 - j :][: len(out)], kernel_columns[j])
        for phase in range(kw):
            start = first * pitch + phase
            every = z[kw - 1 + phase :: kw][: (len(pixels) - start) // kw]
            add_product(dws[thread], _runs(pixels, start, len(every), kw).T, every)

    row_bytes = pitch * (2 * channels + (kh + 1) * features) * x.itemsize
    over(height, fitting(row_bytes, least=RUN // pitch), work)
    dw = dws.sum(axis=0).reshape(kw, channels, kh, features).transpose(2, 0, 1, 3)
    return np.ascontiguousarray(dw), dbs.sum(axis=(0, 1))


def _side_by_side(dz: Array, n: int, pitch: int, shape: tuple[int, ...]) -> tuple[Array, Array]:
    """Place each pixel of dz and the kh - 1 pixels above it side by side.

    Parameters
    ----------
    dz : ((n+kh-1)·pitch + kw-1, O)    result of `rectified`
    n, pitch : int                     rows of the band, pixels per row
    shape : (kh, kw, C, O)             shape of the kernel

    Returns
    -------
    z : (kw-1 + n·pitch, kh·O)         begins kw - 1 pixels before the band's first
    own : (n, pitch, O)                view of the rows of dz inside the band
    """
    kh, kw, _, features = shape
    many = kw - 1 + n * pitch
    z = scratch("side by side", dz, many, kh, features)
    # With a pixel as one item, NumPy copies several times faster than number by number.
    pixel = np.dtype((np.void, features * dz.itemsize))
    source, target = dz.view(pixel)[:, 0], z.view(pixel)[..., 0]
    for i in range(kh):
        target[:, i] = source[(kh - 1 - i) * pitch :][:many]
    own = dz[kw - 1 + (kh - 1) * pitch :].reshape(n, pitch, features)
    return z.reshape(many, -1), own
