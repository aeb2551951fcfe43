"""Border thinning: how the ISBI challenge made scores independent of membrane width.

Before V_Rand and V_Info score a proposal, its cells grow into the membrane until only lines one
pixel wide are left between them.
"""

import numpy as np

from minunet.array import Array
from minunet.metrics import segments

FREE, LINE = 0, -1  # a pixel not decided yet; a pixel that joins no cell


def thin(cells: Array, annotated: Array | None = None) -> Array:
    """Grow cells over the membrane until only lines between them are left.

    All cells (4-connected regions) grow at once, by one layer of 4-neighbours at a time. A pixel
    that touches one cell joins that cell; a pixel that touches two or more cells becomes part of a
    line, from which nothing grows. Within a layer, pixels are decided in raster order: if two
    neighbours are about to join different cells, the lower or right one becomes part of a line.

    This is a watershed by flooding of a single plateau. If a wall is an even number of pixels wide,
    its line cannot lie in the middle, and implementations place it differently: Fiji, which the
    challenge used, decides pixels in order of arrival, and its lines can spread; scikit-image
    follows the order in its heap.

    Parameters
    ----------
    cells : (H, W)          bool, or any array that is 0 on membrane only
    annotated : (H, W) bool or None     cells grow only over these pixels, as if the image ended
                            there; None: over all

    Returns
    -------
    (H, W) int32 : cells numbered as in `segments.components`; 0 on lines, and on pixels enclosed by
        lines. Without cells, all pixels are 0; without membrane, all are 1.

    Examples
    --------
    >>> thin(np.array([[1, 0, 0, 0, 1, 0, 0, 1, 0]]))
    array([[1, 1, 0, 2, 2, 2, 0, 3, 3]], dtype=int32)
    """
    basins = segments.components(cells)
    if annotated is not None:
        basins = np.where(annotated, basins, np.int32(LINE))
    basins = np.pad(basins, 1, constant_values=LINE)
    flat, width = basins.reshape(-1), basins.shape[1]
    steps = np.array([[-width], [-1], [1], [width]])  # up, left, right, down
    layer = np.flatnonzero(flat > 0)
    while layer.size:
        around = layer + steps
        free = np.sort(around[flat[around] == FREE])
        layer = free[np.diff(free, prepend=-1) > 0]  # np.unique is several times slower
        _flood(flat, layer, layer + steps)
        layer = layer[flat[layer] > 0]
    return np.maximum(basins[1:-1, 1:-1], 0)


def _flood(flat: Array, layer: Array, around: Array) -> None:
    """Decide the pixels of one layer, in place.

    Parameters
    ----------
    flat : (N,)          number of the cell, FREE or LINE
    layer : (M,)         indices of the pixels, in raster order; all are FREE
    around : (4, M)      indices of their neighbours: up, left, right, down
    """
    number = flat[around].max(axis=0)
    contested = _touches_another(flat[around], number)
    flat[layer] = np.where(contested, LINE, number)
    # The neighbours above and to the left may belong to this layer. If one joins another cell, the
    # pixel joins a line, unless that neighbour itself joins a line: repeat until nothing changes.
    before = around[:2]
    rivals = np.flatnonzero(~contested & _touches_another(flat[before], number))
    layer, before, number = layer[rivals], before[:, rivals], number[rivals]
    while True:
        decided = np.where(_touches_another(flat[before], number), LINE, number)
        if np.array_equal(flat[layer], decided):
            return
        flat[layer] = decided


def _touches_another(neighbours: Array, number: Array) -> Array:
    """Return a mask (M,): True where a neighbour (…, M) belongs to a cell other than `number`."""
    return ((neighbours > 0) & (neighbours != number)).any(axis=0)
