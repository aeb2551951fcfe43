"""Initial weights (paper, section 3): Gaussian with standard deviation √(2/N); biases are 0.

N is "the number of incoming nodes of one neuron": kh·kw·C for a convolution. In an up-convolution,
every output pixel depends on one tap of every input channel, so N is C. The authors' release
instead divides the size of Caffe's kernel by the length of its first axis, which gives 4·O.
"""

import math

import numpy as np
from numpy.typing import DTypeLike

from minunet.array import Array
from minunet.network.architecture import Architecture


def incoming_nodes(name: str, shape: tuple[int, ...], arch: Architecture) -> int:
    """Return N for the kernel called `name`, of shape (kh, kw, C, O)."""
    kh, kw, c, o = shape
    if not name.endswith(".wu"):
        return kh * kw * c
    return kh * kw * o if arch.variant == "release" else c


def gaussian(
    arch: Architecture, rng: np.random.Generator, dtype: DTypeLike = np.float32
) -> dict[str, Array]:
    """Draw the initial parameters of a network.

    Parameters
    ----------
    arch : Architecture
    rng : numpy Generator
    dtype : numpy dtype      float32 to train, float64 to check gradients

    Returns
    -------
    params : dict            float array (kh, kw, C, O) or (O,) for each name in `arch.shapes()`
    """
    params: dict[str, Array] = {}
    for name, shape in arch.shapes().items():
        if len(shape) == 1:
            params[name] = np.zeros(shape, dtype)
        else:
            std = math.sqrt(2 / incoming_nodes(name, shape, arch))
            params[name] = (std * rng.standard_normal(shape)).astype(dtype)
    return params
