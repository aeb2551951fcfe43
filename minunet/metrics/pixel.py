"""Pixel-wise scores, computed from a confusion matrix, which may cover many images."""

from collections.abc import Callable, Sequence
from itertools import repeat
from math import nan

import numpy as np

from minunet.array import Array


def confusion(truth: Array, predicted: Array, classes: int) -> Array:
    """Count pixels by true and predicted class.

    Parameters
    ----------
    truth, predicted : (H, W)     integer, 0 … K-1
    classes : int                 number of classes, K

    Returns
    -------
    (K, K) int64 : row = true class, column = predicted class; add matrices to combine images
    """
    pairs = truth.astype(np.intp) * classes + predicted.astype(np.intp)  # bincount takes no other
    counts = np.bincount(pairs.ravel(), minlength=classes**2).reshape(classes, classes)
    return counts.astype(np.int64, copy=False)


def confusions(
    truth: Sequence[Array],
    predicted: Sequence[Array],
    classes: int,
    annotated: Sequence[Array] | None = None,
) -> list[Array]:
    """Count the annotated pixels of every slice by true and predicted class.

    Parameters
    ----------
    truth, predicted : sequence of (H, W)            integer, 0 … K-1
    classes : int                                    number of classes, K
    annotated : sequence of (H, W) bool, or None     pixels that count; None: all

    Returns
    -------
    list of (K, K) int64 : see `confusion`
    """
    pairs = zip(truth, predicted, strict=True)
    masks = repeat(None, len(truth)) if annotated is None else annotated
    return [
        confusion(labels, found, classes)
        if known is None
        else confusion(labels[known], found[known], classes)
        for (labels, found), known in zip(pairs, masks, strict=True)
    ]


def whole_and_each(
    compute: Callable[[Array], float], matrices: Sequence[Array]
) -> tuple[float, tuple[float, ...]]:
    """Compute a score from all matrices together, and from each; nan if it counts no pixels."""
    whole, *each = (
        compute(matrix) if matrix.any() else nan for matrix in (np.sum(matrices, axis=0), *matrices)
    )
    return whole, tuple(each)


def pixel_error(matrix: Array) -> float:
    """Return the fraction of pixels assigned to the wrong class.

    This is the misclassification rate, not the 1 - F-score that the ISBI challenge called pixel
    error (`challenge_error`).
    """
    return float(1 - np.trace(matrix) / matrix.sum())


def mean_iou(matrix: Array) -> float:
    """Return intersection over union, TP / (TP + FP + FN), averaged over the classes that occur.

    A constant prediction gets a low score, however common the predicted class is.
    """
    intersection = np.diag(matrix)
    union = matrix.sum(axis=0) + matrix.sum(axis=1) - intersection
    return float(np.mean(intersection[union > 0] / union[union > 0]))


def iou(matrix: Array, k: int) -> float:
    """Return intersection over union of class k, TP / (TP + FP + FN).

    The value is 1 if class k occurs neither in the truth nor in the prediction.

    Parameters
    ----------
    matrix : (K, K)     from `confusion`, or a sum of such matrices
    k : int
    """
    intersection = matrix[k, k]
    union = matrix[k].sum() + matrix[:, k].sum() - intersection
    return float(intersection / union) if union else 1.0


def dice(matrix: Array, k: int) -> float:
    """Return the Dice coefficient of class k, 2 TP / (2 TP + FP + FN).

    The Dice coefficient equals the F-score, the harmonic mean of precision and recall. The value is
    1 if class k occurs neither in the truth nor in the prediction. Parameters as in `iou`.
    """
    both = matrix[k].sum() + matrix[:, k].sum()
    return float(2 * matrix[k, k] / both) if both else 1.0


def challenge_error(matrix: Array, cell: int) -> float:
    """Return 1 - F-score of the class cell, which the ISBI 2012 challenge called pixel error.

    The challenge took the minimum over its thresholds; at each threshold, the matrix counted the
    pixels of all slices.
    Parameters as in `iou`.
    """
    return 1 - dice(matrix, cell)
