"""Rectified linear unit (paper, section 2).

    y = max(x, 0)

In the paper, a ReLU follows every 3x3 convolution and nothing else: the logits are not rectified.
"""

import numpy as np

from minunet.array import Array


def forward(x: Array) -> Array:
    """Rectify a feature map.

    Parameters
    ----------
    x : (H, W, C)

    Returns
    -------
    y : (H, W, C)
    """
    return np.maximum(x, 0)


def backward(dy: Array, y: Array) -> Array:
    """Compute the gradient of the rectifier, which needs only the sign of the output.

        dx = dy where y > 0, else 0        (also 0 at the kink, x = 0)

    Parameters
    ----------
    dy : (H, W, C)     gradient of the energy with respect to `y`
    y : (H, W, C)      output of `forward`

    Returns
    -------
    dx : (H, W, C)
    """
    return dy * (y > 0)
