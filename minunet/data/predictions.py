"""Read a prediction together with the ground truth.

A prediction is a probability of cell, a map of numbered cells, or a map of classes:

    OUT                                 a folder written by `minunet.predict`
    floats                              the probability of cell, from 0 to 1
    one value other than 0              cell or background: probability 1 or 0
    --prediction-is membranes           two values, or a probability of membrane
    other integers                      classes or numbered cells, whichever they look like; or a
                                        probability in 8 or 16 bits
    01_RES/mask000.tif …                numbered cells, as in the Cell Tracking Challenge

If the truth has a single value other than 0, such as 255, its cells are the 4-connected regions of
that value; otherwise its values are classes or cell numbers (`prediction_kind`). With `--labels-are
membranes`, its cells are the regions of the smaller of its two values. The truth may also be a
folder 01_GT that contains SEG/man_seg000.tif …. Prediction and truth may each be a stack, an image,
or a folder of images; `matching` says which slices belong together.
"""

from pathlib import Path
from typing import NamedTuple

import numpy as np

from minunet.array import Array
from minunet.data import (
    ctc,
    image_files,
    label_classes,
    label_files,
    matching,
    membranes,
    prediction_files,
    prediction_kind,
    prediction_values,
)
from minunet.data.annotation import AUTO, Meaning
from minunet.data.image_files import Reading, Slices, native
from minunet.data.label_messages import inverted
from minunet.data.matching import Source
from minunet.data.prediction_kind import Kind, Values, Wanted
from minunet.errors import InputError

RESULT = r"mask(\d{3,4})"
"""File names of results in the Cell Tracking Challenge."""

STORED = Reading(indices=True)
"""Values as stored, not the colours of a palette."""


class Pair(NamedTuple):
    """A prediction and the ground truth, slice by slice."""

    source: Path  # file or folder that the prediction was read from
    kind: Kind
    prediction: list[Array]  # (H, W) probability of cell, cell numbers, or classes 0 … K-1
    truth: list[Array]  # (H, W) integer, 0 = background, k = cell k; or classes 0 … K-1
    names: list[str]  # names of the slices
    thresholds: tuple[float, ...] = ()  # thresholds to try; empty unless `kind` is probability
    classes: tuple[str, ...] = ()  # values of the classes in the files; empty for other kinds
    annotated: list[Array] | None = None  # (H, W) bool, pixels that count; None: all
    reading: str = "numbered cells"  # the prediction in words
    doubts: tuple[str, ...] = ()  # warnings: what the values of the truth may mean instead


def read(
    prediction: Path,
    truth: Path,
    meaning: Meaning = AUTO,
    wanted: Wanted = "auto",
    axes: str | None = None,
) -> Pair:
    """Read a prediction and the ground truth, and check that they match.

    Parameters
    ----------
    prediction, truth : Path
    meaning : Meaning     what the values of the truth mean, as far as it is known
    wanted : Wanted       what the prediction is, if it is known
    axes : str or None    of volumes whose metadata do not name them

    Raises
    ------
    InputError
        If their slices differ in names, number or size, if a value is not valid, or if it is not
        clear what the values mean.
    """
    frames = truth / "SEG" if (truth / "SEG").is_dir() else truth
    if frames.is_dir() and ctc.numbered(frames, ctc.MASK):
        pair = _read_frames(prediction, frames, meaning, wanted)
    else:
        pair = _read_images(prediction, truth, meaning, wanted, STORED._replace(axes=axes))
    if pair.annotated and not any(one.any() for one in pair.annotated):
        raise InputError(
            f"no pixel of {truth} is annotated: all have the value that marks pixels that are not; "
            "pass another value with --ignore, or another truth"
        )
    if pair.kind != "classes" and not any(one.any() for one in pair.truth):
        raise InputError(f"{truth} is 0 everywhere; scoring needs a truth with at least one cell")
    return pair


def _read_images(
    prediction: Path, truth: Path, meaning: Meaning, wanted: Wanted, reading: Reading
) -> Pair:
    """Read stacks, images or folders of them."""
    slices = Slices(truth, reading)
    masks, annotated = _annotated(_native(slices, truth), meaning, truth)
    expected = prediction_kind.of_truth(masks, annotated, meaning.kind, truth)
    no_numbers = expected.what in ("mask", "membranes")
    path, known = prediction_files.choose(prediction, wanted, no_numbers)
    found = Slices(path, reading)
    order, names = matching.match(Source(path, found), Source(truth, slices))
    masks = [masks[k] for k in order]
    annotated = None if annotated is None else [annotated[k] for k in order]
    images = _native(found, path)
    for image, mask, name in zip(images, masks, names, strict=True):
        _same_size(image, mask, f"slice {name} of {path}", str(truth))
    proposed = prediction_kind.of_prediction(images, known, path)
    kind = prediction_kind.decide(expected, proposed)
    if kind == "classes":
        predicted, true, values = prediction_values.classes(images, masks, annotated)
        words = f"{len(values)} classes"
        return Pair(path, kind, predicted, true, names, (), values, annotated, words)
    cells = prediction_values.true_cells(masks, expected)
    if kind == "cells":
        numbered = prediction_values.numbered_cells(images, path)
        return Pair(path, kind, numbered, cells, names, annotated=annotated)
    p, thresholds, words = prediction_values.probability(images, proposed)
    doubts = _doubts(masks, meaning, expected)
    return Pair(path, kind, p, cells, names, thresholds, (), annotated, words, doubts)


def _doubts(masks: list[Array], meaning: Meaning, values: Values) -> tuple[str, ...]:
    """Return a warning if the truth is a mask whose cells look like membranes."""
    if meaning.kind != "auto" or values.what != "mask":
        return ()
    labels = [(one != 0).astype(np.uint8) for one in masks]
    return (inverted(max(values.found)),) if membranes.looks_inverted(labels) else ()


def _native(slices: Slices, path: Path) -> list[Array]:
    """Load all slices (H, W), in the byte order of this machine."""
    images = [native(image) for image in slices]
    return image_files.grey(images, path)


def _annotated(
    maps: list[Array], meaning: Meaning, source: Path
) -> tuple[list[Array], list[Array] | None]:
    """Apply the threshold; return the maps, 0 where not annotated, and the annotated pixels.

    Maps of membranes become 1 in cells, 0 in membranes.
    """
    annotated = None if meaning.ignore is None else [one != meaning.ignore for one in maps]
    if meaning.threshold is not None:
        low, high = min(one.min() for one in maps), max(one.max() for one in maps)
        if not low < meaning.threshold <= high:
            raise InputError(
                f"--label-threshold {meaning.threshold:g} makes all of {source} one class: its "
                f"values are from {low:g} to {high:g}; pass a value above {low:g} and up to "
                f"{high:g}"
            )
        maps = [label_classes.at_least(one, meaning) for one in maps]
    elif meaning.kind == "membranes":
        values = prediction_kind.different(maps, annotated)
        _, cell = membranes.two_values(values, source)
        maps = [(one == cell).astype(np.uint8) for one in maps]
    if annotated is not None:
        maps = [np.where(known, one, 0) for one, known in zip(maps, annotated, strict=True)]
    return maps, annotated


def _same_size(one: Array, other: Array, name: str, other_name: str) -> None:
    if one.shape != other.shape:
        a, b = (f"{height} x {width}" for height, width in (one.shape, other.shape))
        raise InputError(
            f"{name} is {a} pixels, but {other_name} has {b}; both must have the same size"
        )


def _read_frames(prediction: Path, truth: Path, meaning: Meaning, wanted: Wanted) -> Pair:
    """Read Cell Tracking Challenge results and ground truth; match the frames by number."""
    results = _results(prediction, truth, wanted)
    folder = next(iter(results.values())).parent
    masks: list[Array] = []
    pair = Pair(folder, "cells", [], [], [], annotated=masks)
    for number, path in ctc.numbered(truth, ctc.MASK).items():
        if number not in results:
            raise InputError(
                f"{folder} has no mask{number:03}.tif to compare with {path}; each frame of the "
                "truth needs one"
            )
        found, _ = ctc.read_mask(results[number])
        cells, annotated = ctc.read_mask(path, meaning.ignore)
        _same_size(found, cells, str(results[number]), str(path))
        pair.prediction.append(prediction_values.renumbered(found))
        pair.truth.append(cells)
        pair.names.append(f"{number:03}")
        masks.append(annotated)
    for doubt in label_files.challenge_doubts(pair.truth, meaning, truth):
        raise InputError(f"in {truth}, {doubt}; if it is a cell number, pass --labels-are cells")
    return pair._replace(truth=[prediction_values.renumbered(one) for one in pair.truth])


def _results(prediction: Path, truth: Path, wanted: Wanted) -> dict[int, Path]:
    """Find the masks of a result in the layout of the Cell Tracking Challenge, by number."""
    inside = prediction / f"{truth.parent.name.split('_')[0]}_RES"
    folder = inside if inside.is_dir() else prediction
    results = ctc.numbered(folder, RESULT) if folder.is_dir() else {}
    if not results:
        raise InputError(
            f"{folder} does not contain mask000.tif …; to score against {truth}, pass a "
            "folder that does, such as 01_RES"
        )
    if wanted not in ("auto", "cells"):
        raise InputError(
            f"{folder} contains masks of the Cell Tracking Challenge, which number the cells; "
            f"leave out --prediction-is {wanted}"
        )
    return results
