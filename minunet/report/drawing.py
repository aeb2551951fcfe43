"""Helpers shared by the pictures: a figure, colours for cells, and a function to write a PNG."""

import warnings
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from minunet import files
from minunet.array import Array

if TYPE_CHECKING:
    from matplotlib.figure import Figure

GOLDEN = (5**0.5 - 1) / 2
"""Step in hue from one cell number to the next; it gives hundreds of cells distinct colours."""


def figure(width: float, height: float) -> "Figure":
    """Make a figure of this size in inches; it has no window, and arranges its panels itself."""
    from matplotlib.figure import Figure

    return Figure(figsize=(width, height), layout="constrained")


def coloured(cells: Array) -> Array:
    """Colour every cell by its number, on black.

    Parameters
    ----------
    cells : (H, W)     integer; k > 0 = cell k, anything else is background

    Returns
    -------
    (H, W, 3), in [0, 1] : similar numbers get clearly different colours, since cells with
        similar numbers often touch
    """
    from matplotlib.colors import hsv_to_rgb

    k = np.maximum(cells.astype(np.int64), 0)
    # Cells with similar hues differ in brightness.
    hsv = np.stack([k * GOLDEN % 1, np.full(k.shape, 0.75), 1 - 0.2 * (k % 3)], axis=-1)
    return np.where((k > 0)[..., np.newaxis], hsv_to_rgb(hsv), 0.0)


def grey(values: Array, darkest: float = 0.0) -> Array:
    """Scale grey values (H, W) to [darkest, 1], and return them as an RGB image (H, W, 3)."""
    values = values.astype(np.float64)  # differences of large float32 values would overflow
    scaled = (values - values.min()) / (np.ptp(values) or 1.0)
    return np.repeat((darkest + (1 - darkest) * scaled)[..., np.newaxis], 3, axis=-1)


def write(figure: "Figure", path: Path) -> None:
    """Write a figure as a PNG file; `path` never holds an incomplete file."""
    with files.atomic(path) as beside, warnings.catch_warnings():
        # A name may contain letters that the font lacks; they are drawn as boxes.
        warnings.filterwarnings("ignore", "Glyph .* missing from")
        figure.savefig(beside, dpi=100, format="png")
