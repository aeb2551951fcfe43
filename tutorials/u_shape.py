"""Figure 1 of the paper, drawn from the sizes of its maps."""

from __future__ import annotations

from itertools import pairwise
from typing import NamedTuple

from matplotlib.axes import Axes
from matplotlib.patches import Rectangle

from minunet.network import sizes
from minunet.network.architecture import Architecture

WIDTH, HEIGHT, INDENT, GAP, ROOM = 4.1, 1.1, 0.22, 0.12, 0.5
"""The drawing in inches: its width, the height of the tile, what each level is indented by, the
space between maps, and the room for labels between levels."""

COLOURS = {
    "convolution": "tab:blue",
    "max pooling": "#D55E00",
    "up-convolution": "#009E73",
    "copy": "0.5",
    "1×1 convolution": "black",
}
"""Colours of the arrows."""


class Box(NamedTuple):
    """A feature map: its left and upper edge, its width and height, in inches."""

    x: float
    y: float
    wide: float
    high: float


def draw(axes: Axes, arch: Architecture, tile: int) -> None:
    """Draw the U. A box is as high as its map, and the wider, the more channels the map has."""
    boxes = _boxes(arch, tile)
    for stage, maps in boxes.items():
        for k, box in enumerate(maps):
            corner = (box.x, box.y - box.high)
            axes.add_patch(Rectangle(corner, *box[2:], facecolor="#A9CCE8", edgecolor="0.2"))
            if stage.startswith("expand") and k == 0:  # half of its channels are a copy
                half = Rectangle(corner, box.wide / 2, box.high, facecolor="w", edgecolor="0.2")
                axes.add_patch(half)
        for k, (before, after) in enumerate(pairwise(maps)):
            _across(axes, before, after, "convolution" if k < 2 else "1×1 convolution")
    for level in range(arch.depth):
        left, right = boxes[f"contract{level}"], boxes[f"expand{level}"]
        below = "bottom" if level == arch.depth - 1 else f"contract{level + 1}"
        _vertical(axes, left[-1], boxes[below][0], "max pooling")
        _vertical(axes, boxes[arch.below(level)][2], right[0], "up-convolution")
        _across(axes, left[-1], right[0], "copy")
    for stage, size in sizes.stages(tile, arch.depth):
        maps, level = boxes[stage], int(stage[-1]) if stage[-1].isdigit() else arch.depth
        middle, low = maps[1].x + maps[1].wide / 2, maps[0].y - maps[0].high - 0.04
        axes.text(middle, maps[0].y + 0.02, f"{arch.width(level)}", ha="center", va="bottom")
        side = {"c": "right", "b": "center", "e": "left"}[stage[0]]  # beside the arrows
        axes.text(middle, low, f"{size[0]} → {size[-1]}", ha=side, va="top", fontsize=11)
    lowest = boxes["bottom"][0].y - boxes["bottom"][0].high
    axes.set(xlim=(-0.6, WIDTH + 0.6), ylim=(lowest - 0.3, 0.3), aspect="equal")
    axes.axis("off")


def _boxes(arch: Architecture, tile: int) -> dict[str, list[Box]]:
    """Return the boxes of every stage."""
    boxes: dict[str, list[Box]] = {}
    sides = dict(sizes.stages(tile, arch.depth))
    top = 0.0
    for level in range(arch.depth + 1):
        channels = arch.width(level)
        above = arch.width(level - 1) if level else arch.in_channels
        for stage, into in (
            ((f"contract{level}", above), (f"expand{level}", 2 * channels))
            if level < arch.depth
            else (("bottom", above),)
        ):
            counts = [into, channels, channels] + [arch.classes] * (stage == "expand0")
            wide = [0.03 + count**0.5 / 110 for count in counts]
            x = INDENT * level
            if stage == "bottom":
                x = (WIDTH - sum(wide)) / 2 - GAP
            elif stage.startswith("expand"):
                x = WIDTH - x - sum(wide) - (len(wide) - 1) * GAP
            boxes[stage] = []
            of_maps = (*sides[stage], sides[stage][-1])[: len(wide)]
            for side, width in zip(of_maps, wide, strict=True):
                boxes[stage].append(Box(x, top, width, HEIGHT * side / tile))
                x += width + GAP
        top -= max(maps[0].high for maps in boxes.values() if maps[0].y == top) + ROOM
    return boxes


def _arrow(axes: Axes, start: tuple[float, float], end: tuple[float, float], kind: str) -> None:
    style = {"arrowstyle": "-|>", "color": COLOURS[kind], "shrinkA": 0, "shrinkB": 0}
    axes.annotate("", end, start, arrowprops=style, zorder=0)


def _across(axes: Axes, before: Box, after: Box, kind: str) -> None:
    """Draw an arrow to a map on the same level."""
    y = before.y - min(before.high, after.high) / 2
    _arrow(axes, (before.x + before.wide, y), (after.x, y), kind)


def _vertical(axes: Axes, before: Box, after: Box, kind: str) -> None:
    """Draw an arrow to a map on another level."""
    down = after.y < before.y
    start, end = (
        (box.x + box.wide / 2, box.y - box.high if lower else box.y)
        for box, lower in ((before, down), (after, not down))
    )
    _arrow(axes, start, end, kind)
