"""What the labels of a data set mean, part by part.

The training and the validation slices decide what label values mean, and which classes there are.
The test slices are read in the same way and decide nothing.

In the layout of the Cell Tracking Challenge, gold truth scores and silver truth trains: a held-out
frame with a gold mask has only this mask, even if the run trains on silver masks.
"""

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from minunet.array import Array
from minunet.data import image_files, label_classes, label_files
from minunet.data.annotation import Annotation, Meaning
from minunet.data.label_kind import distinct
from minunet.data.label_messages import few
from minunet.data.sources import Raw, Source
from minunet.data.split import Parts
from minunet.errors import InputError
from minunet.metrics import segments


class Interpreted(NamedTuple):
    """The annotation of a data set."""

    annotation: Annotation  # of all slices; its values and doubts are not those of test slices
    original: Annotation  # of the slices outside the test, before gold masks replace silver ones
    silver: list[int]  # slices that only have silver truth
    description: list[str]  # lines to print about gold and silver truth


def interpret(raw: Raw, parts: Parts, source: Source) -> Interpreted:
    """Interpret the labels of all slices.

    Parameters
    ----------
    raw : Raw
    parts : Parts
    source : Source

    Raises
    ------
    InputError
        If the values have no clear meaning, if a test slice has another value, or if no slice of a
        part has annotated pixels.
    """
    found = _challenge(raw, parts, source) if raw.frames else _masks(raw, parts, source)
    _check_annotated(found, parts)
    return found


def scored(slices: Sequence[int], silver: Sequence[int]) -> list[int]:
    """Return the slices that are not `silver`; all of them if every one is.

    Examples
    --------
    >>> scored([1, 2, 3], [2, 5]), scored([2, 5], [2, 5])
    ([1, 3], [2, 5])
    """
    return [k for k in slices if k not in silver] or list(slices)


def _masks(raw: Raw, parts: Parts, source: Source) -> Interpreted:
    """Interpret label files."""
    where = source.labels or "synthetic EM"
    if not source.labels and source.meaning.kind == "membranes":
        raise InputError(
            "--labels-are membranes is for label files, but the built-in synthetic EM has none; "
            "leave it out"
        )
    meaning = source.meaning if source.labels else Meaning("classes")
    known = [raw.masks[k] for k in sorted((*parts.training, *parts.held_out))]
    found = label_files.annotate(known, meaning, where)
    if not parts.test:
        return Interpreted(found, found, [], [])
    numbers = distinct(known)
    single = np.count_nonzero((numbers > 0) & (numbers != meaning.ignore)) == 1
    test = [
        _alike(one, found, meaning, single)
        for one in image_files.grey([raw.masks[k] for k in parts.test], where)
    ]
    return Interpreted(_together(found, test, parts), found, [], [])


class _Slice(NamedTuple):
    """The annotation of one slice, as in `Annotation`."""

    labels: Array
    annotated: Array
    cells: Array | None


def _alike(map_: Array, found: Annotation, meaning: Meaning, single: bool) -> _Slice:
    """Interpret the label map (H, W) of a test slice in the way that others were.

    Parameters
    ----------
    map_ : (H, W)
    found : Annotation     of the other slices
    meaning : Meaning      given for all slices
    single : bool          True: if there are cells, all of the other slices have the same number

    Raises
    ------
    InputError
        If the map has values that the others cannot have.
    """
    known = np.ones(map_.shape, bool) if meaning.ignore is None else map_ != meaning.ignore
    there = np.unique(map_[known])
    if meaning.threshold is not None:
        labels = label_classes.at_least(map_, meaning) * known
        cells = None if found.cells is None else segments.components(labels)
        return _Slice(labels.astype(np.uint8), known, cells)
    if found.cells is None:
        wrong = there[~np.isin(there, found.values.values)]
        labels = np.where(known, label_classes.class_of(map_, found.values.values), 0)
        valid = f"the labels of the other slices are {few(sorted(found.values.values))}"
    else:
        wrong = there[(there < 0) | (there != np.round(there))]
        labels = (map_ > 0) & known
        valid = "valid values are whole numbers: 0 for background, k for cell k"
    if wrong.size:
        raise InputError(
            f"a test slice has the label {few(wrong)}, but {valid}; correct its labels, pass "
            "--ignore for pixels that are not annotated, or test on other slices with --test"
        )
    if found.cells is None:
        return _Slice(labels.astype(np.uint8), known, None)
    cells = segments.components(labels) if single else np.where(known, map_, 0)
    if cells.max() > label_files.LARGEST:
        cells = np.searchsorted(np.unique(cells), cells)
    return _Slice(labels.astype(np.uint8), known, cells.astype(np.int32))


def _together(found: Annotation, test: Sequence[_Slice], parts: Parts) -> Annotation:
    """Put the annotation of the test slices at their places between the others."""

    def merged(others: Sequence[Array], tested: Sequence[Array]) -> list[Array]:
        numbers = [*sorted((*parts.training, *parts.held_out)), *parts.test]
        by_number = dict(zip(numbers, (*others, *tested), strict=True))
        return [by_number[k] for k in sorted(by_number)]

    cells = [one.cells for one in test if one.cells is not None]
    return found._replace(
        labels=merged(found.labels, [one.labels for one in test]),
        annotated=merged(found.annotated, [one.annotated for one in test]),
        cells=None if found.cells is None else merged(found.cells, cells),
    )


def _challenge(raw: Raw, parts: Parts, source: Source) -> Interpreted:
    """Interpret masks of the Cell Tracking Challenge; held-out frames get their gold masks."""
    cells = [one.astype(np.int32) for frames in raw.frames for one in frames.instances]
    annotated = [one for frames in raw.frames for one in frames.annotated]
    gold = [one for frames in raw.frames for one in frames.gold]
    known = sorted((*parts.training, *parts.held_out))
    original = label_files.of_cells([cells[k] for k in known], [annotated[k] for k in known])
    where = raw.files[0].parent.parent
    doubts = label_files.challenge_doubts(original.cells or [], source.meaning, where)
    for k in (*parts.held_out, *parts.test):
        if (mask := gold[k]) is not None:
            cells[k], annotated[k] = mask[0].astype(np.int32), mask[1]
    silver = [
        k
        for k, mask in enumerate(gold)
        if mask is None or (source.truth == "silver" and k in parts.training)
    ]
    values = label_files.of_cells([cells[k] for k in known], [annotated[k] for k in known]).values
    found = label_files.of_cells(cells, annotated)._replace(values=values, doubts=doubts)
    return Interpreted(found, original, silver, _describe_truth(parts, silver))


def _describe_truth(parts: Parts, silver: Sequence[int]) -> list[str]:
    """Say how many frames of every part have gold and silver truth, and which are scored."""
    said, warnings = [], []
    for part, slices in zip(("training", "validation", "test"), parts, strict=True):
        count = sum(k in silver for k in slices)
        numbers = [f"{len(slices) - count} gold", f"{count} silver"]
        if slices:
            said.append(f"{part} {' and '.join(numbers)}")
        if part != "training" and count == len(slices) > 0:
            flag = f"--{part}"
            warnings.append(
                f"warning   no {part} frame has gold truth, so the {part} scores are against "
                f"silver truth; hold out frames with gold truth with {flag}"
            )
        elif part != "training" and count:
            said[-1] += " (only gold is scored)"
    return [f"truth     frames: {', '.join(said)}", *warnings]


def _check_annotated(found: Interpreted, parts: Parts) -> None:
    """Raise unless every part has annotated pixels that can be used for its purpose."""
    for slices, which, flag in zip(
        parts, ("training", "held-out", "test"), ("validation", "validation", "test"), strict=True
    ):
        used = slices if which == "training" else scored(slices, found.silver)
        if used and not any(found.annotation.annotated[k].any() for k in used):
            raise InputError(
                f"none of the {which} slices has annotated pixels; annotate some of them, or hold "
                f"out other slices with --{flag}"
            )
