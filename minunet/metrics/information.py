"""The information scores of the ISBI challenge: what one segmentation tells about the other.

Draw a pixel of the true cells at random. Its segment in the truth is A, in the proposal B. From the
entropies of both, and of what the one leaves open when the other is known,

    precision = 1 - H(A|B) / H(A)      recall = 1 - H(B|A) / H(B)

The mutual information is I = H(A) - H(A|B) = H(B) - H(B|A), so these are I / H(A) and I / H(B), and
their harmonic mean is F = 2 I / (H(A) + H(B)). H(A|B) and H(B|A) are the two halves of the
variation of information: the one is 0 without mergers, the other without splits.

V_Info is the F of a thinned proposal (`thinning`) and the truth as it is, averaged over slices
(Arganda-Carreras et al. 2015, Front. Neuroanat. 9:142).
"""

import numpy as np

from minunet.array import Array
from minunet.metrics import segments
from minunet.metrics.segments import Scores, Table


def v_info(table: Table) -> Scores:
    """Information scores of one slice.

    Pixels of the true background are dropped, and pixels of true cells that the proposal gives to
    the background are segments of one pixel each.

    Where all of the true cells are one segment of the truth, H(A) = 0, no merger is possible and
    precision is 1; recall then is 1 if the proposal agrees, and 0 for any split. Likewise, with one
    segment in the proposal recall is 1. Without any true cell every score is 1.
    """
    pixels, truth, proposal, both = segments.sizes(table)
    a = _entropy(pixels, truth, pixels.sum())
    b = _entropy(pixels, proposal, pixels.sum())
    a_given_b = _entropy(pixels, both, proposal)
    b_given_a = _entropy(pixels, both, truth)
    return Scores(
        _explained(a_given_b, a), _explained(b_given_a, b), _explained(a_given_b + b_given_a, a + b)
    )


def _entropy(pixels: Array, part: Array, whole: Array) -> float:
    """Mean over pixels of ln(whole / part), exact where a part is almost the whole, in nats."""
    return float(pixels @ np.log1p((whole - part) / part)) / max(int(pixels.sum()), 1)


def _explained(left_open: float, of: float) -> float:
    """Share of an entropy that is explained; of no entropy, all."""
    return 1 - left_open / of if of else 1.0
