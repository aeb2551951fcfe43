"""Pixel-wise scores, computed from a confusion matrix, which may cover many images."""

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
    pairs = truth.astype(np.int64) * classes + predicted
    return np.bincount(pairs.ravel(), minlength=classes**2).reshape(classes, classes)


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
