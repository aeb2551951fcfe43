"""Checks of the exercises of chapter 3, ReLU and max-pooling."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from exercises.diagnosis import RAISED, empty, line_of
from exercises.verdict import ask, difference, exercise
from minunet.array import Array
from minunet.ops import maxpool


@exercise("The first of equals wins, and the largest of negative numbers is negative.")
def check_pooled_by_hand(answer: tuple[list[float], list[int]]) -> str | None:
    """Check the pooling of the blocks 4 4 / 9 9 and -1 -2 / -3 -1.

    Parameters
    ----------
    answer : ([y, y], [argmax, argmax])
    """
    try:
        y, argmax = np.asarray(answer).reshape(2, 2).tolist()
    except ValueError:
        return "answer with two lists of two numbers each; a tap is one number, from 0 to 3."
    if y == [9, 0]:
        return "y[1] is 0, but the largest of -1 -2 -3 -1 is not: no ReLU stands before it."
    if y != [9, -1]:
        return f"y is {y}: take the largest number of each block, the sign included."
    if argmax == [3, 3] or argmax == [3, 0] or argmax == [2, 3]:
        return f"argmax is {argmax}: of equal numbers the first in reading order wins."
    if argmax == [3, 1]:
        return "argmax is [3, 1]: the taps are counted from 0."
    if argmax != [2, 0]:
        return (
            f"argmax is {argmax}: the taps are 0 1 in the upper row of a block, 2 3 in the lower."
        )
    return None


@exercise(
    "A ReLU keeps the order of numbers, so it may act before or after a maximum; "
    "after it, on a quarter of them. The winner and the gate are the same, so dx is, too."
)
def check_order(answer: tuple[bool, bool]) -> str | None:
    """Check whether ReLU and pooling may be exchanged: output, gradient.

    Parameters
    ----------
    answer : (bool, bool)
    """
    if np.shape(answer) != (2,) or any(value not in (True, False) for value in answer):
        return "the answer should be two of True and False: of the output, and of the gradient."
    same_y, same_dx = answer
    if not same_y:
        return (
            "the outputs are equal. Try the blocks 1 -2 / 3 -4 and -1 -2 / -3 -4: "
            "what does either order make of them?"
        )
    if not same_dx:
        return (
            "the gradients are equal. If the largest number of a block is positive it wins in "
            "either order; if not, what does the ReLU let through?"
        )
    return None


@exercise("x and y have the same sign, so y is enough, as for the plain ReLU.")
def check_leaky_backward(answer: Callable[[Array, Array], Array]) -> str | None:
    """Check the gradient of a leaky ReLU of slope 1/10 against its two slopes, number by number.

    Parameters
    ----------
    answer : callable (dy, y) -> dx
    """
    rng = np.random.default_rng(3)
    x, dy = rng.standard_normal((5, 4, 3)), rng.standard_normal((5, 4, 3))
    y = np.array([v if v > 0 else v / 10 for v in x.ravel()]).reshape(x.shape)
    expected = np.array(
        [d if v > 0 else d / 10 for v, d in zip(x.ravel(), dy.ravel(), strict=True)]
    ).reshape(x.shape)
    kept_dy, kept_y = dy.copy(), y.copy()
    dx = np.asarray(ask(answer, dy, y))
    if not (np.array_equal(dy, kept_dy) and np.array_equal(y, kept_y)):
        return "an argument was written to: compute a new array."
    if dx.shape == x.shape:
        if np.array_equal(dx, dy * (y > 0)):
            return "where y < 0, dx is 0: that is the plain ReLU. The leaky one has the slope 1/10."
        if np.allclose(dx, np.where(y > 0, dy, y / 10)):
            return "where y < 0, dx is y / 10: that is the forward. The slope belongs to dy."
        if np.allclose(dx, np.where(y > 0, dy, 10 * dy)):
            return (
                "where y < 0, dx is 10 dy: a slope is that of y over x, 1/10, and not of x over y."
            )
        if np.allclose(dx, np.where(y > 0, dy, -dy / 10)):
            return "where y < 0, dx has the other sign: the slope is 1/10 there, and not -1/10."
        if np.allclose(dx, np.where(y > 0, dy / 10, dy)):
            return "the two sides are exchanged: the slope is 1 where y > 0."
    return difference("dx", dx, expected)


@exercise("Every number of dy is in dx once, at the place of its winner.")
def check_maxpool_backward(answer: Callable[[Array, Array], Array]) -> str | None:
    """Check the gradient of max-pooling against a literal loop, on a map that is not square.

    Parameters
    ----------
    answer : callable (dy, argmax) -> dx
    """
    if answer is maxpool.backward:
        return "that is the package's own. Write it yourself."
    rng = np.random.default_rng(4)
    dy = rng.standard_normal((3, 5, 2))
    argmax = rng.integers(0, 4, dy.shape).astype(np.uint8)
    expected, swapped, near, quarters = np.zeros((4, 6, 10, 2))
    for r, c, k in np.ndindex(dy.shape):
        i, j = divmod(int(argmax[r, c, k]), 2)
        expected[2 * r + i, 2 * c + j, k] = dy[r, c, k]
        swapped[2 * r + j, 2 * c + i, k] = dy[r, c, k]
        near[r + i, c + j, k] = dy[r, c, k]
        quarters[3 * i + r, 5 * j + c, k] = dy[r, c, k]
    try:
        dx = np.asarray(ask(answer, dy.copy(), argmax.copy()))
    except RAISED as error:
        return (
            f"with dy and argmax {dy.shape} it raised {type(error).__name__}"
            f"{line_of(error, answer)}: {error}. dx is {expected.shape}, and tap (i, j) of all its "
            "blocks is dx[i::2, j::2]."
        )
    if dx.shape == expected.shape:
        if np.array_equal(dx, swapped):
            return (
                "rows and columns of a tap are exchanged: tap 1 is (0, 1), to the right of tap 0."
            )
        if np.array_equal(dx, near):
            return "dy[r, c] went to pixel (r + i, c + j): its block begins at (2r, 2c)."
        if np.array_equal(dx, quarters):
            return (
                "each tap fills a quarter of the map: tap (i, j) of all blocks is dx[i::2, j::2]."
            )
        if np.array_equal(dx, dy.repeat(2, axis=0).repeat(2, axis=1)):
            return "all four pixels of a block get dy; only the winner may."
        if np.allclose(dx, dy.repeat(2, axis=0).repeat(2, axis=1) / 4):
            return (
                "dy is shared by the block: that is the gradient of a mean. The winner takes all."
            )
    unfilled = empty(answer, (dy, argmax))
    if unfilled:
        return "np.empty holds whatever was in the memory: the pixels that did not win need a 0."
    return difference("dx", dx, expected)
