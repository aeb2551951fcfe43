"""The settings of a run as command-line options."""

import argparse
from collections.abc import Iterable, Sequence
from dataclasses import Field
from pathlib import Path
from typing import Any, Literal, NamedTuple, get_args, get_origin, get_type_hints

from minunet.cli import OptionGroup, Parser
from minunet.errors import InputError
from minunet.runs.settings import EXPERIMENTS, PRESETS, Group, Settings, from_options, options


class Arguments(NamedTuple):
    """The parsed command line of `python -m minunet.train`."""

    given: dict[str, Any]  # settings
    data: Path | None
    out: Path | None
    resume: Path | None
    threads: int | None
    minutes: float | None = None  # of the whole run; replaces the number of steps


def flag(name: str) -> str:
    """Return the command-line option of a setting.

    Examples
    --------
    >>> flag("learning_rate")
    '--learning-rate'
    """
    return "--" + name.replace("_", "-")


def choices(annotation: object) -> tuple[str | int, ...] | None:
    """List the values that a `Literal`, or a union with one, allows; return None for other types.

    Examples
    --------
    >>> choices(Literal["em", "cells"] | None)
    ('em', 'cells')
    """
    if get_origin(annotation) is Literal:
        return get_args(annotation)
    return next(filter(None, map(choices, get_args(annotation))), None)


def chosen_defaults(arguments: Sequence[str]) -> Settings:
    """Return the defaults for the preset and the experiment that the command line selects."""
    parser = argparse.ArgumentParser(add_help=False, allow_abbrev=False, exit_on_error=False)
    parser.add_argument("--preset", choices=PRESETS)
    parser.add_argument("--experiment", choices=EXPERIMENTS)
    try:
        given = vars(parser.parse_known_args(arguments)[0])
    except argparse.ArgumentError:  # the command's own parser reports the error
        given = {}
    return from_options(**{name: value for name, value in given.items() if value is not None})


def add_options(parser: Parser, defaults: Settings) -> dict[Group, OptionGroup]:
    """Add one option for every setting to a parser; an option that is not given parses as None.

    Parameters
    ----------
    parser : Parser
    defaults : Settings     shown in the help

    Returns
    -------
    dict : the argument groups by name, in the order of `--help`
    """
    groups: dict[Group, OptionGroup] = {
        group: parser.add_argument_group(group) for group in get_args(Group)
    }
    for option in options():
        default = getattr(defaults, option.name)
        text = f"{option.metadata['help']} (default: {'none' if default is None else default})"
        _add(groups[option.metadata["group"]], option, text)
    return groups


def add_some(parser: OptionGroup, *names: str) -> None:
    """Add the options of these settings to the parser of another command, without their defaults.

    Parameters
    ----------
    parser : Parser
    *names : str        names of fields of `Settings` that are None by default
    """
    for option in options():
        if option.name in names:
            _add(parser, option, option.metadata["help"])


def _add(group: OptionGroup, option: Field[Any], text: str) -> None:
    """Add the option of a setting to a group of options; --grey comes with --channel."""
    metadata = {k: v for k, v in option.metadata.items() if k not in ("group", "help")}
    checked = metadata.get("type") not in (None, int)  # by its type
    valid = None if checked else choices(get_type_hints(Settings)[option.name])
    if valid is None:
        metadata.setdefault("metavar", "N")
    group.add_argument(flag(option.name), dest=option.name, choices=valid, help=text, **metadata)
    if option.name == "channel":
        group.add_argument(
            "--grey",
            dest="channel",
            action="store_const",
            const="grey",
            help="convert colours to grey values; the same as --channel grey",
        )


def check_used(given: Iterable[str], settings: Settings, cells: bool = True) -> None:
    """Raise an `InputError` if a setting that was given would have no effect.

    Parameters
    ----------
    given : iterable of str     names of settings
    settings : Settings
    cells : bool                whether the labels have cells, which a border term needs
    """
    for name in sorted(set(given) & {"w0", "sigma"}):
        if settings.weight_map != "paper":
            raise InputError(
                f"{flag(name)} has no effect with --weight-map {settings.weight_map}; leave out "
                f"{flag(name)}, or pass --weight-map paper"
            )
        if not cells:
            raise InputError(
                f"{flag(name)} has no effect, because the labels have "
                f"{len(settings.label_values)} classes and a border term needs two classes or "
                f"numbered cells; leave out {flag(name)}"
            )


def command_line(settings: Settings) -> list[str]:
    """List the command-line arguments that give these settings, omitting the defaults."""
    given = {option.name: getattr(settings, option.name) for option in options()}
    first = {name: given[name] for name in ("experiment", "preset") if given[name] is not None}
    if first.get("preset") == from_options(**{k: first[k] for k in first if k != "preset"}).preset:
        del first["preset"]
    defaults = from_options(**first)
    needed = first | {k: v for k, v in given.items() if v != getattr(defaults, k)}
    if settings.weight_map != "paper":  # older runs could give constants that have no effect
        needed = {k: v for k, v in needed.items() if k not in ("w0", "sigma")}
    return [word for name, value in needed.items() for word in (flag(name), str(value))]
