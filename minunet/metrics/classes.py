"""Scores for several classes: compare the most probable class with the true one."""

from collections.abc import Callable, Sequence
from functools import partial

import numpy as np

from minunet.array import Array
from minunet.metrics import pixel
from minunet.metrics.score import Score

TOGETHER = "over the pixels of all slices together."


def scores(truth: Sequence[Array], predicted: Sequence[Array], classes: int) -> list[Score]:
    """Compute all scores of a stack.

    Parameters
    ----------
    truth, predicted : sequence of (H, W)     integer, 0 … K-1
    classes : int                             number of classes, K
    """
    pairs = zip(truth, predicted, strict=True)
    each = [pixel.confusion(labels, found, classes) for labels, found in pairs]
    whole = np.sum(each, axis=0)

    def score(
        key: str, name: str, compute: Callable[[Array], float], convention: str, higher: bool = True
    ) -> Score:
        slices = tuple(compute(matrix) for matrix in each)
        return Score(key, name, compute(whole), slices, f"{convention} {TOGETHER}", higher)

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
                f"iou_{k}",
                f"IoU of class {k}",
                partial(pixel.iou, k=k),
                f"TP / (TP + FP + FN) of class {k},",
            )
            for k in range(classes)
        ),
    ]
