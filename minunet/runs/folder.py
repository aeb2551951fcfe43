"""The folder of a run.

A new run needs a new or empty folder. minunet never deletes a file in the folder of a run, except
the temporary files that a killed process left there (see `files`).

    settings.json                             the settings
    log.csv                                   one row per step
    last.npz, best.npz                        checkpoints of the last step and of the best one
    curves.png, preview.png, weight_map.png   pictures
    scores.json                               scores, and what was scored
    report.html                               all of these on one page
    lock                                      only while a process works on the run, see `lock.py`

Every file is written beside its old version, and then moved into its place: a link in the folder is
replaced, and what it leads to stays as it is.
"""

import json
from collections.abc import Iterator
from contextlib import contextmanager
from itertools import count
from pathlib import Path
from typing import Any

from minunet import files, lock
from minunet.cli import shell
from minunet.errors import InputError
from minunet.runs.settings import Settings

SETTINGS = "settings.json"


@contextmanager
def new(wanted: Path | None, name: str) -> Iterator[Path]:
    """Create the folder of a new run, and own it until the end of the block.

    Parameters
    ----------
    wanted : Path or None     None: runs/<name>, or runs/<name>-2, … if it exists
    name : str

    Yields
    ------
    Path

    Raises
    ------
    InputError
        If the folder exists and is not empty, or if another process owns it.
    """
    folder = files.resolved(wanted) if wanted else _first_unused(Path("runs") / name)
    if not (folder / lock.NAME).exists():  # else the lock tells who uses the folder
        _check_unused(folder)
    folder.mkdir(parents=True, exist_ok=True)
    with lock.owned(folder):
        _check_unused(folder)  # again: another process may have used it in the meantime
        files.remove_left_behind(folder)
        yield folder


@contextmanager
def existing(folder: Path) -> Iterator[None]:
    """Own the folder of a run until the end of the block.

    Raises
    ------
    InputError
        If there is no such folder, or if another process owns it.
    """
    if not folder.is_dir():
        raise InputError(f"{folder} is not a folder; pass the folder of a run with --resume")
    with lock.owned(folder):
        files.remove_left_behind(folder)
        yield


def write_settings(folder: Path, settings: dict[str, Any]) -> None:
    """Write `settings.json`."""
    text = json.dumps(settings, indent=2, ensure_ascii=False) + "\n"
    # A path that is not UTF-8 contains surrogates, whose escape by Python is also that of JSON.
    with files.atomic(folder / SETTINGS) as beside:
        beside.write_text(text, encoding="utf-8", errors="backslashreplace")


def read_settings(folder: Path) -> Settings:
    """Read `settings.json`.

    Raises
    ------
    InputError
        If it does not exist, or does not contain settings: the run never began.
    """
    from minunet.runs import settings_check  # here: it slows down --help
    from minunet.runs.archive import AlteredError

    path = folder / SETTINGS
    try:
        return settings_check.restore(json.loads(path.read_text(encoding="utf-8")))
    except FileNotFoundError:
        if _used(folder):
            problem = f"{folder} does not contain a run (neither last.npz nor {SETTINGS})"
            raise InputError(f"{problem}; pass the folder of a run with --resume") from None
        raise InputError(
            f"{folder} is empty: its run was stopped before it began; start it again with "
            f"{shell('--out', folder)} and the same options"
        ) from None
    except (ValueError, RecursionError, AlteredError) as error:
        reason = f": {error}" if isinstance(error, AlteredError) else ""
        raise InputError(
            f"{path} does not contain the settings of a run{reason}, and there is no last.npz, so "
            "no step was saved; start the run again in another folder, with --out"
        ) from None


def _first_unused(folder: Path) -> Path:
    """Create the first of `folder`, `folder`-2, `folder`-3 and so on that does not exist."""
    folder.parent.mkdir(parents=True, exist_ok=True)
    for number in count(1):
        candidate = folder if number == 1 else folder.with_name(f"{folder.name}-{number}")
        try:
            candidate.mkdir()
        except FileExistsError:
            continue
        return candidate
    raise AssertionError("unreachable")


def _check_unused(folder: Path) -> None:
    """Raise an `InputError` if the folder is a file, or contains more than a lock."""
    if _used(folder):
        raise InputError(
            f"{folder} already exists and is not empty; use {shell('--resume', folder)} to resume "
            f"that run, or {shell('--out', files.free_name(folder))}"
        )


def _used(folder: Path) -> bool:
    """Return True if `folder` is a file, or contains more than what a run that never began left."""
    if not folder.is_dir():
        return folder.exists()
    return any(
        path.name != lock.NAME and not path.name.startswith(f"{SETTINGS}.")
        for path in folder.iterdir()
    )
