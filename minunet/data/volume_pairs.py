"""Predicted labels of a volume and its ground truth, read part by part: both may exceed memory."""

from collections.abc import Iterator
from pathlib import Path

import numpy as np

from minunet.array import Array
from minunet.data.page import Reading
from minunet.data.sections import Sections
from minunet.errors import InputError


class VolumePair:
    """The labels of a prediction and the ground truth.

    Parameters
    ----------
    prediction, truth : Path
    axes : str or None          axes of both volumes; None: as in their metadata
    ignore : float or None      value of pixels of the truth that are not annotated; None: all are

    Raises
    ------
    InputError
        If one of them does not contain labels, or if their sizes differ.
    """

    def __init__(
        self, prediction: Path, truth: Path, axes: str | None, ignore: float | None
    ) -> None:
        reading = Reading(axes=axes, indices=True)
        self.prediction, self.truth = (_labels(path, reading) for path in (prediction, truth))
        self.ignore = ignore
        ours, theirs = (_size(one) for one in (self.prediction, self.truth))
        if ours != theirs:
            raise InputError(
                f"{prediction} has {ours} pixels, but {truth} has {theirs}; pass two volumes of "
                "the same size, with the same order of axes"
            )

    def __len__(self) -> int:
        """Return the number of slices."""
        return len(self.truth)

    def parts(self, k: int) -> Iterator[tuple[Array, Array]]:
        """Yield the annotated pixels of every part of slice k: truth (N,) and prediction (N,).

        Raises
        ------
        InputError
            If a label is negative or too large.
        """
        for place in self.prediction.places():
            truth, found = (one[k][place].ravel() for one in (self.truth, self.prediction))
            if self.ignore is not None:
                known = truth != self.ignore
                truth, found = truth[known], found[known]
            yield _checked(truth, self.truth.path, k), _checked(found, self.prediction.path, k)


def _size(sections: Sections) -> str:
    """Describe the size of a volume, such as "2 x 3 x 40 x 50 (tzyx)"; a single z is not named."""
    counts = [(n, axis) for n, axis in zip(sections.counts, sections.axes, strict=True) if n > 1]
    sides = [*(n for n, _ in counts), *sections.shape[:2]]
    axes = f" ({''.join(axis for _, axis in counts)}yx)" if len(counts) > 1 else ""
    return " x ".join(map(str, sides)) + axes


def _checked(labels: Array, path: Path, k: int) -> Array:
    """Return the labels (N,) of a part of slice k as int64."""
    least, most = int(labels.min(initial=0)), int(labels.max(initial=0))
    if least < 0 or most >= 2**63:
        raise InputError(
            f"slice {k} of {path} has the label {least if least < 0 else most}, but labels must be "
            f"from 0 to {2**63 - 1}; pixels of the truth that are not annotated can be left out "
            "with --ignore"
        )
    return labels.astype(np.int64)


def _labels(path: Path, reading: Reading) -> Sections:
    """Open a volume of labels."""
    found = Sections(path, reading)
    if found.dtype.kind not in "iu" or found.shape[2] != 1:
        inside = sorted(one.parent for one in path.glob("labels/*/0"))
        what = f"{found.dtype} values" if found.shape[2] == 1 else f"{found.shape[2]} channels"
        raise InputError(
            f"{path} contains {what}, but --volume scores labels, which are integers in one "
            f"channel; pass {inside[0] if inside else 'a volume of labels'}"
        )
    return found
