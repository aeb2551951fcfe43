"""Shrink an image by averaging, and interpolate a map of the small image back to full size.

A pixel of the small image covers f image pixels along each axis, and is their mean, weighted by
area. So f need not be an integer, and may differ between the two axes. The last small pixel of an
axis may reach beyond the image; only the part inside counts. If f is below 1, the "small"
image is larger, and is interpolated.

Both directions process one axis after the other, in a loop over the taps of a kernel.
"""

from math import ceil
from typing import Any, NamedTuple, TypeAlias

import numpy as np

from minunet.array import Array
from minunet.image import bands
from minunet.metrics.segments import contingency

Factors: TypeAlias = tuple[float, float]
"""Image pixels per small pixel along the columns (y) and along the rows (x) of an image."""

NONE: Factors = (1.0, 1.0)


def pair(given: Any) -> tuple[float, float] | None:
    """Return two positive, finite numbers as floats; None if that is not what they are.

    Examples
    --------
    >>> pair([2, 0.5]), pair(2), pair((2, 0)), pair((1, float("inf")))
    ((2.0, 0.5), None, None, None)
    """
    try:
        if np.shape(given) == (2,):
            y, x = map(float, given)
            return (y, x) if all(0 < one < float("inf") for one in (y, x)) else None
    except (TypeError, ValueError, OverflowError):
        pass
    return None


def in_one_line(given: object) -> str:
    """Show a value in a message, at most 40 characters of it."""
    shown = " ".join(repr(given).split())
    return shown if len(shown) <= 40 else shown[:39] + "…"


def small_size(size: int, factor: float) -> int:
    """Return the number of small pixels that cover `size` image pixels.

    Examples
    --------
    >>> small_size(512, 4), small_size(5, 2), small_size(1, 8), small_size(10, 2.5)
    (128, 3, 1, 4)
    """
    return max(ceil(round(size / factor, 9)), 1)


def small_shape(shape: tuple[int, ...], factors: Factors) -> tuple[int, int]:
    """Return the height and the width of the small image of an image (H, W, …)."""
    height, width = (small_size(size, f) for size, f in zip(shape[:2], factors, strict=True))
    return height, width


class Taps(NamedTuple):
    """A linear map along one axis: y[i] = Σ_t weights[t, i] · x[source[t, i]]."""

    source: Array  # (T, n) integer
    weights: Array  # (T, n) float64; every column sums to 1

    def apply(self, x: Array, axis: int) -> Array:
        """Apply the map along an axis of an array, in its dtype."""
        shape = [1] * x.ndim
        shape[axis] = -1
        y = np.zeros_like(x, shape=(*x.shape[:axis], self.source.shape[1], *x.shape[axis + 1 :]))
        for source, weights in zip(self.source, self.weights.astype(x.dtype), strict=True):
            y += x.take(source, axis) * weights.reshape(shape)
        return y

    def part(self, which: slice) -> tuple["Taps", slice]:
        """Return the map to y[which] alone, and the part of x that it needs."""
        source = self.source[:, which]
        needed = slice(int(source.min()), int(source.max()) + 1)
        return Taps(source - needed.start, self.weights[:, which]), needed


def averaging(size: int, factor: float) -> Taps:
    """Return the map from an axis of `size` image pixels to small pixels.

    Examples
    --------
    >>> averaging(5, 2.5).apply(np.array([2.0, 4, 6, 8, 10]), 0)
    array([3.6, 8.4])
    """
    count = small_size(size, factor)
    if factor < 1:
        return _interpolation(count, (np.arange(count) + 0.5) * factor - 0.5, size)
    edges = np.minimum(np.arange(count + 1) * factor, size)
    first = np.floor(edges[:-1]).astype(np.intp)
    index = first + np.arange(min(ceil(factor) + 1, size))[:, np.newaxis]
    covered = np.minimum(edges[1:], index + 1) - np.maximum(edges[:-1], index)
    return Taps(np.minimum(index, size - 1), np.maximum(covered, 0) / np.diff(edges))


def interpolation(size: int, factor: float) -> Taps:
    """Return the map from small pixels back to an axis of `size` image pixels, linear between them.

    Examples
    --------
    >>> interpolation(4, 2).apply(np.array([1.0, 3.0]), 0)
    array([1. , 1.5, 2.5, 3. ])
    """
    return _interpolation(size, (np.arange(size) + 0.5) / factor - 0.5, small_size(size, factor))


def _interpolation(count: int, at: Array, size: int) -> Taps:
    """Return the map from `size` pixels to their values at `count` positions."""
    at = np.clip(at, 0, size - 1)
    below = np.floor(at).astype(np.intp)
    return Taps(
        np.stack([below, np.minimum(below + 1, size - 1)]), np.stack([1 - at + below, at - below])
    )


def shrink(image: Array, factors: Factors, small: Array | None = None) -> Array:
    """Shrink an image (H, W, C) by averaging, band by band.

    Parameters
    ----------
    image : (H, W, C)             any real dtype, in memory or mapped
    factors : Factors
    small : (h, w, C) or None     array for the result, such as a mapped file; None: a new one

    Returns
    -------
    (h, w, C)     float32; float64 if the dtype of the image needs it
    """
    down, across = (averaging(size, f) for size, f in zip(image.shape[:2], factors, strict=True))
    if small is None:
        shape = (*small_shape(image.shape, factors), image.shape[2])
        small = np.empty_like(image, shape=shape, dtype=small_dtype(image))
    for rows in bands((small.shape[0], ceil(factors[0]) * image.shape[1] * image.shape[2])):
        taps, needed = down.part(rows)
        small[rows] = taps.apply(across.apply(image[needed].astype(small.dtype), 1), 0)
    return small


def small_dtype(image: Array) -> np.dtype:
    """Return the dtype of the small image."""
    return np.result_type(image.dtype, np.float32)


def enlarge(
    small: Array, factors: Factors, shape: tuple[int, ...], rows: slice = np.s_[:]
) -> Array:
    """Interpolate a map of the small image to the size of the image, and return some rows.

    Parameters
    ----------
    small : (h, w, …)     in memory or mapped
    factors : Factors
    shape : (H, W, …)     of the image
    rows : slice          rows to return; default: all
    """
    down, across = (interpolation(n, f) for n, f in zip(shape[:2], factors, strict=True))
    taps, needed = down.part(rows)
    return across.apply(taps.apply(small[needed], 0), 1)


def shrink_labels(labels: Array, factors: Factors) -> Array:
    """Give every small pixel the most frequent label of its image pixels; in a tie, the largest.

    An image pixel belongs to the small pixel that contains its centre.

    Parameters
    ----------
    labels : (H, W)       integer, at least 0
    factors : Factors

    Returns
    -------
    (h, w), in the dtype of `labels`

    Examples
    --------
    >>> shrink_labels(np.array([[0, 0, 7, 7, 3], [7, 0, 0, 7, 3]]), (2, 2))
    array([[0, 7, 3]])
    """
    height, width = small_shape(labels.shape, factors)
    (rows, row), (columns, column) = map(_pairs, labels.shape, factors)
    pixel, label, count = contingency(
        row[:, np.newaxis] * width + column, labels[rows[:, np.newaxis], columns]
    )
    order = np.lexsort((label, count, pixel))
    last = np.flatnonzero(np.append(np.diff(pixel[order]) > 0, True))
    return label[order][last].reshape(height, width).astype(labels.dtype)


def _pairs(size: int, factor: float) -> tuple[Array, Array]:
    """Return image pixels of an axis and the small pixels they belong to, each at least once."""
    count, image = small_size(size, factor), np.arange(size)
    if factor < 1:
        small = np.arange(count)
        return np.minimum((small + 0.5) * factor, size - 1).astype(np.intp), small
    small = np.minimum((image + 0.5) // factor, count - 1).astype(np.intp)
    if small[-1] < count - 1:  # less than half of the last image pixel is in the last small one
        image, small = np.append(image, size - 1), np.append(small, count - 1)
    return image, small
