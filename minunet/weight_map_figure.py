"""Figure 3: from touching cells to the weight map, in four panels."""

from pathlib import Path

import numpy as np
from matplotlib.colors import hsv_to_rgb
from matplotlib.figure import Figure

from minunet import weight_map
from minunet.array import Array

WIDTH = 4.5
"""Of a panel, inches: borders of two pixels can still be seen."""

GOLDEN = (5**0.5 - 1) / 2
"""Turn of the colour wheel from a cell to the next: no two of a few hundred come out alike."""


def figure3(path: Path, image: Array, instances: Array, weights: Array) -> None:
    """Draw image, cells, separated label and weight map side by side.

    Parameters
    ----------
    path : Path                   of the PNG
    image : (H, W) or (H, W, C)   channels are averaged
    instances : (H, W)            integer: a positive number for each cell, as annotated
    weights : (H, W)              `weight_map.paper(instances, …)` or `weight_map.later(instances)`

    Raises
    ------
    InputError
        If `instances` is no map of integers.
    """
    label = weight_map.separate(instances) > 0
    rows, columns = instances.shape
    height = WIDTH * min(max(rows / columns, 0.3), 3) + 0.4  # with a title
    figure = Figure(figsize=(4 * WIDTH + 0.6, height), layout="constrained")
    panels = figure.subplots(1, 4)
    panels[0].imshow(image if image.ndim == 2 else image.mean(axis=-1), cmap="gray")
    panels[1].imshow(_colours(instances))
    panels[2].imshow(label, cmap="gray", vmin=0, vmax=1)
    shown = panels[3].imshow(weights, cmap="jet", vmin=0)
    figure.colorbar(shown, ax=panels[3])
    titles = ("(a) image", "(b) cells", "(c) label, cells separated", "(d) weight map")
    for ax, title in zip(panels, titles, strict=True):
        ax.set(title=title, xticks=[], yticks=[])
    beside = path.with_name(path.name + ".part")
    figure.savefig(beside, dpi=100, format="png")
    beside.replace(path)


def _colours(instances: Array) -> Array:
    """Paint every cell in a colour of its own on black, (H, W, 3) in [0, 1]."""
    numbers = np.unique(instances[instances > 0])
    k = np.arange(len(numbers))
    # Three rounds of brightness part cells whose hues come close.
    hsv = np.stack([k * GOLDEN % 1, np.full(len(k), 0.75), 1 - 0.2 * (k % 3)], axis=-1)
    palette = np.concatenate([np.zeros((1, 3)), hsv_to_rgb(hsv)])
    return palette[np.searchsorted(numbers, instances, side="right")]
