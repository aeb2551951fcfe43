"""Exercises of chapter 8: mirrored pixels, steps without seams, a cover, an average."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from exercises.diagnosis import changed
from exercises.verdict import array, ask, difference, drawn, exercise, trials, wholes
from minunet.array import Array


@exercise(
    "The indices go there and back with the period 4, and no edge pixel is repeated.",
    "The answer is a list of nine whole numbers.",
    hints=(
        "The mirror stands at the edge pixel, so index -1 reads pixel 1. The edge pixel is not "
        "repeated.",
        "Write down the indices -3 to 5. Those from 0 to 2 stay. An index below 0 becomes its "
        "negative, and an index i above 2 becomes 4 - i. Repeat until every index lies inside.",
    ),
)
def check_mirrored(answer: Sequence[int]) -> str | None:
    """Check the indices of 9 mirrored pixels of an axis of 3, from the third before it.

    Parameters
    ----------
    answer : (9,) integers
    """
    given = wholes("the indices", answer)
    expected = [_reflected(i, 3) for i in range(-3, 6)]
    slips = {
        "symmetric": (
            "the edge pixel appears twice. The mirror stands at the edge pixel, so it should "
            "appear once"
        ),
        "edge": "the edge pixel is repeated for ever. That is edge padding, not mirroring",
        "wrap": "that starts again at the other end, but a mirror reverses the direction",
    }
    for mode, slip in slips.items():
        if given == np.pad(np.arange(3), 3, mode=mode).tolist():  # type: ignore[call-overload]
            return f"{slip}."
    if len(given) != len(expected):
        return f"your list has {len(given)} indices, but the call asks for 9."
    for k, (i, right) in enumerate(zip(given, expected, strict=True)):
        if i != right:
            return (
                f"entry {k} of your list, for index {k - 3}, is {i}. Reflect the index at 0 and "
                "at 2 until it lies inside."
            )
    return None


def _reflected(i: int, size: int) -> int:
    """Walk back from an edge until the index is inside."""
    while not 0 <= i < size:
        i = -i if i < 0 else 2 * (size - 1) - i
    return i


@exercise(
    "Three poolings allow shifts by multiples of 8. A shorter step needs more tiles, and is "
    "just as exact.",
    "The answer is a set of whole numbers, such as {30, 12}.",
    hints=(
        "A step is exact if the shift is even at every pooling.",
        "Halve each step as often as the network pools. If it is a whole number each time, the "
        "step is exact. A step may be shorter than the output, because tiles may overlap.",
    ),
)
def check_steps(answer: set[int]) -> str | None:
    """Check which steps of outputs of 36 pixels are exact at depth 3.

    Parameters
    ----------
    answer : set of integers
    """
    given = set(wholes("the steps", answer))
    offered = (36, 32, 30, 28, 24, 20, 16, 12, 8)
    if given - set(offered):
        return f"{min(given - set(offered))} is not one of the steps in the question."
    exact = {step for step in offered if _survives_poolings(step, 3)}
    for step in sorted(given - exact):
        left, poolings = step, 0
        while left % 2 == 0:
            left, poolings = left // 2, poolings + 1
        return (
            f"{step} can be halved {poolings} times, to {left}. The next pooling then sees an "
            "odd shift."
        )
    if given != exact:
        return f"{min(exact - given)} is exact, too: tiles may overlap."
    return None


def _survives_poolings(shift: int, depth: int) -> bool:
    """Whether a row that is shifted comes out of the poolings as the same row, shifted."""
    row = np.random.default_rng(2).permutation(400)

    def pooled(row: Array) -> Array:
        for _ in range(depth):
            row = row[: len(row) // 2 * 2].reshape(-1, 2).max(axis=1)
        return row

    still, shifted = pooled(row), pooled(row[shift:])
    return any(np.array_equal(shifted[:20], still[k : k + 20]) for k in range(len(still) - 20))


@exercise(
    "No gap, no unnecessary tile, and every origin is a multiple of 2^depth: the scores are "
    "those of a single pass.",
    "The function returns a list of whole numbers, the first of them 0.",
    hints=(
        "The step is the largest multiple of 2^depth that is not larger than the output of a tile. "
        "`tiling.aligned_step` computes it.",
        "The first tile covers as many pixels as its output has. Each further tile covers one step "
        "more. How many further tiles do the remaining pixels need? Round up, and do not go below "
        "0.",
    ),
)
def check_origins(answer: Callable[[int, int, int], Sequence[int]]) -> str | None:
    """Check a cover of an axis by painting it.

    Parameters
    ----------
    answer : callable (size, depth, tile) -> origins of the outputs
    """
    cases = [(772, 4, 572), (773, 4, 572), (30, 1, 24), (20, 1, 24), (1, 4, 572)]
    for rng in trials(8, 20):
        depth, bottom = (int(value) for value in rng.integers((1, 8), (5, 20)))
        tile = 2**depth * (bottom + 4) - 4
        if tile - 2 * (6 * 2**depth - 4) >= 2**depth:  # else its output is shorter than a step
            cases.append((int(rng.integers(1, 4 * tile)), depth, tile))
    for size, depth, tile in cases:
        output, unit = tile - 2 * (6 * 2**depth - 4), 2**depth
        origins = wholes("the origins", ask(answer, size, depth, tile))
        case = (
            f"for size {size}, depth {depth}, tile {tile} and output {output}, your list {origins}"
        )
        if not origins or origins[0] != 0:
            return (
                f"{case} does not begin at 0. The margin that a tile needs before pixel 0 is "
                "mirrored."
            )
        painted = np.zeros(size, int)
        for first in origins:
            if first % unit:
                return f"{case} contains {first}, which is not a multiple of 2^{depth} = {unit}."
            painted[first : first + output] += 1
        if not painted.all():
            return f"{case} leaves pixel {np.argmin(painted)} uncovered."
        fewest = next(
            n for n in range(1, 999) if (n - 1) * (output // unit * unit) + output >= size
        )
        if len(origins) > fewest:
            hint = "Is the last one unnecessary, or the step too short?"
            return f"{case} has {len(origins)} tiles, but {fewest} would do. {hint}"
    return None


@exercise(
    "Flip, compute the scores, flip them back, and only then average.",
    "The function returns an array of scores (H, W, K).",
    hints=(
        "Flip the image, compute its scores, and flip the scores back before you add them.",
        "Slices with a step of 1 or -1 flip rows and columns. Loop over both directions of both "
        "axes, apply the same slices to the image and to its scores, and divide the sum by 4.",
    ),
)
def check_average_flips(answer: Callable[..., Array]) -> str | None:
    """Check the average of 4 flips pixel by pixel, with scores that depend on the place.

    Parameters
    ----------
    answer : callable (scores_of, image (H, W, C)) -> (H, W, K)
    """
    for shape, rng in zip(
        ((5, 7, 1, 3), (4, 4, 2, 2), (1, 3, 2, 1), None, None), trials(5), strict=False
    ):
        wrong = _average_flips(answer, *(shape or drawn(rng, 4, 1, 7)), rng)
        if wrong:
            return wrong
    return changed(
        lambda image: answer(lambda x: x.copy(), image), {"image": rng.random((4, 4, 2))}
    )


def _average_flips(answer: Any, *drawing: Any) -> str | None:
    """Say what is wrong with an average of scores (h, v, K) of an image (h, v, C)."""
    h, v, channels, classes, rng = drawing
    image, place = rng.standard_normal((h, v, channels)), rng.standard_normal((h, v, classes))
    asked = []

    def scores_of(image: Array) -> Array:
        if np.shape(image) != (h, v, channels):
            raise ValueError(
                f"scores_of was given an image {np.shape(image)}, not {(h, v, channels)}"
            )
        asked.append(image)
        return image.sum(axis=2, keepdims=True) * place + np.cumsum(image[..., :1], axis=1)

    given = array("the average", ask(answer, scores_of, image.copy()))
    if len(asked) != 4:
        return (
            "scores_of should be called 4 times: with no flip, up-down, left-right and both. "
            f"The number of your calls is {len(asked)}."
        )
    expected, stay = np.zeros((2, h, v, classes))
    for down in (1, -1):
        for across in (1, -1):
            scores = scores_of(image[::down, ::across])
            for r, c in np.ndindex(h, v):
                at = r if down > 0 else h - 1 - r, c if across > 0 else v - 1 - c
                expected[r, c] += scores[at] / 4
            stay += scores / 4
    wrong = difference("the average", given, expected)
    if wrong is None:
        return None
    if given.shape == expected.shape and np.allclose(given, stay):
        return "the scores of a flipped image are flipped, too: flip them back before you add them."
    if given.shape == expected.shape and np.allclose(given, 4 * expected):
        return "that is the sum: divide it by 4."
    return (
        f"{wrong} Are all scores flipped back in the same way as their images, and then averaged?"
    )
