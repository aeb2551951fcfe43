"""Exercises of chapter 1: what is a convolution?"""

from __future__ import annotations

from collections.abc import Callable
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
)
from exercises.verdict import Raised, array, ask, exercise
from exercises.watching import borrowed
from minunet.array import Array
from minunet.ops import conv2d


@exercise(
    "Each number is one window times the kernel, and no window crosses the edge.",
    "The answer is y, two rows of three numbers.",
    hints=(
        "Lay the kernel on the upper left corner of x. Multiply each number of the kernel by the "
        "number under it, and add the four products.",
        "y[r, c] takes the window of x that begins at row r and column c. There are two rows and "
        "three columns of windows. Do not turn the kernel, and add b to each sum.",
    ),
)
def check_by_hand(answer: Any) -> str | None:
    """Check the convolution computed with a pencil.

    Parameters
    ----------
    answer : (2, 3)     y of the exercise's x (3, 4), w (2, 2) and b = 5
    """
    x = np.array([[2, 0, 1, 3], [1, 4, 0, 1], [0, 1, 2, 0]])
    w = np.array([[1, -1], [0, 2]])
    # Upper left: 1·2 - 1·0 + 0·1 + 2·4 + 5 = 15, and so on.
    expected = np.array([[15, 4, 5], [4, 13, 4]])

    def with_kernel(w: Array) -> Array:
        return 5 + sum(w[i, j] * x[i : i + 2, j : j + 3] for i, j in np.ndindex(2, 2))

    slips = {
        "the bias is missing: add 5 to each number.": lambda: expected - 5,
        "that is the true convolution, which turns the kernel. Do not turn it: lay it on the "
        "map as it is.": (lambda: with_kernel(w[::-1, ::-1])),
        "you exchanged the rows and columns of the kernel.": lambda: with_kernel(w.T),
        "the rows and columns of y are exchanged. A (2, 2) kernel has two places from top to "
        "bottom and three from left to right, so y is (2, 3).": lambda: expected.T,
    }
    return diagnose("y", answer, expected, slips, ("r", "c"))


@exercise(
    "A tap at (i, j) reads the pixel i rows below and j columns to the right of the window's "
    "corner.",
    "The answer is a kernel, three rows of three numbers.",
    hints=(
        "y[r, c] is the sum of w[i, j] · x[r + i, c + j] over all taps. Which tap multiplies x[r + "
        "2, c + 1]?",
        "Only one of the nine numbers is not 0. Compare r + i with r + 2, and c + j with c + 1: "
        "that gives its row and its column.",
    ),
)
def check_pixel_below(answer: Any) -> str | None:
    """Check a kernel by what it does to a map.

    Parameters
    ----------
    answer : (3, 3)     the kernel of y[r, c] = x[r + 2, c + 1]
    """
    kernel = array("the kernel", answer).astype(float)
    if kernel.shape != (3, 3):
        return f"the kernel should be (3, 3), but it is {kernel.shape}."
    if np.count_nonzero(kernel) != 1:
        return (
            "exactly one of the nine numbers should not be 0, but your kernel has "
            f"{np.count_nonzero(kernel)} such numbers."
        )
    x = np.random.default_rng(3).integers(1, 100, (6, 7)).astype(float)
    y = sum(kernel[i, j] * x[i : i + 4, j : j + 5] for i, j in np.ndindex(3, 3))
    neighbours = {
        (0, 0): "to the upper left of",
        (0, 1): "above",
        (0, 2): "to the upper right of",
        (2, 0): "to the lower left of",
        (2, 2): "to the lower right of",
        (1, 1): "in",
        (1, 2): "to the right of",
        (1, 0): "to the left of",
    }
    slips = {
        f"that reads the pixel {place} the middle: with w[{i}, {j}] = 1 alone, y[r, c] is x[r + "
        f"{i}, c + {j}].": lambda i=i, j=j: x[i : i + 4, j : j + 5]
        for (i, j), place in neighbours.items()
    }
    return diagnose("y", y, x[2:, 1:-1], slips, ("r", "c"))


@exercise(
    "One linear layer per tap, shifted and added: this is `minunet.ops.conv2d.forward`.",
    "The function returns y, an array (H-kh+1, W-kw+1, O).",
    hints=(
        "A convolution is one linear layer for each tap. Each layer reads a shifted window of x, "
        "and the results are added.",
        "Compute the size of y first, and begin with the bias in every pixel. Then loop over the "
        "taps: the window of tap (i, j) begins at row i and column j and is as large as y. Add its "
        "matrix product with the taps of all channels.",
    ),
)
def check_convolution(answer: Callable[[Array, Array, Array], Array]) -> str | None:
    """Check a convolution on a map of which no two sizes are equal, and on eight that are drawn.

    Parameters
    ----------
    answer : (x, w, b) -> y     as `minunet.ops.conv2d.forward`
    """
    if answer is conv2d.forward:
        return "that is minunet's own function. Write the loop yourself."
    context = outside(answer, {"y", "oh", "ow", "image", "kernel", "x", "w", "b"})
    wrong = _check_values(answer) or _check_drawn(answer)
    if wrong:
        return wrong + context
    _, _, x, w, b, _ = PROBLEMS[0]
    y = ask(answer, *(argument.astype(np.float32) for argument in (x, w, b)))
    if np.asarray(y).dtype != np.float32:
        return (
            f"all numbers are right, but for float32 maps y is {np.asarray(y).dtype}. Make y "
            "with np.zeros_like(x, shape=…), or give np.zeros the dtype of x."
        )
    wrong = changed(answer, {"x": x, "w": w, "b": b}) or empty(answer, (x, w, b))
    return wrong or borrowed(answer, x.copy(), w.copy(), b.copy())


def _check_values(answer: Callable[[Array, Array, Array], Array]) -> str | None:
    """Say what is wrong with the numbers; then see whether sizes that hide a slip tell its name."""
    failure = ""
    for case in PROBLEMS:
        _, _, x, w, b, _ = case
        try:
            y = ask(answer, x.copy(), w.copy(), b.copy())
        except Raised as error:
            failure = failure or str(error)
            continue
        slips = _slips(case)
        wrong = diagnose("y", y, _literal(case), slips, ("r", "c", "o"))
        if not failure and (not wrong or wrong in slips):
            return wrong and (empty(answer, (x, w, b)) or wrong)
        if not wrong:
            return f"{failure} It is right where {case.where}: {case.reason}"
        if wrong in slips:
            return f"{failure} Where {case.where}: {wrong}"
        failure = failure or empty(answer, (x, w, b)) or wrong
    return failure and (
        f"{failure} The window of tap (i, j) is x[i : i + oh, j : j + ow], of shape (oh, ow, C) "
        "with oh = H - kh + 1 and ow = W - kw + 1; w[i, j] is (C, O)."
    )


def _check_drawn(answer: Callable[[Array, Array, Array], Array]) -> str | None:
    """Say on which of the drawn sizes and numbers an answer is wrong."""
    for case in drawn_problems(1):
        _, _, x, w, b, _ = case
        y = ask(answer, x.copy(), w.copy(), b.copy())
        wrong = diagnose("y", y, _literal(case), _slips(case), ("r", "c", "o"))
        if wrong:
            return f"it is right for other arrays, but with x {x.shape} and w {w.shape}: {wrong}"
    return None


def _literal(case: Problem) -> Array:
    """y (oh, ow, O) by its definition, one number at a time."""
    _, _, x, w, b, dy = case
    y = np.zeros_like(dy)
    for r, c, o in np.ndindex(y.shape):
        y[r, c, o] = b[o]
        for i, j in np.ndindex(w.shape[:2]):
            y[r, c, o] += np.sum(x[r + i, c + j] * w[i, j, :, o])
    return y


def _slips(case: Problem) -> Slips:
    """What well-known slips make of y."""
    _, _, x, w, b, dy = case
    kh, kw, channels, features = w.shape
    none = np.zeros_like(b)

    def with_kernel(other: Array, bias: Array = b) -> Array:
        return _literal(case._replace(w=other, b=bias))

    def only(i: int, j: int) -> Array:
        one = np.zeros_like(w)
        one[i, j] = w[i, j]
        return with_kernel(one)

    slips: Slips = {
        "y lacks the bias. Begin with b in every pixel, or add b at the end.": lambda: with_kernel(
            w, none
        ),
        "the bias was added for every tap: it belongs outside the loop.": lambda: with_kernel(
            w, kh * kw * b
        ),
        "the kernel is turned by 180°, as in a true convolution. Tap (i, j) belongs to the "
        "window that begins at row i and column j.": lambda: with_kernel(w[::-1, ::-1]),
        "y contains only the last tap: `=` overwrites the taps before it. Use `+=`.": lambda: only(
            -1, -1
        ),
        "y contains only the last tap, without the bias: `=` overwrites the taps before it. Use "
        "`+=`.": lambda: only(-1, -1) - b,
        "y contains only the first tap. Does the loop return too early?": lambda: only(0, 0),
        "every tap reads the same window. It should begin at row i and column j.": (
            lambda: b + x[: dy.shape[0], : dy.shape[1]] @ w.sum((0, 1))
        ),
        "y was divided by the number of taps: a convolution is a sum, not a mean.": (
            lambda: with_kernel(w / (kh * kw))
        ),
    }
    if kh == kw:
        slips["i and j of the taps are exchanged: i counts rows, j columns."] = lambda: with_kernel(
            w.swapaxes(0, 1)
        )
    if channels == features:
        slips["w[i, j] was transposed. It is already (C, O)."] = lambda: with_kernel(
            w.swapaxes(2, 3)
        )
    return slips


@exercise(
    "A chain of convolutions is one convolution: without a ReLU between them, depth adds nothing.",
    "The function returns u, an array (5, 5, C, O).",
    hints=(
        "Follow one path: tap (i, j) of the first kernel, then tap (p, q) of the second. How many "
        "rows down and how many columns to the right does it look in total?",
        "Begin with zeros of shape (5, 5, C, O). Each pair of taps adds one matrix product, (C, M) "
        "times (M, O), at the place where its path ends. Several pairs meet at the same place.",
    ),
)
def check_two_in_one(answer: Callable[[Array, Array], Array]) -> str | None:
    """Check the kernel of two convolutions in a row, by the image that a single 1 leaves.

    Parameters
    ----------
    answer : (v, w) -> u     v (3, 3, C, M), w (3, 3, M, O), u (5, 5, C, O)
    """
    for channels, middle, features in ((2, 3, 4), (1, 2, 1), (3, 1, 2), (4, 4, 4)):
        rng = np.random.default_rng([5, channels])
        v = rng.integers(-9, 10, (3, 3, channels, middle)) + rng.random()
        w = rng.integers(-9, 10, (3, 3, middle, features)) + rng.random()
        wrong = _two_in_one(answer, v, w)
        if wrong:
            return empty(answer, (v, w)) or wrong
    return changed(answer, {"v": v, "w": w}) or empty(answer, (v, w))


def _two_in_one(answer: Callable[[Array, Array], Array], v: Array, w: Array) -> str | None:
    """Say what is wrong with the kernel of two kernels; None if nothing is."""
    expected = _kernel_of(v, w)
    slips = {
        "one of the two kernels is turned by 180°: tap (i, j) followed by tap (p, q) looks i + "
        "p rows down and j + q columns to the right.": lambda: _kernel_of(v, w[::-1, ::-1]),
        "one of the two kernels is turned by 180°: check the first one.": (
            lambda: _kernel_of(v[::-1, ::-1], w)
        ),
        "the kernel is turned by 180°. A map with a single 1 gives the kernel upside down, so "
        "turn it back.": (lambda: expected[::-1, ::-1]),
        "`=` overwrites: several pairs of taps meet at the same place. Use `+=`.": (
            lambda: _overwritten(v, w)
        ),
        "rows and columns are exchanged.": lambda: expected.swapaxes(0, 1),
    }
    hint = (
        " A tap v[i, j] is (C, M), a tap w[p, q] is (M, O): one after the other they are "
        "v[i, j] @ w[p, q], which is (C, O)."
    )
    u = ask(answer, v.copy(), w.copy(), hint=hint)
    return diagnose("u", u, expected, slips, ("row", "column", "k", "o"))


def _kernel_of(v: Array, w: Array) -> Array:
    """Kernel (5, 5, C, O) of two convolutions: a map with a single 1 leaves it turned by 180°."""
    channels, middle, features = v.shape[2], v.shape[3], w.shape[3]
    kernel = np.zeros((5, 5, channels, features))
    for k in range(channels):
        spot = np.zeros((9, 9, channels))
        spot[4, 4, k] = 1
        between = conv2d.forward(spot, v, np.zeros(middle))
        kernel[:, :, k] = conv2d.forward(between, w, np.zeros(features))[::-1, ::-1]
    return kernel


def _overwritten(v: Array, w: Array) -> Array:
    """What is left of the kernel (5, 5, C, O) where each pair of taps replaces the one before."""
    kernel = np.zeros((5, 5, v.shape[2], w.shape[3]))
    for i, j, p, q in np.ndindex(3, 3, 3, 3):
        kernel[i + p, j + q] = v[i, j] @ w[p, q]
    return kernel
