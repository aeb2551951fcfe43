"""Central differences at a step that fits the argument and the energy.

The error of (E(x+h) - E(x-h)) / 2h has two parts (Press et al., *Numerical Recipes*, section 5.7):

    truncation    h²/6 times the third derivative: (h/s)² · |E'| if E bends over a distance s
    rounding      about ε · |E| / h, since each E is computed to about ε · |E|, with ε = 2e-16

Where s is about the size of x and |E| about s · |E'|, their sum is smallest near h = ε^(1/3) · s.
The step is therefore 1e-5 times the size of the argument, whatever its unit. If rounding could
hide an error at that step (a bias of 1 beside activations of 1e9), or there seems to be an error (a
soft-max between distant logits, a kink nearby), `check_gradients` tries steps ten times apart, and
takes the one whose result changes least from one to the next, as in Ridders' method.

Where E is flat (a saturated soft-max), a slope below a thousandth of the steepest that is found
farther away cannot be told from 0: its differences are rounding errors of what E is computed from.
If slopes at three steps agree as well as the gradient has to, they are no rounding errors: E is
then not flat, but steeper farther away (an exponential, a quotient near its pole).
"""

from collections.abc import Callable, Mapping
from typing import Any, NamedTuple, TypeAlias

import numpy as np

from minunet.array import Array

Output: TypeAlias = Array | float | tuple[Array, Any]
"""What a forward returns: y alone, or a tuple of y and what its backward needs."""

STEP = 1e-5
"""h for an argument of size 1: about the cube root of float64's precision."""

FIRST, LAST, MOST = -9, 7, 40
"""Smallest and largest power of ten by which the step is multiplied where it matters, and the
largest number of such steps."""

FLAT = 1e-3
"""A slope counts as flat below this fraction of the steepest slope that is found farther away."""


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


class Energy:
    """E = ⟨dy, forward(…)⟩ of arguments that are changed in place, less its value at the start.

    The difference is taken for each output before the sum, so outputs that do not depend on what
    has changed contribute nothing, and no rounding error.
    """

    def __init__(
        self, forward: Callable[..., Output], own: Mapping[str, Array], dy: Array | float
    ) -> None:
        self.forward, self.own, self.dy = forward, own, dy
        self.start = self.output()
        shape = np.shape(self.start)
        if np.shape(dy) != shape:
            raise ValueError(
                f"dy has the shape {np.shape(dy)}, but needs that of the output, {shape}"
            )
        self.size = size(self.start)
        kind = self.start.dtype if self.start.dtype.kind == "f" else np.dtype(np.float64)
        terms = dy * self.start
        self.epsilon = float(np.finfo(kind).eps)
        self.rounding = self.epsilon * size(terms) * terms.size**0.5

    def output(self) -> Array:
        """Return y for the present values of the arguments."""
        y = self.forward(*self.own.values())
        return np.array(y[0] if isinstance(y, tuple) else y)  # a copy: a forward may reuse y

    def __call__(self) -> float:
        """Return E - E(start)."""
        return float(np.sum(self.dy * (self.output() - self.start)))


class Slope(NamedTuple):
    """A central difference, and what the other steps say about it."""

    value: float
    step: float
    uncertainty: float = 0.0
    steepest: float = 0.0  # largest absolute slope at any of the steps


class Argument:
    """An argument whose slopes are computed, with an idea of how precise they have to be."""

    def __init__(self, energy: Energy, x: Array, claimed: Array, tolerance: float) -> None:
        self.energy, self.x, self.tolerance = energy, x, tolerance
        self.size = size(x) or energy.size or 1.0
        self.least = np.max(np.abs(claimed), initial=0) / 100

    def slope(self, index: tuple[int, ...], step: float) -> float:
        """Compute a central difference at an entry."""
        return float(numerical_gradient(self.energy, self.x, [index], step)[0])

    def plain(self, index: tuple[int, ...]) -> Slope:
        """Compute a central difference at the usual step."""
        step = STEP * max(self.size, abs(float(self.x[index])))
        return Slope(self.slope(index, step), step)

    def hidden(self, slope: float, step: float) -> bool:
        """Return whether rounding could hide an error of this slope that is not allowed."""
        allowed = self.tolerance * max(abs(slope), self.least)
        return 10 * self.energy.rounding > allowed * step

    @np.errstate(all="ignore")  # a large step may overflow
    def refined(self, index: tuple[int, ...]) -> Slope:
        """Compute a central difference at the step whose result depends least on the step."""
        step = self.plain(index).step
        h = [step * 10.0**power for power in range(FIRST, LAST + 1)]
        slopes = [self.slope(index, one) for one in h]
        # Larger steps while rounding could hide an error, unless E is bounded.
        while self.hidden(slopes[-1], h[-1]) and len(h) < MOST:
            before, now = (abs(h[k] * slopes[k]) for k in (-2, -1))
            if now > 10 * self.energy.rounding and now < 5 * before:
                break
            h.append(10 * h[-1])
            slopes.append(self.slope(index, h[-1]))
        chosen = self._choose(np.array(h), np.array(slopes))
        if abs(chosen.value) < FLAT * chosen.steepest:  # E is flat, or has a wall or a pole
            measured = self._choose(np.array(h), np.array(slopes), flat=False)
            if measured.value and measured.uncertainty <= self.tolerance * abs(measured.value):
                return measured
        return chosen

    def _choose(self, h: Array, slopes: Array, flat: bool = True) -> Slope:
        """Choose the step at which the slopes change least from one to the next.

        Unless `flat`, the slopes farther away do not matter.
        """
        inner, rounding = slopes[1:-1], self.energy.rounding / h[1:-1]
        steepest = float(np.fmax.reduce(np.abs(inner) - 10 * rounding, initial=0)) if flat else 0.0
        # What E is computed from is about as large as E is at a distance of x from here.
        nearby = self.energy.epsilon * steepest * h[-FIRST] / STEP
        rounding = np.maximum(rounding, nearby / h[1:-1])
        apart = np.abs(np.diff(slopes))
        uncertainty = np.maximum(apart[:-1], apart[1:]) + rounding
        relative = uncertainty / np.maximum(np.abs(inner), FLAT * steepest)
        # A larger step reaches beyond a bend or a kink if a smaller one clearly differs.
        differs = np.abs(inner[:, np.newaxis] - inner) > 30 * rounding
        beyond = np.tril(differs, -1).any(axis=1)
        relative[beyond | ~np.isfinite(relative)] = np.inf
        k = int(np.argmin(relative))
        return Slope(float(inner[k]), float(h[k + 1]), float(uncertainty[k]), steepest)

    def hint(self, index: tuple[int, ...], slope: Slope, claimed: float) -> str:
        """Return a hint at the scale of the arguments, or at a kink; else an empty string."""
        if abs(claimed - slope.value) <= 10 * slope.uncertainty < np.inf:
            return (
                f"; the differences vary by {slope.uncertainty:.1e} with the step, so the scale of "
                "the arguments is a likelier cause than the gradient: check it in float64 with "
                "arguments and outputs of about 1"
            )
        kept, step = self.x[index], slope.step
        self.x[index] = kept - step
        left = -self.energy() / step
        self.x[index] = kept + step
        right = self.energy() / step
        self.x[index] = kept
        if not abs(right - left) > 1e-3 * max(abs(right), abs(left)):  # or one is not a number
            return ""
        return (
            f"; the slope is {left + 0:.10g} on the left and {right + 0:.10g} on the right: is "
            "there a kink (a ReLU at 0, a tie in a pooling) nearby?"
        )


def size(a: Array) -> float:
    """Return the root of the mean square of an array; 0 if it is empty."""
    with np.errstate(over="ignore"):
        largest = float(np.max(np.abs(a), initial=0))
    return largest and largest * float(np.sqrt(np.mean((a / largest) ** 2)))
