"""Checks of the exercises of chapter 13, your own data."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from typing import Any

import numpy as np

from exercises.diagnosis import changed
from exercises.verdict import Unanswered, ask, drawn, exercise, kind, number, trials, whole
from minunet.array import Array

TAKEN = {
    "0, 255": ("classes", "these are membrane and cell, as in the ISBI challenge."),
    "0, 128, 255": ("refused", "with 0 and 255 there are two classes, and 128 is neither."),
    "0, 1, 2, each in many regions": (
        "classes",
        "0 … K-1 without a gap are classes, and a cell number fills one region. (If each number "
        "filled one region, minunet would refuse them.)",
    ),
    "0, 1, 3": (
        "refused",
        "the 2 is missing. These could be classes, or cells whose numbers have a gap.",
    ),
    "0, 1, …, 40, in uniform regions": (
        "cells",
        "more than 16 whole numbers in uniform regions are cells.",
    ),
    "0, 1, …, 255, a blurred mask": (
        "refused",
        "neighbouring pixels differ, so there are no regions and no cells.",
    ),
}
"""What the label values are taken for, and why."""


@exercise(
    "`train` says in its plan what it takes the labels for, and says in an error why it refuses "
    "them.",
    "The answer is a dict: the label values, and one of three words for each.",
    hints=(
        "minunet distinguishes classes from cells by the values and by their neighbours. If the "
        "values could mean two things, it refuses.",
        "Two values, 0 and 255, are classes. So are 0 … K-1 without a gap, if each has several "
        "regions. More than 16 whole numbers are cells if they form regions of one number each. "
        "Everything else is refused.",
    ),
)
def check_taken_for(answer: Mapping[str, str]) -> str | None:
    """Check what training takes label values for, against a table written by hand.

    Parameters
    ----------
    answer : mapping     label values -> "classes", "cells" or "refused"
    """
    if not isinstance(answer, Mapping):
        return f"the answer should be the dict of the exercise, but it is {kind(answer)}."
    for values in TAKEN:
        if values not in answer:
            return f"the dict has no {values!r}: keep its keys as they are."
    if any(answer[values] is ... for values in TAKEN):
        raise Unanswered
    for values, (right, why) in TAKEN.items():
        if answer[values] not in ("classes", "cells", "refused"):
            return f"{answer[values]!r} is not one of 'classes', 'cells', 'refused'."
        if answer[values] != right:
            return f"{values!r} is not {answer[values]!r}: {why}"
    return None


@exercise(
    "The threshold comes from slices whose score you do not report.",
    "The function returns the score, one number.",
    hints=(
        "The threshold must not be chosen on the slices whose score you report.",
        "Find the threshold with the highest score on the held-out slices. Report the score of the "
        "test slices at this threshold.",
    ),
)
def check_honest(answer: Callable[[Array, Array], float]) -> str | None:
    """Check the score of test slices at the threshold picked on slices held out.

    Parameters
    ----------
    answer : callable (held_out (N,), test (N,)) -> float
    """
    cases = [
        ([0.2, 0.5, 0.8, 0.6], [0.3, 0.72, 0.6, 0.4], 0.6),
        ([0.9, 0.1, 0.2], [0.5, 0.6, 0.7], 0.5),
        ([0.1, 0.4, 0.4, 0.2, 0.3], [0.8, 0.1, 0.2, 0.6, 0.7], 0.1),
    ]
    for rng in trials(13, 12):
        held_out = rng.permutation(np.linspace(0.11, 0.97, int(rng.integers(3, 20))))
        test = rng.uniform(0.05, 0.99, len(held_out)).round(3).tolist()
        held_out = held_out.round(3).tolist()
        cases.append((held_out, test, test[held_out.index(max(held_out))]))
    for held_out, test, right in cases:
        given = number("the score", ask(answer, np.array(held_out), np.array(test)))
        if math.isclose(given, right):
            continue
        slips = {
            max(
                test
            ): "that is the best score on the test slices: the threshold was chosen on them.",
            max(
                held_out
            ): "that is the score of the held-out slices, on which the threshold was chosen.",
            sum(test) / len(test): "that is the mean over all thresholds. Use one threshold.",
            held_out.index(max(held_out)): "that is the index of the threshold. Return the score.",
            held_out[
                test.index(max(test))
            ]: "the two are exchanged: choose the threshold on the held-out slices.",
            test[held_out.index(min(held_out))]: "that is the worst threshold: higher is better.",
            test[
                -1 - held_out[::-1].index(max(held_out))
            ]: "if several thresholds are equally good, take the lowest, as `evaluate` does.",
        }
        for slip, why in slips.items():
            if math.isclose(given, slip):
                return why
        return f"for held_out {held_out} and test {test} the score is {right}, not {given:.6g}."
    return changed(answer, {"held_out": np.array(held_out), "test": np.array(test)})


@exercise(
    "From pixels to tissue: these are the numbers to report.",
    "The function returns a dict, the number of each cell and its area.",
    hints=(
        "Count the pixels of each number, and leave out 0. The numbers may have gaps.",
        "np.unique can return how often each number occurs. A pixel is a square: convert its side "
        "to µm before you square it.",
    ),
)
def check_areas(answer: Callable[[Array, float], dict[int, float]]) -> str | None:
    """Check the areas of cells by counting pixel by pixel.

    Parameters
    ----------
    answer : callable (labels (H, W) integer, nanometres) -> {number: µm²}
    """
    first = np.array([[0, 2, 2, 0, 7], [2, 2, 0, 7, 7], [0, 0, 0, 7, 9]], np.uint16)
    cases = [(first, 500.0), (first, 4.0)]
    for rng in trials(14):
        numbers = np.array([0, 1, *drawn(rng, 3, 2, 900)], rng.choice([np.uint16, np.int64]))
        size = drawn(rng, 2, 1, 9)
        cases.append((numbers[rng.integers(0, 5, size)], float(rng.integers(2, 700))))
    cases.append((np.zeros((2, 3), int), 4.0))
    for labels, nanometres in cases:
        pixels: dict[int, int] = {}
        for k in labels.ravel().tolist():
            if k:
                pixels[k] = pixels.get(k, 0) + 1
        pixel = (nanometres / 1000) ** 2
        wrong = _areas(ask(answer, labels.copy(), nanometres), pixels, pixel, nanometres)
        if wrong:
            return wrong
    return changed(lambda labels: answer(labels, 4.0), {"labels": first})


def _areas(given: Any, pixels: dict[int, int], pixel: float, nanometres: float) -> str | None:
    """Say what is wrong with a table of areas; None if nothing is."""
    if not isinstance(given, dict):
        return f"it should return a dict, but it returned {kind(given)}."
    found = {whole("each key", k): number("each area", area) for k, area in given.items()}
    if 0 in found:
        return "0 is the background, not a cell."
    extra = sorted(found.keys() - pixels.keys())
    if extra:
        return f"there is no cell {extra[0]}: numbers may have gaps."
    missing = sorted(pixels.keys() - found.keys())
    if missing:
        return f"cell {missing[0]} is missing."
    for factor, why in (
        (1, "those are pixels, not µm²."),
        (nanometres / 1000, "the area of a pixel is its width times its height."),
        (nanometres**2, "those are nm². A µm² has 1000 × 1000 of them."),
        (nanometres**2 / 1000, "a µm² has 1000 × 1000 nm², not 1000."),
    ):
        if pixels and all(math.isclose(found[k], n * factor) for k, n in pixels.items()):
            return why
    for k, count in pixels.items():
        if not math.isclose(found[k], count * pixel):
            return (
                f"cell {k} has {count} pixels of {nanometres:g} nm: {count * pixel:g} µm², "
                f"not {found[k]:g}."
            )
    return None
