"""Validation on whole slices, tiled as in prediction."""

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from minunet.array import Array
from minunet.data.dataset import Dataset
from minunet.metrics import em, pixel, seg
from minunet.ops import cross_entropy
from minunet.prediction import instances, tiling
from minunet.report.run_pictures import Segmented
from minunet.runs.settings import Settings


class Scores(NamedTuple):
    """Scores over all annotated pixels of the validated slices."""

    energy: float  # mean per pixel, weighted as in training
    pixel_error: float
    iou: float  # mean over classes
    v_rand: float | None = None  # after thinning; if it is what picks the best step
    seg: float | None = None  # if it is what picks the best step

    def words(self, score: str) -> str:
        """Say what matters of them."""
        return f"pixel error {self.pixel_error:.4f}, {NAMES[score]} {getattr(self, score):.3f}"


NAMES = {"iou": "IoU", "v_rand": "V_Rand", "seg": "SEG"}
"""What the scores that may pick the best step are called."""


def validated_slices(data: Dataset) -> Sequence[int]:
    """Slices to validate on: those held out, or where there are none, those trained on."""
    return data.held_out or data.training


def constant_error(data: Dataset) -> float:
    """Pixel error on the validated slices of the best constant answer."""
    slices = validated_slices(data)
    counts = np.bincount(np.concatenate([data.labels[k][data.weight_maps[k] > 0] for k in slices]))
    return float(1 - counts.max() / counts.sum())


@np.errstate(over="ignore", invalid="ignore")  # an overflow shows in the energy
def validate(
    params: dict[str, Array], data: Dataset, settings: Settings
) -> tuple[Scores, list[Segmented]]:
    """Segment the validated slices and score them.

    Parameters
    ----------
    params : dict            on any device
    data : Dataset
    settings : Settings

    Returns
    -------
    scores : Scores
    shown : list             the first and the last slice, for a preview
    """
    arch, slices = settings.architecture, validated_slices(data)
    energy, matrix = 0.0, np.zeros((arch.classes, arch.classes), np.int64)
    probabilities = []
    for k in slices:
        image, labels, weight_map = data.images[k], data.labels[k], data.weight_maps[k]
        scores = tiling.whole(tiling.segment(params, image, arch, settings.tile), image)
        slice_energy, p = cross_entropy.forward(scores, labels, weight_map)
        energy += float(slice_energy)
        annotated = weight_map > 0
        predicted = p.argmax(axis=-1)
        matrix += pixel.confusion(labels[annotated], predicted[annotated], arch.classes)
        probabilities.append(p)
    pixels = int(matrix.sum())
    shown = [
        Segmented(data.images[k], p, data.labels[k])
        for k, p in zip(slices, probabilities, strict=True)
        if k in (slices[0], slices[-1])
    ]
    return Scores(
        energy / pixels,
        pixel.pixel_error(matrix),
        pixel.mean_iou(matrix),
        **_cell_score(data, probabilities, settings),
    ), shown


def _cell_score(
    data: Dataset, probabilities: Sequence[Array], settings: Settings
) -> dict[str, float]:
    """Compute the score of whole cells that picks the best step, if there is one."""
    if data.cells is None or settings.score == "iou":
        return {}
    truth = [data.cells[k] for k in validated_slices(data)]
    p = [one[..., 1] for one in probabilities]
    if settings.score == "v_rand":
        return {"v_rand": em.v_rand(truth, p).value}
    found = [instances.from_probability(one, smallest=settings.smallest) for one in p]
    each = np.concatenate([seg.jaccard(a, b) for a, b in zip(truth, found, strict=True)])
    return {"seg": float(each.mean()) if each.size else 0.0}  # there may be no cell to find
