"""Settings of a run are parsed from command-line options, which have clear help texts."""

from dataclasses import asdict, fields
from itertools import pairwise

import pytest

from minunet.cli import Parser
from minunet.errors import InputError
from minunet.runs.options import (
    add_options,
    add_some,
    check_used,
    chosen_defaults,
    command_line,
    flag,
)
from minunet.runs.settings import (
    CHANGEABLE,
    EXPERIMENTS,
    PRESETS,
    Settings,
    from_options,
    options,
)


def typed(*arguments):
    """Parse options as `minunet.train` does; return those that were given."""
    parser = Parser("train", "")
    add_options(parser, chosen_defaults(arguments))
    return {k: v for k, v in vars(parser.parse_args(arguments)).items() if v is not None}


def test_the_default_is_the_tiny_preset():
    assert typed() == {}
    assert from_options() == from_options(preset="tiny")
    assert asdict(from_options()).items() >= PRESETS["tiny"].items()


def test_the_preset_paper_is_the_papers_network():
    settings = from_options(**typed("--preset", "paper"))
    assert settings.architecture.parameters() == 31_030_658
    assert (settings.tile, settings.momentum, settings.dropout) == (572, 0.99, 0.5)


def test_options_override_the_preset_which_overrides_the_defaults():
    settings = from_options(**typed("--preset", "laptop", "--channels", "5", "--seed", "0"))
    laptop = PRESETS["laptop"]
    assert settings.channels == 5
    assert (settings.depth, settings.tile, settings.steps) == (
        laptop["depth"],
        laptop["tile"],
        laptop["steps"],
    )
    assert settings.score == from_options().score


def test_options_override_the_experiment_which_overrides_the_preset():
    settings = from_options(**typed("--experiment", "cells", "--smallest", "7"))
    laptop = PRESETS["laptop"]
    assert (settings.preset, settings.channels) == ("laptop", laptop["channels"])
    assert settings.warm_up == EXPERIMENTS["cells"]["warm_up"] != laptop["warm_up"]
    assert (settings.average, settings.scaling, settings.smallest) == ("symmetries", "image", 7)
    tiny = from_options(**typed("--experiment", "em", "--preset", "tiny"))
    assert (tiny.preset, tiny.tile) == ("tiny", PRESETS["tiny"]["tile"])
    assert (tiny.average, tiny.scaling) == ("symmetries", "minmax")


def test_every_given_setting_is_an_option_of_its_type():
    values = typed(
        *["--images", "a", "--labels", "b", "--validation", "1:2", "--scaling", "none"],
        *["--test", "0.5"],
        *["--depth", "1", "--channels", "2", "--variant", "release", "--dropout", "0.25"],
        *["--tile", "24", "--steps", "3", "--learning-rate", "0.5", "--momentum", "0.75"],
        *["--warm-up", "0", "--clip", "0.5", "--validate-every", "4", "--seed", "5"],
        *["--device", "cpu", "--preset", "paper", "--experiment", "cells"],
        *["--labels-are", "cells", "--truth", "gold", "--weight-map", "later", "--w0", "7"],
        *["--sigma", "3", "--augment", "none", "--score", "seg", "--average", "flips"],
        *["--smallest", "9", "--label-threshold", "128", "--ignore", "-1"],
        *["--channel", "2", "--series", "0", "--axes", "zyx", "--level", "1"],
        *["--weight-decay", "0.5", "--bias-rate", "2"],
        *["--connectivity", "8", "--shrink", "2.5", "--start-from", "em"],
    )
    assert values == {
        **{"images": "a", "labels": "b", "validation": "1:2", "scaling": "none", "depth": 1},
        **{"test": "0.5"},
        **{"channels": 2, "variant": "release", "dropout": 0.25, "tile": 24, "steps": 3},
        **{"learning_rate": 0.5, "momentum": 0.75, "warm_up": 0, "clip": 0.5, "validate_every": 4},
        **{"seed": 5, "device": "cpu", "preset": "paper", "experiment": "cells"},
        **{"labels_are": "cells", "truth": "gold", "weight_map": "later", "w0": 7, "sigma": 3},
        **{"augment": "none", "score": "seg", "average": "flips", "smallest": 9},
        **{"label_threshold": 128.0, "ignore": -1.0, "channel": 2, "series": 0},
        **{"axes": "zyx", "level": 1},
        **{
            "weight_decay": 0.5,
            "bias_rate": 2.0,
            "connectivity": 8,
            "shrink": 2.5,
            "start_from": "em",
        },
    }
    found = {"in_channels", "label_values", "label_colours", "cells", "fingerprint", "scale"}
    found |= {"threshold", "threshold_from", "threads", "pixel_size"}
    found |= {"extent", "smallest_chosen", "start_checksum"}
    assert {field.name for field in fields(Settings)} == set(values) | found
    settings = from_options(**values)
    assert all(getattr(settings, name) == value for name, value in values.items())


@pytest.mark.parametrize(
    ("option", "value"),
    [
        *[("--dropout", "1"), ("--dropout", "-0.1"), ("--momentum", "1"), ("--depth", "0")],
        *[("--channels", "1.5"), ("--steps", "0"), ("--learning-rate", "nan")],
        *[("--weight-decay", "-1"), ("--bias-rate", "nan"), ("--connectivity", "6")],
        *[("--axes", "red"), ("--channel", "-1"), ("--series", "-1"), ("--ignore", "x")],
        *[("--learning-rate", "inf"), ("--warm-up", "-1"), ("--seed", "x"), ("--preset", "big")],
        *[
            ("--scaling", "max"),
            ("--variant", "new"),
            ("--device", "gpu"),
            ("--validate-every", "0"),
        ],
    ],
)
def test_invalid_values_are_refused(option, value, capsys):
    with pytest.raises(SystemExit) as end:
        typed(option, value)
    assert end.value.code == 2
    message = capsys.readouterr().err
    assert option in message
    assert value in message
    assert message.count("\n") == 1


def test_help_shows_the_defaults_of_the_chosen_preset(capsys):
    for preset, values in PRESETS.items():
        with pytest.raises(SystemExit):
            typed("--preset", preset, "--help")
        text = " ".join(capsys.readouterr().out.split())
        assert f"size of the input tile, in pixels (default: {values['tile']})" in text
        assert f"in equation (2) (default: {from_options().w0})" in text
    with pytest.raises(SystemExit):
        typed("--experiment", "cells", "--help")
    text = " ".join(capsys.readouterr().out.split())
    assert f"averaged over pixels (default: {EXPERIMENTS['cells']['learning_rate']})" in text


def test_help_lists_every_option_once_under_its_group(capsys):
    with pytest.raises(SystemExit):
        typed("--help")
    help_text = capsys.readouterr().out
    headings = [f"\n{group}:\n" for group in ("data", "network", "training", "evaluation", "run")]
    ends = [*(help_text.index(heading) for heading in headings), len(help_text)]
    assert ends == sorted(ends)
    sections = [help_text[a:b] for a, b in pairwise(ends)]
    # --grey is the only option without a setting of its own.
    assert sum(section.count("\n  --") for section in sections) == len(options()) + 1
    assert "\n  --grey " in sections[0]
    for option in options():
        (section,) = (text for text in sections if f"\n  {flag(option.name)} " in text)
        assert section.startswith(f"\n{option.metadata['group']}:\n")


@pytest.mark.parametrize("option", options(), ids=lambda option: option.name)
def test_help_begins_with_the_noun_it_describes(option):
    assert option.metadata["help"].split()[0].lower() not in ("of", "in", "at", "by", "for", "on")
    assert not option.metadata["help"].endswith(".")


@pytest.mark.parametrize(
    ("arguments", "repeated"),
    [
        ([], []),
        (["--preset", "tiny"], []),
        (["--preset", "laptop", "--steps", "7"], ["--preset", "laptop", "--steps", "7"]),
        (["--experiment", "em"], ["--experiment", "em"]),
        (["--experiment", "em", "--preset", "tiny"], ["--experiment", "em", "--preset", "tiny"]),
        (["--images", "a b", "--labels", "c"], ["--images", "a b", "--labels", "c"]),
    ],
)
def test_the_command_line_for_the_same_settings(arguments, repeated):
    settings = from_options(**typed(*arguments))
    assert command_line(settings) == repeated
    assert from_options(**typed(*command_line(settings))) == settings


def test_grey_is_short_for_channel_grey():
    assert typed("--grey") == typed("--channel", "grey") == {"channel": "grey"}
    assert command_line(from_options(channel="grey")) == ["--channel", "grey"]
    assert typed("--channel", "0") == {"channel": 0}


def test_another_command_takes_some_of_the_options():
    parser = Parser("augment")
    add_some(parser, "channel", "ignore")
    assert vars(parser.parse_args(["--ignore", "-1"])) == {"channel": None, "ignore": -1.0}
    assert vars(parser.parse_args(["--grey"])) == {"channel": "grey", "ignore": None}
    assert "default:" not in parser.format_help()


def test_flags():
    assert flag("learning_rate") == "--learning-rate"
    assert {"steps", "learning_rate", "device"} == set(CHANGEABLE)


def test_help_shows_the_type_and_the_default_of_an_option():
    parser = Parser("train")
    add_options(parser, chosen_defaults([]))
    text = " ".join(parser.format_help().split())
    for shown in (
        "--depth N number of 2x2 poolings (default: 3)",
        "--images PATH image stack",
        "--validation SLICES slices to hold out: FIRST:END",
        "--device {auto,cpu,cuda} device to compute on",
        "or cells (touching cells) (default: none)",
    ):
        assert shown in text


@pytest.mark.parametrize("arguments", [["--pre", "paper"], ["--exp", "cells"]])
def test_an_abbreviation_selects_nothing(arguments):
    assert chosen_defaults(arguments) == from_options()


@pytest.mark.parametrize("name", ["w0", "sigma"])
@pytest.mark.parametrize("form", ["later", "balance", "none"])
def test_constants_without_effect_are_refused_but_no_old_run_is(name, form):
    chosen = from_options(**{name: 7.0, "weight_map": form})
    with pytest.raises(InputError) as refused:
        check_used([name, "steps"], chosen)
    assert str(refused.value) == (
        f"--{name} has no effect with --weight-map {form}; leave out --{name}, or pass "
        "--weight-map paper"
    )
    check_used(["weight_map"], chosen)
    assert f"--{name}" not in command_line(chosen)
    paper = from_options(**{name: 7.0}, label_values=(0, 1, 2))
    check_used([name], paper)
    assert f"--{name}" in command_line(paper)
    with pytest.raises(InputError, match=f"--{name} has no effect, because the labels have 3 cl"):
        check_used([name], paper, cells=False)
