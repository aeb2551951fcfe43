"""Validation on whole slices, tiled as in prediction."""

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from minunet.array import Array, Tensors
from minunet.data.dataset import Dataset
from minunet.image import annotated_pixels
from minunet.metrics import em, pixel
from minunet.metrics.score import finite
from minunet.network import Network
from minunet.ops import cross_entropy
from minunet.prediction import instances
from minunet.prediction.tiling import Tiling, assemble, windows
from minunet.runs.settings import Settings
from minunet.training import thresholds


class Validation(NamedTuple):
    """Scores over all annotated pixels of the validation slices."""

    energy: float  # mean over the annotated pixels, weighted as in training
    pixel_error: float
    iou: float  # mean over classes
    v_rand: float | None = None  # after thinning; computed only if it selects the best step
    seg: float | None = None  # computed only if it selects the best step

    def summary(self, score: str) -> str:
        """Describe the pixel error and one more score in words."""
        return f"pixel error {self.pixel_error:.4f}, {NAMES[score]} {getattr(self, score):.3f}"


NAMES = {"iou": "IoU", "v_rand": "V_Rand", "seg": "SEG"}
"""Names of the scores that can select the best step."""


def validation_slices(data: Dataset) -> list[int]:
    """List the slices to validate on: held-out ones, or training slices if there are none."""
    return data.scored(data.held_out or data.training)


def baseline_error(data: Dataset, slices: Sequence[int] | None = None) -> float:
    """Return the pixel error of the trivial baseline: the most frequent class everywhere.

    Parameters
    ----------
    data : Dataset
    slices : sequence of int or None     None: the validation slices
    """
    slices = validation_slices(data) if slices is None else slices
    counts = np.bincount(np.concatenate([data.labels[k][data.annotated[k]] for k in slices]))
    return float(1 - counts.max() / counts.sum())


@np.errstate(over="ignore", invalid="ignore")  # an overflow shows in the energy
def validate(params: Tensors, data: Dataset, settings: Settings) -> tuple[Validation, list[Array]]:
    """Segment the validation slices and score them.

    Parameters
    ----------
    params : dict            on any device
    data : Dataset
    settings : Settings

    Returns
    -------
    scores : Validation
    p : list of (H, W, K)    class probabilities of every validation slice
    """
    arch, slices = settings.architecture, validation_slices(data)
    network, tiling = Network(params, arch), Tiling(settings.tile)
    energy, pixels, matrix = 0.0, 0, np.zeros((arch.classes, arch.classes), np.int64)
    probabilities = []
    for k in slices:
        sample, annotated = data.samples[k], data.annotated[k]
        logits = assemble(windows(network, sample.x, tiling), sample.x)
        slice_energy, _ = cross_entropy.forward(logits, sample.labels, sample.weight_map)
        energy += float(slice_energy)
        pixels += annotated_pixels(sample)
        p = cross_entropy.softmax(data.enlarged(logits, k))
        predicted = p.argmax(axis=-1)
        matrix += pixel.confusion(data.labels[k][annotated], predicted[annotated], arch.classes)
        probabilities.append(p)
    return Validation(
        energy / max(pixels, 1),
        pixel.pixel_error(matrix),
        pixel.mean_iou(matrix),
        **_cell_score(data, probabilities, settings),
    ), probabilities


def _cell_score(
    data: Dataset, probabilities: Sequence[Array], settings: Settings
) -> dict[str, float]:
    """Compute V_Rand or SEG, if that score selects the best step."""
    if data.cells is None or settings.score == "iou":
        return {}
    slices = validation_slices(data)
    truth, annotated = [data.cells[k] for k in slices], [data.annotated[k] for k in slices]
    p = [one[..., 1] for one in probabilities]
    if settings.score == "v_rand":
        return {"v_rand": em.v_rand(truth, p, annotated=annotated).value}
    value = thresholds.Shown(data, slices, p).seg(instances.rule(settings))
    return {"seg": value if finite(value) else 0.0}  # 0 if there are no true cells
