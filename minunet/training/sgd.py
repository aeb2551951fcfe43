"""Stochastic gradient descent with momentum (paper, section 3).

    v ← μ v - η g
    w ← w + v

The batch is a single tile, so the paper uses a momentum μ of 0.99: the update is an average over
about the last hundred tiles, and a constant g ends up moving w by -η g/(1-μ) = -100 η g per step.
The learning rate η is inside the velocity, as in Caffe.
"""

from typing import NamedTuple

import numpy as np

from minunet.array import Tensors


class Terms(NamedTuple):
    """What the authors' solver does to a gradient and the paper does not mention; off by default.

    Their network files give biases twice the learning rate of kernels, and no decay: those are
    `bias_rate` 2 and any `weight_decay`, whose value they did not publish.
    """

    weight_decay: float = 0.0  # λ
    bias_rate: float = 1.0  # κ


PLAIN = Terms()
"""No weight decay, and one learning rate."""


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
    joined = join(grads)
    norm = np.sqrt(sum(np.vdot(g, g) for g in joined.values()))
    scale = maximum / np.maximum(norm, maximum)
    return split({name: g * scale for name, g in joined.items()}, grads)


def adjust(grads: Tensors, params: Tensors, terms: Terms) -> Tensors:
    """Add the weight decay to the gradients of kernels, and scale those of biases.

        g ← g + λ w   for a kernel        g ← κ g   for a bias

    The update subtracts η g from the velocity, so κ g is the same as a learning rate of κ η.
    Clipping comes first, as in Caffe.

    Parameters
    ----------
    grads, params : dict     the same names and shapes
    terms : Terms

    Returns
    -------
    dict : new arrays
    """
    return {
        name: terms.bias_rate * g if is_bias(name) else g + terms.weight_decay * params[name]
        for name, g in grads.items()
    }


def is_bias(name: str) -> bool:
    """Return whether a parameter, named as in `Architecture.shapes`, is a bias.

    Examples
    --------
    >>> [is_bias(name) for name in ("contract0.b1", "bottom.w2", "expand1.bu", "out.b")]
    [True, False, True, True]
    """
    return name.rpartition(".")[2].startswith("b")


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
    like = params
    params, grads, velocity = (
        join({name: t[name] for name in like}) for t in (params, grads, velocity)
    )
    velocity = {name: momentum * v - learning_rate * grads[name] for name, v in velocity.items()}
    params = {name: w + velocity[name] for name, w in params.items()}
    return split(params, like), split(velocity, like)


JOINED = "all"
"""Key of the array that contains all tensors."""


def join(tensors: Tensors) -> Tensors:
    """On a GPU, join all tensors into one array; on the CPU, return them unchanged.

    A network has dozens of small tensors. On a GPU, launching kernels for each of them takes longer
    than computing on all of them at once.
    """
    first = next(iter(tensors.values()))
    if isinstance(first, np.ndarray):
        return tensors
    return {JOINED: np.concatenate([t.reshape(-1) for t in tensors.values()])}


def split(joined: Tensors, like: Tensors) -> Tensors:
    """Undo `join`: return views with the shapes of `like`; on the CPU, the tensors themselves."""
    if JOINED not in joined:
        return joined
    tensors, end = {}, 0
    for name, one in like.items():
        start, end = end, end + one.size
        tensors[name] = joined[JOINED][start:end].reshape(one.shape)
    return tensors
