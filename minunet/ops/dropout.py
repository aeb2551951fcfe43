"""Dropout at the end of the contracting path (paper, section 3.1, last sentence).

    y = x ∘ mask        mask = 1/(1-rate) with probability 1-rate, else 0

As in Caffe, the remaining elements are scaled up in training, so that prediction needs no scaling.
Each element is dropped independently.
"""

import numpy as np

from minunet.array import Array


def forward(x: Array, rate: float, rng: np.random.Generator) -> tuple[Array, Array]:
    """Drop each element with probability `rate`.

    Parameters
    ----------
    x : (H, W, C)
    rate : float               in [0, 1)
    rng : numpy Generator      runs on the host, so a seed drops the same elements on any device

    Returns
    -------
    y : (H, W, C)
    mask : (H, W, C)           0 or 1/(1-rate), in the dtype of `x`
    """
    kept = np.asarray(rng.random(x.shape, dtype=np.float32) >= rate, like=x)
    mask = kept * x.dtype.type(1 / (1 - rate))
    return x * mask, mask


def backward(dy: Array, mask: Array) -> Array:
    """Compute the gradient of dropout: 0 for dropped elements, `dy` scaled for the others.

    Parameters
    ----------
    dy : (H, W, C)       gradient of the energy with respect to `y`
    mask : (H, W, C)     output of `forward`

    Returns
    -------
    dx : (H, W, C)
    """
    return dy * mask
