"""Validation on whole slices, tiled as in prediction."""

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from minunet.array import Array, Tensors
from minunet.data.dataset import Dataset
from minunet.metrics import em, pixel, seg, segments
from minunet.network import Network
from minunet.ops import cross_entropy
from minunet.prediction.tiling import Tiling, assemble, windows
from minunet.runs.settings import Settings
from minunet.training.thresholds import cells_of


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
    energy, matrix = 0.0, np.zeros((arch.classes, arch.classes), np.int64)
    probabilities = []
    for k in slices:
        image, labels, weight_map = data.images[k], data.labels[k], data.weight_maps[k]
        logits = assemble(windows(network, image, tiling), image)
        slice_energy, p = cross_entropy.forward(logits, labels, weight_map)
        energy += float(slice_energy)
        annotated = data.annotated[k]
        predicted = p.argmax(axis=-1)
        matrix += pixel.confusion(labels[annotated], predicted[annotated], arch.classes)
        probabilities.append(p)
    return Validation(
        energy / int(matrix.sum()),
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
    found = segments.annotated_only([cells_of(one, settings) for one in p], annotated)
    each = np.concatenate([seg.jaccard(a, b) for a, b in zip(truth, found, strict=True)])
    return {"seg": float(each.mean()) if each.size else 0.0}  # 0 if there are no true cells
