"""Connected components, and the contingency table of two segmentations.

The region scores of the ISBI challenge are computed from this table. They all share two conventions
(Arganda-Carreras et al. 2015, Front. Neuroanat. 9:142):

- pixels of true background (number 0) do not count, whether or not they are cell in the proposal;
- each pixel of a true cell that is background in the proposal is a segment of its own.
"""

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
import scipy

from minunet.array import Array


def components(cells: Array) -> Array:
    """Label the cells, which are the 4-connected regions.

    Parameters
    ----------
    cells : (H, W)     bool, or any array that is 0 on membrane only

    Returns
    -------
    (H, W) int32 : 0 on membrane; 1, 2, … in raster order of the first pixel of each region
    """
    return scipy.ndimage.label(cells)[0]


def pieces(numbered: Array) -> Array:
    """Label the 4-connected pieces of every cell.

    Parameters
    ----------
    numbered : (H, W)     integer; 0 = background, k = cell k

    Returns
    -------
    (H, W) int32 : 0 = background, k = piece k

    Examples
    --------
    >>> pieces(np.array([[7, 7, 0, 7, 3]]))
    array([[1, 1, 0, 2, 3]], dtype=int32)
    """
    height, width = numbered.shape
    # Between two pixels there is room for one more, which connects them if they are one cell.
    joined = np.zeros((2 * height - 1, 2 * width - 1), bool)
    cell = joined[::2, ::2] = numbered > 0
    joined[1::2, ::2] = cell[1:] & (numbered[1:] == numbered[:-1])
    joined[::2, 1::2] = cell[:, 1:] & (numbered[:, 1:] == numbered[:, :-1])
    return components(joined)[::2, ::2]


def annotated_only(maps: Sequence[Array], annotated: Sequence[Array] | None) -> list[Array]:
    """Make pixels that are not annotated background; without a mask, return the maps unchanged.

    Parameters
    ----------
    maps : sequence of (H, W)              0 = background
    annotated : sequence of (H, W) bool    True where the truth is known; None: everywhere
    """
    if annotated is None:
        return list(maps)
    return [np.where(known, map_, 0) for map_, known in zip(maps, annotated, strict=True)]


class Table(NamedTuple):
    """Contingency table of two segmentations, as a list of its non-zero entries, row by row.

    Background is included, as row 0 and column 0.
    """

    truth: Array  # (N,) int64  row: number i of a true segment
    proposal: Array  # (N,) int64  column: number j of a proposed segment
    pixels: Array  # (N,) int64  n_ij, number of pixels in both


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
    if max(truth.max(), proposal.max()) >= 2**31:  # the product below would not fit into int64
        (i, truth), (j, proposal) = (_renumbered(one) for one in (truth, proposal))
        table = contingency(truth, proposal)
        return Table(i[table.truth], j[table.proposal], table.pixels)
    columns = int(proposal.max()) + 1
    pairs = truth.astype(np.int64) * columns + proposal.astype(np.int64)
    pairs, pixels = np.unique(pairs, return_counts=True)
    return Table(pairs // columns, pairs % columns, pixels.astype(np.int64, copy=False))


def together(tables: Sequence[Table]) -> Table:
    """Add up the contingency tables of parts of an image, or of a volume.

    Examples
    --------
    >>> part = Table(np.array([1, 2]), np.array([3, 0]), np.array([5, 1]))
    >>> [(int(i), int(j), int(n)) for i, j, n in zip(*together([part, part]))]
    [(1, 3, 10), (2, 0, 2)]
    """
    truth, proposal, pixels = (np.concatenate(column) for column in zip(*tables, strict=True))
    order = np.lexsort((proposal, truth))
    truth, proposal, pixels = truth[order], proposal[order], pixels[order]
    new = (np.diff(truth, prepend=-1) != 0) | (np.diff(proposal, prepend=-1) != 0)
    if not new.any():
        return Table(truth, proposal, pixels)
    return Table(truth[new], proposal[new], np.add.reduceat(pixels, np.flatnonzero(new)))


def _renumbered(numbered: Array) -> tuple[Array, Array]:
    """Return the numbers that occur, sorted, and the index (H, W) of every pixel into them."""
    numbers, index = np.unique(numbered, return_inverse=True)
    return numbers, index.reshape(numbered.shape)


class Sizes(NamedTuple):
    """Groups of pixels of true cells, and the sizes of the segments they lie in, in pixels."""

    pixels: Array  # (N,) int64  number of pixels in the group
    truth: Array  # (N,) int64  a, size of the true segment they lie in
    proposal: Array  # (N,) int64  b, size of the proposed segment, inside true cells only
    both: Array  # (N,) int64  n, size of the overlap of these segments


def sizes(table: Table) -> Sizes:
    """Compute the segment sizes for all pixels of true cells.

    True background is dropped, and b counts only the remaining pixels of a proposed segment. Where
    the proposal is background, b = n = 1: each pixel there is a segment of its own.
    """
    i, j, n = (column[table.truth > 0] for column in table)
    return Sizes(n, totals(i, n), np.where(j > 0, totals(j, n), 1), np.where(j > 0, n, 1))


def totals(numbers: Array, pixels: Array) -> Array:
    """Return, for each entry, the total number of pixels of all entries with the same number."""
    _, which = np.unique(numbers, return_inverse=True)
    return np.bincount(which, pixels)[which].astype(np.int64)  # exact below 2^53


class Scores(NamedTuple):
    """How well a proposal agrees with the truth; 1 is perfect."""

    precision: float  # lowered only by mergers
    recall: float  # lowered only by splits
    f: float  # harmonic mean of precision and recall
