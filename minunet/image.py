"""Operations on images: cutting into bands or tiles, mirroring at the edges, rotating, flipping."""

import math
from collections.abc import Iterator
from typing import Literal, NamedTuple

import numpy as np

from minunet.array import Array

SYMMETRIES = 8
"""Number of symmetries of the square; see `symmetry`."""

Average = Literal["none", "flips", "rotations", "symmetries"]
"""Groups of symmetries over which a prediction may be averaged."""

AVERAGED: dict[Average, tuple[int, ...]] = {
    "none": (0,),
    "flips": (0, 2, 4, 6),
    "rotations": (0, 1, 2, 3),
    "symmetries": tuple(range(SYMMETRIES)),
}
"""The symmetries of each group, numbered as in `symmetry`."""


class Sample(NamedTuple):
    """An image or a tile, with the labels and the weights that the energy needs."""

    x: Array  # (H, W, C) float32
    labels: Array  # (H, W) integer, 0 … K-1; a tile has labels only for its central pixels
    weight_map: Array  # (H, W) float32, shaped like `labels`; 0 where not annotated
    annotated: Array | None = None  # (H, W) bool, shaped like `labels`; None: every pixel is


def annotated_pixels(sample: Sample) -> int:
    """Return the number of annotated pixels."""
    return sample.labels.size if sample.annotated is None else int(sample.annotated.sum())


MOST = 2**20
"""Default maximum number of values in a band: 8 MB in float64."""


def bands(shape: tuple[int, ...], most: int | None = None) -> Iterator[slice]:
    """Cut an image (H, W, …) into bands of whole rows.

    Parameters
    ----------
    shape : tuple           (H, W, …)
    most : int or None      maximum number of values in a band of several rows; None: `MOST`

    Examples
    --------
    >>> list(bands((5, 2**19, 1)))
    [slice(0, 2, None), slice(2, 4, None), slice(4, 5, None)]
    """
    rows = max((most or MOST) // math.prod(shape[1:]), 1)
    for first in range(0, shape[0], rows):
        yield slice(first, min(first + rows, shape[0]))


def all_finite(image: Array) -> bool:
    """Return whether all values of an image (H, W, …) are finite; integer images are not read."""
    if image.dtype.kind in "bui":
        return True
    return all(np.isfinite(image[rows]).all() for rows in bands(image.shape))


def mirror(first: int, count: int, size: int) -> Array:
    """Return the image indices of pixels along an axis that is mirrored repeatedly at both ends.

    Parameters
    ----------
    first : int     position of the first pixel; may be negative or beyond the end
    count : int     number of pixels
    size : int      length of the axis, in pixels

    Examples
    --------
    >>> mirror(-2, 8, size=4)
    array([2, 1, 0, 1, 2, 3, 2, 1])
    """
    period = max(2 * (size - 1), 1)
    index = np.arange(first, first + count) % period
    return np.minimum(index, period - index)


def cut(image: Array, top: int, left: int, rows: int, columns: int) -> Array:
    """Cut a tile out of the mirrored image.

    Parameters
    ----------
    image : (H, W) or (H, W, C)
    top, left : int        position of the tile in the image; may be negative or beyond the end
    rows, columns : int    size of the tile

    Returns
    -------
    (rows, columns) or (rows, columns, C), a copy
    """
    down, across = mirror(top, rows, image.shape[0]), mirror(left, columns, image.shape[1])
    first, start = down.min(), across.min()
    # Select only what the tile shows: nothing else is read from a memory-mapped image.
    seen = image[first : down.max() + 1, start : across.max() + 1]
    return seen.take(down - first, axis=0).take(across - start, axis=1)


def symmetry(x: Array, which: int) -> Array:
    """Apply one of the eight symmetries of the square: quarter turns, with or without a flip.

    Parameters
    ----------
    x : (H, W) or (H, W, C)
    which : int               0 … 7; 0 is the identity, 4 … 7 include the flip

    Returns
    -------
    (H, W, …) or (W, H, …), a view
    """
    x = np.rot90(x, which % 4)
    return np.flip(x, axis=1) if which >= 4 else x
