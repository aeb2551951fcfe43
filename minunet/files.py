"""Write files safely: refuse to overwrite; replace a file only once the new one is complete."""

from collections.abc import Iterable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from minunet.errors import InputError


@contextmanager
def atomic(path: Path) -> Iterator[Path]:
    """Yield a temporary path next to `path`; at the end of the block, move the file to `path`.

    A crash leaves the old file or the new one, never a part of one. If the block raises an error,
    the temporary file is removed.
    """
    part = path.with_name(path.name + ".part")
    try:
        yield part
        part.replace(path)
    except BaseException:
        with suppress(OSError):
            part.unlink(missing_ok=True)
        raise


def is_taken(folder: Path) -> bool:
    """Return True if `folder` is a file or a folder that is not empty."""
    return folder.exists() and (not folder.is_dir() or any(folder.iterdir()))


def free_name(folder: Path) -> Path:
    """Return the first of `folder`, `folder`-2, `folder`-3 and so on that does not exist."""
    candidate, number = folder, 1
    while candidate.exists():
        number += 1
        candidate = folder.with_name(f"{folder.name}-{number}")
    return candidate


def check_new_file(path: Path, option: str) -> None:
    """Raise an `InputError` unless a new file can be created at `path`, the value of `option`."""
    if path.exists():
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
    there = [path.name for name in names for path in sorted(folder.glob(name))]
    if there:
        some = ", ".join(there[:3]) + (f" and {len(there) - 3} more" if there[3:] else "")
        raise InputError(f"{folder} already contains {some}; {advice}")


def nearest_folder(path: Path) -> Path:
    """Return the nearest existing path: `path` itself or one of its parents."""
    return next(p for p in (path, *path.absolute().parents) if p.exists())
