"""Convolution and ReLU at once: the form of `ops/conv_relu.py` that the CPU runs in float32.

A kernel with many channels over a large map goes through Winograd's form, the others through the
tap loop in bands. The gradient dx is again a convolution, of the rectified upstream gradient and
the kernel turned by half a circle, so what is fast forward is fast backward.
"""

import numpy as np

from minunet.array import Array
from minunet.fast import direct, winograd


def forward(x: Array, w: Array, b: Array) -> Array:
    """Unpadded convolution, rectified; parameters and result as of `ops/conv_relu.py`."""
    rows, columns = x.shape[0] - w.shape[0] + 1, x.shape[1] - w.shape[1] + 1
    form = winograd if winograd.pays(rows, columns, w) else direct
    return form.forward(np.ascontiguousarray(x), w, b)  # a turned tile is a view


def backward(dy: Array, y: Array, x: Array, w: Array) -> tuple[Array, Array, Array]:
    """Gradients of a rectified convolution; see `ops/conv_relu.py`."""
    x = np.ascontiguousarray(x)
    if winograd.pays(x.shape[0], x.shape[1], w):
        dw, db = direct.parameter_gradients(dy, y, x, w)
        return winograd.input_gradient(dy, y, w), dw, db
    return direct.backward(dy, y, x, w)
