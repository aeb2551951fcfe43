"""A data set to train on: scaled images, labels and weight maps, split into its parts."""

import hashlib
from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from minunet import resampling
from minunet.array import Array
from minunet.data import interpretation, object_size, sources, split
from minunet.data.annotation import Annotation
from minunet.data.image_files import counted
from minunet.data.interpretation import Interpreted
from minunet.data.object_size import UNCHANGED, PixelSize, Wanted
from minunet.data.scaling import Scale, Scaling, scale, scale_of
from minunet.data.sources import Raw, Source
from minunet.data.targets import PAPER, Weighting, cells_of, separated, targets
from minunet.errors import InputError
from minunet.image import Sample
from minunet.resampling import NONE, Factors

__all__ = ["Dataset", "Source", "load"]


class Dataset(NamedTuple):
    """Images, labels and weight maps, split into training, validation and test.

    Nothing but the final scores depends on the pixels and the labels of the test slices. Scores are
    computed on full-size images; the network sees the samples, which may be shrunk.
    """

    images: list[Array]  # (H, W, C) float32
    labels: list[Array]  # (H, W) uint8, 0 … K-1; touching cells separated
    samples: list[Sample]  # what the network sees; weight 0 where not annotated, and in test slices
    annotated: list[Array]  # (H, W) bool
    cells: list[Array] | None  # (H, W) int32 as annotated, 0 = background, k = cell k
    numbered: bool  # whether the label files contain cell numbers
    training: list[int]  # slices used for training
    held_out: list[int]  # slices used for validation; may be empty
    label_values: tuple[int, ...]  # grey values of the classes 0 … K-1 in the label files
    fingerprint: str  # SHA-256 of the images and their annotation, without the test slices
    description: list[str]  # lines to print
    names: list[str]  # of the slices, for people
    label_colours: tuple[tuple[int, int, int], ...]  # of the classes in the label files; or empty
    test: Sequence[int] = ()  # slices that are only scored, at the end
    silver: Sequence[int] = ()  # slices with silver truth only, see `ctc`
    scale: Scale | None = None  # of all images, from the training slices; None: not one for all
    shrink: float = 1.0  # image pixels per network pixel
    pixel_size: PixelSize | None = None  # of the images, if it is known and the same in all

    @property
    def factors(self) -> Factors:
        """Image pixels per network pixel."""
        return object_size.factors(self.shrink, self.pixel_size, self.pixel_size)

    def part(self, slices: Sequence[int]) -> list[Sample]:
        """Return what the network sees of these slices."""
        return [self.samples[k] for k in slices]

    def enlarged(self, logits: Array, k: int) -> Array:
        """Interpolate logits of the sample of slice k to the size of its image."""
        if self.factors == NONE:
            return logits
        return resampling.enlarge(logits, self.factors, self.images[k].shape)

    def scored(self, slices: Sequence[int]) -> list[int]:
        """Return those slices that are scored: the ones with gold truth, or all if none has."""
        return interpretation.scored(slices, self.silver)


def load(
    source: Source,
    validation: str,
    scaling: Scaling,
    weighting: Weighting = PAPER,
    test: str = "none",
    wanted: Wanted = UNCHANGED,
) -> Dataset:
    """Load a data set, or generate the built-in synthetic one.

    Parameters
    ----------
    source : Source           if its `scaled_by_all` is true, held-out slices determine the scale,
                              too
    validation : str          see `split.split`
    scaling : str             see `scaling.scale`
    weighting : Weighting     form and constants of the weight maps
    test : str                see `split.split`
    wanted : Wanted           how much to shrink the images for the network

    Raises
    ------
    InputError
        If the data cannot be read, or images and labels do not match.
    """
    raw = sources.read(source, validation, test)
    parts = split.split(validation, raw.files, test)
    known = sorted((*parts.training, *parts.held_out))
    found = interpretation.interpret(raw, parts, source)
    annotation = found.annotation
    pixel = object_size.pixel_size(raw.calibration)
    shrink, size = _shrink(wanted, annotation, parts.training, pixel)
    factors = object_size.factors(shrink, pixel, pixel)
    small = object_size.shrunk(annotation, factors)
    if factors != NONE:
        for which in filter(None, (parts.training, parts.held_out)):
            object_size.check_annotated([small.annotated[k] for k in which], factors)
    made = targets(small, parts.training, weighting, parts.test)
    labels, cells = made.labels, made.cells
    if factors != NONE:
        labels, cells = separated(annotation, weighting)
    named = (
        b"" if split.is_block(one) else repr(slices).encode()
        for one, slices in ((validation, parts.held_out), (test, parts.test))
    )
    whole = None
    if scaling in ("minmax", "standard"):
        of = known if source.scaled_by_all else parts.training
        whole = scale_of([raw.images[k] for k in of], scaling)
    images = scale(raw.images, scaling, whole)
    seen = images if factors == NONE else _shrunk(raw.images, factors, scaling, whole)
    return Dataset(
        images,
        labels,
        made.samples(seen),
        annotation.annotated,
        cells,
        annotation.cells is not None,
        parts.training,
        parts.held_out,
        annotation.values.values,
        _fingerprint(
            [raw.images[k] for k in known], found.original, b"".join(named), source.labels is None
        ),
        [
            *_describe(source.images or "synthetic EM", raw, scaling, found, known),
            *(f"note      {note}" for note in raw.notes),
            f"split     {split.describe(parts.held_out, raw.files, parts.test)}",
            *found.description,
            *size,
            made.description,
            *(f"warning   {doubt}" for doubt in annotation.doubts),
            *(
                _absent(annotation, parts.training)
                or _vanished(small._replace(labels=made.labels), parts.training, factors)
            ),
        ],
        raw.names,
        _colours(raw.palette, annotation.values.values),
        parts.test,
        found.silver,
        None if source.scaled_by_all else whole,
        shrink,
        pixel,
    )


def _shrink(
    wanted: Wanted,
    annotation: Annotation,
    training: Sequence[int],
    pixel: PixelSize | None,
) -> tuple[float, list[str]]:
    """Return how much to shrink images, and the line to print about it, if any."""
    if wanted.shrink == "auto":
        cells = cells_of(annotation)
        of_training = None if cells is None else [cells[k] for k in training]
        shrink, reason = object_size.choose(of_training, wanted.receptive_field, pixel)
    elif wanted.trained is not None and pixel is not None:
        factors = object_size.factors(wanted.shrink, wanted.trained, pixel)
        shrink = min(factors)
        here, there = map(object_size.in_words, (pixel, wanted.trained))
        stored = object_size.factors(shrink, pixel, pixel)  # what a run would shrink by
        if not np.allclose(stored, factors, rtol=object_size.EQUAL):
            raise InputError(
                f"image pixels are {here}, so they would have to be shrunk by "
                f"{object_size.describe(factors)} for the model, but --shrink is one number; make "
                f"the pixels square, or pass --shrink {shrink:g} to ignore their size"
            )
        reason = f"image pixels are {here}, those of the model were {there}"
    else:
        shrink, reason = wanted.shrink, ""
    if shrink == 1 and wanted.shrink != "auto":
        return shrink, []
    by = object_size.describe(object_size.factors(shrink, pixel, pixel))
    return shrink, [
        f"size      {by} image pixels per network pixel" + (f": {reason}" if reason else "")
    ]


def _shrunk(
    raw: Sequence[Array], factors: Factors, scaling: Scaling, whole: Scale | None
) -> list[Array]:
    """Shrink images, then scale their grey values like those of the full-size images."""
    scales = [whole or scale_of([image], scaling) for image in raw]
    small = (resampling.shrink(image, factors) for image in raw)
    return [one.apply(image) for one, image in zip(scales, small, strict=True)]


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


def _describe(
    name: str, raw: Raw, scaling: Scaling, found: Interpreted, known: Sequence[int]
) -> list[str]:
    """Describe the images and labels: their size, type, range of values, and classes.

    Only the slices in `known`, which are not those of the test, determine the values and classes.
    """
    sizes = sorted({image.shape[:2] for image in raw.images})
    extent = " and ".join(f"{h} x {w}" for h, w in sizes[:3]) + (" and others" if sizes[3:] else "")
    first = raw.images[0]
    channels = "" if first.shape[2] == 1 else f", {first.shape[2]} channels"
    low = min(raw.images[k].min() for k in known)
    high = max(raw.images[k].max() for k in known)
    return [
        f"data      {name}: {counted(len(raw.images))}, {extent} pixels{channels}, {first.dtype}",
        f"values    {low:g} … {high:g}, scaling: {scaling}",
        f"labels    {_describe_labels(found.annotation, known)}",
    ]


def _describe_labels(annotation: Annotation, known: Sequence[int]) -> str:
    """Describe what the label values mean, and how many pixels are not annotated."""
    values, fractions = annotation.values
    if annotation.cells is None:
        text = ", ".join(
            f"{value} → class {k} ({fraction:.1%} of the pixels)"
            for k, (value, fraction) in enumerate(zip(values, fractions, strict=True))
        )
    else:
        text = f"numbered cells ({fractions[1]:.1%} of the pixels)"
    annotated = np.mean([annotation.annotated[k].mean() for k in known])
    return text if annotated == 1 else f"{text}; {1 - annotated:.1%} of all pixels not annotated"


def _absent(annotation: Annotation, training: Sequence[int]) -> list[str]:
    """Warn of classes that do not occur in the training slices."""
    return [
        f"warning   class {name} does not occur in the training slices, so the network cannot "
        "learn it; hold out other slices with --validation"
        for name in _missing(annotation, training)
    ]


def _vanished(small: Annotation, training: Sequence[int], factors: Factors) -> list[str]:
    """Warn of classes that do not occur in the training slices once these are averaged down."""
    if factors == NONE:
        return []
    return [
        f"warning   class {name} does not occur in the training slices once these are averaged "
        "down, so the network cannot learn it; pass a smaller --shrink"
        for name in _missing(small, training)
    ]


def _missing(annotation: Annotation, training: Sequence[int]) -> list[str]:
    """Name the classes that do not occur in the training slices."""
    there = set[int]()
    for k in training:
        there.update(np.unique(annotation.labels[k][annotation.annotated[k]]).tolist())
    names = ["background", "cell"] if annotation.cells is not None else []
    return [
        f"{k} ({names[k] if names else f'label value {value}'})"
        for k, value in enumerate(annotation.values.values)
        if k not in there
    ]
