"""Reading a prediction together with its truth.

A prediction is a probability of cell, or it numbers the cells:

    probability.tif, any floats       probability of cell, from 0 to 1
    8 bit, one value beside 0         cell or not: a probability of 0 and 1
    labels.tif, other integers        0 is background, k is cell k
    OUT                               a folder that `minunet.predict` wrote
    01_RES/mask000.tif …              the Cell Tracking Challenge, cells

The truth has cells: with one value beside 0, such as 255, its 4-connected regions, else what has
one number; or it is 01_GT/SEG/man_seg000.tif …. Both may be stacks, images, or folders of images.
"""

import re
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

import numpy as np

from minunet.array import Array
from minunet.data import ctc, image_files, readers
from minunet.errors import InputError
from minunet.metrics import segments
from minunet.metrics.score import THRESHOLDS

RESULT = re.compile(r"mask(\d{3,4})")
"""Name of a result in the Cell Tracking Challenge."""


class Pair(NamedTuple):
    """A prediction and its truth."""

    source: Path  # what was read as prediction
    prediction: list[Array]  # (H, W) probability of cell; or integer, as the truth
    truth: list[Array]  # (H, W) integer, 0 = background, k = cell k
    names: list[str]  # of the slices
    thresholds: tuple[float, ...]  # to try on a probability; none where cells are numbered


def read(prediction: Path, truth: Path) -> Pair:
    """Read a prediction and its truth, and see that they belong together.

    Parameters
    ----------
    prediction, truth : Path

    Raises
    ------
    InputError
        If the two do not match in names, numbers or sizes, or hold other values than they should.
    """
    frames = truth / "SEG" if (truth / "SEG").is_dir() else truth
    if frames.is_dir() and ctc.numbered(frames, ctc.MASK):
        pair = _read_frames(prediction, frames)
    else:
        pair = _read_images(prediction, truth)
    if not any(one.any() for one in pair.truth):
        raise InputError(f"{truth} is 0 everywhere: there is no cell to find")
    return pair


def _read_images(prediction: Path, truth: Path) -> Pair:
    """Read stacks, images or folders of them; slices belong together by their order."""
    masks = image_files.read(truth)
    regions = _two_values(masks)
    prediction = _choose(prediction, numbered=not regions)
    images = image_files.read(prediction)
    if len(images) != len(masks):
        raise InputError(f"{prediction} holds {len(images)} slices but {truth} {len(masks)}")
    names = [str(k) for k in range(len(images))]
    if prediction.is_dir() and truth.is_dir():
        names = _same_names(prediction, truth)
    found, thresholds = _interpret(image_files.grey(images, prediction), prediction)
    if regions:
        of_truth = [segments.components(one) for one in image_files.grey(masks, truth)]
    else:
        of_truth = [_renumbered(one) for one in readers.numbered_cells(masks, truth)]
    for one, other, name in zip(found, of_truth, names, strict=False):
        _same_size(one, other, f"slice {name} of {prediction}", str(truth))
    return Pair(prediction, found, of_truth, names, thresholds)


def _two_values(images: Sequence[Array]) -> bool:
    """Whether there is no more than one value beside 0."""
    return len({value for image in images for value in np.unique(image).tolist()} - {0}) < 2


def _choose(prediction: Path, numbered: bool) -> Path:
    """Take of a folder that predict wrote the cells, if the truth numbers them and they are there.

    The labels may also be of classes, in 8 bit: then, or beside regions, take the probability.
    """
    probability, labels = prediction / "probability.tif", prediction / "labels.tif"
    if not probability.is_file():
        return prediction
    return labels if numbered and image_files.read(labels)[0].dtype == np.uint16 else probability


def _same_names(prediction: Path, truth: Path) -> list[str]:
    """Names of the files in two folders without suffix; raise unless both have the same."""
    names, others = ([p.stem for p in image_files.files(folder)] for folder in (prediction, truth))
    for name, other in zip(names, others, strict=False):
        if name != other:
            raise InputError(f"{prediction} has {name} where {truth} has {other}; rename the files")
    return names


def _same_size(one: Array, other: Array, name: str, other_name: str) -> None:
    if one.shape != other.shape:
        a, b = (f"{height} x {width}" for height, width in (one.shape, other.shape))
        raise InputError(f"{name} is {a} pixels, that of {other_name} {b}")


def _interpret(images: list[Array], source: Path) -> tuple[list[Array], tuple[float, ...]]:
    """Tell a probability from numbered cells; return either, and the thresholds to try."""
    types = {image.dtype for image in images}
    lowest, highest = min(one.min() for one in images), max(one.max() for one in images)
    if types == {np.dtype(np.uint8)} and _two_values(images):
        return [(one > 0).astype(np.float32) for one in images], (0.5,)  # one for all
    if any(dtype.kind == "f" for dtype in types):
        if not 0 <= lowest <= highest <= 1:
            raise InputError(
                f"{source} holds floats from {lowest:g} to {highest:g}: a probability is from 0 to "
                "1, cells are numbered by integers"
            )
        return images, THRESHOLDS
    if lowest < 0:
        raise InputError(f"{source} holds {lowest}: cells are numbered from 1 on, background is 0")
    return [_renumbered(one) for one in images], ()


def _renumbered(numbered: Array) -> Array:
    """Leave no gaps between numbers: scores take memory up to the largest."""
    return np.searchsorted(np.union1d(numbered.dtype.type(0), numbered), numbered)


def _read_frames(prediction: Path, truth: Path) -> Pair:
    """Read the frames of the Cell Tracking Challenge that have a truth; numbers match them."""
    inside = prediction / f"{truth.parent.name.split('_')[0]}_RES"
    folder = inside if inside.is_dir() else prediction
    results = ctc.numbered(folder, RESULT) if folder.is_dir() else {}
    if not results:
        raise InputError(f"{truth} wants a folder such as 01_RES with mask000.tif …, not {folder}")
    pair = Pair(folder, [], [], [], ())
    for number, path in ctc.numbered(truth, ctc.MASK).items():
        if number not in results:
            raise InputError(f"{folder} has no mask{number:03}.tif, which {path} wants")
        found, cells_there = ctc.read_mask(results[number]), ctc.read_mask(path)
        _same_size(found, cells_there, str(results[number]), str(path))
        annotated = cells_there != ctc.IGNORED
        pair.prediction.append(_renumbered(np.where(annotated, found, 0)))
        pair.truth.append(_renumbered(np.where(annotated, cells_there, 0)))
        pair.names.append(f"{number:03}")
    return pair
