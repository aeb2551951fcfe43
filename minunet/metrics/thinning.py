"""Border thinning: how the ISBI challenge forgave walls that are too thick.

V_Rand and V_Info do not ask how wide a membrane is drawn. Before a proposal is scored, its cells
grow into the membrane until lines one pixel wide are left between them.
"""

import numpy as np

from minunet.array import Array
from minunet.metrics import segments

FREE, LINE = 0, -1  # what a pixel is until its turn, and if it joins no cell


def thin(cells: Array) -> Array:
    """Grow cells over the membrane until only lines between them are left.

    All cells (4-connected regions) grow at once, one layer of 4-neighbours after the other: a pixel
    that touches one cell joins it, one that touches two becomes line, and is not grown from. Within
    a layer pixels take their turns in raster order, so that of two neighbours about to join
    different cells the lower or right one becomes line.

    It is the flooding watershed of one plateau. Where a wall is an even number of pixels wide its
    line must lie on one side, and implementations differ: Fiji, which the challenge used, goes by
    the order of arrival and lets lines spread; scikit-image goes by the order in its heap.

    Parameters
    ----------
    cells : (H, W)     bool, or anything that is 0 on membrane only

    Returns
    -------
    (H, W) int32 : as `segments.components` numbers the cells; 0 on lines, and on pixels that lines
        enclose. Without any cell all is 0; without membrane all is 1.

    Examples
    --------
    >>> thin(np.array([[1, 0, 0, 0, 1, 0, 0, 1, 0]]))
    array([[1, 1, 0, 2, 2, 2, 0, 3, 3]], dtype=int32)
    """
    basins = np.pad(segments.components(cells), 1, constant_values=LINE)
    flat, width = basins.reshape(-1), basins.shape[1]
    steps = np.array([[-width], [-1], [1], [width]])  # up, left, right, down
    layer = np.flatnonzero(flat > 0)
    while layer.size:
        around = layer + steps
        free = np.sort(around[flat[around] == FREE])
        layer = free[np.diff(free, prepend=-1) > 0]  # np.unique takes several times as long
        _flood(flat, layer, layer + steps)
        layer = layer[flat[layer] > 0]
    return np.maximum(basins[1:-1, 1:-1], 0)


def _flood(flat: Array, layer: Array, around: Array) -> None:
    """Decide the pixels of one layer, in place.

    Parameters
    ----------
    flat : (N,)          numbers of the basins, FREE or LINE
    layer : (M,)         indices of the pixels, in raster order; all are FREE
    around : (4, M)      of their neighbours: up, left, right, down
    """
    number = flat[around].max(axis=0)
    torn = _touches_another(flat[around], number)
    flat[layer] = np.where(torn, LINE, number)
    # The neighbours above and to the left may be of this layer. If they joined another basin the
    # pixel becomes line, unless they become line themselves: repeat until that is settled.
    before = around[:2]
    rivals = np.flatnonzero(~torn & _touches_another(flat[before], number))
    layer, before, number = layer[rivals], before[:, rivals], number[rivals]
    while True:
        decided = np.where(_touches_another(flat[before], number), LINE, number)
        if np.array_equal(flat[layer], decided):
            return
        flat[layer] = decided


def _touches_another(neighbours: Array, number: Array) -> Array:
    """Tell which pixels (M,) have one of their neighbours (…, M) in a basin of another number."""
    return ((neighbours > 0) & (neighbours != number)).any(axis=0)
