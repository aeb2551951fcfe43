"""Checks of the exercises of chapter 10, training."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from exercises.verdict import (
    Wrong,
    array,
    ask,
    difference,
    drawn,
    exercise,
    kind,
    several,
    trials,
    whole,
)
from minunet.array import Array, Tensors

WORDS = ("diverged", "dead", "one class", "healthy")


@exercise(
    "Half of the weight lies on the last 69 gradients: a long memory turns slowly.",
    "The answer is one whole number.",
    hints=(
        "At first the velocity is -100 η. Each gradient of -1 multiplies it by 0.99 and then adds "
        "η.",
        "After n gradients of -1, the velocity is -100·0.99ⁿ + 100·(1 - 0.99ⁿ), in units of η. "
        "Find the n at which it is 0 with logarithms, and round up.",
    ),
)
def check_turnaround(answer: int) -> str | None:
    """Check how many opposite gradients turn a velocity round, by adding them up one by one.

    Parameters
    ----------
    answer : int
    """
    velocity, count = -1 / (1 - 0.99), 0
    while velocity <= 0:
        velocity, count = 0.99 * velocity + 1, count + 1
    given = whole("the count", answer)
    if given == count:
        return None
    if given == 1:
        return (
            "after 1 gradient the velocity still points in the old direction: it is -100·0.99 + "
            "1 = -98, times η."
        )
    if given in (99, 100):
        return (
            f"{given:g} is the mean age, or the sum of the weights. The velocity is 0 when the "
            "newest gradients have half of the weight."
        )
    if given == count - 1:
        return (
            f"after {given:g} gradients a little of the old direction is left: 0.99^{given:g} > ½."
        )
    if given == 138:
        return (
            "in 138 steps the oscillations in a bowl are halved. There is no bowl here: only μ "
            "matters."
        )
    side = "too many" if given > count else "too few"
    return f"{given:g} is {side}. After n gradients of -1, v is -100·0.99^n + 100·(1 - 0.99^n)."


@exercise(
    "Two lines: an average over tiles, and a step along it.",
    "The function returns two dicts, params and velocity, with the names of params.",
    hints=(
        "Compute the new velocity from the old velocity and the gradient. Then the weights move by "
        "the new velocity.",
        "For every name: multiply the old velocity by the momentum, and subtract the learning rate "
        "times the gradient. Add the result to the weight. Collect both in new dicts, and do not "
        "write to the three that were given.",
    ),
)
def check_momentum_step(
    answer: Callable[[Tensors, Tensors, Tensors, float, float], tuple[Tensors, Tensors]],
) -> str | None:
    """Check momentum descent over three steps, entry by entry, with the rate changing between.

    Parameters
    ----------
    answer : callable (params, grads, velocity, learning_rate, momentum) -> params, velocity
    """
    for rng in trials(7, 4):
        (r, c, n), names = drawn(rng, 3, 1, 6), rng.choice(["a", "b", "c", "d"], 3, replace=False)
        wrong = _three_steps(
            answer, dict(zip(names.tolist(), ((r, c), (n,), ()), strict=True)), rng
        )
        if wrong:
            return wrong
    return None


def _three_steps(
    answer: Callable[[Tensors, Tensors, Tensors, float, float], tuple[Tensors, Tensors]],
    shapes: dict[str, tuple[int, ...]],
    rng: np.random.Generator,
) -> str | None:
    """Say what is wrong with three steps; None if nothing is."""
    mu = float(rng.choice([0.8, 0.5, 0.99, 0.3]))
    params, velocity = _drawn(shapes, rng), _drawn(shapes, rng)
    for step, rate in enumerate((0.5, 0.2, 0.1)):
        grads = _drawn(shapes, rng)
        given = [{k: v.copy() for k, v in tensors.items()} for tensors in (params, grads, velocity)]
        returned = ask(answer, *given, rate, mu)
        names = ("params", "grads", "velocity")
        for name, tensors, kept in zip(names, given, (params, grads, velocity), strict=True):
            if set(tensors) != set(kept) or any(
                not np.array_equal(tensors[k], kept[k]) for k in kept
            ):
                return f"your function writes to {name}. Make new arrays, as `momentum * v` does."
        v = _entries(lambda v, g, r=rate: mu * v - r * g, velocity, grads)
        w = _entries(lambda w, v: w + v, params, v)
        wrong = _compare(returned, w, v, (params, grads, velocity), (rate, mu))
        if wrong:
            return f"in step {step}: {wrong}"
        params, velocity = w, v
    return None


@exercise(
    "Look at the energy first, then at the answers, then at the classes.",
    "The function returns one of the four words, as text.",
    hints=(
        "Ask three questions in this order. Is a number infinite or nan? Is the answer the same at "
        "every pixel? Does one class win everywhere?",
        "Look at all energies and all of p for the first question. Look at the range of p for the "
        "second, and at the winning class of each pixel for the third. How low the energy is does "
        "not matter.",
    ),
)
def check_diagnose(answer: Callable[[Array, Array], str]) -> str | None:
    """Check the diagnosis of runs whose energies and answers are written out here.

    Parameters
    ----------
    answer : callable (energies (N,), p (H, W, 2)) -> str
    """
    words = ", ".join(map(repr, WORDS))
    for rng in trials(7):
        for what, energies, p1, expected in _cases(rng):
            given = ask(answer, energies.copy(), np.stack([1 - p1, p1], axis=-1))
            if not isinstance(given, str):
                return (
                    f"for {what}, it should return one of {words}, but it returned {kind(given)}."
                )
            if given not in WORDS:
                return f"for {what}, {given!r} is not one of {words}."
            if given != expected:
                hint = ""
                if expected == "dead":
                    hint = " np.std may round; np.ptp of equal numbers is exactly 0."
                return f"{what} is {expected!r}, not {given!r}.{hint}"
    return None


def _drawn(shapes: dict[str, tuple[int, ...]], rng: np.random.Generator) -> Tensors:
    return {name: np.asarray(rng.standard_normal(shape)) for name, shape in shapes.items()}


def _entries(of: Callable[..., float], *tensors: Tensors) -> Tensors:
    """Compute tensors number by number, with no array arithmetic."""
    made = {}
    for name, first in tensors[0].items():
        made[name] = np.empty(first.shape)
        for index in np.ndindex(first.shape):
            made[name][index] = of(*(float(each[name][index]) for each in tensors))
    return made


def _same(given: Tensors, expected: Tensors, name: str) -> bool:
    """Whether one of the tensors is given as expected."""
    try:
        return difference(name, given[name], expected[name]) is None
    except (KeyError, Wrong):
        return False


def _compare(
    returned: Any,
    w: Tensors,
    v: Tensors,
    before: tuple[Tensors, Tensors, Tensors],
    factors: tuple[float, float],
) -> str | None:
    """Say what is wrong with the two dicts that were returned; None if nothing is."""
    returned = several(("params", "velocity"), returned)
    for name, tensors in zip(("params", "velocity"), returned, strict=True):
        if not isinstance(tensors, dict):
            return (
                f"it should return two dicts, params and velocity, but {name} is {kind(tensors)}."
            )
    (params, grads, velocity), (rate, mu) = before, factors
    if all(_same(returned[0], v, name) and _same(returned[1], w, name) for name in w):
        return "the two dicts are exchanged: params first, then velocity."
    for name in w:
        if name not in returned[0] or name not in returned[1]:
            return f"{name!r} is missing: every parameter has its velocity."
        got_w = array(f"params[{name!r}]", returned[0][name])
        got_v = array(f"velocity[{name!r}]", returned[1][name])
        g, v0, w0 = grads[name], velocity[name], params[name]
        slips = {
            "the gradient is added, but downhill is against the gradient.": mu * v0 + rate * g,
            "the learning rate belongs inside the velocity. Outside, a new rate would also "
            "rescale the old gradients.": mu * v0 + g,
            "that is an average, with the factor 1 - μ. The paper's step, as in Caffe, is a sum "
            "without this factor.": mu * v0 - (1 - mu) * rate * g,
            "the old velocity is missing: that is descent without momentum.": -rate * g,
            "the old velocity keeps all of its weight: multiply it by μ.": v0 - rate * g,
        }
        wrong = difference(f"velocity[{name!r}]", got_v, v[name])
        for slip, other in slips.items():
            if wrong and got_v.shape == other.shape and np.allclose(got_v, other):
                return slip
        if wrong:
            return wrong
        if got_w.shape == w0.shape and np.allclose(got_w, w0 + v0):
            return "the weights moved by the old velocity: compute v first, then w."
        if got_w.shape == w0.shape and np.allclose(got_w, w0 - v[name]):
            return "the weights moved against the velocity, which already points downhill."
        wrong = difference(f"params[{name!r}]", got_w, w[name])
        if wrong:
            return wrong
    return None


def _cases(rng: np.random.Generator) -> list[tuple[str, Array, Array, str]]:
    """Runs: what is special about them, energies, p of class 1, and the right word."""
    steps, (rows, columns) = int(rng.integers(3, 40)), drawn(rng, 2, 2, 9)
    falling, shelf = np.linspace(0.7, 0.3, steps), np.full(steps, 0.69)
    seen = rng.uniform(0.02, 0.98, (rows, columns))
    seen[0, 0], seen[-1, -1] = 0.02, 0.98
    high, low = 0.9 + 0.09 * seen, 0.4 * seen
    one_pixel, one_nan, level = low.copy(), seen.copy(), round(float(rng.uniform(0.01, 0.99)), 3)
    one_pixel[1, 1], one_nan[1, 0] = 0.51, np.nan
    return [
        ("a falling energy with answers of both classes", falling, seen, "healthy"),
        ("an energy that ends infinite", np.append(falling, np.inf), seen, "diverged"),
        ("an energy that ends as nan", np.append(falling, np.nan), seen, "diverged"),
        ("a run whose answers are nan", falling, np.full(seen.shape, np.nan), "diverged"),
        ("a run of which one answer is nan", falling, one_nan, "diverged"),
        ("an energy that falls to minus infinity", np.append(falling, -np.inf), seen, "diverged"),
        ("the same p = 0.5 at every pixel", shelf, np.full(seen.shape, 0.5), "dead"),
        ("the same p = 0.93 at every pixel", 0.3 * falling, np.full(seen.shape, 0.93), "dead"),
        (f"the same p = {level} at every pixel", falling, np.full(seen.shape, level), "dead"),
        ("p from 0.9 to 0.99", 0.3 * falling, high, "one class"),
        ("p from 0.01 to 0.4", shelf, low, "one class"),
        ("one pixel of the other class", falling, one_pixel, "healthy"),
        ("a high energy with answers of both classes", 3 * falling, seen, "healthy"),
    ]
