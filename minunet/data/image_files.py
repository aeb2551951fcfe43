"""Read images: TIFF stacks, TIFF and PNG images, and folders of them.

An image is (H, W, C), in the dtype of its file; C is 1 for greyscale and 3 for colour. `tiff_files`
and `png_files` find the slices of one file; this module applies the rules for sets of files.
"""

import copy
from collections.abc import Iterable, Sequence
from functools import cached_property
from itertools import groupby
from pathlib import Path
from typing import overload

import numpy as np

from minunet.array import Array
from minunet.console import printable
from minunet.data import calibration
from minunet.data.calibration import Calibration
from minunet.data.file_names import READABLE, TIFF, different_names, files, is_folder, is_volume
from minunet.data.page import (
    DEFAULT,
    RGB,
    Channel,
    Contents,
    Page,
    Reading,
    decoding,
    parse_axes,
    parse_channel,
)
from minunet.errors import InputError
from minunet.image import all_finite, bands

__all__ = ["Channel", "Page", "Reading", "Slices", "parse_axes", "parse_channel", "read"]


class Slices(Sequence[Array]):
    """The slices of a stack, an image, or a folder of them in natural order, loaded on access.

    A slice is (H, W, C), in the dtype and the byte order of its file; treat it as read-only. Slices
    of uncompressed TIFF files are memory-mapped and may be larger than memory; others are read
    again on every access and not cached.

    Parameters
    ----------
    path : Path             a TIFF or PNG file, or a folder of such files
    reading : Reading       which of their pixels to read
    keep_going : bool       leave out files that cannot be read, and list them in `broken`

    Raises
    ------
    InputError
        If there is no readable image; on access, if a slice cannot be read or contains a value
        that is not a finite number.
    """

    def __init__(self, path: Path, reading: Reading = DEFAULT, *, keep_going: bool = False) -> None:
        self.broken: dict[Path, str] = {}
        self.in_folder = is_folder(path)
        found: list[Contents] = []
        for file in files(path):
            try:
                found.append(_contents(file, reading))
            except InputError as error:
                if not keep_going or not self.in_folder:
                    raise
                self.broken[file] = str(error)
        found = [one for one in found if one.pages]  # the others do not contain this channel
        if not found and not self.broken:
            raise InputError(
                f"{path} contains no slice of channel {reading.channel}, which the metadata place "
                "in other files; pass another --channel, or the folder with all files of the set"
            )
        self.pages = [page for one in found for page in one.pages]
        self.check_not_empty()
        channels = {page.channel for page in self.pages if page.channel is not None}
        if len(channels) > 1:
            raise InputError(
                f"the files in {path} contain different channels; pass --channel N to read one of "
                f"them: {either(channels)}"
            )
        self.notes = [note for one in found for note in one.notes]
        self.palette = found[0].palette
        self._calibrations = {one.pages[0].file: one.calibration for one in found}

    @cached_property
    def channels(self) -> int:
        """Number of channels of every slice: 3 if any slice is in colour; may be assigned.

        Files that store three equal channels, such as a blank page, do not make the set colour.
        """
        return self.channels_of(range(len(self.pages)))

    def channels_of(self, numbers: Iterable[int]) -> int:
        """Return the number of channels that these slices need by themselves, see `channels`."""
        pages = (self.pages[k] for k in numbers)
        return RGB if any(page.colour and not _equal(_load(page)) for page in pages) else 1

    @property
    def names(self) -> list[str]:
        """Names of the slices, for people: labels of ImageJ, names of files, or numbers."""
        return [printable(name) for name in self._names()]

    def _names(self) -> list[str]:
        if not self.in_folder:
            labels = [page.label for page in self.pages]
            numbers = [str(k) for k in range(len(labels))]
            return labels if all(labels) and len(set(labels)) == len(labels) else numbers
        several = {page.file for page in self.pages if page.number}
        names = different_names(self.files)
        return [
            names[page.file] + (f" {page.number}" if page.file in several else "")
            for page in self.pages
        ]

    @property
    def files(self) -> list[Path]:
        """Files that the slices belong to."""
        return [page.file for page in self.pages]

    @property
    def calibration(self) -> Calibration:
        """What is known about the pixels and the axes of the slices."""
        here = dict.fromkeys(page.file for page in self.pages)
        return calibration.common([self._calibrations[file] for file in here], len(self))

    def by_file(self) -> list["Slices"]:
        """Return the slices of each file by themselves."""
        parts = []
        for _, pages in groupby(self.pages, key=lambda page: page.file):
            part = copy.copy(self)
            part.pages, part.in_folder = list(pages), False
            parts.append(part)
        return parts

    def leave_out(self, file: Path, reason: str) -> None:
        """Leave out the slices of a file that turns out to be damaged."""
        self.broken[file] = reason
        self.pages = [page for page in self.pages if page.file != file]

    def check_not_empty(self) -> None:
        """Raise an `InputError` if all files were left out; it gives the reason for the first."""
        if self.pages:
            return
        first, *others = self.broken.values()
        count = f"; none of the {len(others) + 1} files in the folder can be used" if others else ""
        raise InputError(first + count)

    @property
    def mapped(self) -> bool:
        """True if all slices are memory-mapped, so that none has to fit into memory."""
        return all(page.mapped for page in self.pages)

    def __len__(self) -> int:
        """Return the number of slices."""
        return len(self.pages)

    @overload
    def __getitem__(self, k: int) -> Array: ...
    @overload
    def __getitem__(self, k: slice) -> list[Array]: ...
    def __getitem__(self, k: int | slice) -> Array | list[Array]:
        """Load one slice, or a list of slices."""
        pages = self.pages[k]
        return (
            [self._slice(page) for page in pages] if isinstance(pages, list) else self._slice(pages)
        )

    def _slice(self, page: Page) -> Array:
        """Load a slice (H, W, C) with the channels of the set."""
        pixels, channels = _load(page), self.channels
        if not page.colour:
            pixels = pixels[..., np.newaxis]
            return pixels if channels == 1 else np.broadcast_to(pixels, (*page.shape, channels))
        if channels == 1 and not _equal(pixels):
            raise InputError(
                f"{page.file} is in colour; pass --grey to convert it to grey values, or --channel "
                "N to read one of its channels: 0 (red), 1 (green) or 2 (blue)"
            )
        return pixels[..., :channels]


def _contents(path: Path, reading: Reading) -> Contents:
    """Describe the slices of one file."""
    from minunet.data import png_files, tiff_files, volumes  # here: they slow down --help

    if is_volume(path):
        return volumes.contents(path, reading)
    if isinstance(reading.channel, str) and reading.channel != "grey":
        raise InputError(
            f"{path} has no channel {reading.channel}, because only OME-Zarr images name their "
            "channels; pass --channel 0, 1, 2, … or --channel grey"
        )
    if path.suffix.lower() not in READABLE:
        raise InputError(
            f"{path} is not a TIFF (.tif, .tiff) or PNG file; convert it to one of them"
        )
    with decoding(path):
        with path.open("rb") as file:  # some programs write a PNG file whatever the suffix is
            start = file.read(8)
        tiff = start[:2] in (b"II", b"MM") or path.suffix.lower() in TIFF
        kind = png_files if start == png_files.SIGNATURE or not tiff else tiff_files
        found = kind.contents(path, reading)
    if not found.pages and reading.channel is None:
        raise InputError(f"{path} is damaged: it contains no image; copy or export it again")
    return found


def _load(page: Page) -> Array:
    """Load a page: (H, W), or (H, W, 3 or 4) if it is in colour."""
    with decoding(page.file):
        pixels = page.load()
    if pixels.dtype.kind not in "uif":
        raise InputError(f"{page.file} contains complex values; convert them to real numbers")
    if not all_finite(pixels):
        raise InputError(
            f"page {page.number} of {page.file} contains NaN or infinite values; replace them with "
            "finite numbers, for example with Process > Filters > Remove NaNs… in Fiji, or with "
            "numpy.nan_to_num in Python"
        )
    return pixels


def _equal(colours: Array) -> bool:
    """Return whether the three channels of an image (H, W, 3 or 4) are equal."""
    return all(
        bool((colours[b][..., :RGB] == colours[b][..., :1]).all()) for b in bands(colours.shape)
    )


def read(path: Path, reading: Reading = DEFAULT) -> list[Array]:
    """Read a stack, an image, or a folder of them in natural order.

    Parameters
    ----------
    path : Path           a TIFF or PNG file, or a folder of such files
    reading : Reading     which of their pixels to read

    Returns
    -------
    list of (H, W, C)     in the dtype of the file; C is 1 for greyscale, 3 for colour

    Raises
    ------
    InputError
        If there is no readable image, or a value is not a finite number.
    """
    return [native(image) for image in Slices(path, reading)]


def native(image: Array) -> Array:
    """Copy an image into memory, in the byte order of this machine."""
    return np.array(image, image.dtype.newbyteorder("="))


def counted(slices: int, part: str = "") -> str:
    """Return a number of slices in words, such as "1 slice" or, of a part, "5 test slices"."""
    return " ".join(filter(None, [str(slices), part, "slice" if slices == 1 else "slices"]))


def either(numbers: Iterable[int]) -> str:
    """List different numbers in words, such as "1 or 3"."""
    return " or ".join(map(str, sorted(numbers)))


def grey(images: Sequence[Array], source: Path | str) -> list[Array]:
    """Drop the channel axis of greyscale images.

    Parameters
    ----------
    images : sequence of (H, W, 1)
    source : Path or str               where they come from, for error messages

    Returns
    -------
    list of (H, W)

    Raises
    ------
    InputError
        If the images are in colour.
    """
    if any(image.shape[2] != 1 for image in images):
        raise InputError(
            f"{source} is in colour; labels, masks and probabilities must be greyscale: convert it "
            "to one channel; if it is a stack of 3 or 4 slices that tifffile wrote as colours, "
            "write it again with photometric='minisblack'"
        )
    return [image[..., 0] for image in images]
