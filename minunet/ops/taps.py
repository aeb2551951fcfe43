"""The idiom every spatial op shares: a loop over kernel taps, one band of rows at a time.

A kernel of kh x kw taps is kh·kw small linear layers, each applied to a shifted window of the map
and summed. Working through the map in bands of a few rows keeps the band that is being summed in
the processor's cache, and no temporary is ever as large as a map.
"""

from collections.abc import Iterator

import numpy as np

from minunet.array import Array

BAND = 16
"""Rows in a band: about 2 MB of a 570-pixel, 64-channel float32 map."""


def taps(w: Array) -> Iterator[tuple[int, ...]]:
    """Offsets (i, j) of the taps of a kernel `w` (kh, kw, C, O), row by row."""
    return iter(np.ndindex(w.shape[0], w.shape[1]))


def bands(rows: int) -> Iterator[tuple[int, int]]:
    """First row and number of rows of each band of a map with `rows` rows.

    Examples
    --------
    >>> list(bands(40))
    [(0, 16), (16, 16), (32, 8)]
    """
    for first in range(0, rows, BAND):
        yield first, min(BAND, rows - first)


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
