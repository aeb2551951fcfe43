"""Grey-value variation (paper, section 3.1): brightness, contrast, and a smooth curve.

The paper mentions grey-value variation but gives no details. This is `ValueAugmentation` of the
authors' later code, with their constants, but for the grey-value range of the image, not [0, 1].
"""

from itertools import pairwise

import numpy as np
import scipy

from minunet.array import Array

BLACK, WHITE = (0.0, 0.1), (0.9, 1.0)
"""Ranges for the new darkest and brightest value of an image, as fractions of its range."""

SLOPE = (0.8, 1.2)
"""Minimum and maximum slope of the curve, which therefore always rises."""

ENTRIES = 256
"""Number of values in the table of a curve."""


def curve(rng: np.random.Generator) -> Array:
    """Sample a curve that rises smoothly from black to white.

    The curve is a polyline through five points 1/4 apart. The values at black and white are sampled
    first, then the middle one, then those at 1/4 and 3/4; the last three are each sampled uniformly
    from the values that keep the slopes on both sides within `SLOPE`. A Gaussian, with a standard
    deviation of 1/4 of the distance between points, smooths the polyline.

    Parameters
    ----------
    rng : numpy Generator     5 numbers are drawn from it

    Returns
    -------
    (256,) float64 : new grey values for 0, 1/255, …, 1; all are fractions of the range
    """
    y = np.array([rng.uniform(*BLACK), rng.uniform(*WHITE)])
    for distance in (1 / 2, 1 / 4):
        y = np.insert(y, range(1, len(y)), [_between(*ab, distance, rng) for ab in pairwise(y)])
    return _smooth(y, np.linspace(0, 1, ENTRIES))


def _between(a: float, b: float, distance: float, rng: np.random.Generator) -> float:
    """Sample the value of the curve halfway between two points, each `distance` away."""
    least, most = SLOPE
    low = max(a + least * distance, b - most * distance)
    high = min(a + most * distance, b - least * distance)
    return float(low + (high - low) * rng.random())


def _smooth(y: Array, x: Array) -> Array:
    """Evaluate a polyline with equal steps over [0, 1], smoothed by a Gaussian.

    The polyline continues straight beyond its ends. It is the sum of a line and a ramp max(d, 0) at
    every bend; a Gaussian of standard deviation s turns the ramp into d Φ(d/s) + s φ(d/s).
    Smoothing makes no slope steeper.
    """
    step = 1 / (len(y) - 1)
    slopes = np.diff(y) / step
    d = x[:, np.newaxis] - step * np.arange(1, len(y) - 1)
    s = step / 4
    ramps = d * scipy.special.ndtr(d / s) + s * np.exp(-((d / s) ** 2) / 2) / np.sqrt(2 * np.pi)
    return y[0] + slopes[0] * x + ramps @ np.diff(slopes)


def vary(x: Array, low: float, high: float, rng: np.random.Generator) -> Array:
    """Apply a random curve to the grey values; every channel gets its own curve.

    Parameters
    ----------
    x : (H, W, C) float
    low, high : float         grey-value range of the whole image that `x` was cut from
    rng : numpy Generator     see `curve`

    Returns
    -------
    (H, W, C), in the dtype of `x` : values in [low, high] stay in that range
    """
    y = np.empty_like(x)
    for c in range(x.shape[2]):
        table = (low + (high - low) * curve(rng)).astype(x.dtype)
        y[..., c] = _look_up(table, (x[..., c] - low) / ((high - low) or 1.0))
    return y


def _look_up(table: Array, x: Array) -> Array:
    """Interpolate linearly in a table over [0, 1]; extrapolate its first and last segments."""
    x = x * (len(table) - 1)
    i = np.clip(x.astype(np.intp), 0, len(table) - 2)
    start = table[i]
    return start + (x - i) * (table[1:][i] - start)
