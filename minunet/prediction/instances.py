"""Find and number the cells in a probability map.

In training, touching cells are separated by background (paper, section 3): each loses the pixels
whose 3×3 neighbourhood contains a pixel of the other. The weight map makes the network predict an
even wider gap. So cells are found in three steps. Their seeds are the connected components of high
probability. The seeds grow into the connected pixels of lower probability, and each pixel goes to
the seed that is the fewest steps away, but no farther than `REACH` steps, so that a part of a large
image can be grown by itself (`block_cells`). Then the holes of every cell are filled.

By default, components are 4-connected, so that two cells are not joined by misclassified pixels
that only touch diagonally. In their 2015 release, the authors used 8-connected components and
dropped those of 500 pixels or fewer: `connectivity` 8 and `smallest` 501. They neither grew cells
nor filled holes.
"""

from typing import Any, Literal, NamedTuple

import numpy as np
import scipy

from minunet.array import Array
from minunet.errors import InputError
from minunet.runs.settings import Settings

EIGHT = np.ones((3, 3), bool)
"""A pixel and its eight neighbours."""

REACH = 128
"""Maximum number of steps that a seed grows."""


class Rule(NamedTuple):
    """How cells are found in a probability map."""

    threshold: float = 0.5  # a pixel belongs to a seed if its probability exceeds this
    extent: float | None = None  # seeds grow into pixels above this; None: not at all
    smallest: int = 5  # minimum size of a seed, in pixels
    connectivity: Literal[4, 8] = 4  # of the pixels of a cell: 4, or 8 with diagonal neighbours

    def cells(self, p: Array, dtype: type[np.unsignedinteger[Any]] = np.uint16) -> Array:
        """Find and number the cells in a probability map.

        Parameters
        ----------
        p : (H, W)     probability of the class cell
        dtype : dtype  of the result

        Returns
        -------
        (H, W) : 0 = background, 1 … n = cells, in the raster order of their first pixels

        Raises
        ------
        InputError
            If there are more cells than the dtype can number.
        """
        cells = self.seeds(p)
        if self.lowest < self.threshold:
            cells = grow(cells, p > self.lowest, self.neighbours)
        return in_order(fill_holes(cells), self.smallest, dtype)

    def seeds(self, p: Array) -> Array:
        """Find the seeds (H, W) in a probability map."""
        components, count = self.components(p)
        large = np.bincount(components.ravel(), minlength=count + 1) >= self.smallest
        return np.where(large[components], components, 0)

    def components(self, p: Array) -> tuple[Array, int]:
        """Label the connected components of high probability (H, W), and count them."""
        components, count = scipy.ndimage.label(p > self.threshold, self.neighbours)
        return components, int(count)

    def scaled(self, area: float) -> "Rule":
        """Return the rule for images whose cells cover `area` times as many pixels."""
        return self._replace(smallest=max(round(self.smallest * area), 1))

    def in_words(self) -> str:
        """Describe what was chosen, such as "threshold 0.8, cells grown to 0.4"."""
        words = [f"threshold {self.threshold:g}"]
        if self.extent is not None:
            counted = f"{self.smallest} pixel{'s' * (self.smallest > 1)}"
            words += [f"cells grown to {self.extent:g}", f"seeds of {counted} or more"]
        return ", ".join(words)

    @property
    def lowest(self) -> float:
        """Probability down to which seeds grow; the threshold if they do not."""
        return self.threshold if self.extent is None else min(self.extent, self.threshold)

    @property
    def neighbours(self) -> Array:
        """A pixel and its neighbours (3, 3), bool."""
        return scipy.ndimage.generate_binary_structure(2, 1 if self.connectivity == 4 else 2)


def grow(seeds: Array, extent: Array, neighbours: Array) -> Array:
    """Give every pixel of an extent to the seed that is the fewest steps away within the extent.

    So every cell stays connected, and pixels that no seed reaches within `REACH` steps are
    background. The order of the steps decides between seeds that are equally near; the result is
    always the same.

    Parameters
    ----------
    seeds : (H, W)          integer, 0 = background
    extent : (H, W) bool    pixels that seeds may grow into
    neighbours : (3, 3)     the pixels that a step leads to

    Returns
    -------
    (H, W), in the dtype of `seeds`

    Examples
    --------
    >>> seeds, extent = np.array([[1, 0, 0, 0, 0, 2, 0, 0]]), np.array([[1, 1, 1, 1, 1, 1, 0, 1]])
    >>> grow(seeds, extent == 1, np.ones((3, 3)))
    array([[1, 1, 1, 2, 2, 2, 0, 0]])
    """
    padded = np.ascontiguousarray(np.pad(seeds, 1))
    cells, free = padded.ravel(), np.pad(extent, 1).ravel()
    free[cells > 0] = False
    edge = np.flatnonzero(cells)
    for _ in range(REACH):
        if not edge.size:
            break
        reached = []
        for step in _steps(neighbours, padded):
            where = free[edge + step]
            reached.append((edge + step)[where])
            cells[reached[-1]] = cells[edge[where]]
            free[reached[-1]] = False
        edge = np.concatenate(reached)
    return padded[1:-1, 1:-1]


def _steps(neighbours: Array, image: Array) -> Array:
    """Return the offsets of neighbours (3, 3) from a pixel in the flattened image."""
    return (np.argwhere(neighbours) - 1) @ (image.shape[1], 1)


def fill_holes(cells: Array) -> Array:
    """Fill the holes of every cell: background that only this cell surrounds.

    Background is 8-connected, so a gap that is diagonally connected to the outside is not a hole.

    Examples
    --------
    >>> fill_holes(np.array([[1, 1, 1, 2], [1, 0, 1, 0], [1, 1, 1, 2]]))
    array([[1, 1, 1, 2],
           [1, 1, 1, 0],
           [1, 1, 1, 2]])
    """
    padded = np.ascontiguousarray(np.pad(cells, 1))
    regions, count = scipy.ndimage.label(padded == 0, EIGHT)  # region 1 is the outside
    inner = np.where(regions > 1, regions, 0)
    smallest, largest = cells_around(inner, count, padded)
    fill = np.where(smallest == largest, largest, 0)
    return np.where(inner > 0, fill[inner], padded)[1:-1, 1:-1]


def cells_around(regions: Array, count: int, cells: Array) -> tuple[Array, Array]:
    """Find the smallest and the largest number of the cells that touch each region of background.

    Parameters
    ----------
    regions : (H, W)     0 = not to be looked at, also along the edge; k = region k, up to `count`
    cells : (H, W)       0 = background, k = cell k

    Returns
    -------
    (count + 1,), (count + 1,) : by region; the largest integer and 0 if no cell touches it
    """
    where = np.flatnonzero(regions)
    region, flat = regions.ravel()[where], np.ascontiguousarray(cells).ravel()
    smallest = np.full(count + 1, np.iinfo(cells.dtype).max, cells.dtype)
    largest = np.zeros(count + 1, cells.dtype)
    for step in _steps(EIGHT, cells):
        found = flat[where + step]
        is_cell = found > 0
        np.minimum.at(smallest, region[is_cell], found[is_cell])
        np.maximum.at(largest, region[is_cell], found[is_cell])
    return smallest, largest


def in_order(
    cells: Array, smallest: int, dtype: type[np.unsignedinteger[Any]] = np.uint16
) -> Array:
    """Renumber cells (H, W) from 1 in the raster order of their first pixels.

    Raises
    ------
    InputError
        If there are more cells than the dtype can number.
    """
    found, first = np.unique(cells, return_index=True)
    ordered = found[np.argsort(first)]
    ordered = ordered[ordered > 0]
    if ordered.size > most(dtype):
        raise InputError(
            f"found {ordered.size} cells of at least {smallest} pixels, but a mask holds at most "
            f"{most(dtype)}; raise --smallest to drop more small ones"
        )
    number = np.zeros(int(found[-1]) + 1, dtype)
    number[ordered] = np.arange(1, ordered.size + 1)
    return number[cells]


def most(dtype: type[np.unsignedinteger[Any]]) -> int:
    """Return the maximum number of cells in a mask of this dtype."""
    return int(np.iinfo(dtype).max)


def rule(settings: Settings) -> Rule:
    """Return how the cells of a run are found: as chosen when it finished, or by default."""
    return Rule(
        0.5 if settings.threshold is None else settings.threshold,
        settings.extent,
        settings.smallest or settings.smallest_chosen or Rule().smallest,
        settings.connectivity,
    )
