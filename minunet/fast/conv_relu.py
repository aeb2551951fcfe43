"""Convolution and ReLU at once: `ops/conv_relu.py` for float32 on the CPU.

Layers with many channels use Winograd's algorithm, the first layer takes all taps of the image at
once, and the others use the tap loop in bands. The gradient dx is also a convolution, of the
rectified upstream gradient with the kernel rotated by 180°, so Winograd's algorithm computes that,
too.
"""

import numpy as np

from minunet.array import Array
from minunet.fast import direct, narrow, winograd


def forward(x: Array, w: Array, b: Array) -> Array:
    """Compute an unpadded convolution, followed by a ReLU; see `ops/conv_relu.py`."""
    x = np.ascontiguousarray(x)  # a rotated tile is not contiguous
    rows, columns = x.shape[0] - w.shape[0] + 1, x.shape[1] - w.shape[1] + 1
    if narrow.pays(w):
        return narrow.forward(x, w, b)
    form = winograd if winograd.pays(rows, columns, w) else direct
    return form.forward(x, w, b)


def backward(dy: Array, y: Array, x: Array, w: Array) -> tuple[Array, Array, Array]:
    """Compute the gradients of a rectified convolution; see `ops/conv_relu.py`."""
    x = np.ascontiguousarray(x)
    if winograd.pays(x.shape[0], x.shape[1], w):
        dw, db = parameter_gradients(dy, y, x, w)
        return winograd.input_gradient(dy, y, w), dw, db
    return direct.backward(dy, y, x, w)


def parameter_gradients(dy: Array, y: Array, x: Array, w: Array) -> tuple[Array, Array]:
    """Compute dw and db only; see `ops/conv_relu.py`."""
    form = narrow if narrow.pays(w) else direct
    return form.parameter_gradients(dy, y, np.ascontiguousarray(x), w)
