"""The idiom every spatial op shares: a loop over kernel taps.

A kernel of kh x kw taps is kh·kw small linear layers, each applied to a shifted window of the map
and summed. So no more than one shifted copy of a map is ever made at a time.
"""

from collections.abc import Iterator

import numpy as np

from minunet.array import Array


def taps(w: Array) -> Iterator[tuple[int, ...]]:
    """Offsets (i, j) of the taps of a kernel `w` (kh, kw, C, O), row by row."""
    return iter(np.ndindex(w.shape[0], w.shape[1]))


def over_pixels(x: Array, dy: Array) -> Array:
    """Sum over pixels of the outer products x[r, c] ⊗ dy[r, c], as one matrix product.

    Parameters
    ----------
    x : (H, W, C)
    dy : (H, W, O)

    Returns
    -------
    (C, O)
    """
    return x.reshape(-1, x.shape[-1]).T @ dy.reshape(-1, dy.shape[-1])
