"""Write files safely: refuse to overwrite; replace a file only once the new one is complete.

A file is written under another name, `NAME.….part` with 16 random hexadecimal digits, in the same
folder. It is created exclusively, so it is neither a file that exists nor what a link leads to. It
gets its own name only when its contents are on the disk. An error or a signal removes it; only
`kill -9` and a loss of power can leave it behind.
"""

import errno
import os
import re
import secrets
from collections.abc import Iterable, Iterator, Sequence
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path
from shutil import rmtree

from minunet.errors import InputError

LEFT_BEHIND = r".*\.[0-9a-f]{16}\.part"
"""Names of the files that a killed process can leave behind."""

UNSUPPORTED = (errno.EINVAL, errno.ENOSYS, errno.ENOTSUP)
"""Error codes of a file system that cannot tell when a file is on the disk."""

LONGEST = 50
"""Maximum number of characters of the name of a file in that of its temporary file."""


@contextmanager
def atomic(path: Path) -> Iterator[Path]:
    """Yield a temporary path next to `path`; at the end of the block, move the file to `path`.

    A crash leaves the old file or the new one, never a part of one. If `path` is a link, the link
    is replaced.
    """
    with _named(path), _beside(path) as beside:
        yield beside
        sync(beside)
        beside.replace(path)
    sync(path.parent)


@contextmanager
def new(*paths: Path) -> Iterator[Sequence[Path]]:
    """Yield temporary paths next to new files; at the end of the block, move all files or none.

    Raises
    ------
    InputError
        If one of the files exists by then; nothing is overwritten.
    """
    moved: list[Path] = []
    with _named(paths[0] if len(paths) == 1 else paths[0].parent), ExitStack() as stack:
        parts = [stack.enter_context(_beside(path)) for path in paths]
        yield parts
        try:
            for part in parts:
                sync(part)
            for part, path in zip(parts, paths, strict=True):
                move(part, path)
                moved.append(path)
        except BaseException:
            for path in moved:
                path.unlink()
            raise
    for folder in {path.parent for path in paths}:
        sync(folder)


@contextmanager
def new_folder(folder: Path) -> Iterator[Path]:
    """Yield a temporary folder next to `folder`; at the end of the block, rename it to `folder`.

    Raises
    ------
    InputError
        If something exists at `folder` by then; nothing is overwritten.
    """
    part = _part(folder)
    with _named(folder):
        try:
            part.mkdir()
            yield part
            for path in part.iterdir():
                sync(path)
            if is_taken(folder):
                raise InputError(f"{folder} already exists; pass another path")
            part.rename(folder)
        except BaseException as error:
            rmtree(part, ignore_errors=True)
            if isinstance(error, OSError) and error.filename == str(part):
                error.filename = str(folder)  # name the folder that the caller knows
            raise
    sync(folder.parent)


def _part(path: Path) -> Path:
    """Return a temporary name next to `path`, see `LEFT_BEHIND`."""
    return path.with_name(f"{path.name[:LONGEST]}.{secrets.token_hex(8)}.part")


@contextmanager
def _named(path: Path) -> Iterator[None]:
    """Add a path to an error, such as that of a full disk, that names no file."""
    try:
        yield
    except OSError as error:
        if error.errno is None:  # NumPy says only how much it has written
            reason = f"not written completely ({error}); the disk may be full"
            raise OSError(errno.EIO, reason, str(path)) from None
        if error.filename is None:
            error.filename = str(path)
        raise


@contextmanager
def _beside(path: Path) -> Iterator[Path]:
    """Create an empty temporary file next to `path`, and remove it if it is not moved."""
    part = _part(path)
    try:
        os.close(os.open(part, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o666))
        yield part
    except OSError as error:
        if error.filename == str(part):  # name the file that the caller knows
            error.filename = str(path)
        raise
    finally:
        with suppress(OSError):
            part.unlink()


def digest(path: Path) -> str:
    """Return the SHA-256 of a file."""
    from hashlib import file_digest  # here: it slows down --help

    with path.open("rb") as file:
        return file_digest(file, "sha256").hexdigest()


def sync(path: Path) -> None:
    """Wait until the contents of a file, or the names in a folder, are on the disk."""
    if path.is_dir():
        with suppress(OSError):  # Windows cannot open folders, and some network disks refuse it
            _sync(path)
    else:
        _sync(path)


def _sync(path: Path) -> None:
    file = os.open(path, os.O_RDONLY if path.is_dir() else os.O_RDWR)
    try:
        os.fsync(file)
    except OSError as error:
        if error.errno not in UNSUPPORTED:
            raise
    finally:
        os.close(file)


def move(source: Path, target: Path) -> None:
    """Move a file to a path in the same file system where nothing is.

    Raises
    ------
    InputError
        If there is a file or a link at `target`.
    """
    try:
        os.link(source, target)  # which never replaces a file, as a move would
    except (OSError, AttributeError):  # Pyodide has no os.link
        if not os.path.lexists(target):  # the file system has no hard links
            source.rename(target)
            return
        if not (target.exists() and target.samefile(source)):  # else a move was interrupted
            raise InputError(
                f"{target} already exists: another program has just created it; move it "
                "away, or pass another path"
            ) from None
    source.unlink()


def remove_left_behind(folder: Path) -> None:
    """Remove temporary files that a killed process has left in a folder and its folders.

    The process that calls this must own the folder (see `lock`).
    """
    for path in folder.rglob("*.part"):
        if re.fullmatch(LEFT_BEHIND, path.name) and not path.is_symlink():
            path.unlink(missing_ok=True)


def resolved(folder: Path) -> Path:
    """Return the folder that a link leads to, or `folder` itself if it is not a link.

    Raises
    ------
    InputError
        If the link leads to nothing.
    """
    if not folder.is_symlink():
        return folder
    if not folder.exists():
        raise InputError(
            f"{folder} is a link to {os.readlink(folder)}, which does not exist; create that "
            "folder, or pass another one"
        )
    return folder.resolve()


def is_taken(folder: Path) -> bool:
    """Return True if `folder` is a file, a link to nothing, or a folder that is not empty."""
    return os.path.lexists(folder) and (not folder.is_dir() or any(folder.iterdir()))


def free_name(folder: Path) -> Path:
    """Return the first of `folder`, `folder`-2, `folder`-3 and so on that does not exist."""
    candidate, number = folder, 1
    while os.path.lexists(candidate):
        number += 1
        candidate = folder.with_name(f"{folder.name}-{number}")
    return candidate


def check_new_file(path: Path, option: str) -> None:
    """Raise an `InputError` unless a new file can be created at `path`, the value of `option`."""
    if os.path.lexists(path):
        raise InputError(f"{path} already exists; pass another file with {option}")
    if not path.parent.is_dir():
        raise InputError(
            f"{path.parent} is not a folder; pass a file in an existing folder with {option}"
        )


def check_new_folder(folder: Path, advice: str) -> None:
    """Raise an `InputError` that ends with `advice` if `folder` is a file or is not empty."""
    if is_taken(folder):
        raise InputError(f"{folder} already exists and is not empty; {advice}")


def check_free_names(folder: Path, names: Iterable[str], advice: str) -> None:
    """Raise an `InputError` if `folder`, which need not exist, already contains any of `names`.

    Parameters
    ----------
    folder : Path
    names : iterable of str     patterns, as in `Path.glob`
    advice : str                what to do instead; the message ends with it
    """
    nearest = nearest_folder(folder)
    if not nearest.is_dir():
        raise InputError(f"{nearest} is a file, not a folder; {advice}")
    if folder.is_symlink():
        raise InputError(
            f"{folder} is a link to {os.readlink(folder)}, and minunet does not write through "
            f"links; {advice}"
        )
    found = [{folder / name, *folder.glob(name)} for name in names]  # glob omits links to nothing
    there = [path.name for some in found for path in sorted(some) if os.path.lexists(path)]
    if there:
        some = ", ".join(there[:3]) + (f" and {len(there) - 3} more" if there[3:] else "")
        raise InputError(f"{folder} already contains {some}; {advice}")


def nearest_folder(path: Path) -> Path:
    """Return the nearest existing path: `path` itself or one of its parents."""
    return next(p for p in (path, *path.absolute().parents) if p.exists())
