"""Read images together with their labels, in common folder layouts.

`find` recognizes these layouts:

    FOLDER/train-volume.tif, FOLDER/train-labels.tif       the ISBI 2012 challenge
    FOLDER/images/NAME.png, FOLDER/labels/NAME.png         masks/ and TIFF also work
    FOLDER/train/                                          a folder in one of the layouts above

FOLDER/val/ (or validation/) and FOLDER/test/, in the same layouts, are found by `find_validation`
and `find_test`. For the layout of the Cell Tracking Challenge see `ctc`.

An image and its labels have the same name, except for the suffix and for words such as mask; see
`file_names.WORDS`.
"""

from collections.abc import Callable, Collection, Sequence
from pathlib import Path
from typing import NamedTuple

from minunet.array import Array
from minunet.data import ctc
from minunet.data.calibration import Calibration, common, differing
from minunet.data.file_names import by_file, is_folder, match
from minunet.data.image_files import Reading, Slices, native
from minunet.data.page import DEFAULT
from minunet.errors import InputError

OTHERWISE = "pass the paths with --images and --labels"
"""Advice if a folder has none of the layouts."""

VALIDATION = ("val", "validation")
"""Names of a folder with images and labels to validate on."""

TEST = "test"
"""Name of a folder with images, and perhaps with labels to score at the end."""


class Pairs(NamedTuple):
    """Images with their label maps, slice by slice."""

    images: list[Array]  # (H, W, C), in the dtype of the file
    masks: list[Array]  # (H, W, 1), in the dtype of the file
    files: list[Path]  # that contain the images
    names: list[str]  # of the slices, see `Slices.names`
    notes: list[str]  # what else the image files contain, see `Slices.notes`
    palette: Sequence[tuple[int, int, int]]  # colours of the label values; or empty
    calibration: Calibration  # of the images, as far as it is the same in all


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


def find_test(folder: Path) -> Path | None:
    """Find the folder test/ in a folder; return None if it has no labels, as in many data sets."""
    path = folder / TEST
    if not path.is_dir():
        return None
    try:
        find(path)
    except InputError:
        return path if ctc.find(path) else None
    return path


def every(files: Sequence[Path]) -> Collection[int]:
    """Return the numbers of all slices, given the file of every one."""
    return range(len(files))


def read(
    *sources: tuple[Path, Path],
    reading: Reading = DEFAULT,
    known: Callable[[Sequence[Path]], Collection[int]] = every,
) -> Pairs:
    """Read images and their labels, and check that they match, file by file.

    Parameters
    ----------
    *sources : pairs of Path
        Images and labels: two stacks, two images, or two folders with the same file names. Slices
        of all sources but the first are named after the folder of the source, too.
    reading : Reading              which pixels of the images to read
    known : callable               returns the slices that determine the number of channels, given
                                   the file of every slice: not those of the test

    Raises
    ------
    InputError
        If images and labels differ in names, or a file and its labels in number or size of slices.
    """
    opened = [_open(*source, reading) for source in sources]
    chosen = known([file for x, _, _ in opened for file in x.files])
    first, channels = 0, 1
    for x, _, _ in opened:
        here = [k for k in range(len(x)) if first + k in chosen]
        first, channels = first + len(x), max(channels, x.channels_of(here))
    calibration = common([x.calibration for x, _, _ in opened], sum(len(x) for x, _, _ in opened))
    found = Pairs([], [], [], [], [], opened[0][1].palette, calibration)
    for k, (x, masks, order) in enumerate(opened):
        x.channels = channels
        prefix = f"{sources[k][0].parent.name}/" if k else ""
        found.images.extend(map(native, x))
        found.masks.extend(native(masks[n]) for n in order)
        found.files.extend(x.files)
        found.names.extend(prefix + name for name in x.names)
        found.notes.extend(x.notes)
    found.notes.extend(differing([one.calibration for x, _, _ in opened for one in x.by_file()]))
    types = sorted({str(image.dtype) for image in found.images})
    if len(types) > 1:
        found.notes.append(
            f"the images are {' and '.join(types)}; if their ranges of values differ, pass "
            "--scaling image to scale each image separately"
        )
    return found


def _open(images: Path, labels: Path, reading: Reading) -> tuple[Slices, Slices, list[int]]:
    """Open images and labels; return both, and the index of the label map of every image."""
    if is_folder(images) != is_folder(labels):
        one, other = ("a folder", "a file") if is_folder(images) else ("a file", "a folder")
        raise InputError(
            f"{images} is {one}, but {labels} is {other}; they must both be files or both be "
            "folders"
        )
    x, masks = Slices(images, reading), Slices(labels, reading.of_labels())
    order = _pair(x, masks, images, labels)
    files = x.files
    for page, mask in zip(x.pages, (masks.pages[n] for n in order), strict=True):
        if page.shape[:2] != mask.shape[:2]:
            which = f"slice {page.number} of " if files.count(page.file) > 1 else ""
            raise InputError(
                f"{which}{page.file} is {page.shape[0]} x {page.shape[1]} pixels, but its labels "
                f"in {mask.file} are {mask.shape[0]} x {mask.shape[1]}; both must have the same "
                "size"
            )
    return x, masks, order


def _pair(x: Slices, masks: Slices, images: Path, labels: Path) -> list[int]:
    """Return the index of the label map of every image."""
    pages, mask_pages = (by_file(one.files) for one in (x, masks))
    if is_folder(images):
        partners = match(list(pages), list(mask_pages))
    else:  # two files belong together, whatever their names are
        pages, mask_pages = {images: [*range(len(x))]}, {labels: [*range(len(masks))]}
        partners = {images: labels}
    for file, partner in partners.items():
        count, count_masks = len(pages[file]), len(mask_pages[partner])
        if count != count_masks:
            raise InputError(
                f"{file} holds {count} image{'s' * (count > 1)}, but {partner} holds "
                f"{count_masks} label map{'s' * (count_masks > 1)}; every image needs one label map"
            )
    return [n for file in pages for n in mask_pages[partners[file]]]
