"""Distances to the nearest and to the second nearest cell: d1 and d2 of equation (2).

One distance transform per cell would give the same result, but would be slow for many cells.
"""

import numpy as np
import scipy

from minunet.array import Array
from minunet.errors import InputError


def two_nearest(instances: Array, reach: float = np.inf) -> tuple[Array, Array]:
    """Compute exact distances to the nearest and to the second nearest cell.

    A distance transform gives d1 and the nearest cell A(x). A squared distance is the sum of a row
    part and a column part, so d2 can be computed in two steps. The first step finds, for every
    pixel, the two nearest cells in its column; at least one of them is not A(x). The second step
    searches outwards along the row of the pixel, until columns farther away cannot contain a nearer
    cell:

        d2(x)² = min over k of  k² + (distance within column x ± k to a cell other than A(x))²

    The number of passes over the map is the largest d2 or `reach`, whichever is smaller, in
    pixels. It does not depend on the number of cells.

    Parameters
    ----------
    instances : (H, W)      integer, k > 0 = cell k, background otherwise
    reach : float           maximum d2 in pixels; cells farther away are ignored

    Returns
    -------
    d1, d2 : (H, W) float64     in pixels; inf where there is no such cell. Inside a cell, d1 is 0

    Raises
    ------
    InputError
        If `instances` is not an integer array of shape (H, W).
    """
    check(instances)
    numbers = np.unique(instances[instances > 0])
    none = np.full(instances.shape, np.inf)
    if len(numbers) == 0:
        return none, none.copy()
    # Renumber the cells 1 … n, in a dtype wide enough for squared distances; background is 0.
    cells = np.searchsorted(numbers, instances, side="right")
    cells = cells.astype(np.int32 if np.hypot(*cells.shape) < 2**15 else np.int64)
    d1, at = scipy.ndimage.distance_transform_edt(cells == 0, return_indices=True)
    if len(numbers) == 1:
        return d1, none
    nearest = cells[tuple(at)]
    number, first, other = _in_columns(cells)
    squared = np.full_like(first, _far(first))
    width = cells.shape[1]
    for k in range(width):
        if k > reach or k * k >= squared.max():
            break
        left, right = slice(None, width - k), slice(k, None)
        for here, there in ((left, right), (right, left)):
            own = number[:, there] == nearest[:, here]
            away = np.where(own, other[:, there], first[:, there]) + k * k
            np.minimum(squared[:, here], away, out=squared[:, here])
    return d1, np.where(squared <= reach**2, np.sqrt(squared), np.inf)


def _in_columns(cells: Array) -> tuple[Array, Array, Array]:
    """Find, for every pixel, the two nearest cells in its column.

    Returns
    -------
    number, first, other : (H, W)     number of the nearest cell, squared distance to it, and
                                      squared distance to the second nearest cell
    """
    above, first_above, second_above = _above(cells)
    below, first_below, second_below = (x[::-1] for x in _above(cells[::-1]))
    number = np.where(first_above <= first_below, above, below)
    # If the cells above and below differ, the farther one is different from the nearest.
    farther = np.where(above == below, _far(cells), np.maximum(first_above, first_below))
    other = np.minimum(farther, np.minimum(second_above, second_below))
    return number, np.minimum(first_above, first_below), other


def _above(cells: Array) -> tuple[Array, Array, Array]:
    """Do the same as `_in_columns`, but search only upwards."""
    rows = np.arange(len(cells), dtype=cells.dtype)[:, np.newaxis]
    first = np.maximum.accumulate(np.where(cells > 0, rows, -1), axis=0)
    number = np.take_along_axis(cells, first, axis=0)  # arbitrary where no cell is above
    # Where the cell above changes, the last pixel of the previous cell becomes the second nearest.
    second = np.full_like(first, -1)
    second[1:] = np.where(number[1:] != number[:-1], first[:-1], -1)
    second = np.maximum.accumulate(second, axis=0)
    squared, squared_second = (
        np.where(row >= 0, (rows - row) ** 2, _far(cells)) for row in (first, second)
    )
    return number, squared, squared_second


def _far(like: Array) -> int:
    """Return a squared distance for "no cell": any real one can be added without overflow."""
    return int(np.iinfo(like.dtype).max // 2 + 1)


def check(instances: Array) -> None:
    """Raise an `InputError` unless `instances` is an integer array of shape (H, W)."""
    if instances.ndim != 2 or instances.dtype.kind not in "iu":
        raise InputError(
            f"the instances are {instances.dtype} of shape {instances.shape}; they must be "
            "integers of shape (H, W); for a binary label, number its cells with "
            "`metrics.segments.components`"
        )
