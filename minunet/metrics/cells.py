"""Scores for numbered cells: compare proposed cells with true ones.

Slices are scored one by one. A segment of the proposal matches a true cell if it covers more than
half of the cell (`seg`); a segment may match several cells. All pixels with the same number form
one segment, whether connected or not.
"""

from collections.abc import Sequence
from functools import partial
from typing import NamedTuple

import numpy as np

from minunet.array import Array
from minunet.metrics import pixel, seg, segments
from minunet.metrics.score import Score
from minunet.metrics.segments import Table

COUNTED = {
    "cells_truth": ("cells in the truth", None, "Distinct numbers above 0, summed over slices."),
    "cells_found": ("segments proposed", None, "Distinct numbers above 0, summed over slices."),
    "cells_missed": ("cells missed", False, "Cells that no segment matches, as in SEG."),
    "cells_merged": (
        "cells merged",
        False,
        "Cells whose matching segment also matches other cells.",
    ),
    "cells_extra": ("extra segments", False, "Segments that match no cell, as in SEG."),
}
"""For each key: the name of the count, whether higher is better, and the convention."""


class Counts(NamedTuple):
    """The counts of one slice, in the order of `COUNTED`."""

    truth: int
    found: int
    missed: int
    merged: int
    extra: int


def partners(truth: Array, proposal: Array) -> Array:
    """Find the segment that matches each cell of one slice.

    Parameters
    ----------
    truth, proposal : (H, W)     integer; 0 = background, k = cell k

    Returns
    -------
    (n,) : for each of the n cells, sorted by number: the number of its segment, or 0

    Examples
    --------
    >>> partners(np.array([[1, 1, 1, 0, 4, 4]]), np.array([[0, 7, 7, 7, 7, 9]]))
    array([7, 0])
    """
    return _partners(segments.contingency(truth, proposal))


def _partners(table: Table) -> Array:
    i, j, both = table
    match = (i > 0) & (2 * both > segments.totals(i, both))  # may be 0, the background
    cells = np.unique(i[i > 0])
    found = np.zeros(cells.size, j.dtype)
    found[np.searchsorted(cells, i[match])] = j[match]
    return found


def count(truth: Array, proposal: Array) -> Counts:
    """Count the cells and segments of one slice, matched and unmatched; see `partners`."""
    return count_table(segments.contingency(truth, proposal))


def count_table(table: Table) -> Counts:
    """Count the cells and segments of a contingency table; see `count`."""
    partner = _partners(table)
    found = int(np.count_nonzero(np.unique(table.proposal)))
    matching, cells = np.unique(partner[partner > 0], return_counts=True)
    return Counts(
        partner.size,
        found,
        int(np.count_nonzero(partner == 0)),
        int(cells[cells > 1].sum()),
        found - matching.size,
    )


def scores(
    truth: Sequence[Array],
    proposals: Sequence[Array],
    *,
    annotated: Sequence[Array] | None = None,
) -> list[Score]:
    """Compute all scores of a stack, and count its cells.

    Parameters
    ----------
    truth, proposals : sequence of (H, W)     integer; 0 = background, k = cell k
    annotated : sequence of (H, W) bool, or None     pixels that count; None: all. A cell or a
        segment counts with its annotated pixels only, and not at all if it has none.

    Returns
    -------
    list of Score : the SEG of a slice without cells is nan, and so is every score of a slice
        without annotated pixels
    """
    truth, proposals = (segments.annotated_only(maps, annotated) for maps in (truth, proposals))
    slices = list(zip(truth, proposals, strict=True))
    columns = zip(*(count(cells, found) for cells, found in slices), strict=True)
    return [
        _seg(slices),
        *_of_pixels(slices, annotated),
        *(
            Score(key, name, sum(column), column, convention, higher)
            for (key, (name, higher, convention)), column in zip(
                COUNTED.items(), columns, strict=True
            )
        ),
    ]


def _seg(slices: Sequence[tuple[Array, Array]]) -> Score:
    indices = [seg.jaccard(cells, found) for cells, found in slices]
    convention = (
        "|both| / |either|, averaged over the true cells of all slices: the number of pixels in "
        "both the cell and its matching segment, divided by the number in either. A segment of the "
        "proposal matches a cell if it covers more than half of the cell; a cell without a match "
        "counts as 0."
    )
    each = tuple(_mean(index) for index in indices)
    return Score("seg", "SEG", _mean(np.concatenate(indices)), each, convention)


def _mean(indices: Array) -> float:
    return float(indices.mean()) if indices.size else float("nan")


def _of_pixels(
    slices: Sequence[tuple[Array, Array]], annotated: Sequence[Array] | None
) -> list[Score]:
    """Compute the IoU and Dice of the class cell, regardless of cell numbers."""
    truth, proposals = ([map_ > 0 for map_ in maps] for maps in zip(*slices, strict=True))
    confusions = pixel.confusions(truth, proposals, 2, annotated)
    counted = (
        "of the class cell, regardless of cell numbers, over the pixels of all slices together."
    )
    return [
        Score(key, name, *pixel.whole_and_each(partial(ratio, k=1), confusions), convention)
        for key, name, ratio, convention in (
            ("iou", "IoU of cell", pixel.iou, f"TP / (TP + FP + FN) {counted}"),
            ("dice", "Dice of cell", pixel.dice, f"2 TP / (2 TP + FP + FN) {counted}"),
        )
    ]
