"""Cells, one number each, from the probability of being cell.

Touching cells are trained with background between them (paper, section 3): of each, the pixels
whose 3×3 neighbourhood holds the other. So cells are the connected components of what is probably
cell; afterwards they get those pixels back.

Components are 4-connected, so that one diagonal step of wrong pixels does not join two cells. In
their release of 2015 the authors took 8-connected ones and dropped those of up to 500 pixels. They
left holes open, as is done here, and gave nothing back.
"""

import numpy as np
import scipy

from minunet.array import Array
from minunet.errors import InputError

MOST = 65535
"""The number of cells that a uint16 mask can hold."""


def from_probability(p: Array, threshold: float = 0.5, smallest: int = 5, border: int = 1) -> Array:
    """Find the cells in a map of probability, and number them.

    Parameters
    ----------
    p : (H, W)            probability of cell
    threshold : float     more than this is cell
    smallest : int        components of fewer pixels are dropped
    border : int          pixels that a cell gets back where it touches another; 0 for none

    Returns
    -------
    (H, W) uint16 : 0 = background, 1 … n = cells, in the raster order of their first pixels

    Raises
    ------
    InputError
        If there are more cells than uint16 can number.
    """
    components, count = scipy.ndimage.label(p > threshold)  # 4-connected
    large = np.bincount(components.ravel(), minlength=count + 1) >= smallest
    cells = give_back(np.where(large[components], components, 0), border)
    found, first = np.unique(cells, return_index=True)
    in_order = found[np.argsort(first)]
    in_order = in_order[in_order > 0]
    if in_order.size > MOST:
        raise InputError(
            f"{in_order.size} cells of {smallest} pixels or more are found, a mask holds {MOST}; "
            "raise smallest to drop more specks"
        )
    number = np.zeros(count + 1, np.uint16)
    number[in_order] = np.arange(1, in_order.size + 1)
    return number[cells]


def give_back(cells: Array, border: int) -> Array:
    """Close the gaps of 2 to 2·border pixels between cells, half to each cell.

    A gap is background that a morphological closing with a square of 2·border + 1 pixels fills and
    that has two cells within 2·border pixels. Closing does not reach out of the ends of a gap,
    and a cell that no other one is near keeps its outline exactly. Gaps of one pixel are left:
    separation takes a pixel of each cell, so that such a gap was there before.

    Parameters
    ----------
    cells : (H, W)     integer, 0 = background
    border : int       pixels that each of two touching cells has lost: 1 in training

    Returns
    -------
    (H, W), in the dtype of `cells`
    """
    background = cells == 0
    edge = border + 1  # padded, so that cells are not closed with the edge of the image
    padded = np.pad((~background).astype(np.uint8), edge)
    closed = scipy.ndimage.grey_closing(padded, 2 * border + 1)[edge:-edge, edge:-edge] > 0
    gap = background & closed & _two_within(2 * border, cells) & ~_two_within(1, cells)
    nearest = scipy.ndimage.distance_transform_edt(
        background, return_distances=False, return_indices=True
    )
    return np.where(gap, cells[tuple(nearest)], cells)


def _two_within(reach: int, cells: Array) -> Array:
    """Mark the pixels that have two cells within a number of pixels, (H, W) bool."""
    window, none = 2 * reach + 1, np.iinfo(np.int32).max
    lowest = scipy.ndimage.minimum_filter(np.where(cells > 0, cells.astype(np.int32), none), window)
    return lowest < scipy.ndimage.maximum_filter(cells, window)
