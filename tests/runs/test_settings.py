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


def test_the_defaults_without_a_preset():
    # A run with other defaults is another experiment, whose numbers do not compare.
    expected = {
        **{"labels_are": "auto", "truth": "both", "validation": "0.2", "scaling": "minmax"},
        **{"variant": "paper", "weight_map": "paper", "w0": 10.0, "sigma": 5.0, "score": "auto"},
        **{"average": "none", "smallest": None, "preset": "tiny", "experiment": None, "seed": 0},
        **{"device": "auto", "validate_every": 200},
    }
    found = from_options()
    assert {name: getattr(found, name) for name in expected} == expected


PRESETS_BY_HAND = {
    "tiny": (3, 12, 196, 0.0, 1700, 200, 0.2, 0.9, 0.2, 50, "symmetries"),
    "laptop": (3, 16, 348, 0.0, 4500, 500, 0.2, 0.9, 0.2, 50, "paper"),
    # Section 3 and Figure 1 of the paper, except for steps, rates and warm-up. It clips nothing.
    "paper": (4, 64, 572, 0.5, 20000, 500, 0.002, 0.99, 0.0, 300, "paper"),
}


@pytest.mark.parametrize(("preset", "expected"), PRESETS_BY_HAND.items())
def test_the_values_of_the_presets(preset, expected):
    names = ("depth", "channels", "tile", "dropout", "steps", "validate_every", "learning_rate")
    names += ("momentum", "clip", "warm_up", "augment")
    found = from_options(preset=preset)
    assert tuple(getattr(found, name) for name in names) == expected


def test_the_values_of_the_experiments():
    em, cells = from_options(experiment="em"), from_options(experiment="cells")
    assert (em.learning_rate, em.warm_up, em.scaling, em.average) == (
        0.2,
        50,
        "minmax",
        "symmetries",
    )
    assert (cells.steps, cells.learning_rate, cells.warm_up) == (10000, 0.1, 200)
    assert (cells.scaling, cells.average) == ("image", "symmetries")
    assert em.channels == cells.channels == 16  # of the laptop
