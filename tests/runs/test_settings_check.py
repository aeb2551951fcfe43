"""Settings from a file are restored if a run could have them; see also test_checkpoint_check."""

import json
from dataclasses import fields
from math import inf, nan

import pytest

from minunet.runs.archive import AlteredError
from minunet.runs.settings import EXPERIMENTS, PRESETS, Settings, from_options
from minunet.runs.settings_check import restore

GIVEN = [{"preset": preset} for preset in PRESETS] + [{"experiment": e} for e in EXPERIMENTS]
FOUND = {
    "label_values": (0, 100, 200),
    "label_colours": ((0, 0, 0), (255, 0, 9), (1, 2, 3)),
    "fingerprint": "0a1b",
    "in_channels": 3,
    "images": "/data/\udcff",  # a name that is not UTF-8
    "label_threshold": 0.5,
    "ignore": -1.0,
    "channel": "grey",
    "series": 0,
}


@pytest.mark.parametrize("given", [*GIVEN, FOUND, {"channel": 2, "cells": True, "seed": 2**63 - 1}])
def test_settings_of_a_run_are_restored(given):
    settings = from_options(**given)
    assert restore(json.loads(json.dumps(settings.to_json()))) == settings


@pytest.mark.parametrize("name", [field.name for field in fields(Settings)])
@pytest.mark.parametrize(
    "value",
    [{}, [[]], [None], [[1, 2], 3], "\0", inf, nan, -(10**400)],
    ids=["object", "empty list", "null", "lists", "zero byte", "inf", "nan", "huge"],
)
def test_no_setting_can_be_anything(name, value):
    with pytest.raises(AlteredError, match=name.replace("_", ".")):
        restore(from_options().to_json() | {name: value})


@pytest.mark.parametrize(
    "name", [f.name for f in fields(Settings) if f.type == "int" or f.type is int]
)
def test_huge_numbers_are_refused(name):
    values = from_options().to_json() | {name: 2**31}
    if name == "seed":
        assert restore(values).seed == 2**31
        return
    with pytest.raises(AlteredError, match=f"its setting {name} is 2147483648, which no run can"):
        restore(values)
