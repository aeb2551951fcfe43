"""Checks of chapter 6, border weights."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from exercises.diagnosis import changed, empty
from exercises.verdict import array, ask, difference, exercise, number, trials
from exercises.watching import borrowed


@exercise(
    "It is the same at every pixel of the gap, because d1 + d2 is g + 1 everywhere.",
    "The answer is one number.",
    hints=(
        "Draw the gap: a wall, three pixels, a wall. Count the distance from the first pixel of "
        "the gap to each wall, from pixel to pixel.",
        "d1 is the distance to the wall beside the pixel, and d2 is the distance to the wall "
        "across the gap. Put them into w0 · exp(-(d1 + d2)² / 2σ²), with w0 = 10 and σ = 5.",
    ),
)
def check_gap_term(answer: float) -> str | None:
    """Check the second term of equation (2) in a gap of 3 pixels.

    Parameters
    ----------
    answer : within 0.01
    """
    answer = number("the border term", answer)
    slips = {
        3: (
            "d1 + d2 is g + 1. Distances are counted from pixel to pixel, so a pixel beside a "
            "wall has the distance 1."
        ),
        1: "that uses d1 alone, but the equation has d1 + d2.",
        2: (
            "that uses d1 + d2 = 2, or does not square d1 + d2. d2 is the distance to the second "
            "nearest cell, on the other side of the gap."
        ),
        5: (
            "that uses d1 + d2 = 5. d2 is the distance to the first pixel of the other wall, and "
            "not to the one behind it."
        ),
    }
    if abs(answer - _term(4)) <= 0.01:
        return None
    for total, slip in slips.items():
        if abs(answer - _term(total)) <= 0.01:
            return slip
    if abs(answer - _term(4)) <= 0.06:
        return f"{answer:.4g} is close, but rounded too far: give it to 0.01."
    if abs(10 * answer - _term(4)) <= 0.01:
        return "the factor w0 = 10 is missing."
    if abs(answer - 10 * np.exp(-10 / 50)) <= 0.01:
        return "d1 and d2 are added first, and then squared."
    if abs(answer - 10 * np.exp(-16 / 25)) <= 0.01:
        return "that divides the exponent by σ², but the equation has 2σ²."
    if abs(answer - 10 * np.exp(16 / 50)) <= 0.01:
        return "the minus sign of the exponent is missing."
    if abs(answer) < 1e-9:
        return f"that is almost 0. {PRECEDENCE}"
    if abs(answer - 1 - _term(4)) <= 0.01:
        return "that includes w_c. The exercise asks for the second term alone."
    return f"{answer:.4g} is not right. What are d1 and d2 of the first pixel after the wall?"


PRECEDENCE = "In Python, `/ 2 * sigma**2` multiplies by σ². Write `/ (2 * sigma**2)`."


def _term(total: float) -> float:
    return 10 * float(np.exp(-(total**2) / 50))


@exercise(
    "Now you can choose σ from the gaps in your own images.",
    "The function returns σ, one number.",
    hints=(
        "In a gap of g pixels, d1 + d2 is the same at every pixel. How much is it?",
        "d1 + d2 is g + 1. Set the exponential of equation (2) equal to 1/2, take the logarithm of "
        "both sides, and solve for σ.",
    ),
)
def check_sigma_for(answer: Callable[[float], float]) -> str | None:
    """Check σ by putting it back into equation (2).

    Parameters
    ----------
    answer : gap in pixels -> σ in pixels
    """
    for gap in (2, 5, 11, *(int(rng.integers(1, 60)) for rng in trials(2))):
        sigma = number("σ", ask(answer, gap))
        if sigma <= 0:
            return f"for a gap of {gap}, your σ is {sigma:.4g}, but it should be above 0."
        part = np.exp(-((gap + 1) ** 2) / (2 * sigma**2))
        if abs(part - 0.5) > 1e-4:
            hint = ""
            if np.isclose(np.exp(-(gap**2) / (2 * sigma**2)), 0.5, atol=1e-3):
                hint = " You used g for d1 + d2, but across the gap it is g + 1."
            elif np.isclose(np.exp(-((gap + 1) ** 2) / sigma**2), 0.5, atol=1e-3):
                hint = " The 2 of 2σ² is missing."
            elif np.isclose(np.exp(-((gap + 1) ** 2) / (2 * sigma)), 0.5, atol=1e-3):
                hint = " That is σ²: take the square root."
            return (
                f"for a gap of {gap}, σ = {sigma:.4g} makes the term {part:.3f} w0, not half of "
                f"w0.{hint}"
            )
    return None


@exercise(
    "That is equation (2). `weight_map.paper` also separates touching cells, and does nothing "
    "else.",
    "The function returns w, an array (H, W).",
    hints=(
        "Compute a map of distances to each cell. At each pixel, d1 and d2 are the smallest and "
        "the second smallest of these distances.",
        "Stack the distance maps, with two more maps of inf for images that have fewer than two "
        "cells. Sort along the stack, and take the first two. Add the border term on the "
        "background only. Background has w_c[0], and cells have w_c[1].",
    ),
)
def check_weights(answer: Callable[..., Any]) -> str | None:
    """Check a weight map against loops over single pixels.

    Parameters
    ----------
    answer : apart (H, W), w_c (2,), w0, sigma -> w (H, W)
    """
    three = np.zeros((7, 15), int)
    three[1:5, 1:4], three[0:6, 6:9], three[2:7, 12:14] = 5, 2, 256
    one = np.where(three == 2, 2, 0)
    pieces = np.where((three == 2) | (three == 5), 5, 0)
    cases = [("three cells", three), ("one cell", one), ("no cell", 0 * three)]
    cases += [("one cell in two pieces of the same number", pieces)]
    cases += [(f"{len(np.unique(cells)) - 1} cells", cells) for cells in map(_cells, trials(6, 4))]
    for (name, cells), rng in zip(cases, trials(7, len(cases)), strict=True):
        w_c, w0, sigma = 0.2 + 2 * rng.random(2), 4 + 8 * rng.random(), 2 + 3 * rng.random()
        given = array("w", ask(answer, cells.copy(), w_c.copy(), w0, sigma))
        expected = _weights(cells, w_c, w0, sigma)
        wrong = difference("w", given, expected, 1e-6)
        if wrong:
            return f"on a map with {name}, {wrong}{_likely(given, cells, w_c, w0, sigma)}"
    wrong = changed(lambda apart, w_c: answer(apart, w_c, w0, sigma), {"apart": cells, "w_c": w_c})
    wrong = wrong or empty(lambda apart, w_c: answer(apart, w_c, w0, sigma), (cells, w_c))
    return wrong or borrowed(answer, cells.copy(), w_c.copy(), w0, sigma)


def _cells(rng: np.random.Generator) -> np.ndarray:
    """Cells (H, W) that do not touch, of any size and shape, with numbers in no order."""
    cells, wanted = np.zeros(rng.integers(9, 14, 2), int), rng.integers(2, 7)
    for number_ in [1, *(2 + rng.permutation(300))[:40]]:
        (r, c), (height, width) = (rng.integers(0, side) for side in (cells.shape, (4, 4)))
        around = cells[max(r - 1, 0) : r + height + 2, max(c - 1, 0) : c + width + 2]
        if not around.any() and len(np.unique(cells)) <= wanted:
            cells[r : r + height + 1, c : c + width + 1] = number_
    return cells


def _weights(
    cells: np.ndarray,
    w_c: np.ndarray,
    w0: float,
    sigma: float,
    squared: Callable[[float, float], float] = lambda d1, d2: (d1 + d2) ** 2,
) -> np.ndarray:
    """Equation (2), (H, W), pixel by pixel from its distances to all pixels of all cells."""
    w = np.full(cells.shape, float(w_c[1]))
    places = [np.argwhere(cells == k) for k in np.unique(cells[cells > 0])]
    for r, c in np.argwhere(cells == 0):
        each = sorted(min(np.hypot(r - i, c - j) for i, j in place) for place in places)
        w[r, c] = w_c[0]
        if len(each) > 1:
            w[r, c] += w0 * np.exp(-squared(each[0], each[1]) / (2 * sigma**2))
    return w


def _likely(given: np.ndarray, cells: np.ndarray, w_c: np.ndarray, w0: float, sigma: float) -> str:
    """The likeliest slip in a weight map, as a sentence, or nothing."""
    if given.shape != cells.shape:
        return ""
    expected = _weights(cells, w_c, w0, sigma)
    count = len(np.unique(cells[cells > 0]))
    off = ~np.isclose(given, expected, rtol=1e-6)
    if np.any(np.isnan(given)):
        return (
            " There is a nan. A distance that does not exist should be inf, because exp(-inf) is 0."
        )
    if np.all(cells[off] > 0):
        return " Only pixels in cells are wrong: the border term belongs on the background alone."
    if count < 2:
        return " With fewer than two cells there is no gap, so the border term is 0."
    if np.allclose(given[cells > 0], w_c[0]):
        return " Cells have w_c[1], background has w_c[0]."
    if np.array_equal(given, np.where(cells > 0, w_c[1], w_c[0])):
        return " The border term is missing."
    for slip, squared in {
        "d1 and d2 are added first, and then squared.": lambda d1, d2: d1**2 + d2**2,
        "The 2 of 2σ² is missing.": lambda d1, d2: 2 * (d1 + d2) ** 2,
        PRECEDENCE: lambda d1, d2: (d1 + d2) ** 2 * sigma**4,
        "The minus sign of the exponent is missing.": lambda d1, d2: -((d1 + d2) ** 2),
        "Is 0 among your cells? It is the background.": lambda d1, d2: d1**2,
        "Your distances are 0 on the background: in `distance_transform_edt(apart != k)`, the "
        "condition is True there.": lambda d1, d2: 0.0,
    }.items():
        if np.allclose(given, _weights(cells, w_c, w0, sigma, squared)):
            return f" {slip}"
    if np.allclose(given, _weights(cells, w_c, 1, sigma)):
        return " The factor w0 is missing."
    if np.allclose(given, _weights(cells, w_c, 10, 5)):
        return " That has the paper's w0 and σ. Use the arguments w0 and sigma."
    if np.allclose((given + w_c[0])[cells == 0], expected[cells == 0]):
        return " The border term is added to w_c[0]."
    if np.all(given[off] > expected[off]):
        return (
            " The border term is too large. Is d2 the distance to another cell, and not to "
            "another pixel of the same cell? The numbers of the cells may have gaps."
        )
    return ""


@exercise(
    "With a large border weight the threshold is far below 0.5, because the weight lowers every "
    "p of cell.",
    "The function returns p, one number.",
    hints=(
        "The chapter derives p* from q, the probability that the pixel is a cell. What is q at the "
        "threshold?",
        "With weights, the energy of a pixel is -u q log p - v (1 - q) log(1 - p). Put q = 1/2, "
        "set the slope with respect to p to 0, and solve for p.",
    ),
)
def check_threshold(answer: Callable[[float, float], float]) -> str | None:
    """Check a threshold by searching, for q = 1/2, the p with the least energy.

    Parameters
    ----------
    answer : weights of cell and of background -> p
    """
    p = np.linspace(0, 1, 100_001)[1:-1]
    drawn = [tuple(0.3 + 4 * rng.random(2)) for rng in trials(8)]
    for w_cell, w_background in ((1.0, 1.0), (1.0, 9.35), (0.7, 4.0), *drawn):
        given = number("p", ask(answer, w_cell, w_background))
        best = p[np.argmin(-w_cell * np.log(p) - w_background * np.log(1 - p))]
        if abs(given - best) > 2e-5:
            hint = ""
            if abs(given - (1 - best)) <= 2e-5:
                hint = " That is the probability of background."
            elif abs(given - 0.5) < 1e-9:
                hint = " 1/2 is right only without weights: put q = 1/2 into p*."
            return (
                f"with the weights {w_cell:.3g} and {w_background:.3g}, your p is {given:.4g}, "
                f"but for q = 1/2 the energy is least at p = {best:.4f}.{hint}"
            )
    return None
