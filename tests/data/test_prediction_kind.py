"""Which meanings of a truth and a prediction fit together; the others are refused with the cure."""

from pathlib import Path

import numpy as np
import pytest

from minunet.data import prediction_kind
from minunet.data.prediction_kind import Values
from minunet.errors import InputError

T, P = Path("t.tif"), Path("p.tif")
Y, X = np.mgrid[:60, :80]


def discs(count):
    """Make a map of numbered discs, in rows of five."""
    numbered = np.zeros((60, 80), np.uint16)
    for k in range(count):
        numbered[np.hypot(Y - 8 - 14 * (k // 5), X - 8 - 16 * (k % 5)) < 6] = k + 1
    return numbered


def stripes(*values):
    """Make a map of stripes, each value in several of them."""
    return np.array(values, np.uint8)[(X // 4) % len(values)]


def soft():
    return np.rint(255 * np.clip(20.5 - np.hypot(Y - 30.3, X - 40.8), 0, 1)).astype(np.uint8)


def grey(largest=255):
    smooth = largest * (0.5 + 0.5 * np.sin(Y / 9) * np.cos(X / 7))
    return smooth if largest == 1 else np.rint(smooth)


@pytest.mark.parametrize(
    ("map_", "wanted", "what"),
    [
        (stripes(0, 1), "auto", "mask"),
        (stripes(0, 255), "auto", "mask"),
        (stripes(0, 255), "classes", "mask"),
        (stripes(0, 255), "cells", "cells"),
        (np.zeros((4, 5)), "auto", "mask"),
        (stripes(0, 1, 2), "auto", "classes"),
        (stripes(0, 1, 2), "cells", "cells"),
        (discs(18), "auto", "cells"),
        (discs(3), "auto", "either"),
        (discs(3), "classes", "classes"),
        (stripes(0, 1), "membranes", "membranes"),
    ],
)
def test_truth(map_, wanted, what):
    found = prediction_kind.of_truth([map_], None, wanted, T)
    assert found.what == what
    assert found.found == tuple(np.unique(map_))


@pytest.mark.parametrize(
    ("map_", "wanted", "cure"),
    [
        (soft(), "auto", "--label-threshold 128"),
        (soft() * np.uint16(257), "auto", "--label-threshold 32768"),
        (grey(), "auto", "--label-threshold 128"),
        (grey(1), "auto", "--label-threshold 0.5"),
        (discs(18), "classes", "19 values"),
    ],
)
def test_truth_that_is_refused(map_, wanted, cure):
    with pytest.raises(InputError) as error:
        prediction_kind.of_truth([map_], None, wanted, T)
    assert cure in str(error.value)
    assert str(T) in str(error.value)
    assert "\n" not in str(error.value)


def test_values_that_are_not_annotated_do_not_count():
    map_ = stripes(0, 1, 2)
    found = prediction_kind.of_truth([np.where(map_ == 2, 0, map_)], [map_ != 2], "auto", T)
    assert (found.what, found.found) == ("mask", (0, 1))
    found = prediction_kind.of_truth([np.where(map_ == 0, 0, map_)], [map_ != 0], "auto", T)
    assert (found.what, found.found) == ("classes", (1, 2))


@pytest.mark.parametrize(
    ("map_", "wanted", "what"),
    [
        (stripes(0, 1), "auto", "mask"),
        (stripes(0, 255), "probability", "mask"),
        (stripes(0, 65) * np.uint16(1000), "auto", "mask"),  # several regions of one value
        (discs(1), "auto", "cells"),  # 16 bits, one region
        (discs(1).astype(np.uint8), "auto", "mask"),
        (discs(0), "auto", "cells"),
        (stripes(0, 1, 2), "auto", "classes"),
        (discs(18), "auto", "cells"),
        (discs(3), "auto", "either"),
        (discs(3), "cells", "cells"),
        (grey().astype(np.uint8), "auto", "probability"),
        (soft(), "auto", "probability"),
        (grey(1), "auto", "probability"),
        (discs(3).astype(np.float32), "cells", "cells"),
        (stripes(0, 255), "membranes", "membranes"),
        (grey(1), "membranes", "membranes"),
        (grey().astype(np.uint8), "membranes", "membranes"),
    ],
)
def test_prediction(map_, wanted, what):
    assert prediction_kind.of_prediction([map_], wanted, P).what == what


def values(source, what, found=(), **more):
    return Values(source, what, found, **more)


@pytest.mark.parametrize(
    ("truth", "prediction", "kind"),
    [
        (("mask", (0, 255)), ("mask", (0, 1)), "probability"),
        (("mask", (0, 255)), ("probability",), "probability"),
        (("mask", (0, 255)), ("cells", (0, 1, 2)), "cells"),
        (("mask", (0, 255)), ("either", (0, 1, 2)), "cells"),
        (("mask", (0, 1)), ("classes", (0, 1, 2)), "classes"),  # no pixel of class 2 in the truth
        (("cells", (0, 1, 2, 3)), ("mask", (0, 1)), "probability"),
        (("cells", (0, 1, 2, 3)), ("probability",), "probability"),
        (("cells", (0, 1, 2, 3)), ("either", (0, 1, 2)), "cells"),
        (("either", (0, 1, 2)), ("mask", (0, 255)), "probability"),
        (("either", (0, 1, 2)), ("probability",), "probability"),
        (("either", (0, 1, 2)), ("cells", (0, 1, 2)), "cells"),
        (("either", (0, 1, 2)), ("classes", (0, 1, 2)), "classes"),
        (("classes", (0, 1, 2)), ("mask", (0, 1)), "classes"),
        (("classes", (0, 1, 2)), ("either", (0, 1, 2)), "classes"),
        (("classes", (0, 1, 2)), ("classes", (0, 1, 2, 3)), "classes"),
        (("membranes", (0, 1)), ("membranes", (0, 255)), "probability"),
        (("membranes", (0, 1)), ("probability",), "probability"),
        (("membranes", (0, 1)), ("cells", (0, 1, 2)), "cells"),
        (("membranes", (0, 1)), ("either", (0, 1, 2)), "cells"),
        (("mask", (0, 255)), ("membranes", (0, 255)), "probability"),
        (("cells", (0, 1, 2, 3)), ("membranes", (0, 255)), "probability"),
        (("either", (0, 1, 2)), ("membranes",), "probability"),
    ],
)
def test_meanings_that_fit_together(truth, prediction, kind):
    assert prediction_kind.decide(values(T, *truth), values(P, *prediction)) == kind


@pytest.mark.parametrize(
    ("truth", "prediction", "option"),
    [
        (("either", (0, 1, 2)), ("either", (0, 1, 2)), "pass --labels-are classes or"),
        (("either", (0, 1, 2)), ("mask", (0, 1)), "pass --labels-are classes or"),
        (("mask", (0, 1)), ("either", (0, 1, 2)), "pass --prediction-is classes or"),
        (("mask", (0, 255)), ("classes", (0, 1, 2)), "save both with the same values"),
        (("classes", (0, 100, 200)), ("classes", (0, 1, 2)), "save both with the same values"),
        (("classes", (0, 1, 2)), ("mask", (0, 255)), "save both with the same values"),
        (("membranes", (0, 1)), ("mask", (0, 255)), "pass --prediction-is membranes if"),
        (("membranes", (0, 1)), ("classes", (0, 1, 2)), "--labels-are membranes says"),
        (("classes", (0, 1, 2)), ("membranes", (0, 255)), "--prediction-is membranes says"),
        (("classes", (0, 1, 2, 255)), ("classes", (0, 1, 2)), "pass --ignore 255;"),
        (("classes", (-1, 0, 1, 2)), ("classes", (0, 1, 2)), "pass --ignore -1;"),
        (("classes", (0, 1, 2)), ("cells", (0, 1, 2)), "--labels-are cells or --prediction-is"),
        (("classes", (0, 1, 2)), ("probability",), "--label-threshold V"),
        (("cells", (0, 1, 2)), ("classes", (0, 1, 2)), "--labels-are classes or --prediction-is"),
    ],
)
def test_meanings_that_do_not(truth, prediction, option):
    with pytest.raises(InputError) as error:
        prediction_kind.decide(values(T, *truth), values(P, *prediction))
    assert option in str(error.value)


def test_what_an_option_says_is_not_doubted():
    # A mask of classes, and integers of more than 8 bits.
    mask, few = (T, "mask", (0, 1)), (P, "either", (0, 1, 2))
    assert prediction_kind.decide(values(*mask, sure=True), values(*few)) == "classes"
    assert prediction_kind.decide(values(*mask), values(*few, wide=True)) == "cells"
    one, other = ((T, "classes", (0, 1)), (P, "classes", (0, 2)))
    assert prediction_kind.decide(values(*one, sure=True), values(*other, sure=True)) == "classes"


def test_a_mask_against_membranes_is_one_of_cells_if_an_option_says_so():
    mask = prediction_kind.of_prediction([stripes(0, 255)], "probability", P)
    assert prediction_kind.decide(values(T, "membranes", (0, 1), sure=True), mask) == "probability"
    # Against classes, such a mask still has to have their values.
    with pytest.raises(InputError, match="save both with the same values"):
        prediction_kind.decide(values(T, "classes", (0, 1, 2), sure=True), mask)
