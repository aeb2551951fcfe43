"""The tables of a report: scores, slices, settings; and how an element and a number are written."""

from collections.abc import Iterator, Sequence
from typing import Any
from xml.etree.ElementTree import Element

from minunet.metrics.score import THRESHOLDS, Score, finite, number
from minunet.runs.settings import from_options, options

GROUPS: dict[str, tuple[str, ...]] = {
    "Data": (
        *("images", "labels", "labels_are", "truth", "validation", "scaling"),
        *("label_values", "cells", "fingerprint"),
    ),
    "Network": ("depth", "channels", "variant", "dropout", "in_channels"),
    "Training": (),
    "Scoring": ("score", "average", "smallest", "validate_every"),
}
"""Settings, as the report groups them; those in none are of the training."""

ARROWS = {True: " ↑", False: " ↓", None: ""}
"""Which way a score is better."""


def tag(name: str, /, *inside: Element | str, **attributes: str) -> Element:
    """Make an element of what is inside it.

    Examples
    --------
    >>> from xml.etree.ElementTree import tostring
    >>> made = tag("p", "a", tag("b", "c"), " < ", "d", class_="e", aria_label="f")
    >>> tostring(made, encoding="unicode")
    '<p class="e" aria-label="f">a<b>c</b> &lt; d</p>'
    """
    made = Element(name, {k.rstrip("_").replace("_", "-"): v for k, v in attributes.items()})
    for one in inside:
        if isinstance(one, Element):
            made.append(one)
        elif len(made):
            made[-1].tail = (made[-1].tail or "") + one
        else:
            made.text = (made.text or "") + one
    return made


def _table(heads: Sequence[str], rows: Sequence[Element]) -> Element:
    """Make a table of names and numbers; it scrolls where the page is narrower than it."""
    first, *others = heads
    cells = [tag("th", text, scope="col", class_="number") for text in others]
    head = tag("tr", tag("th", first, scope="col"), *cells)
    return tag("div", tag("table", tag("thead", head), tag("tbody", *rows)), class_="wide")


def scores(table: Sequence[Score]) -> Iterator[Element]:
    """Tabulate the scores of the stack, each with its convention and its thresholds.

    Parameters
    ----------
    table : sequence of Score    without any, nothing is made
    """
    if table:
        span = f"over {THRESHOLDS[0]:g} … {THRESHOLDS[-1]:g}"
        yield _table(("score", "value", "threshold", span), [_score(score) for score in table])
        yield tag(
            "p",
            "↑ higher is better, ↓ lower is better. The small plots show a score over the "
            "thresholds, each from its own lowest value to its highest.",
            class_="legend",
        )


def _score(score: Score) -> Element:
    """Make the row of a score."""
    at = "" if score.threshold is None else f"{score.threshold:g}"
    return tag(
        "tr",
        tag(
            "th",
            tag("span", score.name, class_="name"),
            " ",
            tag("span", score.convention, class_="quiet"),
            scope="row",
        ),
        tag("td", number(score.value), ARROWS[score.higher_is_better], class_="number"),
        tag("td", at, class_="number"),
        tag("td", *_sparkline(score)),
    )


def _sparkline(score: Score) -> Iterator[Element]:
    """Draw a score over the thresholds, with a dot at the one that was taken."""
    if not any(finite(value) for value in score.by_threshold):
        return
    points = {t: v for t, v in zip(THRESHOLDS, score.by_threshold, strict=True) if finite(v)}
    low, high = min(points.values()), max(points.values())
    xy = {
        t: (f"{4 + 120 * t / THRESHOLDS[-1]:.1f}", f"{32 - 28 * (v - low) / (high - low or 1):.1f}")
        for t, v in points.items()
    }
    said = ", ".join(f"{number(v)} at {t:g}" for t, v in points.items())
    drawing = tag(
        "svg",
        tag("line", x1="0", y1="36", x2="128", y2="36"),
        tag("polyline", points=" ".join(f"{x},{y}" for x, y in xy.values())),
        role="img",
        aria_label=f"{score.name}: {said}",
        viewBox="0 0 128 36",
    )
    if score.threshold in xy:
        cx, cy = xy[score.threshold]
        drawing.append(tag("circle", cx=cx, cy=cy, r="3.5"))
    yield drawing


def slices(table: Sequence[Score], numbers: Sequence[int]) -> Iterator[Element]:
    """Tabulate the scores of every slice, shaded from the best to the worst.

    Parameters
    ----------
    table : sequence of Score    without any, nothing is made
    numbers : sequence of int    of the slices in the stack
    """
    if not table:
        return
    rows = [
        tag("tr", tag("th", str(k), scope="row"), *cells)
        for k, *cells in zip(numbers, *map(_column, table), strict=True)
    ]
    whole = [tag("td", number(score.value), class_="number") for score in table]
    rows.append(tag("tr", tag("th", "all", scope="row"), *whole, class_="whole"))
    yield _table(("slice", *(score.name for score in table)), rows)
    yield tag(
        "p",
        "Shaded from the best slice of a column to its worst. The score of all slices together "
        "need not be the mean of theirs.",
        class_="legend",
    )


def _column(score: Score) -> list[Element]:
    """Make the cells of a score: how bad one is, from 0 to 1, is its shade."""
    known = sorted(filter(finite, score.slices), reverse=bool(score.higher_is_better))
    if score.higher_is_better is None:
        known = known[:1]  # neither a best nor a worst
    cells = []
    for value in score.slices:
        cell = tag("td", number(value), class_="number")
        if finite(value) and known[0] != known[-1]:
            bad = abs((value - known[0]) / (known[-1] - known[0]))
            cell.set("style", f"--bad: {bad:.2f}")
            if bad in (0, 1):
                cell.append(tag("small", "worst" if bad else "best"))
        cells.append(cell)
    return cells


def settings(values: dict[str, Any]) -> Iterator[Element]:
    """Tabulate the settings in groups, first those that the run was given.

    Parameters
    ----------
    values : dict     as `Settings.to_json` returns it
    """
    experiment, preset = values["experiment"], values["preset"]
    defaults = from_options(experiment=experiment, preset=preset).to_json()
    defaults |= {"experiment": None, "preset": from_options(experiment=experiment).preset}
    names = {option.name for option in options()}
    given = {k for k, v in values.items() if k in names and v != defaults[k]}
    of = f"experiment {experiment} and preset {preset}" if experiment else f"preset {preset}"
    yield tag("p", f"Bold is what this run was given; the rest comes with {of}.", class_="legend")
    grouped = {name for names in GROUPS.values() for name in names}
    others = [name for name in values if name not in grouped]
    tables = [
        tag("div", tag("h3", heading), _group({k: values[k] for k in names or others}, given))
        for heading, names in GROUPS.items()
    ]
    yield tag("div", *tables, class_="settings")


def _group(values: dict[str, Any], given: set[str]) -> Element:
    """Make the table of a group of settings."""
    rows = []
    for name in sorted(values, key=lambda name: name not in given):
        cells = tag("th", name.replace("_", " "), scope="row"), tag("td", _value(values[name]))
        rows.append(tag("tr", *cells, class_="given" if name in given else "usual"))
    return tag("table", tag("tbody", *rows))


def _value(value: Any) -> str:
    """Write a setting."""
    if value is None:
        return "–"
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, float):
        return f"{value:g}"
    return ", ".join(map(str, value)) if isinstance(value, list) else str(value)
