"""Stochastic gradient descent with momentum (paper, section 3).

    v ← μ v - η g
    w ← w + v

The batch is a single tile, so the paper uses a momentum μ of 0.99: the update is an average over
about the last hundred tiles, and a constant g ends up moving w by -η g/(1-μ) = -100 η g per step.
The learning rate η is inside the velocity, as in Caffe.
"""

import numpy as np

from minunet.array import Tensors


def start(params: Tensors) -> Tensors:
    """Return the velocities before the first step: zeros in the shapes of the parameters."""
    return {name: np.zeros_like(w) for name, w in params.items()}


def clip(grads: Tensors, maximum: float) -> Tensors:
    """Clip the norm of the gradient, over all tensors together; do not change a smaller gradient.

        g ← g · maximum / max(|g|, maximum)

    A single unusual tile then cannot move the parameters far, so larger rates are stable. (Not in
    the paper; Pascanu et al. 2013.) There is no `if`, because it would make the CPU wait for |g|
    on a GPU. A smaller gradient is multiplied by maximum / maximum, which is exactly 1.

    Parameters
    ----------
    grads : dict
    maximum : float     maximum Euclidean norm, over all entries

    Returns
    -------
    dict : new arrays
    """
    norm = np.sqrt(sum(np.vdot(g, g) for g in grads.values()))
    scale = maximum / np.maximum(norm, maximum)
    return {name: g * scale for name, g in grads.items()}


def step(
    params: Tensors,
    grads: Tensors,
    velocity: Tensors,
    learning_rate: float,
    momentum: float = 0.99,
) -> tuple[Tensors, Tensors]:
    """Update every parameter once.

    Parameters
    ----------
    params, grads, velocity : dict     all with the same names and shapes
    learning_rate : float              η
    momentum : float                   μ

    Returns
    -------
    params, velocity : dict            new arrays; the arguments are not changed
    """
    velocity = {name: momentum * v - learning_rate * grads[name] for name, v in velocity.items()}
    params = {name: w + velocity[name] for name, w in params.items()}
    return params, velocity
