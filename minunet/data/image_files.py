"""Reading images: TIFF stacks, TIFF and PNG images, and folders of them.

An image is (H, W, C), in the dtype of its file; C is 1 for grey and 3 for colour.
"""

import logging
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import numpy as np
import tifffile
from PIL import Image

from minunet.array import Array
from minunet.errors import InputError

TIFF = (".tif", ".tiff")
READABLE = (*TIFF, ".png")
DECODED = {tifffile.COMPRESSION[name] for name in ("NONE", "DEFLATE", "ADOBE_DEFLATE", "PACKBITS")}
"""Compressions that tifffile decodes by itself; the others are left to Pillow."""


def read(path: Path) -> list[Array]:
    """Read a stack, an image, or a folder of them in the order of their names.

    Parameters
    ----------
    path : Path     a TIFF or PNG file, or a folder of such files

    Returns
    -------
    list of (H, W, C)     in the dtype of the file; C is 1 for grey, 3 for colour

    Raises
    ------
    InputError
        If there is nothing readable, or a value is not a finite number.
    """
    images = [image for file in files(path) for image in _read_file(file)]
    channels = {image.shape[2] for image in images}
    if len(channels) > 1:
        raise InputError(f"{path} mixes images of {sorted(channels)} channels; convert them to one")
    return images


def files(path: Path) -> list[Path]:
    """List the image files of a folder by name, or the one file itself."""
    if not path.exists():
        raise InputError(f"{path} does not exist")
    if path.is_file():
        return [path]
    found = sorted(
        (p for p in path.iterdir() if p.suffix.lower() in READABLE and not p.name.startswith(".")),
        key=lambda p: (p.stem, p.name),  # by stem first: a.TIF, a.b.TIF and a.tif, a.b.tif pair up
    )
    if not found:
        raise InputError(f"{path} holds no image: TIFF (.tif, .tiff) and PNG files are read")
    return found


def _read_file(path: Path) -> list[Array]:
    """Read all pages of one file, each (H, W, C)."""
    if path.suffix.lower() not in READABLE:
        raise InputError(f"{path} is neither TIFF nor PNG; those are read")
    try:
        with _in_silence() as errors:
            pages = _read_tiff(path) if path.suffix.lower() in TIFF else [_read_with_pillow(path)]
    except InputError:
        raise
    except Exception as error:  # a damaged file can raise anything: zlib.error, struct.error …
        raise InputError(f"{path} cannot be read as an image: {error}") from None
    if errors or not pages:
        raise InputError(f"{path} is damaged: {', '.join(errors) or 'it holds no page'}")
    # One bit per pixel comes as booleans.
    pages = [page.astype(np.uint8) if page.dtype == bool else page for page in pages]
    for page in pages:
        if page.dtype.kind not in "uif" or not np.isfinite(page).all():
            raise InputError(f"{path} holds values that are not finite, real numbers")
    return [page[..., np.newaxis] if page.ndim == 2 else _colour(page, path) for page in pages]


@contextmanager
def _in_silence() -> Iterator[list[str]]:
    """Collect the errors that tifffile would only log: a stack may have lost its last pages."""
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


def _read_tiff(path: Path) -> list[Array]:
    """Read the pages of a TIFF file; what tifffile cannot, LZW and JPEG, Pillow does."""
    with tifffile.TiffFile(path) as tiff:
        if {page.compression for page in tiff.pages} - DECODED:
            return _read_pages_with_pillow(path)
        pages: list[Array] = []
        for series in tiff.series:
            keep = 3 if series.axes.endswith("S") else 2
            axes = series.axes.removesuffix("S")
            if not axes.endswith("YX") or "C" in axes or "S" in axes:
                raise InputError(
                    f"{path} has the axes {series.axes}; stacks of grey or colour slices are read "
                    "(save each channel as a stack of its own)"
                )
            data = series.asarray()
            pages.extend(data.reshape(-1, *data.shape[data.ndim - keep :]))
        return pages


def _read_pages_with_pillow(path: Path) -> list[Array]:
    with Image.open(path) as image:
        pages = []
        for k in range(getattr(image, "n_frames", 1)):
            image.seek(k)
            pages.append(np.array(image))
        return pages


def _read_with_pillow(path: Path) -> Array:
    with Image.open(path) as image:
        # A palette's indices are not grey values.
        return np.array(image.convert("RGB") if image.mode in ("P", "PA") else image)


def _colour(page: Array, path: Path) -> Array:
    """Drop an alpha channel, and two of three channels that are all the same."""
    if page.ndim != 3 or page.shape[2] not in (2, 3, 4):
        raise InputError(f"{path} has pages of the shape {page.shape}; grey or colour is read")
    colours = page[..., : (page.shape[2] - 1) | 1]  # 2 is grey and alpha, 4 is RGB and alpha
    same = all(np.array_equal(colours[..., 0], colours[..., k]) for k in range(colours.shape[2]))
    return colours[..., :1] if same else colours
