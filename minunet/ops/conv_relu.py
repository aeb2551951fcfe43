"""The blue arrow of Figure 1: 3x3 convolution, ReLU.

    y = max(conv2d(x), 0)

The paper never has the one without the other, and a fast form saves a pass over the map by doing
both at once (`minunet/fast/conv_relu.py`). This is what it must be equal to.
"""

from minunet.array import Array
from minunet.ops import conv2d, relu


def forward(x: Array, w: Array, b: Array) -> Array:
    """Unpadded convolution, rectified.

    Parameters
    ----------
    x : (H, W, C)          feature map
    w : (kh, kw, C, O)     kernel
    b : (O,)               bias

    Returns
    -------
    y : (H-kh+1, W-kw+1, O)
    """
    return relu.forward(conv2d.forward(x, w, b))


def backward(dy: Array, y: Array, x: Array, w: Array) -> tuple[Array, Array, Array]:
    """Gradients of a rectified convolution.

    Parameters
    ----------
    dy : (H-kh+1, W-kw+1, O)   gradient of the energy with respect to `y`
    y : (H-kh+1, W-kw+1, O)    what `forward` returned
    x : (H, W, C)              the input `forward` was given
    w : (kh, kw, C, O)         its kernel

    Returns
    -------
    dx, dw, db : gradients, shaped like `x`, `w`, `b`
    """
    return conv2d.backward(relu.backward(dy, y), x, w)
