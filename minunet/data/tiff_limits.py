"""What a TIFF file can hold: refuse endless chains of pages, and claims larger than the file.

A few bytes can claim any number of pages, slices or pixels. These checks take time in proportion to
the pages that are there, before anything is read or allocated in proportion to what is claimed.
"""

import math
import struct
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple
from xml.etree import ElementTree

from minunet.errors import InputError

if TYPE_CHECKING:
    from tifffile import TiffPage, TiffPageSeries

DENSEST = {1: 1, 5: 4096, 8: 1032, 32946: 1032, 32773: 64}
"""Most bytes of pixels for each stored byte: none, LZW, deflate (two numbers) and PackBits."""

DENSEST_OTHER = 10**6
"""The same for other compressions, which have no exact limit."""

PLANES = 10**6
"""Number of planes that OME metadata may claim in any case: a file may be one of a large set."""


class Layout(NamedTuple):
    """Formats of the numbers in the directories of a TIFF file, and the size of an entry."""

    entries: struct.Struct  # number of entries
    link: struct.Struct  # offset of the next directory
    entry: int
    first: int  # where the offset of the first directory is

    @property
    def least(self) -> int:
        """Size of a directory without entries."""
        return self.entries.size + self.link.size


def check_pages(path: Path) -> int:
    """Count the pages of a TIFF file, as far as it can be followed.

    Raises
    ------
    InputError
        If a page is followed by an earlier one, or the pages do not fit into the file beside each
        other.
    """
    numbers: dict[int, int] = {}  # of the pages, by their offsets
    size, used = path.stat().st_size, 0
    for offset, length in _directories(path):
        if offset in numbers:
            raise InputError(
                f"{path} is damaged: page {len(numbers) - 1} is followed by page "
                f"{numbers[offset]} again, so that they never end; export it again"
            )
        numbers[offset] = len(numbers)
        used += length
        if used > size:
            raise InputError(
                f"{path} is damaged: its pages overlap, because {size:,} bytes are too few for "
                f"{len(numbers)} or more of them; export it again"
            )
    return len(numbers)


def _directories(path: Path) -> Iterator[tuple[int, int]]:
    """Yield the offset and the size of each directory in the chain; stop where it is broken."""
    with path.open("rb") as file:
        layout = _layout(file.read(4))
        if layout is None:
            return
        file.seek(layout.first)
        with suppress(struct.error, OverflowError, ValueError):  # the end of the file, or beyond
            while offset := layout.link.unpack(file.read(layout.link.size))[0]:
                file.seek(offset)
                (entries,) = layout.entries.unpack(file.read(layout.entries.size))
                yield offset, layout.least + entries * layout.entry
                file.seek(offset + layout.entries.size + entries * layout.entry)


def _layout(start: bytes) -> Layout | None:
    order = {b"II": "<", b"MM": ">"}.get(start[:2])
    if order is None:
        return None
    if start[2:] in (b"+\0", b"\0+"):  # 43: BigTIFF
        return Layout(struct.Struct(order + "Q"), struct.Struct(order + "Q"), 20, 8)
    return Layout(struct.Struct(order + "H"), struct.Struct(order + "I"), 12, 4)


def check_ome(path: Path, xml: str, pages: int) -> None:
    """Raise an `InputError` if OME metadata claim far more planes than a file of `pages` can hold.

    Files that belong to a set describe the planes of all its files, up to `PLANES`.
    """
    try:
        root = ElementTree.fromstring(xml)
    except ElementTree.ParseError:
        return
    claimed = 0
    for element in root.iter():
        kind = element.tag.rpartition("}")[2]
        if kind == "Pixels":
            sizes = [_whole(element.get(f"Size{axis}")) for axis in "ZCT"]
            counts = [_whole(data.get(name)) for data in element for name in PER_ELEMENT]
            claimed += math.prod(sizes) + max(counts, default=0)
        elif kind.startswith("ModuloAlong"):
            claimed += _steps(element)
    if claimed > max(2 * pages, PLANES):
        raise InputError(
            f"{path} is damaged: its OME metadata claim {_rounded(claimed)} slices, but it has "
            f"{pages} page{'s' * (pages != 1)}; export it again"
        )


PER_ELEMENT = ("PlaneCount", "NumPlanes")
"""Attributes of the OME element TiffData that count planes."""


def _whole(text: str | None) -> int:
    """Return a number of OME metadata; 0 if it is missing or not a number."""
    return int(text) if text and text.isdecimal() and len(text) < 1000 else 0


def _steps(element: ElementTree.Element) -> int:
    """Count the values from Start to End of an axis in OME metadata."""
    with suppress(ValueError, ZeroDivisionError, OverflowError):
        start, end = (float(element.get(name, "0")) for name in ("Start", "End"))
        return abs(round((end - start) / float(element.get("Step", "1"))))
    return 0


def check_series(path: Path, series: "TiffPageSeries", count: int) -> None:
    """Raise an `InputError` if a series, or one of its pages, claims more than the file can hold.

    Parameters
    ----------
    path : Path
    series : TiffPageSeries
    count : int                number of planes of the series
    """
    page = series.keyframe
    sparse = not all(page.databytecounts)  # strips or tiles that are not stored are 0
    densest = DENSEST_OTHER if sparse else DENSEST.get(int(page.compression), DENSEST_OTHER)
    size = path.stat().st_size
    extent = f"{page.imagelength} x {page.imagewidth} pixels"
    claimed, what = _bytes(page.shape, page), f"a page of {extent}, which does"
    # The planes of OME metadata may be in other files; those in this one are pages of it.
    if claimed <= densest * size and series.kind != "ome":
        claimed = _bytes(series.shape, page)
        what = f"{_rounded(count)} slices of {extent}, which do"
    if not math.prod(series.shape):
        raise InputError(
            f"{path} is damaged: it contains a page without pixels ({extent}); export it again"
        )
    if claimed > densest * size:
        raise InputError(
            f"{path} is damaged: it claims to contain {what} not fit into a file of {size:,} "
            "bytes; export it again"
        )


def _bytes(shape: tuple[int, ...], page: "TiffPage") -> int:
    """Return the size of pixels of this shape, stored as in a page but without compression."""
    return math.prod(shape) * page.bitspersample // 8


def _rounded(count: int) -> str:
    """Write a number; one with many digits as a power of ten.

    Examples
    --------
    >>> _rounded(12345), _rounded(10**12), _rounded(3 * 10**400)
    ('12345', '10^12', '10^400')
    """
    digits = math.log10(max(count, 1))
    return str(count) if digits < 9 else f"10^{int(digits + 1e-9)}"
