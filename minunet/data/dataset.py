"""A data set to train on: scaled images, labels, weight maps, and a held-out block of slices."""

import hashlib
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

import numpy as np

from minunet.array import Array
from minunet.data import ctc, label_files, pairs, split, synthetic
from minunet.data.ctc import Truth
from minunet.data.label_files import Annotation, Kind, LabelValues
from minunet.data.scaling import Scaling, scale
from minunet.data.targets import PAPER, Weighting, targets
from minunet.errors import InputError
from minunet.image import Sample

SYNTHETIC_SHAPE, SYNTHETIC_SEED = (10, 256, 256), 2015
"""Shape (slices, rows, columns) and random seed of the built-in synthetic data."""


class Source(NamedTuple):
    """Where the images and labels of a data set are, and how to read the labels."""

    images: str | None  # path; None: the built-in synthetic EM
    labels: str | None  # path; None: `images` is in the layout of the Cell Tracking Challenge
    kind: Kind = "auto"  # meaning of the label values, see `label_files.annotate`
    truth: Truth = "both"  # see `ctc.read`


class Dataset(NamedTuple):
    """Images, labels and weight maps, split into training and validation."""

    images: list[Array]  # (H, W, C) float32
    labels: list[Array]  # (H, W) uint8, 0 … K-1; touching cells separated
    weight_maps: list[Array]  # (H, W) float32; 0 where nothing is annotated
    cells: list[Array] | None  # (H, W) int32 as annotated, 0 = background, k = cell k
    numbered: bool  # whether the label files contain cell numbers
    training: list[int]  # slices used for training
    held_out: list[int]  # slices used for validation; may be empty
    label_values: tuple[int, ...]  # grey values of the classes 0 … K-1 in the label files
    fingerprint: str  # SHA-256 of the images and their annotation
    description: list[str]  # lines to print

    def part(self, slices: Sequence[int]) -> list[Sample]:
        """Return these slices with their labels and weight maps."""
        return [Sample(self.images[k], self.labels[k], self.weight_maps[k]) for k in slices]


def load(
    source: Source, validation: str, scaling: Scaling, weighting: Weighting = PAPER
) -> Dataset:
    """Load a data set, or generate the built-in synthetic one.

    Parameters
    ----------
    source : Source
    validation : str          see `split.split`
    scaling : str             see `scaling.scale`
    weighting : Weighting     form and constants of the weight maps

    Raises
    ------
    InputError
        If the data cannot be read, or images and labels do not match.
    """
    raw, annotation = _read(source)
    training, held_out = split.split(validation, len(raw))
    made = targets(annotation, training, weighting)
    digest = hashlib.sha256()
    for array in (*raw, *annotation.labels, *(annotation.cells or ())):
        digest.update(repr((array.shape, array.dtype)).encode() + array.tobytes())
    found = _describe(source.images or "synthetic EM", raw, scaling, annotation.values)
    return Dataset(
        scale(raw, scaling),
        made.labels,
        made.weight_maps,
        made.cells,
        annotation.cells is not None,
        training,
        held_out,
        annotation.values.values,
        digest.hexdigest(),
        [*found, _describe_split(training, held_out), made.description],
    )


def _read(source: Source) -> tuple[list[Array], Annotation]:
    """Read or generate the images, unscaled, and their annotation."""
    images, labels, kind, truth = source
    if images is None:
        if labels:
            raise InputError(f"give --images and --labels together; got only --labels {labels}")
        stack = synthetic.em_stack(SYNTHETIC_SHAPE, np.random.default_rng(SYNTHETIC_SEED))
        masks = [mask[..., np.newaxis] for mask in stack.labels]
        annotation = label_files.annotate(masks, "classes", "synthetic EM")
        return [image[..., np.newaxis] for image in stack.images], annotation
    if labels is not None:
        return pairs.read_pair(Path(images), Path(labels), kind)
    if not ctc.find(Path(images)):
        raise InputError(
            f"give --images and --labels together; got only --images {images}, which is not a "
            "folder in the layout of the Cell Tracking Challenge"
        )
    frames = ctc.read(Path(images), truth)
    cells = [cell.astype(np.int32) for cell in frames.instances]
    return frames.images, label_files.of_cells(cells, frames.ignored)


def _describe(name: str, raw: Sequence[Array], scaling: Scaling, values: LabelValues) -> list[str]:
    """Describe the images and labels: their size, type, range of values, and classes."""
    sizes = sorted({image.shape[:2] for image in raw})
    extent = " and ".join(f"{h} x {w}" for h, w in sizes[:3]) + (" and others" if sizes[3:] else "")
    channels = "" if raw[0].shape[2] == 1 else f", {raw[0].shape[2]} channels"
    low, high = min(image.min() for image in raw), max(image.max() for image in raw)
    classes = ", ".join(
        f"{value} → class {k} ({fraction:.1%} of the pixels)"
        for k, (value, fraction) in enumerate(zip(values.values, values.fractions, strict=True))
    )
    return [
        f"data      {name}: {_slices(len(raw))}, {extent} pixels{channels}, {raw[0].dtype}",
        f"values    {low:g} … {high:g}, scaling: {scaling}",
        f"labels    {classes}",
    ]


def _describe_split(training: Sequence[int], held_out: Sequence[int]) -> str:
    """Describe which slices are held out."""
    count = _slices(len(training) + len(held_out))
    if not held_out:
        return f"split     {count} for training, none held out: scores are for the training data"
    block = f"{held_out[0]}" + (f" … {held_out[-1]}" if len(held_out) > 1 else "")
    return (
        f"split     {count}: {len(training)} for training, {len(held_out)} held out for "
        f"validation ({block})"
    )


def _slices(count: int) -> str:
    return "1 slice" if count == 1 else f"{count} slices"
