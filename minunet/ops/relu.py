"""Rectified linear unit (paper, section 2).

    y = max(x, 0)

It follows every 3x3 convolution, and nothing else: not the 1x1 whose output is the score.
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
    """Gradient of the rectifier; it needs only the sign of the output.

        dx = dy where y > 0, else 0        (the kink at x = 0 counts as 0)

    Parameters
    ----------
    dy : (H, W, C)     gradient of the energy with respect to `y`
    y : (H, W, C)      what `forward` returned

    Returns
    -------
    dx : (H, W, C)
    """
    return dy * (y > 0)
