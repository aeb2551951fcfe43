"""The labels of test slices are read like those of the others, and decide nothing."""

from pathlib import Path

import numpy as np
import pytest

from minunet.data import interpretation, label_files
from minunet.data.annotation import Meaning
from minunet.data.sources import Raw, Source
from minunet.data.split import Parts
from minunet.errors import InputError

PARTS = Parts([0, 3], [2], [1])  # the test slice is between the others
CLASSES = np.array([[0, 0, 1], [2, 1, 0]], np.uint8)
CELLS = np.array([[0, 7, 7], [3, 0, 0]], np.uint8)
MASK = np.array([[0, 255, 0], [255, 0, 0]], np.uint8)


def interpret(others, test, **meaning):
    masks = [np.asarray(one)[..., np.newaxis] for one in (others, test, others, others)]
    raw = Raw([], masks, [Path("a.tif")] * 4, list("0123"))
    source = Source("images", "labels", Meaning(**meaning))
    return interpretation.interpret(raw, PARTS, source).annotation


@pytest.mark.parametrize(
    ("others", "meaning", "cells"),
    [
        (CLASSES, {"kind": "classes"}, None),
        (CELLS, {"kind": "cells"}, CELLS),
        (MASK, {"kind": "classes"}, None),
        (MASK, {"kind": "cells"}, [[0, 1, 0], [2, 0, 0]]),  # each region is a cell
        (CLASSES, {"threshold": 1.5}, None),
        (CLASSES, {"threshold": 0.5, "kind": "cells"}, [[0, 0, 1], [2, 2, 0]]),
        (CLASSES, {"kind": "classes", "ignore": 2}, None),
        (100 * CLASSES, {"kind": "classes"}, None),
        (MASK, {"kind": "membranes"}, None),
        (CLASSES, {"kind": "membranes", "threshold": 1.5}, None),
        (CLASSES, {"kind": "membranes", "ignore": 2}, None),
        (CELLS, {"kind": "cells", "ignore": 3}, [[0, 1, 1], [0, 0, 0]]),  # only 7 is left
    ],
)
def test_equal_label_maps_are_interpreted_equally(others, meaning, cells):
    found = interpret(others, others, **meaning)
    alone = label_files.annotate([others[..., np.newaxis]], Meaning(**meaning), "x")
    assert found.values == alone.values
    for maps, (one,) in ((found.labels, alone.labels), (found.annotated, alone.annotated)):
        assert len(maps) == 4
        for map_ in maps:
            np.testing.assert_array_equal(map_, one)
            assert map_.dtype == one.dtype
    if cells is None:
        assert found.cells is None
    else:
        for map_ in found.cells:
            np.testing.assert_array_equal(map_, cells)
            assert map_.dtype == np.int32


def test_a_test_slice_does_not_decide_what_labels_mean():
    assert interpret(CLASSES, 0 * CLASSES, kind="classes").values.values == (0, 1, 2)
    # With one number in the test slice and several elsewhere, a cell may have two pieces.
    pieces = np.array([[7, 0, 7], [0, 0, 0]], np.uint8)
    np.testing.assert_array_equal(interpret(CELLS, pieces, kind="cells").cells[1], pieces)
    # With one number elsewhere, such as 255, each region is a cell in the test slice, too.
    regions = interpret(MASK, np.array([[1, 0, 2], [0, 0, 0]], np.uint8), kind="cells").cells[1]
    np.testing.assert_array_equal(regions, [[1, 0, 2], [0, 0, 0]])
    fractions = interpret(MASK, 0 * MASK, kind="classes").values.fractions
    assert fractions == (4 / 6, 2 / 6)


@pytest.mark.parametrize(
    ("others", "value", "kind", "message"),
    [
        (CLASSES, 5, "classes", "a test slice has the label 5, but the labels of the other slices"),
        (
            MASK,
            7,
            "classes",
            "a test slice has the label 7, but the labels of the other slices are",
        ),
        (CELLS, 0.5, "cells", "a test slice has the label 0.5, but valid values are whole numbers"),
        (CELLS, -1, "cells", "a test slice has the label -1, but valid values are whole numbers"),
    ],
)
def test_values_that_the_others_cannot_have_are_refused(others, value, kind, message):
    test = others.astype(float)
    test[0, 0] = value
    with pytest.raises(InputError) as refused:
        interpret(others, test, kind=kind)
    assert str(refused.value).startswith(message)


def test_a_test_slice_without_annotation_is_refused():
    with pytest.raises(InputError) as refused:
        interpret(CLASSES, np.full_like(CLASSES, 9), kind="classes", ignore=9)
    assert str(refused.value) == (
        "none of the test slices has annotated pixels; annotate some of them, or hold out other "
        "slices with --test"
    )


def test_large_numbers_of_cells_are_renumbered():
    large = np.array([[0, 2**40, 2**40], [5, 0, 0]])
    np.testing.assert_array_equal(
        interpret(CELLS, large, kind="cells").cells[1], [[0, 2, 2], [1, 0, 0]]
    )


def test_the_synthetic_em_has_no_label_files_of_membranes():
    raw = Raw([], [MASK[..., np.newaxis]] * 4, [Path("a.tif")] * 4, list("0123"))
    source = Source(None, None, Meaning("membranes"))
    with pytest.raises(InputError, match="--labels-are membranes is for label files"):
        interpretation.interpret(raw, PARTS, source)
