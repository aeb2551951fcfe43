"""The information scores of the ISBI challenge: mutual information of two segmentations.

Pick a random pixel of the true cells. Let A be its segment in the truth, and B its segment in the
proposal. With H(A) the entropy of A, and H(A|B) the entropy of A once B is known,

    precision = 1 - H(A|B) / H(A)      recall = 1 - H(B|A) / H(B)

The mutual information is I = H(A) - H(A|B) = H(B) - H(B|A), so the two scores are I / H(A) and
I / H(B), and their harmonic mean is F = 2 I / (H(A) + H(B)). H(A|B) and H(B|A) are the terms of the
variation of information: the first is 0 without mergers, the second without splits.

V_Info is the mean over slices of F, for the thinned proposal (`thinning`) and the unthinned truth
(Arganda-Carreras et al. 2015, Front. Neuroanat. 9:142).
"""

import numpy as np

from minunet.array import Array
from minunet.metrics import segments
from minunet.metrics.segments import Scores, Table


def v_info(table: Table) -> Scores:
    """Compute the information scores of one slice.

    True background is dropped. Each pixel of a true cell that is background in the proposal is a
    segment of its own.

    With a single true segment, H(A) = 0: mergers are impossible, and precision is 1; recall is 0 if
    the proposal splits the segment, else 1. Likewise, with a single proposed segment, recall is 1.
    Without true cells, every score is 1.
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
    """Return the mean over pixels of ln(whole / part) in nats, accurate even if part ≈ whole."""
    return float(pixels @ np.log1p((whole - part) / part)) / max(int(pixels.sum()), 1)


def _explained(conditional: float, entropy: float) -> float:
    """Return the fraction of an entropy that is explained; 1 if the entropy is 0."""
    return 1 - conditional / entropy if entropy else 1.0
