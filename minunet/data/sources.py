"""Where images and labels are, and reading them before anything is split, scaled or interpreted."""

from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

import numpy as np

from minunet.array import Array
from minunet.data import calibration, ctc, pairs, split, synthetic
from minunet.data.annotation import AUTO, Meaning, Truth
from minunet.data.calibration import Calibration
from minunet.data.page import DEFAULT, Reading
from minunet.errors import InputError

SYNTHETIC_SHAPE, SYNTHETIC_SEED = (10, 256, 256), 2015
"""Shape (slices, rows, columns) and random seed of the built-in synthetic data."""


class Source(NamedTuple):
    """Where the images and labels of a data set are, and how to read the labels."""

    images: str | None  # path; None: the built-in synthetic EM
    labels: str | None  # path; None: `images` is in the layout of the Cell Tracking Challenge
    meaning: Meaning = AUTO  # of the label values
    truth: Truth = "both"  # see `ctc.read`
    reading: Reading = DEFAULT  # which pixels of the images to read
    scaled_by_all: bool = False  # as in runs that do not store their scale, see `dataset.load`


class Raw(NamedTuple):
    """Images and label maps as in the files, slice by slice."""

    images: list[Array]  # (H, W, C), in the dtype of the file
    masks: list[Array]  # (H, W, 1), in the dtype of the file; empty for frames of the challenge
    files: list[Path]  # that contain the images
    names: list[str]  # of the slices, for people
    notes: Sequence[str] = ()  # about what the files contain besides
    palette: Sequence[tuple[int, int, int]] = ()  # colours of the label values 0, 1, …
    calibration: Calibration = Calibration()  # of the images, as far as it is the same in all
    frames: Sequence[ctc.Frames] = ()  # of each folder in the layout of the challenge


def read(source: Source, validation: str, test: str = "none") -> Raw:
    """Read or generate images and labels; those of a validation and of a test folder come last.

    Parameters
    ----------
    source : Source
    validation, test : str     see `split.split`

    Raises
    ------
    InputError
        If the data cannot be read, or images and labels do not match.
    """
    if source.images is None:
        if source.labels:
            raise InputError(
                f"give --images and --labels together; got only --labels {source.labels}"
            )
        return _synthetic()
    images = Path(source.images)
    folders = {
        flag: Path(value)
        for flag, value in (("--validation", validation), ("--test", test))
        if split.is_folder(value)
    }
    if source.labels is not None:
        more = [pairs.find(folder, f"pass something else to {f}") for f, folder in folders.items()]

        def known(files: Sequence[Path]) -> list[int]:
            parts = split.split(validation, files, test)
            return [*parts.training, *parts.held_out]

        found = pairs.read(
            (images, Path(source.labels)), *more, reading=source.reading, known=known
        )
        return Raw(*found)
    if not ctc.find(images):
        raise InputError(
            f"give --images and --labels together; got only --images {images}, which is not a "
            "folder in the layout of the Cell Tracking Challenge"
        )
    return _frames([images, *folders.values()], source)


def _synthetic() -> Raw:
    """Generate the built-in synthetic EM."""
    stack = synthetic.em_stack(SYNTHETIC_SHAPE, np.random.default_rng(SYNTHETIC_SEED))
    masks = [mask[..., np.newaxis] for mask in stack.labels]
    images = [image[..., np.newaxis] for image in stack.images]
    files, names = [Path("synthetic EM")] * len(images), [str(k) for k in range(len(images))]
    return Raw(images, masks, files, names)


def _frames(folders: Sequence[Path], source: Source) -> Raw:
    """Read the frames of folders in the layout of the Cell Tracking Challenge."""
    read = [
        (folder, ctc.read(folder, source.truth, source.reading, source.meaning.ignore))
        for folder in folders
    ]
    calibrations = [one for _, frames in read for one in frames.calibrations]
    return Raw(
        [image for _, frames in read for image in frames.images],
        [],
        [folder / f"{name}.tif" for folder, frames in read for name in frames.names],
        [
            name if folder == folders[0] else f"{folder.name}/{name}"
            for folder, frames in read
            for name in frames.names
        ],
        notes=calibration.differing(calibrations),
        calibration=calibration.common(calibrations, len(calibrations)),
        frames=[frames for _, frames in read],
    )
