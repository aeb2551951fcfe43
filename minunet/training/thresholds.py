"""The rule that finds cells, above all its threshold: chosen on some slices, used on others."""

from collections.abc import Collection, Sequence

import numpy as np

from minunet.array import Array
from minunet.data.dataset import Dataset
from minunet.errors import InputError
from minunet.metrics import em, pixel, seg, segments, warping
from minunet.metrics.score import THRESHOLDS, finite
from minunet.prediction import instances
from minunet.prediction.instances import Rule
from minunet.progress import Progress
from minunet.runs.settings import Settings

PLATEAU = 0.01
"""Difference of V_Rand, SEG or F1 that does not matter for a choice; V_Rand varies by 0.04 over the
slices of ISBI 2012. A network is surer of the slices that it was trained on: many thresholds
separate their cells equally well, and chance decides which is best. On other slices, low ones merge
cells and high ones miss some, so the middle of the plateau is chosen."""

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


def choosing(data: Dataset, count: int) -> list[int]:
    """Return at most `count` training slices to choose on: those with gold truth, if any has it.

    With more than two classes there is nothing to choose, so there are none.
    """
    if not has_threshold(data):
        return []
    return spread_evenly(data.scored(data.training), count)


def choose(
    data: Dataset, slices: Sequence[int], p: Sequence[Array], settings: Settings
) -> Rule | None:
    """Choose the threshold with the best score, which is the one that selects the best step.

    For numbered cells and SEG, the threshold of the seeds and the extent to which they grow are
    chosen together, then the minimum size of a seed, unless it is given.

    Parameters
    ----------
    data : Dataset
    slices : sequence of int      slices to choose on
    p : sequence of (H, W, K)     their class probabilities
    settings : Settings

    Returns
    -------
    Rule or None : None with more than two classes, or without any score
    """
    if not has_threshold(data):
        return None
    cell = [one[..., 1] for one in p]
    rule = instances.rule(settings)
    if not learns_cells(data, settings):
        values = by_threshold(data, slices, cell, settings)
        threshold = middle(values) if settings.score == "v_rand" else best(values)
        return None if threshold is None else rule._replace(threshold=threshold)
    shown = Shown(data, slices, cell)
    found = _grown(shown, rule)
    if found is None or settings.smallest is not None:
        return found
    sizes = {found.smallest, *_sizes(shown.truth)}
    f1 = {size: shown.f1(found._replace(smallest=size)) for size in sizes}
    # The least of equally good sizes: a larger one also drops small cells.
    return found._replace(smallest=min(n for n in f1 if f1[n] >= max(f1.values()) - PLATEAU))


def _grown(shown: "Shown", rule: Rule) -> Rule | None:
    """Choose the threshold in the middle of the plateau of SEG, then its highest extent there."""
    tried = [rule._replace(threshold=t, extent=e) for t in THRESHOLDS for e in THRESHOLDS if e <= t]
    values = {}
    with Progress(len(tried), "rule") as progress:
        for one in tried:
            values[one] = shown.seg(one)
            progress.advance("threshold and extent of cells")
    known = [one for one in tried if finite(values[one])]
    top = max((values[one] for one in known), default=0.0)
    plateau = [one for one in known if values[one] >= top - PLATEAU]
    threshold = _middle_of({one.threshold for one in plateau})
    equal = (one for one in plateau if one.threshold == threshold)
    return max(equal, key=lambda one: one.lowest, default=None)


def _middle_of(thresholds: Collection[float]) -> float | None:
    """Return the threshold in the middle, the higher of two; None if there is none."""
    return sorted(thresholds)[len(thresholds) // 2] if thresholds else None


def _from_usual(threshold: float) -> float:
    """Return how far a threshold is from 0.5; 0.3 and 0.7 are equally far."""
    return round(abs(threshold - USUAL), 6)


def has_threshold(data: Dataset) -> bool:
    """Return whether there are two classes, so that a threshold decides between them."""
    return len(data.label_values) == 2


def learns_cells(data: Dataset, settings: Settings) -> bool:
    """Return whether the whole rule is chosen, and not only a threshold."""
    return data.numbered and settings.score == "seg"


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
    return min(equal, key=_from_usual)


def middle(values: Sequence[float]) -> float | None:
    """Return the middle of the thresholds with a value at most `PLATEAU` below the best.

    Parameters
    ----------
    values : sequence of float     for each of `THRESHOLDS`; nan if undefined

    Examples
    --------
    >>> middle([0, 0, 0.7, 0.8, 0.899, 0.9, 0.897, 0.889, 0.8, float("nan")])
    0.5
    """
    known = [(t, value) for t, value in zip(THRESHOLDS, values, strict=True) if finite(value)]
    top = max((value for _, value in known), default=0.0)
    return _middle_of([t for t, value in known if value >= top - PLATEAU])


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
    return seg_by_threshold(data, slices, p, instances.rule(settings))


def seg_by_threshold(
    data: Dataset, slices: Sequence[int], p: Sequence[Array], rule: Rule
) -> list[float]:
    """Compute SEG for each of `THRESHOLDS` of the seeds, which grow as far as in the rule."""
    shown = Shown(data, slices, p)
    return [shown.seg(rule._replace(threshold=t)) for t in THRESHOLDS]


def _sizes(truth: Sequence[Array]) -> list[int]:
    """Return the minimum sizes to try: fractions of the median size of the true cells."""
    areas = [np.bincount(one[one > 0]) for one in truth]
    every = np.concatenate([area[area > 0] for area in areas])
    if not every.size:
        return []
    return [max(int(np.median(every) / part), 1) for part in (64, 32, 16, 8, 4)]


class Shown:
    """Slices with true cells, and their probabilities of class 1."""

    def __init__(self, data: Dataset, slices: Sequence[int], p: Sequence[Array]) -> None:
        assert data.cells is not None
        self.annotated = [data.annotated[k] for k in slices]
        self.truth = segments.annotated_only([data.cells[k] for k in slices], self.annotated)
        self.p = p

    def jaccard(self, rule: Rule) -> tuple[Array, int]:
        """Return the Jaccard index of every true cell, and the number of cells that are found.

        Raises
        ------
        InputError
            If there are more cells than a mask can number.
        """
        found = segments.annotated_only([rule.cells(one) for one in self.p], self.annotated)
        pairs = zip(self.truth, found, strict=True)
        each = np.concatenate([seg.jaccard(cells, one) for cells, one in pairs])
        return each, sum(np.unique(one[one > 0]).size for one in found)

    def seg(self, rule: Rule) -> float:
        """Compute SEG; nan without true cells, or with more found ones than a mask can number."""
        try:
            each, _ = self.jaccard(rule)
        except InputError:
            return float("nan")
        return float(each.mean()) if each.size else float("nan")

    def f1(self, rule: Rule) -> float:
        """Compute the F1 score of finding cells; a cell is found if its Jaccard index is > 0.5.

        Unlike SEG, it penalizes cells that are found where there are none.
        """
        try:
            each, found = self.jaccard(rule)
        except InputError:
            return 0.0
        return float(2 * np.count_nonzero(each > 0.5) / max(each.size + found, 1))
