"""What the values of label maps mean: classes, numbered cells, or grey values.

A file does not say which of them it contains, but its regions do. A cell number fills one region,
and is unrelated to the numbers next to it. A class has several regions. A grey value (of a mask
with soft edges, a probability or an image) occurs in lines and specks, between lower and higher
values. The table gives the 2nd and the 98th percentile of `Regions` over 540 real and drawn maps:

| maps                              | solid       | single      | pieces     | steps       |
|-----------------------------------|-------------|-------------|------------|-------------|
| cells, also touching or in pieces | 0.97 … 1    | 0.48 … 1    | 1 … 2      | 0 … 0.38    |
| few cells                         | 1           | 0.92 … 1    | 1          | 0.06 … 0.56 |
| classes                           | 0.36 … 1    | 0 … 0.56    | 2 … 3200   | 0.09 … 0.89 |
| masks with soft edges             | 0 … 0.25    | 0 … 0.25    | 4 … 6200   | 0.05 … 0.67 |
| probabilities, distances, images  | 0 … 0.24    | 0 … 0.36    | 2 … 3000   | 0 … 0.60    |
| the same, very smooth             | 0.03 … 1    | 0.01 … 0.95 | 1 … 180    | 0.81 … 1    |
"""

from collections.abc import Sequence
from typing import Literal, NamedTuple

import numpy as np
import scipy

from minunet.array import Array
from minunet.metrics import segments

MOST_CLASSES = 16
"""Maximum number of classes."""

MOST_SLICES = 32
"""Maximum number of slices whose regions are examined; the values of all slices are counted."""

SOLID, STEPS, PIECES, SINGLE = 0.6, 0.75, 4, 0.7
"""Limits of `Regions` that separate the rows of the table above."""

MOST = 0.8
"""Fraction of the pixels of a value; if one piece has as many, the value counts as one piece."""

FEWEST_GREY = 5
"""Minimum number of values of a mask with soft edges, such as 0, 64, 128, 191, 255. Fewer may be
classes of which one is thin, such as 0 = background, 1 = outline, 2 = cell."""

FEWEST_ROWS = 32
"""Fewest rows and columns to keep when nearest-neighbour enlargement is undone."""

Judgement = Literal["classes", "cells", "either", "soft", "grey"]
"""See `judge`."""


class Regions(NamedTuple):
    """Statistics over all pairs (slice, value > 0)."""

    solid: (
        float  # fraction of the values that fill 3 x 3 pixels, or are a single piece in background
    )
    single: float  # fraction of the values with most of their pixels in one piece, see `MOST`
    pieces: float  # median of the number of 4-connected pieces of a value
    steps: float  # fraction of the boundaries between a value and the next higher one


def judge(maps: Sequence[Array]) -> Judgement:
    """Judge what the values of label maps mean.

    Parameters
    ----------
    maps : sequence of (H, W)     any numbers

    Returns
    -------
    "classes"    few values, or values with many regions each
    "cells"      cell numbers; a number may occur in several pieces
    "either"     few values, each of which is a single region in almost every slice
    "soft"       two values with soft edges: anti-aliased, resized or compressed as JPEG
    "grey"       probabilities, distances or an image
    """
    values = distinct(maps)
    if len(values) <= 2:
        return "classes"
    if values.dtype.kind == "f" and (values != np.round(values)).any():
        return _soft_or_grey(maps, values)
    with_labels = [map_ for map_ in maps if (map_ > 0).any()] or maps
    found = examine(with_labels[:: -(-len(with_labels) // MOST_SLICES)], values)
    if len(values) <= MOST_CLASSES:
        return _judge_few(maps, values, found)
    if (values < 0).sum() > 1 or found.solid < SOLID or found.steps > STEPS:
        return _soft_or_grey(maps, values)
    return "cells" if found.pieces <= PIECES else "classes"


def distinct(maps: Sequence[Array]) -> Array:
    """Return the distinct values of maps, sorted."""
    return np.unique(np.concatenate([np.unique(map_) for map_ in maps]))


def _judge_few(maps: Sequence[Array], values: Array, found: Regions) -> Judgement:
    """Judge maps of 3 … `MOST_CLASSES` whole values."""
    contiguous = np.array_equal(values, np.arange(len(values)))  # or layers of a tissue
    grey = found.solid < SOLID or (found.steps > STEPS and not contiguous)
    if grey and len(values) >= FEWEST_GREY:
        kind = _soft_or_grey(maps, values)
        if kind == "soft" or not contiguous:
            return kind
    single = found.solid >= SOLID and found.single >= SINGLE
    return "either" if single and (values > 0).sum() > 1 else "classes"


def _soft_or_grey(maps: Sequence[Array], values: Array) -> Literal["soft", "grey"]:
    """Return "soft" if most pixels lie near the two ends of the range of values."""
    low, high = (float(values[k]) for k in (0, -1))
    ends = [low + t * (high - low) for t in (0.1, 0.9)]
    pixels = sum(map_.size for map_ in maps)
    below, above = (
        sum(int(np.count_nonzero(compare(map_, end))) for map_ in maps) / pixels
        for compare, end in zip((np.less, np.greater), ends, strict=True)
    )
    between = 1 - below - above
    return "soft" if between < 0.4 and between < 4 * above else "grey"


def examine(maps: Sequence[Array], values: Array) -> Regions:
    """Compute the statistics of the regions of equal values.

    Parameters
    ----------
    maps : sequence of (H, W)     whole numbers
    values : (N,)                 all values in these maps, sorted
    """
    solid, single, pieces = (list[Array]() for _ in range(3))
    steps = boundaries = 0
    for map_ in maps:
        ranks = _undo_enlargement(_ranks(map_, values))
        count, main = _count_pieces(ranks)
        filled, touching = _filled(ranks), np.zeros(len(count), bool)
        for one, other in _neighbours(ranks):
            steps += int(np.count_nonzero(abs(one - other) == 1))
            boundaries += len(one)
            both = (one > 0) & (other > 0)
            touching[one[both]] = touching[other[both]] = True
        here = count > 0
        solid.append((filled | ((count == 1) & ~touching))[here])
        single.append(main[here])
        pieces.append(count[here])
    if not sum(map(len, pieces)):
        return Regions(0.0, 0.0, 0.0, 0.0)
    return Regions(
        float(np.concatenate(solid).mean()),
        float(np.concatenate(single).mean()),
        float(np.median(np.concatenate(pieces))),
        steps / max(boundaries, 1),
    )


def _ranks(map_: Array, values: Array) -> Array:
    """Replace values by their ranks (H, W) int32: 0 for values ≤ 0, and 1, 2, … for the others."""
    here, index = np.unique(map_, return_inverse=True)
    ranks = np.searchsorted(values[values > 0], here, side="right").astype(np.int32)
    return ranks[index.reshape(map_.shape)]


def _undo_enlargement(ranks: Array) -> Array:
    """Drop rows and columns that repeat the one before, unless almost nothing would remain.

    Enlarging a mask with soft edges, pixel by pixel, makes its grey values solid.
    """
    rows = np.r_[True, (ranks[1:] != ranks[:-1]).any(axis=1)]
    columns = np.r_[True, (ranks[:, 1:] != ranks[:, :-1]).any(axis=0)]
    if min(rows.sum(), columns.sum()) < FEWEST_ROWS:
        return ranks
    return np.ascontiguousarray(ranks[rows][:, columns])


def _filled(ranks: Array) -> Array:
    """Return which ranks fill 3 x 3 pixels somewhere, or less at the edge: (N+1,) bool."""
    low = scipy.ndimage.minimum_filter(ranks, 3, mode="nearest")
    high = scipy.ndimage.maximum_filter(ranks, 3, mode="nearest")
    return np.bincount(ranks[low == high], minlength=int(ranks.max()) + 1) > 0


def _count_pieces(ranks: Array) -> tuple[Array, Array]:
    """Count the 4-connected pieces of every rank > 0.

    Returns
    -------
    count : (N+1,) int     number of pieces; 0 for rank 0
    main : (N+1,) bool     whether one piece has the fraction `MOST` of the pixels
    """
    pieces = segments.pieces(ranks)
    rank = np.zeros(int(pieces.max()) + 1, np.intp)
    rank[pieces.ravel()] = ranks.ravel()
    pixels, size = np.bincount(ranks.ravel()), np.bincount(pieces.ravel())
    main = np.zeros(len(pixels), bool)
    main[rank[1:][size[1:] >= MOST * pixels[rank[1:]]]] = True
    return np.bincount(rank[1:], minlength=len(pixels)), main


def _neighbours(ranks: Array) -> list[tuple[Array, Array]]:
    """List the pairs of neighbouring pixels with different ranks: below and beside each other."""
    pairs = ((ranks[1:], ranks[:-1]), (ranks[:, 1:], ranks[:, :-1]))
    return [(one[one != other], other[one != other]) for one, other in pairs]
