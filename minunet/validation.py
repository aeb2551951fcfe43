"""Validation on whole slices, tiled as in prediction."""

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from minunet import tiling
from minunet.architecture import Architecture
from minunet.array import Array
from minunet.data.dataset import Dataset
from minunet.figures import Segmented
from minunet.metrics import pixel
from minunet.ops import cross_entropy


class Scores(NamedTuple):
    """Scores over all pixels of the validated slices."""

    energy: float  # mean per pixel, weighted as in training
    pixel_error: float
    iou: float  # mean over classes


def validated_slices(data: Dataset) -> Sequence[int]:
    """Slices to validate on: those held out, or where there are none, those trained on."""
    return data.held_out or data.training


def constant_error(data: Dataset) -> float:
    """Pixel error on the validated slices of the best constant answer."""
    counts = np.bincount(np.concatenate([data.labels[k].ravel() for k in validated_slices(data)]))
    return float(1 - counts.max() / counts.sum())


@np.errstate(over="ignore", invalid="ignore")  # an overflow shows in the energy
def validate(
    params: dict[str, Array], data: Dataset, arch: Architecture, tile: int, weights: Array
) -> tuple[Scores, list[Segmented]]:
    """Segment the validated slices and score them.

    Parameters
    ----------
    params : dict            on any device
    data : Dataset
    arch : Architecture
    tile : int               pixels
    weights : (K,)           of the classes, for the energy

    Returns
    -------
    scores : Scores
    shown : list             the first and the last slice, for a preview
    """
    slices = validated_slices(data)
    energy, matrix = 0.0, np.zeros((arch.classes, arch.classes), np.int64)
    shown: list[Segmented] = []
    for k in slices:
        image, labels = data.images[k], data.labels[k]
        scores = tiling.whole(tiling.segment(params, image, arch, tile), image)
        slice_energy, p = cross_entropy.forward(scores, labels, weights[labels])
        energy += float(slice_energy)
        matrix += pixel.confusion(labels, p.argmax(axis=-1), arch.classes)
        if k in (slices[0], slices[-1]):
            shown.append(Segmented(image, p, labels))
    pixels = int(matrix.sum())
    return Scores(energy / pixels, pixel.pixel_error(matrix), pixel.mean_iou(matrix)), shown
