"""The plan of a prediction that is computed in blocks: all that its values depend on.

It is written before any block is, together with the empty arrays. A prediction that was stopped is
continued by the same command; one with another plan is refused.
"""

import json
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import DTypeLike

from minunet import files
from minunet.array import Array
from minunet.data import ome_zarr
from minunet.data.ome_zarr import Layout, Version
from minunet.data.scaling import Scaling, scale_of
from minunet.data.sections import Sections
from minunet.data.volumes import UNITS
from minunet.errors import InputError, reason
from minunet.progress import Progress

PLAN = "plan.json"

ADVICE = "pass another name with -o"

PASSES = {"none": 0, "standard": 2}
"""Passes over all slices to compute their scale, by scaling; 1 for the others."""


class VolumePlan(NamedTuple):
    """All that the values of a prediction depend on, as JSON values."""

    minunet: str  # version
    model: str  # path, or the name of a built-in model
    weights: str  # SHA-256 of the file of the model
    image: str
    reading: dict[str, Any]  # which pixels to read, see `Reading`
    shape: list[int]  # lengths of the axes that count slices, height, width, channels
    dtype: str
    sample: str  # SHA-256 of some pixels
    tiling: dict[str, Any]  # how a slice is cut into tiles, see `Tiling`
    block: list[int]  # height and width
    threads: int
    labels: str  # "classes" or "cells"
    rule: dict[str, Any]  # of cells, see `Rule`; of classes, their threshold
    connect: float | None  # overlap with which cells of neighbouring slices are joined; None: never
    ome_zarr: Version
    scales: list[list[float]]  # offset and spread: of all slices, or of each

    def differences(self, other: "VolumePlan") -> list[str]:
        """Say in which values another plan differs, such as "tile 348 instead of 220".

        Whether the pixels have changed is checked before blocks are computed.
        """
        here, there = self._values(), other._values()
        return [
            f"{name} {shown(there.get(name))} instead of {shown(here[name])}"
            for name in here
            if here[name] != there.get(name)
        ]

    def _values(self) -> dict[str, Any]:
        """Return what may be compared, by the names of the options."""
        values = self._asdict()
        del values["sample"], values["scales"]
        return {**values.pop("reading"), **values.pop("tiling"), **values.pop("rule"), **values}


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
    return [*sections.counts, *sections.shape], str(sections.dtype), sections.sample()


def scales(sections: Sections, how: Scaling) -> list[list[float]]:
    """Compute the scale of all slices or, if every slice has its own, of each."""
    with Progress(PASSES.get(how, 1) * len(sections), "slice") as progress:

        def gather(numbers: Sequence[int], function: Callable[[Array], Any]) -> list[Any]:
            found = []
            for k in numbers:
                found += [function(part) for part in sections.parts(k)]
                progress.advance(f"grey values of slice {k}")
            return found

        every: Any = range(len(sections))
        if how == "image":
            return [[*scale_of([k], how, gather)] for k in every]
        return [[*scale_of(every, how, gather)]]


def layouts(plan: VolumePlan, sections: Sections, classes: int) -> tuple[Layout, Layout]:
    """Return the layouts of the probabilities and of the labels.

    With two classes, only the probability of class 1 is stored; with more, there is an axis c, and
    each chunk contains all channels.
    """
    known, (height, width, _) = sections.calibration, sections.shape
    lengths = dict(zip(sections.axes, sections.counts, strict=True))
    lengths |= {"c": classes, "y": height, "x": width}
    chunks = {"c": classes, "y": plan.block[0], "x": plan.block[1]}
    pixel_width, pixel_height = known.pixel or (None, None)
    sizes = {"t": known.interval, "z": known.spacing, "y": pixel_height, "x": pixel_width}
    unit = {short: long for long, short in UNITS.items()}.get(known.unit, "")

    def layout(name: str, axes: str, dtype: DTypeLike, fill: float) -> Layout:
        return Layout(
            name,
            axes,
            tuple(lengths[axis] for axis in axes),
            tuple(chunks.get(axis, 1) for axis in axes),
            dtype,
            fill,
            tuple(sizes.get(axis) or 1.0 for axis in axes),
            tuple(("second" if axis == "t" else unit) * bool(sizes.get(axis)) for axis in axes),
        )

    numbered = height * width * (1 if plan.connect is None else len(sections))
    of_cells = np.uint32 if numbered < 2**32 else np.uint64
    axes = f"{sections.axes}yx"
    after_t = axes.find("t") + 1
    with_c = axes if classes == 2 else f"{axes[:after_t]}c{axes[after_t:]}"
    return (
        layout("probability", with_c, np.float32, np.nan),
        layout(plan.labels, axes, np.uint8 if plan.labels == "classes" else of_cells, 0),
    )


def create(out: Path, plan: VolumePlan, p: Layout, labels: Layout) -> None:
    """Create the folder of the results with the plan and empty arrays: everything, or nothing.

    If another process creates it at the same time, one of the two is kept; they are equal.
    """
    try:
        out.parent.mkdir(parents=True, exist_ok=True)
        with files.new_folder(out) as part:
            ome_zarr.create(part, p, plan.ome_zarr, ome_zarr.window(p))
            ome_zarr.create_labels(part, labels, plan.ome_zarr)
            text = json.dumps(plan._asdict(), indent=1) + "\n"
            (part / PLAN).write_text(text, encoding="utf-8")
    except (OSError, InputError) as error:
        if not (out / PLAN).is_file():
            raise InputError(f"{out} cannot be created: {reason(error)}; {ADVICE}") from None


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
    except (FileNotFoundError, NotADirectoryError):
        raise InputError(f"{out} exists, but is not a prediction of minunet; {ADVICE}") from None
    except (ValueError, TypeError, RecursionError):
        pass
    raise InputError(f"{out / PLAN} is damaged, or is a plan of another version; {ADVICE}")
