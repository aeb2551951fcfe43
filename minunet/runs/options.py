"""The settings of a run as options of the command line."""

import argparse
from collections.abc import Sequence
from typing import Any, Literal, get_args, get_origin, get_type_hints

from minunet.cli import Parser
from minunet.runs.settings import EXPERIMENTS, PRESETS, Group, Settings, from_options, options

TITLES: dict[Group, str] = {
    "data": "data",
    "network": "network",
    "training": "training",
    "evaluation": "evaluation",
    "run": "run",
}
"""Headings of the groups of options, in the order of `--help`."""


def flag(name: str) -> str:
    """Spell a setting as an option of the command line.

    Examples
    --------
    >>> flag("learning_rate")
    '--learning-rate'
    """
    return "--" + name.replace("_", "-")


def choices(kind: Any) -> tuple[str, ...] | None:
    """List the values of a `Literal`, or of one that may be None; None for any other type.

    Examples
    --------
    >>> choices(Literal["em", "cells"] | None)
    ('em', 'cells')
    """
    if get_origin(kind) is Literal:
        return get_args(kind)
    return next((choices(part) for part in get_args(kind) if choices(part)), None)


def usual(arguments: Sequence[str]) -> Settings:
    """Find the defaults of the preset and the experiment that a command line chooses."""
    parser = argparse.ArgumentParser(add_help=False, allow_abbrev=False, exit_on_error=False)
    parser.add_argument("--preset", choices=PRESETS)
    parser.add_argument("--experiment", choices=EXPERIMENTS)
    try:
        given = vars(parser.parse_known_args(arguments)[0])
    except argparse.ArgumentError:  # the parser of the command will say so
        given = {}
    return from_options(**{name: value for name, value in given.items() if value is not None})


def add_options(parser: Parser, defaults: Settings) -> dict[Group, Any]:
    """Give a parser one option for every setting; what is not typed stays out of its result.

    Parameters
    ----------
    parser : Parser
    defaults : Settings     those that the help shows

    Returns
    -------
    dict : the argument groups by name
    """
    hints = get_type_hints(Settings)
    groups = {group: parser.add_argument_group(title) for group, title in TITLES.items()}
    for option in options():
        metadata = dict(option.metadata)
        default = getattr(defaults, option.name)
        text = f"{metadata.pop('help')} (default: {'none' if default is None else default})"
        legal = choices(hints[option.name])
        if legal is None:
            metadata.setdefault("metavar", "N")
        groups[metadata.pop("group")].add_argument(
            flag(option.name), dest=option.name, choices=legal, help=text, **metadata
        )
    return groups


def command_line(settings: Settings) -> list[str]:
    """List the options to type for these settings, without those that are defaults."""
    given = {option.name: getattr(settings, option.name) for option in options()}
    first = {name: given[name] for name in ("experiment", "preset") if given[name] is not None}
    if first.get("preset") == from_options(**{k: first[k] for k in first if k != "preset"}).preset:
        del first["preset"]
    defaults = from_options(**first)
    said = first | {k: v for k, v in given.items() if v != getattr(defaults, k)}
    return [word for name, value in said.items() for word in (flag(name), str(value))]
