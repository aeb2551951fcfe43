"""Solutions of the exercises of chapter 3, ReLU and max-pooling."""

from __future__ import annotations

import numpy as np

from minunet.array import Array

# Two 9s are a tie: the first, tap 2, wins. So does the first -1, tap 0.
pooled_by_hand = ([9, -1], [2, 0])

# max(max(a, 0), max(b, 0)) = max(max(a, b), 0). And in either order dy reaches the largest number
# of a block if it is positive, and nothing otherwise.
order = (True, True)


def leaky_backward(dy: Array, y: Array) -> Array:
    """Gradient of the leaky ReLU: slope 1 where x > 0, which is where y > 0; slope 1/10 elsewhere.

    Parameters
    ----------
    dy : (…)     gradient of the energy with respect to `y`
    y : (…)      what the forward returned

    Returns
    -------
    dx : (…)
    """
    return np.where(y > 0, dy, dy / 10)


def maxpool_backward(dy: Array, argmax: Array) -> Array:
    """Gradient of max-pooling: tap (i, j) of every block at once is a slice of step 2.

    Parameters
    ----------
    dy : (H/2, W/2, C)        gradient of the energy with respect to `y`
    argmax : (H/2, W/2, C)    the tap that won, 0 … 3

    Returns
    -------
    dx : (H, W, C)
    """
    rows, columns, channels = dy.shape
    dx = np.zeros_like(dy, shape=(2 * rows, 2 * columns, channels))
    for tap in range(4):
        i, j = divmod(tap, 2)
        dx[i::2, j::2] = dy * (argmax == tap)
    return dx
