"""Checks of the exercises of chapter 4, up-convolution."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from exercises.diagnosis import changed, empty
from exercises.verdict import array, ask, difference, drawn, exercise, several, trials
from exercises.watching import borrowed, only
from minunet.array import Array


def _literal(x: Array, w: Array, b: Array) -> Array:
    """Up-convolution (2H, 2W, O), one number at a time."""
    (rows, columns, channels), outputs = x.shape, w.shape[3]
    y = np.zeros((2 * rows, 2 * columns, outputs))
    for r, c, i, j, m, o in np.ndindex(rows, columns, 2, 2, channels, outputs):
        y[2 * r + i, 2 * c + j, o] += x[r, c, m] * w[i, j, m, o]
    return y + b


@exercise(
    "Two stamps side by side, and the bias on every pixel.",
    "The answer is two rows of four numbers.",
    hints=(
        "Every pixel of x makes a 2×2 block of y: the kernel times that pixel.",
        "The left block is 2 times the kernel, and the right block is -1 times the kernel. Then "
        "add the bias to all eight numbers, including those where the kernel is 0.",
    ),
)
def check_stamped(answer: list[list[float]]) -> str | None:
    """Check the up-convolution of 2 -1 with the kernel 1 0 / 3 2 and the bias 1.

    Parameters
    ----------
    answer : (2, 4)
    """
    given = array("y", answer)
    expected = np.array([[3.0, 1, 0, 1], [7, 5, -2, -1]])
    if given.shape == (2, 4):
        if np.array_equal(given, expected - 1):
            return "the bias is missing: it is added to every pixel."
        if np.array_equal(given, np.where(expected == 1, 0, expected)):
            return "the bias is added to every pixel, also where the kernel is 0."
        if np.array_equal(given, [[3, 7, 0, -2], [1, 5, 1, -1]]):
            return "each stamp is transposed: its upper row is 1 0 times the pixel."
        if np.array_equal(given, [[5, 7, -1, -2], [1, 3, 1, 0]]):
            return "each stamp is turned by 180°: its upper row is 1 0 times the pixel."
    return difference("y", given, expected)


@exercise(
    "Four equal taps, each the identity matrix: every channel reaches itself and no other.",
    "The function returns the kernel, an array (2, 2, C, C).",
    hints=(
        "Each of the four taps makes one pixel of every 2×2 block. All four pixels should be "
        "copies of the same pixel of x.",
        "w[i, j] is a C × C matrix, and x · w[i, j] should be x itself. Which matrix does that? "
        "All four taps are the same.",
    ),
)
def check_nearest_kernel(answer: Callable[[int], Array]) -> str | None:
    """Check the kernel of nearest-neighbour upsampling on a map of distinct numbers.

    Parameters
    ----------
    answer : callable (channels) -> (2, 2, C, C)
    """
    for channels in (1, 3, 2, 7, *(int(rng.integers(4, 12)) for rng in trials(3, 2))):
        w = array("the kernel", ask(answer, channels)).astype(float)
        if w.shape != (2, 2, channels, channels):
            return (
                f"the kernel has shape {w.shape}, but its shape should be (2, 2, {channels}, "
                f"{channels})."
            )
        x = 1.0 + np.arange(6 * channels).reshape(2, 3, channels)
        y = _literal(x, w, np.zeros(channels))
        expected = x.repeat(2, axis=0).repeat(2, axis=1)
        if np.allclose(y, x.sum(axis=-1, keepdims=True).repeat(2, axis=0).repeat(2, axis=1)):
            if channels > 1:
                return "every channel of y is the sum of all channels of x: w[i, j] mixes them."
        wrong = difference("the upsampled map", y, expected)
        if wrong and not np.ptp(y, axis=-1).any() and channels > 1:
            return "all channels of y are equal: w[i, j] mixes the channels of x."
        if wrong and np.allclose(y * 4, expected):
            return "y is a quarter of x. The blocks of y do not overlap, so nothing adds the rest."
        if wrong:
            return f"with C = {channels}, {wrong}"
    return None


@exercise(
    "dx is a convolution with stride 2, and dw is one matrix product for each tap.",
    "The function returns three arrays, dx, dw and db.",
    hints=(
        "In the forward, tap (i, j) makes every second pixel of y, from row i and column j. Loop "
        "over the same four taps.",
        "For each tap, take the slice of dy that the tap made. dx collects that slice times the "
        "transposed matrix of the tap. The tap's dw is summed over all pixels: each channel of x "
        "times each feature of the slice. db sums dy over all pixels.",
    ),
)
def check_upconv_backward(
    answer: Callable[[Array, Array, Array], tuple[Array, Array, Array]],
) -> str | None:
    """Check the gradients of the up-convolution against sums written out, one term at a time.

    Parameters
    ----------
    answer : callable (dy, x, w) -> dx, dw, db
    """
    for shape, rng in zip(
        ((2, 3, 4, 5), (1, 1, 1, 1), (3, 3, 2, 2), None, None), trials(5), strict=False
    ):
        rows, columns, channels, features = shape or drawn(rng, 4, 1, 5)
        x = rng.standard_normal((rows, columns, channels))
        w = rng.standard_normal((2, 2, channels, features))
        dy = rng.standard_normal((2 * rows, 2 * columns, features))
        wrong = _upconv_backward(answer, dy, x, w)
        if wrong:
            return empty(answer, (dy, x, w)) or wrong
    wrong = changed(answer, {"dy": dy, "x": x, "w": w}) or empty(answer, (dy, x, w))
    return wrong or borrowed(answer, dy.copy(), x.copy(), w.copy())


def _upconv_backward(
    answer: Callable[[Array, Array, Array], tuple[Array, Array, Array]],
    dy: Array,
    x: Array,
    w: Array,
) -> str | None:
    """Say what is wrong with the gradients of an up-convolution; None if nothing is."""
    dx, dw = np.zeros_like(x), np.zeros_like(w)
    for r, c, i, j, m, o in np.ndindex(*x.shape[:2], *w.shape):
        upstream = dy[2 * r + i, 2 * c + j, o]
        dx[r, c, m] += upstream * w[i, j, m, o]
        dw[i, j, m, o] += x[r, c, m] * upstream
    names = ("dx", "dw", "db")
    given = several(names, ask(answer, dy.copy(), x.copy(), w.copy()))
    given = [array(name, gradient) for name, gradient in zip(names, given, strict=True)]
    expected = {"dx": dx, "dw": dw, "db": dy.sum(axis=(0, 1))}
    found = [difference(n, g, e) for (n, e), g in zip(expected.items(), given, strict=True)]
    if not any(found):
        return None
    one_tap = [dy[i::2, j::2] @ w[i, j].T for i, j in np.ndindex(2, 2)]
    turned = sum(dy[i::2, j::2] @ w[1 - i, 1 - j].T for i, j in np.ndindex(2, 2))
    if np.shape(given[0]) == x.shape and np.allclose(given[0], turned):
        return "dx uses the taps turned by 180°: dy[i::2, j::2] belongs to w[i, j]."
    exchanged = sum(dy[i::2, j::2] @ w[j, i].T for i, j in np.ndindex(2, 2))
    if np.shape(given[0]) == x.shape and np.allclose(given[0], exchanged):
        return "dx uses the taps with i and j exchanged: dy[i::2, j::2] belongs to w[i, j]."
    rows, columns, _ = x.shape
    near = sum(dy[i : i + rows, j : j + columns] @ w[i, j].T for i, j in np.ndindex(2, 2))
    if found[0] and np.shape(given[0]) == x.shape and np.allclose(given[0], near):
        return "dx reads a window of dy for each tap, but the pixels of a tap are dy[i::2, j::2]."
    if any(np.shape(given[0]) == x.shape and np.allclose(given[0], t) for t in one_tap):
        return (
            "dx contains only one tap. Each x is in four pixels of y, and their gradients add up."
        )
    if np.shape(given[0]) == x.shape and np.allclose(4 * np.asarray(given[0]), dx):
        return "dx is the mean over the taps, but by the chain rule it is the sum."
    if np.shape(given[2]) in ((), (1,)) and dy.shape[2] > 1:
        return (
            "db is one number, but every feature has its own bias. Sum over rows and columns only."
        )
    return next((wrong for wrong in found if wrong), None)


@exercise(
    "Each 2×2 window contains one pixel and three zeros, so it uses one tap at a time.",
    "The function returns y, an array (2H, 2W, O).",
    hints=(
        "Put zeros between the pixels of x, so that every 2×2 window contains exactly one pixel.",
        "Make a map of zeros with 2H + 1 rows and 2W + 1 columns, and put x in its odd rows and "
        "columns. In the window at an even row, the pixel lies in the second row, where the kernel "
        "has i = 1. So the kernel must be turned by 180°.",
    ),
)
def check_as_convolution(answer: Callable[[Array, Array, Array], Array]) -> str | None:
    """Check the up-convolution by zeros and a convolution, against a literal loop.

    Parameters
    ----------
    answer : callable (x, w, b) -> y
    """
    for shape, rng in zip(
        ((3, 4, 2, 5), (1, 1, 1, 1), (3, 3, 2, 2), None, None), trials(6), strict=False
    ):
        rows, columns, channels, features = shape or drawn(rng, 4, 1, 6)
        x = rng.standard_normal((rows, columns, channels))
        w = rng.standard_normal((2, 2, channels, features))
        b = rng.standard_normal(features)
        wrong = _as_convolution(answer, x, w, b)
        if wrong:
            return empty(answer, (x, w, b)) or wrong
    wrong = changed(answer, {"x": x, "w": w, "b": b}) or empty(answer, (x, w, b))
    return wrong or only("conv2d.forward", answer, x, w, b)


def _as_convolution(
    answer: Callable[[Array, Array, Array], Array], x: Array, w: Array, b: Array
) -> str | None:
    """Say what is wrong with an up-convolution by zeros; None if nothing is."""
    y, expected = array("y", ask(answer, x.copy(), w.copy(), b.copy())), _literal(x, w, b)
    if y.shape == (expected.shape[0] - 1, expected.shape[1] - 1, expected.shape[2]):
        return f"y is {y.shape}, one row and one column too small: x needs zeros around it, too."
    wrong = difference("y", y, expected)
    if wrong and y.shape == expected.shape:
        if np.allclose(y + b, expected):
            return "the bias is missing."
        if np.allclose(y, _literal(x, w[::-1, ::-1], b)):
            return (
                "each 2×2 block of y is turned by 180°. In the first window the pixel lies at i "
                "= 1, so turn w."
            )
        if np.allclose(y, _literal(x, w.swapaxes(0, 1), b)):
            return "i and j of the taps are exchanged: i counts rows, j columns."
        for i, j in ((1, 1), (1, 0), (0, 1)):
            for kernel in (w, w[::-1, ::-1]):
                moved = _literal(x, kernel, b)[i:, j:]
                if min(x.shape[:2]) > 1 and np.allclose(y[: len(moved), : moved.shape[1]], moved):
                    turned = "" if kernel is w else " and turned by 180°"
                    return (
                        f"each 2×2 block of y is moved by one pixel{turned}. y[0, 0] should come "
                        "from x[0, 0], so put zeros above it and on its left."
                    )
        reached = np.zeros((3, 4, 1))
        reached[1, 1] = 1
        stamp = ask(answer, reached, np.ones((2, 2, 1, 1)), np.zeros(1))
        pixels = np.count_nonzero(array("y", stamp))
        if pixels > 4:
            return (
                f"a pixel of x reaches {pixels} pixels of y. Put zeros between the pixels, not "
                "copies."
            )
    return wrong
