"""The warping error of the ISBI 2012 challenge: errors in the topology of a segmentation.

A wall that is slightly displaced, or thicker than the true one, separates the same cells. The
truth is therefore first warped towards the proposal: pixels where the two differ are flipped in the
truth as long as the flip does not change its topology (`topology.is_simple`). Pixels that still
differ afterwards are errors. Of these errors, the challenge counted only the pixels that split a
cell and those that merge cells. The value of a stack is

    (splits + mergers) / pixels        both summed over slices; minimum over the thresholds

The minimum over all warpings is not known; `warp` follows the greedy search of the challenge's
program.

Source: Jain et al., CVPR 2010; WarpingError of Fiji's Trainable_Segmentation.
"""

from enum import IntEnum
from typing import NamedTuple

import numpy as np
import scipy

from minunet.array import Array
from minunet.metrics import topology

RADIUS = 20
"""How far from a pixel to search for a path around it, in pixels, as in the challenge's script."""


class Kind(IntEnum):
    """Kinds of topological errors at pixels that still differ after warping."""

    NONE = 0
    SPLIT = 1  # membrane that separates a cell into parts
    MERGER = 2  # a gap in the membrane between cells
    OBJECT_ADDED = 3
    OBJECT_DELETED = 4
    HOLE_ADDED = 5
    HOLE_DELETED = 6


class Warping(NamedTuple):
    """Numbers of pixels that still differ after warping, by kind; add them to combine slices."""

    splits: int
    mergers: int
    objects_added: int
    objects_deleted: int
    holes_added: int
    holes_deleted: int

    @property
    def mismatches(self) -> int:
        """Number of pixels that still differ, of all kinds."""
        return sum(self)


def proposed_cells(probability: Array, threshold: float) -> Array:
    """Return the pixels with a probability above the threshold, compared in double precision.

    In float32, a probability of 0.1 would not be above the threshold 0.1; in Fiji it is.

    Parameters
    ----------
    probability : (H, W)     probability of cell
    threshold : float

    Returns
    -------
    (H, W) bool
    """
    return probability.astype(np.float64) > threshold


def warp(truth: Array, probability: Array, threshold: float) -> Array:
    """Warp the truth towards a proposal without changing its topology.

    Each round visits the pixels that still differ, starting with those whose probability is
    farthest from the threshold, and flips each pixel that is simple at that moment. The search ends
    after the first round without a flip. Pixels at equal distance from the threshold are visited
    column by column. Distances are rounded to single precision, as in Fiji, so many confident
    pixels are at equal distance.

    Parameters
    ----------
    truth : (H, W)            cell where above 0
    probability : (H, W)      probability of cell
    threshold : float         see `proposed_cells`

    Returns
    -------
    (H, W) bool : True = cell; pixels beyond the edge count as membrane
    """
    # Transpose to visit column by column. The margin of membrane completes the neighbourhoods.
    source = np.pad(truth.T > 0, 1)
    target = np.pad(proposed_cells(probability, threshold).T, 1)
    distance = np.pad(np.abs(probability.T.astype(np.float64) - threshold).astype(np.float32), 1)
    differ = np.flatnonzero(source != target)
    remaining = differ[np.argsort(-distance.ravel()[differ], kind="stable")].tolist()
    code = bytearray(topology.codes(source).tobytes())
    simple = topology.simple_codes()
    stride = source.shape[1]
    neighbours = [
        (row * stride + column, 1 << (7 - k)) for k, (row, column) in enumerate(topology.NEIGHBOURS)
    ]
    # Visit one pixel at a time: whether a pixel can be flipped depends on earlier flips.
    flipped = True
    while flipped:
        visited, remaining = remaining, []
        for pixel in visited:
            if simple[code[pixel]]:
                for step, bit in neighbours:  # for which the pixel is neighbour 7 - k
                    code[pixel + step] ^= bit
            else:
                remaining.append(pixel)
        flipped = len(remaining) < len(visited)
    target.flat[remaining] = ~target.flat[remaining]
    return target[1:-1, 1:-1].T


def _falls_apart(warped: Array, y: int, x: int) -> bool:
    """Return whether removing the pixel (y, x) splits its cell, as seen within `RADIUS`."""
    top, left = max(y - RADIUS, 0), max(x - RADIUS, 0)
    window = warped[top : y + RADIUS + 1, left : x + RADIUS + 1].copy()
    y, x = y - top, x - left
    window[y, x] = False
    parts, _ = scipy.ndimage.label(window)
    around = parts[max(y - 1, 0) : y + 2, max(x - 1, 0) : x + 2]
    return len(set(around.flat) - {0}) > 1


def classify(warped: Array, predicted: Array) -> Array:
    """Classify the error at every pixel where warped truth and proposal differ.

    The kind depends on the cells (4-connected) of the warped truth among the eight neighbours.
    Pixels beyond the edge count as membrane, as in `warp`. Fiji ignores such pixels; for the result
    of `warp`, this makes no difference if the image is more than one pixel high and wide.

    ==================  ===================  ===============================================
    neighbours          proposal: cell       proposal: membrane
    ==================  ===================  ===============================================
    membrane            object added         object deleted
    one cell            hole deleted         hole added
    one cell, membrane  hole added           split if the cell falls apart, else hole deleted
    several cells       merger               split
    ==================  ===================  ===============================================

    Parameters
    ----------
    warped, predicted : (H, W) bool     see `warp` and `proposed_cells`

    Returns
    -------
    (H, W) uint8 : values of `Kind`
    """
    cells, _ = scipy.ndimage.label(warped)
    y, x = np.nonzero(warped != predicted)
    ids = np.pad(cells, 1)
    around = np.sort([ids[1 + y + dy, 1 + x + dx] for dy, dx in topology.NEIGHBOURS], axis=0)
    membrane = around[0] == 0
    count = np.count_nonzero(np.diff(around, axis=0, prepend=0), axis=0)  # number of cells
    white = warped[y, x]
    kinds = np.select(
        [count == 0, (count == 1) & ~membrane, count == 1],
        [
            np.where(white, Kind.OBJECT_DELETED, Kind.OBJECT_ADDED),
            np.where(white, Kind.HOLE_ADDED, Kind.HOLE_DELETED),
            np.where(white, Kind.HOLE_DELETED, Kind.HOLE_ADDED),
        ],
        default=np.where(white, Kind.SPLIT, Kind.MERGER),
    )
    for n in np.flatnonzero((count == 1) & membrane & white):
        if _falls_apart(warped, y[n], x[n]):
            kinds[n] = Kind.SPLIT
    result = np.zeros(warped.shape, np.uint8)
    result[y, x] = kinds
    return result


def errors(truth: Array, probability: Array, threshold: float) -> Warping:
    """Count the topological errors of one slice; parameters as in `warp`.

    For a map of the errors, use `classify`, as in ``classify(warped, predicted) == Kind.SPLIT``.
    """
    warped = warp(truth, probability, threshold)
    kinds = classify(warped, proposed_cells(probability, threshold))
    return Warping(*np.bincount(kinds.ravel(), minlength=len(Kind))[1:].tolist())
