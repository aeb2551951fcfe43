"""Settings of a run have valid presets and groups and survive a JSON round trip."""

import json
from dataclasses import FrozenInstanceError, fields
from typing import get_args

import pytest

from minunet.network import sizes
from minunet.prediction import tiling
from minunet.runs.settings import (
    EXPERIMENTS,
    PRESETS,
    Group,
    Settings,
    from_options,
    groups,
    options,
)


@pytest.mark.parametrize("preset", PRESETS)
def test_every_preset_is_valid(preset):
    settings = from_options(preset=preset)
    assert sizes.is_valid(settings.tile, settings.depth)
    assert tiling.aligned_step(settings.tile, settings.depth) > 0


@pytest.mark.parametrize("experiment", EXPERIMENTS)
def test_every_experiment_sets_only_options(experiment):
    names = {field.name for field in options()}
    assert names >= set(EXPERIMENTS[experiment])
    settings = from_options(experiment=experiment)
    assert sizes.is_valid(settings.tile, settings.depth)


def test_every_setting_is_in_one_group():
    assert list(groups()) == list(get_args(Group))
    names = [name for of_group in groups().values() for name in of_group]
    assert sorted(names) == sorted(field.name for field in fields(Settings))
    assert groups()["network"] == ["depth", "channels", "variant", "dropout", "in_channels"]


def test_old_names_of_values_still_load():
    old = from_options().to_json() | {"augment": "authors"}
    assert Settings.from_json(old) == from_options(augment="later")


def test_settings_of_before_the_solver_had_terms_still_load():
    old = from_options().to_json()
    for name, value in (("weight_decay", 0.0), ("bias_rate", 1.0), ("connectivity", 4)):
        assert old.pop(name) == value
    assert Settings.from_json(old) == from_options()


def test_json_round_trip():
    settings = from_options(images="/é", label_values=(0, 255), dropout=0.1, fingerprint="abc")
    text = json.dumps(settings.to_json())
    assert Settings.from_json(json.loads(text)) == settings
    assert set(json.loads(text)) == {field.name for field in fields(Settings)}


def test_the_architecture_of_the_settings():
    arch = from_options(
        **{"depth": 3, "channels": 5, "dropout": 0.25, "variant": "release", "in_channels": 3},
        label_values=(0, 1, 2, 3),
    ).architecture
    assert (arch.depth, arch.channels, arch.in_channels, arch.classes) == (3, 5, 3, 4)
    assert (arch.dropout, arch.variant) == (0.25, "release")


def test_settings_are_immutable():
    with pytest.raises(FrozenInstanceError):
        from_options().steps = 3
