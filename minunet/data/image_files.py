"""Read images: TIFF stacks, TIFF and PNG images, and folders of them.

An image is (H, W, C), in the dtype of its file; C is 1 for greyscale and 3 for colour.
"""

import argparse
import logging
import math
import warnings
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Literal, NamedTuple, overload

import numpy as np

from minunet.array import Array
from minunet.errors import InputError
from minunet.image import all_finite, bands

if TYPE_CHECKING:
    from PIL.Image import Image
    from tifffile import TiffPageSeries

TIFF = (".tif", ".tiff")
READABLE = (*TIFF, ".png")
DECODED = ("NONE", "DEFLATE", "ADOBE_DEFLATE", "PACKBITS")
"""Compression schemes that tifffile decodes on its own; Pillow decodes the others."""


Channel = int | Literal["grey"] | None
"""Channel to read, counted from 0; grey: convert colours to grey values; None: all channels."""


class Reading(NamedTuple):
    """Which pixels of a file to read, if it offers a choice."""

    channel: Channel = None
    series: int | None = None  # of a TIFF file, counted from 0; None: the largest
    indices: bool = False  # of the palette, if the file has one, rather than its colours


def parse_channel(text: str) -> Channel:
    """Parse a channel on the command line: a number from 0, or "grey"."""
    if text == "grey":
        return "grey"
    if not text.isdecimal():
        raise argparse.ArgumentTypeError(f"{text} is not a channel; pass a number from 0, or grey")
    return int(text)


class Page(NamedTuple):
    """One slice of a file, not loaded yet."""

    file: Path
    load: Callable[[], Array]
    mapped: bool  # memory-mapped: only the parts that are used are read


class Slices(Sequence[Array]):
    """The slices of a stack, an image, or a folder of such files sorted by name, loaded on access.

    A slice is (H, W, C), in the dtype and the byte order of its file; treat it as read-only. Slices
    of uncompressed TIFF files are memory-mapped and may be larger than memory; others are read
    again on every access and not cached.

    Parameters
    ----------
    path : Path     a TIFF or PNG file, or a folder of such files

    Raises
    ------
    InputError
        If there is no readable image. On access, if a slice cannot be read or contains a value
        that is not a finite number.
    """

    def __init__(self, path: Path) -> None:
        self.pages = [page for file in files(path) for page in _pages(file)]

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
        return [_load(page) for page in pages] if isinstance(pages, list) else _load(pages)


def _load(page: Page) -> Array:
    """Load a slice (H, W, C)."""
    with _reading(page.file):
        pixels = page.load()
    # Files with one bit per pixel load as booleans.
    pixels = pixels.astype(np.uint8) if pixels.dtype == bool else pixels
    if pixels.dtype.kind not in "uif" or not all_finite(pixels):
        raise InputError(
            f"{page.file} contains NaN, infinite or complex values; replace them with "
            "finite real numbers"
        )
    return pixels[..., np.newaxis] if pixels.ndim == 2 else _colour(pixels, page.file)


def read(path: Path) -> list[Array]:
    """Read a stack, an image, or a folder of such files sorted by name.

    Parameters
    ----------
    path : Path     a TIFF or PNG file, or a folder of such files

    Returns
    -------
    list of (H, W, C)     in the dtype of the file; C is 1 for greyscale, 3 for colour

    Raises
    ------
    InputError
        If there is no readable image, or a value is not a finite number.
    """
    images = [np.array(image, image.dtype.newbyteorder("=")) for image in Slices(path)]
    channels = {image.shape[2] for image in images}
    if len(channels) > 1:
        raise InputError(
            f"the images in {path} have {either(channels)} channels; convert all of them to the "
            "same number of channels"
        )
    return images


def either(numbers: Iterable[int]) -> str:
    """Join different numbers with "or", such as "1 or 3"."""
    return " or ".join(map(str, sorted(numbers)))


def grey(images: Sequence[Array], source: Path | str) -> list[Array]:
    """Drop the channel axis of greyscale images.

    Parameters
    ----------
    images : sequence of (H, W, 1)
    source : Path or str               where the images come from, for error messages

    Returns
    -------
    list of (H, W)

    Raises
    ------
    InputError
        If an image is in colour.
    """
    if any(image.shape[2] != 1 for image in images):
        raise InputError(
            f"{source} is in colour; labels, masks and probabilities must be greyscale: convert it "
            "to one channel"
        )
    return [image[..., 0] for image in images]


def files(path: Path) -> list[Path]:
    """List the image files of a folder, sorted by name; if `path` is a file, list only this one."""
    if not path.exists():
        raise InputError(f"{path} does not exist")
    if path.is_file():
        return [path]
    found = sorted(
        (p for p in path.iterdir() if p.suffix.lower() in READABLE and not p.name.startswith(".")),
        # By stem first, so that a.TIF and a.b.TIF are in the same order as a.tif and a.b.tif.
        key=lambda p: (p.stem, p.name),
    )
    if not found:
        raise InputError(f"{path} contains no images; minunet reads TIFF (.tif, .tiff) and PNG")
    return found


def _pages(path: Path) -> list[Page]:
    """List the slices of one file."""
    if path.suffix.lower() not in READABLE:
        raise InputError(
            f"{path} is not a TIFF (.tif, .tiff) or PNG file; convert it to one of them"
        )
    with _reading(path):
        if path.suffix.lower() in TIFF:
            pages = _pages_of_tiff(path)
        else:
            pages = [Page(path, partial(_read_png, path), mapped=False)]
    if not pages:
        raise InputError(f"{path} is damaged: it contains no image")
    return pages


@contextmanager
def _reading(path: Path) -> Iterator[None]:
    """Turn any exception, and any error that tifffile logs, into a one-sentence `InputError`."""
    try:
        with _logged_errors() as errors:
            yield
    except InputError:
        raise
    except Exception as error:  # a damaged file can raise any exception: zlib.error …
        raise InputError(f"{path} cannot be read as an image: {error}") from None
    if errors:
        raise InputError(f"{path} is damaged: {errors[0]}")


@contextmanager
def _logged_errors() -> Iterator[list[str]]:
    """Collect the errors that tifffile logs instead of raising, such as missing last pages.

    Neither these errors nor any warnings are printed.
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


def _pages_of_tiff(path: Path) -> list[Page]:
    """List the slices of a TIFF file; if its compression is not in `DECODED`, Pillow reads it."""
    import tifffile

    decoded = {tifffile.COMPRESSION[name] for name in DECODED}
    with tifffile.TiffFile(path) as tiff:
        if {page.compression for page in tiff.pages} - decoded:
            return _pages_with_pillow(path)
        pages: list[Page] = []
        for series in tiff.series:
            keep = 3 if series.axes.endswith("S") else 2
            axes = series.axes.removesuffix("S")
            if not axes.endswith("YX") or "C" in axes or "S" in axes:
                advice = "save each channel as a separate stack"
                if axes == "SYX":  # the default of tifffile for 3 or 4 slices
                    advice += ', or slices with photometric="minisblack"'
                raise InputError(
                    f"{path} has the axes {series.axes}; minunet reads stacks of greyscale or "
                    f"colour slices: {advice}"
                )
            dtype = np.dtype(series.dtype).newbyteorder(tiff.byteorder)
            pages.extend(_pages_of_series(path, series, dtype, series.shape[-keep:]))
        return pages


def _pages_of_series(
    path: Path, series: "TiffPageSeries", dtype: np.dtype, shape: tuple[int, ...]
) -> list[Page]:
    """List the slices of a series of a TIFF file; each has the shape (H, W) or (H, W, C)."""
    size, count = dtype.itemsize * math.prod(shape), math.prod(series.shape) // math.prod(shape)

    def mapped(offset: int) -> Page:
        return Page(path, partial(np.memmap, path, dtype, "r", offset, shape), mapped=True)

    if series.dataoffset is not None:
        return [mapped(series.dataoffset + k * size) for k in range(count)]
    pages = [page for page in series.pages if page is not None and page.shape == shape]
    if len(pages) == len(series.pages):
        return [
            mapped(page.dataoffsets[0])
            if page.is_memmappable
            else Page(path, partial(_read_page, path, page.index), mapped=False)
            for page in pages
        ]
    data = series.asarray().reshape(-1, *shape)  # a rare layout: several slices per page
    return [Page(path, partial(data.__getitem__, k), mapped=False) for k in range(count)]


def _read_page(path: Path, index: int) -> Array:
    import tifffile

    with tifffile.TiffFile(path) as tiff:
        return tiff.pages[index].asarray()


def _open(path: Path) -> "Image":
    import PIL.Image

    return PIL.Image.open(path)


def _pages_with_pillow(path: Path) -> list[Page]:
    with _open(path) as image:
        count = getattr(image, "n_frames", 1)
    return [Page(path, partial(_read_frame, path, k), mapped=False) for k in range(count)]


def _read_frame(path: Path, k: int) -> Array:
    with _open(path) as image:
        image.seek(k)
        return np.array(image)


def _read_png(path: Path) -> Array:
    with _open(path) as image:
        # Palette indices are not grey values.
        return np.array(image.convert("RGB") if image.mode in ("P", "PA") else image)


def _colour(page: Array, path: Path) -> Array:
    """Drop the alpha channel, if there is one; reduce three equal channels to one."""
    if page.ndim != 3 or page.shape[2] not in (2, 3, 4):
        raise InputError(
            f"{path} has pages of shape {page.shape}; valid shapes are (H, W) and (H, W, C) with 2 "
            "to 4 channels: save each channel as a separate stack"
        )
    colours = page[..., : (page.shape[2] - 1) | 1]  # 2: grey and alpha, 4: RGB and alpha
    same = all((colours[b] == colours[b][..., :1]).all() for b in bands(colours.shape))
    return colours[..., :1] if same else colours
