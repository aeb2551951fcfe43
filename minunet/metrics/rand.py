"""The Rand scores of the ISBI challenge: how many pairs of pixels share a segment.

Count the pairs of pixels that share a segment in the truth, in the proposal, and in both. Then

    precision = both / proposal      recall = both / truth      F = 2 both / (truth + proposal)

There are two forms. In both, true background is dropped, and each pixel of a true cell that is
background in the proposal is a segment of its own (`segments`).

- Until January 2015, the challenge's script counted pairs, Σ x(x-1)/2 over segments of x pixels,
  and summed them over all slices before dividing: `pairs`, then `scores` of the sum. The Rand error
  is 1 - F at the best threshold.
- Since then, it has counted squares, Σ x², slice by slice: `adapted`. Each pixel now also forms a
  pair with itself. V_Rand is the mean over slices of F, for the thinned proposal (`thinning`) and
  the unthinned truth.

It is not known which of the two forms the server used for the paper's table of March 2015; they
differ only slightly. All counts are exact integers.
"""

import numpy as np

from minunet.array import Array
from minunet.metrics import segments
from minunet.metrics.segments import Scores, Table


def pairs(table: Table) -> Array:
    """Count the pairs of pixels in the same segment.

        TP = Σ_ij C(n_ij)     P = Σ_i C(a_i)     Q = Σ_j C(b_j)     C(x) = x (x-1) / 2

    n_ij pixels lie in true segment i and proposed segment j, a_i pixels in i, and b_j pixels in j;
    i, j ≥ 1. True background is dropped. Pixels of proposed background count in a_i, but belong to
    no pair in TP or Q.

    Returns
    -------
    (3,) int64 : TP, P, Q; add them to combine slices
    """
    pixels, truth, proposal, both = segments.sizes(table)
    return np.array([pixels @ (size - 1) // 2 for size in (both, truth, proposal)])


def scores(counts: Array) -> Scores:
    """Compute precision, recall and F from counts of pairs.

    A fraction with denominator 0 is 1, since no pair is wrong.

    Parameters
    ----------
    counts : (3,) integer     pairs that share a segment in both, in the truth, and in the proposal
    """
    both, truth, proposal = (int(count) for count in counts)
    return Scores(
        _fraction(both, proposal), _fraction(both, truth), _fraction(2 * both, truth + proposal)
    )


def _fraction(part: int, whole: int) -> float:
    return part / whole if whole else 1.0


def adapted(table: Table) -> Scores:
    """Compute the adapted Rand scores of one slice; the adapted Rand error is 1 - F.

        AB = Σ_ij n_ij² + S     A = Σ_i a_i²     B = Σ_j b_j² + S

    with n_ij, a_i and b_j as in `pairs`. S is the number of pixels of true cells that are
    background in the proposal; each is a segment of its own. True background is dropped. Precision
    is AB / B, and recall is AB / A.
    """
    pixels, truth, proposal, both = segments.sizes(table)
    return scores(np.array([pixels @ size for size in (both, truth, proposal)]))
