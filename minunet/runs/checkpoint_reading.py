"""Read a checkpoint with care, and say what is wrong with a file that is not one."""

import errno
import zipfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from minunet.errors import InputError
from minunet.runs import archive, checkpoint_check
from minunet.runs.archive import AlteredError, Archive, UnknownSettingError, shown
from minunet.runs.checkpoint import FORMAT, PUBLISHED, Checkpoint

OTHER = {"best.npz": "last.npz", "last.npz": "best.npz"}
"""The other checkpoint of the same run."""

LARGEST = 2**36
"""Maximum size of a file whose checksum is computed, in bytes."""


def read(path: Path) -> Checkpoint:
    """Read and check a checkpoint; see `checkpoint.load`."""
    if not path.is_file():
        raise InputError(
            f"{path} is not a file; pass the best.npz or last.npz of a run, or the "
            "name of a built-in model (see python -m minunet.models)"
        )
    try:
        with archive.open_archive(path) as opened:
            return _read(path, opened)
    except (InputError, MemoryError):
        raise
    except AlteredError as error:
        raise InputError(_foreign(path, f": {error}")) from None
    except zipfile.BadZipFile as error:
        if "CRC-32" not in str(error):
            raise InputError(_foreign(path)) from None
        raise InputError(_damaged(path, "an array does not match its CRC-32")) from None
    except Exception as error:  # damaged files and files of other programs can raise any exception
        if isinstance(error, OSError) and error.errno not in (None, errno.EINVAL):
            raise  # a disk or permission error
        raise InputError(_foreign(path)) from None


def _read(path: Path, opened: Archive) -> Checkpoint:
    """Read and check a checkpoint whose zip file is open."""
    meta = checkpoint_check.meta(opened)
    problem: AlteredError | None = None
    try:
        _check_format(path, meta["format"])
        settings = checkpoint_check.settings(meta)
        published = meta["format"] == PUBLISHED
        checkpoint_check.shapes(opened, settings.architecture, published)
        params, velocity = (checkpoint_check.tensors(opened, k) for k in ("params", "velocity"))
    except AlteredError as error:
        problem = error
    if _is_damaged(path, opened, meta):
        reason = str(problem or "its contents do not match its checksum")
        raise InputError(_damaged(path, reason))
    if problem:
        raise InputError(_altered(path, problem))
    return Checkpoint(
        params, velocity, meta["step"], meta["random_state"], meta["best"], meta["config"]
    )


def _is_damaged(path: Path, opened: Archive, meta: Mapping[str, Any]) -> bool:
    """Return whether the contents do not match their checksums."""
    if path.stat().st_size > LARGEST:  # a sparse file of terabytes takes hours to read
        return False
    try:
        found = opened.checksum(meta)
    except zipfile.BadZipFile:
        return True
    return found != meta.get("checksum", found)


def _check_format(path: Path, version: object) -> None:
    """Raise an `InputError` for the format of another version of minunet."""
    if type(version) is not int or version < 1:
        raise AlteredError(f"its format is {shown(version)}, not a positive whole number")
    if version not in (FORMAT, PUBLISHED):
        todo = "a newer minunet wrote it: update minunet"
        if version < FORMAT:
            todo = "use the version that wrote it"
        raise InputError(
            f"{path} has format {shown(version)}, but this version of minunet reads formats "
            f"{FORMAT} and {PUBLISHED}; {todo}"
        )


def _foreign(path: Path, reason: str = "") -> str:
    """Return the message for a file that cannot be read as a checkpoint."""
    known = path.name in OTHER
    todo = f"try {_other(path)}" if known else "pass the best.npz or last.npz of a run"
    return f"{path} is not a checkpoint of minunet, or is damaged{reason}; {todo}"


def _altered(path: Path, problem: AlteredError) -> str:
    """Return the message for an undamaged file with contents that minunet does not write."""
    if isinstance(problem, UnknownSettingError):
        return f"{path} was altered, or a newer minunet wrote it: {problem}; update minunet"
    return (
        f"{path} was not written by minunet, or was altered: {problem}; pass the best.npz or "
        "last.npz of a run"
    )


def _damaged(path: Path, reason: str) -> str:
    """Return the message for a damaged checkpoint."""
    return f"{path} is damaged: {reason}; try {_other(path)}"


def _other(path: Path) -> str:
    """Name the files that can replace a damaged one."""
    name = OTHER.get(path.name)
    if name and path.with_name(name).is_file():
        return f"{path.with_name(name)}, or a copy"
    return "a copy, or the other of best.npz and last.npz"
