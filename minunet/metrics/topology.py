"""Topology of a binary image: which single pixels can be flipped without changing it.

Foreground (cells) is 4-connected: its pixels connect through sides. Background (membrane) is
8-connected: its pixels connect through sides or corners. Therefore, a wall one pixel wide separates
two cells even where it runs diagonally.
"""

from functools import cache

import numpy as np
import scipy

from minunet.array import Array

NEIGHBOURS = [(dy, dx) for dy in (-1, 0, 1) for dx in (-1, 0, 1) if (dy, dx) != (0, 0)]
"""Steps from a pixel to its eight neighbours, in raster order; steps k and 7-k are opposite."""


def is_simple(patch: Array) -> bool:
    """Return whether flipping the centre preserves the topology of the image.

    It does so if and only if, among the eight neighbours, exactly one 4-component of foreground
    shares a side with the centre, and the background forms exactly one 8-component. The flip then
    joins or separates nothing, and no component appears or disappears. The value of the centre does
    not matter.

    Parameters
    ----------
    patch : (3, 3)     foreground where not 0

    Source: Bertrand and Malandain, Pattern Recognition Letters 15 (1994), their test in 2D.
    """
    foreground = patch != 0
    background = ~foreground
    foreground[1, 1] = background[1, 1] = False
    cells, _ = scipy.ndimage.label(foreground)
    touching = {cells[0, 1], cells[1, 0], cells[1, 2], cells[2, 1]} - {0}
    _, membranes = scipy.ndimage.label(background, np.ones((3, 3)))
    return len(touching) == 1 and membranes == 1


@cache
def simple_codes() -> bytes:
    """Tabulate `is_simple` for the 256 codes (see `codes`): 1 if simple, else 0."""
    bits = np.arange(256)[:, np.newaxis] >> np.arange(8) & 1
    return bytes(is_simple(np.insert(row, 4, 0).reshape(3, 3)) for row in bits)


def codes(image: Array) -> Array:
    """Encode the eight neighbours of every pixel as a number: bit k is neighbour k.

    Parameters
    ----------
    image : (H, W) bool

    Returns
    -------
    (H, W) uint8 : pixels beyond the edge count as background

    Examples
    --------
    >>> codes(np.array([[True, False], [True, True]]))
    array([[192, 104],
           [ 18,   9]], dtype=uint8)
    """
    height, width = image.shape
    padded = np.pad(image, 1).astype(np.uint8)
    code = np.zeros((height, width), np.uint8)
    for k, (dy, dx) in enumerate(NEIGHBOURS):
        code |= padded[1 + dy : 1 + dy + height, 1 + dx : 1 + dx + width] << k
    return code
