"""Checks of the exercises of chapter 10, training."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from exercises.verdict import Unanswered, difference, exercise
from minunet.array import Array, Tensors

WORDS = ("diverged", "dead", "one class", "healthy")


@exercise("Half of the weight lies on the last 69 gradients: a long memory turns slowly.")
def check_turnaround(answer: int) -> str | None:
    """Check how many opposite gradients turn a velocity round, by adding them up one by one.

    Parameters
    ----------
    answer : int
    """
    velocity, count = -1 / (1 - 0.99), 0
    while velocity <= 0:
        velocity, count = 0.99 * velocity + 1, count + 1
    given = float(answer)
    if given == count:
        return None
    if given == 1:
        return "after 1 the velocity still points the old way: -100·0.99 + 1 = -98, times η."
    if given in (99, 100):
        return (
            f"{given:g} is the mean age, or the sum of the weights. The velocity is 0 when the "
            "newest gradients have half of the weight."
        )
    if given == count - 1:
        return f"after {given:g} a little of the old direction is left: 0.99^{given:g} > ½."
    if given == 138:
        return (
            "in 138 steps the swings in a bowl halve; here no bowl pulls, and μ itself is at work."
        )
    side = "too many" if given > count else "too few"
    return f"{given:g} is {side}. After n of them v is -100·0.99^n + 100·(1 - 0.99^n)."


@exercise("Two lines: a mean over tiles, and a step along it.")
def check_momentum_step(
    answer: Callable[[Tensors, Tensors, Tensors, float, float], tuple[Tensors, Tensors]],
) -> str | None:
    """Check momentum descent over three steps, entry by entry, with the rate changing between.

    Parameters
    ----------
    answer : callable (params, grads, velocity, learning_rate, momentum) -> params, velocity
    """
    rng = np.random.default_rng(7)
    shapes = {"a": (2, 3), "b": (4,)}
    params = {name: rng.standard_normal(shape) for name, shape in shapes.items()}
    velocity = {name: rng.standard_normal(shape) for name, shape in shapes.items()}
    for step, rate in enumerate((0.5, 0.2, 0.1)):
        grads = {name: rng.standard_normal(shape) for name, shape in shapes.items()}
        given = [{k: v.copy() for k, v in tensors.items()} for tensors in (params, grads, velocity)]
        returned = answer(*given, rate, 0.8)
        if returned is None or returned is ...:
            raise Unanswered
        names = ("params", "grads", "velocity")
        for name, tensors, kept in zip(names, given, (params, grads, velocity), strict=True):
            if set(tensors) != set(kept) or any(
                not np.array_equal(tensors[k], kept[k]) for k in kept
            ):
                return f"{name} was written to: make new arrays, as `momentum * v` does."
        v = _entries(lambda v, g, r=rate: 0.8 * v - r * g, velocity, grads)
        w = _entries(lambda w, v: w + v, params, v)
        wrong = _compare(returned, w, v, (params, grads, velocity), rate)
        if wrong:
            return f"in step {step}: {wrong}"
        params, velocity = w, v
    return None


@exercise("Look at the energy first, then at the answers, then at the classes.")
def check_diagnose(answer: Callable[[Array, Array], str]) -> str | None:
    """Check the diagnosis of runs whose energies and answers are written out here.

    Parameters
    ----------
    answer : callable (energies (N,), p (H, W, 2)) -> str
    """
    answers: list[Any] = []
    with np.errstate(all="ignore"):
        for _, energies, p1, _ in _cases():
            answers.append(answer(energies.copy(), np.stack([1 - p1, p1], axis=-1)))
    if all(given is None or given is ... for given in answers):
        raise Unanswered
    for (what, *_, expected), given in zip(_cases(), answers, strict=True):
        if given not in WORDS:
            return f"for {what}, {given!r} is none of {', '.join(map(repr, WORDS))}."
        if given != expected:
            return f"{what} is {expected!r}, not {given!r}."
    return None


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
    return name in given and difference(name, given[name], expected[name]) is None


def _compare(
    returned: Any, w: Tensors, v: Tensors, before: tuple[Tensors, Tensors, Tensors], rate: float
) -> str | None:
    """Say what is wrong with the two dicts that were returned; None if nothing is."""
    if not isinstance(returned, tuple | list) or len(returned) != 2:
        return "it should return two dicts: params, velocity."
    params, grads, velocity = before
    if all(_same(returned[0], v, name) and _same(returned[1], w, name) for name in w):
        return "the two dicts are exchanged: params first, then velocity."
    for name in w:
        if name not in returned[0] or name not in returned[1]:
            return f"{name!r} is missing: every parameter has its velocity."
        got_w, got_v = np.asarray(returned[0][name]), np.asarray(returned[1][name])
        g, v0, w0 = grads[name], velocity[name], params[name]
        slips = {
            "the gradient is added: downhill is against it.": 0.8 * v0 + rate * g,
            "the learning rate belongs inside the velocity; outside, a change of the rate would "
            "change old steps, too.": 0.8 * v0 + g,
            "that is a mean, with the factor 1 - μ; the paper's step, as Caffe has it, is a sum "
            "(multiply the rate by 1 / (1 - μ) to compare).": 0.8 * v0 - 0.2 * rate * g,
            "the old velocity is missing: that is descent without momentum.": -rate * g,
            "the old velocity keeps all of its weight: multiply it by μ.": v0 - rate * g,
        }
        for slip, array in slips.items():
            if got_v.shape == array.shape and np.allclose(got_v, array):
                return slip
        wrong = difference(f"velocity[{name!r}]", got_v, v[name])
        if wrong:
            return wrong
        if got_w.shape == w0.shape and np.allclose(got_w, w0 + v0):
            return "the weights moved by the old velocity: v first, then w."
        if got_w.shape == w0.shape and np.allclose(got_w, w0 - v[name]):
            return "the weights moved against the velocity, which already points downhill."
        wrong = difference(f"params[{name!r}]", got_w, w[name])
        if wrong:
            return wrong
    return None


def _cases() -> list[tuple[str, Array, Array, str]]:
    """Runs: what is special about them, energies, p of class 1, and the right word."""
    rng = np.random.default_rng(7)
    falling, shelf = np.linspace(0.7, 0.3, 20), np.full(20, 0.69)
    seen = rng.uniform(0.02, 0.98, (6, 5))
    high, low = 0.9 + 0.09 * seen, 0.4 * seen
    return [
        ("a falling energy with answers of both classes", falling, seen, "healthy"),
        ("an energy that ends infinite", np.append(falling, np.inf), seen, "diverged"),
        ("an energy that ends as nan", np.append(falling, np.nan), seen, "diverged"),
        ("a run whose answers are nan", falling, np.full((6, 5), np.nan), "diverged"),
        ("the same p = 0.5 at every pixel", shelf, np.full((6, 5), 0.5), "dead"),
        ("the same p = 0.93 at every pixel", 0.3 * falling, np.full((6, 5), 0.93), "dead"),
        ("p from 0.9 to 0.99", 0.3 * falling, high, "one class"),
        ("p from 0.01 to 0.4", shelf, low, "one class"),
        ("a high energy with answers of both classes", 3 * falling, seen, "healthy"),
    ]
