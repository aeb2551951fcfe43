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


IMPOSSIBLE = {
    "threads 0": {"threads": 0},
    "threads -4": {"threads": -4},
    "threads 65537": {"threads": 2**16 + 1},
    "threshold 5": {"threshold": 5, "threshold_from": "training"},
    "threshold -0.5": {"threshold": -0.5, "threshold_from": "training"},
    "threshold of nothing": {"threshold": 0.5},
    "nothing chosen": {"threshold_from": "training"},
    "threshold_from": {"threshold": 0.5, "threshold_from": "\x1b[2J"},
    "scale 0": {"scale": [1.0, 0.0]},
    "scale NaN": {"scale": [nan, 1.0]},
    "scale inf": {"scale": [0.0, inf]},
    "tile 1": {"tile": 1, "depth": 1},
    "tile 21": {"tile": 21, "depth": 1},
    "tile 186": {"tile": 186, "depth": 4},  # valid, but its output has 2 of the needed 16 pixels
    "three classes": {"label_values": [0, 1, 2], "threshold": 0.5, "threshold_from": "training"},
}


@pytest.mark.parametrize("changed", IMPOSSIBLE.values(), ids=IMPOSSIBLE)
def test_no_run_finds_such_values(changed):
    word = next(iter(changed)).split("_")[0]
    with pytest.raises(AlteredError, match=word if "label_values" not in changed else "threshold"):
        restore(from_options().to_json() | changed)


@pytest.mark.parametrize("threshold", [0.0, 1e-05, 0.5, 0.9999999999999999])
def test_a_threshold_that_a_run_found_is_restored(threshold):
    found = {"threshold": threshold, "threshold_from": "test", "scale": [-1e-300, 5e-324]}
    assert restore(from_options().to_json() | found).threshold == threshold


def test_only_label_values_of_membranes_descend():
    values = from_options(labels_are="membranes", label_values=(255, 0)).to_json()
    assert restore(json.loads(json.dumps(values))).label_values == (255, 0)
    for changed in (
        {"labels_are": "classes"},
        {"label_values": [0, 255]},
        {"label_values": [2, 1, 0]},
        {"label_values": [255, 255]},
        {"label_values": [256, 0]},
        {"label_values": [0, -1]},
    ):
        with pytest.raises(AlteredError, match="its label values are"):
            restore(values | changed)
