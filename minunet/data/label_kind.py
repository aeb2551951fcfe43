"""What the values of label maps mean: classes, numbered cells, or grey values of a soft mask.

A cell is a region of uniform value, so nearly every cell number has a block of 2×2 equal pixels. In
a mask that was smoothed, resized or saved as JPEG, and in a map of probabilities, nearly no value
between the lowest and the highest has one. If such a map was enlarged, or is very smooth, every
value has blocks; but then it occurs in many regions, or borders only on the next values.

| map                               | values with a block | regions per value | steps of one |
|-----------------------------------|---------------------|-------------------|--------------|
| cells, also touching or in pieces | 0.96 … 1            | 1 … 2.6           | 0 … 0.5      |
| soft masks                        | 0.01 … 0.11         |                   |              |
| probabilities, EM images          | 0 … 0.08            |                   |              |
| the same, enlarged                | 1                   | 2.6 … 1000        |              |
| ramps and very smooth maps        | 1                   | 1 … 1.3           | 1            |
"""

from collections.abc import Sequence
from typing import Literal, NamedTuple

import numpy as np
import scipy

from minunet.array import Array

Judgement = Literal["classes", "cells", "either", "soft", "grey"]
"""classes: few values. cells: numbered cells. either: few values, each of them a single region in
every map, so both are possible. soft: a mask of two values with soft edges, or probabilities close
to 0 and 1. grey: other probabilities, or an image."""

MOST_CLASSES = 16
"""Maximum number of classes; if there are more label values, they number cells or are grey."""

LOOKED_AT = 8
"""Number of maps that are examined, spread evenly over all maps."""


class Statistics(NamedTuple):
    """What distinguishes the kinds of maps; see the table of this module."""

    blocks: float  # fraction of the values above 0 that have a block of 2×2 equal pixels
    regions: float  # 8-connected regions per value above 0; not computed if blocks are rare
    steps: float  # fraction of the boundaries between pixels that lie between successive values
    top: float  # fraction of the pixels above 0 in the upper tenth of the range of values


def judge(maps: Sequence[Array]) -> Judgement:
    """Judge what the values of label maps mean.

    Parameters
    ----------
    maps : sequence of (H, W)     any real dtype
    """
    values = distinct(maps)
    if len(values) <= 2:
        return "classes"
    found = statistics(maps, values)
    few, whole = len(values) <= MOST_CLASSES, bool((values == np.round(values)).all())
    soft = found.top > 0.5
    if few and whole:
        if found.blocks < 0.5 and soft and values[-1] >= len(values):
            return "soft"  # such as 0, 64, 128, 191 and 255
        return "either" if found.blocks >= 0.5 and found.regions < 1.15 else "classes"
    pieces = 1.3 if soft else 4.0  # the largest number may be that of one large cell
    if whole and found.blocks >= 0.5 and found.regions < pieces and found.steps < 0.8:
        return "cells"
    return "soft" if soft else "grey"


def distinct(maps: Sequence[Array]) -> Array:
    """Return the distinct values of maps, sorted."""
    return np.unique(np.concatenate([np.unique(one) for one in maps]))


def statistics(maps: Sequence[Array], values: Array) -> Statistics:
    """Compute the statistics of maps with these distinct values."""
    count = blocks = steps = boundaries = foreground = top = 0
    regions = 0
    positive = values[values > 0]
    high = positive[0] + (positive[-1] - positive[0]) * 0.9
    step = -(-len(maps) // LOOKED_AT)
    for one in maps[::step]:
        ranks = np.searchsorted(values, one)
        inside = one > 0
        count += np.unique(ranks[inside]).size
        blocks += np.unique(ranks[:-1, :-1][_blocks(ranks) & inside[:-1, :-1]]).size
        for difference in (np.diff(ranks, axis=0), np.diff(ranks, axis=1)):
            boundaries += int(np.count_nonzero(difference))
            steps += int(np.count_nonzero(np.abs(difference) == 1))
        foreground += int(np.count_nonzero(inside))
        top += int(np.count_nonzero(one >= high))
    if 2 * blocks >= count:
        regions = sum(_regions(np.searchsorted(positive, one, "right")) for one in maps[::step])
    return Statistics(
        blocks / max(count, 1),
        regions / max(count, 1),
        steps / max(boundaries, 1),
        top / max(foreground, 1),
    )


def _blocks(ranks: Array) -> Array:
    """Mark the upper left pixels of blocks of 2×2 equal pixels, (H-1, W-1) bool."""
    first = ranks[:-1, :-1]
    return (first == ranks[1:, :-1]) & (first == ranks[:-1, 1:]) & (first == ranks[1:, 1:])


def _regions(numbered: Array) -> int:
    """Count the 8-connected regions of equal values above 0."""
    boxes = scipy.ndimage.find_objects(numbered)
    return sum(
        scipy.ndimage.label(numbered[box] == number, np.ones((3, 3)))[1]
        for number, box in enumerate(boxes, 1)
        if box
    )
