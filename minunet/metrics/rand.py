"""The Rand scores of the ISBI challenge: how many pairs of pixels are rightly put together.

Two pixels belong together if they lie in the same segment. Of the pairs that do in the truth and in
the proposal,

    precision = both / proposal      recall = both / truth      F = 2 both / (truth + proposal)

In both forms of it pixels of the true background are dropped, and pixels of true cells that the
proposal gives to the background are segments of one pixel each (`segments`).

- Until January 2015 the challenge's script counted pairs, Σ x(x-1)/2 over segments of x pixels, and
  summed them over all slices before it divided: `pairs`, then `scores` of the sum. The Rand error
  is 1 - F at the best threshold.
- Since then it counts squares, Σ x², slice by slice: `adapted`. A pixel now pairs with itself, too.
  V_Rand is the F of a thinned proposal (`thinning`) and the truth as it is, averaged over slices.

Which of the two the server ran for the paper's table of March 2015 is not known; they differ
little. All counts are integers and exact.
"""

import numpy as np

from minunet.array import Array
from minunet.metrics import segments
from minunet.metrics.segments import Scores, Table


def pairs(table: Table) -> Array:
    """Count the pairs of pixels in the same segment.

        TP = Σ_ij C(n_ij)     P = Σ_i C(a_i)     Q = Σ_j C(b_j)     C(x) = x (x-1) / 2

    n_ij pixels lie in true segment i and proposed segment j, a_i in i, b_j in j; i, j ≥ 1. True
    background is dropped. Background of the proposal counts in a_i, but is in no pair of TP and Q.

    Returns
    -------
    (3,) int64 : TP, P, Q; those of slices may be added
    """
    pixels, truth, proposal, both = segments.sizes(table)
    return np.array([pixels @ (size - 1) // 2 for size in (both, truth, proposal)])


def scores(counts: Array) -> Scores:
    """Precision, recall and F of counts of pairs.

    A fraction of no pairs at all is 1: nothing was there to be got wrong.

    Parameters
    ----------
    counts : (3,) integer     of pairs together in both, in the truth, in the proposal
    """
    both, truth, proposal = (int(count) for count in counts)
    return Scores(
        _fraction(both, proposal), _fraction(both, truth), _fraction(2 * both, truth + proposal)
    )


def _fraction(part: int, whole: int) -> float:
    return part / whole if whole else 1.0


def adapted(table: Table) -> Scores:
    """Scores of the adapted Rand error, which is 1 - F, of one slice.

        AB = Σ_ij n_ij² + S     A = Σ_i a_i²     B = Σ_j b_j² + S

    with n_ij, a_i and b_j as in `pairs`, and S pixels of true cells that are background in the
    proposal: each is a segment of its own. True background is dropped. Precision is AB / B, recall
    AB / A.
    """
    pixels, truth, proposal, both = segments.sizes(table)
    return scores(np.array([pixels @ size for size in (both, truth, proposal)]))
