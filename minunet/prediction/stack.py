"""Segment a stack slice by slice, into arrays that may be memory-mapped files."""

from collections.abc import Callable, Iterable, Iterator, Sequence
from pathlib import Path
from typing import NamedTuple

import numpy as np

from minunet.array import Array
from minunet.data.image_files import Slices
from minunet.data.scaling import Scale
from minunet.metrics import warping
from minunet.prediction.averaging import Empty
from minunet.prediction.instances import Rule
from minunet.prediction.model import Model
from minunet.prediction.tiling import Tiling, Window

SHOWN = 512
"""Maximum side of a slice in the preview, in pixels; larger slices are subsampled."""

LONGEST = 60
"""Maximum number of characters of a name in the title of the preview."""


class Labelling(NamedTuple):
    """How probabilities become labels."""

    values: tuple[int, ...]  # value of each class 0 … K-1 in the label files
    cells: bool  # True: labels are numbered cells; False: classes
    threshold: float | None  # for class 1; None: the most probable class
    rule: Rule  # how cells are found

    def classes(self, p: Array) -> Array:
        """Return the label of every pixel, (H, W) uint8, from the probabilities (H, W, K)."""
        if self.threshold is None:
            which = p.argmax(axis=-1)
        else:
            which = warping.proposed_cells(p[..., 1], self.threshold).astype(np.intp)
        return np.array(self.values, np.uint8)[which]


class Task(NamedTuple):
    """What to do with the slices of a stack."""

    model: Model
    shape: tuple[int, int, int]  # number of slices, height, width
    tiling: Tiling
    labelling: Labelling
    scale: Scale | None = None  # of all images; None: to be computed

    @property
    def tiles(self) -> int:
        """Number of tiles of a slice, over all the versions that are averaged."""
        return self.tiling.tile_count(self.shape[1:], self.model.architecture.depth)


class Maps(NamedTuple):
    """Results for a stack, in memory or memory-mapped."""

    p: Array  # (Z, 1, H, W): probability of class 1; (Z, K, H, W) for more than two classes
    labels: Array  # (Z, H, W)


def fill(
    task: Task,
    images: Slices,
    maps: Maps,
    empty: Empty = np.empty,
    advance: Callable[[], None] = lambda: None,
) -> Iterator[None]:
    """Segment a stack into `maps`, freeing every slice when it is done.

    Parameters
    ----------
    task : Task
    images : Slices
    maps : Maps
    empty : callable     makes arrays for whole slices, see `averaging.windows`
    advance : callable   called after every tile

    Yields
    ------
    None : after every slice
    """
    slices = task.model.slices(images, task.tiling, empty, advance, task.scale)
    for p, labels, parts in zip(maps.p, maps.labels, slices, strict=True):
        _write(parts, task.labelling, p, labels)
        del parts  # before the next slice is loaded
        yield


def _write(parts: Iterable[Window], labelling: Labelling, p: Array, labels: Array) -> None:
    """Write the probabilities (1 or K, H, W) and the labels (H, W) of a slice."""
    for (rows, columns), part in parts:
        p[:, rows, columns] = np.moveaxis(part[..., 1:] if len(p) == 1 else part, -1, 0)
        if not labelling.cells:
            labels[rows, columns] = labelling.classes(part)
    if labelling.cells:
        labels[...] = labelling.rule.cells(np.asarray(p[0]))


def preview(path: Path, images: Slices, maps: Maps, cells: bool, names: Sequence[str] = ()) -> None:
    """Draw the first and the last slice with their results; name the slices that have names."""
    from minunet.report import run_pictures  # here: it slows down --help

    shown = sorted({0, len(images) - 1})
    every = -(-max(maps.labels.shape[1:]) // SHOWN)
    drawn = []
    for k in shown:
        part = np.s_[::every, ::every]
        image, p = np.array(images[k][part]), np.moveaxis(maps.p[k], 0, -1)[part]
        p = np.concatenate([1 - p, p], axis=-1) if p.shape[-1] == 1 else p
        numbered = maps.labels[k][part] if cells else None
        drawn.append(run_pictures.Segmented(image, p, cells=numbered))
    named = ", ".join(f"{k} {names[k][:LONGEST]}" if names else str(k) for k in shown)
    run_pictures.preview(path, drawn, f"slices {named} of {len(images)}")
