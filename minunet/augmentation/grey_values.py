"""Grey-value variation (paper, section 3.1): brightness, contrast, and a smooth curve.

The paper names the variation and nothing more. This is `ValueAugmentation` of the authors' later
code, with their constants, over the range of grey values that an image has instead of [0, 1].
"""

from itertools import pairwise

import numpy as np
import scipy

from minunet.array import Array

BLACK, WHITE = (0.0, 0.1), (0.9, 1.0)
"""What the darkest and the brightest value of an image become, as fractions of its range."""

SLOPE = (0.8, 1.2)
"""Of the curve, least and most: it always rises."""

ENTRIES = 256


def curve(rng: np.random.Generator) -> Array:
    """Draw a curve that rises smoothly from black to white.

    Five points 1/4 apart: black and white are drawn first, then the one half-way, then those at
    1/4 and 3/4, each uniformly where the slopes to both sides stay legal. Their polygon is smoothed
    by a Gaussian of 1/4 of their distance.

    Parameters
    ----------
    rng : numpy Generator     5 numbers are drawn

    Returns
    -------
    (256,) float64 : values, in fractions of the range, at 0, 1/255, …, 1 of it
    """
    y = np.array([rng.uniform(*BLACK), rng.uniform(*WHITE)])
    for distance in (1 / 2, 1 / 4):
        y = np.insert(y, range(1, len(y)), [_between(*ab, distance, rng) for ab in pairwise(y)])
    return _smooth(y, np.linspace(0, 1, ENTRIES))


def _between(a: float, b: float, distance: float, rng: np.random.Generator) -> float:
    """Draw the value half-way between two, `distance` from both."""
    least, most = SLOPE
    low = max(a + least * distance, b - most * distance)
    high = min(a + most * distance, b - least * distance)
    return float(low + (high - low) * rng.random())


def _smooth(y: Array, x: Array) -> Array:
    """Evaluate a polygon of equal steps over [0, 1] that a Gaussian has smoothed.

    The polygon goes on beyond its ends. It is a line, and a ramp max(d, 0) from every bend on; a
    Gaussian of standard deviation s makes that d Φ(d/s) + s φ(d/s). No slope gets steeper by it.
    """
    step = 1 / (len(y) - 1)
    slopes = np.diff(y) / step
    d = x[:, np.newaxis] - step * np.arange(1, len(y) - 1)
    s = step / 4
    ramps = d * scipy.special.ndtr(d / s) + s * np.exp(-((d / s) ** 2) / 2) / np.sqrt(2 * np.pi)
    return y[0] + slopes[0] * x + ramps @ np.diff(slopes)


def vary(x: Array, low: float, high: float, rng: np.random.Generator) -> Array:
    """Send the grey values of every channel through a curve of its own.

    Parameters
    ----------
    x : (H, W, C) float
    low, high : float         range of the whole image that `x` was cut from
    rng : numpy Generator     see `curve`

    Returns
    -------
    (H, W, C), in the dtype of `x` : from `low` to `high` where `x` is
    """
    y = np.empty_like(x)
    for c in range(x.shape[2]):
        table = (low + (high - low) * curve(rng)).astype(x.dtype)
        y[..., c] = _look_up(table, (x[..., c] - low) / ((high - low) or 1.0))
    return y


def _look_up(table: Array, x: Array) -> Array:
    """Interpolate linearly in a table over [0, 1]; its first and last piece go on beyond."""
    x = x * (len(table) - 1)
    i = np.clip(x.astype(np.intp), 0, len(table) - 2)
    start = table[i]
    return start + (x - i) * (table[1:][i] - start)
