"""Dropout at the end of the contracting path (paper, section 3.1, last sentence).

    y = x ∘ mask        mask = 1/(1-rate) with probability 1-rate, else 0

Survivors are scaled up in training so that nothing need be done in prediction, as in Caffe; each
element is dropped on its own.
"""

import numpy as np

from minunet.array import Array


def forward(x: Array, rate: float, rng: np.random.Generator) -> tuple[Array, Array]:
    """Drop each element with probability `rate`.

    Parameters
    ----------
    x : (H, W, C)
    rate : float               in [0, 1)
    rng : numpy Generator      draws on the host, so that a seed means the same on any device

    Returns
    -------
    y : (H, W, C)
    mask : (H, W, C)           0 or 1/(1-rate), in the dtype of `x`
    """
    kept = np.asarray(rng.random(x.shape, dtype=np.float32) >= rate, like=x)
    mask = kept * x.dtype.type(1 / (1 - rate))
    return x * mask, mask


def backward(dy: Array, mask: Array) -> Array:
    """Gradient of dropout: what was dropped gets nothing, what survived was scaled.

    Parameters
    ----------
    dy : (H, W, C)       gradient of the energy with respect to `y`
    mask : (H, W, C)     what `forward` returned

    Returns
    -------
    dx : (H, W, C)
    """
    return dy * mask
