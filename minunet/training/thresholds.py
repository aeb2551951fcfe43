"""The threshold of the probability of class 1: chosen on some slices, to be used on others."""

from collections.abc import Sequence

import numpy as np

from minunet.array import Array
from minunet.data.dataset import Dataset
from minunet.errors import InputError
from minunet.metrics import em, pixel, seg, segments, warping
from minunet.metrics.score import THRESHOLDS, finite
from minunet.prediction import instances
from minunet.runs.settings import Settings

USUAL = 0.5
"""The threshold of the most probable class; of equally good thresholds, the one nearest to it."""


def spread_evenly(slices: Sequence[int], count: int) -> list[int]:
    """Return `count` of the slices, evenly spread, with the first and the last; or all of them.

    Examples
    --------
    >>> spread_evenly([2, 3, 5, 6, 8, 9], 3), spread_evenly([2, 3], 5), spread_evenly([2, 3, 4], 1)
    ([2, 5, 9], [2, 3], [2])
    """
    count = min(count, len(slices))
    return [slices[k * (len(slices) - 1) // max(count - 1, 1)] for k in range(count)]


def choose(
    data: Dataset, slices: Sequence[int], p: Sequence[Array], settings: Settings
) -> float | None:
    """Choose the threshold with the best score, which is the one that selects the best step.

    Parameters
    ----------
    data : Dataset
    slices : sequence of int      slices to choose on
    p : sequence of (H, W, K)     their class probabilities
    settings : Settings

    Returns
    -------
    float or None : one of `THRESHOLDS`; None with more than two classes, or without any score
    """
    if len(data.label_values) != 2:
        return None
    values = by_threshold(data, slices, [one[..., 1] for one in p], settings)
    return best(values)


def best(values: Sequence[float]) -> float | None:
    """Return the threshold with the highest value; of equally good ones, that nearest to 0.5.

    Parameters
    ----------
    values : sequence of float     for each of `THRESHOLDS`; nan if undefined

    Examples
    --------
    >>> best([0, 0, 0.7, 0.8, 0.8, 0.7, 0.8, 0.1, 0, float("nan")])
    0.4
    """
    known = [k for k, value in enumerate(values) if finite(value)]
    if not known:
        return None
    highest = max(values[k] for k in known)
    equal = [THRESHOLDS[k] for k in known if values[k] == highest]
    return min(equal, key=lambda threshold: round(abs(threshold - USUAL), 6))


def cells_of(p: Array, settings: Settings, threshold: float = USUAL) -> Array:
    """Find and number the cells in a probability map (H, W), with the settings of a run."""
    return instances.from_probability(
        p, threshold, settings.smallest, connectivity=settings.connectivity
    )


def by_threshold(
    data: Dataset, slices: Sequence[int], p: Sequence[Array], settings: Settings
) -> list[float]:
    """Compute the score for each of `THRESHOLDS`; `p` are probabilities (H, W) of class 1."""
    annotated = [data.annotated[k] for k in slices]
    if settings.score == "iou" or data.cells is None:
        labels = [data.labels[k] for k in slices]
        found = [[warping.proposed_cells(one, t) for one in p] for t in THRESHOLDS]
        matrices = (np.sum(pixel.confusions(labels, at, 2, annotated), axis=0) for at in found)
        return [pixel.mean_iou(matrix) for matrix in matrices]
    truth = [data.cells[k] for k in slices]
    if settings.score == "v_rand":
        return list(em.v_rand(truth, p, annotated=annotated).by_threshold)
    truth = segments.annotated_only(truth, annotated)
    return [_seg(truth, p, annotated, t, settings) for t in THRESHOLDS]


def _seg(
    truth: Sequence[Array],
    p: Sequence[Array],
    annotated: Sequence[Array],
    threshold: float,
    settings: Settings,
) -> float:
    """Compute SEG at one threshold; nan without true cells, or with too many proposed ones."""
    try:
        found = [cells_of(one, settings, threshold) for one in p]
    except InputError:  # more cells than a mask can number
        return float("nan")
    pairs = zip(truth, segments.annotated_only(found, annotated), strict=True)
    each = np.concatenate([seg.jaccard(cells, one) for cells, one in pairs])
    return float(each.mean()) if each.size else float("nan")
