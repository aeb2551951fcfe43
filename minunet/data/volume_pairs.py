"""Predicted labels of a volume and its ground truth, read part by part: both may exceed memory."""

from collections.abc import Iterator
from pathlib import Path

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
        ours, theirs = (
            " x ".join(map(str, (len(one), *one.shape[:2])))
            for one in (self.prediction, self.truth)
        )
        if ours != theirs:
            raise InputError(
                f"{prediction} has {ours} pixels (slices x height x width), but {truth} has "
                f"{theirs}; pass two volumes of the same size"
            )

    def __len__(self) -> int:
        """Return the number of slices."""
        return len(self.truth)

    def parts(self, k: int) -> Iterator[tuple[Array, Array]]:
        """Yield the annotated pixels of every part of slice k: truth (N,) and prediction (N,).

        Raises
        ------
        InputError
            If there is a negative label.
        """
        for place in self.prediction.places():
            truth, found = (one[k][place].ravel() for one in (self.truth, self.prediction))
            if self.ignore is not None:
                known = truth != self.ignore
                truth, found = truth[known], found[known]
            if min(truth.min(initial=0), found.min(initial=0)) < 0:
                raise InputError(
                    f"slice {k} of {self.prediction.path} or {self.truth.path} has negative "
                    "labels, but 0 is the lowest valid label; if a value of the truth means not "
                    "annotated, pass it with --ignore"
                )
            yield truth, found


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
