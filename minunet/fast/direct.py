"""The tap loop of `ops/conv_relu.py` in bands: a window is a run of pixels, read where it lies.

The pixels of a map (H, W, C) lie in memory row after row, as one list. In it, the pixels that tap
(i, j) pairs with the outputs of a band begin i·W + j pixels after those of tap (0, 0), and they
follow each other without a gap: a matrix (pixels, C) that BLAS reads without a copy. The price is
at the right edge: an output row has kw - 1 columns fewer than the list has pixels a row, and what
is computed for them, across the end of a row, is thrown away.

A product is fast when it is not thin. The kw pixels that the taps of one kernel row meet are
neighbours, a run of kw·C numbers; such runs may not overlap in a matrix, so every kw-th pixel is
taken, and then the ones in between: kh·kw products as before, but each with kw·C in place of C.
"""

import numpy as np

from minunet.array import Array
from minunet.fast.blas import add_product
from minunet.fast.rectified import rectified
from minunet.fast.threads import count, fitting, over, scratch

RUN = 512
"""Pixels a product should have at least: with fewer, BLAS mostly arranges the kernel."""


def _runs(pixels: Array, first: int, many: int, kw: int) -> Array:
    """Every kw-th run of kw pixels, the first at `first`: (many, kw·C), a view."""
    return pixels[first : first + kw * many].reshape(many, kw * pixels.shape[1])


def forward(x: Array, w: Array, b: Array) -> Array:
    """Unpadded convolution, rectified.

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
    # One row of each: against a whole row NumPy fills and compares several times faster than
    # against a few numbers.
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
    """Gradients of a rectified convolution, all while a band is in the cache.

    Side by side, the kh pixels of dz that lie under each other make the products three times wider
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
    """Gradients dw and db alone; see `backward`."""
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
        z, dz = _under_each_other(rectified(dy, y, w.shape, first, n), n, pitch, w.shape)
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


def _under_each_other(dz: Array, n: int, pitch: int, shape: tuple[int, ...]) -> tuple[Array, Array]:
    """Put the pixels of dz that lie under each other side by side.

    Parameters
    ----------
    dz : ((n+kh-1)·pitch + kw-1, O)    of `rectified`
    n, pitch : int                     rows of the band, pixels in one
    shape : (kh, kw, C, O)             of the kernel

    Returns
    -------
    z : (kw-1 + n·pitch, kh·O)         begins kw - 1 pixels before the band's first
    own : (n, pitch, O)                the rows of dz that are the band's own, a view
    """
    kh, kw, _, features = shape
    many = kw - 1 + n * pitch
    z = scratch("under each other", dz, many, kh, features)
    # Moved as one item each, pixels are copied several times faster than number by number.
    pixel = np.dtype((np.void, features * dz.itemsize))
    source, target = dz.view(pixel)[:, 0], z.view(pixel)[..., 0]
    for i in range(kh):
        target[:, i] = source[(kh - 1 - i) * pitch :][:many]
    own = dz[kw - 1 + (kh - 1) * pitch :].reshape(n, pitch, features)
    return z.reshape(many, -1), own
