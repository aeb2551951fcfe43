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
from minunet.data.page import AXES, RGB, Channel, Contents, Page, Reading, luma
from minunet.data.volume_files import Stored
from minunet.errors import InputError, reason

UNITS = {"nanometer": "nm", "micrometer": "um", "millimeter": "mm", "meter": "m", "angstrom": "Å"}
"""Units of length of OME-Zarr, by the names that `calibration` uses."""

COUNTING = {"t": "T", "z": "Z"}
"""Axes that count slices, by the names that `calibration` uses."""

USUAL = {2: "yx", 3: "zyx", 4: "czyx", 5: "tczyx"}
"""Usual axes of arrays, by their number."""


@dataclass(frozen=True)
class Volume:
    """An array with named axes, whose slices are read on demand."""

    path: Path
    stored: Stored

    @property
    def leading(self) -> str:
        """Axes that count slices, such as "tz"."""
        return "".join(axis for axis in self.stored.axes if axis not in "cyx")

    @property
    def counts(self) -> tuple[int, ...]:
        """Lengths of the axes that count slices."""
        return tuple(self.length(axis) for axis in self.leading)

    @property
    def channels(self) -> int:
        """Number of channels."""
        return self.length("c") if "c" in self.stored.axes else 1

    @property
    def dtype(self) -> np.dtype[Any]:
        """Dtype of the pixels."""
        return np.dtype(self.stored.array.dtype)

    def length(self, axis: str) -> int:
        """Return the length of an axis."""
        return int(self.stored.array.shape[self.stored.axes.index(axis)])

    def chunk(self, axis: str) -> int:
        """Return the length of a chunk along an axis; of all of it if there are no chunks."""
        chunks = self.stored.chunks
        return chunks[self.stored.axes.index(axis)] if chunks else self.length(axis)

    @property
    def calibration(self) -> Calibration:
        """What is known about the pixels and the axes of the slices."""
        found = zip(self.stored.axes, self.stored.scale, self.stored.units, strict=False)
        sizes = {(axis, UNITS.get(unit, unit)): size for axis, size, unit in found if size > 0}
        unit = next((unit for axis, unit in sizes if axis == "x" and ("y", unit) in sizes), "")
        several = [(a, n) for a, n in zip(self.leading, self.counts, strict=True) if n > 1]
        return Calibration(
            (sizes["x", unit], sizes["y", unit]) if unit else None,
            unit,
            sizes.get(("z", unit)) if unit else None,
            sizes.get(("t", "second")),
            "".join(COUNTING[axis] for axis, _ in several),
            tuple(n for _, n in several),
        )

    def __len__(self) -> int:
        """Return the number of slices."""
        return prod(self.counts)

    def section(self, k: int, channel: int | None = None, grey: bool = False) -> "Section":
        """Return slice k, with one channel or all of them, or the grey value of all three."""
        at = dict(zip(self.leading, map(int, np.unravel_index(k, self.counts)), strict=True))
        return Section(self, at, channel, grey)


@dataclass(frozen=True)
class Section:
    """A slice (H, W, C) of a volume; only the parts that are indexed are read."""

    volume: Volume
    at: dict[str, int]  # position along the axes that count slices
    channel: int | None  # None: all
    grey: bool = False  # convert colours to grey values

    @property
    def shape(self) -> tuple[int, int, int]:
        """Height, width and number of channels."""
        channels = self.volume.channels if self.channel is None and not self.grey else 1
        return self.volume.length("y"), self.volume.length("x"), channels

    @property
    def dtype(self) -> np.dtype[Any]:
        """Dtype of the pixels that are read."""
        return np.dtype(np.uint8) if self.volume.dtype == bool else self.volume.dtype

    def __getitem__(self, part: tuple[slice, slice]) -> Array:
        """Read the pixels (h, w, C) of some rows and columns."""
        rows, columns = part
        channels = slice(None) if self.channel is None else self.channel
        index = self.at | {"y": rows, "x": columns, "c": channels}
        stored = self.volume.stored
        with as_input_error(self.volume.path):
            pixels = np.asarray(stored.array[tuple(index[axis] for axis in stored.axes)])
        left = [axis for axis in stored.axes if isinstance(index[axis], slice)]
        pixels = pixels.transpose([left.index(axis) for axis in "yxc" if axis in left])
        pixels = pixels.reshape(*pixels.shape[:2], -1).astype(self.dtype, copy=False)
        return luma(pixels)[..., np.newaxis] if self.grey else pixels


def contents(path: Path, reading: Reading) -> Contents:
    """Describe the slices of a volume; each is read as a whole.

    Raises
    ------
    InputError
        If it cannot be opened, or has several channels, of which none is chosen.
    """
    volume = open_volume(path, reading)
    pages = []
    for k in range(len(volume)):
        section = chosen(volume, k, reading.channel)
        colour = section.shape[2] == RGB
        shape = section.shape if colour else section.shape[:2]
        load = partial(_whole, section)
        pages.append(Page(path, load, shape, section.dtype, mapped=False, colour=colour, number=k))
    return Contents(pages, calibration=volume.calibration)


def _whole(section: Section) -> Array:
    """Read a slice (H, W), or (H, W, 3) if it is in colour."""
    pixels = section[:, :]
    return pixels if pixels.shape[2] == RGB else pixels[..., 0]


def chosen(volume: Volume, k: int, channel: Channel) -> Section:
    """Return slice k with the channel to read, see `choose`."""
    number = choose(volume, channel)
    return volume.section(k, number, number is None and channel == "grey")


def choose(volume: Volume, channel: Channel) -> int | None:
    """Return the channel of a volume to read; None for all three of a colour image.

    Raises
    ------
    InputError
        If there are several, and none is chosen, or if the chosen one does not exist.
    """
    count, names = volume.channels, volume.stored.channels
    if isinstance(channel, str) and channel in names:
        return names.index(channel)
    if isinstance(channel, int) and channel < count:
        return channel
    if channel in (None, "grey") and count in (1, RGB):
        return 0 if count == 1 else None
    listed = ", ".join(filter(None, names)) or (f"0 … {count - 1}" if count > 1 else "0")
    has = f"{volume.path} has {count} channel{'s' * (count > 1)}"
    if channel in (None, "grey"):
        raise InputError(f"{has}; pass --channel N to read one of them: {listed}")
    raise InputError(f"{has}, but no channel {channel}; pass --channel with one of: {listed}")


def open_volume(path: Path, reading: Reading) -> Volume:
    """Open a volume for reading.

    Parameters
    ----------
    path : Path           folder of an array or of an OME-Zarr image; or an HDF5 file, followed by
                          `::` and the path of a dataset
    reading : Reading     `axes`, if the metadata do not name them; `level` of an OME-Zarr image;
                          `series`, if a container has several images

    Raises
    ------
    InputError
        If there is no array, if it is not numeric, or if its axes are not known.
    """
    file, inside = split_path(path)
    if not file.exists():
        raise InputError(f"{file} does not exist")
    with as_input_error(path):
        if file.suffix.lower() in HDF5 or inside:
            volume_files.check_no_level(path, reading.level)
            stored = volume_files.hdf5_array(file, inside)
        elif (file / "attributes.json").is_file():
            volume_files.check_no_level(path, reading.level)
            stored = volume_files.n5_array(file)
        else:
            stored = volume_files.zarr_array(file, reading.level or 0, reading.series)
    return Volume(path, _checked(path, stored, reading.axes))


@contextmanager
def as_input_error(path: Path) -> Iterator[None]:
    """Raise whatever goes wrong in a library as a one-sentence `InputError`."""
    try:
        yield
    except (InputError, MemoryError):
        raise
    except ModuleNotFoundError as error:
        extra = "n5" if error.name == "tensorstore" else "volumes"
        raise InputError(
            f"volumes need {error.name}, which is not installed; run pip install 'minunet[{extra}]'"
        ) from None
    except Exception as error:
        raise InputError(f"{path} cannot be read as a volume: {reason(error, 200)}") from None


def _checked(path: Path, stored: Stored, given: str | None) -> Stored:
    """Check an array and its axes; those that are given replace those of the metadata."""
    dtype, shape = np.dtype(stored.array.dtype), tuple(stored.array.shape)
    size = f"an array of {' x '.join(map(str, shape))}"
    if dtype.kind not in "buif":
        raise InputError(f"{path} contains {dtype} values; minunet needs real numbers")
    if 0 in shape:
        raise InputError(f"{path} is empty: it is {size}")
    axes = given or stored.axes
    if not axes:
        raise InputError(
            f"{path}, {size}, does not name its axes; pass --axes, such as "
            f"{USUAL.get(len(shape), USUAL[3])}"
        )
    once = len(set(axes)) == len(axes) == len(shape)
    if not (once and set("yx") <= set(axes) <= set(AXES)):
        raise InputError(
            f"the axes {axes[:20]} do not fit {path}, {size}; pass --axes with one letter for each "
            "axis: y and x, and z, t or c (channels) for the others"
        )
    if stored.axes in (axes, ""):  # the pixel size goes with the order of the axes
        return stored._replace(axes=axes)
    return stored._replace(axes=axes, scale=(), units=())
