"""A sheet of samples: what augmentation does to the grey values, the grid and the labels."""

from collections.abc import Sequence
from pathlib import Path

import matplotlib
import numpy as np
from matplotlib.figure import Figure

from minunet.array import Array

COLUMNS = 5
"""Samples side by side; more of them go below."""

LINE = (1.0, 0.75, 0.0)
"""Colour of the grid."""


def draw(path: Path, samples: Sequence[tuple[Array, Array, Array]], title: str) -> None:
    """Draw samples, each with its labels below it; the first is the tile as it was.

    Parameters
    ----------
    path : Path           of the PNG
    samples : sequence of
        x : (n, n, C)     from 0 to 1
        labels : (n, n)   classes, or numbered cells
        lines : (n, n)    of the grid: 1 on a line, 0 beside it
    title : str
    """
    columns = min(len(samples), COLUMNS)
    rows = -(-len(samples) // columns)
    figure = Figure(figsize=(3.6 * columns, 7.2 * rows + 0.4), layout="constrained")
    panels = figure.subplots(2 * rows, columns, squeeze=False)
    for ax in panels.flat:
        ax.set_axis_off()
    values = np.unique(samples[0][1])
    for k, (x, labels, lines) in enumerate(samples):
        row, column = divmod(k, columns)
        upper, lower = panels[2 * row : 2 * row + 2, column]
        upper.imshow(painted(x, lines))
        upper.set_title(f"sample {k}" if k else "as it was", fontsize="medium")
        lower.imshow(coloured(labels, len(values)), interpolation="nearest")
    figure.suptitle(title, fontsize="medium")
    figure.savefig(path, dpi=100, format="png")


def painted(x: Array, lines: Array) -> Array:
    """Paint the grid over the grey values, (n, n, 3) in [0, 1]."""
    grey = np.clip(x.mean(axis=-1, keepdims=True), 0, 1)
    return grey + lines[..., np.newaxis] * (LINE - grey)


def coloured(labels: Array, count: int) -> Array:
    """Colour labels, (n, n, 3) in [0, 1]: 0 is black, 1 of two white, any other a colour."""
    if count <= 2:
        return np.repeat((labels > 0)[..., np.newaxis], 3, axis=-1).astype(float)
    colours = np.array(matplotlib.color_sequences["tab20"])
    one = (labels.astype(int) - 1) % len(colours)
    return np.where((labels > 0)[..., np.newaxis], colours[one], 0.0)
