"""The result files of a prediction, memory-mapped because they may be larger than memory.

Until the files are complete, they are in a folder `unfinished-…` inside the output folder, so that
they cannot be mistaken for complete results. If the prediction fails, that folder is removed.
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
"""Maximum size in bytes of the pixels of a classic TIFF file, such as an ImageJ hyperstack."""


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
    """Return the layouts of `probability.tif` and `labels.tif`.

    Parameters
    ----------
    shape : (Z, H, W)     shape of the stack; a single slice is written without its first axis
    classes : int         2: only the probability of class 1 is written; more: that of every class
    cells : bool          True: labels are numbered cells, uint16; False: classes, uint8
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
    files.check_free_names(out, OUTPUTS, "pass another folder with -o")


def check_space(out: Path, needed: int) -> None:
    """Raise an `InputError` unless the disk of `out`, which need not exist, has enough space."""
    there = files.nearest_folder(out)
    free = shutil.disk_usage(there).free
    if needed > free:
        raise InputError(
            f"the results need {format_bytes(needed)}, but {there} has {format_bytes(free)} free; "
            "pass a folder on another disk with -o"
        )


@contextmanager
def unfinished(out: Path) -> Iterator[Path]:
    """Yield a temporary folder inside `out`; at the end of the block, move its files to `out`.

    `out` is created if needed. After an exception, including Ctrl-C, the temporary folder and its
    files are removed instead.
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

    The file is an ImageJ hyperstack if it is small enough, otherwise a BigTIFF.
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
    """Reserve disk space for a file: writing to a mapped file crashes if the disk is full."""
    if sys.platform == "linux":
        os.posix_fallocate(file.fileno(), 0, size)
