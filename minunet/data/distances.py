"""Distances to the nearest and to the second nearest cell: d1 and d2 of equation (2).

To transform the map once for each cell would take as many transforms as there are cells.
"""

import numpy as np
import scipy

from minunet.array import Array
from minunet.errors import InputError


def two_nearest(instances: Array, reach: float = np.inf) -> tuple[Array, Array]:
    """Exact distances to the nearest and to the second nearest cell.

    A distance transform gives d1 and the nearest cell A(x). The second follows in two steps, as
    the squared distance falls into rows and columns: in its own column every pixel finds the
    nearest cell and the nearest other one, so that the one that is not A(x) is at hand; then every
    pixel looks along its row, farther and farther, until no column can be nearer:

        d2(x)² = min over k of  k² + (distance within column x ± k to a cell other than A(x))²

    However many cells there are, that takes as many passes over the map as the largest d2 or
    `reach` has pixels.

    Parameters
    ----------
    instances : (H, W)      integer: a positive number for each cell, all else is background
    reach : float           pixels: a second cell that is farther counts as none

    Returns
    -------
    d1, d2 : (H, W) float64     pixels; inf where there is no such cell. Inside a cell d1 is 0

    Raises
    ------
    InputError
        If `instances` is no map of integers.
    """
    check(instances)
    numbers = np.unique(instances[instances > 0])
    none = np.full(instances.shape, np.inf)
    if len(numbers) == 0:
        return none, none.copy()
    # 1 … n, and 0 for background. Squared distances have the same type, wide enough for all.
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
    """Look along every column: the nearest cell, and the squared distances to it and another.

    Returns
    -------
    number, first, other : (H, W)     number of the nearest cell, its squared distance, and that of
                                      the nearest cell but this one
    """
    above, first_above, second_above = _above(cells)
    below, first_below, second_below = (x[::-1] for x in _above(cells[::-1]))
    number = np.where(first_above <= first_below, above, below)
    # Of two different cells above and below, the farther is another than the nearest.
    farther = np.where(above == below, _far(cells), np.maximum(first_above, first_below))
    other = np.minimum(farther, np.minimum(second_above, second_below))
    return number, np.minimum(first_above, first_below), other


def _above(cells: Array) -> tuple[Array, Array, Array]:
    """Do as `_in_columns` does, but look only upwards."""
    rows = np.arange(len(cells), dtype=cells.dtype)[:, np.newaxis]
    first = np.maximum.accumulate(np.where(cells > 0, rows, -1), axis=0)
    number = np.take_along_axis(cells, first, axis=0)  # any, where there is none: it is far
    # Where the cell above changes, the last pixel of the one before is the second from here on.
    second = np.full_like(first, -1)
    second[1:] = np.where(number[1:] != number[:-1], first[:-1], -1)
    second = np.maximum.accumulate(second, axis=0)
    squared, squared_second = (
        np.where(row >= 0, (rows - row) ** 2, _far(cells)) for row in (first, second)
    )
    return number, squared, squared_second


def _far(like: Array) -> int:
    """Squared distance to what is not there: more than any, and may be added to any."""
    return int(np.iinfo(like.dtype).max // 2 + 1)


def check(instances: Array) -> None:
    """Raise an `InputError` unless these can be numbers of cells."""
    if instances.ndim != 2 or instances.dtype.kind not in "iu":
        raise InputError(
            f"the instances are {instances.dtype} of the shape {instances.shape}; legal: integers "
            f"of the shape (H, W), as `segments.components` makes of a binary label"
        )
