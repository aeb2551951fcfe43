"""Image files of a folder: which of them are read, in what order, and by what names."""

import re
import unicodedata
from collections.abc import Iterable
from pathlib import Path

from minunet.errors import InputError

TIFF = (".tif", ".tiff", ".tf2", ".tf8", ".btf")
READABLE = (*TIFF, ".png")


def name_of(path: Path) -> str:
    """Return the name of a file without its suffix, by which an image and its labels match.

    It is in Unicode normal form C: macOS decomposes accented letters, other systems do not.

    Examples
    --------
    >>> name_of(Path("images/a.b.ome.tif"))
    'a.b'
    """
    name = unicodedata.normalize("NFC", path.stem)
    return name[:-4] if name.lower().endswith(".ome") else name


def in_order(names: Iterable[str]) -> list[str]:
    """Sort names in natural order: numbers in them by their value.

    Examples
    --------
    >>> in_order(["img10", "img2", "img1"])
    ['img1', 'img2', 'img10']
    """
    return sorted(names, key=_natural)


def _natural(name: str) -> tuple[list[str | int], str]:
    parts = re.split(r"(\d+)", name.casefold())  # text, number, text, number, …, text
    return [int(part) if k % 2 else part for k, part in enumerate(parts)], name


def files(path: Path) -> list[Path]:
    """List the image files of a folder in natural order; if `path` is a file, list only that."""
    if not path.exists():
        raise InputError(f"{path} does not exist")
    if path.is_file():
        return [path]
    found = sorted(
        (p for p in path.iterdir() if p.suffix.lower() in READABLE and not p.name.startswith(".")),
        key=lambda p: (_natural(name_of(p)), p.name),  # without suffix: a.TIF, a.b.TIF as a.tif, …
    )
    if not found:
        raise InputError(f"{path} contains no images; minunet reads TIFF (.tif, .tiff) and PNG")
    return found
