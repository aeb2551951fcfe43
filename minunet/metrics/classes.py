"""The scores of several classes: the most probable class against the true one."""

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
    classes : int                             K
    """
    pairs = zip(truth, predicted, strict=True)
    each = [pixel.confusion(labels, found, classes) for labels, found in pairs]
    whole = np.sum(each, axis=0)

    def score(
        key: str, name: str, of: Callable[[Array], float], convention: str, higher: bool = True
    ) -> Score:
        slices = tuple(of(matrix) for matrix in each)
        return Score(key, name, of(whole), slices, f"{convention} {TOGETHER}", higher)

    return [
        score(
            "pixel_error",
            "pixel error",
            pixel.pixel_error,
            "Fraction of pixels of the wrong class,",
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
