"""What the pictures share: a figure to draw on, colours for cells, and a way to write a PNG."""

from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from minunet import files
from minunet.array import Array

if TYPE_CHECKING:
    from matplotlib.figure import Figure

GOLDEN = (5**0.5 - 1) / 2
"""Turn of the colour wheel from a cell to the next: no two of a few hundred come out alike."""


def figure(width: float, height: float) -> "Figure":
    """Make a figure of a size in inches, without a window, that lays out its panels by itself."""
    from matplotlib.figure import Figure

    return Figure(figsize=(width, height), layout="constrained")


def coloured(cells: Array) -> Array:
    """Paint every cell in the colour of its number, on black.

    Parameters
    ----------
    cells : (H, W)     integer, 0 or less is background, k cell k

    Returns
    -------
    (H, W, 3), in [0, 1] : cells of near numbers, which often touch, are well apart
    """
    from matplotlib.colors import hsv_to_rgb

    k = np.maximum(cells.astype(np.int64), 0)
    # Three rounds of brightness part cells whose hues come close.
    hsv = np.stack([k * GOLDEN % 1, np.full(k.shape, 0.75), 1 - 0.2 * (k % 3)], axis=-1)
    return np.where((k > 0)[..., np.newaxis], hsv_to_rgb(hsv), 0.0)


def write(figure: "Figure", path: Path) -> None:
    """Write a PNG; nobody sees half a picture."""
    with files.whole(path) as beside:
        figure.savefig(beside, dpi=100, format="png")
