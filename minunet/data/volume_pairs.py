"""Labels of a volume and the ground truth, read part by part: both may be larger than memory."""

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
    axes : str or None          of both, if their metadata do not name them
    ignore : float or None      value of the truth where it is not known

    Raises
    ------
    InputError
        If one of them does not contain labels, or if their shapes differ.
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
                f"{prediction} is {ours} pixels, but {truth} is {theirs} (slices, height, width); "
                "both must have the same size"
            )

    def __len__(self) -> int:
        """Return the number of slices."""
        return len(self.truth)

    def parts(self, k: int) -> Iterator[tuple[Array, Array]]:
        """Yield the known pixels of every part of slice k: truth (N,) and prediction (N,)."""
        for place in self.prediction.places():
            truth, found = (one[k][place].ravel() for one in (self.truth, self.prediction))
            if self.ignore is not None:
                known = truth != self.ignore
                truth, found = truth[known], found[known]
            if min(truth.min(initial=0), found.min(initial=0)) < 0:
                raise InputError(
                    f"slice {k} has negative labels; labels count from 0, the background; pass "
                    "--ignore V for a value of the truth that marks pixels that are not known"
                )
            yield truth, found


def _labels(path: Path, reading: Reading) -> Sections:
    """Open a volume of labels."""
    found = Sections(path, reading)
    if found.dtype.kind not in "iu" or found.shape[2] != 1:
        inside = sorted(one.parent for one in path.glob("labels/*/0"))
        what = f"{found.dtype} values" if found.shape[2] == 1 else f"{found.shape[2]} channels"
        raise InputError(
            f"{path} contains {what}, but --volume scores labels, which are integers; pass "
            f"{inside[0] if inside else 'the labels of this prediction'}"
        )
    return found
