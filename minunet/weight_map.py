"""The weight map w(x) (paper, section 3, equation (2)): so far, its first term.

    w(x) = w_c(x)

w_c balances the class frequencies: every class weighs the same in the energy, however few its
pixels. The paper does not print the formula; ours is

    w_c = |Ω| / (K · n_k)            n_k of the |Ω| annotated pixels are of class k

over the K classes that occur. Its mean over all annotated pixels is 1, so that a learning rate
means the same with and without.
"""

from collections.abc import Sequence

import numpy as np

from minunet.array import Array


def class_weights(labels: Sequence[Array], classes: int) -> Array:
    """Weight of every class that balances their frequencies over a whole training set.

    Frequencies are counted over the set and not image by image: an image with three pixels of
    membrane would otherwise give each of them the weight of thousands.

    Parameters
    ----------
    labels : sequence of (H, W)      integer, 0 … K-1
    classes : int                    K

    Returns
    -------
    (K,) float32 : w_c of each class; 0 for a class that no pixel has
    """
    n = np.sum([np.bincount(np.ravel(image), minlength=classes) for image in labels], axis=0)
    present = np.count_nonzero(n)
    return np.where(n > 0, n.sum() / (present * np.maximum(n, 1)), 0).astype(np.float32)
