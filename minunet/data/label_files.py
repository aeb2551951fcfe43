"""Label files: the class or the cell of every pixel.

A label map gives every pixel either its class, 0 … K-1, or its cell: 0 = background, k = cell k.
"""

from collections.abc import Sequence
from pathlib import Path
from typing import Literal, NamedTuple

import numpy as np

from minunet.array import Array
from minunet.data import image_files
from minunet.errors import InputError

MOST_CLASSES = 16
"""Maximum number of classes; labels with more values can only be cell numbers."""

Kind = Literal["auto", "classes", "cells"]
"""Meaning of the values in label files; auto: cells if the values are many, in uniform regions."""


class Meaning(NamedTuple):
    """What the values of label files mean, as far as the user says so."""

    kind: Kind = "auto"
    threshold: float | None = None  # values from here on are class 1, the others class 0
    ignore: float | None = None  # value of pixels that are not annotated


class LabelValues(NamedTuple):
    """Grey values of the classes 0 … K-1 in the label files."""

    values: tuple[int, ...]
    fractions: tuple[float, ...]  # fraction of the pixels in each class


class Annotation(NamedTuple):
    """The annotation of a set of images."""

    labels: list[Array]  # (H, W) uint8, 0 … K-1
    values: LabelValues
    cells: list[Array] | None = None  # (H, W) int32, 0 = background, k = cell k
    ignored: list[Array] | None = None  # (H, W) bool, True where nothing is annotated


def classes(masks: Sequence[Array], source: Path | str) -> tuple[list[Array], LabelValues]:
    """Map the grey values of label files to the classes 0 … K-1.

    Parameters
    ----------
    masks : sequence of (H, W, 1)     see `image_files.read`
    source : Path or str              where the masks come from, for error messages

    Returns
    -------
    labels : list of (H, W) uint8     0 … K-1
    found : LabelValues

    Raises
    ------
    InputError
        If the values are not {0, 255}, {0, 1} or 0 … K-1.
    """
    counted: dict[float, int] = {}
    maps = image_files.grey(masks, source)
    for mask in maps:
        for value, count in zip(*np.unique(mask, return_counts=True), strict=True):
            counted[float(value)] = counted.get(float(value), 0) + int(count)
    values = sorted(counted)
    few = ", ".join(f"{v:g}" for v in values[:6]) + (", …" if len(values) > 6 else "")
    valid = "valid values are 0 and 255, 0 and 1, or 0 … K-1"
    if len(values) > MOST_CLASSES:
        raise InputError(
            f"the labels in {source} have {len(values)} values ({few}); {valid} with "
            f"K ≤ {MOST_CLASSES} (threshold smoothed masks first)"
        )
    if len(values) == 1:
        raise InputError(f"all labels in {source} are {few}; training needs at least two classes")
    if values not in ([0, 255], list(range(len(values)))):
        nearest = ", ".join(f"{v:g} → {k}" for k, v in enumerate(values[:6]))
        raise InputError(
            f"the labels in {source} have the values {few}; {valid}: change "
            f"{nearest} (or pass --labels-are cells if they number the cells)"
        )
    total = sum(counted.values())
    labels = [np.searchsorted(values, mask).astype(np.uint8) for mask in maps]
    return labels, LabelValues(
        tuple(int(v) for v in values), tuple(counted[v] / total for v in values)
    )


def numbered_cells(masks: Sequence[Array], source: Path | str) -> list[Array]:
    """Read the values of label files as cell numbers.

    Parameters
    ----------
    masks : sequence of (H, W, 1)     see `image_files.read`
    source : Path or str              where the masks come from, for error messages

    Returns
    -------
    list of (H, W) int32 : 0 = background, k = cell k

    Raises
    ------
    InputError
        If a value is not a whole number ≥ 0, or there is no cell.
    """
    maps = image_files.grey(masks, source)
    cells = [map_.astype(np.int32) for map_ in maps]
    for cell, map_ in zip(cells, maps, strict=True):
        wrong = map_[(cell != map_) | (cell < 0)]
        if wrong.size:
            raise InputError(
                f"{source} is not a map of numbered cells: it contains {wrong[0]:g}; valid values "
                "are whole numbers: 0 for background, k for cell k"
            )
    if not any(cell.any() for cell in cells):
        raise InputError(f"{source} is 0 everywhere: training needs at least one cell")
    return cells


def annotate(masks: Sequence[Array], kind: Kind, source: Path | str) -> Annotation:
    """Interpret label files as classes or as cell numbers.

    Parameters
    ----------
    masks : sequence of (H, W, 1)     see `image_files.read`
    kind : {"auto", "classes", "cells"}
    source : Path or str              where the masks come from, for error messages

    Raises
    ------
    InputError
        See `classes` and `numbered_cells`.
    """
    if kind == "classes" or (kind == "auto" and not _number_cells(masks)):
        return Annotation(*classes(masks, source))
    return of_cells(numbered_cells(masks, source))


def _number_cells(masks: Sequence[Array]) -> bool:
    """Guess whether the values of label files are cell numbers.

    They are if there are more than `MOST_CLASSES` values, if all values are whole numbers, and if
    more than 80 % of the pixels equal the pixel to their left. The last condition rules out images
    that were passed as labels by mistake.
    """
    values = set[float]()
    for mask in masks:
        values.update(np.unique(mask).tolist())
    whole = all(value == round(value) >= 0 for value in values)
    alike = np.mean([np.mean(mask[:, 1:] == mask[:, :-1]) for mask in masks])
    return len(values) > MOST_CLASSES and whole and bool(alike > 0.8)


def of_cells(cells: list[Array], ignored: list[Array] | None = None) -> Annotation:
    """Make an annotation from numbered cells: class 1 is cell, and class 0 is background."""
    labels = [(cell > 0).astype(np.uint8) for cell in cells]
    fraction = sum(int(label.sum()) for label in labels) / sum(label.size for label in labels)
    return Annotation(labels, LabelValues((0, 1), (1 - fraction, fraction)), cells, ignored)
