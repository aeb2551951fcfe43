"""Every value of a label file gets the colour of its class."""

import numpy as np
import pytest
from matplotlib import colormaps

from minunet.prediction import label_colours


def test_the_colours_of_the_training_labels():
    found = label_colours.table((0, 100, 200), ((1, 2, 3), (4, 5, 6), (7, 8, 9)))
    assert found.shape == (256, 3)
    assert found.dtype == np.uint8
    assert found[[0, 100, 200]].tolist() == [[1, 2, 3], [4, 5, 6], [7, 8, 9]]
    assert not np.delete(found, [0, 100, 200], axis=0).any()
    two = label_colours.table((0, 255), ((0, 0, 0), (9, 8, 7)))
    assert two[255].tolist() == [9, 8, 7]


def test_two_classes_without_colours_are_black_and_white():
    assert label_colours.table((0, 255)) is None
    found = label_colours.table((0, 1))
    assert found[:3].tolist() == [[0, 0, 0], [255, 255, 255], [0, 0, 0]]


def test_the_default_colours_are_those_of_tableau():
    found = label_colours.table(range(12))
    expected = np.round(255 * np.array(colormaps["tab10"].colors))
    assert not found[0].any()
    np.testing.assert_array_equal(found[1:11], expected)
    np.testing.assert_array_equal(found[11], expected[0])


@pytest.mark.parametrize("count", [1, 2, 4])
def test_colours_that_do_not_match_the_classes_are_not_used(count):
    found = label_colours.table((0, 1, 2), ((9, 9, 9),) * count)
    assert found[:3].tolist() == [[0, 0, 0], [31, 119, 180], [255, 127, 14]]


def test_membranes_are_white_where_they_have_the_larger_value():
    assert label_colours.table((255, 0)) is None
    assert label_colours.table((1, 0)).tolist() == label_colours.table((0, 1)).tolist()
    found = label_colours.table((1, 0), ((1, 2, 3), (4, 5, 6)))  # those of the training labels
    assert found[:2].tolist() == [[4, 5, 6], [1, 2, 3]]
