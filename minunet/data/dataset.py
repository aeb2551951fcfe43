"""A data set to train on: scaled images, labels, weight maps, and a held-out block of slices."""

import hashlib
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

import numpy as np

from minunet.array import Array
from minunet.data import ctc, label_files, pairs, split, synthetic
from minunet.data.annotation import AUTO, Annotation, Meaning, Truth
from minunet.data.image_files import counted
from minunet.data.page import DEFAULT, Reading
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
    meaning: Meaning = AUTO  # of the label values
    truth: Truth = "both"  # see `ctc.read`
    reading: Reading = DEFAULT  # which pixels of the images to read


class Raw(NamedTuple):
    """Images, unscaled, with their annotation, slice by slice."""

    images: list[Array]  # (H, W, C), in the dtype of the file
    annotation: Annotation
    files: list[Path]  # that contain the images
    names: list[str]  # of the slices, for people
    notes: Sequence[str] = ()  # about what the files contain besides
    palette: Sequence[tuple[int, int, int]] = ()  # colours of the label values 0, 1, …


class Dataset(NamedTuple):
    """Images, labels and weight maps, split into training and validation."""

    images: list[Array]  # (H, W, C) float32
    labels: list[Array]  # (H, W) uint8, 0 … K-1; touching cells separated
    weight_maps: list[Array]  # (H, W) float32; 0 where not annotated
    annotated: list[Array]  # (H, W) bool
    cells: list[Array] | None  # (H, W) int32 as annotated, 0 = background, k = cell k
    numbered: bool  # whether the label files contain cell numbers
    training: list[int]  # slices used for training
    held_out: list[int]  # slices used for validation; may be empty
    label_values: tuple[int, ...]  # grey values of the classes 0 … K-1 in the label files
    fingerprint: str  # SHA-256 of the images and their annotation
    description: list[str]  # lines to print
    names: list[str]  # of the slices, for people
    label_colours: tuple[tuple[int, int, int], ...]  # of the classes in the label files; or empty

    def part(self, slices: Sequence[int]) -> list[Sample]:
        """Return these slices with their labels and weight maps."""
        return [
            Sample(
                self.images[k],
                self.labels[k],
                self.weight_maps[k],
                None if self.annotated[k].all() else self.annotated[k],
            )
            for k in slices
        ]


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
    raw, annotation, files, names, notes, palette = _read(source, validation)
    training, held_out = split.split(validation, files)
    _check_annotated(annotation, training, held_out)
    made = targets(annotation, training, weighting)
    named = b"" if split.is_block(validation) else repr(held_out).encode()
    found = _describe(source.images or "synthetic EM", raw, scaling, annotation)
    return Dataset(
        scale(raw, scaling),
        made.labels,
        made.weight_maps,
        annotation.annotated,
        made.cells,
        annotation.cells is not None,
        training,
        held_out,
        annotation.values.values,
        _fingerprint(raw, annotation, named, source.labels is None),
        [
            *found,
            *(f"note      {note}" for note in notes),
            f"split     {split.describe(held_out, files)}",
            made.description,
            *(f"warning   {doubt}" for doubt in annotation.doubts),
            *_absent(annotation, training),
        ],
        names,
        _colours(palette, annotation.values.values),
    )


def _colours(
    palette: Sequence[tuple[int, int, int]], values: Sequence[int]
) -> tuple[tuple[int, int, int], ...]:
    """Return the colours of label values; none if the palette lacks one, or is grey."""
    if not all(value < len(palette) for value in values):
        return ()
    chosen = tuple(palette[value] for value in values)
    return () if all(len(set(colour)) == 1 for colour in chosen) else chosen


def _fingerprint(
    images: Sequence[Array], annotation: Annotation, held_out: bytes, challenge: bool
) -> str:
    """Return the SHA-256 of the images, their annotation, and the held-out slices if named.

    Earlier versions could leave out pixels only in the layout of the Cell Tracking Challenge, and
    did not hash which; so this function does not either, and their runs can be resumed.
    """
    digest = hashlib.sha256(held_out)
    everything = challenge or all(known.all() for known in annotation.annotated)
    annotated = [] if everything else annotation.annotated
    for array in (*images, *annotation.labels, *(annotation.cells or ()), *annotated):
        digest.update(repr((array.shape, array.dtype)).encode() + array.tobytes())
    return digest.hexdigest()


def _read(source: Source, validation: str) -> Raw:
    """Read or generate the images and their annotation, those of a validation folder at the end."""
    if source.images is None:
        if source.labels:
            raise InputError(
                f"give --images and --labels together; got only --labels {source.labels}"
            )
        return _synthetic()
    images, folder = Path(source.images), Path(validation) if split.is_folder(validation) else None
    if source.labels is not None:
        more = [pairs.find(folder, "pass something else to --validation")] if folder else []
        found = pairs.read((images, Path(source.labels)), *more, reading=source.reading)
        annotation = label_files.annotate(found.masks, source.meaning, source.labels)
        return Raw(found.images, annotation, *found[2:])
    if not ctc.find(images):
        raise InputError(
            f"give --images and --labels together; got only --images {images}, which is not a "
            "folder in the layout of the Cell Tracking Challenge"
        )
    return _frames([images, *([folder] if folder else [])], source)


def _synthetic() -> Raw:
    """Generate the built-in synthetic EM."""
    stack = synthetic.em_stack(SYNTHETIC_SHAPE, np.random.default_rng(SYNTHETIC_SEED))
    masks = [mask[..., np.newaxis] for mask in stack.labels]
    annotation = label_files.annotate(masks, Meaning("classes"), "synthetic EM")
    images = [image[..., np.newaxis] for image in stack.images]
    files, names = [Path("synthetic EM")] * len(images), [str(k) for k in range(len(images))]
    return Raw(images, annotation, files, names)


def _frames(folders: Sequence[Path], source: Source) -> Raw:
    """Read the frames of folders in the layout of the Cell Tracking Challenge."""
    read = [
        (folder, ctc.read(folder, source.truth, source.reading, source.meaning.ignore))
        for folder in folders
    ]
    cells = [cell.astype(np.int32) for _, frames in read for cell in frames.instances]
    annotated = [one for _, frames in read for one in frames.annotated]
    doubts = label_files.challenge_doubts(cells, source.meaning, folders[0])
    return Raw(
        [image for _, frames in read for image in frames.images],
        label_files.of_cells(cells, annotated)._replace(doubts=doubts),
        [folder / f"{name}.tif" for folder, frames in read for name in frames.names],
        [
            name if folder == folders[0] else f"{folder.name}/{name}"
            for folder, frames in read
            for name in frames.names
        ],
    )


def _describe(
    name: str, raw: Sequence[Array], scaling: Scaling, annotation: Annotation
) -> list[str]:
    """Describe the images and labels: their size, type, range of values, and classes."""
    sizes = sorted({image.shape[:2] for image in raw})
    extent = " and ".join(f"{h} x {w}" for h, w in sizes[:3]) + (" and others" if sizes[3:] else "")
    channels = "" if raw[0].shape[2] == 1 else f", {raw[0].shape[2]} channels"
    low, high = min(image.min() for image in raw), max(image.max() for image in raw)
    return [
        f"data      {name}: {counted(len(raw))}, {extent} pixels{channels}, {raw[0].dtype}",
        f"values    {low:g} … {high:g}, scaling: {scaling}",
        f"labels    {_describe_labels(annotation)}",
    ]


def _describe_labels(annotation: Annotation) -> str:
    """Describe what the label values mean, and how many pixels are not annotated."""
    values, fractions = annotation.values
    if annotation.cells is None:
        text = ", ".join(
            f"{value} → class {k} ({fraction:.1%} of the pixels)"
            for k, (value, fraction) in enumerate(zip(values, fractions, strict=True))
        )
    else:
        text = f"numbered cells ({fractions[1]:.1%} of the pixels)"
    annotated = np.mean([known.mean() for known in annotation.annotated])
    return text if annotated == 1 else f"{text}; {1 - annotated:.1%} of all pixels not annotated"


def _check_annotated(
    annotation: Annotation, training: Sequence[int], held_out: Sequence[int]
) -> None:
    """Raise unless both the training slices and the held-out ones have annotated pixels."""
    for slices, which in ((training, "training"), (held_out, "held-out")):
        if slices and not any(annotation.annotated[k].any() for k in slices):
            raise InputError(
                f"none of the {which} slices has annotated pixels; annotate some of them, or hold "
                "out other slices with --validation"
            )


def _absent(annotation: Annotation, training: Sequence[int]) -> list[str]:
    """Warn of classes that do not occur in the training slices."""
    there = set[int]()
    for k in training:
        there.update(np.unique(annotation.labels[k][annotation.annotated[k]]).tolist())
    names = ["background", "cell"] if annotation.cells is not None else []
    return [
        f"warning   class {k} ({names[k] if names else f'label value {value}'}) does not occur in "
        "the training slices, so the network cannot learn it; hold out other slices with "
        "--validation"
        for k, value in enumerate(annotation.values.values)
        if k not in there
    ]
