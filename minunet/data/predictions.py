"""Read a prediction together with the ground truth.

A prediction is either a probability of cell or a map of numbered cells:

    probability.tif, or any floats      the probability of cell, from 0 to 1
    8 bits, one value other than 0      cell or background: probability 1 or 0
    labels.tif, or other integers       0 = background, k = cell k
    OUT                                 a folder written by `minunet.predict`
    01_RES/mask000.tif …                numbered cells, as in the Cell Tracking Challenge

If the truth has a single value other than 0, such as 255, its cells are the 4-connected regions of
that value; otherwise every value other than 0 is a cell. The truth may also be a folder 01_GT that
contains SEG/man_seg000.tif …. Prediction and truth may each be a stack, an image, or a folder of
images.
"""

import re
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

import numpy as np

from minunet.array import Array
from minunet.data import ctc, image_files, label_files
from minunet.errors import InputError
from minunet.metrics import segments
from minunet.metrics.score import THRESHOLDS

RESULT = re.compile(r"mask(\d{3,4})")
"""File names of results in the Cell Tracking Challenge."""


class Pair(NamedTuple):
    """A prediction and the ground truth, slice by slice."""

    source: Path  # file or folder that the prediction was read from
    prediction: list[Array]  # (H, W) probability of cell, or cell numbers as in `truth`
    truth: list[Array]  # (H, W) integer, 0 = background, k = cell k
    names: list[str]  # names of the slices
    thresholds: tuple[float, ...]  # thresholds to try; empty for numbered cells


def read(prediction: Path, truth: Path) -> Pair:
    """Read a prediction and the ground truth, and check that they match.

    Raises
    ------
    InputError
        If their slices differ in names, number or size, or if a value is not valid.
    """
    frames = truth / "SEG" if (truth / "SEG").is_dir() else truth
    if frames.is_dir() and ctc.numbered(frames, ctc.MASK):
        pair = _read_frames(prediction, frames)
    else:
        pair = _read_images(prediction, truth)
    if not any(one.any() for one in pair.truth):
        raise InputError(f"{truth} is 0 everywhere: scoring needs at least one cell")
    return pair


def _read_images(prediction: Path, truth: Path) -> Pair:
    """Read stacks, images or folders of them; match their slices by order."""
    masks = image_files.read(truth)
    regions = _two_values(masks)
    prediction = _choose(prediction, numbered=not regions)
    images = image_files.read(prediction)
    if len(images) != len(masks):
        raise InputError(
            f"{prediction} holds {len(images)} slices, but {truth} holds {len(masks)}; they must "
            "match"
        )
    names = [str(k) for k in range(len(images))]
    if prediction.is_dir() and truth.is_dir():
        names = _same_names(prediction, truth)
    found, thresholds = _interpret(image_files.grey(images, prediction), prediction)
    if regions:
        of_truth = [segments.components(one) for one in image_files.grey(masks, truth)]
    else:
        of_truth = [_renumbered(one) for one in label_files.numbered_cells(masks, truth)]
    for one, other, name in zip(found, of_truth, names, strict=False):
        _same_size(one, other, f"slice {name} of {prediction}", str(truth))
    return Pair(prediction, found, of_truth, names, thresholds)


def _two_values(images: Sequence[Array]) -> bool:
    """Return whether the images contain at most one value other than 0."""
    return len({value for image in images for value in np.unique(image).tolist()} - {0}) < 2


def _choose(prediction: Path, numbered: bool) -> Path:
    """Choose the file to score in a folder written by predict; return other paths unchanged.

    If the truth has numbered cells, choose `labels.tif`, provided that it has numbered cells as
    well (uint16; 8-bit labels are classes). Otherwise choose `probability.tif`.
    """
    probability, labels = prediction / "probability.tif", prediction / "labels.tif"
    if not probability.is_file():
        return prediction
    return labels if numbered and image_files.read(labels)[0].dtype == np.uint16 else probability


def _same_names(prediction: Path, truth: Path) -> list[str]:
    """Return the file stems in the first of two folders; raise unless the second has the same."""
    names, others = ([p.stem for p in image_files.files(folder)] for folder in (prediction, truth))
    for name, other in zip(names, others, strict=False):
        if name != other:
            raise InputError(
                f"{prediction} has {name} where {truth} has {other}; give the files the same names"
            )
    return names


def _same_size(one: Array, other: Array, name: str, other_name: str) -> None:
    if one.shape != other.shape:
        a, b = (f"{height} x {width}" for height, width in (one.shape, other.shape))
        raise InputError(f"{name} is {a} pixels, but {other_name} has {b}; they must match")


def _interpret(images: list[Array], source: Path) -> tuple[list[Array], tuple[float, ...]]:
    """Interpret images as probability or numbered cells; return these and the thresholds to try."""
    types = {image.dtype for image in images}
    lowest, highest = min(one.min() for one in images), max(one.max() for one in images)
    if types == {np.dtype(np.uint8)} and _two_values(images):
        # All thresholds give the same cells, so one is enough.
        return [(one > 0).astype(np.float32) for one in images], (0.5,)
    if any(dtype.kind == "f" for dtype in types):
        if not 0 <= lowest <= highest <= 1:
            raise InputError(
                f"{source} holds floats from {lowest:g} to {highest:g}; a probability must be from "
                "0 to 1, and cell numbers must be integers"
            )
        return images, THRESHOLDS
    if lowest < 0:
        raise InputError(
            f"{source} holds {lowest}; valid values are 0 for background and k ≥ 1 for cell k"
        )
    return [_renumbered(one) for one in images], ()


def _renumbered(numbered: Array) -> Array:
    """Renumber the cells as 1 … n, because the memory for scoring grows with the largest number."""
    return np.searchsorted(np.union1d(numbered.dtype.type(0), numbered), numbered)


def _read_frames(prediction: Path, truth: Path) -> Pair:
    """Read Cell Tracking Challenge results and ground truth; match the frames by number."""
    inside = prediction / f"{truth.parent.name.split('_')[0]}_RES"
    folder = inside if inside.is_dir() else prediction
    results = ctc.numbered(folder, RESULT) if folder.is_dir() else {}
    if not results:
        raise InputError(
            f"{folder} does not contain mask000.tif …; to score against {truth}, pass a "
            "folder that does, such as 01_RES"
        )
    pair = Pair(folder, [], [], [], ())
    for number, path in ctc.numbered(truth, ctc.MASK).items():
        if number not in results:
            raise InputError(
                f"{folder} has no mask{number:03}.tif to compare with {path}; each frame of the "
                "truth needs one"
            )
        found, cells_there = ctc.read_mask(results[number]), ctc.read_mask(path)
        _same_size(found, cells_there, str(results[number]), str(path))
        annotated = cells_there != ctc.IGNORED
        pair.prediction.append(_renumbered(np.where(annotated, found, 0)))
        pair.truth.append(_renumbered(np.where(annotated, cells_there, 0)))
        pair.names.append(f"{number:03}")
    return pair
