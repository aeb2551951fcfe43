"""Exercises of chapter 2: which way is downhill?"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import numpy as np

from exercises.diagnosis import (
    PROBLEMS,
    Problem,
    Slips,
    changed,
    diagnose,
    drawn_problems,
    empty,
    outside,
    same,
)
from exercises.gradient_slips import db_slips, dw_slips, dx_slips, scatter
from exercises.verdict import Raised, Wrong, ask, exercise, number
from exercises.watching import borrowed, only
from minunet.array import Array
from minunet.gradcheck import numerical_gradient
from minunet.ops import conv2d

Gradients = tuple[Array, Array, Array]

AXES = {"dx": ("p", "q", "k"), "dw": ("i", "j", "k", "o"), "db": ("o",)}
"""Names of the indices of each gradient, as in the chapter."""


@exercise(
    "dx lays the kernel where each y looked, times its dy. dw adds the windows, each times its dy.",
    "The answers are dx (3, 3), dw (2, 2) and db, one number.",
    hints=(
        "dy says how much each number of y counts. y[r, c] was computed from the window of x that "
        "begins at row r and column c.",
        "Only two numbers of dy are not 0. For dx, lay the kernel, times that number, where its "
        "window began, and add where the two overlap. For dw, add the two windows of x, each times "
        "its number. For db, add up dy.",
    ),
)
def check_by_hand(answer: Any) -> str | None:
    """Check gradients computed with a pencil.

    Parameters
    ----------
    answer : dx (3, 3), dw (2, 2) and db, of the exercise's x, w and dy; `...` where still open
    """
    x = np.array([[1, 2, 0], [3, 1, 2], [0, 1, 4]])
    # Of w = [[1, -1], [0, 2]] and dy = [[1, 0], [0, 2]]: dx is the kernel at the upper left, and
    # twice at the lower right; dw the window at the upper left, and twice the other.
    expected = {"dx": [[1, -1, 0], [0, 4, -2], [0, 0, 4]], "dw": [[3, 6], [5, 9]], "db": 3}
    turned = np.array([[2, 0, 0], [-1, 5, 0], [0, -2, 2]])
    slips: dict[str, Slips] = {
        "dx": {
            "dx has the kernel turned by 180°. Lay it down as it is, with w[0, 0] where the "
            "window began.": lambda: turned,
            "the second kernel replaced the first where they meet, at dx[1, 1]: add them.": (
                lambda: np.array([[1, -1, 0], [0, 2, -2], [0, 0, 4]])
            ),
            "dx lacks the factors dy: the second kernel counts twice.": lambda: np.array(
                [[1, -1, 0], [0, 3, -1], [0, 0, 2]]
            ),
        },
        "dw": {
            "dw lacks the factors dy: the second window counts twice.": (
                lambda: x[:2, :2] + x[1:, 1:]
            ),
            "dw is the first window only: add the second, times its dy.": lambda: x[:2, :2],
            "dw is the second window only: add the first, times its dy.": lambda: 2 * x[1:, 1:],
        },
        "db": {
            "db counts the pixels: it should add up their dy.": lambda: np.array(4),
            "db is a mean of dy: it should be the sum.": lambda: np.array(0.75),
        },
    }
    if not isinstance(answer, tuple | list) or len(answer) != 3:
        return "the answer has three parts: dx, dw and db."
    given = dict(zip(expected, answer, strict=True))
    if isinstance(given["db"], list | np.ndarray) and np.size(given["db"]) == 1:
        given["db"] = np.squeeze(given["db"])  # (1,): also one number
    findings = {}
    for name, value in given.items():
        right = np.array(expected[name])
        axes = ("row", "column")[: right.ndim]
        open_yet = f"{name} is still open."
        findings[name] = (
            open_yet if value is ... else diagnose(name, value, right, slips[name], axes)
        )
    return _report(findings)


@exercise(
    "h² and ε / h² are equal at h = ε^(1/4) = 1.2·10⁻⁴, and half of the digits are lost.",
    "The answer is the step h, one number.",
    hints=(
        "There are two errors. The error h² falls when h falls, and the error ε / h² grows. The "
        "best h balances them.",
        "Set h² equal to ε / h² with ε = 2.2·10⁻¹⁶, solve for h, and take the nearest power of "
        "ten.",
    ),
)
def check_best_step(answer: Any) -> str | None:
    """Check a step by the error that it leaves in the second slope of e^t.

    Parameters
    ----------
    answer : the step, a power of ten
    """
    step = number("h", answer)
    if not 0 < step < 1:
        return (
            "the step should lie between 0 and 1. If you gave the exponent: 10⁻³ is 1e-3 in Python."
        )
    points = np.linspace(-1, 1, 201)

    def error(h: float) -> float:
        slope = (np.exp(points + h) - 2 * np.exp(points) + np.exp(points - h)) / h**2
        return float(np.sqrt(np.mean((slope / np.exp(points) - 1) ** 2)))

    best = min((10.0**-k for k in range(1, 16)), key=error)
    if np.isclose(step, best, rtol=1e-6, atol=0):
        return None
    if not np.isclose(np.log10(step), round(np.log10(step)), rtol=0, atol=1e-6):
        return f"{step:.3g} is not a power of ten. Which power of ten is the best?"
    seen = f"h = {step:.0e} gives an error of {error(step):.0e} in the second derivative of exp. "
    if step > best:
        return f"{seen}A smaller step makes the error h² smaller."
    if 1e-6 <= step <= 1e-5:
        return (
            f"{seen}That is the best step for the first derivative, where rounding costs ε / h, "
            "not ε / h²."
        )
    return (
        f"{seen}A larger step makes the rounding error ε / h² smaller. Where is it as small as h²?"
    )


@exercise(
    "This is `minunet.ops.conv2d.backward`: the forward's loop, read backwards.",
    "The function returns three arrays, dx, dw and db.",
    hints=(
        "Start from the forward's loop over taps. Each tap meets the same window again, now "
        "together with dy.",
        "For each tap, the window of dx collects dy times the transposed matrix of the tap. The "
        "tap's dw is a product of two matrices that have one row per pixel: the window of x, "
        "transposed, and dy. db is the sum of dy over all pixels.",
    ),
)
def check_backward(answer: Callable[[Array, Array, Array], Gradients]) -> str | None:
    """Check a backward by central differences, on arrays of which no two sizes are equal.

    Parameters
    ----------
    answer : (dy, x, w) -> dx, dw, db     as `minunet.ops.conv2d.backward`
    """
    if answer is conv2d.backward:
        return "that is minunet's own function. Write the loop yourself."
    wrong = _check_values(answer) or _check_drawn(answer)
    if wrong:
        return wrong + outside(answer, {"dy", "x", "w", "b", "y", "dx", "dw", "db", "oh", "ow"})
    _, _, x, w, _, dy = PROBLEMS[0]
    names = {"dx": "x", "dw": "w", "db": "w"}
    floats = ask(answer, *(argument.astype(np.float32) for argument in (dy, x, w)))
    for (name, of), array in zip(names.items(), floats, strict=True):
        if np.asarray(array).dtype != np.float32:
            return (
                f"all numbers are right, but for float32 arrays {name} is "
                f"{np.asarray(array).dtype}. Begin with np.zeros_like, or give np.zeros the "
                f"dtype of {of}."
            )
    wrong = changed(answer, {"dy": dy, "x": x, "w": w}) or empty(answer, (dy, x, w))
    return wrong or borrowed(answer, dy.copy(), x.copy(), w.copy())


def _check_drawn(answer: Callable[[Array, Array, Array], Gradients]) -> str | None:
    """Say on which of the drawn sizes and numbers an answer is wrong."""
    for case in drawn_problems(2):
        _, _, x, w, _, dy = case
        wrong = _compare(ask(answer, dy.copy(), x.copy(), w.copy()), case)
        if wrong:
            return f"it is right for other arrays, but with x {x.shape} and w {w.shape}: {wrong}"
    return None


def _check_values(answer: Callable[[Array, Array, Array], Gradients]) -> str | None:
    """Say what is wrong with the numbers; where it raises, try sizes that hide the slip."""
    failure = ""
    for case in PROBLEMS:
        _, _, x, w, _, dy = case
        arguments = {"dy": dy.copy(), "x": x.copy(), "w": w.copy()}
        try:
            result = ask(answer, *arguments.values())
        except Raised as error:
            failure = failure or str(error)
            continue
        wrong = _compare(result, case)
        if wrong and not np.array_equal(arguments["x"], x):
            wrong = (
                "x was changed: begin dx with np.zeros_like(x), which is a new array, and not "
                "with x itself."
            )
        if not failure:
            return wrong and (empty(answer, (dy, x, w)) or f"{wrong}{_right_elsewhere(answer)}")
        if not wrong:
            return f"{failure} It is right where {case.where}: {case.reason}"
        return f"{failure} Where {case.where} it runs, and there: {wrong}"
    return failure and (
        f"{failure} The shapes that fit: a window x[i : i + oh, j : j + ow] is (oh, ow, C), dy "
        "is (oh, ow, O), and w[i, j] is (C, O). A window of dx collects dy @ w[i, j].T. dw[i, "
        "j, k, o] collects window[r, c, k] * dy[r, c, o] over all r and c. Outside dy, where p "
        "- i is not in 0 … oh - 1 or q - j is not in 0 … ow - 1, nothing is added."
    )


def _right_elsewhere(answer: Callable[[Array, Array, Array], Gradients]) -> str:
    """Say on which special sizes a wrong backward is right."""
    for case in PROBLEMS[1:]:
        _, _, x, w, _, dy = case
        try:
            if _compare(ask(answer, dy.copy(), x.copy(), w.copy()), case) is None:
                return f" It is right where {case.where}: {case.reason}"
        except Wrong:
            continue
    return ""


def _compare(result: Any, case: Problem) -> str | None:
    """Say what is wrong with what a backward returned for a problem."""
    if not isinstance(result, tuple | list) or len(result) != 3:
        kind = f"{len(result)} of them" if isinstance(result, tuple | list) else "one thing"
        return f"it should return three arrays, dx, dw and db, but it returned {kind}."
    expected = _gradients(case)
    given = dict(zip(expected, result, strict=True))
    found = [value for value in result if value is not None and value is not ...]
    known = [any(same(value, right) for value in found) for right in expected.values()]
    if len(found) == 3 and all(known) and not all(map(same, result, expected.values())):
        return "all three gradients are right, but in the wrong order: return dx, dw, db."
    slips = {"dx": dx_slips(case), "dw": dw_slips(case), "db": db_slips(case)}
    return _report(
        {
            name: f"{name} is still open."
            if given[name] is None or given[name] is ...
            else diagnose(name, given[name], expected[name], slips[name], AXES[name])
            for name in expected
        }
    )


def _report(findings: Mapping[str, str | None]) -> str | None:
    """Say which gradients are right, and what is wrong with the others; None if all are right."""
    wrong = [finding for finding in findings.values() if finding]
    if not wrong:
        return None
    right = [name for name, finding in findings.items() if not finding]
    if not right:
        return " ".join(wrong)
    return f"{' and '.join(right)} {'is' if len(right) == 1 else 'are'} right. {' '.join(wrong)}"


def _gradients(case: Problem) -> dict[str, Array]:
    """dx, dw, db by central differences: of integers with h = 1, where E is linear, exact."""
    _, _, x, w, b, dy = case
    x, w, b = x.copy(), w.copy(), b.copy()

    def energy() -> float:
        return float(np.sum(dy * conv2d.forward(x, w, b)))

    return {
        name: numerical_gradient(energy, array, list(np.ndindex(array.shape)), 1.0).reshape(
            array.shape
        )
        for name, array in (("dx", x), ("dw", w), ("db", b))
    }


@exercise(
    "A backward is a convolution again: this is where the kernel is turned by 180°.",
    "The function returns dx, an array (oh+kh-1, ow+kw-1, C).",
    hints=(
        "dx[p, q] is the sum of dy[p - i, q - j] · w[i, j]ᵀ over all taps. A convolution has plus "
        "signs there. What must you do to the kernel to get them?",
        "Put kh - 1 rows and kw - 1 columns of zeros around dy, on each side. Turn the kernel by "
        "180°, and exchange its last two axes. The bias is a zero for each channel of x.",
    ),
)
def check_dx_as_convolution(answer: Callable[[Array, Array], Array]) -> str | None:
    """Check dx made by a forward convolution, against central differences.

    Parameters
    ----------
    answer : (dy, w) -> dx
    """
    for case in (PROBLEMS[0], *drawn_problems(3)):
        wrong = _dx_as_convolution(answer, case)
        if wrong:
            return wrong
    _, _, _, w, _, dy = PROBLEMS[0]
    wrong = changed(answer, {"dy": dy, "w": w})
    return wrong or only("conv2d.forward", answer, dy.copy(), w.copy())


def _dx_as_convolution(answer: Callable[[Array, Array], Array], case: Problem) -> str | None:
    """Say what is wrong with the dx of one problem; None if nothing is."""
    _, _, x, w, _, dy = case
    kh, kw, channels, features = w.shape
    slips: Slips = {
        "the kernel is not turned. In dx[p, q], dy[p - i, q - j] meets w[i, j]: the signs are "
        "minus. Use w[::-1, ::-1].": lambda: scatter(case, w[::-1, ::-1]),
        "the kernel is turned from top to bottom only: turn its columns, too.": (
            lambda: scatter(case, w[:, ::-1])
        ),
        "the kernel is turned from left to right only: turn its rows, too.": (
            lambda: scatter(case, w[::-1])
        ),
    }
    shapes = (
        f" The border has kh - 1 = {kh - 1} rows and kw - 1 = {kw - 1} columns on each side. A "
        f"kernel that turns O = {features} channels into C = {channels} has the shape (kh, kw, "
        "O, C), and the bias is C zeros."
    )
    dx = ask(answer, dy.copy(), w.copy(), hint=shapes)
    wrong = diagnose("dx", dx, _gradients(case)["dx"], slips, AXES["dx"])
    if wrong and np.shape(dx) != x.shape:
        wrong += shapes
    return wrong and (wrong if case is PROBLEMS[0] else f"with w {w.shape}: {wrong}")
