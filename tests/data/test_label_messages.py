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
