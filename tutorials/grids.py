"""Small matrices drawn as on squared paper, for figures that can be followed by hand."""

from __future__ import annotations

from typing import Any

from matplotlib.axes import Axes
from matplotlib.patches import Rectangle

Window = tuple[int, int, int, int]


def squares(
    axes: Axes,
    entries: Any,
    title: str,
    marked: Window | None = None,
    shades: Any = None,
) -> None:
    """Draw a matrix, with a number or word in each square.

    Parameters
    ----------
    axes : to draw on
    entries : (rows, columns)   text or number in each square
    title : above them
    marked : (top, left, rows, columns) of a window that is coloured, or None
    shades : (rows, columns)    colour of each square, or None for white
    """
    rows, columns = len(entries), len(entries[0])
    for r in range(rows):
        for c in range(columns):
            shade = "white" if shades is None else shades[r][c]
            axes.add_patch(Rectangle((c, r), 1, 1, facecolor=shade, edgecolor="0.75"))
            axes.text(c + 0.5, r + 0.52, f"{entries[r][c]}", ha="center", va="center", fontsize=11)
    if marked:
        top, left, height, width = marked
        axes.add_patch(Rectangle((left, top), width, height, facecolor="tab:orange", alpha=0.25))
        outline = {"fill": False, "edgecolor": "tab:orange", "linewidth": 2.5}
        axes.add_patch(Rectangle((left, top), width, height, zorder=3, **outline))
    axes.set(xlim=(-0.1, columns + 0.1), ylim=(rows + 0.1, -0.1), aspect="equal")
    axes.axis("off")
    axes.set_title(title, fontsize=11)


def arrow(axes: Axes, word: str, back: bool = False) -> None:
    """Draw an arrow with a word above it, between two matrices that stand side by side.

    Parameters
    ----------
    axes : to draw on
    word : what the arrow does
    back : whether it points to the left
    """
    tail, tip = (1.0, 0.0) if back else (0.0, 1.0)
    style = {"arrowstyle": "-|>", "color": "tab:orange", "linewidth": 2}
    axes.annotate("", (tip, 0.5), (tail, 0.5), xycoords="axes fraction", arrowprops=style)
    axes.text(0.5, 0.56, word, ha="center", va="bottom", color="tab:orange", fontsize=11)
    axes.axis("off")
