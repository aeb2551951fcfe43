"""The tap loop of `ops/conv2d.py` in bands, without a copy: a window is a run of pixels.

The pixels of a map (H, W, C) lie in memory row after row, as one list. In it, the pixels that tap
(i, j) pairs with the outputs of a band begin i·W + j pixels after those of tap (0, 0), and they
follow each other without a gap: a matrix (pixels, C) that BLAS reads where it lies. The price is at
the right edge: an output row has kw - 1 columns fewer than the list has pixels a row, and what is
computed for them, across the end of a row, is thrown away.

    band[q, :] = b + Σ_{i,j} pixels[first + q + i·pitch + j, :] · w[i, j]

All nine products add to the same band while that is in the cache.
"""

import numpy as np
from numpy.lib.stride_tricks import as_strided

from minunet.array import Array
from minunet.fast.blas import add_product
from minunet.ops.taps import taps
from minunet.threads import count, fitting, over, scratch

RUN = 512
"""Pixels a product should have at least: with fewer, BLAS mostly arranges the kernel."""


def _pixels(x: Array) -> tuple[Array, int]:
    """List the pixels of a map as they lie in memory, and tell how many there are to a row."""
    rows, columns, channels = x.shape
    pitch = x.strides[0] // x.strides[1]
    many = (rows - 1) * pitch + columns
    return as_strided(x, (many, channels), x.strides[1:]), pitch


def correlate(x: Array, w: Array, b: Array | None = None, rectify: bool = False) -> Array:
    """Unpadded convolution, with a bias and a ReLU on the way if wanted.

    Parameters
    ----------
    x : (H, W, C)          float32; rows may overlap in memory
    w : (kh, kw, C, O)     kernel
    b : (O,) or None       bias
    rectify : bool         take max(y, 0)

    Returns
    -------
    y : (H-kh+1, W-kw+1, O)
    """
    kh, kw, channels, features = w.shape
    rows, columns = x.shape[0] - kh + 1, x.shape[1] - kw + 1
    pixels, pitch = _pixels(x)
    y = np.empty_like(x, shape=(rows, columns, features))
    # One row of each: against a whole row NumPy fills and compares several times faster than
    # against a few numbers.
    bias, zero = np.zeros_like(x, shape=(2, pitch, features))
    if b is not None:
        bias += b

    def work(first: int, n: int, _thread: int) -> None:
        band = scratch("band", x, n * pitch, features)
        band.reshape(n, -1)[...] = bias.reshape(-1)
        run = (n - 1) * pitch + columns
        for i, j in taps(w):
            start = (first + i) * pitch + j
            add_product(band[:run], pixels[start : start + run], w[i, j])
        valid = band.reshape(n, pitch, features)[:, :columns]
        if rectify:
            np.maximum(valid, zero[:columns], out=y[first : first + n])
        else:
            y[first : first + n] = valid

    most = fitting(pitch * (channels + features) * x.itemsize, least=RUN // pitch)
    over(rows, most, work)
    return y


def kernel_gradient(dy: Array, x: Array, w: Array) -> Array:
    """Gradient of an unpadded convolution with respect to its kernel.

        dw[i, j] = Σ_q pixels[q + i·pitch + j] ⊗ dy[q]

    The kw inputs that the taps of one kernel row pair with a dy[q] are neighbours: a run of kw·C
    numbers, and so they make one product with kw·C rows in place of kw with C. Such runs may not
    overlap in a matrix, so every kw-th pixel q is taken, and then the ones in between.

    Parameters
    ----------
    dy : (H-kh+1, W-kw+1, O)    0 between its rows, whose distance in memory is that of `x`'s
    x : (H, W, C)
    w : (kh, kw, C, O)          its shape is what matters

    Returns
    -------
    dw : (kh, kw, C, O)
    """
    kh, kw, channels, features = w.shape
    pixels, pitch = _pixels(x)
    upstream, _ = _pixels(dy)
    rows, columns = dy.shape[:2]
    parts = np.zeros_like(w, shape=(count(), kh, kw * channels, features))

    def work(first: int, n: int, thread: int) -> None:
        start = first * pitch
        band = upstream[start : start + (n - 1) * pitch + columns]
        for phase in range(kw):
            every = band[phase::kw]
            for i in range(kh):
                run = pixels[start + i * pitch + phase :][: kw * len(every)]
                add_product(parts[thread, i], run.reshape(-1, kw * channels).T, every)

    most = fitting(pitch * (channels + features) * x.itemsize, least=RUN // pitch)
    over(rows, most, work)
    return parts.sum(axis=0).reshape(w.shape)
