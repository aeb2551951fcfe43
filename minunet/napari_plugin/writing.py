"""Write layers as TIFF files that `python -m minunet.train` reads; never overwrite a file.

A training folder has the layout of the ISBI 2012 challenge, for `--data FOLDER`. It contains only
the slices with annotations, that is, with a label other than 0.
"""

import os
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np

from minunet import files
from minunet.array import Array
from minunet.data.calibration import Calibration, to_imagej
from minunet.data.object_size import PixelSize
from minunet.errors import InputError
from minunet.napari_plugin.layers import LayerData, LayerSlices, full_resolution, pixel_size
from minunet.prediction.output_files import CLASSIC

IMAGES, LABELS = "train-volume.tif", "train-labels.tif"
"""Names of the files in a training folder."""

IMAGEJ = (np.uint8, np.uint16, np.float32)
"""Dtypes that ImageJ supports."""


class WriteError(Exception):
    """The error if nothing was written; napari would take a `ValueError` for a missing writer."""


def write_training_folder(path: str, layers: Sequence[LayerData]) -> list[str]:
    """Write an image layer and its labels layer into a new folder, as a writer for napari.

    Parameters
    ----------
    path : str                       a new or empty folder
    layers : sequence of LayerData   an image layer and a labels layer of the same size

    Returns
    -------
    list of str     the files written

    Raises
    ------
    WriteError
        If the folder is not empty, if the sizes differ, or if no slice has annotations.
    """
    by_type = {kind: (data, meta) for data, meta, kind in layers}
    (image, shown), (labels, _) = by_type["image"], by_type["labels"]
    images = LayerSlices(image, shown.get("rgb", False))
    known = pixel_size(shown.get("scale", ()), shown.get("units") or ())
    with _explained():
        write_annotated(Path(path), images, full_resolution(labels), known)
    return [str(Path(path) / name) for name in (IMAGES, LABELS)]


def write_annotated(
    folder: Path, images: LayerSlices, labels: Array, known: PixelSize | None
) -> int:
    """Write the slices that have annotations into a training folder.

    Parameters
    ----------
    folder : Path                 new or empty
    images : LayerSlices
    labels : (…, H, W) integer    0: not annotated, or background
    known : (height, width) or None     size of a pixel, in micrometres

    Returns
    -------
    int : number of slices written

    Raises
    ------
    InputError
        If the folder is not empty, if the sizes differ, or if no slice has annotations.
    """
    chosen, maps = annotated(images, labels)
    files.check_new_folder(folder, "choose another folder")
    folder.mkdir(parents=True, exist_ok=True)
    paths = folder / IMAGES, folder / LABELS
    pixels = np.stack([images[k] for k in chosen])
    with files.new(*paths) as (images_beside, labels_beside):
        write_tiff(images_beside, pixels if images.rgb else pixels[..., 0], known, images.rgb)
        write_tiff(labels_beside, maps, known)
    return len(chosen)


def annotated(images: LayerSlices, labels: Array) -> tuple[list[int], Array]:
    """Return the indices of the slices with annotations, and their labels (Z, H, W)."""
    shape = (*images.leading, images.height, images.width)
    if tuple(labels.shape) != shape:
        raise InputError(
            f"the labels have the shape {tuple(labels.shape)}, but the image has {shape}; choose a "
            "labels layer of the same size"
        )
    slices = LayerSlices(labels)
    chosen = [k for k in range(len(slices)) if slices[k].any()]
    if not chosen:
        raise InputError("no slice has annotations; paint labels in at least one slice")
    return chosen, smallest_dtype(np.stack([slices[k][..., 0] for k in chosen]))


def smallest_dtype(labels: Array) -> Array:
    """Convert labels to the smallest unsigned dtype that holds them.

    Raises
    ------
    InputError
        If a label is negative.
    """
    low = labels.min()
    if low < 0:
        raise InputError(f"the labels contain {low}; use values of 0 or more")
    return labels.astype(np.min_scalar_type(int(labels.max())), copy=False)


def write_labels(path: str, data: Any, meta: dict[str, Any]) -> list[str]:
    """Write all slices of a labels layer into one TIFF file, as a writer for napari.

    Parameters
    ----------
    path : str
    data : (…, H, W) integer
    meta : dict         metadata of the layer

    Raises
    ------
    WriteError
        If the file exists, or if a label is negative.
    """
    slices, file = LayerSlices(data), Path(path)
    known = pixel_size(meta.get("scale", ()), meta.get("units") or ())
    with _explained():
        if os.path.lexists(file):
            raise InputError(f"{file} already exists; choose another name")
        maps = smallest_dtype(np.stack([one[..., 0] for one in slices]))
        with files.new(file) as (beside,):
            write_tiff(beside, maps if slices.leading else maps[0], known)
    return [str(file)]


@contextmanager
def _explained() -> Iterator[None]:
    """Convert an `InputError` to a `WriteError`."""
    try:
        yield
    except InputError as error:
        raise WriteError(str(error)) from None


def write_tiff(
    path: Path, pixels: Array, known: PixelSize | None = None, colour: bool = False
) -> None:
    """Write a stack (Z, H, W), or (Z, H, W, 3) in colour, as a TIFF file with its pixel size.

    Grey files of up to `CLASSIC` bytes are ImageJ hyperstacks if ImageJ supports their dtype.
    """
    import tifffile

    calibration = Calibration((known[1], known[0]), "um") if known else Calibration()
    arguments, metadata = to_imagej(calibration)
    axes = ("ZYX" if pixels.ndim > 2 + colour else "YX") + ("S" if colour else "")
    tifffile.imwrite(
        path,
        pixels,
        photometric="rgb" if colour else "minisblack",
        imagej=not colour and pixels.dtype.type in IMAGEJ and pixels.nbytes <= CLASSIC,
        metadata={"axes": axes} | metadata,
        **arguments,
    )
