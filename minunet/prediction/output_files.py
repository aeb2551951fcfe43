"""The result files of a prediction, memory-mapped because they may be larger than memory.

Until the files are complete, they are in a folder inside the output folder (see `unfinished`), so
that they cannot be mistaken for complete results.
"""

import glob
import math
import os
import shutil
import sys
import tempfile
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path
from typing import IO, Any, NamedTuple, TypeAlias

import numpy as np
from numpy.typing import DTypeLike

from minunet import files
from minunet.array import Array
from minunet.data import calibration
from minunet.data.calibration import Calibration
from minunet.errors import InputError
from minunet.prediction.memory import format_bytes

Mapped: TypeAlias = np.memmap[Any, Any]

OUTPUTS = ("probability.tif", "labels.tif", "preview.png")

ADVICE = "pass another folder with -o"

IMAGEJ_AXES = "TZCYX"
"""The order of the axes of an ImageJ hyperstack."""

COLOR_MAP, SHORT = 320, 3
"""A tag and a type of the TIFF specification."""

CLASSIC = 2**32 - 2**25
"""Maximum size in bytes of the pixels of a classic TIFF file, such as an ImageJ hyperstack."""


class About(NamedTuple):
    """What to write into a TIFF file besides the pixels, so that Fiji shows it."""

    calibration: Calibration = Calibration()
    names: tuple[str, ...] = ()  # of the slices, or of all planes; empty if they are only numbered
    colours: Array | None = None  # (256, 3) uint8, of the values of labels


class InMemory(np.memmap):
    """The pixels of a file, which `flush` writes: for Pyodide, whose mappings change no file."""

    def flush(self) -> None:
        """Write all pixels to the file."""
        assert self.filename is not None
        with open(self.filename, "r+b") as file:
            file.seek(self.offset)
            file.write(self.tobytes())


class Layout(NamedTuple):
    """A TIFF file to write."""

    name: str  # with the folder that it is in, if any
    shape: tuple[int, ...]
    axes: str
    dtype: type
    about: About = About()

    @property
    def size(self) -> int:
        """Size of its pixels in bytes."""
        return math.prod(self.shape) * np.dtype(self.dtype).itemsize


def layouts(
    shape: tuple[int, int, int], classes: int, cells: bool, about: About | None = None
) -> tuple[Layout, Layout]:
    """Return the layouts of `probability.tif` and `labels.tif`.

    Parameters
    ----------
    shape : (Z, H, W)     shape of the stack; a single slice is written without its first axis
    classes : int         2: only the probability of class 1 is written; more: that of every class
    cells : bool          True: labels are numbered cells, uint16; False: classes, uint8
    about : About         the slices along Z may in fact be along T, or along T and Z
    """
    slices, *plane = shape
    about = about or About()
    known = about.calibration.of_slices(slices)
    c, channel = ((classes,), "C") if classes > 2 else ((), "")
    planes = [
        ", ".join(filter(None, [name, f"class {k}"]))
        for name in about.names
        for k in range(classes)
    ]
    of_p = About(known, tuple(planes) if c else about.names)
    of_labels = About(known, about.names, None if cells else about.colours)
    return (
        Layout(
            "probability.tif",
            (*known.lengths, *c, *plane),
            f"{known.axes}{channel}YX",
            np.float32,
            of_p,
        ),
        Layout(
            "labels.tif",
            (*known.lengths, *plane),
            f"{known.axes}YX",
            np.uint16 if cells else np.uint8,
            of_labels,
        ),
    )


def check_out(out: Path) -> None:
    """Raise an `InputError` if anything in the folder `out` would be overwritten."""
    files.check_free_names(out, OUTPUTS, ADVICE)


def check_folders(out: Path, names: Sequence[str]) -> None:
    """Raise an `InputError` if the results of any input, given by its name, already exist."""
    for output in map(Path, OUTPUTS):
        patterns = (f"{glob.escape(name)}{output.suffix}" for name in names)
        files.check_free_names(out / output.stem, patterns, ADVICE)


def in_folder(output: str, name: str) -> str:
    """Return where the result `output` of the input `name` is written: labels/a.tif for labels.tif.

    Without a name, the output belongs to the only input.
    """
    return f"{Path(output).stem}/{name}{Path(output).suffix}" if name else output


def check_space(out: Path, needed: int) -> None:
    """Raise an `InputError` unless the disk of `out`, which need not exist, has enough space."""
    there = files.nearest_folder(out)
    free = shutil.disk_usage(there).free
    if needed > free:
        raise InputError(
            f"the results need {format_bytes(needed)}, but {there} has {format_bytes(free)} free; "
            "pass a folder on another disk with -o"
        )


def create(folder: Path, layout: Layout) -> Mapped:
    """Create a TIFF file, and map its pixels for writing.

    The file is an ImageJ hyperstack if its size and the order of its axes allow that, otherwise an
    OME-TIFF (as BigTIFF if it is larger than 4 GB).
    """
    import tifffile

    path = folder / layout.name
    path.parent.mkdir(exist_ok=True)
    order = [IMAGEJ_AXES.index(axis) for axis in layout.axes]
    imagej = layout.size <= CLASSIC and order == sorted(order)
    mapped: Mapped = tifffile.memmap(
        path,
        shape=layout.shape,
        dtype=layout.dtype,
        photometric="minisblack",
        extratags=_colour_map(layout.about.colours),
        **(_imagej(layout) if imagej else _ome(layout)),
    )
    with path.open("r+b") as file:
        _reserve(file, path.stat().st_size)
        os.fsync(file.fileno())
    return _writing(mapped)


def reopen(folder: Path, layout: Layout) -> Mapped:
    """Map the pixels of a file that `create` made, for writing.

    Raises
    ------
    InputError
        If it is no longer that file.
    """
    import tifffile

    path = folder / layout.name
    with suppress(ValueError, OSError, tifffile.TiffFileError):
        mapped: Mapped = tifffile.memmap(path, mode="r+")
        if (mapped.size, mapped.dtype) == (math.prod(layout.shape), layout.dtype):
            with path.open("r+b") as file:
                _reserve(file, path.stat().st_size)
            reshaped: Mapped = mapped.reshape(layout.shape)  # type: ignore[assignment]
            return _writing(reshaped)
    raise InputError(f"{path} is missing or has changed; remove {folder}, and run predict again")


def _imagej(layout: Layout) -> dict[str, Any]:
    """Return the arguments of tifffile for an ImageJ hyperstack."""
    arguments, metadata = calibration.to_imagej(layout.about.calibration)
    names = {"Labels": list(layout.about.names)} if layout.about.names else {}
    return arguments | {"imagej": True, "metadata": {"axes": layout.axes} | metadata | names}


def _ome(layout: Layout) -> dict[str, Any]:
    """Return the arguments of tifffile for an OME-TIFF, whose description lists the slices."""
    arguments, metadata = calibration.to_ome(layout.about.calibration)
    names = {"Description": "\n".join(layout.about.names)} if layout.about.names else {}
    metadata = {"axes": layout.axes} | metadata | names
    return arguments | {"ome": True, "bigtiff": layout.size > CLASSIC, "metadata": metadata}


def _colour_map(colours: Array | None) -> list[tuple[int, int, int, Array, bool]]:
    """Return the tag ColorMap, with which ImageJ shows the values of labels in colour.

    The image is still not a palette image, so that other programs read the values of the labels.
    """
    if colours is None:
        return []
    return [(COLOR_MAP, SHORT, colours.size, colours.T.astype(np.uint16).ravel() * 257, True)]


def _writing(mapped: Mapped) -> Mapped:
    """Return a mapping whose `flush` writes to the file."""
    if sys.platform != "emscripten":
        return mapped
    pixels = np.array(mapped).view(InMemory)
    pixels.filename, pixels.offset = mapped.filename, mapped.offset
    return pixels


def scratch(folder: Path, shape: tuple[int, ...], dtype: DTypeLike) -> Array:
    """Map an array in a temporary file without a name, which disappears with the array."""
    if sys.platform == "emscripten":  # a mapping takes as much memory
        return np.zeros(shape, dtype)
    with tempfile.TemporaryFile(dir=folder) as file:
        _reserve(file, math.prod(shape) * np.dtype(dtype).itemsize)
        return np.memmap(file, dtype, "w+", shape=shape)


def _reserve(file: IO[bytes], size: int) -> None:
    """Reserve disk space for a file: writing to a mapped file crashes if the disk is full."""
    if sys.platform == "linux":
        try:
            os.posix_fallocate(file.fileno(), 0, size)
        except OSError as error:
            error.filename = file.name
            raise
