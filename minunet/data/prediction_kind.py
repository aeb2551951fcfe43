"""What the values of a prediction and of its truth mean, and so how they are scored.

A truth may contain a mask of cells (one value besides 0) or of membranes, numbered cells or
classes; a prediction may also contain a probability. Values are membranes only if an option says
so: otherwise, a mask shows cells, and a probability is that of cell. `TABLE` lists which of them
can be scored together. All others are refused; the message names the option to pass.
"""

from collections.abc import Sequence
from pathlib import Path
from typing import Literal, NamedTuple

import numpy as np

from minunet.array import Array
from minunet.data import annotation, label_kind
from minunet.data.label_kind import MOST_CLASSES
from minunet.data.label_messages import NOT_ANNOTATED, marker
from minunet.errors import InputError
from minunet.metrics import segments

Kind = Literal["probability", "cells", "classes"]
Wanted = Literal["auto", "probability", "cells", "classes", "membranes"]
"""Kind of a prediction as the user gives it; auto: judge by its values."""

What = Literal["mask", "membranes", "probability", "cells", "classes", "either"]
"""Meaning of values; mask: one value besides 0; membranes: a mask or probability of membrane;
either: the values fit cells and classes."""

TABLE: dict[tuple[What, What], Kind] = {
    ("mask", "mask"): "probability",
    ("mask", "probability"): "probability",
    ("mask", "cells"): "cells",
    ("mask", "either"): "cells",
    ("mask", "classes"): "classes",
    ("mask", "membranes"): "probability",
    ("membranes", "membranes"): "probability",
    ("membranes", "probability"): "probability",
    ("membranes", "cells"): "cells",
    ("membranes", "either"): "cells",
    ("cells", "membranes"): "probability",
    ("cells", "mask"): "probability",
    ("cells", "probability"): "probability",
    ("cells", "cells"): "cells",
    ("cells", "either"): "cells",
    ("either", "mask"): "probability",
    ("either", "probability"): "probability",
    ("either", "membranes"): "probability",
    ("either", "cells"): "cells",
    ("either", "classes"): "classes",
    ("classes", "mask"): "classes",
    ("classes", "either"): "classes",
    ("classes", "classes"): "classes",
}
"""Kind of the scores, by the meaning of the truth and of the prediction."""

KNOWN = ("classes", "cells", "either")
"""Judgements of `label_kind.judge` on numbers of classes or cells."""

SHOWN = 6
"""Number of values that a message lists."""


class Values(NamedTuple):
    """The values of a prediction or a truth, and what they mean."""

    source: Path
    what: What
    found: tuple[float, ...] = ()  # different values, sorted; empty if they are not known
    sure: bool = False  # an option or predict says so; otherwise, judged by the values
    wide: bool = False  # integers of more than 8 bits, which usually number cells

    def __str__(self) -> str:
        """Return the values in words."""
        few = ", ".join(f"{value:g}" for value in self.found[:SHOWN])
        return few + (", …" if len(self.found) > SHOWN else "")


def of_truth(
    maps: Sequence[Array], annotated: Sequence[Array] | None, wanted: annotation.Kind, source: Path
) -> Values:
    """Judge what the values of a truth mean.

    Parameters
    ----------
    maps : sequence of (H, W)                     0 where nothing is annotated; of membranes: 1 in
                                                  cells
    annotated : sequence of (H, W) bool or None   None: all pixels are
    wanted : annotation.Kind                      what they mean, if known
    source : Path                                 where they come from, for error messages

    Raises
    ------
    InputError
        If they are grey values, or a mask with soft edges.
    """
    found = different(maps, annotated)
    if wanted == "membranes":
        return Values(source, "membranes", found, sure=True)
    if is_mask(found) and wanted != "cells":
        return Values(source, "mask", found, sure=wanted == "classes")
    if wanted == "classes" and len(found) > MOST_CLASSES:
        raise InputError(
            f"{source} has {len(found)} values, but at most {MOST_CLASSES} can be classes; "
            f"{_cure_of_grey(found)}"
        )
    if wanted != "auto":
        return Values(source, wanted, found, sure=True)
    judged = label_kind.judge(maps)
    if judged == "soft":
        raise InputError(
            f"{source} is a mask with soft edges ({len(found)} grey values); "
            f"{_cure_of_grey(found)}, or --labels-are cells if they are cell numbers"
        )
    if judged == "grey":
        raise InputError(
            f"{source} has {len(found)} values, like an image or probabilities; pass masks or "
            f"numbered cells instead; or {_cure_of_grey(found)}, or --labels-are cells if they are "
            "cell numbers"
        )
    return Values(source, judged, found)


def _cure_of_grey(found: tuple[float, ...]) -> str:
    """Tell how to turn grey values into a mask."""
    middle = (found[0] + found[-1]) / 2
    middle = np.ceil(middle) if found[-1] > 1 else middle
    return f"pass --label-threshold {middle:.10g} to make values of at least {middle:.10g} cell"


def of_prediction(maps: Sequence[Array], wanted: Wanted, source: Path) -> Values:
    """Judge what the values of a prediction mean, if they are whole numbers.

    Parameters
    ----------
    maps : sequence of (H, W)     in the dtype of the file
    wanted : Wanted               what they mean, if known; a mask is also a probability
    source : Path
    """
    floats = any(one.dtype.kind == "f" for one in maps)
    if floats and wanted == "membranes":
        return Values(source, "membranes", sure=True)
    if floats and wanted in ("auto", "probability") and not (wanted == "auto" and _numbers(maps)):
        return Values(source, "probability", sure=wanted != "auto")
    found, wide = different(maps), all(one.dtype.itemsize > 1 for one in maps)
    if wanted == "probability" and is_mask(found):
        return Values(source, "mask", found, sure=True)
    if wanted != "auto":
        return Values(source, wanted, found, sure=True)
    if is_mask(found):  # of more than 8 bits: it may number one cell in each slice
        return Values(source, "cells" if wide and _one_region_each(maps) else "mask", found)
    judged = label_kind.judge(maps)
    what: What = "probability" if judged == "soft" or judged == "grey" else judged
    return Values(source, what, found, wide=wide)


def different(maps: Sequence[Array], annotated: Sequence[Array] | None = None) -> tuple[float, ...]:
    """Return the different values of the annotated pixels, sorted."""
    values = set[float]()
    for k, one in enumerate(maps):
        values.update(np.unique(one if annotated is None else one[annotated[k]]).tolist())
    return tuple(sorted(values))


def is_mask(found: Sequence[float]) -> bool:
    """Return whether there is at most one value besides 0."""
    return len({*found} - {0}) < 2


def _numbers(maps: Sequence[Array]) -> bool:
    """Return whether floats are whole numbers beyond 1, as ImageJ writes numbered cells."""
    whole = all(bool((one == np.floor(one)).all()) and one.min() >= 0 for one in maps)
    return whole and max(one.max() for one in maps) > 1 and label_kind.judge(maps) in KNOWN


def _one_region_each(maps: Sequence[Array]) -> bool:
    return all(segments.components(one).max(initial=0) < 2 for one in maps)


def decide(truth: Values, prediction: Values) -> Kind:
    """Decide how a prediction is scored against a truth.

    Raises
    ------
    InputError
        If their values do not fit together, or fit in more than one way.
    """
    expected, found = truth.what, prediction.what
    if expected == "mask" and found == "either" and truth.sure:
        found = "classes"
    elif expected == "mask" and found == "either" and prediction.wide:
        found = "cells"
    elif (expected, found) == ("membranes", "mask") and prediction.sure:
        found = "probability"
    if (expected, found) not in TABLE:
        raise InputError(_refusal(truth, prediction))
    if (expected, found) == ("mask", "either") and {*truth.found} <= {*prediction.found}:
        raise InputError(_either(prediction, "--prediction-is"))
    if (expected, found) == ("either", "mask") and {*prediction.found} <= {*truth.found}:
        raise InputError(_either(truth, "--labels-are"))
    kind = TABLE[expected, found]
    numbers = not truth.sure and kind != "classes" and expected in ("cells", "either")
    mark = marker(truth.found) if numbers else None
    if mark is not None:
        raise InputError(
            f"{truth.source} holds the values {truth}; if {mark} marks pixels that are not "
            f"annotated, pass --ignore {mark}; if it is a cell number, pass --labels-are "
            "cells"
        )
    if kind == "classes" and not (prediction.sure and truth.sure and found != "mask"):
        _check_classes(truth, prediction)
    return kind


def _either(values: Values, option: str) -> str:
    """Say that values may be classes or cells."""
    return (
        f"the values of {values.source} ({values}) may be classes or cell numbers; pass "
        f"{option} classes or {option} cells"
    )


def _check_classes(truth: Values, prediction: Values) -> None:
    """Raise if the classes of a prediction are not those of the truth, which match by value."""
    expected, found = {*truth.found}, {*prediction.found}
    for value in NOT_ANNOTATED:
        others = sorted(expected - {value})
        classes = len(others) > 1 and others == list(range(len(others)))
        if classes and value in expected - found and not truth.sure:
            raise InputError(
                f"{truth.source} holds the values {truth}; if {value} marks pixels that are not "
                f"annotated, pass --ignore {value}; if it is a class, pass --labels-are classes"
            )
    if found - expected and expected - found and len(expected & found) < 2:
        raise InputError(
            f"{prediction.source} holds the values {prediction}, but {truth.source} holds {truth}; "
            "classes match by value: save both with the same values; or, if the prediction does "
            "not hold classes, pass --prediction-is cells or --prediction-is probability"
        )


def _refusal(truth: Values, prediction: Values) -> str:
    """Say why a truth and a prediction cannot be scored together, and which option may help."""
    what = truth.what, prediction.what
    if "membranes" in what:
        return _refusal_of_membranes(truth, prediction)
    if what == ("either", "either"):
        return _either(truth, "--labels-are")
    if what == ("classes", "probability"):
        return (
            f"{truth.source} holds {len(truth.found)} classes ({truth}), but {prediction.source} "
            "holds the probability of only one; pass --ignore V if one of these values marks "
            "pixels that are not annotated, --labels-are cells if they are cell numbers, or "
            "--label-threshold V to make them two classes"
        )
    if what == ("classes", "cells"):
        return (
            f"{truth.source} seems to hold {len(truth.found)} classes ({truth}), but "
            f"{prediction.source} holds numbered cells; pass --labels-are cells or --prediction-is "
            "classes"
        )
    return (
        f"{truth.source} seems to number cells, but {prediction.source} seems to hold classes "
        f"({prediction}); pass --labels-are classes or --prediction-is cells, or "
        "--prediction-is probability"
    )


def _refusal_of_membranes(truth: Values, prediction: Values) -> str:
    """Say why membranes cannot be scored together with other values; see `_refusal`."""
    if prediction.what == "mask":
        return (
            f"{prediction.source} holds two values, either of which may be membrane; pass "
            "--prediction-is membranes if the larger one is membrane, or --prediction-is "
            "probability if it is cell"
        )
    which, option, other = (
        (prediction, "--labels-are", truth)
        if truth.what == "membranes"
        else (truth, "--prediction-is", prediction)
    )
    return (
        f"{which.source} seems to hold classes ({which}), but {option} membranes says that "
        f"{other.source} holds membranes; leave it out to compare the classes"
    )
