"""The report of a run: one HTML file with everything in it, to read, to print and to send.

It is built as a tree of elements, so that nothing is left unescaped or open when it is written.
The file loads nothing and has no script, and forbids both to the browser.
"""

from base64 import b64encode
from collections.abc import Iterator, Sequence
from io import BytesIO
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple
from xml.etree.ElementTree import Element, tostring

from minunet import files
from minunet.metrics.score import Score, number
from minunet.progress import duration
from minunet.report import tables
from minunet.report.run_pictures import AVERAGED
from minunet.report.tables import tag
from minunet.runs.folder import Row

if TYPE_CHECKING:
    from matplotlib.figure import Figure

STYLE = Path(__file__).with_name("style.css")

POLICY = "default-src 'none'; img-src data:; style-src 'unsafe-inline'"
"""What the browser may load: the pictures and the style that are in the file."""

PAGE_WIDTH = 11.0
"""Of a picture, inches: of the style's 61rem, at the browser's 96 pixels to the inch a bit more."""


class Picture(NamedTuple):
    """A picture of a slice."""

    caption: str
    alt: str  # what is to be seen, in words
    png: bytes


class Report(NamedTuple):
    """What a report tells, in plain values."""

    title: str
    settings: dict[str, Any]  # as `Settings.to_json` returns them
    description: Sequence[str]  # of the data, as a `Dataset` has it
    log: Sequence[Row]  # as `runs.read` returns it; not empty
    scores: Sequence[Score]
    headline: Sequence[str]  # keys of the scores that matter most
    slices: Sequence[int]  # that were scored, by their numbers in the stack
    trained_on: bool  # whether the network was trained on these slices
    checkpoint: str  # that was scored, such as "best.npz, step 1600"
    picked: bool  # whether these slices picked it
    curves: bytes  # PNG
    pictures: Sequence[Picture]
    seconds: float  # that the training took
    device: str  # in words
    version: str  # of minunet
    commands: Sequence[tuple[str, str]]  # what for, and the line to type


def write(path: Path, report: Report) -> None:
    """Write a report; nobody reads half of one.

    Parameters
    ----------
    path : Path         of the HTML file; what is there is replaced
    report : Report
    """
    text = "<!DOCTYPE html>\n" + tostring(page(report), encoding="unicode", method="html") + "\n"
    with files.whole(path) as beside:
        beside.write_bytes(text.encode(errors="replace"))  # a path may hold bytes that are not text


def png(figure: "Figure") -> bytes:
    """Return a figure as PNG, fine enough for paper.

    A figure wider than the page is made smaller first: its letters stay as they are, and can still
    be read when the page shows it.
    """
    width, height = figure.get_size_inches()
    smaller = min(1.0, PAGE_WIDTH / width)
    figure.set_size_inches(smaller * width, smaller * height)
    buffer = BytesIO()
    figure.savefig(buffer, dpi=200, format="png", bbox_inches="tight")
    return buffer.getvalue()


def page(report: Report) -> Element:
    """Build the whole page."""
    sections = {
        "training": ("Training", [_curves(report)]),
        "pictures": ("Slices in pictures", [_picture(one) for one in report.pictures]),
        "scores": ("All scores", list(tables.scores(report.scores))),
        "slices": ("Slice by slice", list(tables.slices(report.scores, report.slices))),
        "data": ("Data", [_description(report.description)]),
        "settings": ("Settings", list(tables.settings(report.settings))),
        "commands": ("To repeat it", [part for one in report.commands for part in _command(*one)]),
    }
    filled = {key: section for key, section in sections.items() if section[1]}
    links = [tag("a", heading, href=f"#{key}") for key, (heading, _) in filled.items()]
    parts = [
        tag("section", tag("h2", heading), *inside, id=key)
        for key, (heading, inside) in filled.items()
    ]
    facts = f"{len(report.log)} steps in {duration(report.seconds)} · {report.device}"
    header = tag("header", tag("h1", report.title), tag("p", facts, class_="quiet"))
    main = tag("main", *_headline(report), tag("nav", *links), *parts)
    footer = tag("footer", f"Written by minunet {report.version}.")
    return tag("html", _head(report.title), tag("body", header, main, footer), lang="en")


def _head(title: str) -> Element:
    """Tell the browser what it needs to know before the page."""
    return tag(
        "head",
        tag("meta", charset="utf-8"),
        tag("meta", http_equiv="Content-Security-Policy", content=POLICY),
        tag("meta", name="viewport", content="width=device-width, initial-scale=1"),
        tag("title", title),
        tag("style", STYLE.read_text(encoding="utf-8")),
    )


def _headline(report: Report) -> Iterator[Element]:
    """Say the few numbers that matter, and how far they can be trusted."""
    shown = [score for score in report.scores if score.key in report.headline]
    if shown:
        yield tag("ul", *map(_big, shown), class_="headline")
    count = len(report.slices)
    where = f"{'Slice' if count == 1 else 'Slices'} {_numbers(report.slices)}"
    if report.trained_on:
        said = (
            f"{where}: trained on, since none were held out. How good the network is on images "
            "that it has not seen, these numbers do not say."
        )
    else:
        said = f"{where}: {'1 slice that was' if count == 1 else f'{count} slices that were'}"
        said += " not trained on."
    yield tag("p", said, class_="where")
    doubts = f"Scored is {report.checkpoint}."
    if report.picked:
        doubts += (
            " It was picked by these slices, as the step that scores best on them: expect a little "
            "less on others."
        )
    if any(score.threshold is not None for score in report.scores):
        doubts += " Each threshold is the one that is best on these slices."
    yield tag("p", doubts)


def _big(score: Score) -> Element:
    """Show one of the few numbers that matter."""
    better = "higher is better" if score.higher_is_better else "lower is better"
    at = "" if score.threshold is None else f"at threshold {score.threshold:g}; "
    return tag(
        "li",
        tag("span", score.name, class_="name"),
        tag("span", number(score.value), class_="value"),
        tag("span", at + better, class_="quiet"),
    )


def _numbers(slices: Sequence[int]) -> str:
    """Write the numbers of slices; of a block, the first and the last."""
    if len(slices) > 2 and list(slices) == list(range(slices[0], slices[-1] + 1)):
        return f"{slices[0]} … {slices[-1]}"
    return ", ".join(map(str, slices))


def _curves(report: Report) -> Element:
    """Show the curves, and say where the energy came from and where it went."""
    energy = [row["energy"] for row in report.log]
    last = energy[-AVERAGED:]
    said = (
        f"Energy per pixel: {number(energy[0])} at the first step, {number(sum(last) / len(last))} "
        f"in the mean of the last {len(last)}."
    )
    alt = "Two plots over the steps: the energy per pixel, and the scores of every validation"
    return _picture(Picture(said, alt, report.curves))


def _picture(one: Picture) -> Element:
    """Put a picture into the page; its size is given, so that no text moves as it appears."""
    width, height = (int.from_bytes(one.png[k : k + 4], "big") for k in (16, 20))
    data = "data:image/png;base64," + b64encode(one.png).decode()
    image = tag("img", src=data, alt=one.alt, width=str(width), height=str(height))
    shape = "wide" if width > 2 * height else "tall"
    return tag("figure", tag("div", image, class_=shape), tag("figcaption", one.caption))


def _description(lines: Sequence[str]) -> Element:
    """List what the data are; every line begins with a word that says of what it is."""
    split = [line.split(maxsplit=1) for line in lines]
    parts = [part for word, said in split for part in (tag("dt", word), tag("dd", said))]
    return tag("dl", *parts)


def _command(purpose: str, line: str) -> Iterator[Element]:
    """Show a line to type, and what it is for."""
    yield tag("p", purpose)
    yield tag("pre", tag("code", line))
