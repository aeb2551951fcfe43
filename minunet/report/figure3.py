"""Figure 3 of the paper: image, cells, label and weight map, in four panels."""

from pathlib import Path

import numpy as np

from minunet.array import Array
from minunet.data import weight_map
from minunet.report import drawing

WIDTH = 4.5
"""Width of a panel, in inches: wide enough to show borders that are two pixels wide."""


def figure3(path: Path, image: Array, instances: Array, weights: Array, name: str = "") -> None:
    """Draw an image, its cells, the label with cells separated, and the weight map side by side.

    Parameters
    ----------
    path : Path                   PNG file to write
    image : (H, W) or (H, W, C)   channels are averaged
    instances : (H, W)            integer; 0 = background, k = cell k, as annotated
    weights : (H, W)              `weight_map.paper(instances, …)` or `weight_map.later(instances)`
    name : str                    name of the image, for the title of its panel

    Raises
    ------
    InputError
        If `instances` is not an integer map.
    """
    label = weight_map.separate(instances) > 0
    rows, columns = instances.shape
    height = WIDTH * min(max(rows / columns, 0.3), 3) + 0.4  # 0.4 for the titles
    figure = drawing.figure(4 * WIDTH + 0.6, height)
    panels = figure.subplots(1, 4)
    panels[0].imshow(drawing.grey(image if image.ndim == 2 else image.mean(axis=-1)))
    numbers = np.unique(instances[instances > 0])
    panels[1].imshow(drawing.coloured(np.searchsorted(numbers, instances, side="right")))
    panels[2].imshow(label, cmap="gray", vmin=0, vmax=1)
    shown = panels[3].imshow(weights, cmap="jet", vmin=0)
    figure.colorbar(shown, ax=panels[3])
    titles = (
        f"(a) image {name}".rstrip(),
        "(b) cells",
        "(c) label, cells separated",
        "(d) weight map",
    )
    for ax, title in zip(panels, titles, strict=True):
        ax.set(title=title, xticks=[], yticks=[])
    drawing.write(figure, path)
