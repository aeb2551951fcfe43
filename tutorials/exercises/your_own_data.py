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
    "0, 255": ("classes", "membrane and cell, as in the ISBI challenge."),
    "0, 128, 255": ("refused", "with 0 and 255 there are two classes, and 128 is neither."),
    "0, 1, 2": ("classes", "0 … K-1 are classes, also where they were meant for two cells."),
    "0, 1, 3": ("refused", "of 0 … K-1 the 2 is missing: classes, or three cells with a gap?"),
    "0, 1, …, 40, in even regions": ("cells", "more than 16 whole numbers in regions are cells."),
    "0, 1, …, 255, a blurred mask": ("refused", "neighbours differ: no regions, so no cells."),
}
"""What the label values are taken for, and why."""


@exercise(
    "What is taken is said in the plan, what is refused in one sentence: read both.",
    "The answer is a dict: the label values, and one of three words for each.",
)
def check_taken_for(answer: Mapping[str, str]) -> str | None:
    """Check what training takes label values for, against a table written by hand.

    Parameters
    ----------
    answer : mapping     label values -> "classes", "cells" or "refused"
    """
    if not isinstance(answer, Mapping):
        return f"the answer should be the dict of the exercise, and is {kind(answer)}."
    for values in TAKEN:
        if values not in answer:
            return f"the dict has no {values!r}: leave its keys as they were."
    if any(answer[values] is ... for values in TAKEN):
        raise Unanswered
    for values, (right, why) in TAKEN.items():
        if answer[values] not in ("classes", "cells", "refused"):
            return f"{answer[values]!r} is none of 'classes', 'cells', 'refused'."
        if answer[values] != right:
            return f"{values} are not {answer[values]!r}: {why}"
    return None


@exercise(
    "The threshold comes from slices whose score you do not report.",
    "The function returns the score, one number.",
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
    return changed(answer, {"held_out": np.array(held_out), "test": np.array(test)})


@exercise(
    "From pixels to tissue: the number to send.",
    "The function returns a dict, the number of each cell and its area.",
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
        return f"it should return a dict, and returned {kind(given)}."
    found = {whole("each key", k): number("each area", area) for k, area in given.items()}
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
        if pixels and all(math.isclose(found[k], n * factor) for k, n in pixels.items()):
            return why
    for k, count in pixels.items():
        if not math.isclose(found[k], count * pixel):
            return (
                f"cell {k} has {count} pixels of {nanometres:g} nm: {count * pixel:g} µm², "
                f"not {found[k]:g}."
            )
    return None
