"""Which file of a folder written by `minunet.predict` is scored, and what it contains.

OUT/probability.tif, OUT/labels.tif                      one result for all inputs
OUT/probability/NAME.tif, OUT/labels/NAME.tif            one for each input
"""

from pathlib import Path
from typing import NamedTuple

import numpy as np

from minunet.data import file_names
from minunet.data.image_files import Slices
from minunet.data.page import decoding
from minunet.data.prediction_kind import Kind, Wanted
from minunet.errors import InputError


class Written(NamedTuple):
    """The results of a prediction, each a file or a folder of files."""

    probability: Path
    labels: Path
    kind: Kind  # probability: of one class; cells: also numbered; classes: of three or more classes


def choose(prediction: Path, wanted: Wanted, mask: bool) -> tuple[Path, Wanted]:
    """Choose the file to score in a folder written by predict; return any other path as it is.

    Parameters
    ----------
    prediction : Path
    wanted : Wanted     what the user asks for
    mask : bool         whether the truth has only one value besides 0, so that its cells are the
                        regions of that value

    Returns
    -------
    path : Path         file, or folder of files
    kind : Wanted       what it contains; auto: judge by its values
    """
    written = _in_folder(prediction)
    if written is None:
        beside = _in_folder(prediction.parent)
        if beside and wanted == "auto" and prediction == beside.labels:
            wanted = "auto" if beside.kind == "probability" else beside.kind
        _check_channels(prediction)
        return prediction, wanted
    if wanted == "auto" and (written.kind == "probability" or (written.kind == "cells" and mask)):
        return written.probability, "auto"
    kind = written.kind if wanted == "auto" else wanted
    if kind == "probability":
        _check_channels(written.probability)
        return written.probability, kind
    return written.labels, kind


def _in_folder(folder: Path) -> Written | None:
    """Find the results of a prediction in a folder."""
    for suffix in (".tif", ""):
        probability, labels = (folder / f"{name}{suffix}" for name in ("probability", "labels"))
        if probability.is_file() if suffix else probability.is_dir():
            return Written(probability, labels, _kind(probability, labels))
    return None


def _kind(probability: Path, labels: Path) -> Kind:
    if _has_channels(probability):
        return "classes"
    numbered = labels.exists() and Slices(labels).pages[0].dtype == np.uint16
    return "cells" if numbered else "probability"


def _check_channels(path: Path) -> None:
    """Raise if a file contains the probabilities of several classes."""
    if _has_channels(path):
        raise InputError(
            f"{path} has several channels, such as the probabilities of several classes; pass the "
            "labels.tif of that prediction, which contains the most probable class of every pixel"
        )


def _has_channels(path: Path) -> bool:
    """Return whether a TIFF file, or the first file of a folder, has an axis of channels."""
    from minunet.data import tiff_files  # here: it slows down --help

    first = file_names.files(path)[0]
    if first.suffix.lower() not in file_names.TIFF:
        return False
    with decoding(first), tiff_files.opened(first) as tiff:
        return bool(tiff.series) and "C" in tiff.series[0].axes
