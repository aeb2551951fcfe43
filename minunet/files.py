"""Write files without losing any: refuse what is already there, write beside it, then move."""

from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path

from minunet.errors import InputError


@contextmanager
def whole(path: Path) -> Iterator[Path]:
    """Lend a path to write to; what is written there replaces `path` once all of it is there.

    A crash leaves the old file or the new one, never half of one.
    """
    beside = path.with_name(path.name + ".part")
    yield beside
    beside.replace(path)


def taken(folder: Path) -> bool:
    """Return whether anything at this path could be harmed by writing into it."""
    return folder.exists() and (not folder.is_dir() or any(folder.iterdir()))


def free(folder: Path) -> Path:
    """Return `folder`, or if it exists the first of `folder`-2, `folder`-3, … that does not."""
    candidate, number = folder, 1
    while candidate.exists():
        number += 1
        candidate = folder.with_name(f"{folder.name}-{number}")
    return candidate


def check_new_file(path: Path, option: str) -> None:
    """Raise an `InputError` unless a new file can be created at `path`, which `option` named."""
    if path.exists():
        raise InputError(f"{path} already exists; name another file with {option}")
    if not path.parent.is_dir():
        raise InputError(f"{path.parent} is not a folder; name a file in a folder with {option}")


def check_new_folder(folder: Path, cure: str) -> None:
    """Raise an `InputError` if `folder` is taken; the message ends with the cure."""
    if taken(folder):
        raise InputError(f"{folder} already exists and is not empty; {cure}")


def check_free_names(folder: Path, names: Iterable[str], cure: str) -> None:
    """Raise an `InputError` if `folder`, which need not exist, already holds any of `names`.

    Parameters
    ----------
    folder : Path
    names : iterable of str     patterns as of `Path.glob`
    cure : str                  what to do instead, the end of the message
    """
    nearest = nearest_folder(folder)
    if not nearest.is_dir():
        raise InputError(f"{nearest} is a file, not a folder; {cure}")
    there = [path.name for name in names for path in sorted(folder.glob(name))]
    if there:
        some = ", ".join(there[:3]) + (f" and {len(there) - 3} more" if there[3:] else "")
        raise InputError(f"{folder} already contains {some}; {cure}")


def nearest_folder(path: Path) -> Path:
    """Return `path`, or the nearest path above it that exists."""
    return next(p for p in (path, *path.absolute().parents) if p.exists())
