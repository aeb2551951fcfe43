"""Bands of rows, where the whole of an image is too much: for the memory, or for the cache."""

import math
from collections.abc import Iterator

MOST = 2**20
"""Values in a band: 8 MB once they are float64."""


def bands(shape: tuple[int, ...], most: int | None = None) -> Iterator[slice]:
    """Cut an image (H, W, …) into bands of whole rows.

    Parameters
    ----------
    shape : tuple           (H, W, …)
    most : int or None      values in a band, unless a single row has more; None: `MOST`

    Examples
    --------
    >>> list(bands((5, 2**19, 1)))
    [slice(0, 2, None), slice(2, 4, None), slice(4, 5, None)]
    """
    rows = max((most or MOST) // math.prod(shape[1:]), 1)
    for first in range(0, shape[0], rows):
        yield slice(first, min(first + rows, shape[0]))
