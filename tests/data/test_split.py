"""Slices are held out as asked; invalid splits are refused clearly."""

import pytest

from minunet.data import split
from minunet.errors import InputError


@pytest.mark.parametrize(
    ("block", "count", "held_out"),
    [
        ("none", 7, []),
        ("0", 7, []),
        ("0.2", 10, [8, 9]),
        ("0.2", 24, [19, 20, 21, 22, 23]),
        ("0.2", 2, [1]),  # at least one if there are several
        ("0.01", 30, [29]),
        ("0.2", 1, []),  # a single slice is used for training
        ("0.75", 4, [1, 2, 3]),
        ("0:3", 7, [0, 1, 2]),
        ("2:4", 7, [2, 3]),
        ("6:7", 7, [6]),
    ],
)
def test_split_into_training_and_validation(block, count, held_out):
    training, validation = split.split(block, count)
    assert validation == held_out
    assert training == [k for k in range(count) if k not in held_out]


@pytest.mark.parametrize("count", [1, 2, 5, 24])
@pytest.mark.parametrize("percent", range(0, 75, 7))
def test_a_fraction_is_one_contiguous_block_at_the_end(count, percent):
    training, held_out = split.split(f"{percent / 100}", count)
    assert training + held_out == list(range(count))
    assert training
    if count > 1 and percent:
        assert held_out
        assert len(held_out) <= max(1, count * percent / 100 + 0.5)


@pytest.mark.parametrize(
    "block",
    ["1", "1.5", "-0.1", "nan", "all", "", "3", "2:2", "4:2", "-1:2", "5:8", "1:2:3", "a:b"],
)
def test_invalid_validation_blocks_are_refused(block):
    with pytest.raises(InputError, match=r"FIRST:END within 0:7, a fraction.*none") as refused:
        split.split(block, 7)
    assert f"validation is {block};" in str(refused.value)


def test_at_least_one_slice_is_left_for_training():
    for block, count in (("0:7", 7), ("0:1", 1)):
        with pytest.raises(InputError, match=f"{block} leaves none of the {count} slices"):
            split.split(block, count)
    assert split.split("0.95", 7) == ([0], [1, 2, 3, 4, 5, 6])
    assert split.split("0.95", 1) == ([0], [])
