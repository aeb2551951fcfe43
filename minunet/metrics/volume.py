"""Scores of whole volumes, whose cells may extend over many slices.

The contingency table, that is, the number of pixels of every pair of labels, is enough to compute
them. It is added up part by part, so the volume may be larger than memory.
"""

from collections.abc import Iterable, Sequence

import numpy as np

from minunet.array import Array
from minunet.metrics import cells, information, pixel, rand, seg, segments
from minunet.metrics.score import Score
from minunet.metrics.segments import Table

NOTHING = Table(*(np.zeros(0, np.int64) for _ in Table._fields))


def table(parts: Iterable[tuple[Array, Array]]) -> Table:
    """Count the pixels of every pair of labels in all parts of an image or a volume.

    Parameters
    ----------
    parts : iterable of (truth, proposal)     int64 labels (N,) of a part, 0 = background
    """
    found = NOTHING
    for truth, proposal in parts:
        if truth.size:
            found = segments.together([found, segments.contingency(truth, proposal)])
    return found


def scores(found: Table) -> list[Score]:
    """Compute the scores of the numbered cells of a volume from its contingency table."""
    matrix = confusion(Table(found.truth > 0, found.proposal > 0, found.pixels), (0, 1))
    jaccard = seg.of_table(found)
    matched = "|both| / |either| of a true cell and the segment that covers more than half of it, "
    matched += "averaged over the true cells of the volume; without such a segment, 0."
    dropped = "over the pixels of the true cells of the whole volume; segments are not thinned."
    counted = "of the class cell, over all pixels of the volume."
    values = (
        ("seg", "SEG", float(jaccard.mean()), matched),
        (
            "v_rand",
            "V_Rand",
            rand.adapted(found).f,
            f"F-score of shared pairs of pixels, {dropped}",
        ),
        (
            "v_info",
            "V_Info",
            information.v_info(found).f,
            f"F-score of mutual information, {dropped}",
        ),
        ("iou", "IoU of cell", pixel.iou(matrix, 1), f"TP / (TP + FP + FN) {counted}"),
        ("dice", "Dice of cell", pixel.dice(matrix, 1), f"2 TP / (2 TP + FP + FN) {counted}"),
    )
    counts = zip(cells.COUNTED.items(), cells.count_table(found), strict=True)
    return [
        *(Score(key, name, value, (), convention) for key, name, value, convention in values),
        *(
            Score(key, name, value, (), convention.replace(", summed over slices", ""), higher)
            for (key, (name, higher, convention)), value in counts
        ),
    ]


def confusion(found: Table, values: Sequence[int]) -> Array:
    """Return the confusion matrix (K, K) of a contingency table of classes with these values.

    `values` must be sorted, and contain every value of the table.
    """
    matrix = np.zeros((len(values), len(values)), np.int64)
    rows, columns = (np.searchsorted(values, one) for one in (found.truth, found.proposal))
    np.add.at(matrix, (rows, columns), found.pixels)
    return matrix
