"""Join components that were labelled block by block, where they meet at an edge.

The components of a block are numbered 1 … n; 0 means no component. Across blocks, component c of
block b has index before[b] + c, with `before` from `offsets`. Index 0 means no component.
"""

from collections.abc import Mapping, Sequence
from itertools import pairwise
from typing import Any

import numpy as np

from minunet.array import Array

Note = Mapping[str, Any]
"""Arrays that describe the components of a block, or of a slice."""


EDGES = ("top", "bottom", "left", "right")


def edges(components: Array) -> dict[str, Array]:
    """Return the component numbers along the four edges of a block (h, w)."""
    lines = components[0], components[-1], components[:, 0], components[:, -1]
    return dict(zip(EDGES, lines, strict=True))


def offsets(counts: Sequence[int]) -> Array:
    """Return the number of components before each block, and in all blocks (B + 1,)."""
    return np.cumsum([0, *counts], dtype=np.int64)


def touching(blocks: Sequence[Sequence[Note]], before: Array, diagonally: bool) -> Array:
    """Find the pairs of touching components in different blocks.

    Parameters
    ----------
    blocks : rows of notes     the `edges` of the blocks of a slice
    before : (B + 1,)          `offsets` of the blocks, row by row
    diagonally : bool          whether diagonal neighbours count, including where four blocks meet

    Returns
    -------
    (2, N) : the indices of both components of each pair
    """
    starts = before[:-1].reshape(len(blocks), -1)
    indices = [
        [
            {edge: np.where(note[edge] > 0, note[edge] + start, 0) for edge in EDGES}
            for note, start in zip(*row, strict=True)
        ]
        for row in zip(blocks, starts, strict=True)
    ]
    columns = [*zip(*indices, strict=True)]
    pairs = [np.zeros((2, 0), np.int64)]
    for strips, last, first in ((indices, "bottom", "top"), (columns, "right", "left")):
        for one, other in pairwise(strips):
            a = np.concatenate([block[last] for block in one])
            b = np.concatenate([block[first] for block in other])
            pairs.append(np.stack([a, b]))
            if diagonally:
                pairs += [np.stack([a[1:], b[:-1]]), np.stack([a[:-1], b[1:]])]
    found = np.concatenate(pairs, axis=1)
    return np.unique(found[:, found.all(axis=0)], axis=1)


def unite(count: int, pairs: Array) -> Array:
    """Give components the same number if a pair, or a chain of pairs, links them.

    Parameters
    ----------
    count : int        number of components
    pairs : (2, N)     indices of components to join

    Returns
    -------
    (count + 1,) int64 : new numbers by index, from 1 in the order of their first; 0 for index 0

    Examples
    --------
    >>> unite(4, np.array([[1, 4], [3, 1]]))
    array([0, 1, 2, 1, 1])
    """
    from scipy.sparse import coo_array  # here: it slows down --help
    from scipy.sparse.csgraph import connected_components

    linked = np.ones(pairs.shape[1], bool), (pairs[0], pairs[1])
    graph = coo_array(linked, (count + 1, count + 1))
    _, which = connected_components(graph, directed=False)
    return in_order(which)


def in_order(which: Array) -> Array:
    """Renumber values (N,) from 0 in the order in which they first occur."""
    _, first, inverse = np.unique(which, return_index=True, return_inverse=True)
    return np.argsort(np.argsort(first))[inverse]
