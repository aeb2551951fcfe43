"""The tables of a report: all scores, scores by slice, settings."""

from collections.abc import Iterator, Sequence
from typing import Any
from xml.etree.ElementTree import Element

from minunet.array import Array
from minunet.metrics.score import THRESHOLDS, Score, finite, number, value_and_spread
from minunet.runs.settings import from_options, groups, options

ARROWS = {True: " ↑", False: " ↓", None: ""}
"""Marks shown after a value; the key says whether higher is better."""


def tag(name: str, /, *inside: Element | str, **attributes: str) -> Element:
    """Make an HTML element.

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
    """Make a table of names and numbers that scrolls sideways on a narrow page."""
    first, *others = heads
    cells = [tag("th", text, scope="col", class_="number") for text in others]
    head = tag("tr", tag("th", first, scope="col"), *cells)
    return tag("div", tag("table", tag("thead", head), tag("tbody", *rows)), class_="wide")


def scores_table(scores: Sequence[Score]) -> Iterator[Element]:
    """Tabulate each score of the whole stack, its convention, and a plot against the threshold.

    Parameters
    ----------
    scores : sequence of Score    if empty, no table is made
    """
    if scores:
        plots = any(len(score.by_threshold) == len(THRESHOLDS) for score in scores)
        at = any(score.threshold is not None for score in scores)
        heads = ("score", "value ± spread", *["threshold"] * at, *["by threshold"] * plots)
        yield _table(heads, [_score(score, at, plots) for score in scores])
        legend = (
            "± is the standard deviation over the slices that have a value. "
            "↑ higher is better, ↓ lower is better."
        )
        if plots:
            legend += (
                " Each small plot shows the score against the threshold, from "
                f"{THRESHOLDS[0]:g} to {THRESHOLDS[-1]:g}, scaled to its own range; a dot marks "
                "the chosen threshold."
            )
        yield tag("p", legend, class_="legend")


def change_table(before: Sequence[Score], after: Sequence[Score]) -> Element:
    """Tabulate the same scores before and after training."""
    rows = [
        tag(
            "tr",
            tag("th", a.name, scope="row"),
            tag("td", value_and_spread(a), ARROWS[a.higher_is_better], class_="number"),
            tag("td", value_and_spread(b), ARROWS[b.higher_is_better], class_="number"),
            tag("td", f"{b.value - a.value:+.4g}", class_="number"),
        )
        for a, b in zip(before, after, strict=True)
    ]
    return _table(("score", "before the first step", "of this run", "change"), rows)


def _score(score: Score, at: bool, plot: bool) -> Element:
    """Make the table row of a score, with or without cells for its threshold and its plot."""
    plots = [tag("td", *_sparkline(score))] if plot else []
    threshold = "" if score.threshold is None else f"{score.threshold:g}"
    return tag(
        "tr",
        tag(
            "th",
            tag("span", score.name, class_="name"),
            " ",
            tag("span", score.convention, class_="quiet"),
            scope="row",
        ),
        tag("td", value_and_spread(score), ARROWS[score.higher_is_better], class_="number"),
        *[tag("td", threshold, class_="number")] * at,
        *plots,
    )


def _sparkline(score: Score) -> Iterator[Element]:
    """Draw a score against the threshold, with a dot at the chosen threshold."""
    if len(score.by_threshold) != len(THRESHOLDS) or not any(map(finite, score.by_threshold)):
        return
    points = {t: v for t, v in zip(THRESHOLDS, score.by_threshold, strict=True) if finite(v)}
    low, high = min(points.values()), max(points.values())
    xy = {
        t: (f"{4 + 120 * t / THRESHOLDS[-1]:.1f}", f"{32 - 28 * (v - low) / (high - low or 1):.1f}")
        for t, v in points.items()
    }
    values = ", ".join(f"{number(v)} at {t:g}" for t, v in points.items())
    drawing = tag(
        "svg",
        tag("line", x1="0", y1="36", x2="128", y2="36"),
        tag("polyline", points=" ".join(f"{x},{y}" for x, y in xy.values())),
        role="img",
        aria_label=f"{score.name}: {values}",
        viewBox="0 0 128 36",
    )
    if score.threshold in xy:
        cx, cy = xy[score.threshold]
        drawing.append(tag("circle", cx=cx, cy=cy, r="3.5"))
    yield drawing


def by_slice_table(scores: Sequence[Score], names: Sequence[str]) -> Iterator[Element]:
    """Tabulate the scores of every slice, shaded by how bad they are.

    Parameters
    ----------
    scores : sequence of Score    if empty, no table is made
    names : sequence of str       names of the slices
    """
    if not scores:
        return
    rows = [
        tag("tr", tag("th", name, scope="row"), *cells)
        for name, *cells in zip(names, *map(_column, scores), strict=True)
    ]
    whole = [tag("td", number(score.value), class_="number") for score in scores]
    rows.append(tag("tr", tag("th", "all", scope="row"), *whole, class_="whole"))
    yield _table(("slice", *(score.name for score in scores)), rows)
    yield tag(
        "p",
        "In each column, darker shading marks worse slices. The score of all slices together may "
        "differ from the mean over slices.",
        class_="legend",
    )


def _column(score: Score) -> list[Element]:
    """Make the table cells of a score, shaded from 0 (best slice) to 1 (worst slice)."""
    known = sorted(filter(finite, score.slices), reverse=bool(score.higher_is_better))
    if score.higher_is_better is None:
        known = known[:1]  # a count: no slice is best or worst
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


def confusion_table(matrix: Array, names: Sequence[str]) -> Iterator[Element]:
    """Tabulate how the pixels of each true class are classified, shaded by how many are wrong.

    Parameters
    ----------
    matrix : (K, K)      numbers of pixels: row = true class, column = predicted class
    names : K strings    names of the classes
    """
    rows = []
    for k, (name, row) in enumerate(zip(names, matrix.tolist(), strict=True)):
        cells, pixels = [], sum(row)
        for j, count in enumerate(row):
            cell = tag("td", f"{100 * count / pixels:.1f}" if pixels else "–", class_="number")
            if j != k and count:
                cell.set("style", f"--bad: {count / pixels:.2f}")
            cells.append(cell)
        head = tag("th", name, scope="row")
        rows.append(tag("tr", head, *cells, tag("td", f"{pixels:,}", class_="number")))
    yield _table(("true class", *names, "pixels"), rows)
    yield tag(
        "p",
        "Each row shows what percentage of the pixels of a true class is predicted as each class; "
        "darker shading marks more frequent errors.",
        class_="legend",
    )


def settings_table(values: dict[str, Any]) -> Iterator[Element]:
    """Tabulate the settings by group; in each group, those set for this run come first.

    Parameters
    ----------
    values : dict     JSON values, as in `Settings.to_json`
    """
    experiment, preset = values["experiment"], values["preset"]
    defaults = from_options(experiment=experiment, preset=preset).to_json()
    defaults |= {"experiment": None, "preset": from_options(experiment=experiment).preset}
    names = {option.name for option in options()}
    given = {k for k, v in values.items() if k in names and v != defaults[k]}
    source = f"the preset {preset}"
    if experiment:
        source = f"the experiment {experiment} and {source}"
    legend = (
        f"Settings in bold were set for this run. The others are defaults of {source}, or were "
        "found in the data."
    )
    yield tag("p", legend, class_="legend")
    tables = [
        tag("div", tag("h3", name.capitalize()), _group({k: values[k] for k in names}, given))
        for name, names in groups().items()
    ]
    yield tag("div", *tables, class_="settings")


def _group(values: dict[str, Any], given: set[str]) -> Element:
    """Make the table of one group of settings."""
    rows = []
    for name in sorted(values, key=lambda name: name not in given):
        cells = tag("th", name.replace("_", " "), scope="row"), tag("td", _value(values[name]))
        rows.append(tag("tr", *cells, class_="given" if name in given else "usual"))
    return tag("table", tag("tbody", *rows))


def _value(value: Any) -> str:
    """Format the value of a setting."""
    if value is None:
        return "–"
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, float):
        return f"{value:g}"
    return ", ".join(map(str, value)) if isinstance(value, list) else str(value)
