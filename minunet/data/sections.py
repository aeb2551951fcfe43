"""The slices of one volume, in any file that minunet reads, to be read part by part."""

from collections.abc import Callable, Iterator
from functools import lru_cache
from hashlib import sha256
from math import prod
from pathlib import Path
from typing import Any

import numpy as np

from minunet.array import Array
from minunet.data.file_names import is_volume
from minunet.data.image_files import Slices
from minunet.data.page import Reading
from minunet.data.volumes import Section, choose, chosen, open_volume
from minunet.errors import InputError

MOST = 2**22
"""Maximum number of pixels that are read at a time, unless a chunk has more."""

SAMPLE = 128
"""Half the side of what is read of a slice to notice that it has changed, in pixels."""


class Sections:
    """The slices (H, W, C) of a volume, all of one size.

    Slices of TIFF and PNG files are loaded as a whole unless they are memory-mapped; those of other
    files are read where they are indexed.

    Parameters
    ----------
    path : Path           volume, stack, or folder of images
    reading : Reading     which of the pixels to read

    Raises
    ------
    InputError
        If the images cannot be read, or differ in size.
    """

    def __init__(self, path: Path, reading: Reading) -> None:
        self.path = path
        self.reading = reading._replace(level=reading.level or 0)
        self._section: Callable[[int], Any]
        if is_volume(path):
            volume = open_volume(path, reading)
            self._section = lambda k: chosen(volume, k, reading.channel)
            self.calibration = volume.calibration
            self.axes, self.counts = volume.leading, volume.counts
            self.chunk = volume.chunk("y"), volume.chunk("x")
            channel = choose(volume, reading.channel)
            named = reading.channel if channel is None else channel
            self.reading = self.reading._replace(axes=volume.stored.axes, channel=named)
        else:
            slices = Slices(path, reading)
            sizes = sorted({page.shape[:2] for page in slices.pages})
            if len(sizes) > 1:
                (h, w), (other_h, other_w) = sizes[:2]
                raise InputError(
                    f"{path} contains images of several sizes, such as {h} x {w} and {other_h} x "
                    f"{other_w} pixels, which are not one volume; predict can write such images to "
                    "a folder, with -o FOLDER"
                )
            self._section = lru_cache(1)(slices.__getitem__)  # a page may have to be decompressed
            self.calibration = slices.calibration
            self.axes = self.calibration.axes.lower() or "z"
            self.counts = self.calibration.lengths or (len(slices),)
            self.chunk = (sizes[0][0], sizes[0][1])
        first: Array | Section = self[0]
        self.shape, self.dtype = first.shape, first.dtype

    def __len__(self) -> int:
        """Return the number of slices."""
        return prod(self.counts)

    def __getitem__(self, k: int) -> Any:
        """Return slice k, which can be indexed by its rows and columns."""
        return self._section(k)

    def above(self, k: int) -> int | None:
        """Return the number of the next slice along z; None if slice k is the last."""
        at, z = [*np.unravel_index(k, self.counts)], self.axes.index("z")
        at[z] += 1
        return int(np.ravel_multi_index(at, self.counts)) if at[z] < self.counts[z] else None

    def sample(self) -> str:
        """Return the SHA-256 of the centres of the first, the middle and the last slice."""
        middle = tuple(slice(max(n // 2 - SAMPLE, 0), n // 2 + SAMPLE) for n in self.shape[:2])
        found = sha256()
        for k in sorted({0, len(self) // 2, len(self) - 1}):
            found.update(np.ascontiguousarray(self[k][middle]).tobytes())
        return found.hexdigest()

    def parts(self, k: int) -> Iterator[Array]:
        """Read slice k part by part, each chunk of the file once.

        Raises
        ------
        InputError
            If a value is not a finite number.
        """
        section = self[k]
        for place in self.places():
            part = section[place]
            if not np.isfinite(part).all():
                raise InputError(
                    f"slice {k} of {self.path} contains NaN or infinite values; replace them with "
                    "finite numbers"
                )
            yield part

    def places(self) -> Iterator[tuple[slice, slice]]:
        """Yield the rows and columns of the parts of a slice, each of one or more whole chunks."""
        height, width, channels = self.shape
        rows, columns = self.chunk
        columns *= max(MOST // (rows * columns * channels), 1)
        for top in range(0, height, rows):
            for left in range(0, width, columns):
                yield slice(top, min(top + rows, height)), slice(left, min(left + columns, width))
