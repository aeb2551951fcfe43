"""The files that a prediction leaves: mapped while they are written, as they may exceed memory.

Until the last pixel is there, all of them live in a folder `unfinished-…` within the folder for the
results: nobody sees half a result, and where something fails they go with that folder.
"""

import math
import os
import shutil
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO, Any, NamedTuple

import numpy as np

from minunet import files
from minunet.array import Array
from minunet.errors import InputError
from minunet.prediction.memory import said

OUTPUTS = ("probability.tif", "labels.tif", "preview.png")

CLASSIC = 2**32 - 2**25
"""Bytes of pixels that a TIFF file of the usual kind can hold, and an ImageJ hyperstack."""


class Layout(NamedTuple):
    """A TIFF file to be written."""

    name: str
    shape: tuple[int, ...]
    axes: str
    dtype: type

    @property
    def size(self) -> int:
        """Bytes of its pixels."""
        return math.prod(self.shape) * np.dtype(self.dtype).itemsize


def layouts(shape: tuple[int, int, int], classes: int, cells: bool) -> tuple[Layout, Layout]:
    """Lay out `probability.tif` and `labels.tif`.

    Parameters
    ----------
    shape : (Z, H, W)     of the stack; a single slice is written without its first axis
    classes : int         of two, the probability of class 1 is written; of more, of each
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
    """Raise an `InputError` if the disk of the folder `out`, to be made or not, is too full."""
    there = files.nearest_folder(out)
    free = shutil.disk_usage(there).free
    if needed > free:
        raise InputError(
            f"the results take {said(needed)} and {there} has {said(free)} free; name a folder on "
            "another disk with -o"
        )


@contextmanager
def unfinished(out: Path) -> Iterator[Path]:
    """Lend a folder within `out`, made if need be; in the end its files move to `out`.

    If anything is raised meanwhile, Ctrl-C included, the folder and its files are removed.
    """
    out.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(prefix="unfinished-", dir=out) as name:
        folder = Path(name)
        yield folder
        for path in sorted(path for path in folder.rglob("*") if path.is_file()):
            target = out / path.relative_to(folder)
            target.parent.mkdir(exist_ok=True)
            path.replace(target)


def create(folder: Path, layout: Layout) -> np.memmap[Any, Any]:
    """Make a TIFF file, and map its pixels to be written.

    An ImageJ hyperstack where it can be one, else a BigTIFF, which has no such limit.
    """
    import tifffile

    path, big = folder / layout.name, layout.size > CLASSIC
    mapped: np.memmap[Any, Any] = tifffile.memmap(
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


def scratch(folder: Path, shape: tuple[int, ...], dtype: np.dtype[Any]) -> Array:
    """Map an array of a file without a name, which goes when the array does."""
    with tempfile.TemporaryFile(dir=folder) as file:
        _reserve(file, math.prod(shape) * dtype.itemsize)
        return np.memmap(file, dtype, "w+", shape=shape)


def _reserve(file: IO[bytes], size: int) -> None:
    """Take the space of a file on the disk: to run out of it while writing to a map is a crash."""
    if sys.platform == "linux":
        os.posix_fallocate(file.fileno(), 0, size)
