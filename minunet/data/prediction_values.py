"""The values of a prediction and of its truth as the scores need them."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np

from minunet.array import Array
from minunet.data import prediction_kind
from minunet.data.prediction_kind import Values
from minunet.errors import InputError
from minunet.metrics import segments
from minunet.metrics.score import THRESHOLDS


def probability(images: list[Array], values: Values) -> tuple[list[Array], tuple[float, ...], str]:
    """Read a prediction as a probability.

    Returns
    -------
    p : list of (H, W)     from 0 to 1
    thresholds : tuple     thresholds to try
    words : str            how the values are read
    """
    if values.what == "membranes":
        values = values._replace(what="mask" if len(values.found) == 2 else "probability")
        lowest = values.found[0] if values.found else 0
        images = [one > lowest for one in images] if values.what == "mask" else images
        p, thresholds, words = probability(images, values)
        return [1 - one for one in p], thresholds, f"1 - {words.replace('cell', 'membrane')}"
    words, source = "probability of cell", values.source
    if values.what == "mask":
        # All thresholds give the same cells, so one is enough.
        return [(one != 0).astype(np.float32) for one in images], (0.5,), words
    lowest, highest = min(one.min() for one in images), max(one.max() for one in images)
    if any(one.dtype.kind == "f" for one in images):
        if not 0 <= lowest <= highest <= 1:
            raise InputError(
                f"{source} holds floats from {lowest:g} to {highest:g}; a probability must be from "
                "0 to 1: divide the values by the largest possible one; or, if they are cell "
                "numbers or classes, pass --prediction-is cells or --prediction-is classes"
            )
        return images, THRESHOLDS, words
    dtypes = {one.dtype for one in images}
    largest = max(np.iinfo(dtype).max for dtype in dtypes)
    fits = len(dtypes) == 1 and largest in (255, 65535)
    if not fits or not (values.sure or 2 * int(highest) > largest):
        scaled = f"--prediction-is probability to divide by {largest}, or " if fits else ""
        raise InputError(
            f"{source} holds {min(dtypes, key=str)} values from {lowest} to {highest}, which are "
            "neither classes, nor numbered cells, nor a probability in the full range of 8 or 16 "
            f"bits; save probabilities as floats from 0 to 1, or pass {scaled}--prediction-is "
            "cells or --prediction-is classes"
        )
    return [one / largest for one in images], THRESHOLDS, f"{words} (value / {largest})"


def numbered_cells(maps: Sequence[Array], source: Path) -> list[Array]:
    """Read a map as cells, and renumber them 1 … n in each slice."""
    for one in maps:
        wrong = one[(one < 0) | (one != np.floor(one))]
        if wrong.size:
            raise InputError(
                f"{source} is not a map of numbered cells: it holds {wrong.flat[0]:g}; valid "
                "values are whole numbers: 0 for background, k for cell k"
            )
    return [renumbered(one) for one in maps]


def true_cells(masks: Sequence[Array], values: Values) -> list[Array]:
    """Return the true cells, numbered 1 … n in each slice: the regions of a mask, or numbers."""
    if prediction_kind.is_mask(values.found):
        return [segments.components(one) for one in masks]
    return numbered_cells(masks, values.source)


def renumbered(numbered: Array) -> Array:
    """Renumber the cells as 1 … n."""
    return np.searchsorted(np.union1d(numbered.dtype.type(0), numbered), numbered)


def classes(
    images: Sequence[Array], masks: Sequence[Array], annotated: Sequence[Array] | None
) -> tuple[list[Array], list[Array], tuple[str, ...]]:
    """Turn values into classes 0 … K-1; those of a prediction and its truth match by value.

    Parameters
    ----------
    images, masks : sequence of (H, W)              prediction and truth
    annotated : sequence of (H, W) bool, or None    pixels that count; None: all

    Returns
    -------
    predicted, truth : list of (H, W)     0 … K-1
    names : K strings                     the values of the classes
    """
    values = sorted(
        {
            *prediction_kind.different(images, annotated),
            *prediction_kind.different(masks, annotated),
        }
    )
    predicted, truth = (
        [np.searchsorted(values, one).clip(max=len(values) - 1) for one in maps]
        for maps in (images, masks)
    )
    return predicted, truth, tuple(f"{value:.10g}" for value in values)
