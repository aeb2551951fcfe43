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
