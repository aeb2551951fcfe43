"""The plan of a prediction that is computed in blocks: all that its values depend on.

It is written before any block is, together with the empty arrays. A prediction that was stopped is
continued by the same command; one with another plan is refused.
"""

import json
import os
import tempfile
from collections.abc import Callable, Sequence
from math import prod
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from minunet.array import Array
from minunet.data import ome_zarr
from minunet.data.ome_zarr import Layout, Version
from minunet.data.page import Channel, Reading
from minunet.data.scaling import Scaling, scale_of
from minunet.data.sections import Sections
from minunet.data.volumes import UNITS
from minunet.errors import InputError
from minunet.image import Average
from minunet.prediction.instances import Rule
from minunet.prediction.tiling import Tiling

PLAN = "plan.json"

ADVICE = "pass another name with -o"


class VolumePlan(NamedTuple):
    """All that the values of a prediction depend on, as JSON values."""

    minunet: str  # version
    model: str  # path, or the name of a built-in model
    weights: str  # SHA-256 of the file of the model
    image: str
    axes: str | None
    level: int | None
    series: int | None
    channel: Channel
    shape: list[int]  # lengths of the axes that count slices, height, width, channels
    dtype: str
    sample: str  # SHA-256 of some pixels
    tile: int
    average: Average
    shrink: list[float]
    block: list[int]  # height and width
    threads: int
    labels: str  # "classes" or "cells"
    threshold: float | None  # of classes, see `Labelling`
    rule: list[Any]  # of cells, see `Rule`
    connect: float | None  # overlap with which cells of neighbouring slices are joined; None: never
    version: Version  # of OME-Zarr
    scales: list[list[float]]  # offset and spread: of all slices, or of each

    @property
    def reading(self) -> Reading:
        """Which pixels of the image to read."""
        return Reading(self.channel, self.series, axes=self.axes, level=self.level)

    @property
    def tiling(self) -> Tiling:
        """How a slice is cut into tiles."""
        down, across = self.shrink
        return Tiling(self.tile, False, self.average, (down, across))

    def differences(self, other: "VolumePlan") -> list[str]:
        """Say in which values another plan differs, such as "tile 348 instead of 220".

        Whether the pixels have changed is checked before blocks are computed.
        """
        here, there = self._values(), other._values()
        return [
            f"{name} {shown(there[name])} instead of {shown(here[name])}"
            for name in here
            if here[name] != there[name]
        ]

    def _values(self) -> dict[str, Any]:
        """Return what may be compared, by the names that a user knows."""
        values = self._asdict()
        for name in ("scales", "sample", "rule", "version"):
            del values[name]
        rule = dict(zip(Rule._fields, self.rule, strict=True))
        if self.labels == "classes":
            del rule["threshold"]  # classes have their own
        return {**values, **rule, "version of OME-Zarr": self.version}


def shown(value: Any) -> str:
    """Format a value of a plan.

    Examples
    --------
    >>> shown(None), shown([2, 45, 61]), shown(0.5), shown("flips")
    ('none', '2 x 45 x 61', '0.5', 'flips')
    """
    if isinstance(value, list):
        return " x ".join(map(shown, value))
    return "none" if value is None else str(value)


def contents(sections: Sections) -> tuple[list[int], str, str]:
    """Return what an image must be to be the one of the plan: shape, dtype and sample."""
    return shape_of(sections), str(sections.dtype), sections.sample()


def shape_of(sections: Sections) -> list[int]:
    """Return the lengths of the axes that count slices, and the shape (H, W, C) of a slice."""
    return [*sections.counts, *sections.shape]


def scales(sections: Sections, how: Scaling, advance: Callable[[int], None]) -> list[list[float]]:
    """Compute the scale of all slices or, if every slice has its own, of each.

    Parameters
    ----------
    sections : Sections
    how : Scaling           see `scaling.scale`
    advance : callable      called with the number of a slice when it was read
    """

    def gather(numbers: Sequence[int], function: Callable[[Array], Any]) -> list[Any]:
        found = []
        for k in numbers:
            found += [function(part) for part in sections.parts(k)]
            advance(k)
        return found

    every: Any = range(len(sections))
    if how == "image":
        return [[*scale_of([k], how, gather)] for k in every]
    return [[*scale_of(every, how, gather)]]


def layouts(plan: VolumePlan, sections: Sections, classes: int) -> tuple[Layout, Layout]:
    """Return the layouts of the probabilities and of the labels.

    With two classes, only the probability of class 1 is stored; with more, there is an axis c.
    """
    known = sections.calibration
    width, height = known.pixel or (0.0, 0.0)
    sizes = {"t": known.interval, "z": known.spacing, "y": height, "x": width}
    unit = {short: long for long, short in UNITS.items()}.get(known.unit, "")
    units = {"t": "second"}
    axes = f"{sections.axes}yx"
    labels = Layout(
        plan.labels,
        axes,
        (*sections.counts, *sections.shape[:2]),
        (*(1 for _ in sections.counts), *plan.block),
        _dtype(plan, sections),
        0,
        tuple(sizes[axis] or 1.0 for axis in axes),
        tuple(units.get(axis, unit) if sizes[axis] else "" for axis in axes),
    )
    p = labels._replace(name="probability", dtype=np.float32, fill=np.nan)
    return p.with_channels(classes) if classes > 2 else p, labels


def _dtype(plan: VolumePlan, sections: Sections) -> type[np.unsignedinteger[Any]]:
    """Return a dtype that can number as many labels as there may be."""
    if plan.labels == "classes":
        return np.uint8
    pixels = prod(sections.shape[:2]) * (1 if plan.connect is None else len(sections))
    return np.uint32 if pixels < 2**32 else np.uint64


def create(out: Path, plan: VolumePlan, p: Layout, labels: Layout) -> None:
    """Create the folder of the results with the plan and empty arrays: everything, or nothing.

    If another process creates it at the same time, one of the two is kept; they are equal.
    """
    try:
        out.parent.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(dir=out.parent, prefix=f".{out.name}.") as beside:
            part = Path(beside) / "part"
            ome_zarr.create(part, p, plan.version, ome_zarr.window(p))
            ome_zarr.create_labels(part, labels, plan.version)
            text = json.dumps(plan._asdict(), indent=1) + "\n"
            (part / PLAN).write_text(text, encoding="utf-8")
            os.rename(part, out)
    except OSError as error:
        if not (out / PLAN).is_file():
            reason = error.strerror or error
            raise InputError(f"{out} cannot be created: {reason}; {ADVICE}") from None


def read(out: Path) -> VolumePlan:
    """Read the plan of a prediction that was begun.

    Raises
    ------
    InputError
        If there is none, or if it is not a plan of this version.
    """
    try:
        plan = VolumePlan(**json.loads((out / PLAN).read_text(encoding="utf-8")))
        valid = isinstance(plan.threads, int) and plan.threads > 0 and bool(plan.scales)
        if valid and all(len(scale) == 2 and all(map(np.isfinite, scale)) for scale in plan.scales):
            return plan
    except (FileNotFoundError, NotADirectoryError, IsADirectoryError):
        raise InputError(f"{out} exists, but is not a prediction of minunet; {ADVICE}") from None
    except (ValueError, TypeError, RecursionError):
        pass
    raise InputError(f"{out / PLAN} is damaged, or is a plan of another version; {ADVICE}")
