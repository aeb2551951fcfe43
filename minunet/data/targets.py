"""Training targets: labels with borders that separate touching cells, and weight maps."""

from collections.abc import Sequence
from typing import Literal, NamedTuple

import numpy as np

from minunet.array import Array
from minunet.data import weight_map
from minunet.data.annotation import Annotation
from minunet.image import Sample
from minunet.metrics import segments

Form = Literal["paper", "later", "balance", "none"]
"""Weight map: equation (2), the authors' later form, only w_c of equation (2), or 1 everywhere."""


class Weighting(NamedTuple):
    """Form and constants of the weight map."""

    form: Form = "paper"
    w0: float = 10.0  # of equation (2)
    sigma: float = 5.0  # of equation (2), in pixels


PAPER = Weighting()
BORDERS = ("paper", "later")
"""Forms of the weight map that have a border term."""


class Targets(NamedTuple):
    """Labels and weight map of every slice, and the cells they were computed from."""

    labels: list[Array]  # (H, W) uint8, 0 … K-1; touching cells separated
    weight_maps: list[Array]  # (H, W) float32; 0 where not annotated, and in test slices
    annotated: list[Array]  # (H, W) bool
    cells: list[Array] | None  # (H, W) int32 as annotated; None with more than two classes
    description: str  # a line to print

    def samples(self, images: Sequence[Array]) -> list[Sample]:
        """Return the images with their labels and weights."""
        return [
            Sample(x, labels, weights, None if known.all() else known)
            for x, labels, weights, known in zip(images, *self[:3], strict=True)
        ]


def targets(
    annotation: Annotation,
    training: Sequence[int],
    weighting: Weighting,
    test: Sequence[int] = (),
) -> Targets:
    """Separate touching cells, and compute the weight of every pixel.

    Parameters
    ----------
    annotation : Annotation
    training : sequence of int     indices of the slices whose class frequencies determine w_c
    weighting : Weighting
    test : sequence of int         indices of the slices that get no weights: nothing trains on them
    """
    classes, annotated = len(annotation.values.values), annotation.annotated
    labels, cells = separated(annotation, weighting)
    w_c = weight_map.class_weights([labels[k][annotated[k]] for k in training], classes)
    maps = [
        np.zeros(labels[k].shape, np.float32)
        if k in test
        else _weights(labels[k], None if cells is None else cells[k], w_c, weighting)
        for k in range(len(labels))
    ]
    for one, known in zip(maps, annotated, strict=True):
        one[~known] = 0
    counted = [k for k in range(len(labels)) if k not in test]
    weighted = None if cells is None else [cells[k] for k in counted]
    return Targets(labels, maps, annotated, cells, _describe(weighted, w_c, weighting.form))


def cells_of(annotation: Annotation) -> list[Array] | None:
    """Return the cells as annotated, touching or not; see `separated`."""
    if annotation.cells is None and len(annotation.values.values) == 2:
        return [segments.components(one) for one in annotation.labels]
    return annotation.cells


def separated(
    annotation: Annotation, weighting: Weighting
) -> tuple[list[Array], list[Array] | None]:
    """Return the labels with touching cells separated, and the cells themselves.

    Cells are the numbered cells or, with two classes, the 4-connected components of class 1. With
    more classes, no cells are defined, and equation (2) reduces to w_c. Components touch only at
    corners; they are separated there only if the weight map has a border term.

    Parameters
    ----------
    annotation : Annotation
    weighting : Weighting

    Returns
    -------
    labels : list of (H, W) uint8
    cells : list of (H, W) integer, or None
    """
    cells, labels = cells_of(annotation), annotation.labels
    if cells is not None and (annotation.cells is not None or weighting.form in BORDERS):
        labels = [(weight_map.separate(cell) > 0).astype(np.uint8) for cell in cells]
    return labels, cells


def _weights(labels: Array, cells: Array | None, w_c: Array, weighting: Weighting) -> Array:
    """Compute the weight map (H, W) of a slice."""
    form, w0, sigma = weighting
    if form == "none":
        return np.ones(labels.shape, np.float32)
    if form == "balance" or cells is None:
        return w_c[labels]
    if form == "later":
        return weight_map.later(cells)
    return weight_map.paper(cells, w_c, w0, sigma)


def _describe(cells: list[Array] | None, w_c: Array, form: str) -> str:
    """Describe the weight maps in one line."""
    balance = "w_c " + ", ".join(f"{w:.2f}" for w in w_c)
    if form == "none":
        return "weights   1 everywhere"
    if form == "balance":
        return f"weights   {balance}"
    if cells is None:
        return f"weights   {balance}; no border term, which needs two classes or numbered cells"
    count = sum(len(np.unique(cell[cell > 0])) for cell in cells)
    terms = f"{balance} and the border term" if form == "paper" else "the authors' later form"
    return f"weights   {terms}; {count} cells in {len(cells)} slices"
