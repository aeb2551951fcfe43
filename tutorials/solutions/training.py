"""Solutions of the exercises of chapter 10, training."""

from __future__ import annotations

import numpy as np

from minunet.array import Array, Tensors

# After n gradients of -1: v = -100·0.99ⁿ + 100·(1 - 0.99ⁿ), in units of η. It is 0 where 0.99ⁿ = ½,
# n = ln ½ / ln 0.99 = 68.97.
turnaround = 69


def momentum_step(
    params: Tensors, grads: Tensors, velocity: Tensors, learning_rate: float, momentum: float
) -> tuple[Tensors, Tensors]:
    """One update: v first, then w with the new v. New dicts, so that the caller's stay.

    Parameters
    ----------
    params, grads, velocity : dict     the same names and shapes
    learning_rate, momentum : float    η, μ

    Returns
    -------
    params, velocity : dict
    """
    v = {name: momentum * velocity[name] - learning_rate * grads[name] for name in params}
    w = {name: params[name] + v[name] for name in params}
    return w, v


def diagnose(energies: Array, p: Array) -> str:
    """Tell what became of a run; from the most certain sign to the least.

    How low the energy is says little: rare classes make it low, hard tiles make it high.

    Parameters
    ----------
    energies : (N,)      of its steps
    p : (H, W, 2)        probabilities of the classes of a tile, after the last step

    Returns
    -------
    str : "diverged", "dead", "one class" or "healthy"
    """
    if not (np.isfinite(energies).all() and np.isfinite(p).all()):
        return "diverged"
    if np.ptp(p[..., 1]) == 0:  # nothing of the image comes through
        return "dead"
    if len(np.unique(p.argmax(axis=-1))) == 1:
        return "one class"
    return "healthy"
