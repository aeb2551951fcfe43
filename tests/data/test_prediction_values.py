"""The values of a prediction and its truth become what the scores need."""

from pathlib import Path

import numpy as np
import pytest

from minunet.data import prediction_values
from minunet.data.prediction_kind import Values
from minunet.errors import InputError
from minunet.metrics.score import THRESHOLDS

P = Path("p.tif")


def probability(map_, what="probability", **more):
    return prediction_values.probability([map_], Values(P, what, **more))


def test_floats_stay_as_they_are():
    map_ = np.array([[0.25, 1.0, 0.0]], np.float32)
    (found,), thresholds, words = probability(map_)
    assert found is map_
    assert (thresholds, words) == (THRESHOLDS, "probability of cell")


@pytest.mark.parametrize("value", [1, 7, 255])
def test_a_mask_has_one_threshold(value):
    (found,), thresholds, words = probability(np.array([[0, value, 0]], np.uint8), "mask")
    np.testing.assert_array_equal(found, [[0, 1, 0]])
    assert (thresholds, words) == ((0.5,), "probability of cell")


def test_integers_by_hand():
    # 51/255 is 0.2: in float32 it would be above the threshold 0.2.
    (found,), thresholds, words = probability(np.array([[0, 51, 255]], np.uint8))
    assert found.tolist() == [[0, 0.2, 1]]
    assert (thresholds, words) == (THRESHOLDS, "probability of cell (value / 255)")
    (found,), _, words = probability(np.array([[13107, 65535]], np.uint16))
    assert found.tolist() == [[0.2, 1]]
    assert words == "probability of cell (value / 65535)"
    (found,), _, _ = probability(np.array([[51, 102]], np.uint8), sure=True)
    assert found.tolist() == [[0.2, 0.4]]


@pytest.mark.parametrize(
    "map_",
    [
        np.array([[0, 100]], np.uint8),  # percent
        np.array([[0, 255]], np.uint16),  # 8 bits in 16
        np.array([[0, 2**32 - 1]], np.uint32),
        np.array([[0, 2**15 - 1]], np.int16),
        np.array([[0, 255.0]]),
        np.array([[-0.1, 1.0]]),
    ],
)
def test_values_that_may_not_be_probabilities_are_refused(map_):
    with pytest.raises(InputError, match="--prediction-is cells or --prediction-is cl") as refused:
        probability(map_)
    # Where the option helps, the message names it.
    offered = "--prediction-is probability to divide by " in str(refused.value)
    assert offered == (map_.dtype in (np.uint8, np.uint16))


@pytest.mark.parametrize("dtype", [np.uint8, np.uint16, np.uint32, np.uint64, np.int64, np.float64])
def test_cells_are_renumbered(dtype):
    largest = 2**53 if dtype == np.float64 else np.iinfo(dtype).max
    map_ = np.array([[0, 9, 9, largest], [5, 0, 9, largest]], dtype)
    (found,) = prediction_values.numbered_cells([map_], P)
    np.testing.assert_array_equal(found, [[0, 2, 2, 3], [1, 0, 2, 3]])


@pytest.mark.parametrize("wrong", [-1, 0.5])
def test_values_that_number_no_cells_are_refused(wrong):
    with pytest.raises(InputError, match=rf"it holds {wrong:g}; valid values are whole numbers"):
        prediction_values.numbered_cells([np.array([[0, 1, wrong]])], P)


def test_true_cells_are_regions_of_a_mask_or_numbers():
    map_ = np.array([[7, 0, 7, 7]])
    for what in ("mask", "cells"):
        (found,) = prediction_values.true_cells([map_], Values(P, what, (0, 7)))
        np.testing.assert_array_equal(found, [[1, 0, 2, 2]])
    (found,) = prediction_values.true_cells([map_], Values(P, "cells", (0, 3, 7)))
    np.testing.assert_array_equal(found, [[1, 0, 1, 1]])


def test_classes_match_by_value():
    images = [np.array([[0, 100, 50]], np.uint8), np.array([[200, 0]], np.uint8)]
    masks = [np.array([[0, 100, 200]], np.int16), np.array([[100, -5]], np.int16)]
    annotated = [np.array([[True, True, True]]), np.array([[True, False]])]
    predicted, truth, names = prediction_values.classes(images, masks, annotated)
    assert names == ("0", "50", "100", "200")
    np.testing.assert_array_equal(predicted[0], [[0, 2, 1]])
    np.testing.assert_array_equal(truth[0], [[0, 2, 3]])
    assert (predicted[1][0, 0], truth[1][0, 0]) == (3, 2)
    assert max(one.max() for one in (*predicted, *truth)) < 4


@pytest.mark.parametrize(
    ("map_", "wanted", "thresholds"),
    [
        (np.array([[0, 255, 0]], np.uint8), [1, 0, 1], (0.5,)),
        (np.array([[3, 9, 3]], np.uint8), [1, 0, 1], (0.5,)),
        (np.array([[0, 51, 255]], np.uint8), [1, 0.8, 0], THRESHOLDS),
        (np.array([[0.25, 1, 0]], np.float64), [0.75, 0, 1], THRESHOLDS),
    ],
)
def test_membranes_are_what_is_not_cell(map_, wanted, thresholds):
    found = () if map_.dtype.kind == "f" else tuple(np.unique(map_).tolist())
    (p,), tried, words = probability(map_, "membranes", found=found, sure=True)
    assert p.tolist() == [wanted]
    assert tried == thresholds
    assert words.startswith("1 - probability of membrane")
