"""3x3 convolution and ReLU: the blue arrows of Figure 1.

    y = max(conv2d(x), 0)

In the paper, a ReLU follows every 3x3 convolution. Computing both at once saves a pass over the
map: `minunet/fast/conv_relu.py` does so, and its tests compare it with this definition.
"""

from minunet.array import Array
from minunet.ops import conv2d, relu


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
    return relu.forward(conv2d.forward(x, w, b))


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
    return backward(dy, y, x, w)[1:]
