"""The values of label files become classes, in ascending order; membranes are the exception."""

import numpy as np
import pytest

from minunet.data import label_classes
from minunet.data.annotation import Meaning
from minunet.errors import InputError


def as_masks(*pages):
    return [np.asarray(page)[..., np.newaxis] for page in pages]


def as_maps(*pages):
    return [np.asarray(page) for page in pages]


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
    labels, found = label_classes.classes([mask[..., 0] for mask in masks], "somewhere")
    for label, expected in zip(labels, classes, strict=True):
        assert label.dtype == np.uint8
        np.testing.assert_array_equal(label, expected)
    assert found.values == values
    fractions = np.bincount(classes.ravel()) / classes.size
    np.testing.assert_allclose(found.fractions, fractions, rtol=1e-12)


def test_label_values_are_collected_over_the_whole_stack():
    # The first slice alone would be refused because it has a single value.
    labels, found = label_classes.classes(as_maps([[0, 0, 0]], [[255, 255, 0]]), "somewhere")
    np.testing.assert_array_equal(labels[0], [[0, 0, 0]])
    np.testing.assert_array_equal(labels[1], [[1, 1, 0]])
    assert found == ((0, 255), (4 / 6, 2 / 6))


@pytest.mark.parametrize(
    ("page", "message"),
    [
        (
            [[0, 128, 254]],
            ["values 0, 128, 254", "pass --labels-are classes", "0 → 0, 128 → 1, 254 → 2"],
        ),
        ([[1, 2]], ["values 1, 2", "--labels-are classes if they are classes (1 → 0, 2 → 1)"]),
        ([[0.0, 0.5]], ["0, 0.5"]),
        ([[-1, 0]], ["-1, 0"]),
        ([[0, 1, 255]], ["0, 1, 255", "if 255 marks", "pass --ignore 255", "--labels-are classes"]),
        ([[0, 1, 2, 65535]], ["pass --ignore 65535"]),
        ([[-1, 0, 1]], ["pass --ignore -1"]),
        ([[0, 255, 65535]], ["if 65535 marks", "pass --ignore 65535"]),
        ([[0, 64, 3_000_000_000]], ["0, 64, 3000000000", "or --label-threshold"]),
        ([[7, 7]], ["all", "7", "at least two classes"]),
        ([[0, 2]], ["values 0, 2", "--labels-are classes", "--labels-are cells"]),
        ([[0, 2, 3]], ["values 0, 2, 3", "--labels-are cells"]),
        ([range(61)], ["61 values (0, 1, 2, 3, 4, 5, …)", "or --label-threshold V"]),
        ([range(17)], ["17 values", "at most 16"]),
    ],
)
def test_label_values_that_are_refused(page, message):
    with pytest.raises(InputError) as refused:
        label_classes.classes(as_maps(page), "mask.tif")
    for words in ["mask.tif", *message]:
        assert words in str(refused.value)


NINE = (0, 32, 64, 96, 128, 159, 191, 223, 255)


@pytest.mark.parametrize(
    "values", [NINE, (0, 1, 255), (3, 7), (1, 255), (0, 128), tuple(range(1, 17))]
)
def test_any_values_are_classes_if_an_option_says_so(values):
    which = np.random.default_rng(1).permutation(np.arange(160).reshape(10, 16) % len(values))
    (labels,), found = label_classes.classes([np.array(values)[which]], "s", None, "classes")
    np.testing.assert_array_equal(labels, which)
    assert labels.dtype == np.uint8
    assert found.values == values
    with pytest.raises(InputError, match="values"):  # but not by themselves
        label_classes.classes([np.array(values)[which]], "s")


@pytest.mark.parametrize(
    ("page", "message"),
    [
        ([[0, 5, 256]], ["256 is not", "whole numbers from 0 to 255", "--ignore 256"]),
        ([[-1, 0, 5]], ["-1 is not", "--ignore -1"]),
        ([[0, 0.5, 1.5]], ["0.5 is not", "--label-threshold"]),
        ([range(17)], ["17 values", "at most 16"]),
        ([[9, 9]], ["all labels", "9", "at least two classes"]),
    ],
)
def test_values_that_cannot_be_classes_whatever_an_option_says(page, message):
    with pytest.raises(InputError) as refused:
        label_classes.classes(as_maps(page), "mask.tif", None, "classes")
    for words in ["mask.tif", *message]:
        assert words in str(refused.value)


def test_the_first_remedy_for_other_values_is_labels_are_classes():
    with pytest.raises(InputError) as refused:
        label_classes.classes(as_maps([NINE]), "labels.tif")
    text = str(refused.value)
    assert text.index("--labels-are classes") < text.index("--labels-are cells")
    assert text.index("--labels-are classes") < text.index("--label-threshold")
    assert "change" not in text


def test_of_membranes_the_larger_value_is_class_0():
    (labels,), found = label_classes.classes(as_maps([[4, 0, 4, 4]]), "s", None, "membranes")
    np.testing.assert_array_equal(labels, [[0, 1, 0, 0]])
    assert found == ((4, 0), (0.75, 0.25))
    with pytest.raises(
        InputError, match=r"3 values \(0, 4, 5\), but --labels-are membranes needs two"
    ):
        label_classes.classes(as_maps([[0, 4, 5]]), "s", None, "membranes")
    with pytest.raises(InputError, match="65535 is not"):
        label_classes.classes(as_maps([[0, 65535]]), "s", None, "membranes")


@pytest.mark.parametrize(("threshold", "values"), [(100, (0, 255)), (0.5, (0, 1))])
def test_a_threshold_makes_two_classes_by_hand(threshold, values):
    map_ = np.array([[0, 1, 2], [3, 4, 4]]) * threshold / 2
    for kind, wanted in (("auto", values), ("membranes", values[::-1])):
        (labels,), found = label_classes.thresholded(
            [map_], [map_ >= 0], Meaning(kind, threshold), "s"
        )
        larger = np.array([[0, 0, 1], [1, 1, 1]])
        np.testing.assert_array_equal(labels, larger if kind == "auto" else 1 - larger)
        assert found.values == wanted
        assert found.fractions[kind == "auto"] == pytest.approx(4 / 6)


def test_the_class_of_a_value_with_gaps_between_values():
    np.testing.assert_array_equal(
        label_classes.class_of(np.array([[9, 2, 5]]), (2, 5, 9)), [[2, 0, 1]]
    )
    np.testing.assert_array_equal(label_classes.class_of(np.array([[9, 2]]), (9, 2)), [[0, 1]])


def test_the_fraction_counts_annotated_pixels_only():
    labels, known = np.array([[1, 1, 0, 0]]), np.array([[1, 0, 1, 1]], bool)
    assert label_classes.fraction([labels], [known]) == pytest.approx(1 / 3)
