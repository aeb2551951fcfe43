"""Find and number the cells in a probability map.

In training, touching cells are separated by background (paper, section 3): each loses the pixels
whose 3×3 neighbourhood contains a pixel of the other. In prediction, the cells are therefore the
connected components of high probability, and the lost border pixels are then given back to them.

By default, components are 4-connected, so that two cells are not joined by misclassified pixels
that only touch diagonally. In their 2015 release, the authors used 8-connected components and
dropped those of 500 pixels or fewer: `connectivity` 8 and `smallest` 501. Like us, they did not
fill holes; unlike us, they did not give border pixels back.
"""

from typing import Literal

import numpy as np
import scipy

from minunet.array import Array
from minunet.errors import InputError

MOST = 65535
"""Maximum number of cells in a uint16 mask."""


def from_probability(
    p: Array,
    threshold: float = 0.5,
    smallest: int = 5,
    border: int = 1,
    connectivity: Literal[4, 8] = 4,
) -> Array:
    """Find and number the cells in a probability map.

    Parameters
    ----------
    p : (H, W)            probability of the class cell
    threshold : float     a pixel belongs to a cell if its probability exceeds this
    smallest : int        minimum size of a component, in pixels; smaller ones are dropped
    border : int          pixels given back to a cell where it touches another; 0 for none
    connectivity : int    4, or 8 to count diagonal neighbours as connected

    Returns
    -------
    (H, W) uint16 : 0 = background, 1 … n = cells, in the raster order of their first pixels

    Raises
    ------
    InputError
        If there are more cells than uint16 can number.
    """
    neighbours = scipy.ndimage.generate_binary_structure(2, 1 if connectivity == 4 else 2)
    components, count = scipy.ndimage.label(p > threshold, neighbours)
    large = np.bincount(components.ravel(), minlength=count + 1) >= smallest
    cells = give_back(np.where(large[components], components, 0), border)
    found, first = np.unique(cells, return_index=True)
    in_order = found[np.argsort(first)]
    in_order = in_order[in_order > 0]
    if in_order.size > MOST:
        raise InputError(
            f"found {in_order.size} cells of at least {smallest} pixels, but a mask holds at most "
            f"{MOST}; raise --smallest to drop more small ones"
        )
    number = np.zeros(count + 1, np.uint16)
    number[in_order] = np.arange(1, in_order.size + 1)
    return number[cells]


def give_back(cells: Array, border: int) -> Array:
    """Close gaps of 2 to 2·border pixels between cells; each cell gets half of a gap.

    A gap is background that a morphological closing with a square of side 2·border + 1 fills and
    that has two cells within 2·border pixels. The closing does not reach beyond the ends of a gap,
    and a cell with no other cell nearby keeps its outline exactly. Gaps of one pixel stay, because
    separating two cells removes a pixel from each: such a gap was already in the labels.

    Parameters
    ----------
    cells : (H, W)     integer, 0 = background
    border : int       pixels that each of two touching cells lost: 1 in training

    Returns
    -------
    (H, W), in the dtype of `cells`
    """
    background = cells == 0
    edge = border + 1  # padding, so that no gap between a cell and the image edge is closed
    padded = np.pad((~background).astype(np.uint8), edge)
    closed = scipy.ndimage.grey_closing(padded, 2 * border + 1)[edge:-edge, edge:-edge] > 0
    gap = background & closed & _two_within(2 * border, cells) & ~_two_within(1, cells)
    nearest = scipy.ndimage.distance_transform_edt(
        background, return_distances=False, return_indices=True
    )
    return np.where(gap, cells[tuple(nearest)], cells)


def _two_within(reach: int, cells: Array) -> Array:
    """Return a mask (H, W): True where two cells lie within `reach` pixels of the pixel."""
    window, none = 2 * reach + 1, np.iinfo(np.int32).max
    lowest = scipy.ndimage.minimum_filter(np.where(cells > 0, cells.astype(np.int32), none), window)
    return lowest < scipy.ndimage.maximum_filter(cells, window)
