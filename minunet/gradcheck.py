"""Check hand-written gradients, by central differences or by the adjoint test.

Three lines check your own op::

    dy = rng.standard_normal(conv2d.forward(x, w, b).shape)
    dx, dw, db = conv2d.backward(dy, x, w)
    check_gradients(conv2d.forward, {"x": x, "w": w, "b": b}, dy, {"x": dx, "w": dw, "b": db})

If a gradient is wrong, `check_gradients` raises an `AssertionError` that names the argument, the
index and both values.

Use float64: with h = 1e-5, the difference E(x+h) - E(x-h) loses about five digits, and float32 has
only seven. Use a random upstream `dy`: if it were all ones, a backward that flips or transposes it
would pass the check. Keep inputs away from kinks (a ReLU at 0, a tie in a pooling), where no
gradient exists.
"""

from collections.abc import Callable, Mapping
from typing import Any, TypeAlias

import numpy as np

from minunet.array import Array

STEP = 1e-5
"""h: about the cube root of float64's precision, where rounding and truncation errors balance."""

Output: TypeAlias = Array | float | tuple[Array, Any]
"""What a forward returns: y alone, or a tuple of y and what its backward needs."""

Entries: TypeAlias = tuple[int, np.random.Generator]
"""Number of entries to check in each argument, and the generator that chooses them."""


def numerical_gradient(
    energy: Callable[[], float], x: Array, indices: list[tuple[int, ...]], step: float = STEP
) -> Array:
    """Compute central differences (E(x+h) - E(x-h)) / 2h at some entries of an array.

    Parameters
    ----------
    energy : callable () -> float    depends on `x`, which is changed in place and restored
    x : array, float64
    indices : list of tuple          entries of `x` to vary
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
    forward: Callable[..., Output],
    arguments: Mapping[str, Array],
    dy: Array | float,
    gradients: Mapping[str, Array],
    *,
    tolerance: float = 1e-6,
    entries: Entries | None = None,
) -> float:
    """Compare gradients with central differences of E = ⟨dy, forward(**arguments)⟩.

    Parameters
    ----------
    forward : callable          takes `arguments` by position; returns y, or a tuple (y, …)
    arguments : mapping         name → float64 array, in the order of the forward's parameters
    dy : array like y           upstream gradient that the backward was given (1.0 for an energy)
    gradients : mapping         name → gradient to check, for some or all of the arguments
    tolerance : float           largest error allowed, relative to the larger of the two values, or
                                to a hundredth of the gradient's largest value if that is larger
    entries : (int, Generator)  number of entries to check in each argument, and the generator that
                                chooses them; None: all entries

    Returns
    -------
    float : largest error found

    Raises
    ------
    AssertionError
        If a gradient is wrong.
    ValueError
        If an argument is not float64, a gradient's shape differs from its argument's, the shape of
        `dy` differs from the output's, or `entries` lacks a generator.
    """
    own = {name: np.array(value) for name, value in arguments.items()}

    def output() -> Array | float:
        y = forward(*own.values())
        return y[0] if isinstance(y, tuple) else y

    def energy() -> float:
        return float(np.sum(dy * output()))

    shape = np.shape(output())
    if np.shape(dy) != shape:
        raise ValueError(f"dy has the shape {np.shape(dy)}, but needs that of the output, {shape}")
    for name, gradient in gradients.items():
        _require_checkable(name, own[name], gradient)

    worst = 0.0
    for name, gradient in gradients.items():
        x = own[name]
        indices = _indices(x.shape, entries)
        numerical = numerical_gradient(energy, x, indices)
        claimed = np.array([gradient[index] for index in indices])
        error = _relative_error(claimed, numerical)
        k = int(np.argmax(error))
        if error[k] > tolerance:
            raise AssertionError(
                f"d{name}{list(map(int, indices[k]))}: backward gives {claimed[k]:.10g}, central "
                f"differences give {numerical[k]:.10g} (relative error {error[k]:.1e}, allowed "
                f"{tolerance:.0e}){_kink_hint(energy, x, indices[k])}"
            )
        worst = max(worst, float(error[k]))
    return worst


def _require_checkable(name: str, x: Array, gradient: Array) -> None:
    """Raise a `ValueError` unless an argument is float64 and its gradient has the same shape."""
    if x.dtype != np.float64:
        raise ValueError(f"{name} is {x.dtype}; pass it as float64, which central differences need")
    if gradient.shape != x.shape:
        raise ValueError(
            f"d{name} has the shape {gradient.shape}, but {name} has {x.shape}; a gradient must "
            "have the shape of its argument"
        )


def _indices(shape: tuple[int, ...], entries: Entries | None) -> list[tuple[int, ...]]:
    """List the indices of all entries of an array, or of entries chosen at random."""
    indices = list(np.ndindex(shape))
    if entries is None:
        return indices
    if not isinstance(entries, tuple):
        raise ValueError(
            f"entries is {entries}; pass ({entries}, rng), where `rng` is a numpy Generator"
        )
    n, rng = entries
    if n >= len(indices):
        return indices
    return [indices[k] for k in rng.choice(len(indices), n, replace=False)]


def _relative_error(claimed: Array, numerical: Array) -> Array:
    """Return the error of each entry, relative to the larger of its two values.

    The error is infinite if one of the two values is not finite.
    """
    bad = ~(np.isfinite(claimed) & np.isfinite(numerical))
    claimed, numerical = np.where(bad, 0, claimed), np.where(bad, 0, numerical)
    larger = np.maximum(np.abs(claimed), np.abs(numerical))
    floor = max(larger.max() / 100, np.finfo(np.float64).tiny)
    return np.where(bad, np.inf, np.abs(claimed - numerical) / np.maximum(larger, floor))


def _kink_hint(energy: Callable[[], float], x: Array, index: tuple[int, ...]) -> str:
    """Return a hint if the slopes on the two sides of an entry differ, else an empty string."""
    kept, here = x[index], energy()
    x[index] = kept - STEP
    left = (here - energy()) / STEP
    x[index] = kept + STEP
    right = (energy() - here) / STEP
    x[index] = kept
    if abs(right - left) <= 1e-3 * max(abs(right), abs(left)):
        return ""
    return (
        f"; the slope is {left:.10g} on the left and {right:.10g} on the right: is there a kink "
        "(a ReLU at 0, a tie in a pooling) within the step?"
    )


def adjoint_gap(
    forward: Callable[[Array], Array], adjoint: Callable[[Array], Array], x: Array, u: Array
) -> float:
    """Compute how far a backward is from being the adjoint of its linear forward.

        gap = |⟨f(x), u⟩ - ⟨x, fᵀ(u)⟩| / (‖f(x)‖·‖u‖)

    The backward of an op that is linear in an argument is its transpose, and the two inner products
    agree up to rounding: an exact test, without a step size.

    Parameters
    ----------
    forward : callable       f, linear
    adjoint : callable       fᵀ, the backward for that argument
    x : array                any argument of f
    u : array                any array shaped like f(x)

    Returns
    -------
    float : the gap; about 1e-16 in float64 if the backward is right
    """
    y = forward(x)
    gap = float(np.sum(y * u) - np.sum(x * adjoint(u)))
    return float(abs(gap) / (np.linalg.norm(y) * np.linalg.norm(u)))
