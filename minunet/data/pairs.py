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
from collections.abc import Callable, Sequence
from difflib import get_close_matches
from pathlib import Path
from typing import NamedTuple

import numpy as np

from minunet.array import Array
from minunet.data.file_names import name_of
from minunet.data.image_files import Reading, Slices
from minunet.data.page import DEFAULT
from minunet.errors import InputError

KIND = (
    r"(?:cp|masks?|labels?|lbl|seg|segmentations?|gt|truth|ground[ _-]?truth|annotations?"
    r"|im|img|images?|raw)"
)
WORDS = re.compile(rf"^(?:{KIND}(?:[ _.-]+|(?=\d)))+|(?:[ _.-]+{KIND})+$", re.IGNORECASE)
"""Words at the start or the end of a file name that say whether it contains an image or labels."""

Name = Callable[[Path], str]
"""Function that returns the name by which a file is compared."""

OTHERWISE = "pass the paths with --images and --labels"
"""Advice if a folder has none of the layouts."""

VALIDATION = ("val", "validation")
"""Names of a folder with images and labels to validate on."""


class Pairs(NamedTuple):
    """Images with their label maps, slice by slice."""

    images: list[Array]  # (H, W, C), in the dtype of the file
    masks: list[Array]  # (H, W, 1), in the dtype of the file
    files: list[Path]  # that contain the images
    names: list[str]  # of the slices, see `Slices.names`
    notes: list[str]  # about what the image files contain besides, see `Slices.notes`
    palette: Sequence[tuple[int, int, int]]  # colours of the label values; or empty


def find(folder: Path, advice: str = OTHERWISE) -> tuple[Path, Path]:
    """Find images and labels in a folder by their usual names.

    Parameters
    ----------
    folder : Path
    advice : str       what to do if there are none; the message ends with it

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
        "labels/ or masks/ (or these in train/), nor 01/ with 01_GT/SEG/ or 01_ST/SEG/; " + advice
    )


def find_validation(folder: Path) -> Path | None:
    """Find the folder val/ or validation/ in a folder; return None if there is none with files."""
    there = (folder / name for name in VALIDATION)
    return next((path for path in there if path.is_dir() and any(path.iterdir())), None)


def read(*sources: tuple[Path, Path], reading: Reading = DEFAULT) -> Pairs:
    """Read images and their labels, and check that they match, file by file.

    Parameters
    ----------
    *sources : pairs of Path
        Images and labels: two stacks, two images, or two folders with the same file names. Slices
        of all sources but the first are named after the folder of the source, too.
    reading : Reading              which pixels of the images to read

    Raises
    ------
    InputError
        If images and labels differ in names, or a file and its labels in number or size of slices.
    """
    opened = [_open(*source, reading) for source in sources]
    channels = max(x.channels for x, _, _ in opened)
    found = Pairs([], [], [], [], [], opened[0][1].palette)
    for k, (x, masks, order) in enumerate(opened):
        x.channels = channels
        prefix = f"{sources[k][0].parent.name}/" if k else ""
        found.images.extend(map(_native, x))
        found.masks.extend(_native(masks[n]) for n in order)
        found.files.extend(x.files)
        found.names.extend(prefix + name for name in x.names)
        found.notes.extend(x.notes)
    types = sorted({str(image.dtype) for image in found.images})
    if len(types) > 1:
        found.notes.append(
            f"the images are {' and '.join(types)}; if their ranges of values differ, pass "
            "--scaling image to scale each image separately"
        )
    return found


def _open(images: Path, labels: Path, reading: Reading) -> tuple[Slices, Slices, list[int]]:
    """Open images and labels; return both, and the index of the label map of every image."""
    if images.is_dir() != labels.is_dir():
        raise InputError(f"{images} and {labels} must both be files or both be folders")
    x, masks = Slices(images, reading), Slices(labels, Reading(indices=True))
    order = _pair(x, masks, images, labels)
    files = x.files
    for page, mask in zip(x.pages, (masks.pages[n] for n in order), strict=True):
        if page.shape[:2] != mask.shape[:2]:
            which = f"slice {page.number} of " if files.count(page.file) > 1 else ""
            raise InputError(
                f"{which}{page.file} is {page.shape[0]} x {page.shape[1]} pixels, but its labels "
                f"in {mask.file} are {mask.shape[0]} x {mask.shape[1]}; they must match"
            )
    return x, masks, order


def _native(image: Array) -> Array:
    """Copy an image into memory, in the byte order of this machine."""
    return np.array(image, image.dtype.newbyteorder("="))


def _pair(x: Slices, masks: Slices, images: Path, labels: Path) -> list[int]:
    """Return the index of the label map of every image."""
    pages, mask_pages = (_by_file(one.files) for one in (x, masks))
    if images.is_dir():
        partners = match(list(pages), list(mask_pages))
    else:  # a file belongs to the other one, whatever their names are
        pages, mask_pages = {images: [*range(len(x))]}, {labels: [*range(len(masks))]}
        partners = {images: labels}
    for file, partner in partners.items():
        count, count_masks = len(pages[file]), len(mask_pages[partner])
        if count != count_masks:
            raise InputError(
                f"{file} holds {count} image{'s' * (count > 1)}, but {partner} holds "
                f"{count_masks} label map{'s' * (count_masks > 1)}; every image needs its labels"
            )
    return [n for file in pages for n in mask_pages[partners[file]]]


def _by_file(files: Sequence[Path]) -> dict[Path, list[int]]:
    """Group the indices of slices by their files."""
    groups: dict[Path, list[int]] = {}
    for k, file in enumerate(files):
        groups.setdefault(file, []).append(k)
    return groups


def match(images: Sequence[Path], labels: Sequence[Path]) -> dict[Path, Path]:
    """Find the label file of every image file.

    Names match if they are the same without suffix; or else, if they are the same without `WORDS`.

    Raises
    ------
    InputError
        If a file has no partner, or several.

    Examples
    --------
    >>> found = match([Path("i/a.png"), Path("i/b.png")], [Path("l/a_mask.tif"), Path("l/b.tif")])
    >>> [path.name for path in found.values()]
    ['a_mask.tif', 'b.tif']
    """
    for name in (name_of, _core):
        ours, theirs = ({name(path): path for path in paths} for paths in (images, labels))
        if ours.keys() == theirs.keys() and len(ours) == len(images) and len(theirs) == len(labels):
            return {path: theirs[key] for key, path in ours.items()}
    # The comparison that leaves fewer files without a partner says best what is wrong.
    name = min(name_of, _core, key=lambda name: len({*map(name, images)} ^ {*map(name, labels)}))
    _check_partners(images, labels, name)
    _check_partners(labels, images, name)
    one, other = _same(images, name) or _same(labels, name)
    raise InputError(
        f"{one} and {other.name} have the same name, {name(one)}, so an image and its labels "
        "cannot be matched; move one of the two files away"
    )


def _core(path: Path) -> str:
    """Return the name of a file without suffix and without `WORDS`."""
    return WORDS.sub("", name_of(path))


def _check_partners(have: Sequence[Path], others: Sequence[Path], name: Name) -> None:
    """Raise if a file has no partner by name; suggest one that has none either."""
    names, taken = {name(path): name_of(path) for path in others}, {name(path) for path in have}
    lack = [path for path in have if name(path) not in names]
    if lack:
        near = get_close_matches(name(lack[0]), names.keys() - taken, 1)
        raise InputError(
            f"{len(lack)} of {len(have)} files in {have[0].parent} have no match in "
            f"{others[0].parent}: {', '.join(name_of(path) for path in lack[:3])}"
            + (f" (nearest to {name_of(lack[0])}: {names[near[0]]})" if near else "")
            + "; give an image and its labels the same name"
        )


def _same(paths: Sequence[Path], name: Name) -> tuple[Path, ...]:
    """Find two files with the same name; return an empty tuple if there are none."""
    seen: dict[str, Path] = {}
    for path in paths:
        other = seen.setdefault(name(path), path)
        if other != path:
            return other, path
    return ()
