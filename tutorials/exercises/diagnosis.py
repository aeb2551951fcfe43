"""Naming the slip in an answer: by comparing it with what the well-known slips would give."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, NamedTuple

import numpy as np

from exercises.verdict import array, ask, difference, drawn, imprecise, trials
from minunet.array import Array

TOLERANCE = 1e-9
"""Relative to the largest magnitude expected."""

Slips = dict[str, Callable[[], Array]]
"""Sentence → what comes out of the slip that it describes."""


class Problem(NamedTuple):
    """Arguments of a convolution, integers in float64: results are exact."""

    where: str  # what is special about the sizes
    reason: str  # why an answer may be right on these only
    x: Array  # (H, W, C)
    w: Array  # (kh, kw, C, O)
    b: Array  # (O,)
    dy: Array  # (H-kh+1, W-kw+1, O)


def problem(
    where: str,
    reason: str,
    size: tuple[int, int],
    kernel: tuple[int, int],
    channels: tuple[int, int],
) -> Problem:
    """Draw the arguments of a convolution.

    Parameters
    ----------
    where, reason : what is special about the sizes, and why an answer may be right on these only
    size : (oh, ow) of the result
    kernel : (kh, kw)
    channels : (C, O)
    """
    rng = np.random.default_rng(7)
    (oh, ow), (kh, kw), (c, o) = size, kernel, channels

    def draw(*shape: int) -> Array:
        return rng.integers(1, 10, shape) * rng.choice([-1.0, 1.0], shape)

    x = draw(oh + kh - 1, ow + kw - 1, c)
    return Problem(where, reason, x, draw(kh, kw, c, o), draw(o), draw(oh, ow, o))


PROBLEMS = [
    problem("", "", (9, 7), (3, 2), (4, 5)),
    problem("C = O", "did you mix them up?", (9, 7), (3, 2), (4, 4)),
    problem("the kernel is 3×3", "is its size hard-coded?", (9, 7), (3, 3), (4, 5)),
    problem("the maps are square", "did you mix up rows and columns?", (7, 7), (3, 3), (4, 5)),
    problem("the kernel is 3×3 and C = O", "did you use a wrong size?", (9, 7), (3, 3), (4, 4)),
    problem("everything is square and C = O", "did you use a wrong size?", (7, 7), (3, 3), (4, 4)),
]
"""In the first no two sizes are equal, so that no axis can be taken for another."""


def drawn_problems(seed: int) -> list[Problem]:
    """Draw convolutions of other sizes, of 1 too, and of numbers that are not whole."""
    problems = []
    for trial, rng in enumerate(trials(seed, 9)):
        sizes = [*drawn(rng, 2, 1, 6), *drawn(rng, 2, 1, 6), *rng.integers(1, 5, 2).tolist()]
        for axis in {6: (4, 5), 7: (0, 1, 4), 8: (2, 3)}.get(trial, (trial,)):
            sizes[axis] = 1
        oh, ow, c, o, kh, kw = sizes
        x, w = rng.standard_normal((oh + kh - 1, ow + kw - 1, c)), rng.random((kh, kw, c, o)) - 0.5
        dy = 3 * rng.standard_normal((oh, ow, o))
        problems.append(Problem("", "", x, w, rng.standard_normal(o), dy))
    return problems


def diagnose(
    name: str,
    given: Any,
    expected: Array,
    slips: Slips,
    axes: tuple[str, ...],
) -> str | None:
    """Say what is wrong with an array; None if nothing is.

    Parameters
    ----------
    name : what the array is called
    given : the answer
    expected : (…)     the right array
    slips : sentence → what comes out of the slip it describes
    axes : names of the indices of `expected`
    """
    made = array(name, given)
    given = made.astype(float)
    if same(given, expected):
        return None
    for sentence, slip in slips.items():
        if same(given, slip()):
            return sentence
    if given.shape == expected.shape and not np.isfinite(given).all():
        return f"{name} contains values that are not finite."
    if inexact := imprecise(name, made, expected):
        return inexact
    wrong = difference(name, given, expected)
    if given.shape == expected.shape:
        wrong = f"{wrong}{_place(given, expected, axes)}"
    return wrong


def same(given: Any, expected: Any) -> bool:
    """Whether two arrays have one shape, and are equal up to rounding."""
    given, expected = array("it", given).astype(float), np.asarray(expected)
    if given.shape != expected.shape:
        return False
    scale = np.max(np.abs(expected), initial=np.finfo(float).tiny)
    return bool(np.all(np.abs(given - expected) <= TOLERANCE * scale))


def _place(given: Array, expected: Array, axes: tuple[str, ...]) -> str:
    """Where all wrong entries lie, if they lie in some part of the array only."""
    wrong = ~np.isclose(given, expected, rtol=0, atol=TOLERANCE * np.max(np.abs(expected)))
    parts = []
    for axis, (name, indices) in enumerate(zip(axes, np.nonzero(wrong), strict=True)):
        found = sorted({int(index) for index in indices})
        if len(found) == expected.shape[axis]:
            continue
        if len(found) > 2 and found[-1] - found[0] == len(found) - 1:
            parts.append(f"{name} from {found[0]} to {found[-1]}")
        else:
            parts.append(f"{name} = {', '.join(map(str, found))}")
    return f" All wrong entries have {' and '.join(parts)}." if parts else ""


def outside(function: Callable[..., Any], names: set[str]) -> str:
    """Say which of these names a function takes from the notebook, not from its arguments."""
    code = getattr(function, "__code__", None)
    found = sorted(names & set(code.co_names)) if code else []
    if not found:
        return ""
    taken = " and ".join(f"`{name}`" for name in found)
    return f" It uses {taken} from the notebook. A function should use only its arguments."


def changed(function: Callable[..., Any], arguments: Mapping[str, Array]) -> str | None:
    """Say which argument a function writes to; None if it leaves them as they are."""
    copies = {name: array.copy() for name, array in arguments.items()}
    ask(function, *copies.values())
    for name, argument in arguments.items():
        if not np.array_equal(copies[name], argument):
            return f"the result is right, but {name} was changed. Begin with a new array."
    return None


def empty(function: Callable[..., Any], arguments: tuple[Array, ...]) -> str | None:
    """Say if results depend on what np.empty finds in the memory; None if they do not."""
    results = []
    for memory in (3, 7):
        result = ask(function, *(argument.copy() for argument in arguments), memory=memory)
        results.append(result if isinstance(result, tuple | list) else [result])
    pairs = [pair for pair in zip(*results, strict=True) if isinstance(pair[0], np.ndarray)]
    if all(np.array_equal(*pair, equal_nan=True) for pair in pairs):
        return None
    return (
        "np.empty contains whatever was in memory. An array that you add to with `+=` must "
        "begin with zeros."
    )
