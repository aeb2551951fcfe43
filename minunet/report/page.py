"""The report of a run: one self-contained HTML file to read, print or send.

The page is built as a tree of elements, so all text is escaped and every element is closed. The
file contains no script and loads nothing; its security policy makes the browser enforce both.
"""

from base64 import b64encode
from collections.abc import Iterator, Sequence
from io import BytesIO
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple
from xml.etree.ElementTree import Element, tostring

from minunet import files
from minunet.array import Array
from minunet.metrics.score import number
from minunet.progress import duration
from minunet.report import headline, tables
from minunet.report.headline import Scored
from minunet.report.run_pictures import RUNNING_MEAN
from minunet.report.tables import tag
from minunet.runs.log import Row

if TYPE_CHECKING:
    from matplotlib.figure import Figure

STYLE = Path(__file__).with_name("style.css")

POLICY = "default-src 'none'; img-src data:; style-src 'unsafe-inline'"
"""Content security policy: allow only the pictures and the style sheet inside the file."""

PAGE_WIDTH = 11.0
"""Maximum width of a picture, in inches: slightly wider than the text column (61rem)."""


class Picture(NamedTuple):
    """A picture with its caption."""

    caption: str
    alt: str  # description for readers who cannot see the picture
    png: bytes


class Report(NamedTuple):
    """Contents of a report, as plain values."""

    # The run
    title: str
    settings: dict[str, Any]  # JSON values, as in `Settings.to_json`
    description: Sequence[str]  # lines about the data, as in `Dataset.description`
    device: str  # in words
    version: str  # of minunet
    commands: Sequence[tuple[str, str]]  # purpose and command line

    # Training
    log: Sequence[Row]  # as in `runs.read`; not empty
    seconds: float  # training time
    curves: bytes  # PNG

    # Evaluation
    scored: Scored  # on slices that chose nothing
    optimistic: Scored | None  # on the slices that chose the step and the threshold
    baseline: float  # pixel error of the trivial baseline on the scored slices
    headline: Sequence[str]  # keys of the most important scores
    pictures: Sequence[Picture]  # of scored slices
    thresholds: Sequence[Picture] = ()  # scores by threshold, where it was chosen and elsewhere
    start: Scored | None = None  # of the model that the run started from, on the same slices
    confusion: tuple[Array, Sequence[str]] | None = None  # of classes (K, K), and their names


def write(path: Path, report: Report) -> None:
    """Write a report to an HTML file; replace the file if it exists."""
    text = "<!DOCTYPE html>\n" + tostring(page(report), encoding="unicode", method="html") + "\n"
    with files.atomic(path) as beside:
        beside.write_bytes(text.encode(errors="replace"))  # paths may contain invalid UTF-8


def png(figure: "Figure") -> bytes:
    """Return a figure as a PNG file, at print resolution.

    A figure wider than the page is first made narrower, without scaling its text, so that the text
    remains readable.
    """
    width, height = figure.get_size_inches()
    smaller = min(1.0, PAGE_WIDTH / width)
    figure.set_size_inches(smaller * width, smaller * height)
    buffer = BytesIO()
    figure.savefig(buffer, dpi=200, format="png", bbox_inches="tight")
    return buffer.getvalue()


def page(report: Report) -> Element:
    """Build the page as a tree of elements."""
    sections = {
        "training": ("Training", [_curves(report)]),
        "pictures": ("Example slices", [_picture(one) for one in report.pictures]),
        "scores": ("All scores", list(tables.scores_table(report.scored.scores))),
        "start": ("Before the first step", list(headline.gain(report.scored, report.start))),
        "thresholds": ("Scores by threshold", [_picture(one) for one in report.thresholds]),
        "confusion": (
            "Confusion of classes",
            list(tables.confusion_table(*report.confusion)) if report.confusion else [],
        ),
        "slices": (
            "Scores by slice",
            list(tables.by_slice_table(report.scored.scores, report.scored.names)),
        ),
        "optimistic": ("Optimistic scores", list(headline.optimistic(report.optimistic))),
        "data": ("Data", [_description(report.description)]),
        "settings": ("Settings", list(tables.settings_table(report.settings))),
        "commands": ("Commands", [part for one in report.commands for part in _command(*one)]),
    }
    filled = {key: section for key, section in sections.items() if section[1]}
    links = [tag("a", heading, href=f"#{key}") for key, (heading, _) in filled.items()]
    parts = [
        tag("section", tag("h2", heading), *inside, id=key)
        for key, (heading, inside) in filled.items()
    ]
    facts = f"{len(report.log)} steps in {duration(report.seconds)} · {report.device}"
    shown = [score for score in report.scored.scores if score.key in report.headline]
    header = tag("header", tag("h1", report.title), tag("p", facts, class_="quiet"))
    main = tag(
        "main",
        *headline.headline(shown, report.scored, report.baseline),
        tag("nav", *links),
        *parts,
    )
    footer = tag("footer", f"Written by minunet {report.version}.")
    return tag("html", _head(report.title), tag("body", header, main, footer), lang="en")


def _head(title: str) -> Element:
    """Build the head: encoding, security policy, title and style sheet."""
    return tag(
        "head",
        tag("meta", charset="utf-8"),
        tag("meta", http_equiv="Content-Security-Policy", content=POLICY),
        tag("meta", name="viewport", content="width=device-width, initial-scale=1"),
        tag("title", title),
        tag("style", STYLE.read_text(encoding="utf-8")),
    )


def _curves(report: Report) -> Element:
    """Show the learning curves, with the first and the last energy in words."""
    energy = [row["energy"] for row in report.log]
    last = energy[-RUNNING_MEAN:]
    caption = "The log of this run is lost."
    if energy:
        caption = (
            f"Energy per pixel: {number(energy[0])} at the first step, "
            f"{number(sum(last) / len(last))} averaged over the last {len(last)} steps."
        )
    alt = "Two plots against the step: the energy per pixel, and the validation scores"
    return _picture(Picture(caption, alt, report.curves))


def _picture(one: Picture) -> Element:
    """Embed a picture with its size, so that the text does not move when the picture loads."""
    width, height = (int.from_bytes(one.png[k : k + 4], "big") for k in (16, 20))
    data = "data:image/png;base64," + b64encode(one.png).decode()
    image = tag("img", src=data, alt=one.alt, width=str(width), height=str(height))
    shape = "wide" if width > 2 * height else "tall"
    return tag("figure", tag("div", image, class_=shape), tag("figcaption", one.caption))


def _description(lines: Sequence[str]) -> Element:
    """List the lines about the data; the first word of each line names what the rest describes."""
    split = [line.split(maxsplit=1) for line in lines]
    parts = [part for term, text in split for part in (tag("dt", term), tag("dd", text))]
    return tag("dl", *parts)


def _command(purpose: str, line: str) -> Iterator[Element]:
    """Show a command line and its purpose."""
    yield tag("p", purpose)
    yield tag("pre", tag("code", line))
