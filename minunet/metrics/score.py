"""`Score`, a number with its convention in words, and the printed tables of scores."""

import sys
from collections.abc import Sequence
from math import floor, fsum, isfinite, isnan, log10, nan, sqrt
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

    @property
    def spread(self) -> float | None:
        """Standard deviation over the slices; None if fewer than two have a value."""
        return deviation(self.slices)

    @property
    def is_count(self) -> bool:
        """True for a count, which is a sum over the slices: their spread is not its own."""
        return isinstance(self.value, int)

    def to_json(self) -> dict[str, Any]:
        """Return the score as JSON values; nan, which JSON does not have, becomes null."""
        slices = [None if isnan(value) else value for value in self.slices]
        value = None if isnan(self.value) else self.value
        by_threshold = [None if isnan(value) else value for value in self.by_threshold]
        values = {"value": value, "slices": slices, "by_threshold": by_threshold}
        return self._asdict() | values | {"spread": self.spread}

    @classmethod
    def from_json(cls, values: dict[str, Any]) -> "Score":
        """Restore a score from the result of `to_json`, in this version or an earlier one.

        Raises
        ------
        KeyError, TypeError, ValueError
            If it is not such a result.
        """
        value = _restored(values["value"])
        slices, by_threshold = (
            tuple(map(_restored, values[key])) for key in ("slices", "by_threshold")
        )
        if not (isinstance(values["name"], str) and isinstance(values["convention"], str)):
            raise TypeError(f"the name or the convention of {values['key']} is not a text")
        changed = {"value": value, "slices": slices, "by_threshold": by_threshold}
        return cls(**{key: values[key] for key in cls._fields} | changed)


def _restored(value: Any) -> float:
    """Restore a number from its JSON value: null is nan; others must be finite."""
    if value is None:
        return nan
    if isinstance(value, bool) or not isinstance(value, (int, float)):
        raise TypeError(f"{value!r} is not a number")
    if abs(value) > sys.float_info.max or isnan(value):
        raise ValueError(f"{value!r} is not a finite number")
    return value


def deviation(values: Sequence[float]) -> float | None:
    """Return the sample standard deviation of the finite values; None if there are fewer than two.

        √(Σ (x - mean)² / (n - 1))

    Examples
    --------
    >>> deviation([1.0, 4.0, float("nan"), 7.0])
    3.0
    """
    known = [value for value in values if finite(value)]
    if len(known) < 2:
        return None
    mean = fsum(known) / len(known)
    return sqrt(fsum((value - mean) ** 2 for value in known) / (len(known) - 1))


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


def with_spread(value: float | None, spread: float | None) -> str:
    """Format a value with its spread, and with no more digits than the spread allows.

    The spread gets two significant digits, and the value as many decimal places. A spread of 0, up
    to rounding, limits no digits.

    Parameters
    ----------
    value : float or None
    spread : float or None     standard deviation; None if it is not known

    Examples
    --------
    >>> with_spread(0.95634, 0.0123)
    '0.956 ± 0.012'
    >>> with_spread(98.333, 4.509), with_spread(1234.0, 123.0), with_spread(0.5, 0.0999)
    ('98.3 ± 4.5', '1230 ± 120', '0.50 ± 0.10')
    >>> with_spread(0.95634, None), with_spread(0.95634, 0.0)
    ('0.9563', '0.9563 ± 0')
    """
    if not finite(value) or not finite(spread):
        return number(value)
    if spread <= 1e-12 * abs(value):
        return f"{number(value)} ± 0"
    places = 1 - int(f"{spread:.1e}".partition("e")[2])  # of the rounded spread: 0.0999 is 0.10
    shown = (round(one, places) + 0.0 for one in (value, spread))  # + 0.0: no -0
    return " ± ".join(f"{one:.{max(places, 0)}f}" for one in shown)


def value_and_spread(score: Score) -> str:
    """Format the value of a score with its spread over the slices; a count has none."""
    return number(score.value) if score.is_count else with_spread(score.value, score.spread)


def table(scores: Sequence[Score]) -> list[str]:
    """Return the lines of a table: each score with its spread, best threshold and convention."""
    lines = [f"{'score':31}  {'value ± spread':24}at  how it is computed"]
    left = len(lines[0]) - len("how it is computed")
    for score in scores:
        at = "" if score.threshold is None else f"{score.threshold:g}"
        words = wrap(score.convention, WIDTH - left)
        value = _aligned(score.value)
        if not score.is_count and score.spread is not None:
            value = aligned(value_and_spread(score))
        lines.append(f"{score.name:31}{value:25}{at:>3}  {words[0]}")
        lines.extend(f"{'':{left}}{line}" for line in words[1:])
    if any(not score.is_count and score.spread is not None for score in scores):
        lines += ["", "± is the standard deviation over the slices that have a value."]
    return lines


def aligned(text: str) -> str:
    """Indent a formatted number so that its decimal point is below those of others.

    Examples
    --------
    >>> [aligned(text) for text in ("0.956 ± 0.012", "17", "120 ± 10")]
    ['  0.956 ± 0.012', ' 17', '120 ± 10']
    """
    whole = text.split(" ", 1)[0].partition(".")[0]
    return " " * (3 - len(whole)) + text


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
