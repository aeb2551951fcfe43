"""Convolution and ReLU at once: the form of `ops/conv_relu.py` that the CPU runs in float32.

A kernel with many channels over a large map goes through Winograd's form, the others through the
tap loop in bands. The gradient dx is again a convolution, of the rectified upstream gradient with
kh - 1 and kw - 1 zeros around it and the kernel turned by half a circle, so what is fast forward is
fast backward:

    dx[r, c, :] = Σ_{i,j} dz[r-i, c-j, :] · w[i, j]ᵀ        dz = dy where y > 0, else 0
"""

import numpy as np
from numpy.lib.stride_tricks import as_strided

from minunet.array import Array
from minunet.fast import direct, winograd
from minunet.threads import count, fitting, over


def correlate(x: Array, w: Array, b: Array | None = None, rectify: bool = False) -> Array:
    """Unpadded convolution in the form that is measured faster; see `direct.correlate`."""
    rows, columns = x.shape[0] - w.shape[0] + 1, x.shape[1] - w.shape[1] + 1
    form = winograd if winograd.pays(rows, columns, w) else direct
    return form.correlate(x, w, b, rectify)


def forward(x: Array, w: Array, b: Array) -> Array:
    """Unpadded convolution, rectified; parameters and result as of `ops/conv_relu.py`."""
    return correlate(np.ascontiguousarray(x), w, b, rectify=True)  # a turned tile is a view


def backward(
    dy: Array, y: Array, x: Array, w: Array, need_dx: bool = True
) -> tuple[Array | None, Array, Array]:
    """Gradients of a rectified convolution; parameters and results as of `ops/conv_relu.py`."""
    dz, framed, db = rectified(dy, y, w)
    dx = correlate(framed, w[::-1, ::-1].swapaxes(2, 3)) if need_dx else None
    return dx, direct.kernel_gradient(dz, np.ascontiguousarray(x), w), db


def rectified(dy: Array, y: Array, w: Array) -> tuple[Array, Array, Array]:
    """Mask the upstream gradient by the ReLU, and put zeros around it, as many as a tap can reach.

    The kw - 1 zeros to the right of a row are also those to the left of the next: that makes the
    distance of the rows that of the input's, which `direct` builds on.

    Returns
    -------
    dz : (rows, columns, O)                          a view of the middle of
    framed : (rows + 2(kh-1), columns + 2(kw-1), O)  rows overlap
    db : (O,)                                        its sum over the pixels
    """
    kh, kw = w.shape[:2]
    rows, columns, features = dy.shape
    pitch = columns + kw - 1
    above = (kh - 1) * pitch + kw - 1  # pixels before the first of dz
    pixels = np.empty_like(dy, shape=(2 * above + rows * pitch, features))
    pixels[:above] = pixels[above + rows * pitch :] = 0
    lines = pixels[above : above + rows * pitch].reshape(rows, pitch, features)
    sums = np.zeros_like(dy, shape=(count(), pitch, features))

    def work(first: int, n: int, thread: int) -> None:
        band = lines[first : first + n]
        np.multiply(dy[first : first + n], y[first : first + n] > 0, out=band[:, :columns])
        band[:, columns:] = 0
        sums[thread] += band.sum(axis=0)

    over(rows, fitting(3 * pitch * features * dy.itemsize), work)
    shape = (rows + 2 * (kh - 1), columns + 2 * (kw - 1), features)
    framed = as_strided(pixels, shape, (pitch * pixels.strides[0], *pixels.strides))
    return lines[:, :columns], framed, sums.sum(axis=(0, 1))
