"""The result files of a prediction, mapped while they are written, since they may exceed memory.

Until the last pixel is written, all of them are in a folder `unfinished-…` inside the folder for
the results: nobody sees half a result, and if something fails that folder is removed.
"""

import math
import os
import shutil
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO, Any, NamedTuple, TypeAlias

import numpy as np
from numpy.typing import DTypeLike

from minunet import files
from minunet.array import Array
from minunet.errors import InputError
from minunet.prediction.memory import format_bytes

Mapped: TypeAlias = np.memmap[Any, Any]

OUTPUTS = ("probability.tif", "labels.tif", "preview.png")

CLASSIC = 2**32 - 2**25
"""Maximum bytes of pixels in a classic TIFF file, such as an ImageJ hyperstack."""


class Layout(NamedTuple):
    """A TIFF file to write."""

    name: str
    shape: tuple[int, ...]
    axes: str
    dtype: type

    @property
    def size(self) -> int:
        """Size of its pixels in bytes."""
        return math.prod(self.shape) * np.dtype(self.dtype).itemsize


def layouts(shape: tuple[int, int, int], classes: int, cells: bool) -> tuple[Layout, Layout]:
    """Lay out `probability.tif` and `labels.tif`.

    Parameters
    ----------
    shape : (Z, H, W)     of the stack; a single slice is written without its first axis
    classes : int         with two, the probability of class 1 is written; with more, that of each
    cells : bool          labels number cells, in uint16; else they are classes, in uint8
    """
    slices, *plane = shape
    z, axis = ((slices,), "Z") if slices > 1 else ((), "")
    c, channel = ((classes,), "C") if classes > 2 else ((), "")
    return (
        Layout("probability.tif", (*z, *c, *plane), axis + channel + "YX", np.float32),
        Layout("labels.tif", (*z, *plane), axis + "YX", np.uint16 if cells else np.uint8),
    )


def check_out(out: Path) -> None:
    """Raise an `InputError` if anything in the folder `out` would be overwritten."""
    files.check_free_names(out, OUTPUTS, "name another folder with -o")


def check_space(out: Path, needed: int) -> None:
    """Raise an `InputError` if the disk of the folder `out`, which need not exist, is too full."""
    there = files.nearest_folder(out)
    free = shutil.disk_usage(there).free
    if needed > free:
        raise InputError(
            f"the results need {format_bytes(needed)} but {there} has {format_bytes(free)} free; "
            "name a folder on another disk with -o"
        )


@contextmanager
def unfinished(out: Path) -> Iterator[Path]:
    """Lend a folder inside `out`, which is created if needed; at the end its files move to `out`.

    If anything is raised before, including Ctrl-C, the folder and its files are removed.
    """
    out.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(prefix="unfinished-", dir=out) as name:
        folder = Path(name)
        yield folder
        for path in sorted(path for path in folder.rglob("*") if path.is_file()):
            target = out / path.relative_to(folder)
            target.parent.mkdir(exist_ok=True)
            path.replace(target)


def create(folder: Path, layout: Layout) -> Mapped:
    """Create a TIFF file, and map its pixels for writing.

    It is an ImageJ hyperstack if it is small enough, otherwise a BigTIFF.
    """
    import tifffile

    path, big = folder / layout.name, layout.size > CLASSIC
    mapped: Mapped = tifffile.memmap(
        path,
        shape=layout.shape,
        dtype=layout.dtype,
        bigtiff=big,
        imagej=not big,
        photometric="minisblack",
        metadata={"axes": layout.axes},
    )
    with path.open("r+b") as file:
        _reserve(file, path.stat().st_size)
    return mapped


def scratch(folder: Path, shape: tuple[int, ...], dtype: DTypeLike) -> Array:
    """Map an array in a temporary file without a name, which disappears with the array."""
    with tempfile.TemporaryFile(dir=folder) as file:
        _reserve(file, math.prod(shape) * np.dtype(dtype).itemsize)
        return np.memmap(file, dtype, "w+", shape=shape)


def _reserve(file: IO[bytes], size: int) -> None:
    """Reserve the space of a file on disk: running out of it while writing to a map is a crash."""
    if sys.platform == "linux":
        os.posix_fallocate(file.fileno(), 0, size)
