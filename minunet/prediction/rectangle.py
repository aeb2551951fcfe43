"""The logits of any rectangle of an image: those of one pass over the whole image.

Tiles whose origins differ by multiples of 2^depth give the result of one pass (see `tiling`). So a
rectangle can be computed by itself: from a tile whose origin is the nearest such multiple above and
to the left of it. Shrunk, rotated and flipped images are computed only where the tile shows them.
Nothing else of the image is read.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from math import floor
from typing import Any, TypeAlias

import numpy as np

from minunet.array import Array
from minunet.errors import InputError
from minunet.image import AVERAGED, cut, symmetry
from minunet.network import Network, sizes
from minunet.prediction.tiling import Tiling, aligned_step
from minunet.resampling import NONE, averaging, interpolation, small_dtype, small_shape

Rectangle: TypeAlias = tuple[slice, slice]
"""Rows and columns of an image; both have a start and a stop."""

INTERPOLATED = 3
"""Network pixels that interpolation needs besides those that a rectangle covers."""


def logits(network: Network, image: Any, tiling: Tiling, at: Rectangle) -> Array:
    """Compute the logits of a rectangle of an image.

    Parameters
    ----------
    network : Network
    image : (H, W, C)       array, or an object with its `shape` and `dtype` that reads what is
                            indexed
    tiling : Tiling         its `shrink` and `average`; the step is always aligned
    at : (slice, slice)     rows and columns of the image; may reach beyond its end

    Returns
    -------
    (h, w, K) : those inside the image; up to rounding, that part of `averaging.logits`
    """
    if tiling.shrink == NONE:
        return _averaged(network, image, tiling, at)
    axes = zip(image.shape[:2], tiling.shrink, at, strict=True)
    (down, rows), (across, columns) = (interpolation(n, f).part(part) for n, f, part in axes)
    small = _averaged(network, Shrunk(image, tiling.shrink), tiling, (rows, columns))
    return across.apply(down.apply(small, 0), 1)


def _averaged(network: Network, image: Any, tiling: Tiling, at: Rectangle) -> Array:
    """Compute the logits of a rectangle of an image of network pixels, averaged over symmetries."""
    versions = AVERAGED[tiling.average]
    if len(versions) == 1:
        return _once(network, image, at)
    total: Any = 0
    for which in versions:
        turned, back = Turned(image, which), inverse(which)
        total = total + symmetry(_once(network, turned, source(turned.shape, back, at)), back)
    mean: Array = total / len(versions)
    return mean


def _once(network: Network, image: Any, at: Rectangle) -> Array:
    """Compute the logits of a rectangle with one tile."""
    depth, (rows, columns) = network.arch.depth, at
    margin, unit = sizes.margin(depth), 2**depth
    top, left = rows.start // unit * unit, columns.start // unit * unit
    down, across = (tile_size(part, depth) for part in at)
    tile = cut(image, top - margin, left - margin, down, across)
    bottom, right = min(rows.stop, image.shape[0]), min(columns.stop, image.shape[1])
    return network.logits(tile)[
        rows.start - top : bottom - top, columns.start - left : right - left
    ]


def tile_size(part: slice, depth: int) -> int:
    """Return the size of the tile for some rows or columns of an image."""
    first = part.start // 2**depth * 2**depth
    return sizes.nearest_valid(part.stop - first + 2 * sizes.margin(depth), depth)[1]


def sides(shape: Sequence[int], tiling: Tiling, depth: int) -> tuple[int, int]:
    """Return the height and width of rectangles that cover an image (H, W, …), a tile for each.

    Raises
    ------
    InputError
        If the tile is too small.
    """
    tiling.check(depth)
    step, unit = aligned_step(tiling.tile, depth), 2**depth
    if tiling.shrink == NONE and tiling.average == "none":
        height, width = (even(size, step, unit) for size in shape[:2])
        return height, width
    # A tile begins up to unit - 1 pixels before the rectangle, wherever that is.
    free = step - unit - (INTERPOLATED if tiling.shrink != NONE else 0)
    most = [floor(free * factor) for factor in tiling.shrink]
    if min(most) < 1:
        raise InputError(
            f"a tile of {tiling.tile} pixels is too small for --shrink or --average; pass --tile "
            f"{tiling.tile + 2 * unit} or more"
        )
    height, width = (even(size, one) for size, one in zip(shape[:2], most, strict=True))
    return height, width


def even(size: int, most: int, unit: int = 1) -> int:
    """Divide `size` into the fewest equal lengths up to `most`; return it, rounded up to `unit`s.

    Examples
    --------
    >>> even(100, 60), even(100, 200), even(100, 64, unit=16)
    (50, 100, 64)
    """
    count = -(-size // most)
    return -(-size // (count * unit)) * unit


@dataclass(frozen=True)
class Shrunk:
    """An image (H, W, C) that is shrunk where it is indexed, see `resampling.shrink`."""

    image: Any
    factors: tuple[float, float]

    @property
    def shape(self) -> tuple[int, int, int]:
        """Height, width and channels of the small image."""
        return (*small_shape(self.image.shape, self.factors), self.image.shape[2])

    def __getitem__(self, at: Rectangle) -> Array:
        """Shrink what some rows and columns of the small image show."""
        axes = zip(self.image.shape[:2], self.factors, at, strict=True)
        (down, rows), (across, columns) = (averaging(n, f).part(part) for n, f, part in axes)
        image = self.image[rows, columns]
        return down.apply(across.apply(image.astype(small_dtype(image)), 1), 0)


@dataclass(frozen=True)
class Turned:
    """A rotated or flipped image, see `image.symmetry`, of which only what is indexed is read."""

    image: Any
    which: int

    @property
    def shape(self) -> tuple[int, ...]:
        """Height, width and channels of the rotated or flipped image."""
        height, width, *channels = self.image.shape
        return (width, height, *channels) if self.which % 2 else (height, width, *channels)

    def __getitem__(self, at: Rectangle) -> Array:
        """Read and turn what some rows and columns show."""
        return symmetry(self.image[source(self.image.shape, self.which, at)], self.which)


def inverse(which: int) -> int:
    """Return the symmetry that undoes another one; one with a flip is its own inverse."""
    return which if which >= 4 else -which % 4


def source(shape: Sequence[int], which: int, at: Rectangle) -> Rectangle:
    """Return the rectangle of an image (H, W, …) that `at` shows of one of its symmetries."""
    height, width = shape[:2]
    y = symmetry(np.broadcast_to(np.arange(height)[:, np.newaxis], (height, width)), which)[at]
    x = symmetry(np.broadcast_to(np.arange(width), (height, width)), which)[at]
    rows, columns = (sorted((int(of[0, 0]), int(of[-1, -1]))) for of in (y, x))
    return slice(rows[0], rows[1] + 1), slice(columns[0], columns[1] + 1)
