"""The tap loop of `ops/conv_relu.py` in bands, without copying the shifted windows.

In memory, the pixels of a map (H, W, C) are one list, row after row. For a band of outputs, tap
(i, j) reads a contiguous part of that list, which starts i·W + j pixels after the part that tap
(0, 0) reads. It is a matrix (pixels, C), which BLAS reads without a copy. This wastes some work at
the right edge: an output row has kw - 1 pixels fewer than an input row, so the last kw - 1 results
of each row, which mix the end of one input row with the start of the next, are discarded.

Products of wide matrices are faster than products of narrow ones. The kw pixels under one row of
the kernel are adjacent: a run of kw·C numbers, which one product can multiply by the whole row. The
rows of a matrix must not overlap, so one product covers only every kw-th run; kw products, each
starting one pixel after the previous one, cover them all. There are kh·kw products as before, but
each is kw times as wide and has 1/kw of the rows.
"""

import numpy as np

from minunet.array import Array
from minunet.fast.blas import add_product
from minunet.fast.items import items
from minunet.fast.rectified import rectified
from minunet.fast.threads import count, fitting, over, scratch

RUN = 512
"""Minimum number of pixels in a product; with fewer, BLAS spends most of its time packing."""


def _runs(pixels: Array, first: int, many: int, kw: int) -> Array:
    """View `many` adjacent runs of kw pixels, from pixel `first` on, as a matrix (many, kw·C)."""
    return pixels[first : first + kw * many].reshape(many, kw * pixels.shape[1])


def forward(x: Array, w: Array, b: Array) -> Array:
    """Compute an unpadded convolution, followed by a ReLU.

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
    # The bias is repeated for a whole row, because NumPy broadcasts long rows several times faster.
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
    """Compute all gradients of a convolution with ReLU, band by band, while each band is cached.

    Here each pixel of dz is placed next to the kh - 1 pixels above it, which makes the products kh
    times as wide: with z[q] = [dz[q], dz[q - W], …, dz[q - (kh-1)·W]],

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
    """Place each pixel of dz next to the kh - 1 pixels above it.

    Parameters
    ----------
    dz : ((n+kh-1)·pitch + kw-1, O)    result of `rectified`
    n, pitch : int                     number of rows in the band, number of pixels per row
    shape : (kh, kw, C, O)             shape of the kernel

    Returns
    -------
    z : (kw-1 + n·pitch, kh·O)         starts kw - 1 pixels before the band
    own : (n, pitch, O)                view of the rows of dz inside the band
    """
    kh, kw, _, features = shape
    many = kw - 1 + n * pitch
    z = scratch("side by side", dz, many, kh, features)
    source, target = items(dz), items(z)
    for i in range(kh):
        target[:, i] = source[(kh - 1 - i) * pitch :][:many]
    own = dz[kw - 1 + (kh - 1) * pitch :].reshape(n, pitch, features)
    return z.reshape(many, -1), own
