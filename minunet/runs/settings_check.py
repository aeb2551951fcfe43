"""Check the settings in a checkpoint, which are JSON values that anyone can edit."""

import math
from argparse import ArgumentTypeError
from dataclasses import MISSING, fields
from typing import Any, Literal, get_args, get_origin, get_type_hints

from minunet.errors import InputError
from minunet.network.sizes import output_size
from minunet.runs.archive import AlteredError, UnknownSettingError, shown
from minunet.runs.settings import RENAMED, Settings

FIRST = (
    *("images", "labels", "labels_are", "truth", "validation", "scaling", "depth", "channels"),
    *("variant", "dropout", "weight_map", "w0", "sigma", "augment", "tile", "steps"),
    *("learning_rate", "momentum", "clip", "warm_up", "score", "average", "smallest"),
    *("validate_every", "preset", "experiment", "seed", "device"),
    *("in_channels", "label_values", "cells", "fingerprint"),
)
"""Settings that all checkpoints contain; the others were added later, and have defaults."""

LARGEST = 2**31 - 1
"""Largest whole number that a setting, except the seed, can have."""

LENGTHS = 1e-15, 1e18
"""Approximate smallest and largest side of a pixel, in micrometres, that files can contain."""

MOST_VALUES = 256
"""Maximum number of classes: labels are uint8."""

NAMES = {int: "a whole number", float: "a number", str: "a text", bool: "true or false"}
"""Types of settings, as a message names them."""


def restore(values: object) -> Settings:
    """Check settings as JSON values, in this version or an earlier one, and restore them.

    Raises
    ------
    AlteredError
        If a setting is missing, unknown or not valid.
    """
    if not isinstance(values, dict):
        raise AlteredError("its settings are not a JSON object")
    known = {field.name: field for field in fields(Settings)}
    types = get_type_hints(Settings)
    for name in FIRST:
        if name not in values:
            raise AlteredError(f"it lacks the setting {name}")
    for name, value in values.items():
        if name not in known:
            raise UnknownSettingError(f"its setting {shown(name)} is unknown")
        if isinstance(value, str):
            value = RENAMED.get((name, value), value)
        if not fits(value, types[name]):
            raise AlteredError(
                f"its setting {name} is {shown(value)}, not {described(types[name])}"
            )
        _check_range(name, value, known[name].metadata.get("type"))
    for name in known.keys() - values.keys():
        assert known[name].default is not MISSING  # all these are in `FIRST`
    settings = Settings.from_json(values)
    _check_tile(settings)
    _check_classes(settings)
    _check_found(settings)
    return settings


def fits(value: object, annotation: Any) -> bool:
    """Return whether a JSON value has the type of a setting.

    Examples
    --------
    >>> fits(3, int | None), fits(True, int), fits(["a"], tuple[int, ...])
    (True, False, False)
    """
    parts = get_args(annotation)
    if get_origin(annotation) is Literal:
        return any(type(value) is type(part) and value == part for part in parts)
    if get_origin(annotation) is tuple:
        if not isinstance(value, list):
            return False
        parts = parts[:1] * len(value) if parts[-1] is Ellipsis else parts
        return len(value) == len(parts) and all(map(fits, value, parts))
    if parts:  # a union
        return any(fits(value, part) for part in parts)
    return type(value) is annotation or (annotation is float and type(value) is int)


def described(annotation: Any) -> str:
    """Say what values a setting can have.

    Examples
    --------
    >>> described(int | None), described(Literal["em", "cells"])
    ('a whole number or null', 'em or cells')
    """
    parts = get_args(annotation)
    if get_origin(annotation) is Literal:
        *others, last = (str(part) or "empty" for part in parts)
        return ", ".join(others) + f" or {last}" if others else last
    if get_origin(annotation) is tuple:
        if parts[0] is float:
            return f"a list of {len(parts)} numbers"
        return "a list of lists" if get_args(parts[0]) else "a list of whole numbers"
    if parts:
        return " or ".join(described(part) for part in parts)
    return NAMES.get(annotation, "null")


def _check_range(name: str, value: object, parse: Any) -> None:
    """Raise an `AlteredError` unless the command line would accept the value for this setting."""
    huge = type(value) is int and abs(value) > LARGEST and name != "seed"
    endless = type(value) is float and not math.isfinite(value)
    if huge or endless or (isinstance(value, str) and "\0" in value):
        raise AlteredError(f"its setting {name} is {shown(value)}, which no run can use")
    if parse is None or value is None:
        return
    try:
        parse(str(value))
    except (ArgumentTypeError, ValueError, OverflowError) as error:
        reason = str(error) if isinstance(error, ArgumentTypeError) else f"it is {shown(value)}"
        raise AlteredError(f"its setting {name} is not valid: {reason[:100]}") from None


def _check_tile(settings: Settings) -> None:
    """Raise an `AlteredError` unless tiles of this size join without seams, as in every run."""
    try:
        output = output_size(settings.tile, settings.depth)
    except InputError as error:
        raise AlteredError(f"its setting tile is not valid: {error}") from None
    if output < 2**settings.depth:
        raise AlteredError(
            f"its tile of {settings.tile} pixels segments only {output}, but depth "
            f"{settings.depth} needs at least {2**settings.depth}"
        )


def _check_found(settings: Settings) -> None:
    """Raise an `AlteredError` unless a run could find the scale, the sizes and the threshold."""
    if settings.scale is not None:
        if not all(map(math.isfinite, settings.scale)) or settings.scale[1] <= 0:
            raise AlteredError(
                f"its setting scale is {shown(list(settings.scale))}, not an offset and a positive "
                "spread"
            )
    if settings.threshold is not None and len(settings.label_values) != 2:
        raise AlteredError(
            f"it has a threshold and {len(settings.label_values)} label values instead of 2"
        )
    if (settings.threshold is None) != (not settings.threshold_from):
        raise AlteredError("it has only one of the settings threshold and threshold_from")
    if settings.shrink == "auto":
        raise AlteredError("its setting shrink is auto, not the number that a run stores")
    size = settings.pixel_size
    if size is not None and not all(LENGTHS[0] <= side <= LENGTHS[1] for side in size):
        raise AlteredError(
            f"its setting pixel_size is {shown(list(size))}, not two lengths in micrometres"
        )
    _check_rule(settings)


def _check_rule(settings: Settings) -> None:
    """Raise an `AlteredError` unless extent and minimum size were chosen with the threshold."""
    for name in ("extent", "smallest_chosen"):
        if getattr(settings, name) is not None and settings.threshold is None:
            raise AlteredError(f"it has the setting {name} without a threshold")
    if settings.extent is None:
        return
    if not settings.cells:
        raise AlteredError("it has the setting extent, but no numbered cells")
    if settings.threshold is not None and settings.extent > settings.threshold:
        raise AlteredError(
            f"its setting extent is {settings.extent:g}, but its threshold is only "
            f"{settings.threshold:g}"
        )


def _check_classes(settings: Settings) -> None:
    """Raise an `AlteredError` unless the classes have possible values and colours."""
    values, colours = settings.label_values, settings.label_colours
    descending = settings.labels_are == "membranes"  # two values: class 0 has the larger one
    valid = sorted(set(values), reverse=descending) == list(values)
    most = 2 if descending else MOST_VALUES
    if not valid or not 2 <= len(values) <= most or min(values) < 0 or max(values) >= MOST_VALUES:
        count, order = ("2", "descending") if descending else ("2 or more", "ascending")
        raise AlteredError(
            f"its label values are {shown(list(values))}, not {count} different numbers from 0 "
            f"to 255 in {order} order"
        )
    if colours and len(colours) != len(values):
        raise AlteredError(f"it has {len(colours)} label colours for {len(values)} label values")
    if any(not 0 <= part < 256 for colour in colours for part in colour):
        raise AlteredError("its label colours are not numbers from 0 to 255")
    if settings.in_channels < 1:
        raise AlteredError(
            f"its setting in_channels is {shown(settings.in_channels)}, not 1 or more"
        )
    if settings.cells and len(values) != 2:
        raise AlteredError(f"it has numbered cells and {len(values)} label values instead of 2")
