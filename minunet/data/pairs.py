"""Read images together with their labels, in common folder layouts.

`find` recognizes these layouts:

    FOLDER/train-volume.tif, FOLDER/train-labels.tif       the ISBI 2012 challenge
    FOLDER/images/NAME.png, FOLDER/labels/NAME.png         masks/ and TIFF also work
    FOLDER/train/                                          itself in one of these layouts

FOLDER/val/ (or validation/), in the same layouts, is found by `find_validation`. For the layout of
the Cell Tracking Challenge see `ctc`.

An image and its labels have the same name, except for the suffix and for words such as mask; see
`WORDS`.
"""

import re
from collections import Counter
from collections.abc import Sequence
from difflib import get_close_matches
from pathlib import Path
from typing import NamedTuple
from unicodedata import normalize

from minunet.array import Array
from minunet.data import image_files
from minunet.data.image_files import Reading, Slices
from minunet.errors import InputError

KIND = (
    r"(?:cp|masks?|labels?|lbl|seg|segmentations?|gt|truth|ground[ _-]?truth|annotations?"
    r"|im|img|images?|raw|ome|0000)"
)
WORDS = re.compile(rf"^(?:{KIND}(?:[ _.-]+|(?=\d)))+|(?:[ _.-]+{KIND})+$", re.IGNORECASE)
"""Words at the start or the end of a file name that say whether it contains an image or labels."""

VALIDATION = ("val", "validation")
"""Names of a folder with images and labels to validate on."""


class Pairs(NamedTuple):
    """Images with their label maps, slice by slice."""

    images: list[Array]  # (H, W, C), in the dtype of the file
    masks: list[Array]  # (H, W, 1)
    files: list[Path]  # file of every image
    names: list[str]  # name of every slice, for people

    def __add__(self, other: "Pairs") -> "Pairs":  # type: ignore[override]
        """Append other pairs, such as those of a validation folder."""
        return Pairs(*(mine + theirs for mine, theirs in zip(self, other, strict=True)))


def key(path: Path) -> str:
    """Return the name by which a file is compared: without suffix, in Unicode normal form C."""
    return normalize("NFC", path.stem)


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
        If the folder has none of the layouts.
    """
    if not folder.is_dir():
        raise InputError(f"{folder} is not a folder; pass files with --images and --labels instead")
    for root in (folder, folder / "train"):
        for images in ("train-volume.tif", "train-volume.tiff", "images"):
            for labels in ("train-labels.tif", "train-labels.tiff", "labels", "masks"):
                both = root / images, root / labels
                if all(path.exists() for path in both) and both[0].is_dir() == both[1].is_dir():
                    return both
    raise InputError(
        f"{folder} contains neither train-volume.tif with train-labels.tif, nor images/ with "
        "labels/ or masks/ (or these in train/), nor 01/ with 01_GT/SEG/ or 01_ST/SEG/; pass the "
        "paths with --images and --labels"
    )


def find_validation(folder: Path) -> Path | None:
    """Find the folder val/ or validation/ in a folder; return None if there is none with files."""
    there = (folder / name for name in VALIDATION)
    return next((path for path in there if path.is_dir() and any(path.iterdir())), None)


def read(images: Path, labels: Path, reading: Reading | None = None) -> Pairs:
    """Read images and their labels, and check that they match, file by file.

    Parameters
    ----------
    images, labels : Path      two stacks, two images, or two folders with the same file names
    reading : Reading          of the images

    Raises
    ------
    InputError
        If images and labels differ in names, or a file and its labels in number or size of slices.
    """
    if images.is_dir() != labels.is_dir():
        raise InputError(f"{images} and {labels} must both be files or both be folders")
    x, masks = Slices(images), Slices(labels)
    pages, mask_pages = (_by_file([page.file for page in one.pages]) for one in (x, masks))
    if images.is_dir():
        partners = match(list(pages), list(mask_pages), images, labels)
    else:
        partners = {images: labels}
    for file, partner in partners.items():
        _check_number(file, len(pages[file]), partner, len(mask_pages[partner]))
    order = [k for file in pages for k in mask_pages[partners[file]]]
    read, read_masks = image_files.read(images), image_files.read(labels)
    found = Pairs(read, [read_masks[k] for k in order], [p.file for p in x.pages], [])
    for k, (image, mask) in enumerate(zip(found.images, found.masks, strict=True)):
        if image.shape[:2] != mask.shape[:2]:
            file = found.files[k]
            several = len(pages[file]) > 1
            which = f"slice {pages[file].index(k)} of {file}" if several else file
            raise InputError(
                f"{which} is {image.shape[0]} x {image.shape[1]} pixels, but its labels in "
                f"{partners[file]} are {mask.shape[0]} x {mask.shape[1]}; they must match"
            )
    return found
