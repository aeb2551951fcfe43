"""Segmenting a stack, slice by slice, into arrays that may be mapped files."""

from collections.abc import Iterable
from functools import partial
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from minunet.array import Array, Tensors
from minunet.data.image_files import Slices
from minunet.data.scaling import scale_of
from minunet.image import Average
from minunet.ops import cross_entropy
from minunet.prediction import averaging, instances
from minunet.prediction.tiling import Window
from minunet.progress import Progress
from minunet.report import run_pictures
from minunet.runs.settings import Settings

SHOWN = 512
"""Pixels along a side of a slice in the preview, at most: of larger ones every n-th is drawn."""


class Task(NamedTuple):
    """What is to be done with the slices of a stack."""

    settings: Settings
    shape: tuple[int, int, int]  # number of slices, height, width
    tile: int  # pixels
    paper_step: bool
    average: Average
    cells: bool  # labels number cells; else they are classes
    threshold: float | None
    smallest: int  # pixels of a cell

    @property
    def tiles(self) -> int:
        """Number of tiles that a slice is cut into, of all its versions."""
        how: dict[str, Any] = {"paper_step": self.paper_step, "average": self.average}
        return averaging.tile_count(self.shape[1:], self.settings.depth, self.tile, **how)


class Maps(NamedTuple):
    """What comes out, in memory or mapped."""

    p: Array  # (Z, 1, H, W): probability of class 1; with more than two classes (Z, K, H, W)
    labels: Array  # (Z, H, W)


def segment(
    params: Tensors, images: Slices, task: Task, maps: Maps, total: Array | None = None
) -> None:
    """Segment a stack; nothing of a slice is kept once it is done.

    Parameters
    ----------
    params : dict               of the network, on any device
    images : Slices
    task : Task
    maps : Maps                 to write into
    total : (H, W, K) or None   to add up averages in; see `averaging.segment`
    """
    scaling = task.settings.scaling
    stack = None if scaling == "image" else scale_of(images, scaling)
    with Progress(len(images) * task.tiles, "tile") as progress:
        for k in range(len(images)):
            image = images[k]
            parts = averaging.segment(
                params,
                image,
                task.settings.architecture,
                task.tile,
                paper_step=task.paper_step,
                average=task.average,
                scaled=(stack or scale_of([image], scaling)).apply,
                total=total,
                advance=partial(progress.advance, f"slice {k}"),
            )
            _write(parts, task, maps.p[k], maps.labels[k])
            del image, parts  # before the next one is read


def _write(parts: Iterable[Window], task: Task, p: Array, labels: Array) -> None:
    """Write the probabilities (1 or K, H, W) and the labels (H, W) of a slice."""
    for (rows, columns), scores in parts:
        part = np.exp(cross_entropy.log_softmax(scores))
        p[:, rows, columns] = np.moveaxis(part[..., 1:] if len(p) == 1 else part, -1, 0)
        if not task.cells:
            values = task.settings.label_values
            labels[rows, columns] = classes(part, values, task.threshold)
    if task.cells:
        threshold = 0.5 if task.threshold is None else task.threshold
        labels[...] = instances.from_probability(np.asarray(p[0]), threshold, task.smallest)


def classes(p: Array, values: tuple[int, ...], threshold: float | None) -> Array:
    """Most probable class of every pixel (H, W) uint8; with a threshold, 1 where p_1 exceeds it."""
    which = p.argmax(axis=-1) if threshold is None else (p[..., 1] > threshold).astype(np.intp)
    return np.array(values, np.uint8)[which]


def preview(path: Path, images: Slices, maps: Maps, cells: bool) -> None:
    """Draw the first and the last slice, and what was made of them."""
    shown = sorted({0, len(images) - 1})
    every = -(-max(maps.labels.shape[1:]) // SHOWN)
    drawn = []
    for k in shown:
        part = np.s_[::every, ::every]
        image, p = np.array(images[k][part]), np.moveaxis(maps.p[k], 0, -1)[part]
        p = np.concatenate([1 - p, p], axis=-1) if p.shape[-1] == 1 else p
        numbered = maps.labels[k][part] if cells else None
        drawn.append(run_pictures.Segmented(image, p, cells=numbered))
    run_pictures.preview(path, drawn, f"slices {', '.join(map(str, shown))} of {len(images)}")
