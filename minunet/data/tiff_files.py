"""TIFF files: tifffile and imagecodecs decode them; this module decides what is a slice.

- The slices are the pages, in the order of the file. Leading axes (Z, T, …) all count as slices.
- If there are several channels, one must be chosen, except for RGB colour. Alpha is dropped.
- Thumbnails and the smaller levels of a pyramid are not slices. Of several series, such as the
  images of an OME-TIFF file, those with the largest slices are read.
- A file contains its own pages only, even if it belongs to a set of OME-TIFF files.
- Values are read as stored: neither a palette, nor MinIsWhite, nor an orientation changes them.
"""

import math
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from minunet.array import Array
from minunet.data import calibration, tiff_decoding, tiff_limits
from minunet.data.page import RGB, Channel, Contents, Page, Reading
from minunet.errors import InputError

if TYPE_CHECKING:
    from tifffile import TiffFile, TiffFrame, TiffPage, TiffPageSeries

PLAIN = ("generic", "uniform", "shaped")
"""Kinds of series, in tifffile's words, that are pages and nothing else."""

NOT_RGB = {5: "CMYK", 6: "YCbCr", 8: "L*a*b*", 9: "L*a*b*", 10: "L*a*b*"}
"""Colour spaces other than RGB, by their number in the tag PhotometricInterpretation."""

MASK = 4
"""Bit of the tag NewSubfileType: the page is a transparency mask of another one."""


def contents(path: Path, reading: Reading) -> Contents:
    """Describe the slices of a TIFF file.

    Raises
    ------
    InputError
        If the file contains something other than slices, or if `reading` does not fit it.
    """
    import tifffile

    with opened(path) as tiff:
        if len(tiff.pages) == 1 and 'SizeC="1"' in (tiff.ome_metadata or ""):
            # Its own page, without opening all files of the set that its metadata may describe.
            with tifffile.TiffFile(path, is_ome=False) as alone:
                return _contents(path, alone, reading)
        return _contents(path, tiff, reading)


@contextmanager
def opened(path: Path) -> "Iterator[TiffFile]":
    """Open a TIFF file, after checking that its pages end and its metadata claim no more.

    Without its rules for Micro-Manager, tifffile reads the OME or ImageJ metadata of such a file,
    and finds the pages by the tables that are part of every TIFF file.
    """
    import tifffile

    pages = tiff_limits.check_pages(path)
    with tifffile.TiffFile(path, is_mmstack=False) as tiff:
        tiff_limits.check_ome(path, tiff.ome_metadata or "", pages)
        yield tiff


def _contents(path: Path, tiff: "TiffFile", reading: Reading) -> Contents:
    if not tiff.series:
        return Contents([])
    chosen, notes = _choose_series(path, tiff.series, reading.series)
    pages = [page for series in chosen for page in _slices(path, tiff, series, reading.channel)]
    pages = [page._replace(number=k) for k, page in enumerate(pages)]
    return Contents(pages, notes, _palette(tiff), calibration.of_tiff(tiff, chosen[0]))


def _choose_series(
    path: Path, series: "Sequence[TiffPageSeries]", number: int | None
) -> tuple[list["TiffPageSeries"], tuple[str, ...]]:
    """Choose the series to read; return them, and a note on the series that are left out."""
    if number is not None:
        if number >= len(series):
            last = len(series) - 1
            valid = f"valid series are 0 … {last}" if last else "the only one is 0"
            raise InputError(f"{path} has no series {number}; {valid}")
        return [series[number]], ()
    images = [one for one in series if not one.keyframe.subfiletype & MASK] or series
    largest = max(images, key=_area)  # the first of them
    chosen = [one for one in series if not _left_out(one, largest)]
    others = len(series) - len(chosen)
    levels = sum(len(one.levels) - 1 for one in chosen)
    notes = _several(path, chosen)
    if not others and not levels:
        return chosen, notes
    count = others + levels
    what, are, which = ("images", "are", "one of them") if count > 1 else ("image", "is", "it")
    note = f"{path} also contains {count} smaller {what}, such as a thumbnail or a level of a "
    note += f"pyramid, which {are} left out" + (f"; --series N reads {which}" if others else "")
    return chosen, (*notes, note)


def _several(path: Path, chosen: "Sequence[TiffPageSeries]") -> tuple[str, ...]:
    """Return a note if a file contains several images of one size, all of which are read."""
    if len(chosen) == 1 or chosen[0].kind in PLAIN:
        return ()
    return (
        f"{path} contains {len(chosen)} images (series), which are read one after another; "
        "--series N reads one of them",
    )


def _area(series: "TiffPageSeries") -> int:
    return math.prod(series.keyframe.shape[axis] for axis in map(series.keyframe.axes.index, "YX"))


def _left_out(one: "TiffPageSeries", largest: "TiffPageSeries") -> bool:
    """Return whether a series is a smaller version of another, or a smaller image beside it."""
    if one.keyframe.subfiletype & MASK:
        return True
    if one is largest or _area(one) == _area(largest):
        return False
    if one.kind not in PLAIN or one.keyframe.is_reduced:
        return True
    # A level of a pyramid without any mark: a smaller page with the same proportions.
    height, width = largest.keyframe.imagelength, largest.keyframe.imagewidth
    factor = height / one.keyframe.imagelength
    return factor >= 1.9 and abs(one.keyframe.imagewidth * factor - width) <= factor


def _slices(path: Path, tiff: "TiffFile", series: "TiffPageSeries", channel: Channel) -> list[Page]:
    """List the slices of a series, with the channel chosen."""
    tiff_decoding.check_codec(path, series.keyframe)
    axes, shape = series.axes, series.shape
    leading = axes.rstrip("S").removesuffix("YX").removesuffix("S")
    if axes.replace("S", "") != leading + "YX" or axes.count("S") > 1:
        raise InputError(
            f"{path} has the axes {axes}; minunet reads stacks of slices, whose last axes are YX "
            "or YXS: save it again as such a stack"
        )
    counts = shape[: len(leading)]
    samples = shape[axes.index("S")] if "S" in axes else 1
    tiff_limits.check_series(path, series, math.prod(counts))
    planes = _planes(path, tiff, series, math.prod(counts))
    if labels := _labels(tiff, math.prod(counts)):
        planes = [(k, page._replace(label=labels[k])) for k, page in planes]
    if "C" in leading:
        axis = leading.index("C")
        of = {k: int(np.unravel_index(k, counts)[axis]) for k, _ in planes}
        if isinstance(channel, int) or len(set(of.values())) > 1:
            channel = _check_channel(path, counts[axis], channel, axes)
            planes = [(k, page) for k, page in planes if of[k] == channel]
        planes = [(k, page._replace(channel=of[k])) for k, page in planes]
        channel = None
    return _sampled(path, series.keyframe, [page for _, page in planes], samples, channel)


def _check_channel(path: Path, count: int, channel: Channel, axes: str) -> int:
    """Return the channel to read, if it is one of `count`."""
    found = f"{path} has {count} channels (axes {axes})"
    if not isinstance(channel, int):
        raise InputError(
            f"{found}; pass --channel N to read one of them, 0 … {count - 1}; if it is a label "
            "file or a prediction, save it with only one channel"
        )
    if channel >= count:
        raise InputError(
            f"{found}; --channel {channel} is not one of them: pass a number from 0 to {count - 1}"
        )
    return channel


def _sampled(
    path: Path, keyframe: "TiffPage", pages: list[Page], samples: int, channel: Channel
) -> list[Page]:
    """Choose the samples of pages (H, W, S): colour, a channel of it, or the grey value."""
    import tifffile

    jpeg = keyframe.compression in (tifffile.COMPRESSION.OJPEG, tifffile.COMPRESSION.JPEG)
    rgb = keyframe.photometric == tifffile.PHOTOMETRIC.RGB
    if keyframe.photometric == tifffile.PHOTOMETRIC.YCBCR:
        rgb = jpeg  # which is decoded to RGB
    if rgb and samples >= RGB:
        pages = [page._replace(colour=True) for page in pages]
        if isinstance(channel, int):
            _check_channel(path, samples, channel, keyframe.axes)
            return [page.select(channel) for page in pages]
        return [page.in_grey() for page in pages] if channel == "grey" else pages
    if samples == 1:
        return pages
    if keyframe.photometric in NOT_RGB and not isinstance(channel, int):
        space = NOT_RGB[keyframe.photometric]
        raise InputError(f"{path} stores its colours as {space}; convert it to RGB or greyscale")
    alpha = sum(int(extra) in (1, 2) for extra in keyframe.extrasamples)
    if samples - alpha == 1 and not isinstance(channel, int):
        channel = 0
    chosen = _check_channel(path, samples, channel, keyframe.axes)
    return [page.select(chosen) for page in pages]


def _planes(
    path: Path, tiff: "TiffFile", series: "TiffPageSeries", count: int
) -> list[tuple[int, Page]]:
    """List the planes of a series that are in this file, each with its number in the series."""
    axes = series.axes[-3:] if "S" in series.axes else "YX"
    shape = series.shape[-len(axes) :]
    dtype = np.dtype(series.dtype).newbyteorder(tiff.byteorder)
    last = (*shape[1:], shape[0]) if axes[0] == "S" else shape

    def page(load: partial[Array], mapped: bool) -> Page:
        return Page(path, partial(_loaded, load, axes), last, dtype, mapped)

    def at(offset: int) -> Page:
        return page(partial(_mapped, path, dtype, offset, shape), mapped=True)

    stored: Sequence[TiffPage | TiffFrame | None] = series.pages
    if series.kind == "imagej" and len(tiff.pages) == count:
        stored = list(tiff.pages)  # other programs keep ImageJ's description, but not its layout
    elif series.dataoffset is not None and not series.is_multifile:
        size = dtype.itemsize * math.prod(shape)
        return [(k, at(series.dataoffset + k * size)) for k in range(count)]
    if len(stored) == count and series.keyframe.shape == shape:
        own = [(k, one) for k, one in enumerate(stored) if one and one.parent is tiff]
        if not all(any(one.databytecounts) for _, one in own):
            raise InputError(
                f"{path} is damaged: it contains a page without pixels; copy or export it again"
            )
        return [
            (
                k,
                at(one.dataoffsets[0])
                if one.is_memmappable
                else page(partial(tiff_decoding.decode, one, series.keyframe), mapped=False),
            )
            for k, one in own
        ]
    data = series.asarray().reshape(-1, *shape)  # a rare layout: several slices per page
    return [(k, page(partial(data.__getitem__, k), mapped=False)) for k in range(count)]


def _mapped(path: Path, dtype: np.dtype[Any], offset: int, shape: tuple[int, ...]) -> Array:
    """Map a plane, after checking that the file, which may have been cut short, still has it."""
    end, size = offset + dtype.itemsize * math.prod(shape), path.stat().st_size
    if end > size:
        raise InputError(
            f"{path} is damaged or was cut short: it has {size:,} bytes, but its pixels end at "
            f"{end:,}; export or copy it again"
        )
    return np.memmap(path, dtype, "r", offset, shape)


def _loaded(load: partial[Array], axes: str) -> Array:
    """Load a plane; move planar samples (S, H, W) last, and turn single bits into numbers."""
    pixels = load()
    pixels = np.moveaxis(pixels, 0, -1) if axes[0] == "S" else pixels
    return pixels.astype(np.uint8) if pixels.dtype == bool else pixels


def _labels(tiff: "TiffFile", count: int) -> list[str]:
    """Return the first line of the label that ImageJ gave each of the `count` planes, or []."""
    labels = (tiff.imagej_metadata or {}).get("Labels") or []
    labels = [labels] if isinstance(labels, str) else labels  # of a single plane
    return [label.partition("\n")[0].strip() for label in labels] if len(labels) == count else []


def _palette(tiff: "TiffFile") -> tuple[tuple[int, int, int], ...]:
    """Return the colours of the values 0, 1, …, or nothing if the file has no palette."""
    colours = tiff.pages.first.colormap  # (3, n) uint16
    if colours is None:
        return ()
    return tuple((r, g, b) for r, g, b in (colours.T >> 8).tolist())
