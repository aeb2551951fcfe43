"""One process at a time owns a folder: a lock that ends with the process, however it ends.

What is locked is the open file `lock` in the folder. The operating system releases it when the
process ends, even after `kill -9` or a loss of power. The file only tells others who the owner is.
It is removed at the end; a file that was left behind locks nothing.
"""

import errno
import json
import os
import platform
import stat
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from minunet import files
from minunet.errors import InputError

NAME = "lock"
"""Name of the locked file."""

HELD = {errno.EACCES, errno.EAGAIN, errno.EDEADLK}
"""Error codes of a lock that another process holds; others mean a file system without locks."""

SAFELY = getattr(os, "O_NOFOLLOW", 0) | getattr(os, "O_NONBLOCK", 0)
"""Flags with which opening follows no link, and waits for no other end of a pipe."""

BEHIND = 2**20
"""Position of the byte that Windows locks: behind the text, which others must be able to read."""


@contextmanager
def owned(folder: Path) -> Iterator[None]:
    """Own an existing folder until the end of the block.

    On a file system without locks, the folder is used without one.

    Raises
    ------
    InputError
        If another process owns the folder; the message names that process. Also if no file can be
        made in the folder.
    """
    path = folder / NAME
    file = _locked(path)
    try:
        since = time.strftime("%Y-%m-%d %H:%M:%S")
        owner = {"process": os.getpid(), "host": platform.node(), "since": since}
        with suppress(OSError):  # a full disk: the folder is locked, but others see no name
            os.ftruncate(file, 0)
            os.write(file, json.dumps(owner).encode())
        yield
    finally:
        with suppress(OSError):  # Windows cannot remove an open file; it stays, without a lock
            path.unlink()
        os.close(file)


@contextmanager
def created(folder: Path, advice: str) -> Iterator[None]:
    """Create a folder if needed, and own it until the end of the block.

    Folders that were created and are empty at the end are removed.

    Raises
    ------
    InputError
        If the folder cannot be created; the message ends with `advice`. Also as in `owned`.
    """
    files.check_free_names(folder, (), advice)
    missing = [one for one in (folder, *folder.parents) if not one.exists()]
    try:
        try:
            folder.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise InputError(f"{folder} cannot be created: {error.strerror}; {advice}") from None
        with owned(folder):
            yield
    finally:
        with suppress(OSError):  # they contain results, or someone else has written into them
            for one in missing:
                one.rmdir()


def _locked(path: Path) -> int:
    """Open a file and lock it; return its descriptor."""
    while True:
        flags = os.O_RDWR | os.O_CREAT | SAFELY
        try:
            file = os.open(path, flags, 0o666)
        except OSError as error:
            raise InputError(_obstacle(path, error)) from None
        if not stat.S_ISREG(os.fstat(file).st_mode):
            os.close(file)
            raise InputError(_foreign(path))
        try:
            _lock(file)
        except OSError as error:
            if error.errno in HELD:
                message = _refusal(path.parent, os.read(file, BEHIND))
                os.close(file)
                raise InputError(message) from None
        with suppress(OSError):  # the last owner may have removed the file that was opened
            if os.path.samestat(os.fstat(file), os.stat(path)):
                _check_own(path, file)
                return file
        os.close(file)


def _check_own(path: Path, file: int) -> None:
    """Raise an `InputError` if the file contains something other than an owner, or a part of it."""
    start = os.read(file, BEHIND).strip(b"\0")[:10]  # zero bytes: after a loss of power
    os.lseek(file, 0, os.SEEK_SET)
    if start != b'{"process"'[: len(start)]:
        os.close(file)
        raise InputError(_foreign(path))


def _foreign(path: Path) -> str:
    """Return the message for something that has the name of the locked file."""
    return f"{path} was not written by minunet; move it away, or use another folder"


def _lock(file: int) -> None:
    """Lock an open file, or raise an `OSError` at once."""
    if sys.platform == "win32":
        import msvcrt

        os.lseek(file, BEHIND, os.SEEK_SET)
        msvcrt.locking(file, msvcrt.LK_NBLCK, 1)
        os.lseek(file, 0, os.SEEK_SET)
    elif sys.platform != "emscripten":  # Pyodide runs one process, which has its own files
        import fcntl

        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)


def _obstacle(path: Path, error: OSError) -> str:
    """Say why a folder cannot be locked."""
    if path.is_symlink():
        return f"{path} is a link, and minunet does not write through links; remove it"
    if path.is_dir() or path.is_socket():
        return _foreign(path)
    return (
        f"{path.parent} cannot be used: {error.strerror}; make it writable, or use another folder"
    )


def _refusal(folder: Path, owner: bytes) -> str:
    """Say who owns a folder, as far as the locked file tells."""
    try:
        known = json.loads(owner)
        who = f"process {known['process']} on {known['host']}, since {known['since']}"
    except (ValueError, TypeError, KeyError, RecursionError):  # not written yet
        who = "another process"
    return (
        f"{folder} is in use by {who}; wait for it to end, or stop it with kill, "
        "which lets it save its work first"
    )
