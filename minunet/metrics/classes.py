"""Scores for several classes: compare the most probable class with the true one."""

from collections.abc import Callable, Sequence
from functools import partial

import numpy as np

from minunet.array import Array
from minunet.metrics import pixel
from minunet.metrics.score import Score

TOGETHER = "over the pixels of all slices together."


def confusion(
    truth: Sequence[Array],
    predicted: Sequence[Array],
    classes: int,
    *,
    annotated: Sequence[Array] | None = None,
) -> Array:
    """Count the pixels of a stack by true and predicted class; parameters as in `scores`.

    Returns
    -------
    (K, K) int64 : row = true class, column = predicted class
    """
    return np.sum(pixel.confusions(truth, predicted, classes, annotated), axis=0)


def confusion_table(matrix: Array, names: Sequence[str]) -> list[str]:
    """Return the lines of a table of a confusion matrix, each row in percent of its pixels.

    Parameters
    ----------
    matrix : (K, K)      see `confusion`
    names : K strings    names of the classes

    Examples
    --------
    >>> for line in confusion_table(np.array([[999, 1], [0, 0]]), ["0", "255"]):
    ...     print(line)
    confusion, in % of the row: the rows are true classes, the columns predicted ones
                   0     255      pixels
    0          99.90    0.10        1000
    255            –       –           0
    """
    first = max(8, *map(len, names))
    width = max(8, *(len(name) + 2 for name in names))
    lines = [
        "confusion, in % of the row: the rows are true classes, the columns predicted ones",
        " " * first + "".join(f"{name:>{width}}" for name in names) + f"{'pixels':>12}",
    ]
    for name, row in zip(names, matrix.tolist(), strict=True):
        pixels = sum(row)
        cells = [f"{100 * count / pixels:.2f}" if pixels else "–" for count in row]
        lines.append(
            f"{name:{first}}" + "".join(f"{cell:>{width}}" for cell in cells) + f"{pixels:>12}"
        )
    return lines


def scores(
    truth: Sequence[Array],
    predicted: Sequence[Array],
    classes: int,
    *,
    annotated: Sequence[Array] | None = None,
    names: Sequence[str] = (),
) -> list[Score]:
    """Compute all scores of a stack.

    Parameters
    ----------
    truth, predicted : sequence of (H, W)            integer, 0 … K-1
    classes : int                                    number of classes, K
    annotated : sequence of (H, W) bool, or None     pixels that count; None: all
    names : K strings                                of the classes; none: 0 … K-1

    Returns
    -------
    list of Score : every score of a slice without annotated pixels is nan
    """
    matrices = pixel.confusions(truth, predicted, classes, annotated)
    return of_confusions(matrices, names or [*map(str, range(classes))])


def of_confusions(matrices: Sequence[Array], names: Sequence[str]) -> list[Score]:
    """Compute all scores of a stack from the confusion matrix (K, K) of each slice."""

    def score(
        key: str, name: str, compute: Callable[[Array], float], convention: str, higher: bool = True
    ) -> Score:
        value, slices = pixel.whole_and_each(compute, matrices)
        return Score(key, name, value, slices, f"{convention} {TOGETHER}", higher)

    wrong = "Fraction of pixels assigned to the wrong class,"
    mean = "TP / (TP + FP + FN), averaged over the classes that occur,"
    return [
        score("pixel_error", "pixel error", pixel.pixel_error, wrong, higher=False),
        score("mean_iou", "IoU, mean over classes", pixel.mean_iou, mean),
        *(
            score(f"{key}_{one}", f"{name} of class {one}", compute, f"{formula} of class {one},")
            for key, name, of_class, formula in (
                ("iou", "IoU", pixel.iou, "TP / (TP + FP + FN)"),
                ("dice", "Dice", pixel.dice, "2 TP / (2 TP + FP + FN)"),
            )
            for k, one in enumerate(names)
            for compute in (partial(of_class, k=k),)
        ),
    ]
