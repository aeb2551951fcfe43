"""Two segmentations laid over each other: what the scores of regions are computed from.

The scores of the ISBI challenge ask of pixels whether they lie in the same segment. Two conventions
hold for all of them (Arganda-Carreras et al. 2015, Front. Neuroanat. 9:142):

- a pixel of the true background, number 0, does not count, whatever the proposal says there;
- a pixel of a true cell that the proposal gives to the background is a segment of its own, of one
  pixel.
"""

from typing import NamedTuple

import numpy as np
import scipy

from minunet.array import Array


def components(cells: Array) -> Array:
    """Give every 4-connected region of cell its own number.

    Parameters
    ----------
    cells : (H, W)     bool, or anything that is 0 on membrane only

    Returns
    -------
    (H, W) int32 : 0 on membrane; 1, 2, … in raster order of the first pixel of each region
    """
    return scipy.ndimage.label(cells)[0]


class Table(NamedTuple):
    """Contingency table of two segmentations: its entries above 0, row by row.

    Background, row 0 and column 0, is in it.
    """

    truth: Array  # (N,) int64  row: the number i of a true segment
    proposal: Array  # (N,) int64  column: the number j of a proposed one
    pixels: Array  # (N,) int64  n_ij, how many pixels have both


def contingency(truth: Array, proposal: Array) -> Table:
    """Count the pixels of every pair of segments that overlap.

    Parameters
    ----------
    truth, proposal : (H, W)     integer, 0 = background

    Examples
    --------
    >>> table = contingency(np.array([[1, 1, 0, 2]]), np.array([[3, 3, 3, 0]]))
    >>> [(int(i), int(j), int(n)) for i, j, n in zip(*table)]
    [(0, 3, 1), (1, 3, 2), (2, 0, 1)]
    """
    columns = int(proposal.max()) + 1
    pairs, pixels = np.unique(truth.astype(np.int64) * columns + proposal, return_counts=True)
    return Table(pairs // columns, pairs % columns, pixels)


class Sizes(NamedTuple):
    """Pixels of true cells, in groups, and the sizes in pixels of the segments they lie in."""

    pixels: Array  # (N,) int64  how many pixels are in the group
    truth: Array  # (N,) int64  a, size of the true segment of each of them
    proposal: Array  # (N,) int64  b, size of the proposed one, counted inside true cells only
    both: Array  # (N,) int64  n, size of what the two have in common


def sizes(table: Table) -> Sizes:
    """Look up for all pixels of true cells how large their segments are.

    The true background is dropped, and b is what then is left of a proposed segment. On the
    background of the proposal b = n = 1: each pixel there is a segment of its own.
    """
    i, j, n = (column[table.truth > 0] for column in table)
    return Sizes(n, _totals(i, n), np.where(j > 0, _totals(j, n), 1), np.where(j > 0, n, 1))


def _totals(numbers: Array, pixels: Array) -> Array:
    """Sum up the pixels of all entries that share a number, and give each entry its sum."""
    _, which = np.unique(numbers, return_inverse=True)
    return np.bincount(which, pixels)[which].astype(np.int64)  # floats below 2^53 are exact


class Scores(NamedTuple):
    """How well a proposal agrees with the truth; 1 is perfect."""

    precision: float  # lowered by mergers alone
    recall: float  # lowered by splits alone
    f: float
