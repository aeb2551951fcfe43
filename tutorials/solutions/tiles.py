"""Solutions of chapter 8."""

from __future__ import annotations

from collections.abc import Callable

from minunet.array import Array
from minunet.network import sizes
from minunet.prediction import tiling

mirrored = [1, 2, 1, 0, 1, 2, 1, 0, 1]
"""The period is 2 · (3 - 1) = 4, of 0 1 2 1; index -3 is place 1 of it."""

steps = {32, 24, 16, 8}
"""Three poolings: the multiples of 2³. A shorter step than 32 costs more tiles, and is exact."""


def origins(size: int, depth: int, tile: int) -> list[int]:
    """Where the outputs of the tiles begin, as few as the aligned step allows.

    The first tile answers `output` pixels, and each further one as many more as the step.

    Parameters
    ----------
    size : int       of the axis, pixels
    depth : int      of the network
    tile : int       pixels

    Returns
    -------
    list of int, from 0
    """
    output, step = sizes.output_size(tile, depth), tiling.aligned_step(tile, depth)
    further = max(0, -(-(size - output) // step))  # rounded up
    return [k * step for k in range(1 + further)]


def average_flips(scores_of: Callable[[Array], Array], image: Array) -> Array:
    """Average the scores over the 4 flips; a flip is its own inverse, so it also leads back.

    Parameters
    ----------
    scores_of : callable     (H, W, C) -> (H, W, K)
    image : (H, W, C)

    Returns
    -------
    (H, W, K)
    """
    total: Array | float = 0.0
    for down in (1, -1):
        for across in (1, -1):
            total = total + scores_of(image[::down, ::across])[::down, ::across]
    return total / 4
