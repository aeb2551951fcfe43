"""Pictures of a run: learning curves, and previews of segmented slices."""

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from minunet.array import Array
from minunet.metrics.score import THRESHOLDS
from minunet.report import drawing
from minunet.runs.log import Row

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

RUNNING_MEAN = 50
"""Number of steps in the running mean of the energy, which varies from tile to tile."""

TOO_LOW, TOO_HIGH = (0.9, 0.15, 0.1), (0.15, 0.4, 1.0)
"""Colours of errors: red where class 0 is predicted instead of 1, blue for the reverse."""


class Segmented(NamedTuple):
    """A slice and its prediction."""

    image: Array  # (H, W, C)
    p: Array  # (H, W, K) class probabilities
    labels: Array | None = None  # (H, W) classes, if known
    cells: Array | None = None  # (H, W) numbered cells, if found


def curves(path: Path, log: Sequence[Row], constant_error: float) -> None:
    """Plot the energy and the validation scores against the step.

    Parameters
    ----------
    path : Path               PNG file to write
    log : sequence of Row     as in `runs.read`
    constant_error : float    pixel error of the best constant prediction, drawn as a baseline
    """
    steps = np.array([row["step"] for row in log])
    energy = np.array([row["energy"] for row in log])
    figure = drawing.figure(10, 4)
    left, right = figure.subplots(1, 2)
    left.plot(steps, energy, color="0.8", linewidth=0.6, label="each tile")
    n = min(RUNNING_MEAN, len(energy))
    if n:  # the log of a run may be lost
        mean = np.convolve(energy, np.full(n, 1 / n), mode="valid")
        left.plot(steps[n - 1 :], mean, color="C0", label=f"mean of {n} tiles")
    _plot_validation(left, log, "energy", color="C1", label="validation")
    left.set(xlabel="step", ylabel="energy per pixel", yscale="log")
    _plot_validation(right, log, "pixel_error", color="C3", label="pixel error")
    right.axhline(constant_error, color="C3", linestyle=":", label="pixel error, baseline")
    _plot_validation(right, log, "iou", color="C2", label="IoU, mean over classes")
    _plot_validation(right, log, "v_rand", color="C0", label="V_Rand after thinning")
    _plot_validation(right, log, "seg", color="C4", label="SEG")
    right.set(xlabel="step", ylim=(0, 1), title="validation")
    for axes in (left, right):
        axes.legend(fontsize="small")
        axes.grid(alpha=0.3)
    drawing.write(figure, path)


def by_threshold(curves: dict[str, Sequence[float]], chosen: float, score: str) -> "Figure":
    """Plot a score of several parts of the data against the threshold.

    Parameters
    ----------
    curves : dict     for the name of each part: the score at each of `THRESHOLDS`
    chosen : float    the chosen threshold, drawn as a vertical line
    score : str       name of the score
    """
    figure = drawing.figure(6, 3.5)
    ax = figure.subplots()
    for name, values in curves.items():
        ax.plot(THRESHOLDS, values, "o-", markersize=4, label=name)
    ax.axvline(chosen, color="0.5", linestyle=":", label=f"chosen: {chosen:g}")
    ax.set(xlabel="threshold of the probability of cell", ylabel=score, ylim=(0, 1))
    ax.legend(fontsize="small")
    ax.grid(alpha=0.3)
    return figure


def _plot_validation(axes: "Axes", log: Sequence[Row], score: str, color: str, label: str) -> None:
    """Plot a score at the steps where it was computed, if any."""
    column = f"validation_{score}"
    points = [(row["step"], row[column]) for row in log if column in row]
    if points:
        axes.plot(*zip(*points, strict=True), "o-", markersize=3, color=color, label=label)


def preview(path: Path, slices: Sequence[Segmented], title: str) -> None:
    """Draw slices as in `draw`, and write the picture to a PNG file."""
    drawing.write(draw(slices, title), path)


def draw(slices: Sequence[Segmented], title: str) -> "Figure":
    """Draw the image, label, probability and errors of each slice side by side, one slice per row.

    With more than two classes, the most probable class takes the place of the probability.

    Parameters
    ----------
    slices : sequence of Segmented    without labels, each row shows image, probability, and class
                                      or cells
    title : str
    """
    names = ["image", "label", "probability", "errors"]
    if slices[0].p.shape[-1] > 2:
        names[2] = "class"
    if slices[0].labels is None:
        names = ["image", "probability", "class" if slices[0].cells is None else "cells"]
    rows, columns = slices[0].image.shape[:2]
    height = 3.2 * min(max(rows / columns, 0.3), 3) + 0.3  # height of one row of panels, in inches
    figure = drawing.figure(3.2 * len(names), height * len(slices) + 0.4)
    panels = figure.subplots(len(slices), len(names), squeeze=False)
    for axes, segmented in zip(panels, slices, strict=True):
        for ax, name in zip(axes, names, strict=True):
            _panel(ax, name, segmented)
            ax.set(title=name if ax in panels[0] else "", xticks=[], yticks=[])
    figure.suptitle(title, fontsize="medium", parse_math=False)
    return figure


def _panel(ax: "Axes", name: str, segmented: Segmented) -> None:
    """Draw one panel of a preview."""
    image, p = segmented.image, segmented.p
    predicted, most = p.argmax(axis=-1), p.shape[-1] - 1
    labels = predicted if segmented.labels is None else segmented.labels
    grey = image.mean(axis=-1, dtype=np.float64)  # sums of large float32 values would overflow
    if name == "image":
        ax.imshow(drawing.grey(grey))
    elif name == "cells" and segmented.cells is not None:
        ax.imshow(drawing.coloured(segmented.cells), interpolation="nearest")
    elif name in ("label", "class"):
        classes = labels if name == "label" else predicted
        several = drawing.coloured(classes) if most > 1 else classes
        ax.imshow(several, cmap="gray", vmin=0, vmax=most, interpolation="nearest")
    elif name == "probability":
        # With two classes, the probability of class 1; with more, that of the predicted class.
        ax.imshow(p[..., 1] if most == 1 else p.max(axis=-1), cmap="gray", vmin=0, vmax=1)
    else:
        ax.imshow(_overlay(grey, labels, predicted, most > 1))
        legend = "red: 0 instead of 1, blue: 1 instead of 0" if most == 1 else "red: wrong class"
        ax.set_xlabel(legend, fontsize="small")


def _overlay(grey: Array, labels: Array, predicted: Array, several: bool) -> Array:
    """Return the image (H, W, 3), in [0, 1], with the errors painted over it.

    The order of more than two classes means nothing, so all their errors have the same colour.
    """
    painted = drawing.grey(grey, 0.3)
    painted[predicted < labels] = TOO_LOW
    painted[predicted > labels] = TOO_LOW if several else TOO_HIGH
    return painted
