"""Volumes: arrays in OME-Zarr, Zarr, N5 and HDF5, of which only the parts in use are read.

An array is given by its path: `a.zarr/0`, or `a.h5::/volumes/raw` inside an HDF5 file. Of an
OME-Zarr image, a level is chosen; level 0 has the full resolution. A slice has the axes y and x.
All other axes except the channels count slices. If the metadata do not name the axes, they must be
given.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from math import prod
from pathlib import Path
from typing import Any

import numpy as np

from minunet.array import Array
from minunet.data import volume_files
from minunet.data.calibration import Calibration
from minunet.data.file_names import HDF5, split_path
from minunet.data.page import RGB, Channel, Contents, Page, Reading
from minunet.data.volume_files import KNOWN, Stored
from minunet.errors import InputError

UNITS = {"nanometer": "nm", "micrometer": "um", "millimeter": "mm", "meter": "m", "angstrom": "Å"}
"""Units of length of OME-Zarr, by the names that `calibration` uses."""

COUNTING = {"t": "T", "z": "Z"}
"""Axes that count slices, by the names that `calibration` uses."""


@dataclass(frozen=True)
class Volume:
    """An array with named axes, whose slices are read on demand."""

    path: Path
    stored: Stored

    @property
    def counts(self) -> tuple[int, ...]:
        """Lengths of the axes that count slices."""
        return tuple(self._length(axis) for axis in self.leading)

    @property
    def leading(self) -> str:
        """Axes that count slices, such as "tz"."""
        return "".join(axis for axis in self.stored.axes if axis not in "cyx")

    @property
    def channels(self) -> int:
        """Number of channels."""
        return self._length("c") if "c" in self.stored.axes else 1

    def __len__(self) -> int:
        """Return the number of slices."""
        return prod(self.counts)

    def _length(self, axis: str) -> int:
        return int(self.stored.array.shape[self.stored.axes.index(axis)])

    @property
    def calibration(self) -> Calibration:
        """What is known about the pixels and the axes of the slices."""
        found = zip(self.stored.axes, self.stored.scale, self.stored.units, strict=False)
        sizes = {axis: (size, UNITS.get(unit, unit)) for axis, size, unit in found}
        (width, unit), (height, other) = sizes.get("x", (0, "")), sizes.get("y", (0, ""))
        depth, of_z = sizes.get("z", (0, ""))
        interval, second = sizes.get("t", (0, ""))
        known = unit == other and width > 0 and height > 0 and unit != ""
        names = {"t": "T", "z": "Z"}
        axes = [
            (names[axis], n) for axis, n in zip(self.leading, self.counts, strict=True) if n > 1
        ]
        return Calibration(
            (width, height) if known else None,
            unit if known else "",
            depth if known and of_z == unit and depth > 0 else None,
            interval if second == "second" and interval > 0 else None,
            "".join(axis for axis, _ in axes),
            tuple(n for _, n in axes),
        )

    def section(self, k: int, channel: int | None = None) -> "Section":
        """Return slice k, with one channel or all of them."""
        at = dict(zip(self.leading, map(int, np.unravel_index(k, self.counts)), strict=True))
        return Section(self, at, channel)


@dataclass(frozen=True)
class Section:
    """A slice (H, W, C) of a volume; only the parts that are indexed are read."""

    volume: Volume
    at: dict[str, int]  # position along the axes that count slices
    channel: int | None  # None: all

    @property
    def shape(self) -> tuple[int, int, int]:
        """Height, width and number of channels."""
        length = self.volume._length
        return length("y"), length("x"), 1 if self.channel is not None else self.volume.channels

    @property
    def dtype(self) -> np.dtype[Any]:
        """Dtype of the pixels."""
        return np.dtype(self.volume.stored.array.dtype)

    ndim = 3

    def __getitem__(self, part: slice | tuple[slice, ...]) -> Array:
        """Read the pixels of some rows and columns."""
        rows, columns, *_ = (*part, slice(None)) if isinstance(part, tuple) else (part, slice(None))
        channels = slice(None) if self.channel is None else self.channel
        index = self.at | {"y": rows, "x": columns, "c": channels}
        stored = self.volume.stored
        pixels = np.asarray(stored.array[tuple(index[axis] for axis in stored.axes)])
        left = [axis for axis in stored.axes if isinstance(index[axis], slice)]
        pixels = pixels.transpose([left.index(axis) for axis in "yxc" if axis in left])
        return pixels.reshape(*pixels.shape[:2], -1)


def contents(path: Path, reading: Reading) -> Contents:
    """Describe the slices of a volume.

    Raises
    ------
    InputError
        If it cannot be opened, or has several channels, of which none is chosen.
    """
    volume = open_volume(path, reading.axes, reading.level, reading.series)
    channel = choose(volume, reading.channel)
    colour = channel is None
    pages = [
        Page(
            path,
            partial(_load, volume.section(k, channel)),
            (*volume.section(k).shape[:2], *([RGB] if colour else [])),
            volume.stored.array.dtype,
            mapped=False,
            colour=colour,
            number=k,
        )
        for k in range(len(volume))
    ]
    if colour and reading.channel == "grey":
        pages = [page.in_grey() for page in pages]
    return Contents(pages, calibration=volume.calibration)


def _load(section: "Section") -> Array:
    """Read a whole slice (H, W), or (H, W, 3) if it is in colour."""
    with reading_errors(section.volume.path):
        pixels = section[:]
    pixels = pixels.astype(np.uint8) if pixels.dtype == bool else pixels
    return pixels if section.channel is None else pixels[..., 0]


def choose(volume: Volume, channel: Channel) -> int | None:
    """Return the channel of a volume to read; None for the three of a colour image.

    Raises
    ------
    InputError
        If there are several, and none is chosen, or if the chosen one is none of them.
    """
    count, names = volume.channels, volume.stored.channels
    if isinstance(channel, str) and channel in names:
        return names.index(channel)
    if isinstance(channel, int) and channel < count:
        return channel
    if channel in (None, "grey") and count in (1, RGB):
        return 0 if count == 1 else None
    listed = ", ".join(names) if any(names) else f"0 … {count - 1}"
    has = f"{volume.path} has {count} channel{'s' * (count > 1)}"
    if channel in (None, "grey"):
        raise InputError(f"{has}; pass --channel N to read one of them: {listed}")
    raise InputError(f"{has}, of which {channel} is none; pass one of them: {listed}")


def open_volume(path: Path, axes: str = "", level: int = 0, series: int | None = None) -> Volume:
    """Open a volume for reading.

    Parameters
    ----------
    path : Path            folder of an array or of an OME-Zarr image; or an HDF5 file, followed by
                           `::` and the path of a dataset
    axes : str             one letter per axis, such as "zyx"; empty: as in the metadata
    level : int            of an OME-Zarr image; 0 has the full resolution
    series : int or None   image of a container with several, as Bio-Formats writes it

    Raises
    ------
    InputError
        If there is no array, if it is none of numbers, or if its axes are not known.
    """
    file, inside = split_path(path)
    if not file.exists():
        raise InputError(f"{file} does not exist")
    with reading_errors(path):
        if file.suffix.lower() in HDF5 or inside:
            stored = volume_files.hdf5_array(file, inside)
        elif (file / "attributes.json").is_file():
            stored = volume_files.n5_array(file)
        else:
            stored = volume_files.zarr_array(file, level, series)
    return Volume(path, _with_axes(path, stored, axes))


@contextmanager
def reading_errors(path: Path) -> Iterator[None]:
    """Raise whatever goes wrong in a library as a one-sentence `InputError`."""
    try:
        yield
    except (InputError, MemoryError):
        raise
    except ModuleNotFoundError as error:
        what = "n5" if error.name == "tensorstore" else "volumes"
        raise InputError(
            f"{path} cannot be read without {error.name}; pip install 'minunet[{what}]'"
        ) from None
    except Exception as error:
        reason = " ".join(str(error).split())[:200] or type(error).__name__
        raise InputError(f"{path} cannot be read as a volume: {reason}") from None


def _with_axes(path: Path, stored: Stored, given: str) -> Stored:
    """Check the array and its axes; those that are given replace those of the metadata."""
    dtype, shape = np.dtype(stored.array.dtype), tuple(stored.array.shape)
    if dtype.kind not in "buif":
        raise InputError(f"{path} contains {dtype}; images and labels are real numbers")
    axes, size = given.lower() or stored.axes, f"an array of {' x '.join(map(str, shape))}"
    if not axes:
        usual = {2: "yx", 3: "zyx", 4: "czyx", 5: "tczyx"}.get(len(shape), "zyx")
        raise InputError(
            f"{path} does not say what its axes are; it is {size}: pass --axes, such as {usual}"
        )
    one_each = len(set(axes)) == len(axes) == len(shape) and set("yx") <= set(axes) <= set(KNOWN)
    if not one_each:
        raise InputError(
            f"--axes {axes} does not fit {path}, {size}; pass one letter for each axis: y and x, "
            "and z, t or c (channels) for others"
        )
    if 0 in shape:
        raise InputError(f"{path} is empty: it is {size}")
    same = axes == stored.axes
    return stored._replace(
        axes=axes, scale=stored.scale if same else (), units=stored.units if same else ()
    )
