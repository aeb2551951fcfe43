"""The size of objects in an image, and by how much the image is shrunk to suit the network.

A network has learnt objects of one size, and cannot see further than its receptive field: 92 pixels
at depth 3. The HeLa cells of the paper's second experiment are longer than that. So images are
shrunk until three typical cells fit next to each other into the receptive field; minunet stores the
factor, and `predict` shrinks new images by it. The weight map and the elastic deformation are
computed on the small image, so their 5 and 10 pixels are network pixels.

If files contain the size of a pixel, the network sees objects at the same size in micrometres as in
training: an image with pixels of half the size is shrunk twice as much. If training shrinks images,
network pixels are square even if image pixels are not; `shrink` then counts the longer side of an
image pixel.
"""

import argparse
from collections.abc import Sequence
from typing import Literal, NamedTuple, TypeAlias

import numpy as np

from minunet.array import Array
from minunet.data.annotation import Annotation, LabelValues
from minunet.data.calibration import METRES, Calibration
from minunet.data.targets import cells_of
from minunet.errors import InputError
from minunet.resampling import NONE, Factors, in_one_line, pair, shrink, shrink_labels

Shrink: TypeAlias = float | Literal["auto"]
"""Image pixels per network pixel; auto: chosen by `choose`."""

PixelSize: TypeAlias = tuple[float, float]
"""Height and width of a pixel, in micrometres."""

CELLS = 3
"""Number of typical cells that fit next to each other into the receptive field."""

SMALLEST, LARGEST = 0.25, 64
"""Smallest and largest value of --shrink; an image is enlarged if it is below 1."""

EQUAL = 0.02
"""Relative difference below which pixel sizes are equal: metadata are rounded."""

LIKELY = 8
"""Largest ratio of pixel sizes in training and in prediction that is not taken for an error."""


class Wanted(NamedTuple):
    """How much to shrink images for a network."""

    shrink: Shrink = 1.0
    receptive_field: int = 1  # of the network, in its pixels
    trained: PixelSize | None = None  # of other images, for which `shrink` is meant


UNCHANGED = Wanted()


def parse_shrink(text: str) -> Shrink:
    """Parse a value of --shrink; an argparse type."""
    try:
        if text == "auto" or SMALLEST <= float(text) <= LARGEST:
            return "auto" if text == "auto" else float(text)
    except ValueError:
        pass
    shown = text if len(text) <= 40 else text[:39] + "…"
    raise argparse.ArgumentTypeError(
        f"{shown!r} is not auto or a number from {SMALLEST} to {LARGEST}"
    )


def choose(
    cells: Sequence[Array] | None, receptive_field: int, pixel: PixelSize | None = None
) -> tuple[float, str]:
    """Choose by how much to shrink images, from the median diameter of their cells.

    Parameters
    ----------
    cells : sequence of (H, W) or None     integer; 0 = background, k = cell k; None: no cells
    receptive_field : int                  of the network, in its pixels
    pixel : PixelSize or None              of the images; None: pixels are square

    Returns
    -------
    shrink : float
    reason : str
    """
    areas = [np.bincount(one[one > 0]) for one in cells or ()]
    areas = [area[area > 0] for area in areas]
    if not sum(map(len, areas)):
        return 1.0, "the training labels have no cells"
    square = 1 if pixel is None else min(pixel) / max(pixel)  # area, in squares of the longer side
    diameter = float(np.median(np.sqrt(np.concatenate(areas) * square * 4 / np.pi)))
    shrink = float(np.clip(round(CELLS * diameter / receptive_field), 1, LARGEST))
    return shrink, (
        f"the median diameter of the training cells is {diameter:.0f} pixels, and {CELLS} of them "
        f"should fit into the {receptive_field} pixels that the network sees"
    )


def pixel_size(calibration: Calibration) -> PixelSize | None:
    """Return the size of a pixel in micrometres, if its unit is a known unit of length."""
    if calibration.pixel is None or calibration.unit not in METRES:
        return None
    micrometres = METRES[calibration.unit] * 1e6
    # Rounded: 0.1 um is not 0.09999999999999999.
    width, height = (float(f"{side * micrometres:.9g}") for side in calibration.pixel)
    return height, width


def checked(size: Sequence[float]) -> PixelSize:
    """Return a pixel size that a user gave, as floats.

    Raises
    ------
    InputError
        If it is not two positive and finite numbers.
    """
    found = pair(size)
    if found is None:
        raise InputError(
            f"pixel_size is {in_one_line(size)}; it must be the height and the width of a pixel in "
            "micrometres, such as (0.2, 0.2)"
        )
    return found


def factors(shrink: float, trained: PixelSize | None, here: PixelSize | None) -> Factors:
    """Return the image pixels per network pixel along y and x.

    Parameters
    ----------
    shrink : float                   image pixels per network pixel in training
    trained : PixelSize or None      pixel size of the training images; None: unknown
    here : PixelSize or None         pixel size of the image; None: that of the training images

    Examples
    --------
    >>> factors(4, None, (1.0, 1.0)), factors(4, (0.2, 0.2), (0.1, 0.1)), factors(1, (2, 3), (2, 3))
    ((4.0, 4.0), (8.0, 8.0), (1.0, 1.0))
    >>> factors(2, (0.1, 0.2), None)  # network pixels are squares of 0.4 micrometres
    (4.0, 2.0)

    Raises
    ------
    InputError
        If the pixel sizes differ so much that one of them is probably wrong.
    """
    if trained is None:
        return float(shrink), float(shrink)
    longer = max(trained)
    in_training = [1.0 if shrink == 1 else shrink * (longer / side) for side in trained]
    finer = [a / b for a, b in zip(trained, here or trained, strict=True)]
    if not all(1 / LIKELY <= f <= LIKELY for f in finer):
        assert here is not None
        raise InputError(
            f"the pixels of the image are {in_words(here)}, but those of the training images were "
            f"{in_words(trained)}; a ratio above {LIKELY} is probably an error: correct the "
            f"metadata, or pass --shrink {shrink:g} to ignore it"
        )
    pairs = zip(in_training, finer, strict=True)
    # Rounded, so that files with the same rounded pixel size still make one stack.
    y, x = (own if abs(f - 1) < EQUAL else float(f"{own * f:.3g}") for own, f in pairs)
    return y, x


def in_words(size: PixelSize) -> str:
    """Return a pixel size in words, such as "0.2 x 0.2 µm"."""
    return f"{size[0]:.4g} x {size[1]:.4g} µm"


def describe(factors: Factors) -> str:
    """Return factors in words, such as "4" or "4 x 2"."""
    y, x = (f"{f:.4g}" for f in factors)
    return y if y == x else f"{y} x {x}"


def shrunk(annotation: Annotation, factors: Factors) -> Annotation:
    """Make the annotation of the small images.

    A small pixel is annotated if all of its image pixels are, and then has their most frequent
    label. The cells of two classes without numbers are numbered first: otherwise, cells would merge
    where the membrane between them is thinner than a small pixel. Touching cells are separated
    later, so that at least one small pixel on each side stays background.
    """
    if factors == NONE:
        return annotation
    labels, values, annotated, _, doubts = annotation
    cells = cells_of(annotation)
    if cells is not None:
        cells = [shrink_labels(one, factors) for one in cells]
        labels = [(one > 0).astype(np.uint8) for one in cells]
    else:
        labels = [shrink_labels(one, factors) for one in labels]
    known = [shrink(~one[..., np.newaxis], factors)[..., 0] < 1e-6 for one in annotated]
    return Annotation(
        [np.where(at, one, 0).astype(np.uint8) for one, at in zip(labels, known, strict=True)],
        LabelValues(*values),
        known,
        None if cells is None else [np.where(at, c, 0) for c, at in zip(cells, known, strict=True)],
        doubts,
    )


def check_annotated(annotated: Sequence[Array], factors: Factors) -> None:
    """Raise an `InputError` if no pixel of some small images (h, w) is annotated."""
    if not any(one.any() for one in annotated):
        raise InputError(
            f"no area of {factors[0]:.4g} x {factors[1]:.4g} pixels is fully annotated, so nothing "
            "is annotated once the images are averaged down; pass a smaller --shrink"
        )
