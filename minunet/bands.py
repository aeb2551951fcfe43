"""Bands of rows: what has to be in memory of an image that is larger than it, or in the cache."""

import math
from collections.abc import Iterator

MOST = 2**20
"""Values in a band: 8 MB once they are float64."""

CACHED = 2**13
"""Values in a band where what is made of them in between should stay in a core's cache: a sample of
572 pixels takes 1.8 times as long without."""


def bands(shape: tuple[int, ...], cached: bool = False) -> Iterator[slice]:
    """Cut an image (H, W, …) into bands of whole rows, of about a million values each.

    Parameters
    ----------
    shape : tuple of int
    cached : bool     of about eight thousand values each

    Examples
    --------
    >>> list(bands((5, 2**19, 1)))
    [slice(0, 2, None), slice(2, 4, None), slice(4, 5, None)]
    >>> list(bands((40, 572), cached=True))
    [slice(0, 14, None), slice(14, 28, None), slice(28, 40, None)]
    """
    most = max((CACHED if cached else MOST) // math.prod(shape[1:]), 1)
    for first in range(0, shape[0], most):
        yield slice(first, min(first + most, shape[0]))
