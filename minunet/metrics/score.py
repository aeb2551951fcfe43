"""`Score`, a number with its convention in words, and the printed tables of scores."""

from collections.abc import Sequence
from math import floor, isfinite, isnan, log10
from textwrap import wrap
from typing import Any, NamedTuple, TypeGuard

WIDTH = 100
"""Width of the table, in characters."""

THRESHOLDS = tuple(t / 10 for t in range(10))
"""Thresholds of the probability of cell, 0.0 … 0.9: the ten of the ISBI 2012 challenge."""


class Score(NamedTuple):
    """A score of a whole stack, or a count; counts are integers.

    The value of a score that depends on a threshold is the best over all thresholds, with the same
    threshold for all slices. If several thresholds give that value, `threshold` is the lowest one.
    """

    key: str  # such as v_rand
    name: str  # such as V_Rand, thinned
    value: float  # of the whole stack
    slices: Sequence[float]  # value of each slice, at the same threshold; nan if undefined
    convention: str  # how it is computed, in words
    higher_is_better: bool | None = True  # None for a count: neither is better
    threshold: float | None = None  # the one that gives `value`; None if not applicable
    by_threshold: Sequence[float] = ()  # value of the stack at each threshold tried

    def to_json(self) -> dict[str, Any]:
        """Return the score as JSON values; nan, which JSON does not have, becomes null."""
        slices = [None if isnan(value) else value for value in self.slices]
        value = None if isnan(self.value) else self.value
        by_threshold = [None if isnan(value) else value for value in self.by_threshold]
        return self._asdict() | {"value": value, "slices": slices, "by_threshold": by_threshold}


def finite(value: float | None) -> TypeGuard[float]:
    """Return whether a score has a finite value."""
    return value is not None and isfinite(value)


def best_and_worst(score: Score) -> list[int]:
    """Find the slices with the best and the worst score.

    Returns
    -------
    list of int : indices of the best and the worst slice; only one index if they are the same, and
        none if the score is not defined for any slice. If several slices are equally good, the best
        is the last of them; if several are equally bad, the worst is the first of them.

    Examples
    --------
    >>> best_and_worst(Score("seg", "SEG", 0.5, (0.5, float("nan"), 0.2, 0.8), "a mean"))
    [3, 2]
    """
    sign = 1 if score.higher_is_better else -1
    known = [k for k, value in enumerate(score.slices) if finite(value)]
    known.sort(key=lambda k: sign * score.slices[k])
    return list(dict.fromkeys((*known[-1:], *known[:1])))


def number(value: float | None) -> str:
    """Format a score for running text and reports, with no more digits than are meaningful.

    For columns with aligned decimal points, see `_aligned`.

    Examples
    --------
    >>> [number(v) for v in (0.92134, 0.0003526, 0.00032, 1.0, 17.0, 61.238, float("nan"), None)]
    ['0.9213', '0.000353', '0.000320', '1', '17', '61.24', '–', '–']
    """
    if not finite(value):
        return "–"
    if value == round(value):
        return f"{value:.0f}"
    if abs(value) >= 0.01:
        return f"{value:.4f}" if abs(value) < 10 else f"{value:.2f}"
    return f"{value:.{2 - floor(log10(abs(value)))}f}"


def table(scores: Sequence[Score]) -> list[str]:
    """Return the lines of a table: each score with its value, best threshold and convention."""
    lines = [f"{'score':31}{'value':>8}    at  how it is computed"]
    for score in scores:
        at = "" if score.threshold is None else f"{score.threshold:g}"
        words = wrap(score.convention, WIDTH - 47)
        lines.append(f"{score.name:31}{_aligned(score.value)}{at:>4}  {words[0]}")
        lines.extend(f"{'':47}{line}" for line in words[1:])
    return lines


def slices_table(scores: Sequence[Score], names: Sequence[str]) -> list[str]:
    """Return the lines of a table with a row for each slice and a column for each score."""
    heads = [wrap(score.name, 9) for score in scores]
    deepest, first = max(map(len, heads)), max(map(len, (*names, "slice")))
    columns = [["slice"], *heads]
    rows = zip(*([""] * (deepest - len(head)) + head for head in columns), strict=True)
    lines = [f"{left:{first}}" + "".join(f"{word:>10}" for word in words) for left, *words in rows]
    for k, name in enumerate(names):
        lines.append(f"{name:{first}}" + "".join(_aligned(score.slices[k]) for score in scores))
    return [line.rstrip() for line in lines]


def _aligned(value: float) -> str:
    """Format a value for a column: 10 characters, decimal points aligned, 6 digits below 0.01.

    Examples
    --------
    >>> [_aligned(value) for value in (0.98765, 0.000353, 12, float("nan"))]
    ['  0.9877  ', '  0.000353', ' 12       ', '  –       ']
    """
    if isinstance(value, int):
        return f"{value:3}{'':7}"
    if isnan(value):
        return f"{'–':>3}{'':7}"
    return f"{value:8.4f}  " if value >= 0.01 else f"{value:10.6f}"
