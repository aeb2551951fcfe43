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


def _form(x: Array, w: Array) -> ModuleType:
    """Return the module that is fastest for a layer with this input."""
    if narrow.pays(w):
        return narrow
    rows, columns = x.shape[0] - w.shape[0] + 1, x.shape[1] - w.shape[1] + 1
    return winograd if winograd.pays(rows, columns, w) else direct


def forward(x: Array, w: Array, b: Array) -> Array:
    """Compute an unpadded convolution, followed by a ReLU; see `ops/conv_relu.py`."""
    x = np.ascontiguousarray(x)  # a rotated tile is not contiguous
    return _form(x, w).forward(x, w, b)


def backward(dy: Array, y: Array, x: Array, w: Array) -> tuple[Array, Array, Array]:
    """Compute the gradients of a rectified convolution; see `ops/conv_relu.py`."""
    x = np.ascontiguousarray(x)
    form = winograd if _form(x, w) is winograd else direct
    return form.backward(dy, y, x, w)


def parameter_gradients(dy: Array, y: Array, x: Array, w: Array) -> tuple[Array, Array]:
    """Compute dw and db only; see `ops/conv_relu.py`."""
    x = np.ascontiguousarray(x)
    return _form(x, w).parameter_gradients(dy, y, x, w)
