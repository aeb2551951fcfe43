"""What the pictures share: colours for cells, and a way to write a PNG."""

from pathlib import Path

import matplotlib
import numpy as np
from matplotlib.figure import Figure

from minunet.array import Array

COLOURS = "tab20"


def coloured(cells: Array) -> Array:
    """Colour numbered cells, (H, W, 3) in [0, 1]: 0 is black, cells of near numbers differ.

    Parameters
    ----------
    cells : (H, W)     integer, 0 background, k cell k
    """
    colours = np.array(matplotlib.color_sequences[COLOURS])
    which = (cells.astype(np.int64) - 1) % len(colours)
    return np.where((cells > 0)[..., np.newaxis], colours[which], 0.0)


def write(figure: Figure, path: Path) -> None:
    """Write a PNG beside its target and move it there: nobody sees half a picture."""
    beside = path.with_name(path.name + ".part")
    figure.savefig(beside, dpi=100, format="png")
    beside.replace(path)
