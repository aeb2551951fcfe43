"""Settings from a file are restored if a run could have them; see also test_checkpoint_check."""

import json
from dataclasses import fields
from math import inf, nan

import pytest

from minunet.runs.archive import AlteredError
from minunet.runs.settings import EXPERIMENTS, PRESETS, Settings, from_options
from minunet.runs.settings_check import restore

GIVEN = [{"preset": preset} for preset in PRESETS] + [
    {"experiment": e, "shrink": 2.0} for e in EXPERIMENTS
]
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


CHOSEN = {"threshold": 0.8, "threshold_from": "validation", "cells": True}

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
    "shrink auto": {"shrink": "auto"},
    "shrink 0": {"shrink": 0},
    "shrink 65": {"shrink": 65.0},
    "shrink twice": {"shrink": [2, 2]},
    "pixel_size 0": {"pixel_size": [0, 1]},
    "pixel_size -1": {"pixel_size": [0.1, -1.0]},
    "pixel_size inf": {"pixel_size": [inf, 1.0]},
    "pixel_size nan": {"pixel_size": [nan, 1.0]},
    "pixel_size 1e300": {"pixel_size": [1e300, 1e-300]},
    "pixel_size of a volume": {"pixel_size": [1, 1, 1]},
    "pixel_size 1": {"pixel_size": 1.0},
    "extent alone": {"extent": 0.5, "cells": True},
    "extent 1": {**CHOSEN, "extent": 1.0},
    "extent -1": {**CHOSEN, "extent": -0.1},
    "extent nan": {**CHOSEN, "extent": nan},
    "extent above": {**CHOSEN, "extent": 0.81},
    "extent of classes": {**CHOSEN, "extent": 0.5, "cells": False},
    "smallest_chosen alone": {"smallest_chosen": 3},
    "smallest_chosen 0": {**CHOSEN, "smallest_chosen": 0},
    "smallest_chosen 2.5": {**CHOSEN, "smallest_chosen": 2.5},
    "smallest 0": {"smallest": 0},
    "three classes": {"label_values": [0, 1, 2], "threshold": 0.5, "threshold_from": "training"},
}


@pytest.mark.parametrize("changed", IMPOSSIBLE.values(), ids=IMPOSSIBLE)
def test_no_run_finds_such_values(changed):
    names = [name for name in changed if name not in CHOSEN] or [*changed]
    word = names[0].split("_")[0]
    with pytest.raises(AlteredError, match=word if "label_values" not in changed else "threshold"):
        restore(from_options().to_json() | changed)


@pytest.mark.parametrize("threshold", [0.0, 1e-05, 0.5, 0.9999999999999999])
def test_a_threshold_that_a_run_found_is_restored(threshold):
    found = {"threshold": threshold, "threshold_from": "test", "scale": [-1e-300, 5e-324]}
    assert restore(from_options().to_json() | found).threshold == threshold


@pytest.mark.parametrize(
    "changed",
    [
        *({"shrink": value} for value in (0.25, 1, 4, 2.5, 64)),
        *({"pixel_size": value} for value in (None, [0.19, 0.19], [1e-6, 50], [1, 2])),
        *(CHOSEN | {"extent": value} for value in (None, 0.0, 0.3, 0.8)),
        CHOSEN | {"extent": 0.3, "smallest_chosen": 40, "smallest": None},
        CHOSEN | {"smallest_chosen": 5, "smallest": 5, "cells": False},  # membranes
        {"smallest": None},
        {"smallest": 7},
    ],
)
def test_sizes_and_rules_that_a_run_found_are_restored(changed):
    found = restore(json.loads(json.dumps(from_options().to_json() | changed)))
    for name, value in changed.items():
        value = tuple(value) if isinstance(value, list) else value
        assert getattr(found, name) == value


def test_settings_of_earlier_versions_have_neither_sizes_nor_rules():
    values = from_options(smallest=5).to_json()
    for name in ("shrink", "pixel_size", "extent", "smallest_chosen", "connectivity"):
        del values[name]
    found = restore(values)
    assert (found.shrink, found.pixel_size) == (1.0, None)
    assert (found.extent, found.smallest_chosen, found.smallest) == (None, None, 5)


def test_a_pixel_size_is_described_as_two_numbers():
    with pytest.raises(AlteredError, match=r"pixel_size is 1\.0, not a list of 2 numbers or null"):
        restore(from_options().to_json() | {"pixel_size": 1.0})


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
