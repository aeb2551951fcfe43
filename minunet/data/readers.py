"""Reading images together with their labels, in the layouts that labs have.

A label map is (H, W) uint8 with the classes 0 … K-1. The layouts found by `find`:

    FOLDER/train-volume.tif, FOLDER/train-labels.tif             the ISBI 2012 challenge
    FOLDER/images/NAME.png, FOLDER/labels/NAME.png               same stem; also masks/, also TIFF
"""

from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

import numpy as np

from minunet.array import Array
from minunet.data import image_files
from minunet.errors import InputError

MOST_CLASSES = 16
"""More label values than this are taken for instance numbers, not classes."""


class LabelValues(NamedTuple):
    """The grey values that stand for the classes 0 … K-1 in the label files."""

    values: tuple[int, ...]
    fractions: tuple[float, ...]  # of all pixels


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
    if masks[0].shape[2] != 1:
        raise InputError(f"{source} holds colour images; labels are grey, one value per class")
    counted: dict[float, int] = {}
    for mask in masks:
        for value, count in zip(*np.unique(mask, return_counts=True), strict=True):
            counted[float(value)] = counted.get(float(value), 0) + int(count)
    values = sorted(counted)
    few = ", ".join(f"{v:g}" for v in values[:6]) + (", …" if len(values) > 6 else "")
    legal = "legal are 0 and 255, 0 and 1, or 0 … K-1"
    if len(values) > MOST_CLASSES:
        raise InputError(
            f"the labels in {source} have {len(values)} values ({few}); {legal}, K ≤ {MOST_CLASSES}"
            " (of numbered cells make 1 = cell, 0 = background; smoothed masks want a threshold)"
        )
    if len(values) == 1:
        raise InputError(f"all labels in {source} are {few}; at least two classes are needed")
    if values not in ([0, 255], list(range(len(values)))):
        nearest = ", ".join(f"{v:g} → {k}" for k, v in enumerate(values[:6]))
        raise InputError(f"the labels in {source} have the values {few}; {legal}: make {nearest}")
    total = sum(counted.values())
    labels = [np.searchsorted(values, mask[..., 0]).astype(np.uint8) for mask in masks]
    return labels, LabelValues(
        tuple(int(v) for v in values), tuple(counted[v] / total for v in values)
    )


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
        "or masks/; name them with --images and --labels"
    )


def read_pair(images: Path, labels: Path) -> tuple[list[Array], list[Array], LabelValues]:
    """Read images and their labels, and see that they belong together.

    Parameters
    ----------
    images, labels : Path      two stacks, two images, or two folders with files of the same stems

    Returns
    -------
    images : list of (H, W, C)     in the dtype of the file
    labels : list of (H, W) uint8
    values : LabelValues

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
    return x, *classes(masks, labels)


def _match_stems(images: Path, labels: Path) -> None:
    """Raise unless two folders hold files of the same stems."""
    stems = {p.stem for p in image_files.files(images)}, {p.stem for p in image_files.files(labels)}
    for have, lack, a, b in ((*stems, images, labels), (*stems[::-1], labels, images)):
        if have - lack:
            some = ", ".join(sorted(have - lack)[:3])
            raise InputError(
                f"{len(have - lack)} of {len(have)} in {a} have no partner in {b}: {some}"
            )
