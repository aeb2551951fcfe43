"""Figure 1 of the paper as a map of the course: each arrow leads to its chapter."""

from __future__ import annotations

import base64
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

ALTERNATIVE = "Figure 1 of the paper; every arrow and every number in a circle leads to a chapter."
"""What somebody who cannot see the map should know."""

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


class FeatureMap(NamedTuple):
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


class Link(NamedTuple):
    """A part of the drawing that leads to a chapter."""

    number: int
    svg: str
    shape: str
    """As in an image map: `circle` or `rect`."""

    place: tuple[float, ...]
    """x, y and radius of a circle; left, top, right and bottom of a rectangle."""

    @property
    def target(self) -> str:
        """File of the chapter."""
        return f"{CHAPTERS[self.number][0]}.ipynb"

    @property
    def title(self) -> str:
        """Number and subject of the chapter."""
        return f"{self.number}. {CHAPTERS[self.number][1]}"


def show_map() -> None:
    """Display the map, as an image map in a notebook and as a drawing with links on the site.

    Jupyter removes drawings from the output of notebooks that were not run on the same computer. Of
    an image map it removes only the links.
    """
    data = {"text/html": image_map(), "image/svg+xml": drawing(), "text/plain": ALTERNATIVE}
    display(data, raw=True)


def image_map() -> str:
    """Return the map as HTML: a picture, and the places of its links."""
    ground = f'<rect width="{WIDTH}" height="{HEIGHT}" fill="white"/>'
    bare = "".join(link.svg for link in _links(_stages()))
    picture = base64.b64encode(_svg(ground + _maps(_stages()) + bare).encode()).decode()
    areas = [
        f'<area shape="{link.shape}" coords="{",".join(f"{number:.0f}" for number in link.place)}" '
        f'href="{link.target}" target="_blank" alt="{link.title}" title="{link.title}">'
        for link in reversed(_links(_stages()))  # the first one counts, and circles are on top
    ]
    return (
        f'<img src="data:image/svg+xml;base64,{picture}" width="{WIDTH}" height="{HEIGHT}" '
        f'usemap="#course" alt="{ALTERNATIVE}"><map name="course">{"".join(areas)}</map>'
    )


def drawing() -> str:
    """Return the map as SVG with links."""
    links = [
        f'<a href="{link.target}"><title>{link.title}</title>{link.svg}</a>'
        for link in _links(_stages())
    ]
    return _svg(_maps(_stages()) + "".join(links))


def _svg(inside: str) -> str:
    """Complete a drawing."""
    return (
        f'<svg class="course" viewBox="0 0 {WIDTH} {HEIGHT}" role="group" '
        f'aria-label="{ALTERNATIVE}" xmlns="http://www.w3.org/2000/svg"><style>{STYLE}</style>'
        f"{inside}</svg>"
    )


def _stages() -> dict[str, list[FeatureMap]]:
    """Place the maps of the paper's network, for the tile of Figure 1."""
    arch = Architecture()
    return _placed(figure1(arch, 572), arch.depth)


def _links(stages: dict[str, list[FeatureMap]]) -> list[Link]:
    """List the arrows, and the numbers of the chapters on top of them."""
    links = []
    for maps in stages.values():
        for before, after in pairwise(maps):
            colour = OUT if after.row.stage == "out" else CONV
            links.append(_arrow(1, colour, _right(before), _left(after)))
    for name, below in pairwise(stages):
        last, first = stages[name][2], stages[below][0]
        if last.top < first.top:
            links.append(_arrow(3, POOL, _bottom(last), _top(first)))
        else:
            links.append(_arrow(4, UP, _top(last, 22), _bottom(first)))
    for name in stages:
        if name.startswith("contract"):
            last, first = stages[name][2], stages[name.replace("contract", "expand")][0]
            links.append(_arrow(7, COPY, _right(last), (first.left - 3, last.middle[1])))
    return links + _badges(stages)


def _maps(stages: dict[str, list[FeatureMap]]) -> str:
    """Draw the feature maps, with the number of channels above each stage."""
    parts = [_bar(one) for maps in stages.values() for one in maps]
    for maps in stages.values():
        parts.append(_text(maps[2].middle[0], maps[2].top - 6, maps[2].row.channels))
    return "".join(parts) + _sizes(stages)


def _placed(rows: list[Row], depth: int) -> dict[str, list[FeatureMap]]:
    """Place the maps of every stage: input, first convolution, second; and those of the output."""
    named = []
    for row in rows:
        stage = {"": "contract0", "out": "expand0"}.get(row.stage, row.stage)
        if row.arrow.startswith("max pool"):  # the input of the next level
            level = int(stage.removeprefix("contract")) + 1
            stage = "bottom" if level == depth else f"contract{level}"
        if not row.arrow.startswith("up-conv"):  # joined to the copy, in the next row
            named.append((stage, row))
    stages: dict[str, list[FeatureMap]] = {}
    centre = 44.0
    for stage, group in groupby(named, key=lambda pair: pair[0]):
        level = depth if stage == "bottom" else int(stage[-1])
        maps: list[FeatureMap] = []
        for _, row in group:
            width, height = 2 + 1.1 * log2(row.channels), 2.6 * sqrt(row.size)
            left = maps[-1].left + maps[-1].width + GAP if maps else centre - width / 2
            middle = TOP + LEVEL * level + 31
            maps.append(FeatureMap(row, left, middle - height / 2, width, height))
        stages[stage], centre = maps, maps[2].middle[0]
    return stages


def _bar(one: FeatureMap) -> str:
    """Draw a map."""
    return (
        f'<rect x="{one.left:.1f}" y="{one.top:.1f}" width="{one.width:.1f}" '
        f'height="{one.height:.1f}" fill="#8fb4e8" stroke="{CONV}"/>'
    )


def _arrow(number: int, colour: str, start: tuple[float, float], end: tuple[float, float]) -> Link:
    """Draw an arrow that leads to a chapter; an invisible wide line makes it easy to hit."""
    (x0, y0), (x1, y1) = start, end
    at = f'x1="{x0:.1f}" y1="{y0:.1f}" x2="{{0:.1f}}" y2="{{1:.1f}}" stroke="{colour}"'
    length = sqrt((x1 - x0) ** 2 + (y1 - y0) ** 2)
    u, v = (x1 - x0) / length, (y1 - y0) / length
    neck = x1 - 6 * u, y1 - 6 * v
    head = [(x1, y1), (neck[0] - 5 * v, neck[1] + 5 * u), (neck[0] + 5 * v, neck[1] - 5 * u)]
    points = " ".join(f"{x:.1f},{y:.1f}" for x, y in head)
    svg = f"<line {at.format(*neck)}/>"
    svg += f'<line class="touch" {at.format(x1, y1)}/><polygon points="{points}" fill="{colour}"/>'
    box = min(x0, x1) - 6 * abs(v), min(y0, y1) - 6 * abs(u)
    box += max(x0, x1) + 6 * abs(v), max(y0, y1) + 6 * abs(u)
    return Link(number, svg, "rect", box)


def _right(one: FeatureMap) -> tuple[float, float]:
    return one.left + one.width + 1, one.middle[1]


def _left(one: FeatureMap) -> tuple[float, float]:
    return one.left - 1, one.middle[1]


def _top(one: FeatureMap, above: float = 2) -> tuple[float, float]:
    return one.middle[0], one.top - above


def _bottom(one: FeatureMap) -> tuple[float, float]:
    return one.middle[0], one.top + one.height + 2


def _text(x: float, y: float, text: object, anchor: str = "middle") -> str:
    return f'<text x="{x:.1f}" y="{y:.1f}" text-anchor="{anchor}">{text}</text>'


def _sizes(stages: dict[str, list[FeatureMap]]) -> str:
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


def _badges(stages: dict[str, list[FeatureMap]]) -> list[Link]:
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
        (4, UP, up.middle[0] + 24, up.top + up.height + 20),
        (7, COPY, WIDTH / 2, middle),
        (5, OUT, WIDTH - 49, 18),
        (6, OUT, WIDTH - 17, 18),
    ]
    links = []
    for number, colour, x, y in circles:
        svg = f'<circle cx="{x:.1f}" cy="{y:.1f}" r="15" fill="{colour}"/>'
        links.append(Link(number, svg + _badge(x, y + 6, number), "circle", (x, y, 15)))
    boxes = [(10, "Training", 4, 422), (12, "Speed", 4, 462)]
    boxes += [(11, "Scores", WIDTH - 144, 422), (13, "Your data", WIDTH - 144, 462)]
    for number, subject, x, y in boxes:
        svg = f'<rect x="{x}" y="{y}" width="140" height="32" rx="8" fill="{COPY}"/>'
        svg += _badge(x + 70, y + 22, f"{number} {subject}")
        links.append(Link(number, svg, "rect", (x, y, x + 140, y + 32)))
    return links


def _badge(x: float, y: float, text: object) -> str:
    return f'<text class="badge" x="{x:.1f}" y="{y:.1f}" text-anchor="middle">{text}</text>'
