"""SEG, the score of the Cell Tracking Challenge: how well the true cells are outlined.

    J(R, S) = |R and S| / |R or S|        for a true cell R and the segment S that matches it

S matches R if it covers more than half of R: |R and S| > |R| / 2. At most one segment does. SEG is
the mean of J over all cells of all annotated frames, with J = 0 for cells without a match. Segments
that match no cell are not penalized. SEG is an IoU of instances, not of the mask of all cells.

Source: the evaluation page at celltrackingchallenge.net.
"""

import numpy as np

from minunet.array import Array
from minunet.metrics import segments
from minunet.metrics.segments import Table


def jaccard(truth: Array, proposal: Array) -> Array:
    """Compute the Jaccard index J of every cell of one frame; SEG is the mean over all frames.

    Parameters
    ----------
    truth, proposal : (H, W)     integer; 0 = background, k = cell k

    Returns
    -------
    (n,) float64 : J of the n true cells, sorted by number; 0 where no segment matches

    Examples
    --------
    >>> jaccard(np.array([[1, 1, 1, 0, 4, 4]]), np.array([[0, 7, 7, 7, 7, 9]]))
    array([0.4, 0. ])
    """
    return of_table(segments.contingency(truth, proposal))


def of_table(table: Table) -> Array:
    """Compute J (n,) of every true cell, sorted by number, from the contingency table."""
    i, j, both = table
    cell, segment = segments.totals(i, both), segments.totals(j, both)  # sizes in pixels
    match = (i > 0) & (j > 0) & (2 * both > cell)
    cells = np.unique(i[i > 0])
    index = np.zeros(cells.size)
    index[np.searchsorted(cells, i[match])] = (both / (cell + segment - both))[match]
    return index
