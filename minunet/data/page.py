"""A slice of an image file that is not loaded yet, and how to read it."""

import argparse
import logging
import warnings
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import NamedTuple

import numpy as np
from numpy.typing import DTypeLike

from minunet.array import Array
from minunet.data.calibration import Calibration
from minunet.errors import InputError, needed

Channel = int | str | None
"""Channel to read: its number, counted from 0, or, in a volume, its name; "grey": convert colours
to grey values; None: all channels."""

RGB = 3
"""Number of channels of a colour image."""

AXES = "tczyx"
"""Letters of the axes of a volume: time, channel, z, y, x."""

LONGEST = 40
"""Largest number of characters in the name of a channel."""

LUMA = (299, 587, 114)
"""Weights of red, green and blue in a grey value, in thousandths (ITU-R BT.601)."""


class Reading(NamedTuple):
    """Which pixels of a file to read, if it offers a choice."""

    channel: Channel = None
    series: int | None = None  # of a TIFF file, counted from 0; None: the largest
    indices: bool = False  # of the palette of a PNG file, instead of its colours
    axes: str | None = None  # of a volume, one letter each; None: as in its metadata
    level: int | None = None  # of an OME-Zarr image; None: 0, which has the full resolution

    def of_labels(self) -> "Reading":
        """Return how to read the labels of images that are read like this.

        Labels have the axes of the images, except for the channels.
        """
        axes = self.axes and self.axes.replace("c", "")
        return Reading(indices=True, axes=axes, level=self.level)


def parse_channel(text: str) -> Channel:
    """Parse a channel on the command line: its number, "grey", or its name in a volume."""
    if text.isascii() and text.isdecimal() and len(text) < 10:
        return int(text)
    if not text or text.startswith("-") or len(text) > LONGEST:
        shown = text if len(text) <= LONGEST else text[: LONGEST - 1] + "…"
        raise argparse.ArgumentTypeError(
            f"{shown!r} is not a channel; pass 0, 1, 2, …, grey, or a name in an OME-Zarr image"
        )
    return text


def parse_axes(text: str) -> str:
    """Parse the axes of a volume on the command line, one letter each."""
    if not (set("yx") <= set(text) <= set(AXES)) or len(set(text)) < len(text):
        raise argparse.ArgumentTypeError(
            f"{text[:LONGEST]!r} are not axes; pass one letter for each axis of the array, y, x "
            "and others of t, c (channels) and z, such as zyx"
        )
    return text


DEFAULT = Reading()
"""All channels of the largest series, with the colours of a palette."""


class Page(NamedTuple):
    """One slice of a file, not loaded yet."""

    file: Path
    load: Callable[[], Array]  # (H, W); or, if `colour`, (H, W, 3) or (H, W, 4)
    shape: tuple[int, ...]  # of the loaded array
    dtype: DTypeLike
    mapped: bool  # memory-mapped: only the parts that are used are read
    colour: bool = False
    number: int = 0  # within the file
    channel: int | None = None  # of several, in the file or in the set of files it belongs to
    label: str = ""  # as ImageJ stores it; empty if there is none

    def select(self, channel: int | None) -> "Page":
        """Return the page with one of its samples (H, W, S), or all of them for None."""
        if channel is None:
            return self
        load, shape = self.load, self.shape[:2]
        return self._replace(load=lambda: load()[..., channel], shape=shape, colour=False)

    def in_grey(self) -> "Page":
        """Return the page with its colours converted to grey values, in the same dtype."""
        if not self.colour:
            return self
        load = self.load
        return self._replace(load=lambda: luma(load()), shape=self.shape[:2], colour=False)


class Contents(NamedTuple):
    """The slices of one file, and what the file says about them."""

    pages: list[Page]
    notes: tuple[str, ...] = ()  # sentences about what is left out
    palette: tuple[tuple[int, int, int], ...] = ()  # colours of the values 0, 1, …; or empty
    calibration: Calibration = Calibration()


def luma(colours: Array) -> Array:
    """Convert colours (H, W, 3 or more) to grey values (H, W), in the same dtype."""
    if colours.dtype.kind == "f":
        return (colours[..., :RGB] @ (np.array(LUMA) / 1000)).astype(colours.dtype)
    exact = colours[..., :RGB].astype(np.int64) @ np.array(LUMA)
    return ((exact + 500) // 1000).astype(colours.dtype)


@contextmanager
def decoding(path: Path) -> Iterator[None]:
    """Raise any exception, and any error that tifffile logs, as a one-sentence `InputError`."""
    try:
        with _logged_errors() as errors:
            yield
    except InputError:
        raise
    except MemoryError as error:
        raise InputError(
            f"{path} does not fit into memory{needed(error)}; save it without compression, so that "
            "only the parts in use are read, or cut it into smaller images"
        ) from None
    except Exception as error:  # a damaged file can raise any: zlib.error, struct.error …
        if isinstance(error, ValueError) and "mmap length" in str(error):
            size = path.stat().st_size
            error = ValueError(f"it ends after {size:,} bytes, before its last slice")
        raise InputError(f"{path} cannot be read as an image: {error}") from None
    if errors:
        raise InputError(f"{path} is damaged: {errors[0]}; copy or export it again")


@contextmanager
def _logged_errors() -> Iterator[list[str]]:
    """Collect the errors that tifffile logs instead of raising, such as missing last pages.

    Print neither these errors nor any warnings.
    """
    errors: list[str] = []

    class Collector(logging.Filter):
        def filter(self, record: logging.LogRecord) -> bool:
            if record.levelno >= logging.ERROR and not errors:
                errors.append(record.getMessage())
            return False

    logger, collector = logging.getLogger("tifffile"), Collector()
    logger.addFilter(collector)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            yield errors
    finally:
        logger.removeFilter(collector)
