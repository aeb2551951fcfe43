"""Check hand-written gradients, by central differences or by the adjoint test.

Three lines check your own op::

    dy = rng.standard_normal(conv2d.forward(x, w, b).shape)
    dx, dw, db = conv2d.backward(dy, x, w)
    check_gradients(conv2d.forward, {"x": x, "w": w, "b": b}, dy, {"x": dx, "w": dw, "b": db})

If a gradient is wrong, `check_gradients` raises an `AssertionError` that names the argument, the
index and both values.

The step fits the size of the argument; see `differences.py`, which also says what happens where
rounding, a kink or a bend is in the way.

Use float64: float32 has seven digits, of which a difference loses about five. Use a random upstream
`dy`: if it were all ones, a backward that flips or transposes it would pass the check. Keep inputs
away from kinks (a ReLU at 0, a tie in a pooling), where no gradient exists.
"""

from collections.abc import Callable, Mapping
from typing import TypeAlias

import numpy as np

from minunet.array import Array
from minunet.differences import FLAT, STEP, Argument, Energy, Output, Slope, numerical_gradient

__all__ = ["STEP", "adjoint_gap", "check_gradients", "numerical_gradient"]

Entries: TypeAlias = tuple[int, np.random.Generator]
"""Number of entries to check in each argument, and the generator that chooses them."""


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
        If a gradient is wrong. The message says so if there is a kink nearby, or if the
        scale of the arguments is a likelier cause than the gradient.
    ValueError
        If an argument is not float64, a gradient's shape differs from its argument's, the shape of
        `dy` differs from the output's, or `entries` lacks a generator.
    """
    own = {name: np.array(value) for name, value in arguments.items()}
    energy = Energy(forward, own, dy)
    for name, gradient in gradients.items():
        _require_checkable(name, own[name], gradient)

    worst = 0.0
    for name, gradient in gradients.items():
        indices = _indices(own[name].shape, entries)
        claimed = np.array([gradient[index] for index in indices])
        argument = Argument(energy, own[name], claimed, tolerance)
        error, k, slope = _worst(argument, indices, claimed)
        if error > tolerance:
            raise AssertionError(
                f"d{name}{list(map(int, indices[k]))}: backward gives {claimed[k]:.10g}, central "
                f"differences give {slope.value:.10g} (relative error {error:.1e}, allowed "
                f"{tolerance:.0e}){argument.hint(indices[k], slope, claimed[k])}"
            )
        worst = max(worst, error)
    return worst


def _worst(
    argument: Argument, indices: list[tuple[int, ...]], claimed: Array
) -> tuple[float, int, Slope]:
    """Find the entry with the largest error: the error, the entry's position, and its slope."""
    slopes = [argument.plain(index) for index in indices]
    todo = {k for k, c in enumerate(claimed) if argument.hidden(float(c), slopes[k].step)}
    for k in todo:
        slopes[k] = argument.refined(indices[k])
    errors = _relative_error(claimed, slopes)
    for k in map(int, np.argsort(-errors)):
        if errors[k] <= argument.tolerance:
            break
        if k not in todo:  # the step may be at fault
            slopes[k] = argument.refined(indices[k])
            errors[k] = _relative_error(claimed, slopes)[k]
        if errors[k] > argument.tolerance:
            return float(errors[k]), k, slopes[k]
    k = int(np.argmax(errors)) if errors.size else 0
    return float(np.max(errors, initial=0)), k, slopes[k] if slopes else Slope(0, 0)


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


def _relative_error(claimed: Array, slopes: list[Slope]) -> Array:
    """Return the error of each entry, relative to the larger of its two values.

    The error is relative to a hundredth of the largest value in the gradient, or to a thousandth of
    the steepest slope found for this entry, if one of these is larger: where E is flat (a saturated
    soft-max), its differences are rounding errors of what E is computed from. It is infinite if one
    of the two values is not finite.
    """
    numerical = np.array([slope.value for slope in slopes])
    bad = ~(np.isfinite(claimed) & np.isfinite(numerical))
    claimed, numerical = np.where(bad, 0, claimed), np.where(bad, 0, numerical)
    larger = np.maximum(np.abs(claimed), np.abs(numerical))
    floor = max(np.max(larger, initial=0) / 100, np.finfo(np.float64).tiny)
    least = np.maximum(floor, [FLAT * slope.steepest for slope in slopes])
    return np.where(bad, np.inf, np.abs(claimed - numerical) / np.maximum(larger, least))


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
