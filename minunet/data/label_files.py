"""Label files: the class or the cell of every pixel.

A label map gives every pixel either its class, 0 … K-1, or its cell: 0 = background, k = cell k.
`label_kind` judges from the maps what their values mean, unless a `Meaning` says so. Pixels that
are not annotated count neither in training nor in scores.
"""

from collections.abc import Sequence
from pathlib import Path
from typing import Literal

import numpy as np

from minunet.array import Array
from minunet.data import image_files
from minunet.data.annotation import Annotation, LabelValues, Meaning
from minunet.data.label_classes import classes, fraction, thresholded
from minunet.data.label_kind import distinct, judge
from minunet.data.label_messages import doubts, few, grey, plain
from minunet.data.membranes import looks_inverted
from minunet.errors import InputError
from minunet.metrics import segments

LARGEST = 2**20
"""Largest cell number that is kept. Arrays have an entry for every number up to the largest one, so
maps with larger numbers are renumbered."""


def annotate(masks: Sequence[Array], meaning: Meaning, source: Path | str) -> Annotation:
    """Interpret label files as classes or as cell numbers.

    Parameters
    ----------
    masks : sequence of (H, W, 1)     see `image_files.read`
    meaning : Meaning
    source : Path or str              where they come from, for error messages

    Raises
    ------
    InputError
        If the values have no clear meaning, or not the given one; see `classes` and
        `numbered_cells`.
    """
    maps = image_files.grey(masks, source)
    annotated = [_annotated(one, meaning.ignore) for one in maps]
    maps = [_filled(one, known) for one, known in zip(maps, annotated, strict=True)]
    if not any(known.any() for known in annotated):
        raise InputError(
            f"all labels in {source} are {plain(meaning.ignore or 0)}, which --ignore excludes; "
            "training needs annotated pixels: pass another value with --ignore, or other labels"
        )
    found = _interpret(maps, annotated, meaning, source)
    unused = meaning.ignore if all(known.all() for known in annotated) else None
    numbers = distinct(maps) if found.cells is not None and meaning.threshold is None else ()
    asked = meaning.kind == "auto" and found.cells is None
    net = asked and len(found.values.values) == 2 and looks_inverted(found.labels)
    inverted = found.values.values[1] if net else None
    return found._replace(doubts=doubts(numbers, unused, inverted))


def _interpret(
    maps: Sequence[Array], annotated: list[Array], meaning: Meaning, source: Path | str
) -> Annotation:
    """Interpret label maps (H, W); see `annotate`."""
    if meaning.threshold is not None:
        found = Annotation(*thresholded(maps, annotated, meaning, source), annotated)
        # A mask does not number its cells, so each region is one.
        if "cells" in (meaning.kind, meaning.expected if meaning.kind == "auto" else "auto"):
            return of_cells([segments.components(one) for one in found.labels], annotated)
        return found
    if kind_of(maps, meaning, source) == "cells":
        return of_cells(numbered_cells(maps, source), annotated)
    return Annotation(*classes(maps, source, annotated, meaning.kind), annotated)


def _annotated(map_: Array, ignore: float | None) -> Array:
    """Mark the annotated pixels, (H, W) bool."""
    return np.ones(map_.shape, bool) if ignore is None else map_ != ignore


def _filled(map_: Array, annotated: Array) -> Array:
    """Replace the pixels that are not annotated by the lowest value of the others, or 0."""
    if annotated.all():
        return map_
    return np.where(annotated, map_, map_[annotated].min() if annotated.any() else 0)


def kind_of(
    maps: Sequence[Array], meaning: Meaning, source: Path | str
) -> Literal["classes", "cells"]:
    """Return what the values of label maps (H, W) mean; refuse maps without a clear meaning."""
    if meaning.kind != "auto":
        return "cells" if meaning.kind == "cells" else "classes"
    kind = judge(maps)
    if kind in ("classes", "either") and meaning.expected != "auto":
        return "cells" if meaning.expected == "cells" else "classes"
    if kind == "classes" or kind == "cells":
        return kind
    values = distinct(maps)
    seen = f"the labels in {source} have {len(values)} values ({few(values)})"
    if kind == "either":
        raise InputError(
            f"{seen}, each of them in a single region per image, so they may be classes or "
            "numbered cells; pass --labels-are classes or --labels-are cells"
        )
    raise InputError(grey(values, kind == "soft", source))


def numbered_cells(maps: Sequence[Array], source: Path | str) -> list[Array]:
    """Read the values of label maps as cell numbers.

    If all cells have the same number, such as 255, each 4-connected region is a cell.

    Parameters
    ----------
    maps : sequence of (H, W)     real values
    source : Path or str          where they come from, for error messages

    Returns
    -------
    list of (H, W) int32 : 0 = background, k = cell k

    Raises
    ------
    InputError
        If a value is not a whole number ≥ 0, or there is no cell.
    """
    values = distinct(maps)
    wrong = values[(values < 0) | (values != np.round(values))]
    if wrong.size:
        value = plain(wrong[0])
        unknown = f"; if {value} marks pixels that are not annotated, pass --ignore {value}"
        raise InputError(
            f"{source} is not a map of numbered cells: it contains {value}; valid values are whole "
            "numbers: 0 for background, k for cell k"
            + (unknown if len(wrong) == 1 and wrong[0] < 0 else "")
        )
    numbers = values[values > 0]
    if not numbers.size:
        raise InputError(f"{source} is 0 everywhere; pass labels with at least one cell")
    if numbers.size == 1:
        return [segments.components(one > 0).astype(np.int32) for one in maps]
    if numbers[-1] > LARGEST:
        return [np.searchsorted(numbers, one, "right").astype(np.int32) for one in maps]
    return [one.astype(np.int32) for one in maps]


def challenge_doubts(cells: Sequence[Array], meaning: Meaning, source: Path) -> tuple[str, ...]:
    """Refuse masks of the Cell Tracking Challenge without cell numbers; return warnings.

    Parameters
    ----------
    cells : sequence of (H, W)     0 where not annotated
    meaning : Meaning
    source : Path

    Raises
    ------
    InputError
        If the masks are grey, or options say that they are something else.
    """
    if meaning.kind in ("classes", "membranes") or meaning.threshold is not None:
        raise InputError(
            f"{source} contains masks of the Cell Tracking Challenge, which number the cells; "
            "leave out --labels-are and --label-threshold"
        )
    if meaning.kind == "cells":
        return ()
    values = distinct(cells)
    if judge(cells) in ("soft", "grey"):
        raise InputError(
            f"the masks in {source} have {len(values)} values ({few(values)}) and look like grey "
            "values, but masks of the Cell Tracking Challenge number the cells; give each cell its "
            "own number, or pass --labels-are cells if these are cell numbers"
        )
    return doubts(values, None)


def of_cells(cells: list[Array], annotated: list[Array] | None = None) -> Annotation:
    """Make an annotation from numbered cells: class 1 is cell, class 0 background."""
    annotated = annotated or [np.ones(cell.shape, bool) for cell in cells]
    cells = [np.where(known, cell, 0) for cell, known in zip(cells, annotated, strict=True)]
    labels = [(cell > 0).astype(np.uint8) for cell in cells]
    share = fraction(labels, annotated)
    return Annotation(labels, LabelValues((0, 1), (1 - share, share)), annotated, cells)
