"""Convolution followed by a ReLU; see `minunet.ops.conv_relu`."""

import numpy as np

from minunet.array import Array
from minunet.gpu import conv2d
from minunet.ops import relu


def forward(x: Array, w: Array, b: Array) -> Array:
    """Compute an unpadded convolution, followed by a ReLU.

    Parameters
    ----------
    x : (H, W, C)          feature map
    w : (kh, kw, C, O)     kernel
    b : (O,)               bias

    Returns
    -------
    y : (H-kh+1, W-kw+1, O)
    """
    y = conv2d.forward(x, w, b)
    return np.maximum(y, 0, out=y)


def backward(dy: Array, y: Array, x: Array, w: Array) -> tuple[Array, Array, Array]:
    """Compute the gradients of a convolution followed by a ReLU.

    Parameters
    ----------
    dy : (H-kh+1, W-kw+1, O)   gradient of the energy with respect to `y`
    y : (H-kh+1, W-kw+1, O)    output of `forward`
    x : (H, W, C)              input of `forward`
    w : (kh, kw, C, O)         kernel

    Returns
    -------
    dx, dw, db : gradients, shaped like `x`, `w`, `b`
    """
    return conv2d.backward(relu.backward(dy, y), x, w)


def parameter_gradients(dy: Array, y: Array, x: Array, w: Array) -> tuple[Array, Array]:
    """Compute dw and db only, for the first layer: the image needs no gradient; see `backward`."""
    return conv2d.parameter_gradients(relu.backward(dy, y), x, w)
