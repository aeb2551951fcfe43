"""Checks of the exercises of chapter 3, ReLU and max-pooling."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from exercises.diagnosis import changed, empty
from exercises.verdict import (
    array,
    ask,
    difference,
    drawn,
    exercise,
    several,
    trials,
    yes_or_no,
)
from exercises.watching import borrowed
from minunet.array import Array
from minunet.ops import maxpool

NAMES = ("y", "argmax")


@exercise(
    "Of equal numbers the first wins, and the largest of negative numbers is negative.",
    "The answer is two lists of two numbers each.",
    hints=(
        "y is the largest number of each block. argmax is the tap where that number is found.",
        "Both blocks contain a tie, and the first tap in reading order wins. The taps are 0 1 in "
        "the upper row and 2 3 in the lower row.",
    ),
)
def check_pooled_by_hand(answer: tuple[list[float], list[int]]) -> str | None:
    """Check the pooling of the blocks 4 4 / 9 9 and -1 -2 / -3 -1.

    Parameters
    ----------
    answer : ([y, y], [argmax, argmax])
    """
    y, argmax = (
        array(name, part).tolist() for name, part in zip(NAMES, several(NAMES, answer), strict=True)
    )
    if np.shape(y) != (2,) or np.shape(argmax) != (2,):
        return "the answer is two lists of two numbers each. A tap is one number, from 0 to 3."
    if (y, argmax) == ([9, 2], [-1, 0]):
        return "that is one list for each block. Give both numbers of y first, then both of argmax."
    if y == [9, 0]:
        return "y[1] is 0, but none of -1 -2 -3 -1 is 0. There is no ReLU before the pooling."
    if y != [9, -1]:
        return f"y is {y}: take the largest number of each block, including its sign."
    if argmax == [3, 3] or argmax == [3, 0] or argmax == [2, 3]:
        return f"argmax is {argmax}. Of equal numbers, the first in reading order wins."
    if argmax == [3, 1]:
        return "argmax is [3, 1]: the taps are counted from 0."
    if argmax != [2, 0]:
        return (
            f"argmax is {argmax}: the taps are 0 1 in the upper row of a block, 2 3 in the lower."
        )
    return None


@exercise(
    "A ReLU keeps the order of numbers, so it can come before or after a maximum. After it, it "
    "has only a quarter of the work. The winner and the gate are the same, so dx is the same "
    "too.",
    "The answer is two values, each True or False.",
    hints=(
        "Try it with numbers: one block with a positive maximum, and one block in which every "
        "number is negative.",
        "A ReLU never puts a smaller number above a larger one. For each order, ask which number "
        "of the block gets the gradient, and whether the ReLU lets it through.",
    ),
)
def check_order(answer: tuple[bool, bool]) -> str | None:
    """Check whether ReLU and pooling may be exchanged: output, gradient.

    Parameters
    ----------
    answer : (bool, bool)
    """
    names = ("whether the output is the same", "whether the gradient is the same")
    same_y, same_dx = map(yes_or_no, names, several(names, answer))
    if not same_y:
        return (
            "the outputs are equal. Try the blocks 1 -2 / 3 -4 and -1 -2 / -3 -4: what does "
            "each order give?"
        )
    if not same_dx:
        return (
            "the gradients are equal. If the largest number of a block is positive, it wins in "
            "both orders. If not, what does the ReLU let through?"
        )
    return None


@exercise(
    "x and y have the same sign, so y is enough, as for the plain ReLU.",
    "The function returns dx, an array of the shape of dy.",
    hints=(
        "The slope of y with respect to x is 1 on one side of 0 and 1/10 on the other. How can you "
        "tell the side from y alone?",
        "y has the same sign as x. For each number, choose between dy and a tenth of dy by the "
        "sign of y, and write the result into a new array.",
    ),
)
def check_leaky_backward(answer: Callable[[Array, Array], Array]) -> str | None:
    """Check the gradient of a leaky ReLU of slope 1/10 against its two slopes, number by number.

    Parameters
    ----------
    answer : callable (dy, y) -> dx
    """
    for rng in trials(3):
        shape = drawn(rng, int(rng.integers(1, 4)), 1, 6)
        wrong = _leaky_backward(answer, rng.standard_normal(shape), rng.standard_normal(shape))
        if wrong:
            return wrong
    dy, y = rng.standard_normal((2, *shape))
    return changed(answer, {"dy": dy, "y": y}) or empty(answer, (dy, y))


def _leaky_backward(answer: Callable[[Array, Array], Array], x: Array, dy: Array) -> str | None:
    """Say what is wrong with the gradient of a leaky ReLU; None if nothing is."""
    y = np.array([v if v > 0 else v / 10 for v in x.ravel()]).reshape(x.shape)
    expected = np.array(
        [d if v > 0 else d / 10 for v, d in zip(x.ravel(), dy.ravel(), strict=True)]
    ).reshape(x.shape)
    kept_dy, kept_y = dy.copy(), y.copy()
    dx = array("dx", ask(answer, dy, y))
    if not (np.array_equal(dy, kept_dy) and np.array_equal(y, kept_y)):
        return "your function writes to an argument. Compute a new array."
    wrong = difference("dx", dx, expected)
    if wrong and dx.shape == x.shape:
        if np.array_equal(dx, dy * (y > 0)):
            return "where y < 0, dx is 0: that is the plain ReLU. The leaky one has the slope 1/10."
        if np.allclose(dx, np.where(y > 0, dy, y / 10)):
            return "where y < 0, dx is y / 10: that is the forward. The slope multiplies dy."
        if np.allclose(dx, np.where(y > 0, dy, 10 * dy)):
            return (
                "where y < 0, dx is 10 dy. The slope is that of y with respect to x, which is "
                "1/10, not that of x with respect to y."
            )
        if np.allclose(dx, np.where(y > 0, dy, -dy / 10)):
            return "where y < 0, dx has the other sign: the slope is 1/10 there, not -1/10."
        if np.allclose(dx, np.where(dy > 0, dy, dy / 10)):
            return "the sign of dy chooses the slope, but the sign of y should."
        if np.allclose(dx, np.where(y > 0, dy / 10, dy)):
            return "the two sides are exchanged: the slope is 1 where y > 0."
    return wrong


@exercise(
    "Every number of dy is in dx once, at the place of its winner.",
    "The function returns dx, an array (H, W, C).",
    hints=(
        "Each number of dy goes to one pixel of its 2×2 block: the one that won. The other three "
        "pixels get 0.",
        "Begin with zeros, twice as high and twice as wide as dy. For each tap, compute its row i "
        "and column j within a block. The pixels (i, j) of all blocks are a slice with step 2. "
        "They get dy where argmax is this tap, and 0 elsewhere.",
    ),
)
def check_maxpool_backward(answer: Callable[[Array, Array], Array]) -> str | None:
    """Check the gradient of max-pooling against a literal loop, on maps of several sizes.

    Parameters
    ----------
    answer : callable (dy, argmax) -> dx
    """
    if answer is maxpool.backward:
        return "that is minunet's own function. Write it yourself."
    for shape, rng in zip(
        ((3, 5, 2), (1, 1, 1), (4, 4, 3), None, None, None), trials(4), strict=False
    ):
        dy = rng.standard_normal(shape or drawn(rng, 3, 1, 6))
        argmax = rng.integers(0, 4, dy.shape).astype(np.uint8)
        wrong = _maxpool_backward(answer, dy, argmax)
        if wrong:
            return wrong
    wrong = changed(answer, {"dy": dy, "argmax": argmax})
    return wrong or borrowed(answer, dy.copy(), argmax.copy())


def _maxpool_backward(
    answer: Callable[[Array, Array], Array], dy: Array, argmax: Array
) -> str | None:
    """Say what is wrong with the gradient of max-pooling; None if nothing is."""
    rows, columns, channels = dy.shape
    expected, swapped, near, quarters = np.zeros((4, 2 * rows, 2 * columns, channels))
    for r, c, k in np.ndindex(dy.shape):
        i, j = divmod(int(argmax[r, c, k]), 2)
        expected[2 * r + i, 2 * c + j, k] = dy[r, c, k]
        swapped[2 * r + j, 2 * c + i, k] = dy[r, c, k]
        near[r + i, c + j, k] = dy[r, c, k]
        quarters[rows * i + r, columns * j + c, k] = dy[r, c, k]
    hint = f" dx is {expected.shape}, and tap (i, j) of all its blocks is dx[i::2, j::2]."
    dx = array("dx", ask(answer, dy.copy(), argmax.copy(), hint=hint))
    wrong = difference("dx", dx, expected)
    if wrong is None:
        return empty(answer, (dy, argmax)) and NOT_FILLED
    if dx.shape == expected.shape:
        if np.array_equal(dx, swapped):
            return (
                "rows and columns of a tap are exchanged: tap 1 is (0, 1), to the right of tap 0."
            )
        if np.array_equal(dx, near):
            return "dy[r, c] went to pixel (r + i, c + j), but its block begins at (2r, 2c)."
        if np.array_equal(dx, quarters):
            return (
                "each tap fills a quarter of the map: tap (i, j) of all blocks is dx[i::2, j::2]."
            )
        if np.array_equal(dx, dy.repeat(2, axis=0).repeat(2, axis=1)):
            return "all four pixels of a block get dy, but only the winner should."
        if np.allclose(dx, dy.repeat(2, axis=0).repeat(2, axis=1) / 4):
            return (
                "dy is shared among the pixels of a block: that is the gradient of a mean. In "
                "max-pooling the winner takes all."
            )
    return NOT_FILLED if empty(answer, (dy, argmax)) else wrong


NOT_FILLED = "np.empty contains whatever was in memory. The pixels that did not win need a 0."
