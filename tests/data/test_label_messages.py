"""Messages name label values with all their digits; see `test_label_files` for the messages."""

import numpy as np
import pytest

from minunet.data import label_messages


@pytest.mark.parametrize(
    ("value", "words"),
    [
        (3.0, "3"),
        (0.5, "0.5"),
        (-1, "-1"),
        (2**32 - 1, "4294967295"),
        (np.uint64(2**40), f"{2**40}"),
    ],
)
def test_numbers_in_words(value, words):
    assert label_messages.plain(value) == words


def test_only_the_first_few_values_are_listed():
    assert label_messages.few([0, 1, 2, 3, 4, 5]) == "0, 1, 2, 3, 4, 5"
    assert label_messages.few(np.arange(0, 70, 10)) == "0, 10, 20, 30, 40, 50, …"


@pytest.mark.parametrize(
    ("values", "classes"),
    [([0, 255], True), ([0, 1, 2], True), ([0, 2], False), ([1, 2], False), ([0, 255, 256], False)],
)
def test_values_of_classes(values, classes):
    assert label_messages.are_classes(values) == classes


@pytest.mark.parametrize(
    ("values", "bytes_"),
    [([0, 255], True), ([0.0, 7.0], True), ([-1, 0], False), ([0, 256], False), ([0.5], False)],
)
def test_values_of_8_bits(values, bytes_):
    assert label_messages.are_bytes(values) == bytes_


def test_few_grey_values_may_be_classes_after_all():
    few = label_messages.grey(np.array([0, 60, 128, 200, 255]), True, "m.tif")
    assert "--labels-are classes" in few
    assert few.index("--label-threshold 128") < few.index("--labels-are classes")
    many = label_messages.grey(np.arange(200), False, "m.tif")
    assert "--labels-are classes" not in many
