"""The layout of the Cell Tracking Challenge: its truth to train on, results for it to score.

    FOLDER/01/t000.tif                   frames of sequence 01; three or four digits
    FOLDER/01_GT/SEG/man_seg000.tif      gold truth: drawn by people, in some of the frames
    FOLDER/01_ST/SEG/man_seg000.tif      silver truth: fused from the results of programs
    FOLDER/01_RES/mask000.tif            a result

A mask is (H, W) uint16: 0 is background, k is cell k. Cells without an outline in the gold truth
are background there too, and nothing says so. To leave pixels out of the training, paint them with
65535: that is our convention, not the challenge's.

Source: celltrackingchallenge.net/annotations; the names are those of its data sets.
"""

import math
import re
from collections.abc import Sequence
from pathlib import Path
from typing import Literal, NamedTuple, TypeAlias

import numpy as np

from minunet import files
from minunet.array import Array
from minunet.data import image_files
from minunet.errors import InputError

Truth: TypeAlias = Literal["gold", "silver", "both"]

IGNORED = 65535
"""The value of mask pixels that are not annotated: the largest of a uint16."""

FOLDERS = {"gold": ("GT",), "silver": ("ST",), "both": ("GT", "ST")}

FRAME = re.compile(r"t(\d{3,4})")
MASK = re.compile(r"man_seg(\d{3,4})")
SLICE = re.compile(r"man_seg_\d{3,4}_\d{3,4}")


class Frames(NamedTuple):
    """The frames that have a mask, in the order of time, one sequence after the other."""

    images: list[Array]  # (H, W, C), in the dtype of the file
    instances: list[Array]  # (H, W) uint16, 0 = background, k = cell k
    ignored: list[Array]  # (H, W) bool, pixels that are not annotated; background in `instances`
    names: list[str]  # such as 01/t000


def find(folder: Path) -> list[str]:
    """Find the sequences of a folder that come with truth.

    Parameters
    ----------
    folder : Path

    Returns
    -------
    list of str : such as 01 and 02; empty where a folder is in another layout
    """
    return sorted(
        frames.name
        for frames in folder.glob("[0-9][0-9]")
        if any((folder / f"{frames.name}_{truth}" / "SEG").is_dir() for truth in ("GT", "ST"))
    )


def read(folder: Path, truth: Truth = "both") -> Frames:
    """Read the frames that have a mask, and their masks.

    Of a frame with both masks, "both" takes the cells of the gold one, whose outlines are better.
    Where the silver one has a cell that gold mostly takes for background, gold may just not have
    annotated it: those of its pixels that gold leaves free are ignored.

    Parameters
    ----------
    folder : Path
    truth : str       "gold", "silver", or "both"

    Returns
    -------
    Frames

    Raises
    ------
    InputError
        If there is no mask, a mask does not belong to its frame, or frames are not 2D.
    """
    frames = Frames([], [], [], [])
    for sequence in find(folder):
        images = numbered(folder / sequence, FRAME)
        truths = [numbered(folder / f"{sequence}_{t}" / "SEG", MASK) for t in FOLDERS[truth]]
        for number in sorted(set[int]().union(*truths)):
            masks = [paths[number] for paths in truths if number in paths]
            if number not in images:
                raise InputError(f"{masks[0]} has no frame of its number in {folder / sequence}")
            image = _slice(images[number])
            cells, ignored = _merge([_mask(path, image) for path in masks])
            frames.images.append(image)
            frames.instances.append(cells)
            frames.ignored.append(ignored)
            frames.names.append(f"{sequence}/{images[number].stem}")
    _check(frames, folder, truth)
    return frames


def _check(frames: Frames, folder: Path, truth: Truth) -> None:
    """Raise unless there are frames, all with the same channels."""
    if not frames.images:
        which = "" if truth == "both" else f"{truth} "
        raise InputError(
            f"{folder} holds no frame with a {which}mask: frames are in 01/t000.tif …, masks in "
            "01_GT/SEG/man_seg000.tif … (gold) or 01_ST/SEG/man_seg000.tif … (silver)"
        )
    channels = {image.shape[2] for image in frames.images}
    if len(channels) > 1:
        raise InputError(f"{folder} mixes frames of {sorted(channels)} channels; convert them")


def numbered(folder: Path, pattern: re.Pattern[str]) -> dict[int, Path]:
    """Find the TIFF files of a folder that are named so, by the number in their name.

    Parameters
    ----------
    folder : Path         nothing is found in one that is not there
    pattern : Pattern     of the whole stem; its first group is the number

    Raises
    ------
    InputError
        If a file is a slice of a 3D mask, or two have the same number.
    """
    found: dict[int, Path] = {}
    for path in sorted(folder.iterdir()) if folder.is_dir() else []:
        if path.suffix.lower() not in image_files.TIFF:
            continue
        if SLICE.fullmatch(path.stem):
            raise InputError(f"{path} annotates one slice of a 3D image; 2D frames are read")
        if match := pattern.fullmatch(path.stem):
            number = int(match[1])
            if number in found:
                raise InputError(f"{path} and {found[number].name} have one number; keep one")
            found[number] = path
    return found


def _slice(path: Path) -> Array:
    """Read a file of one 2D image, (H, W, C)."""
    slices = image_files.read(path)
    if len(slices) > 1:
        raise InputError(f"{path} holds {len(slices)} slices; 2D frames are read, one in a file")
    return slices[0]


def read_mask(path: Path, largest: float = math.inf) -> Array:
    """Read the mask of one frame.

    Parameters
    ----------
    path : Path
    largest : float     largest valid value

    Returns
    -------
    (H, W) integer : 0 = background, k = cell k

    Raises
    ------
    InputError
        If the file is in colour or holds several slices, or a value is not a whole number from 0
        to `largest`.
    """
    (mask,) = image_files.grey([_slice(path)], path)
    if mask.dtype.kind == "f" or mask.min() < 0 or mask.max() > largest:
        raise InputError(
            f"{path} is not a mask: it holds values from {mask.min():g} to {mask.max():g} "
            f"({mask.dtype}); valid values are 0 for background, k for cell k and {IGNORED} for "
            "pixels that are not annotated, stored as integers"
        )
    return mask


def _mask(path: Path, image: Array) -> tuple[Array, Array]:
    """Read a mask: its cells (H, W) uint16, and where it is not annotated, (H, W) bool."""
    mask = read_mask(path, largest=IGNORED)
    if mask.shape != image.shape[:2]:
        raise InputError(
            f"{path} is {mask.shape[0]} x {mask.shape[1]} pixels, its frame "
            f"{image.shape[0]} x {image.shape[1]}"
        )
    ignored = mask == IGNORED
    return np.where(ignored, 0, mask).astype(np.uint16), ignored


def _merge(masks: Sequence[tuple[Array, Array]]) -> tuple[Array, Array]:
    """Take the cells of the first mask; ignore those that only the second has, if there is one."""
    cells, ignored = masks[0]
    for others, _ in masks[1:]:
        free = (cells == 0) & (others > 0)
        pixels = np.bincount(others.ravel())
        only_there = 2 * np.bincount(others[free], minlength=pixels.size) > pixels
        ignored = ignored | (free & only_there[others])
    return cells, ignored


def is_sequence(path: Path) -> bool:
    """Whether this is a folder of frames, such as FOLDER/01 with t000.tif, t001.tif, …."""
    name = path.resolve().name
    return path.is_dir() and bool(re.fullmatch(r"\d\d", name)) and bool(numbered(path, FRAME))


def numbers(frames: Path) -> list[str]:
    """Take the digits from the names of frames, in the order of `image_files.read`.

    Parameters
    ----------
    frames : Path     folder of a sequence, such as FOLDER/01

    Returns
    -------
    list of str : such as 000 and 001

    Raises
    ------
    InputError
        If any file is not named like a frame.
    """
    digits = []
    for path in image_files.files(frames):
        match = FRAME.fullmatch(path.stem)
        if not match:
            raise InputError(f"{path} is not named like a frame: t000.tif, t001.tif, …")
        digits.append(match[1])
    return digits


def check_out(folder: Path, sequence: str) -> Path:
    """Name the folder for the masks of a sequence; raise an `InputError` if it holds any."""
    out = folder / f"{sequence}_RES"
    files.check_free_names(out, ["mask*"], "move it away: masks are written to this folder")
    return out


def write(folder: Path, sequence: str, masks: Sequence[Array], digits: Sequence[str]) -> None:
    """Write masks as FOLDER/01_RES/mask000.tif ….

    Parameters
    ----------
    folder : Path                        made if need be
    sequence : str                       such as 01
    masks : sequence of (H, W) uint16    0 = background, k = cell k
    digits : sequence of str             of the frames, see `numbers`

    Raises
    ------
    InputError
        If masks are there already, or there are not as many masks as frames.
    """
    import tifffile

    out = check_out(folder, sequence)
    if len(masks) != len(digits):
        raise InputError(f"there are {len(masks)} masks for the {len(digits)} frames of {sequence}")
    out.mkdir(parents=True, exist_ok=True)
    for mask, number in zip(masks, digits, strict=True):
        safe = mask.astype(np.uint16, casting="safe")  # no number is cut off
        tifffile.imwrite(out / f"mask{number}.tif", safe, metadata=None)
