"""Unite components that were labelled block by block: those that meet at an edge are one.

The components of a block are numbered 1 … n, 0 is none. Those of several blocks are counted on:
component c of block b has index offsets[b] + c. Index 0 is none.
"""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from scipy.sparse import coo_array
from scipy.sparse.csgraph import connected_components

from minunet.array import Array

Note = Mapping[str, Any]
"""What is noted about the components of a block, as arrays."""


def edges(components: Array) -> dict[str, Array]:
    """Return the numbers along the four edges of a block (h, w)."""
    top, bottom, left, right = components[0], components[-1], components[:, 0], components[:, -1]
    return {"top": top, "bottom": bottom, "left": left, "right": right}


def offsets(counts: Sequence[int]) -> Array:
    """Return how many components the blocks before each block have, and all together (B + 1,)."""
    return np.cumsum([0, *counts], dtype=np.int64)


def touching(blocks: Sequence[Sequence[Note]], before: Array, diagonally: bool) -> Array:
    """Find the pairs of components of different blocks that touch.

    Parameters
    ----------
    blocks : rows of notes     the `edges` of the blocks of a slice
    before : (B + 1,)          `offsets` of the blocks, row by row
    diagonally : bool          whether diagonal neighbours touch, also where four blocks meet

    Returns
    -------
    (2, N) : their indices
    """
    at = before[:-1].reshape(len(blocks), -1)

    def line(notes: Sequence[Note], start: Array, edge: str) -> Array:
        """Join an edge of the blocks of a row or column, as indices."""
        return np.concatenate(
            [
                np.where(note[edge] > 0, note[edge] + offset, 0)
                for note, offset in zip(notes, start, strict=True)
            ]
        )

    lines = [
        (line(blocks[k], at[k], "bottom"), line(blocks[k + 1], at[k + 1], "top"))
        for k in range(len(blocks) - 1)
    ]
    columns = [*zip(*blocks, strict=True)]
    lines += [
        (line(columns[k], at[:, k], "right"), line(columns[k + 1], at[:, k + 1], "left"))
        for k in range(len(columns) - 1)
    ]
    pairs = [np.zeros((2, 0), np.int64)]
    for a, b in lines:
        pairs.append(np.stack([a, b]))
        if diagonally:
            pairs += [np.stack([a[1:], b[:-1]]), np.stack([a[:-1], b[1:]])]
    found = np.concatenate(pairs, axis=1)
    return np.unique(found[:, found.all(axis=0)], axis=1)


def unite(count: int, pairs: Array) -> Array:
    """Give components the same number if they are a pair, or are linked by a chain of pairs.

    Parameters
    ----------
    count : int        number of components
    pairs : (2, N)     indices of components that are one

    Returns
    -------
    (count + 1,) int64 : number of each, from 1 in the order of the first; 0 for index 0

    Examples
    --------
    >>> unite(4, np.array([[1, 4], [3, 1]]))
    array([0, 1, 2, 1, 1])
    """
    linked = np.ones(pairs.shape[1], bool), (pairs[0], pairs[1])
    graph = coo_array(linked, (count + 1, count + 1))
    _, which = connected_components(graph, directed=False)
    return in_order(which)


def in_order(which: Array) -> Array:
    """Renumber values (N,) from 0 in the order in which they first occur."""
    _, first, inverse = np.unique(which, return_index=True, return_inverse=True)
    return np.argsort(np.argsort(first))[inverse]
