"""Solutions of chapter 11, scores."""

from __future__ import annotations

import numpy as np
import scipy

pairs = (4, 9, 7)
"""The truth has segments of 3 and 4 pixels: P = 3 + 6. Of the answer, inside true cells, there are
3 + 1 = 4 and 2: Q = 6 + 1. Both together: 3, 1 and 2 pixels, T = 3 + 0 + 1."""


def v_rand(truth: np.ndarray, thinned: np.ndarray) -> float:
    """F of squares: for each true cell its size, and what each segment has of it.

    Parameters
    ----------
    truth, thinned : (H, W)     integer, 0 = wall
    """
    inside = truth > 0
    true, found = truth[inside], thinned[inside]
    alone = np.sum(found == 0)  # pixels under the answer's wall: segments of one
    a = sum(np.sum(true == i) ** 2 for i in np.unique(true))
    b = sum(np.sum(found == j) ** 2 for j in np.unique(found) if j > 0) + alone
    both = alone
    for i in np.unique(true):
        both += sum(np.sum((true == i) & (found == j)) ** 2 for j in np.unique(found) if j > 0)
    return 2 * both / (a + b)


def allowed(patch: np.ndarray) -> bool:
    """Count pieces around the centre: one of cell that shares a side with it, one of membrane.

    Fewer than one of cell: a cell comes or goes. More: cells join or part. The same for membrane,
    which holds together by corners, too.

    Parameters
    ----------
    patch : (3, 3) bool
    """
    cell, membrane = patch.copy(), ~patch
    cell[1, 1] = membrane[1, 1] = False
    numbers = scipy.ndimage.label(cell)[0]
    beside = {numbers[0, 1], numbers[1, 0], numbers[1, 2], numbers[2, 1]} - {0}
    return len(beside) == 1 and scipy.ndimage.label(membrane, np.ones((3, 3)))[1] == 1


def sabotage(truth: np.ndarray) -> np.ndarray:
    """Draw one line of membrane through the row that has most pixels of the largest cell.

    Parameters
    ----------
    truth : (H, W)     integer, 0 = wall

    Returns
    -------
    (H, W) bool
    """
    answer = truth > 0
    largest = truth == np.argmax(np.bincount(truth[answer]))
    answer[int(np.median(np.nonzero(largest)[0]))] = False
    return answer
