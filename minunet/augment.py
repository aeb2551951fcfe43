"""Augmentation (paper, section 3.1/3.3): so far, the eight symmetries of the square.

An EM section has no up and no left: a flipped or quarter-turned tile is as good as the original.
"""

import numpy as np

from minunet.array import Array

SYMMETRIES = 8


def symmetry(x: Array, which: int) -> Array:
    """One of the eight symmetries of the square: a number of quarter turns, then perhaps a flip.

    Parameters
    ----------
    x : (H, W) or (H, W, C)
    which : int               0 … 7; 0 is the identity, 4 … 7 are flipped

    Returns
    -------
    (H, W, …) or (W, H, …), a view
    """
    x = np.rot90(x, which % 4)
    return np.flip(x, axis=1) if which >= 4 else x
