"""Read images together with their labels, in common folder layouts.

`find` recognizes these layouts:

    FOLDER/train-volume.tif, FOLDER/train-labels.tif       the ISBI 2012 challenge
    FOLDER/images/NAME.png, FOLDER/labels/NAME.png         same stem; masks/ and TIFF also work

For the layout of the Cell Tracking Challenge see `ctc`.
"""

from pathlib import Path

from minunet.array import Array
from minunet.data import image_files
from minunet.data.label_files import Annotation, Kind, annotate
from minunet.errors import InputError


def find(folder: Path) -> tuple[Path, Path]:
    """Find images and labels in a folder by their usual names.

    Parameters
    ----------
    folder : Path

    Returns
    -------
    images, labels : Path      two stacks or two folders

    Raises
    ------
    InputError
        If the folder has neither of the two layouts.
    """
    if not folder.is_dir():
        raise InputError(f"{folder} is not a folder; pass files with --images and --labels instead")
    for images in ("train-volume.tif", "train-volume.tiff", "images"):
        for labels in ("train-labels.tif", "train-labels.tiff", "labels", "masks"):
            both = folder / images, folder / labels
            if all(path.exists() for path in both) and both[0].is_dir() == both[1].is_dir():
                return both
    raise InputError(
        f"{folder} contains neither train-volume.tif with train-labels.tif, nor images/ with "
        "labels/ or masks/, nor 01/ with 01_GT/SEG/ or 01_ST/SEG/; pass the paths with --images "
        "and --labels"
    )


def read_pair(images: Path, labels: Path, kind: Kind = "auto") -> tuple[list[Array], Annotation]:
    """Read images and their labels, and check that they match.

    Parameters
    ----------
    images, labels : Path      two stacks, two images, or two folders with the same file stems
    kind : {"auto", "classes", "cells"}      meaning of the label values

    Returns
    -------
    images : list of (H, W, C)     in the dtype of the file
    annotation : Annotation

    Raises
    ------
    InputError
        If images and labels differ in names, number or size.
    """
    if images.is_dir() != labels.is_dir():
        raise InputError(f"{images} and {labels} must both be files or both be folders")
    if images.is_dir():
        _match_stems(images, labels)
    x, masks = image_files.read(images), image_files.read(labels)
    if len(x) != len(masks):
        raise InputError(
            f"{images} holds {len(x)} images, but {labels} holds {len(masks)}; every image needs "
            "its labels"
        )
    for k, (image, mask) in enumerate(zip(x, masks, strict=True)):
        if image.shape[:2] != mask.shape[:2]:
            raise InputError(
                f"image {k} of {images} is {image.shape[0]} x {image.shape[1]} pixels, but its "
                f"labels in {labels} are {mask.shape[0]} x {mask.shape[1]}; they must match"
            )
    return x, annotate(masks, kind, labels)


def _match_stems(images: Path, labels: Path) -> None:
    """Raise unless the files of two folders have the same stems."""
    stems = {p.stem for p in image_files.files(images)}, {p.stem for p in image_files.files(labels)}
    for have, lack, a, b in ((*stems, images, labels), (*stems[::-1], labels, images)):
        if have - lack:
            some = ", ".join(sorted(have - lack)[:3])
            raise InputError(
                f"{len(have - lack)} of {len(have)} files in {a} have no match in {b}: {some}; "
                "give an image and its labels the same name"
            )
