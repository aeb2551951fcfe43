"""Solutions of the exercises of chapter 13, your own data."""

from __future__ import annotations

import numpy as np

from minunet.array import Array

# Two values 0 and 255, or 0 … K-1 without a gap up to 16 in several regions each, are classes; more
# whole numbers in uniform regions are cells; anything else is refused, and the message says what to
# do.
taken_for = {
    "0, 255": "classes",
    "0, 128, 255": "refused",
    "0, 1, 2, each in many regions": "classes",
    "0, 1, 3": "refused",
    "0, 1, …, 40, in uniform regions": "cells",
    "0, 1, …, 255, a blurred mask": "refused",
}


def honest(held_out: Array, test: Array) -> float:
    """Score of the test slices at the threshold that is best on the slices held out.

    Parameters
    ----------
    held_out, test : (N,)     scores over the same thresholds, higher is better

    Returns
    -------
    float
    """
    return float(test[np.argmax(held_out)])


def areas(labels: Array, nanometres: float) -> dict[int, float]:
    """Area of every cell; numbers may have gaps, and 0 is no cell.

    Parameters
    ----------
    labels : (H, W)          integer, 0 background, k cell k
    nanometres : float       width and height of a pixel

    Returns
    -------
    dict : number of the cell -> µm²
    """
    numbers, pixels = np.unique(labels[labels > 0], return_counts=True)
    pixel = (nanometres / 1000) ** 2
    return {int(k): float(n * pixel) for k, n in zip(numbers, pixels, strict=True)}
