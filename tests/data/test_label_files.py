"""Label values become classes or cells; anything else is refused clearly."""

import numpy as np
import pytest
from pictures import draw

from minunet.data import label_files
from minunet.errors import InputError

# Labels


def as_masks(*pages):
    return [np.asarray(page)[..., np.newaxis] for page in pages]


@pytest.mark.parametrize(
    ("values", "dtype"),
    [
        ((0, 255), np.uint8),
        ((0, 255), np.uint16),
        ((0, 1), np.uint8),
        ((0, 1), bool),
        ((0, 1), np.float32),
        ((0, 1, 2), np.uint16),
        (tuple(range(16)), np.uint8),
    ],
)
def test_label_values_become_classes(values, dtype):
    classes = np.random.default_rng(0).integers(len(values), size=(2, 30, 21))
    masks = as_masks(*np.array(values)[classes].astype(dtype))
    labels, found = label_files.classes(masks, "somewhere")
    for label, expected in zip(labels, classes, strict=True):
        assert label.dtype == np.uint8
        np.testing.assert_array_equal(label, expected)
    assert found.values == values
    fractions = np.bincount(classes.ravel()) / classes.size
    np.testing.assert_allclose(found.fractions, fractions, rtol=1e-12)


def test_label_values_are_collected_over_the_whole_stack():
    # The first slice alone would be refused because it has a single value.
    labels, found = label_files.classes(as_masks([[0, 0, 0]], [[255, 255, 0]]), "somewhere")
    np.testing.assert_array_equal(labels[0], [[0, 0, 0]])
    np.testing.assert_array_equal(labels[1], [[1, 1, 0]])
    assert found == ((0, 255), (4 / 6, 2 / 6))


@pytest.mark.parametrize(
    ("page", "message"),
    [
        ([[0, 128, 255]], ["values 0, 128, 255", "0 … K-1", "0 → 0, 128 → 1, 255 → 2"]),
        ([[1, 2]], ["values 1, 2", "1 → 0, 2 → 1"]),
        ([[0.0, 0.5]], ["0, 0.5"]),
        ([[-1, 0]], ["-1, 0"]),
        ([[7, 7]], ["all", "7", "at least two classes"]),
        ([[0, 2]], ["values 0, 2", "--labels-are cells"]),
        ([range(61)], ["61 values (0, 1, 2, 3, 4, 5, …)", "threshold smoothed masks first"]),
        ([range(17)], ["17 values", "≤ 16"]),
    ],
)
def test_label_values_that_are_refused(page, message):
    with pytest.raises(InputError) as refused:
        label_files.classes(as_masks(page), "mask.tif")
    for words in ["mask.tif", *message]:
        assert words in str(refused.value)


# Numbered cells


def test_numbered_cells():
    found = label_files.annotate(as_masks([[0, 3, 3]], [[700, 0, 1]]), "cells", "somewhere")
    for cells, expected in zip(found.cells, ([[0, 3, 3]], [[700, 0, 1]]), strict=True):
        assert cells.dtype == np.int32
        np.testing.assert_array_equal(cells, expected)
    np.testing.assert_array_equal(found.labels, [[[0, 1, 1]], [[1, 0, 1]]])
    assert found.labels[0].dtype == np.uint8
    assert found.values.values == (0, 1)
    assert found.values.fractions == pytest.approx((2 / 6, 4 / 6), rel=1e-15)
    assert found.ignored is None


@pytest.mark.parametrize(
    ("page", "numbered"),
    [
        (range(16), False),  # 0 … 15 may be classes
        (range(17), True),
        ([0, *range(100, 116)], True),
        ([0, 0, 255], False),
    ],
)
def test_many_numbers_are_treated_as_cells(page, numbered):
    found = label_files.annotate(as_masks([np.repeat(list(page), 9)]), "auto", "somewhere")
    assert (found.cells is not None) == numbered


def test_an_image_is_not_treated_as_cells():
    with pytest.raises(InputError, match=r"mask\.tif have \d+ values"):
        label_files.annotate(as_masks(draw((40, 50))), "auto", "mask.tif")


def test_few_numbers_are_cells_on_request():
    found = label_files.annotate(as_masks([[0, 1, 2]]), "cells", "somewhere")
    np.testing.assert_array_equal(found.labels[0], [[0, 1, 1]])
    assert len(label_files.annotate(as_masks([[0, 1, 2]]), "auto", "somewhere").values.values) == 3


@pytest.mark.parametrize(
    ("page", "message"),
    [
        ([[0.5, 1, 0]], "is not a map of numbered cells"),
        ([[-1, 1, 0]], "is not a map of numbered cells"),
        ([[0, 0, 0]], "0 everywhere"),
    ],
)
def test_invalid_cell_numbers_are_refused(page, message):
    with pytest.raises(InputError, match=rf"mask\.tif.*{message}"):
        label_files.annotate(as_masks(page), "cells", "mask.tif")


def test_many_smoothed_values_are_not_cells():
    smooth = np.linspace(0, 1, 40)[np.newaxis]
    with pytest.raises(InputError, match="40 values"):
        label_files.annotate(as_masks(smooth), "auto", "mask.tif")


def test_cells_in_colour_are_refused():
    with pytest.raises(InputError, match="colour"):
        label_files.annotate([np.zeros((4, 5, 3), np.uint8)], "cells", "mask.png")
