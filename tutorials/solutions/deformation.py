"""Solutions of chapter 9, elastic deformation."""

from __future__ import annotations

import numpy as np

from minunet.augmentation import deformation, interpolation

halfway = 8 * (1 - (1 / 2 + (3 / 2 - 1 / 8) / 2) / 2)
"""S_1(1/2) = 11/16, so S_0(1/2) = 1 - (1/2 + 11/16) / 2 = 13/32, and 8 of it are 3.25."""


def turned(size: int, angle: float) -> np.ndarray:
    """Places of a tile that is turned about its middle, counter-clockwise.

    Rows go down, so the matrix is not the one of the school book: a step along a row of the tile is
    a step of (sin, cos) in the image.

    Parameters
    ----------
    size : n
    angle : radians

    Returns
    -------
    (2, n, n) : rows and columns in the image
    """
    middle = (size - 1) / 2
    r, c = np.indices((size, size)) - middle
    sin, cos = np.sin(angle), np.cos(angle)
    return np.stack([cos * r + sin * c, -sin * r + cos * c]) + middle


def deform(
    image: np.ndarray, labels: np.ndarray, S: np.ndarray, v: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """Bend an image and its labels: one field, two ways to read.

    Parameters
    ----------
    image, labels : (n, n)
    S : (n, 3)          shares of the three points of an axis
    v : (2, 3, 3)       displacement of the nine points, rows and columns
    """
    at = np.indices(image.shape) + S @ v @ S.T
    return interpolation.linear(image, at), interpolation.nearest(labels, at)


def folds(v: np.ndarray, size: int) -> bool:
    """Whether a tile folds: its determinant, at every pixel, from the slopes of S.

    The derivative along rows acts on the left S only, that along columns on the right one.

    Parameters
    ----------
    v : (2, 3, 3)       rows and columns
    size : n
    """
    S, _ = deformation.interpolating(size)
    slope = np.gradient(S, axis=0)
    (rr, cr), (rc, cc) = slope @ v @ S.T, S @ v @ slope.T
    return bool(np.any((1 + rr) * (1 + cc) - rc * cr <= 0))
