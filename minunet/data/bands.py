"""Bands of rows: all that has to be in memory of an image that is larger than it."""

import math
from collections.abc import Iterator

MOST = 2**20
"""Values in a band: 8 MB once they are float64."""


def bands(shape: tuple[int, ...]) -> Iterator[slice]:
    """Cut an image (H, W, …) into bands of whole rows, of about a million values each.

    Examples
    --------
    >>> list(bands((5, 2**19, 1)))
    [slice(0, 2, None), slice(2, 4, None), slice(4, 5, None)]
    """
    most = max(MOST // math.prod(shape[1:]), 1)
    for first in range(0, shape[0], most):
        yield slice(first, min(first + most, shape[0]))
