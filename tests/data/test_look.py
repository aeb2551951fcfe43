"""Looks: their values have limits, and varied ones stay in their ranges, group by group."""

from dataclasses import asdict, fields, replace
from typing import get_args

import numpy as np
import pytest

from minunet.data import look
from minunet.data.look import ISBI_2012, RANGES, Group, Look, varied
from minunet.errors import InputError

NAMES = [field.name for field in fields(Look)]
RANGE = {name: limits for group in RANGES.values() for name, limits in group.items()}
MANY = [varied(np.random.default_rng(seed)) for seed in range(300)]


# Limits


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("value", [-1.0, float("nan"), float("inf"), 1e4, "4", None, [4.0]])
def test_a_value_that_makes_no_sense_is_refused(name, value):
    with pytest.raises(InputError, match=rf"^{name} of a look must be from \d+ to \d+, got ") as no:
        look.check(replace(ISBI_2012, **{name: value}))
    assert str(no.value).endswith(f"got {value!r}")
    assert "\n" not in str(no.value)


@pytest.mark.parametrize("name", ["pixel", "section", "radius", "membrane"])
def test_lengths_that_are_divided_by_are_not_0(name):
    with pytest.raises(InputError, match=f"{name} of a look"):
        look.check(replace(ISBI_2012, **{name: 0}))


@pytest.mark.parametrize("name", ["jump", "wash", "dark_cells", "vacuoles", "myelin"])
def test_fractions_are_at_most_1(name):
    look.check(replace(ISBI_2012, **{name: 1}))
    with pytest.raises(InputError, match=f"{name} of a look must be from 0 to 1, got 1.1"):
        look.check(replace(ISBI_2012, **{name: 1.1}))


@pytest.mark.parametrize("value", [4, np.float32(4), np.float64(4), np.int64(4)])
def test_any_kind_of_number_will_do(value):
    look.check(replace(ISBI_2012, pixel=value))


def test_the_usual_look_and_varied_looks_are_valid():
    for one in (ISBI_2012, *MANY):
        look.check(one)


# Variation


def test_the_groups_are_those_of_the_ranges_and_share_no_parameter():
    assert tuple(RANGES) == get_args(Group)
    assert sum(map(len, RANGES.values())) == len(RANGE)
    # This one is about the slices of a stack, not about stacks.
    assert set(NAMES) - set(RANGE) == {"slice_spread"}


def test_the_usual_values_are_among_the_varied_ones():
    for name, (least, most) in RANGE.items():
        assert least <= getattr(ISBI_2012, name) <= most, name


@pytest.mark.parametrize("name", NAMES)
def test_varied_values_fill_their_range(name):
    values = np.array([getattr(one, name) for one in MANY])
    if name not in RANGE:
        assert (values == getattr(ISBI_2012, name)).all()
        return
    least, most = RANGE[name]
    assert max(least, 0) <= values.min()
    assert values.max() <= most
    assert np.mean(values > (least + 3 * most) / 4) == pytest.approx(0.25, abs=0.08)
    assert np.mean(values <= max((3 * least + most) / 4, 0)) > 0.15
    assert np.mean(values == 0) == pytest.approx(max(-least, 0) / (most - least), abs=0.1)


def test_the_generator_determines_the_look():
    assert varied(np.random.default_rng(3)) == MANY[3] != MANY[4]


@pytest.mark.parametrize("group", RANGES)
def test_outside_the_groups_a_look_is_usual(group):
    usual = Look(**{name: getattr(ISBI_2012, name) + 0.01 for name in NAMES})
    one = varied(np.random.default_rng(7), [group], usual)
    for name in NAMES:
        assert (getattr(one, name) == getattr(usual, name)) == (name not in RANGES[group]), name
    assert varied(np.random.default_rng(7), [], usual) == usual


@pytest.mark.parametrize("missing", RANGES)
def test_groups_in_common_have_equal_values(missing):
    groups = [group for group in RANGES if group != missing]
    for seed in range(5):
        most = asdict(varied(np.random.default_rng(seed), groups))
        # Whatever the order in which the groups are listed.
        assert asdict(varied(np.random.default_rng(seed), groups[::-1])) == most
        kept = {name: most[name] for group in groups for name in RANGES[group]}
        assert kept.items() <= asdict(MANY[seed]).items()
