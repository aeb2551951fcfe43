"""Scores for several classes: compare the most probable class with the true one."""

from collections.abc import Callable, Sequence
from functools import partial

from minunet.array import Array
from minunet.metrics import pixel
from minunet.metrics.score import Score

TOGETHER = "over the pixels of all slices together."


def scores(
    truth: Sequence[Array],
    predicted: Sequence[Array],
    classes: int,
    *,
    annotated: Sequence[Array] | None = None,
) -> list[Score]:
    """Compute all scores of a stack.

    Parameters
    ----------
    truth, predicted : sequence of (H, W)            integer, 0 … K-1
    classes : int                                    number of classes, K
    annotated : sequence of (H, W) bool, or None     pixels that count; None: all

    Returns
    -------
    list of Score : every score of a slice without annotated pixels is nan
    """
    matrices = pixel.confusions(truth, predicted, classes, annotated)

    def score(
        key: str, name: str, compute: Callable[[Array], float], convention: str, higher: bool = True
    ) -> Score:
        value, slices = pixel.whole_and_each(compute, matrices)
        return Score(key, name, value, slices, f"{convention} {TOGETHER}", higher)

    return [
        score(
            "pixel_error",
            "pixel error",
            pixel.pixel_error,
            "Fraction of pixels assigned to the wrong class,",
            False,
        ),
        score(
            "mean_iou",
            "IoU, mean over classes",
            pixel.mean_iou,
            "TP / (TP + FP + FN), averaged over the classes that occur,",
        ),
        *(
            score(
                f"{key}_{k}",
                f"{name} of class {k}",
                partial(compute, k=k),
                f"{formula} of class {k},",
            )
            for key, name, compute, formula in (
                ("iou", "IoU", pixel.iou, "TP / (TP + FP + FN)"),
                ("dice", "Dice", pixel.dice, "2 TP / (2 TP + FP + FN)"),
            )
            for k in range(classes)
        ),
    ]
