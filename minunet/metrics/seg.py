"""SEG, the score of the Cell Tracking Challenge: how well the cells of the truth were outlined.

    J(R, S) = |R and S| / |R or S|        of a cell R of the truth and the segment S that matches it

S matches R if it has more than half of R, |R and S| > |R| / 2; at most one segment can. SEG is the
mean of J over all cells of all annotated frames, with 0 for a cell that nothing matches. Segments
that match no cell cost nothing. It is an IoU of instances, not of the mask of all cells.

Source: celltrackingchallenge.net, its page on evaluation.
"""

import numpy as np

from minunet.array import Array
from minunet.metrics import segments


def jaccard(truth: Array, proposal: Array) -> Array:
    """Jaccard index J of every cell of one frame; SEG is the mean of those of all frames.

    Parameters
    ----------
    truth, proposal : (H, W)     integer; 0 = background, k = cell k

    Returns
    -------
    (n,) float64 : of the n cells of the truth, by their number; 0 where no segment matches

    Examples
    --------
    >>> jaccard(np.array([[1, 1, 1, 0, 4, 4]]), np.array([[0, 7, 7, 7, 7, 9]]))
    array([0.4, 0. ])
    """
    i, j, both = segments.contingency(truth, proposal)
    cell, segment = np.bincount(i, both)[i], np.bincount(j, both)[j]  # their sizes in pixels
    match = (j > 0) & (2 * both > cell)
    index = np.zeros(i.max() + 1)
    index[i[match]] = (both / (cell + segment - both))[match]
    return index[np.unique(i[i > 0])]
