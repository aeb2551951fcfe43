"""Interpolation between the pixels of an image, with mirroring beyond its edges.

A position is (row, column), in pixels, and may lie anywhere, even outside the image. Mirroring is
the same as in `image.mirror`: the edge pixel is not repeated, and the reflection continues
indefinitely.
"""

import numpy as np
import scipy

from minunet.array import Array
from minunet.image import bands, mirror

CACHED = 2**14
"""Number of positions per band, small enough for temporary arrays to stay in the cache."""


def linear(image: Array, at: Array) -> Array:
    """Interpolate linearly between the four pixels around each position.

        y = (1-f) [(1-g) image[i, j]   + g image[i, j+1]]
            +  f  [(1-g) image[i+1, j] + g image[i+1, j+1]]            at (i + f, j + g)

    Parameters
    ----------
    image : (H, W) or (H, W, C)      float
    at : (2, n, m)                   float64, rows and columns

    Returns
    -------
    (n, m) or (n, m, C), in the dtype of the image
    """
    first, rows, columns = _mirrors(at, image.shape)
    pixels = image.reshape(-1, *image.shape[2:])
    y = np.empty_like(image, shape=at.shape[1:] + image.shape[2:])
    for band in bands(at.shape[1:], CACHED):
        inside = at[:, band] - first
        (i, j) = whole = inside.astype(np.intp)
        f, g = (inside - whole).astype(image.dtype).reshape(2, *i.shape, *[1] * (image.ndim - 2))
        upper, lower, left, right = rows[i], rows[i + 1], columns[j], columns[j + 1]
        above, below = pixels.take(upper + left, axis=0), pixels.take(lower + left, axis=0)
        above += g * (pixels.take(upper + right, axis=0) - above)
        below += g * (pixels.take(lower + right, axis=0) - below)
        y[band] = above + f * (below - above)
    return y


def nearest(labels: Array, at: Array) -> Array:
    """Read the pixel nearest to each position; of two equally near, the lower or the right one.

    Parameters
    ----------
    labels : (H, W)      any dtype
    at : (2, n, m)       float64, rows and columns

    Returns
    -------
    (n, m), in the dtype of the labels
    """
    first, rows, columns = _mirrors(at, labels.shape)
    pixels = labels.ravel()
    y = np.empty_like(labels, shape=at.shape[1:])
    for band in bands(at.shape[1:], CACHED):
        i, j = (at[:, band] - first + 0.5).astype(np.intp)
        y[band] = pixels.take(rows[i] + columns[j])
    return y


def cubic(image: Array, at: Array) -> Array:
    """Interpolate with the cubic B-spline through all pixels.

    The result is sharper than that of `linear`, but may overshoot.

    Parameters
    ----------
    image : (H, W, C)     float
    at : (2, n, m)        float64, rows and columns

    Returns
    -------
    (n, m, C), in the dtype of the image
    """
    y = np.empty_like(image, shape=(*at.shape[1:], image.shape[2]))
    for c in range(image.shape[2]):
        scipy.ndimage.map_coordinates(image[..., c], at, output=y[..., c], order=3, mode="mirror")
    return y


def _mirrors(at: Array, shape: tuple[int, ...]) -> tuple[Array, Array, Array]:
    """Tabulate the mirrored rows and columns over the range that the positions cover.

    Returns
    -------
    first : (2, 1, 1)      row and column of the first entry of the tables
    rows, columns : 1D     what each row and column adds to the index of a pixel in the flat image
    """
    first = np.floor(at.min(axis=(1, 2))).astype(int)
    top, left = map(int, first)
    down, across = (np.floor(at.max(axis=(1, 2))).astype(int) + 2 - first).tolist()
    rows = mirror(top, down, shape[0]) * shape[1]
    return first[:, np.newaxis, np.newaxis], rows, mirror(left, across, shape[1])
