"""Exercises of chapter 7: sizes, the plus, what a skip sees."""

from __future__ import annotations

from collections.abc import Callable
from math import isclose, sqrt
from typing import Any

import numpy as np

from exercises.diagnosis import changed
from exercises.verdict import (
    Unanswered,
    array,
    ask,
    difference,
    exercise,
    number,
    several,
    trials,
    whole,
)
from minunet.array import Array
from minunet.gradcheck import numerical_gradient
from minunet.ops import conv2d, crop_concat, maxpool, upconv


@exercise(
    "Two rules give every size in a U-Net, and N is the number of values that one output pixel "
    "adds up.",
    "The answers are bottom, output and std, three numbers.",
    hints=(
        "On the way down, each level loses 4 pixels and is then halved. On the way up, each level "
        "is doubled and then loses 4.",
        "For bottom, subtract 4 and halve, three times. For output, subtract 4 at the bottom; then "
        "double and subtract 4, three times. For std, N is the number of values that one output "
        "pixel of an up-convolution adds up: one tap of every input channel.",
    ),
)
def check_three_numbers(answer: tuple[int, int, float]) -> str | None:
    """Check the sizes of a tile of 124 pixels at depth 3, and the spread of an up-convolution.

    Parameters
    ----------
    answer : (bottom, output, std)
        Pixels that reach the bottom, pixels that come out, and √(2/N) of a kernel of the shape
        (2, 2, 1024, 512).
    """
    bottom, output, std = several(("bottom", "output", "std"), answer)
    if any(value is ... for value in answer):
        raise Unanswered
    bottom, output, std = whole("bottom", bottom), whole("output", output), number("std", std)
    down = [124]
    for _ in range(3):
        down.append((down[-1] - 4) // 2)
    up = [down[-1] - 4]
    for _ in range(3):
        up.append(2 * up[-1] - 4)
    if bottom != down[-1]:
        hint = ": that is the number after its convolutions" if bottom == up[0] else ""
        return (
            f"{bottom} is not the number of pixels that reach the bottom{hint}. Each level "
            f"removes 4 and halves: {down[0]}, then {down[1]}, …"
        )
    if output != up[-1]:
        hint = " The margin is lost on both sides." if output == 124 - 44 else ""
        return (
            f"{output} is not the number of output pixels.{hint} The bottom leaves {up[0]}. Then "
            "each of three levels doubles and removes 4."
        )
    if isclose(std, sqrt(2 / 1024), rel_tol=0.01):  # rounded by hand is right
        return None
    if isclose(std, sqrt(2 / 1024), rel_tol=0.1):
        return f"std is {std:.4g}, which is rounded too far: give three digits, or the formula."
    if isclose(std, 2 / 1024, rel_tol=0.03):
        return (
            f"std is {std:.4g}. That is 2/N, whose square root is missing, or its N is 1024 · 512: "
            "one output pixel adds up the inputs of one output channel."
        )
    for n, slip in (
        (4 * 1024, "all four taps"),
        (4 * 512, "the outputs, as the 2015 release did, or the 2 of √(2/N) is missing"),
    ):
        if isclose(std, sqrt(2 / n), rel_tol=0.01):
            return f"std is {std:.4g}: its N counts {slip}. How many inputs does one output add up?"
    return (
        f"{std:.4g} is not right. How many numbers does one output pixel of the up-convolution "
        "add up?"
    )


@exercise(
    "The gradient of the copy is added. Without it, every gradient on the left side of the U "
    "would be wrong.",
    "The function returns three arrays, da, dw and dwu.",
    hints=(
        "Read little_u from its last line to its first, and call the backward of each op. The map "
        "a is used twice.",
        "crop_concat.backward gives two gradients: one of the upsampled map and one of the copy. "
        "Follow the first one through upconv, conv2d and maxpool. The second one is added to what "
        "arrives at a.",
    ),
)
def check_backward(answer: Callable[..., tuple[Array, ...]]) -> str | None:
    """Check the gradients of the smallest U against central differences.

    Parameters
    ----------
    answer : callable (dy, a, argmax, pooled, bottom, w, wu) -> da, dw, dwu
        Backward of `y = crop_concat(upconv(conv2d(maxpool(a))), a)`, all biases 0.
    """
    cases = ((10, 14, 2, 4, 3), (6, 8, 1, 2, 1), (8, 6, 3, 1, 2), (8, 8, 2, 2, 2))
    for sizes, rng in zip(cases, trials(7), strict=False):
        wrong = _backward(answer, sizes, rng)
        if wrong:
            return wrong
    return None


def _backward(
    answer: Callable[..., tuple[Array, ...]], sizes: tuple[int, ...], rng: np.random.Generator
) -> str | None:
    """Say what is wrong with the gradients of a U of some sizes; None if nothing is."""
    rows, columns, channels, middle, features = sizes
    a = rng.permutation(rows * columns * channels).reshape(rows, columns, channels) / 100.0
    w = rng.standard_normal((3, 3, channels, middle))  # of a no two are alike: no tie
    wu = rng.standard_normal((2, 2, middle, features))
    zero = [np.zeros(middle), np.zeros(features)]

    def forward() -> tuple[Array, ...]:
        pooled, argmax = maxpool.forward(a)
        bottom = conv2d.forward(pooled, w, zero[0])
        y = crop_concat.forward(upconv.forward(bottom, wu, zero[1]), a)
        return y, argmax, pooled, bottom

    y, argmax, pooled, bottom = forward()
    dy = rng.standard_normal(y.shape)
    arguments = {"dy": dy, "a": a, "argmax": argmax, "pooled": pooled, "bottom": bottom}
    arguments |= {"w": w, "wu": wu}
    names = ("da", "dw", "dwu")
    given = several(names, ask(answer, *(value.copy() for value in arguments.values())))
    given = [array(name, gradient) for name, gradient in zip(names, given, strict=True)]
    if (np.shape(given[1]), np.shape(given[2])) == (wu.shape, w.shape) != (w.shape, wu.shape):
        return "dw and dwu are exchanged: return da, dw, dwu."

    def slope(x: Array) -> Array:
        every = list(np.ndindex(x.shape))
        return numerical_gradient(lambda: float(np.sum(dy * forward()[0])), x, every).reshape(
            x.shape
        )

    da = slope(a)
    across = np.zeros_like(a)
    across[2:-2, 2:-2] = dy[..., features:]
    if np.shape(given[0]) == da.shape and not _close(given[0], da):
        if np.allclose(given[0], da - 2 * across, atol=1e-6):
            return "the gradient of the copy is subtracted from da, but it should be added."
        inner = np.asarray(given[0] - (da - across))
        if not np.allclose(inner, across, atol=1e-6) and np.isclose(inner.sum(), across.sum()):
            return (
                "the gradient of the copy is in the wrong place of da: the forward copies the "
                "centre of a."
            )
        for part, missing in ((da - across, "of the copy"), (across, "from below")):
            if np.allclose(given[0], part, atol=1e-6):
                return (
                    f"da lacks the gradient {missing}. a is used twice, so two gradients come back."
                )
    if channels != features and _close(
        given[2], upconv.backward(dy[..., channels:], bottom, wu)[1]
    ):
        return "the channels of dy are in another order: those of the upsampled map come first."
    wrong = difference("da", given[0], da, 1e-6)
    wrong = wrong or difference("dw", given[1], slope(w), 1e-6)
    wrong = wrong or difference("dwu", given[2], slope(wu), 1e-6)
    return wrong or changed(answer, arguments)


@exercise(
    "A skip connection sees a small region sharply, and the bottom sees a large region "
    "coarsely. The U has both.",
    "The function returns two whole numbers, first and last.",
    hints=(
        "Go backwards from the output: up the right side of the U, across the copy, and down the "
        "left side to the image. Each op changes first and last in its own way.",
        "Two convolutions make last grow by 4. An up-convolution halves both, rounding down. The "
        "copy adds to both half of the difference between the sizes on its two sides. A pooling "
        "doubles both, and adds 1 to last.",
    ),
)
def check_through_skip(answer: Callable[[int, int, int], tuple[int, int]]) -> str | None:
    """Check what an output pixel sees through one skip, against sets of pixels, arrow by arrow.

    Parameters
    ----------
    answer : callable (r, level, depth) -> first, last
        Input pixels along one axis.
    """
    for depth in (4, 3, 1, 2):
        for level in range(depth):
            for r in (0, 3, 7, 21, *(int(rng.integers(0, 120)) for rng in trials(level))):
                pixels = _through_skip(r, level, depth)
                expected = min(pixels), max(pixels)
                ends = several(("first", "last"), ask(answer, r, level, depth))
                given = whole("first", ends[0]), whole("last", ends[1])
                if given != expected:
                    return _slip(given, expected, r, level, depth)
    return None


def _close(given: Any, expected: Array) -> bool:
    """Whether an answer is an array, up to rounding."""
    return np.shape(given) == expected.shape and np.allclose(given, expected, atol=1e-6)


def _through_skip(r: int, level: int, depth: int) -> set[int]:
    """All input pixels that output pixel r sees through the skip of a level."""
    sizes, size = [], 2**depth * 20 - 4  # any legal tile
    for _ in range(depth):
        sizes.append(size - 4)
        size = (size - 4) // 2
    crops = {}
    for k in reversed(range(depth)):
        size = 2 * (size - 4)
        crops[k] = (sizes[k] - size) // 2
    pixels = {r}
    for k in range(level + 1):
        pixels = {p + tap for p in pixels for tap in range(5)}  # two convolutions
        if k < level:
            pixels = {p // 2 for p in pixels}
    pixels = {p + crops[level] for p in pixels}
    for k in range(level + 1):
        pixels = {p + tap for p in pixels for tap in range(5)}
        if k < level:
            pixels = {2 * p + tap for p in pixels for tap in range(2)}
    return pixels


def _slip(given: tuple[int, ...], expected: tuple[int, int], r: int, level: int, depth: int) -> str:
    """Say what an answer got wrong."""
    hint = ""
    if given == expected[::-1]:
        hint = " They are exchanged: first, then last."
    elif given[1] - given[0] == expected[1] - expected[0]:
        hint = " The width is right, but the place is not. By how much is this copy cropped?"
    else:
        hint = (
            " The width is wrong. There are two convolutions on each level, on both sides of "
            "the U, and a pooling reads 2r and 2r + 1."
        )
    return (
        f"through the copy of level {level} at depth {depth}, output pixel {r} sees the pixels "
        f"{expected[0]} to {expected[1]}, but your answer is {given}.{hint}"
    )
