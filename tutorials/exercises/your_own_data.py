"""Checks of the exercises of chapter 13, your own data."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from typing import Any

import numpy as np

from exercises.verdict import Unanswered, ask, exercise
from minunet.array import Array

TAKEN = {
    "0, 255": ("classes", "membrane and cell, as in the ISBI challenge."),
    "0, 128, 255": ("refused", "with 0 and 255 there are two classes, and 128 is neither."),
    "0, 1, 2": ("classes", "0 … K-1 are classes, also where they were meant for two cells."),
    "0, 1, 3": ("refused", "of 0 … K-1 the 2 is missing: classes, or three cells with a gap?"),
    "0, 1, …, 40, in even regions": ("cells", "more than 16 whole numbers in regions are cells."),
    "0, 1, …, 255, a blurred mask": ("refused", "neighbours differ: no regions, so no cells."),
}
"""What the label values are taken for, and why."""


@exercise("What is taken is said in the plan, what is refused in one sentence: read both.")
def check_taken_for(answer: Mapping[str, str]) -> str | None:
    """Check what training takes label values for, against a table written by hand.

    Parameters
    ----------
    answer : mapping     label values -> "classes", "cells" or "refused"
    """
    if any(answer[values] is ... for values in TAKEN):
        raise Unanswered
    for values, (right, why) in TAKEN.items():
        if answer[values] not in ("classes", "cells", "refused"):
            return f"{answer[values]!r} is none of 'classes', 'cells', 'refused'."
        if answer[values] != right:
            return f"{values} are not {answer[values]!r}: {why}"
    return None


@exercise("The threshold comes from slices whose score you do not report.")
def check_honest(answer: Callable[[Array, Array], float]) -> str | None:
    """Check the score of test slices at the threshold picked on slices held out.

    Parameters
    ----------
    answer : callable (held_out (N,), test (N,)) -> float
    """
    for held_out, test, right in (
        ([0.2, 0.5, 0.8, 0.6], [0.3, 0.72, 0.6, 0.4], 0.6),
        ([0.9, 0.1, 0.2], [0.5, 0.6, 0.7], 0.5),
        ([0.1, 0.4, 0.4, 0.2, 0.3], [0.8, 0.1, 0.2, 0.6, 0.7], 0.1),
    ):
        given = float(ask(answer, np.array(held_out), np.array(test)))
        if math.isclose(given, right):
            continue
        slips = {
            max(test): "that is the best on the test slices: the threshold was picked on them.",
            max(held_out): "that is the score of the slices held out, which picked the threshold.",
            sum(test) / len(test): "that is the mean over thresholds; one holds for all slices.",
            held_out.index(max(held_out)): "that is the number of the threshold; give the score.",
            held_out[test.index(max(test))]: "the two are exchanged: pick on the slices held out.",
            test[held_out.index(min(held_out))]: "that is the worst threshold: higher is better.",
            test[-1 - held_out[::-1].index(max(held_out))]: "of several that are best take the "
            "lowest threshold, as `evaluate` does.",
        }
        for slip, why in slips.items():
            if math.isclose(given, slip):
                return why
        return f"for held_out {held_out} and test {test} it is {right}, not {given:.6g}."
    return None


@exercise("From pixels to tissue: the number to send.")
def check_areas(answer: Callable[[Array, float], dict[int, float]]) -> str | None:
    """Check the areas of cells by counting pixel by pixel.

    Parameters
    ----------
    answer : callable (labels (H, W) integer, nanometres) -> {number: µm²}
    """
    labels = np.array([[0, 2, 2, 0, 7], [2, 2, 0, 7, 7], [0, 0, 0, 7, 9]], np.uint16)
    for nanometres in (500.0, 4.0):
        pixels: dict[int, int] = {}
        for number in labels.ravel().tolist():
            if number:
                pixels[number] = pixels.get(number, 0) + 1
        pixel = (nanometres / 1000) ** 2
        wrong = _areas(ask(answer, labels.copy(), nanometres), pixels, pixel, nanometres)
        if wrong:
            return wrong
    return None


def _areas(given: Any, pixels: dict[int, int], pixel: float, nanometres: float) -> str | None:
    """Say what is wrong with a table of areas; None if nothing is."""
    if not isinstance(given, dict):
        return f"it should return a dict, not {type(given).__name__}."
    found = {int(number): float(area) for number, area in given.items()}
    if 0 in found:
        return "0 is the background, and no cell."
    extra = sorted(found.keys() - pixels.keys())
    if extra:
        return f"there is no cell {extra[0]}: numbers may have gaps."
    missing = sorted(pixels.keys() - found.keys())
    if missing:
        return f"cell {missing[0]} is missing."
    for factor, why in (
        (1, "those are pixels, not µm²."),
        (nanometres / 1000, "a pixel is an area: its width times its height."),
        (nanometres**2, "those are nm²; a µm² has 1000 x 1000 of them."),
        (nanometres**2 / 1000, "a µm² has 1000 x 1000 nm², not 1000."),
    ):
        if all(math.isclose(found[k], count * factor) for k, count in pixels.items()):
            return why
    for k, count in pixels.items():
        if not math.isclose(found[k], count * pixel):
            return (
                f"cell {k} has {count} pixels of {nanometres:g} nm: {count * pixel:g} µm², "
                f"not {found[k]:g}."
            )
    return None
