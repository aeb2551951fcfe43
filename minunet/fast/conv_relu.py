"""Convolution and ReLU at once: `ops/conv_relu.py` for float32 on the CPU.

Layers with many channels use Winograd's algorithm, the first layer takes all taps of the image at
once, and the others use the tap loop in bands. The gradient dx is also a convolution, of the
rectified upstream gradient with the kernel rotated by 180°, so Winograd's algorithm computes that,
too.
"""

from types import ModuleType

import numpy as np

from minunet.array import Array
from minunet.fast import direct, narrow, winograd


def form(rows: int, columns: int, w: Array) -> ModuleType:
    """Return the module that is fastest for a layer, by the size of its result and its kernel."""
    if narrow.pays(w):
        return narrow
    return winograd if winograd.pays(rows, columns, w) else direct


def forward(x: Array, w: Array, b: Array) -> Array:
    """Compute an unpadded convolution, followed by a ReLU; see `ops/conv_relu.py`."""
    x = np.ascontiguousarray(x)  # a rotated tile is not contiguous
    rows, columns = x.shape[0] - w.shape[0] + 1, x.shape[1] - w.shape[1] + 1
    return form(rows, columns, w).forward(x, w, b)


def backward(dy: Array, y: Array, x: Array, w: Array) -> tuple[Array, Array, Array]:
    """Compute the gradients of a rectified convolution; see `ops/conv_relu.py`."""
    fastest = form(y.shape[0], y.shape[1], w)
    if fastest is narrow:  # which computes no dx
        fastest = direct
    return fastest.backward(dy, y, np.ascontiguousarray(x), w)


def parameter_gradients(dy: Array, y: Array, x: Array, w: Array) -> tuple[Array, Array]:
    """Compute dw and db only; see `ops/conv_relu.py`."""
    fastest = form(y.shape[0], y.shape[1], w)
    return fastest.parameter_gradients(dy, y, np.ascontiguousarray(x), w)
