"""Stochastic gradient descent with momentum (paper, section 3).

    v ← μ v - η g
    w ← w + v

The batch is a single tile, so the paper takes a momentum μ of 0.99: the update is an average over
the last hundred or so tiles, and a constant gradient ends up moving w by η/(1-μ), 100 η, a step.
The learning rate η stands inside the velocity, as in Caffe.
"""

import numpy as np

from minunet.array import Tensors


def start(params: Tensors) -> Tensors:
    """Velocities before the first step: zero, shaped like the parameters."""
    return {name: np.zeros_like(w) for name, w in params.items()}


def clip(grads: Tensors, longest: float) -> Tensors:
    """Shorten the gradient, all tensors together, to a length; a shorter one stays as it is.

        g ← g · longest / max(|g|, longest)

    One odd tile then cannot throw the parameters far, and a larger learning rate holds. (Not in
    the paper; Pascanu et al. 2013.) There is no `if`: on a GPU it would wait for |g|. A shorter
    gradient is multiplied by longest / longest, which is 1 to the last bit.

    Parameters
    ----------
    grads : dict
    longest : float     Euclidean length over all entries

    Returns
    -------
    dict : new arrays
    """
    length = np.sqrt(sum(np.vdot(g, g) for g in grads.values()))
    scale = longest / np.maximum(length, longest)
    return {name: g * scale for name, g in grads.items()}


def step(
    params: Tensors,
    grads: Tensors,
    velocity: Tensors,
    learning_rate: float,
    momentum: float = 0.99,
) -> tuple[Tensors, Tensors]:
    """One update of every parameter.

    Parameters
    ----------
    params, grads, velocity : dict     the same names and shapes
    learning_rate : float              η
    momentum : float                   μ

    Returns
    -------
    params, velocity : dict            new arrays; the arguments stay as they are
    """
    velocity = {name: momentum * v - learning_rate * grads[name] for name, v in velocity.items()}
    params = {name: w + velocity[name] for name, w in params.items()}
    return params, velocity
