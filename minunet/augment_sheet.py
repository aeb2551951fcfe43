"""A sheet of samples: what augmentation does to the grey values, the grid and the labels."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np

from minunet.array import Array
from minunet.report import drawing

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
    figure = drawing.figure(3.6 * columns, 7.2 * rows + 0.4)
    panels = figure.subplots(2 * rows, columns, squeeze=False)
    for ax in panels.flat:
        ax.set_axis_off()
    values = np.unique(samples[0][1])
    for k, (x, labels, lines) in enumerate(samples):
        row, column = divmod(k, columns)
        upper, lower = panels[2 * row : 2 * row + 2, column]
        upper.imshow(painted(x, lines))
        upper.set_title(f"sample {k}" if k else "as it was", fontsize="medium")
        if len(values) <= 2:
            lower.imshow(labels > 0, cmap="gray", vmin=0, vmax=1, interpolation="nearest")
        else:
            lower.imshow(drawing.coloured(labels), interpolation="nearest")
    figure.suptitle(title, fontsize="medium")
    drawing.write(figure, path)


def painted(x: Array, lines: Array) -> Array:
    """Paint the grid over the grey values, (n, n, 3) in [0, 1]."""
    grey = np.clip(x.mean(axis=-1, keepdims=True), 0, 1)
    return grey + lines[..., np.newaxis] * (LINE - grey)
