"""Figure 1 of the paper as a map of the course: each arrow leads to its chapter."""

from __future__ import annotations

from collections.abc import Iterable
from itertools import groupby, pairwise
from math import log2, sqrt
from typing import NamedTuple

from IPython.display import display

from minunet.network.architecture import Architecture
from minunet.network.sizes import Row, figure1

CHAPTERS = {
    1: ("01_convolution", "What is a convolution?"),
    2: ("02_gradients", "Which way is downhill?"),
    3: ("03_relu_and_maxpool", "ReLU and max-pooling"),
    4: ("04_upconvolution", "What is an up-convolution?"),
    5: ("05_energy", "What is the energy of a prediction?"),
    6: ("06_border_weights", "Border weights"),
    7: ("07_the_u", "The U"),
    8: ("08_tiles", "Tiles without seams"),
    9: ("09_deformation", "Deformation: making more of few images"),
    10: ("10_training", "Training"),
    11: ("11_scores", "How good is it?"),
    12: ("12_speed", "Making it fast"),
    13: ("13_your_own_data", "Your own data"),
}
"""File and subject of each chapter, by its number."""

CONV, POOL, UP, COPY, OUT = "#2f6fc9", "#c93c30", "#23844a", "#707070", "#0f7f8a"
"""Colours of the arrows, as in the paper; they can be read on white and on black."""

WIDTH, HEIGHT, TOP, LEVEL, GAP = 520, 498, 62, 90, 14
"""Size of the drawing, place of level 0, distance between levels, and between the maps of a stage.

The drawing is narrow, so that its numbers are still 11 pixels high on a telephone."""

STYLE = (
    ".course{display:block;width:100%;max-width:660px;height:auto;margin:auto;"
    "font:16px sans-serif;fill:currentColor}"
    ".course a{text-decoration:none;cursor:pointer}"
    ".course a:hover,.course a:focus{opacity:.6}"
    ".course line{stroke-width:3}"
    ".course .touch{stroke-width:14;stroke-opacity:0}"
    ".course .badge{font-weight:bold;fill:white}"
)


class Map(NamedTuple):
    """A feature map of the drawing."""

    row: Row
    left: float
    top: float
    width: float
    height: float

    @property
    def middle(self) -> tuple[float, float]:
        """Its centre."""
        return self.left + self.width / 2, self.top + self.height / 2


def show_map(arch: Architecture, size: int) -> None:
    """Display Figure 1 for a tile; each arrow and each number is a link to a chapter."""
    alt = "Figure 1 of the paper; every arrow and every number in a circle leads to a chapter."
    display({"text/html": drawing(arch, size, alt), "text/plain": alt}, raw=True)


def drawing(arch: Architecture, size: int, alt: str) -> str:
    """Return the map as SVG.

    Parameters
    ----------
    arch : the network
    size : side of the input tile, in pixels
    alt : what somebody who cannot see it should know
    """
    stages = _placed(figure1(arch, size), arch.depth)
    names = list(stages)
    parts = []
    for maps in stages.values():
        parts += [_bar(one) for one in maps]
        for before, after in pairwise(maps):
            colour = OUT if after.row.stage == "out" else CONV
            parts.append(_arrow(1, colour, _right(before), _left(after)))
        last = maps[2]
        parts.append(_text(last.middle[0], last.top - 6, last.row.channels))
    for name, below in pairwise(names):
        last, first = stages[name][2], stages[below][0]
        if last.top < first.top:
            parts.append(_arrow(3, POOL, _bottom(last), _top(first)))
        else:
            parts.append(_arrow(4, UP, _top(last, 22), _bottom(first)))
    for level in range(arch.depth):
        last, first = stages[f"contract{level}"][2], stages[f"expand{level}"][0]
        parts.append(_arrow(7, COPY, _right(last), (first.left - 3, last.middle[1])))
    return (
        f'<svg class="course" viewBox="0 0 {WIDTH} {HEIGHT}" role="group" '
        f'aria-label="{alt}" xmlns="http://www.w3.org/2000/svg"><style>{STYLE}</style>'
        f"{''.join(parts)}{_sizes(stages)}{_badges(stages)}</svg>"
    )


def _placed(rows: list[Row], depth: int) -> dict[str, list[Map]]:
    """Place the maps of every stage: input, first convolution, second; and those of the output."""
    named = []
    for row in rows:
        stage = {"": "contract0", "out": "expand0"}.get(row.stage, row.stage)
        if row.arrow.startswith("max pool"):  # the input of the next level
            level = int(stage.removeprefix("contract")) + 1
            stage = "bottom" if level == depth else f"contract{level}"
        if not row.arrow.startswith("up-conv"):  # joined to the copy, in the next row
            named.append((stage, row))
    stages: dict[str, list[Map]] = {}
    centre = 44.0
    for stage, group in groupby(named, key=lambda pair: pair[0]):
        level = depth if stage == "bottom" else int(stage[-1])
        maps: list[Map] = []
        for _, row in group:
            width, height = 2 + 1.1 * log2(row.channels), 2.6 * sqrt(row.size)
            left = maps[-1].left + maps[-1].width + GAP if maps else centre - width / 2
            middle = TOP + LEVEL * level + 31
            maps.append(Map(row, left, middle - height / 2, width, height))
        stages[stage], centre = maps, maps[2].middle[0]
    return stages


def _link(number: int, inside: str) -> str:
    """Make something a link to a chapter."""
    name, subject = CHAPTERS[number]
    return f'<a href="{name}.ipynb"><title>{number}. {subject}</title>{inside}</a>'


def _bar(one: Map) -> str:
    """Draw a map."""
    return (
        f'<rect x="{one.left:.1f}" y="{one.top:.1f}" width="{one.width:.1f}" '
        f'height="{one.height:.1f}" fill="#8fb4e8" stroke="{CONV}"/>'
    )


def _arrow(number: int, colour: str, start: tuple[float, float], end: tuple[float, float]) -> str:
    """Draw an arrow that leads to a chapter; an invisible wide line makes it easy to hit."""
    (x0, y0), (x1, y1) = start, end
    at = f'x1="{x0:.1f}" y1="{y0:.1f}" x2="{{0:.1f}}" y2="{{1:.1f}}" stroke="{colour}"'
    length = sqrt((x1 - x0) ** 2 + (y1 - y0) ** 2)
    u, v = (x1 - x0) / length, (y1 - y0) / length
    neck = x1 - 6 * u, y1 - 6 * v
    head = [(x1, y1), (neck[0] - 5 * v, neck[1] + 5 * u), (neck[0] + 5 * v, neck[1] - 5 * u)]
    points = " ".join(f"{x:.1f},{y:.1f}" for x, y in head)
    return _link(
        number,
        f"<line {at.format(*neck)}/>"
        f'<line class="touch" {at.format(x1, y1)}/><polygon points="{points}" fill="{colour}"/>',
    )


def _right(one: Map) -> tuple[float, float]:
    return one.left + one.width + 1, one.middle[1]


def _left(one: Map) -> tuple[float, float]:
    return one.left - 1, one.middle[1]


def _top(one: Map, above: float = 2) -> tuple[float, float]:
    return one.middle[0], one.top - above


def _bottom(one: Map) -> tuple[float, float]:
    return one.middle[0], one.top + one.height + 2


def _text(x: float, y: float, text: object, anchor: str = "middle") -> str:
    return f'<text x="{x:.1f}" y="{y:.1f}" text-anchor="{anchor}">{text}</text>'


def _sizes(stages: dict[str, list[Map]]) -> str:
    """Write the side of the map that enters a stage on the left, or leaves it on the right."""
    tile, output = stages["contract0"][0], stages["expand0"][-1]
    parts = [
        _text(one.middle[0], one.top + one.height + 17, f"{one.row.size}²")
        for one in (tile, output)
    ]
    for stage, maps in list(stages.items())[1:-1]:
        first, last = maps[0], maps[-1]
        if stage.startswith("expand"):
            x, one, anchor = last.left + last.width + 5, last, "start"
        else:
            x, one, anchor = first.left - 5, first, "end"
        parts.append(_text(x, one.middle[1] + 6, f"{one.row.size}²", anchor))
    return "".join(parts)


def _badges(stages: dict[str, list[Map]]) -> str:
    """Write the numbers of the chapters in circles, and those of the last ones in boxes."""
    first = stages["contract0"]
    pool, up = stages["contract2"][0], stages["expand1"][0]
    middle = first[0].middle[1]
    circles: Iterable[tuple[int, str, float, float]] = [
        (9, COPY, 17, middle - 18),
        (8, COPY, 17, middle + 18),
        (1, CONV, first[1].middle[0] - 12, 18),
        (2, CONV, first[1].middle[0] + 20, 18),
        (3, POOL, pool.middle[0] - 22, pool.top - 26),
        (4, UP, up.middle[0] + 22, up.top + up.height + 26),
        (7, COPY, WIDTH / 2, middle),
        (5, OUT, WIDTH - 49, 18),
        (6, OUT, WIDTH - 17, 18),
    ]
    parts = [
        _link(
            number,
            f'<circle cx="{x:.1f}" cy="{y:.1f}" r="15" fill="{colour}"/>'
            f'<text class="badge" x="{x:.1f}" y="{y + 6:.1f}" text-anchor="middle">{number}</text>',
        )
        for number, colour, x, y in circles
    ]
    boxes = [(10, "Training", 4, 422), (12, "Speed", 4, 462)]
    boxes += [(11, "Scores", WIDTH - 144, 422), (13, "Your data", WIDTH - 144, 462)]
    for number, subject, x, y in boxes:
        parts.append(
            _link(
                number,
                f'<rect x="{x}" y="{y}" width="140" height="32" rx="8" fill="{COPY}"/>'
                f'<text class="badge" x="{x + 70}" y="{y + 22}" text-anchor="middle">'
                f"{number} {subject}</text>",
            )
        )
    return "".join(parts)
