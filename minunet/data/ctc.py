"""The layout of the Cell Tracking Challenge: ground truth for training, and results to submit.

    FOLDER/01/t000.tif                   frames of sequence 01, with three- or four-digit numbers
    FOLDER/01_GT/SEG/man_seg000.tif      gold truth: drawn by hand, for some of the frames
    FOLDER/01_ST/SEG/man_seg000.tif      silver truth: fused from the results of several algorithms
    FOLDER/01_RES/mask000.tif            a result

A mask is (H, W) uint16: 0 = background, k = cell k. The gold truth may omit cells, which then look
like background. To exclude pixels from training, set them to 65535 in the mask. This is a
convention of minunet, not of the challenge.

Source: celltrackingchallenge.net/annotations; the file names are those of the challenge.
"""

import re
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

import numpy as np

from minunet import files
from minunet.array import Array
from minunet.data import file_names, image_files
from minunet.data.annotation import Truth
from minunet.data.calibration import Calibration
from minunet.data.page import DEFAULT, Reading
from minunet.errors import InputError

IGNORED = 65535
"""Mask value of pixels that are not annotated: the maximum of uint16."""

FRAME = r"t(\d{3,4})"
MASK = r"man_seg(\d{3,4})"
SLICE = r"man_seg_\d{3,4}_\d{3,4}"


class Frames(NamedTuple):
    """The frames that have a mask, sequence by sequence, in chronological order."""

    images: list[Array]  # (H, W, C), in the dtype of the file
    instances: list[Array]  # (H, W) uint16, 0 = background, k = cell k
    annotated: list[Array]  # (H, W) bool; `instances` is 0 where it is False
    names: list[str]  # such as 01/t000
    gold: list[tuple[Array, Array] | None]  # gold mask by itself: cells and annotated pixels
    calibrations: list[Calibration]


def find(folder: Path) -> list[str]:
    """Find the sequences with ground truth in a folder.

    Parameters
    ----------
    folder : Path

    Returns
    -------
    list of str : such as 01 and 02; empty if the folder has another layout
    """
    return sorted(
        frames.name
        for frames in folder.glob("[0-9][0-9]")
        if any((folder / f"{frames.name}_{truth}" / "SEG").is_dir() for truth in ("GT", "ST"))
    )


def read(
    folder: Path, truth: Truth = "both", reading: Reading = DEFAULT, ignore: float | None = None
) -> Frames:
    """Read the frames that have a mask, and their masks.

    With "both", if a frame has two masks, its cells are those of the gold mask, whose outlines are
    better. If more than half of a silver cell is background in the gold mask, the gold truth may
    have omitted that cell; the part of that cell that is gold background is then not annotated.
    Silver masks are only good enough to train on, so the gold mask of a frame is also returned by
    itself, with every `truth`.

    Parameters
    ----------
    folder : Path
    truth : {"gold", "silver", "both"}
    reading : Reading     which pixels of the frames to read
    ignore : float or None     mask value of pixels that are not annotated, besides `IGNORED`

    Raises
    ------
    InputError
        If there is no mask, if a mask does not match its frame, or if the frames are not 2D.
    """
    frames = Frames([], [], [], [], [], [])
    for sequence in find(folder):
        images = numbered(folder / sequence, FRAME)
        gold, silver = (numbered(folder / f"{sequence}_{t}" / "SEG", MASK) for t in ("GT", "ST"))
        truths = {"gold": [gold], "silver": [silver], "both": [gold, silver]}[truth]
        for number in sorted(set[int]().union(*truths)):
            masks = [paths[number] for paths in truths if number in paths]
            if number not in images:
                raise InputError(
                    f"{masks[0]} has no frame with the same number in {folder / sequence}; add "
                    "that frame, or remove the mask"
                )
            image, calibration = _slice(images[number], reading)
            read = {path: _mask(path, image, ignore) for path in masks}
            cells, annotated = _merge([*read.values()])
            own = gold.get(number)
            by_itself = (read.get(own) or _mask(own, image, ignore)) if own else None
            frames.images.append(image)
            frames.instances.append(cells)
            frames.annotated.append(annotated)
            frames.names.append(f"{sequence}/{images[number].stem}")
            frames.gold.append(by_itself)
            frames.calibrations.append(calibration)
    _check(frames, folder, truth)
    return frames


def _check(frames: Frames, folder: Path, truth: Truth) -> None:
    """Raise unless there are frames, all with the same number of channels."""
    if not frames.images:
        which = "" if truth == "both" else f"{truth} "
        raise InputError(
            f"{folder} has no frame with a {which}mask; frames must be named 01/t000.tif …, masks "
            "01_GT/SEG/man_seg000.tif … (gold) or 01_ST/SEG/man_seg000.tif … (silver)"
        )
    channels = {image.shape[2] for image in frames.images}
    if len(channels) > 1:
        raise InputError(
            f"the frames in {folder} have {image_files.either(channels)} channels; convert all of "
            "them to the same number of channels"
        )


def numbered(folder: Path, pattern: str) -> dict[int, Path]:
    """Find those TIFF files in a folder whose stems match a pattern.

    Parameters
    ----------
    folder : Path    need not exist
    pattern : str    regular expression for the whole stem; its first group is the number

    Returns
    -------
    dict of int to Path : the file with each number, in the order of the file names

    Raises
    ------
    InputError
        If a file is a slice of a 3D mask, or two files have the same number.
    """
    found: dict[int, Path] = {}
    for path in sorted(folder.iterdir()) if folder.is_dir() else []:
        if path.suffix.lower() not in file_names.TIFF:
            continue
        if re.fullmatch(SLICE, path.stem):
            raise InputError(
                f"{path} annotates one slice of a 3D image; minunet reads only 2D data sets"
            )
        if match := re.fullmatch(pattern, path.stem):
            number = int(match[1])
            if number in found:
                raise InputError(
                    f"{path} and {found[number].name} have the same number; remove one of them"
                )
            found[number] = path
    return found


def _slice(path: Path, reading: Reading = DEFAULT) -> tuple[Array, Calibration]:
    """Read a file that contains one 2D image (H, W, C), and the calibration of its pixels."""
    slices = image_files.Slices(path, reading)
    if len(slices) > 1:
        raise InputError(f"{path} holds {len(slices)} slices; each file must hold one 2D frame")
    return image_files.native(slices[0]), slices.calibration


def read_mask(path: Path, ignore: float | None = None) -> tuple[Array, Array]:
    """Read the mask of one frame.

    Parameters
    ----------
    path : Path
    ignore : float or None     value of pixels that are not annotated, besides `IGNORED`

    Returns
    -------
    cells : (H, W) integer     0 = background or not annotated, k = cell k
    annotated : (H, W) bool

    Raises
    ------
    InputError
        If the file is in colour, holds several slices, or holds a value that is not an integer
        from 0.
    """
    (mask,) = image_files.grey([_slice(path)[0]], path)
    annotated = (mask != IGNORED) & (mask != ignore)
    cells = np.where(annotated, mask, mask.dtype.type(0))
    if mask.dtype.kind == "f" or cells.min() < 0:
        raise InputError(
            f"{path} is not a mask: it holds values from {mask.min():g} to {mask.max():g} "
            f"({mask.dtype}); valid values are integers: 0 for background, k for cell k, {IGNORED} "
            "or the value of --ignore for pixels that are not annotated"
        )
    return cells, annotated


def _mask(path: Path, image: Array, ignore: float | None) -> tuple[Array, Array]:
    """Read a mask: the cells, (H, W) uint16, and the annotated pixels, (H, W) bool."""
    cells, annotated = read_mask(path, ignore)
    if cells.shape != image.shape[:2]:
        raise InputError(
            f"{path} is {cells.shape[0]} x {cells.shape[1]} pixels, but its frame is "
            f"{image.shape[0]} x {image.shape[1]}; both must have the same size"
        )
    if cells.max() > IGNORED:  # such as numbers of 32 bits
        cells = np.searchsorted(np.union1d(cells.dtype.type(0), cells), cells)
    return cells.astype(np.uint16), annotated


def _merge(masks: Sequence[tuple[Array, Array]]) -> tuple[Array, Array]:
    """Return the cells of the first mask, and the annotated pixels (H, W) bool; see `read`."""
    cells, annotated = masks[0]
    for others, _ in masks[1:]:
        free = (cells == 0) & (others > 0)
        pixels = np.bincount(others.ravel())
        only_there = 2 * np.bincount(others[free], minlength=pixels.size) > pixels
        annotated = annotated & ~(free & only_there[others])
    return cells, annotated


def is_sequence(path: Path) -> bool:
    """Return whether a path is a folder of frames, such as FOLDER/01 with t000.tif, t001.tif, …."""
    name = path.resolve().name
    return path.is_dir() and bool(re.fullmatch(r"\d\d", name)) and bool(numbered(path, FRAME))


def numbers(frames: Path) -> list[str]:
    """Return the digits in the names of frames, in the order that `image_files.read` uses.

    Parameters
    ----------
    frames : Path     folder of a sequence, such as FOLDER/01

    Returns
    -------
    list of str : such as 000 and 001

    Raises
    ------
    InputError
        If a file is not named like a frame.
    """
    digits = []
    for path in file_names.files(frames):
        match = re.fullmatch(FRAME, path.stem)
        if not match:
            raise InputError(
                f"{path} is not named like a frame: rename it to t000.tif, t001.tif, …"
            )
        digits.append(match[1])
    return digits


def check_out(folder: Path, sequence: str) -> Path:
    """Return the folder for the masks of a sequence; raise an `InputError` if it contains masks."""
    out = folder / f"{sequence}_RES"
    files.check_free_names(out, ["mask*"], "move it away: the masks go into this folder")
    return out


def write(folder: Path, sequence: str, masks: Sequence[Array], digits: Sequence[str]) -> None:
    """Write masks as FOLDER/01_RES/mask000.tif ….

    Parameters
    ----------
    folder : Path                        created if it does not exist
    sequence : str                       such as 01
    masks : sequence of (H, W) uint16    0 = background, k = cell k
    digits : sequence of str             digits in the frame names, see `numbers`

    Raises
    ------
    InputError
        If the folder already contains masks, or if there are not as many masks as frames.
    """
    import tifffile

    out = check_out(folder, sequence)
    if len(masks) != len(digits):
        raise InputError(
            f"got {len(masks)} masks for the {len(digits)} frames of {sequence}; pass one per frame"
        )
    out.mkdir(parents=True, exist_ok=True)
    for mask, number in zip(masks, digits, strict=True):
        safe = mask.astype(np.uint16, casting="safe")  # raise instead of wrapping around
        tifffile.imwrite(out / f"mask{number}.tif", safe, metadata=None)
