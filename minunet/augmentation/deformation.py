"""Where every pixel of a deformed tile comes from (paper, section 3.1).

    source(x) = centre + A (x + u(x) - m)

x is a pixel of the tile and m its middle, both in pixels; u the elastic displacement, A a rotation
with or without a flip, `centre` the place in the image that the middle of the tile shows. Elastic
first, then rigid, as in the authors' later code (`CreateDeformation` of caffe_unet).

u is a spline through, or near, random vectors on a coarse grid. Along an axis of n pixels with k
grid points such a spline is one matrix (n, k), so a field is two small products: u = S g Sᵀ. Both
splines reproduce straight lines. Hence the rigid motion moves only the grid points, and what lies
between them follows: it costs nothing per pixel.
"""

from typing import NamedTuple

import numpy as np
import scipy

from minunet.array import Array

POINTS = 3
"""Grid points along an axis of the interpolating spline: the paper's "coarse 3 by 3 grid"."""

SPACING = 150.0
"""Pixels between the grid points of the B-spline, in the authors' later code."""


class Spline(NamedTuple):
    """How the values at the grid points of an axis spread over its pixels."""

    weights: Array  # (n, k): of grid point k at pixel n; every row sums to 1
    points: Array  # (k,): where the grid points lie, in pixels of the tile


def interpolating(size: int) -> Spline:
    """Cubic spline through 3 grid points: at both ends of the tile and in its middle.

    The grid spans the whole input tile, corner pixel to corner pixel, whatever its size: a tile of
    196 pixels is bent three times as sharply as the paper's 572. The spline is the natural one,
    without curvature at its ends: of all curves through the points it bends least.

    Parameters
    ----------
    size : int     n of the tile, pixels; at least 2
    """
    points = np.linspace(0, size - 1, POINTS)
    through = scipy.interpolate.CubicSpline(points, np.eye(POINTS), bc_type="natural")
    return Spline(through(np.arange(size)), points)


def b_spline(size: int) -> Spline:
    """Uniform cubic B-spline, which passes near its grid points: ⌊n/150⌋ + 4 of them.

    Grid point 1 lies at pixel 0. A displacement of standard deviation σ at the grid points is one
    of σ/2 there along the spline, and of 0.46 σ in the middle between them.

    Parameters
    ----------
    size : int     n of the tile, pixels
    """
    knots = np.arange(int(size / SPACING) + 4) - 1
    t = np.abs(np.arange(size)[:, np.newaxis] / SPACING - knots)
    near, far = 2 / 3 - t**2 + t**3 / 2, np.maximum(2 - t, 0) ** 3 / 6
    return Spline(np.where(t < 1, near, far), knots * SPACING)


def rigid(angle: float, flipped: bool) -> Array:
    """Matrix (2, 2) that turns and flips, on vectors (row, column).

    At k quarter turns the tile comes out as `augment.symmetry` makes it: flipped last, left to
    right, and turned counter-clockwise before.

    Parameters
    ----------
    angle : float      radians
    flipped : bool
    """
    c, s = np.cos(angle), np.sin(angle)
    return np.array([[c, s], [-s, c]]) * (1, -1 if flipped else 1)


def source(
    size: int, spline: Spline, displacement: Array, motion: Array, centre: tuple[float, float]
) -> Array:
    """Find the place in the image that every pixel of a tile shows.

    Parameters
    ----------
    size : int                       n of the tile, pixels
    spline : Spline                  of both axes
    displacement : (2, k, k)         of the grid points, rows and columns, pixels
    motion : (2, 2)                  A, see `rigid`
    centre : (row, column)           may lie between pixels

    Returns
    -------
    (2, n, n) float64 : rows and columns in the image; may lie outside of it
    """
    grid = np.stack(np.meshgrid(spline.points, spline.points, indexing="ij")) + displacement
    moved = np.einsum("ij,jkl->ikl", motion, grid - (size - 1) / 2)
    moved += np.reshape(centre, (2, 1, 1))
    return spline.weights @ moved @ spline.weights.T
