"""Reading images and labels: TIFF stacks, single images, and folders of them.

An image is (H, W, C) as in its file, a label map (H, W) uint8 with the classes 0 … K-1. The layouts
found by `find`:

    FOLDER/train-volume.tif, FOLDER/train-labels.tif             the ISBI 2012 challenge
    FOLDER/images/NAME.png, FOLDER/labels/NAME.png               same stem; also masks/, also TIFF
"""

import logging
import warnings
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import NamedTuple

import numpy as np
import tifffile
from PIL import Image

from minunet.array import Array
from minunet.errors import InputError

TIFF = (".tif", ".tiff")
READABLE = (*TIFF, ".png")
DECODED = {tifffile.COMPRESSION[name] for name in ("NONE", "DEFLATE", "ADOBE_DEFLATE", "PACKBITS")}
"""Compressions that tifffile decodes by itself; the others are left to Pillow."""
MOST_CLASSES = 16
"""More label values than this are taken for instance numbers, not classes."""


class LabelValues(NamedTuple):
    """The grey values that stand for the classes 0 … K-1 in the label files."""

    values: tuple[int, ...]
    fractions: tuple[float, ...]  # of all pixels


def read_images(path: Path) -> list[Array]:
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


def classes(masks: Sequence[Array], source: Path | str) -> tuple[list[Array], LabelValues]:
    """Turn the grey values of label files into the classes 0 … K-1.

    Parameters
    ----------
    masks : sequence of (H, W, 1)     as read by `read_images`
    source : Path or str              where from, for the message

    Returns
    -------
    labels : list of (H, W) uint8     0 … K-1
    found : LabelValues

    Raises
    ------
    InputError
        Unless the values are {0, 255}, {0, 1} or 0 … K-1.
    """
    if masks[0].shape[2] != 1:
        raise InputError(f"{source} holds colour images; labels are grey, one value per class")
    counted: dict[float, int] = {}
    for mask in masks:
        for value, count in zip(*np.unique(mask, return_counts=True), strict=True):
            counted[float(value)] = counted.get(float(value), 0) + int(count)
    values = sorted(counted)
    few = ", ".join(f"{v:g}" for v in values[:6]) + (", …" if len(values) > 6 else "")
    legal = "legal are 0 and 255, 0 and 1, or 0 … K-1"
    if len(values) > MOST_CLASSES:
        raise InputError(
            f"the labels in {source} have {len(values)} values ({few}); {legal}, K ≤ {MOST_CLASSES}"
            " (of numbered cells make 1 = cell, 0 = background; smoothed masks want a threshold)"
        )
    if len(values) == 1:
        raise InputError(f"all labels in {source} are {few}; at least two classes are needed")
    if values not in ([0, 255], list(range(len(values)))):
        nearest = ", ".join(f"{v:g} → {k}" for k, v in enumerate(values[:6]))
        raise InputError(f"the labels in {source} have the values {few}; {legal}: make {nearest}")
    total = sum(counted.values())
    labels = [np.searchsorted(values, mask[..., 0]).astype(np.uint8) for mask in masks]
    return labels, LabelValues(
        tuple(int(v) for v in values), tuple(counted[v] / total for v in values)
    )


def find(folder: Path) -> tuple[Path, Path]:
    """Find the images and the labels of a data set by the usual names.

    Parameters
    ----------
    folder : Path

    Returns
    -------
    images, labels : Path      a stack each, or a folder each

    Raises
    ------
    InputError
        If neither layout is there.
    """
    if not folder.is_dir():
        raise InputError(f"{folder} is not a folder; name files with --images and --labels instead")
    for images in ("train-volume.tif", "train-volume.tiff", "images"):
        for labels in ("train-labels.tif", "train-labels.tiff", "labels", "masks"):
            both = folder / images, folder / labels
            if all(path.exists() for path in both) and both[0].is_dir() == both[1].is_dir():
                return both
    raise InputError(
        f"{folder} holds neither train-volume.tif with train-labels.tif, nor images/ with labels/ "
        "or masks/; name them with --images and --labels"
    )


def read_pair(images: Path, labels: Path) -> tuple[list[Array], list[Array], LabelValues]:
    """Read images and their labels, and see that they belong together.

    Parameters
    ----------
    images, labels : Path      two stacks, two images, or two folders with files of the same stems

    Returns
    -------
    images : list of (H, W, C)     in the dtype of the file
    labels : list of (H, W) uint8
    values : LabelValues

    Raises
    ------
    InputError
        If files, numbers or sizes do not match.
    """
    if images.is_dir() != labels.is_dir():
        raise InputError(f"{images} and {labels} must be two files or two folders")
    if images.is_dir():
        _match_stems(images, labels)
    x, masks = read_images(images), read_images(labels)
    if len(x) != len(masks):
        raise InputError(f"{images} holds {len(x)} images but {labels} {len(masks)}")
    for k, (image, mask) in enumerate(zip(x, masks, strict=True)):
        if image.shape[:2] != mask.shape[:2]:
            raise InputError(
                f"image {k} of {images} is {image.shape[0]} x {image.shape[1]} pixels, its labels "
                f"in {labels} {mask.shape[0]} x {mask.shape[1]}"
            )
    return x, *classes(masks, labels)


def _match_stems(images: Path, labels: Path) -> None:
    """Raise unless two folders hold files of the same stems."""
    stems = {path.stem for path in files(images)}, {path.stem for path in files(labels)}
    for have, lack, a, b in ((*stems, images, labels), (*stems[::-1], labels, images)):
        if have - lack:
            some = ", ".join(sorted(have - lack)[:3])
            raise InputError(
                f"{len(have - lack)} of {len(have)} in {a} have no partner in {b}: {some}"
            )
