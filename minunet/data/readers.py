"""Reading images together with their labels, in the layouts that labs have.

Labels say of every pixel either its class, 0 … K-1, or its cell: 0 is background, k cell k. The
layouts found by `find`:

    FOLDER/train-volume.tif, FOLDER/train-labels.tif             the ISBI 2012 challenge
    FOLDER/images/NAME.png, FOLDER/labels/NAME.png               same stem; also masks/, also TIFF

and that of the Cell Tracking Challenge, `ctc`.
"""

from collections.abc import Sequence
from pathlib import Path
from typing import Literal, NamedTuple

import numpy as np

from minunet.array import Array
from minunet.data import image_files
from minunet.errors import InputError

MOST_CLASSES = 16
"""More label values than this are taken for instance numbers, not classes."""


Kind = Literal["auto", "classes", "cells"]
"""What the numbers in a label file are; auto: cells where they are many, in even regions."""


class LabelValues(NamedTuple):
    """The grey values that stand for the classes 0 … K-1 in the label files."""

    values: tuple[int, ...]
    fractions: tuple[float, ...]  # of all pixels


class Annotation(NamedTuple):
    """What people drew over a set of images."""

    labels: list[Array]  # (H, W) uint8, 0 … K-1
    values: LabelValues
    cells: list[Array] | None = None  # (H, W) int32, 0 background, k cell k; if they are numbered
    ignored: list[Array] | None = None  # (H, W) bool, pixels of which nothing is known; if any


def classes(masks: Sequence[Array], source: Path | str) -> tuple[list[Array], LabelValues]:
    """Turn the grey values of label files into the classes 0 … K-1.

    Parameters
    ----------
    masks : sequence of (H, W, 1)     as read by `image_files.read`
    source : Path or str              where from, for the message

    Returns
    -------
    labels : list of (H, W) uint8     0 … K-1
    found : LabelValues

    Raises
    ------
    InputError
        Unless the values are {0, 255}, {0, 1} or 0 … K-1.
    """
    counted: dict[float, int] = {}
    maps = image_files.grey(masks, source)
    for mask in maps:
        for value, count in zip(*np.unique(mask, return_counts=True), strict=True):
            counted[float(value)] = counted.get(float(value), 0) + int(count)
    values = sorted(counted)
    few = ", ".join(f"{v:g}" for v in values[:6]) + (", …" if len(values) > 6 else "")
    legal = "legal are 0 and 255, 0 and 1, or 0 … K-1"
    if len(values) > MOST_CLASSES:
        raise InputError(
            f"the labels in {source} have {len(values)} values ({few}); {legal}, K ≤ {MOST_CLASSES}"
            " (smoothed masks want a threshold)"
        )
    if len(values) == 1:
        raise InputError(f"all labels in {source} are {few}; at least two classes are needed")
    if values not in ([0, 255], list(range(len(values)))):
        nearest = ", ".join(f"{v:g} → {k}" for k, v in enumerate(values[:6]))
        raise InputError(
            f"the labels in {source} have the values {few}; {legal}: make {nearest} "
            "(or --labels-are cells, if they number the cells)"
        )
    total = sum(counted.values())
    labels = [np.searchsorted(values, mask).astype(np.uint8) for mask in maps]
    return labels, LabelValues(
        tuple(int(v) for v in values), tuple(counted[v] / total for v in values)
    )


def numbered_cells(masks: Sequence[Array], source: Path | str) -> list[Array]:
    """Take the grey values of label files for the numbers of cells.

    Parameters
    ----------
    masks : sequence of (H, W, 1)     as read by `image_files.read`
    source : Path or str              where from, for the message

    Returns
    -------
    list of (H, W) int32 : 0 background, k cell k

    Raises
    ------
    InputError
        If a value is not a whole number ≥ 0, or there is no cell.
    """
    maps = image_files.grey(masks, source)
    cells = [map_.astype(np.int32) for map_ in maps]
    if any((cell != map_).any() or cell.min() < 0 for cell, map_ in zip(cells, maps, strict=True)):
        raise InputError(
            f"{source} numbers no cells: legal are whole numbers, 0 for the background"
        )
    if not any(cell.any() for cell in cells):
        raise InputError(f"{source} is 0 everywhere: there is no cell to learn from")
    return cells


def annotate(masks: Sequence[Array], kind: Kind, source: Path | str) -> Annotation:
    """Read classes, or the numbers of cells, out of label files.

    Parameters
    ----------
    masks : sequence of (H, W, 1)     as read by `image_files.read`
    kind : {"auto", "classes", "cells"}
    source : Path or str              where from, for a message
    """
    if kind == "classes" or (kind == "auto" and not _number_cells(masks)):
        return Annotation(*classes(masks, source))
    return of_cells(numbered_cells(masks, source))


def _number_cells(masks: Sequence[Array]) -> bool:
    """Guess whether label files number cells: many whole numbers, and most neighbours alike.

    The second tells them from an image that was named by mistake.
    """
    values = set[float]()
    for mask in masks:
        values.update(np.unique(mask).tolist())
    whole = all(value == round(value) >= 0 for value in values)
    alike = np.mean([np.mean(mask[:, 1:] == mask[:, :-1]) for mask in masks])
    return len(values) > MOST_CLASSES and whole and bool(alike > 0.8)


def of_cells(cells: list[Array], ignored: list[Array] | None = None) -> Annotation:
    """Make an annotation of numbered cells: class 1 is cell, class 0 background."""
    labels = [(cell > 0).astype(np.uint8) for cell in cells]
    fraction = sum(int(label.sum()) for label in labels) / sum(label.size for label in labels)
    return Annotation(labels, LabelValues((0, 1), (1 - fraction, fraction)), cells, ignored)


def find(folder: Path) -> tuple[Path, Path]:
    """Find the images and the labels of a data set by the usual names.

    Parameters
    ----------
    folder : Path

    Returns
    -------
    images, labels : Path      a stack each, or a folder each

    Raises
    ------
    InputError
        If neither layout is there.
    """
    if not folder.is_dir():
        raise InputError(f"{folder} is not a folder; name files with --images and --labels instead")
    for images in ("train-volume.tif", "train-volume.tiff", "images"):
        for labels in ("train-labels.tif", "train-labels.tiff", "labels", "masks"):
            both = folder / images, folder / labels
            if all(path.exists() for path in both) and both[0].is_dir() == both[1].is_dir():
                return both
    raise InputError(
        f"{folder} holds neither train-volume.tif with train-labels.tif, nor images/ with labels/ "
        "or masks/, nor 01/ with 01_GT/SEG/ or 01_ST/SEG/; name them with --images and --labels"
    )


def read_pair(images: Path, labels: Path, kind: Kind = "auto") -> tuple[list[Array], Annotation]:
    """Read images and their labels, and see that they belong together.

    Parameters
    ----------
    images, labels : Path      two stacks, two images, or two folders with files of the same stems
    kind : {"auto", "classes", "cells"}      what the numbers in the label files are

    Returns
    -------
    images : list of (H, W, C)     in the dtype of the file
    annotation : Annotation

    Raises
    ------
    InputError
        If files, numbers or sizes do not match.
    """
    if images.is_dir() != labels.is_dir():
        raise InputError(f"{images} and {labels} must be two files or two folders")
    if images.is_dir():
        _match_stems(images, labels)
    x, masks = image_files.read(images), image_files.read(labels)
    if len(x) != len(masks):
        raise InputError(f"{images} holds {len(x)} images but {labels} {len(masks)}")
    for k, (image, mask) in enumerate(zip(x, masks, strict=True)):
        if image.shape[:2] != mask.shape[:2]:
            raise InputError(
                f"image {k} of {images} is {image.shape[0]} x {image.shape[1]} pixels, its labels "
                f"in {labels} {mask.shape[0]} x {mask.shape[1]}"
            )
    return x, annotate(masks, kind, labels)


def _match_stems(images: Path, labels: Path) -> None:
    """Raise unless two folders hold files of the same stems."""
    stems = {p.stem for p in image_files.files(images)}, {p.stem for p in image_files.files(labels)}
    for have, lack, a, b in ((*stems, images, labels), (*stems[::-1], labels, images)):
        if have - lack:
            some = ", ".join(sorted(have - lack)[:3])
            raise InputError(
                f"{len(have - lack)} of {len(have)} in {a} have no partner in {b}: {some}"
            )
