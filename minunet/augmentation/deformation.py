"""Elastic deformation: the source position of every pixel of a tile (paper, section 3.1).

    source(x) = centre + A (x + u(x) - m)

x is a pixel of the tile, m the middle of the tile, both in pixels; u is the elastic displacement, A
a rotation with or without a flip, and `centre` the position in the image that maps to m. The
elastic displacement comes before the rigid motion, as in the authors' later code
(`CreateDeformation` of caffe_unet).

u is a spline through, or near, random vectors g on a coarse grid. Along an axis of n pixels with k
grid points, the spline is one matrix S (n, k), so the field needs two small products: u = S g Sᵀ.
Both splines reproduce straight lines. The rigid motion is therefore applied to the grid points
only, and costs nothing per pixel.
"""

from typing import NamedTuple

import numpy as np
import scipy

from minunet.array import Array

POINTS = 3
"""Grid points of the interpolating spline along an axis: the paper's "coarse 3 by 3 grid"."""

SPACING = 150.0
"""Spacing of the grid points of the B-spline, in pixels, from the authors' later code."""


FOLDS = 13.8
"""Side of a tile, in σ, below which the interpolating spline folds more than 1 % of the tiles.

A deformation x + u(x) folds where det(1 + ∇u) ≤ 0: there it maps a neighbourhood onto itself turned
inside out, so that a membrane, say, appears three times side by side. ∇u is proportional to σ and
inversely proportional to the distance between the grid points, n - 1 pixels for two of them, so the
share of folded tiles depends on (n - 1) / σ alone. `benchmarks/folding.py` simulates 60,000 tiles
of n pixels with σ = 10; in these, the determinant is not positive somewhere:

| n    | 60    | 92    | 124   | 138    | 140    | 148    | 172    | 196     |
|------|-------|-------|-------|--------|--------|--------|--------|---------|
| fold | 70.4% | 20.6% | 3.02% | 1.11 % | 0.96 % | 0.50 % | 0.06 % | 0.005 % |

The B-spline does not fold: its grid points are 150 pixels apart, whatever the size of the tile.
"""


class Spline(NamedTuple):
    """Linear map from values at the grid points along an axis to values at the pixels along it."""

    weights: Array  # (n, k): weight of grid point k at pixel n; every row sums to 1
    points: Array  # (k,): positions of the grid points, in pixels of the tile


def interpolating(size: int) -> Spline:
    """Return the cubic spline through 3 grid points: the ends and the middle of the tile.

    The grid spans the whole input tile, from corner pixel to corner pixel, whatever its size: a
    196-pixel tile is bent three times as sharply as the paper's 572-pixel tile. The spline is the
    natural one, which has no curvature at its ends: of all smooth curves through the points, it
    bends least.

    Parameters
    ----------
    size : int     side n of the tile, in pixels; 2 or more
    """
    points = np.linspace(0, size - 1, POINTS)
    through = scipy.interpolate.CubicSpline(points, np.eye(POINTS), bc_type="natural")
    return Spline(through(np.arange(size)), points)


def folds(size: int, sigma: float) -> bool:
    """Return True if the interpolating spline folds more than 1 % of the tiles, see `FOLDS`.

    Parameters
    ----------
    size : int        side n of the tile, in pixels
    sigma : float     standard deviation of the displacements, in pixels

    Examples
    --------
    >>> folds(138, 10.0), folds(139, 10.0), folds(60, 0.0)
    (True, False, False)
    """
    return size - 1 < FOLDS * sigma


def b_spline(size: int) -> Spline:
    """Return the uniform cubic B-spline, which passes near its ⌊n/150⌋ + 4 grid points.

    Grid point 1 lies at pixel 0. If the random vectors at the grid points have standard
    deviation σ, the displacement has σ/2 at those points and 0.46 σ half-way between them.

    Parameters
    ----------
    size : int     side n of the tile, in pixels
    """
    knots = np.arange(int(size / SPACING) + 4) - 1
    t = np.abs(np.arange(size)[:, np.newaxis] / SPACING - knots)
    near, far = 2 / 3 - t**2 + t**3 / 2, np.maximum(2 - t, 0) ** 3 / 6
    return Spline(np.where(t < 1, near, far), knots * SPACING)


def rigid(angle: float, flipped: bool) -> Array:
    """Return the matrix (2, 2) that rotates and flips vectors (row, column).

    For quarter turns, the result is the same as with `image.symmetry`: the tile is first rotated
    counter-clockwise, then flipped left to right.

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
    """Return the position in the image that every pixel of a tile comes from.

    Parameters
    ----------
    size : int                       side n of the tile, in pixels
    spline : Spline                  the same for both axes
    displacement : (2, k, k)         g, in rows and columns, at the grid points
    motion : (2, 2)                  A, see `rigid`
    centre : (row, column)           may lie between pixels

    Returns
    -------
    (2, n, n) float64 : rows and columns; may lie outside the image
    """
    grid = np.stack(np.meshgrid(spline.points, spline.points, indexing="ij")) + displacement
    moved = np.einsum("ij,jkl->ikl", motion, grid - (size - 1) / 2)
    moved += np.reshape(centre, (2, 1, 1))
    return spline.weights @ moved @ spline.weights.T
