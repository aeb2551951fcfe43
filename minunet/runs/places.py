"""Where the data of a run are: found in a folder, stored as absolute paths, or moved since then."""

from pathlib import Path, PurePosixPath, PureWindowsPath
from typing import Any

from minunet.data import ctc, file_names, pairs, split
from minunet.errors import InputError
from minunet.runs.settings import Settings

HELD_OUT = ("validation", "test")
"""Settings that may be folders with images and labels of their own."""

PLACES = ("images", "labels", *HELD_OUT)
"""Settings that may be paths; they may change in a resumed run, if the data stay the same."""


def find(folder: Path) -> dict[str, Any]:
    """Find images and labels, also those to hold out, in a folder; return them as settings.

    Raises
    ------
    InputError
        If the folder has none of the layouts of `pairs` and `ctc`.
    """
    if ctc.find(folder):
        found: dict[str, Any] = {"images": str(folder), "labels": None}
    else:
        found = dict(zip(("images", "labels"), map(str, pairs.find(folder)), strict=True))
    held_out = {"validation": pairs.find_validation(folder), "test": pairs.find_test(folder)}
    return found | {name: str(path) for name, path in held_out.items() if path}


def of_new_run(given: dict[str, Any], data: Path | None) -> dict[str, Any]:
    """Complete the given settings with what is found in the folder `data`.

    Paths become absolute, so that the run can be resumed from any folder.
    """
    return _absolute((find(data) if data else {}) | given)


def of_resumed_run(given: dict[str, Any], data: Path | None, settings: Settings) -> dict[str, Any]:
    """Complete the given settings of a resumed run with the places to which its data have moved.

    Parameters
    ----------
    given : dict            as on the command line
    data : Path or None     folder in which to find the data
    settings : Settings     stored in the run

    Raises
    ------
    InputError
        If other slices are to be held out, or the data are not where they are said to be.
    """
    found = find(data) if data else {}
    for name, usual in zip(HELD_OUT, (pairs.VALIDATION, (pairs.TEST,)), strict=True):
        value = getattr(settings, name)
        if name in given and not (_is_path(value) and split.is_folder(given[name])):
            raise InputError(
                f"--{name} cannot change from {value} to {given[name]} when a run is resumed; "
                "leave it out"
            )
        if not _is_path(value) or PureWindowsPath(value).name not in usual:
            found.pop(name, None)  # not what this run holds out
    given = _absolute(found | given)
    for name in PLACES:
        path = given.get(name, getattr(settings, name))
        if path is not None and _is_path(path) and not file_names.exists(Path(path)):
            options = f"--{name}" if name in HELD_OUT else "--data"
            raise InputError(
                f"{path} does not exist; if the data of the run have moved, pass {options} "
                "NEWPLACE" + (", or --images and --labels" if options == "--data" else "")
            )
    return given


def differ(settings: Settings, stored: Settings, folder: Path) -> str:
    """Say that the data are not those of the run in a folder.

    Parameters
    ----------
    settings, stored : Settings     as they are to be, and as they are stored in the run
    folder : Path
    """
    new = [
        getattr(settings, name)
        for name in PLACES
        if getattr(settings, name) != getattr(stored, name)
    ]
    if new:
        return (
            f"the data in {' and '.join(map(str, new))} differ from those of {folder}; pass the "
            "same data, or start a new run, without --resume"
        )
    return f"the data of {folder} have changed; start a new run, without --resume"


def _absolute(given: dict[str, Any]) -> dict[str, Any]:
    """Make the paths in these settings absolute."""
    paths = {name: given[name] for name in PLACES if given.get(name) is not None}
    return given | {
        name: str(file_names.absolute(Path(path)))
        for name, path in paths.items()
        if name not in HELD_OUT or split.is_folder(path)
    }


def _is_path(text: str) -> bool:
    """Return True for an absolute path of any system: a run may come from another machine."""
    return PurePosixPath(text).is_absolute() or PureWindowsPath(text).is_absolute()
