"""Checking a hand-written gradient: central differences, and the adjoint test.

Three lines check an op of your own::

    dy = rng.standard_normal(conv2d.forward(x, w, b).shape)
    dx, dw, db = conv2d.backward(dy, x, w)
    check_gradients(conv2d.forward, {"x": x, "w": w, "b": b}, dy, {"x": dx, "w": dw, "b": db})

A wrong gradient raises an `AssertionError` that names the argument, the index and the two values.

Why float64: the difference E(x+h) - E(x-h) loses as many digits as h is small, and float32 has
seven to begin with. Why a random upstream `dy`: one of all ones is blind to a backward that flips
or transposes it. Kinks (a ReLU at 0, a tie in a pooling) have no gradient: keep inputs off them.
"""

from collections.abc import Callable, Mapping
from typing import Any

import numpy as np

from minunet.array import Array

STEP = 1e-5
"""h: about the cube root of float64's precision, where rounding and truncation errors are alike."""


def numerical_gradient(
    energy: Callable[[], float], x: Array, indices: list[tuple[int, ...]], step: float = STEP
) -> Array:
    """Central differences (E(x+h) - E(x-h)) / 2h at some entries of an array.

    Parameters
    ----------
    energy : callable () -> float    looks at `x`, which is nudged in place and put back
    x : array, float64
    indices : list of tuple          entries to differentiate with respect to
    step : float                     h

    Returns
    -------
    (len(indices),) float64
    """
    gradient = []
    for index in indices:
        kept = x[index]
        x[index] = kept + step
        above = energy()
        x[index] = kept - step
        below = energy()
        x[index] = kept
        gradient.append((above - below) / (2 * step))
    return np.array(gradient)


def check_gradients(
    forward: Callable[..., Any],
    arguments: Mapping[str, Array],
    dy: Array | float,
    gradients: Mapping[str, Array],
    *,
    tolerance: float = 1e-6,
    entries: int | None = None,
    rng: np.random.Generator | None = None,
) -> float:
    """Compare gradients with central differences of E = ⟨dy, forward(**arguments)⟩.

    Parameters
    ----------
    forward : callable          of `arguments` by position; of several results the first is y
    arguments : mapping         name → float64 array, in the order of the forward's parameters
    dy : array like y           the upstream gradient the backward was given (1.0 for an energy)
    gradients : mapping         name → gradient to check, for some or all of the arguments
    tolerance : float           largest error allowed, relative to the larger of the two values; an
                                entry under a hundredth of its gradient's largest counts as one
    entries : int or None       number of entries to draw from each argument; None: all of them
    rng : numpy Generator       to draw them; needed with `entries`

    Returns
    -------
    float : the largest error found

    Raises
    ------
    AssertionError
        If a gradient is wrong: its name, the index and both values.
    ValueError
        If an argument is not float64, a gradient's shape is not its argument's, or that of `dy` not
        the output's.
    """
    own = {name: np.array(value) for name, value in arguments.items()}

    def output() -> Array:
        y = forward(*own.values())
        return y[0] if isinstance(y, tuple) else y

    def energy() -> float:
        return float(np.sum(dy * output()))

    if np.shape(dy) != np.shape(output()):
        raise ValueError(f"dy has the shape {np.shape(dy)}, the output {np.shape(output())}")
    for name, gradient in gradients.items():
        _fit(name, own[name], gradient)

    worst = 0.0
    for name, gradient in gradients.items():
        x = own[name]
        indices = _draw(x.shape, entries, rng)
        numerical = numerical_gradient(energy, x, indices)
        claimed = np.array([gradient[index] for index in indices])
        error = _relative_error(claimed, numerical)
        k = int(np.argmax(error))
        if error[k] > tolerance:
            raise AssertionError(
                f"d{name}{list(map(int, indices[k]))}: backward says {claimed[k]:.10g}, central "
                f"differences say {numerical[k]:.10g} (relative error {error[k]:.1e}, allowed "
                f"{tolerance:.0e}){_kink_hint(energy, x, indices[k])}"
            )
        worst = max(worst, float(error[k]))
    return worst


def _fit(name: str, x: Array, gradient: Array) -> None:
    """Raise unless an argument can be checked, and its gradient has its shape."""
    if x.dtype != np.float64:
        raise ValueError(f"{name} is {x.dtype}; central differences need float64")
    if gradient.shape != x.shape:
        raise ValueError(f"d{name} has the shape {gradient.shape}, {name} has {x.shape}")


def _draw(
    shape: tuple[int, ...], entries: int | None, rng: np.random.Generator | None
) -> list[tuple[int, ...]]:
    """List the indices of all entries of an array, or of some drawn at random."""
    indices = list(np.ndindex(shape))
    if entries is None or entries >= len(indices):
        return indices
    if rng is None:
        raise ValueError("drawing `entries` at random needs an `rng`")
    return [indices[k] for k in rng.choice(len(indices), entries, replace=False)]


def _relative_error(claimed: Array, numerical: Array) -> Array:
    """Error of each entry relative to the larger of its two values; infinite if not a number."""
    bad = ~(np.isfinite(claimed) & np.isfinite(numerical))
    claimed, numerical = np.where(bad, 0, claimed), np.where(bad, 0, numerical)
    larger = np.maximum(np.abs(claimed), np.abs(numerical))
    floor = max(larger.max() / 100, np.finfo(np.float64).tiny)
    return np.where(bad, np.inf, np.abs(claimed - numerical) / np.maximum(larger, floor))


def _kink_hint(energy: Callable[[], float], x: Array, index: tuple[int, ...]) -> str:
    """Hint for a failure where the slopes to either side differ: there is no gradient there."""
    kept, here = x[index], energy()
    x[index] = kept - STEP
    left = (here - energy()) / STEP
    x[index] = kept + STEP
    right = (energy() - here) / STEP
    x[index] = kept
    if abs(right - left) <= 1e-3 * max(abs(right), abs(left)):
        return ""
    return (
        f"; but the slope is {left:.10g} to the left and {right:.10g} to the right: is there a "
        "kink (a ReLU at 0, a tie in a pooling) within the step?"
    )


def adjoint_gap(
    forward: Callable[[Array], Array], adjoint: Callable[[Array], Array], x: Array, u: Array
) -> float:
    """How far a backward is from the adjoint of a linear forward: |⟨f(x), u⟩ - ⟨x, fᵀ(u)⟩|.

    For an op that is linear in an argument the backward is its transpose, and then the two inner
    products agree to rounding: an exact test, without a step size.

    Parameters
    ----------
    forward : callable       f, linear
    adjoint : callable       fᵀ, the backward with respect to that argument
    x : array                any argument of f
    u : array                any array shaped like f(x)

    Returns
    -------
    float : the gap, relative to ‖f(x)‖·‖u‖; around 1e-16 in float64 where the backward is right
    """
    y = forward(x)
    gap = float(np.sum(y * u) - np.sum(x * adjoint(u)))
    return float(abs(gap) / (np.linalg.norm(y) * np.linalg.norm(u)))
