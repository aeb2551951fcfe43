"""The classes of label files: from their values, or from a threshold.

Class k has the k-th smallest value. With `--labels-are membranes`, there are two values in the
opposite order: class 0 is membrane, as in all of minunet, and has the larger one.
"""

from collections.abc import Sequence
from pathlib import Path

import numpy as np

from minunet.array import Array
from minunet.data import membranes
from minunet.data.annotation import Kind, LabelValues, Meaning
from minunet.data.label_kind import MOST_CLASSES, distinct
from minunet.data.label_messages import are_bytes, are_classes, not_classes, plain
from minunet.errors import InputError


def classes(
    maps: Sequence[Array],
    source: Path | str,
    annotated: Sequence[Array] | None = None,
    kind: Kind = "auto",
) -> tuple[list[Array], LabelValues]:
    """Map the grey values of label files to the classes 0 … K-1.

    Parameters
    ----------
    maps : sequence of (H, W)             real values
    source : Path or str                  where they come from, for error messages
    annotated : sequence of (H, W) bool   pixels that count; None: all
    kind : Kind                           meaning of the values, as the user gives it

    Returns
    -------
    labels : list of (H, W) uint8     0 … K-1
    found : LabelValues

    Raises
    ------
    InputError
        Unless the values are {0, 255}, {0, 1} or 0 … K-1; or 1 … K, if 0 is not annotated. If the
        user passed classes or membranes, unless they are whole numbers from 0 to 255.
    """
    annotated = annotated or [np.ones(one.shape, bool) for one in maps]
    counted: dict[float, int] = {}
    for one, known in zip(maps, annotated, strict=True):
        for value, count in zip(*np.unique(one[known], return_counts=True), strict=True):
            counted[float(value)] = counted.get(float(value), 0) + int(count)
    values = sorted(counted)
    if kind == "membranes":
        values = membranes.two_values(values, source)
    without_0 = values == list(range(1, len(values) + 1)) and not all(
        one.all() for one in annotated
    )
    valid = are_bytes(values) if kind != "auto" else without_0 or are_classes(values)
    if not valid or not 1 < len(values) <= MOST_CLASSES:
        raise InputError(not_classes(sorted(values), source, kind))
    total = sum(counted.values())
    labels = [class_of(one, values) for one in maps]
    for label, known in zip(labels, annotated, strict=True):
        label[~known] = 0
    return labels, LabelValues(
        tuple(int(v) for v in values), tuple(counted[v] / total for v in values)
    )


def class_of(map_: Array, values: Sequence[float]) -> Array:
    """Return the class (H, W) uint8 of every pixel of a map that has only these values.

    Examples
    --------
    >>> class_of(np.array([[3, 7, 7]]), (3, 7)), class_of(np.array([[3, 7, 7]]), (7, 3))
    (array([[0, 1, 1]], dtype=uint8), array([[1, 0, 0]], dtype=uint8))
    """
    order = np.argsort(values)
    rank = np.searchsorted(np.asarray(values)[order], map_).clip(max=len(values) - 1)
    return order.astype(np.uint8)[rank]


def thresholded(
    maps: Sequence[Array], annotated: Sequence[Array], meaning: Meaning, source: Path | str
) -> tuple[list[Array], LabelValues]:
    """Make values of at least the threshold class 1, or class 0 if they are membranes.

    Returns
    -------
    labels : list of (H, W) uint8     0 or 1; 0 where not annotated
    found : LabelValues

    Raises
    ------
    InputError
        If only one class remains.
    """
    threshold = meaning.threshold
    assert threshold is not None
    labels = [at_least(one, meaning) for one in maps]
    share = fraction(labels, annotated)
    if share in (0, 1):
        low, high = distinct(maps)[[0, -1]]
        raise InputError(
            f"--label-threshold {plain(threshold)} puts all labels in {source} into one class: "
            f"their values are from {plain(low)} to {plain(high)}; pass a value above "
            f"{plain(low)} and up to {plain(high)}"
        )
    values = (0, 255) if threshold > 1 else (0, 1)
    for label, known in zip(labels, annotated, strict=True):
        label[~known] = 0
    if meaning.kind == "membranes":
        values = (values[1], values[0])
    return labels, LabelValues(values, (1 - share, share))


def at_least(map_: Array, meaning: Meaning) -> Array:
    """Return the class (H, W) uint8 of every pixel, 0 or 1, by a threshold; see `thresholded`."""
    larger = map_ >= meaning.threshold
    return (~larger if meaning.kind == "membranes" else larger).astype(np.uint8)


def fraction(labels: Sequence[Array], annotated: Sequence[Array]) -> float:
    """Return the fraction of the annotated pixels that have label 1."""
    pairs = zip(labels, annotated, strict=True)
    ones = sum(int(np.count_nonzero(label[known])) for label, known in pairs)
    return ones / max(sum(int(known.sum()) for known in annotated), 1)
