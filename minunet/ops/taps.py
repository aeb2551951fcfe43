"""The loop over kernel taps, shared by `conv2d` and `upconv`.

A kernel of kh x kw taps is a set of kh·kw small linear layers. Each layer is applied to a shifted
window of the map, and its result is added to the sum, so only one window is in use at a time.
"""

from collections.abc import Iterator

import numpy as np

from minunet.array import Array


def taps(w: Array) -> Iterator[tuple[int, ...]]:
    """Iterate over the offsets (i, j) of the taps of a kernel (kh, kw, C, O), row by row."""
    return iter(np.ndindex(w.shape[0], w.shape[1]))


def over_pixels(x: Array, dy: Array) -> Array:
    """Sum the outer products x[r, c] ⊗ dy[r, c] over all pixels, as one matrix product.

    Parameters
    ----------
    x : (H, W, C)
    dy : (H, W, O)

    Returns
    -------
    (C, O)
    """
    return x.reshape(-1, x.shape[-1]).T @ dy.reshape(-1, dy.shape[-1])
