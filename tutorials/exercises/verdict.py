"""What an exercise answers: right, not yet and why, or not tried."""

from __future__ import annotations

import functools
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np


@dataclass(frozen=True)
class Verdict:
    """What a check found, readable as the last line of a cell."""

    right: bool
    message: str

    def __repr__(self) -> str:
        """One line for the reader."""
        return self.message


class Unanswered(Exception):
    """The answer is still the empty one of the notebook."""


def exercise(praise: str) -> Callable[[Callable[[Any], str | None]], Callable[[Any], Verdict]]:
    """Make a check of an answer out of a function that says what is wrong with it, or None.

    Parameters
    ----------
    praise : what a right answer is told: what it shows, not only that it is right
    """

    def decorate(check: Callable[[Any], str | None]) -> Callable[[Any], Verdict]:
        @functools.wraps(check)
        def checked(answer: Any) -> Verdict:
            try:
                if answer is None or answer is ...:
                    raise Unanswered
                wrong = check(answer)
            except Unanswered:
                return Verdict(False, "Open: replace the ... above by your answer.")
            except Exception as error:  # an answer may fail in any way
                return Verdict(False, f"Not yet: it raised {type(error).__name__}: {error}")
            if wrong:
                return Verdict(False, f"Not yet: {wrong}")
            return Verdict(True, f"Right. {praise}")

        return checked

    return decorate


def ask(function: Callable[..., Any], *arguments: Any) -> Any:
    """Result of the function that was answered; `Unanswered` where its body is still empty."""
    result = function(*arguments)
    if result is None or result is ...:
        raise Unanswered
    return result


def difference(name: str, given: Any, expected: Any, tolerance: float = 1e-9) -> str | None:
    """What is wrong with an array, and the likeliest slip if it is known; None if nothing is.

    Parameters
    ----------
    name : what the array is called in the exercise
    given : the answer
    expected : (…)   the right array
    tolerance : relative to the largest magnitude expected
    """
    given, expected = np.asarray(given), np.asarray(expected)
    slips = _slips(given)
    if given.shape != expected.shape:
        swapped = next((s for s, a in slips.items() if _close(a, expected, tolerance)), None)
        hint = f"; {swapped}, it would be right" if swapped else ""
        return f"{name} has shape {given.shape}, and should have {expected.shape}{hint}."
    if _close(given, expected, tolerance):
        return None
    for slip, array in slips.items():
        if _close(array, expected, tolerance):
            return f"{name} is wrong; {slip}, it would be right."
    largest = np.sum(given * expected) / max(np.sum(given * given), np.finfo(float).tiny)
    if _close(given * largest, expected, tolerance):
        return f"{name} is wrong by a factor: it should be {largest:.6g} times as large."
    worst = np.unravel_index(np.argmax(np.abs(given - expected)), expected.shape)
    at = ", ".join(str(int(i)) for i in worst)
    return f"{name}[{at}] is {given[worst]:.6g}, and should be {expected[worst]:.6g}."


def _slips(given: np.ndarray) -> dict[str, np.ndarray]:
    """The answer with well-known slips undone."""
    slips = {"with the other sign": -given}
    if given.ndim >= 2:
        slips["turned by 180° in its first two axes"] = given[::-1, ::-1]
        slips["with its first two axes exchanged"] = np.swapaxes(given, 0, 1)
        slips["with its last two axes exchanged"] = np.swapaxes(given, -1, -2)
    return slips


def _close(given: np.ndarray, expected: np.ndarray, tolerance: float) -> bool:
    """Whether two arrays have the same shape, and are equal up to rounding."""
    if given.shape != expected.shape:
        return False
    scale = max(float(np.max(np.abs(expected), initial=0)), np.finfo(float).tiny)
    return bool(np.all(np.abs(given - expected) <= tolerance * scale))
