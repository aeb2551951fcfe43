"""A volume in blocks: each can be computed by itself, in any order, by any process, and again.

A block is what one tile segments of one slice, and exactly one chunk of the results. It depends on
the plan and its number, and on nothing else. So the chunks that are there are the only record of
what is done: a prediction that was stopped computes the others. The plan is written before any of
them, and says all that the values depend on; a prediction with another plan is refused.

Cells are numbered slice by slice, once all probabilities of the slice are there. The smaller levels
of the pyramids come last.
"""

import json
import os
import tempfile
from collections.abc import Callable, Iterator
from functools import lru_cache, partial
from hashlib import file_digest
from math import prod
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from minunet.array import Array
from minunet.data import ome_zarr
from minunet.data.file_names import is_volume
from minunet.data.image_files import Slices
from minunet.data.ome_zarr import Chunks, Layout, Version
from minunet.data.page import Channel, Reading
from minunet.data.scaling import Scale, scale_of
from minunet.data.volumes import UNITS, Volume, choose, open_volume
from minunet.errors import InputError
from minunet.fast import threads
from minunet.network import Network
from minunet.ops import cross_entropy
from minunet.prediction import model as models_
from minunet.prediction import rectangle
from minunet.prediction.instances import Rule
from minunet.prediction.model import Model
from minunet.prediction.stack import Labelling
from minunet.prediction.tiling import Tiling

PLAN = "plan.json"


class Plan(NamedTuple):
    """All that the values of a prediction depend on, as JSON values."""

    minunet: str  # version
    model: str
    weights: str  # SHA-256 of the file of the model
    image: str
    axes: str
    level: int
    series: int | None
    channel: Channel
    shape: list[int]  # of the array or the stack
    dtype: str
    scale: list[list[float]]  # offset and spread: of all slices, or of each
    tile: int
    average: str
    shrink: list[float]
    block: list[int]  # height and width
    threads: int
    labels: str  # "classes" or "cells"
    threshold: float | None
    rule: list[Any]
    version: Version  # of OME-Zarr

    @property
    def tiling(self) -> Tiling:
        """How a slice is cut into tiles."""
        return Tiling(self.tile, False, self.average, tuple(self.shrink))

    def differences(self, other: "Plan") -> list[str]:
        """Say in which values another plan differs, such as "tile 348 instead of 220"."""
        pairs = zip(self._fields, self, other, strict=True)
        return [f"{name} {b} instead of {a}" for name, a, b in pairs if a != b and name != "scale"]


class Stage(NamedTuple):
    """Tasks that may run in any order, once the previous stage is done."""

    name: str
    count: int
    is_done: Callable[[int], bool]
    run: Callable[[int], None]

    def left(self) -> list[int]:
        """Return the numbers of the tasks that are not done."""
        return [k for k in range(self.count) if not self.is_done(k)]


class Source:
    """The slices of a volume, or of files, of which only the parts in use are read if possible."""

    def __init__(self, path: Path, reading: Reading) -> None:
        if is_volume(path):
            self._volume: Volume | None = open_volume(
                path, reading.axes, reading.level, reading.series
            )
            self._channel = choose(self._volume, reading.channel)
            self.axes, self.counts = self._volume.leading, self._volume.counts
            self.calibration = self._volume.calibration
            self.named = self._volume.stored.axes
        else:
            self._volume, self._slices = None, Slices(path, reading)
            sizes = {page.shape[:2] for page in self._slices.pages}
            if len(sizes) > 1:
                raise InputError(
                    f"{path} contains images of several sizes, which are not one volume; segment "
                    "them into a folder, with -o FOLDER"
                )
            self.calibration = self._slices.calibration
            self.axes = self.calibration.axes.lower() or "z"
            self.counts = self.calibration.lengths or (len(self._slices),)
            self.named = self.axes + "yx"
        first = self[0]
        self.slice_shape, self.dtype = first.shape, first.dtype

    def __len__(self) -> int:
        """Return the number of slices."""
        return prod(self.counts)

    def __getitem__(self, k: int) -> Any:
        """Return slice k (H, W, C), which may be read when it is indexed."""
        return self._slice(k) if self._volume is None else self._volume.section(k, self._channel)

    @lru_cache(1)  # noqa: B019  one for the life of a process; a compressed page is read as a whole
    def _slice(self, k: int) -> Array:
        return self._slices[k]

    @property
    def shape(self) -> list[int]:
        """Lengths of the axes that count slices, height, width and channels."""
        return [*self.counts, *self.slice_shape]


def digest(path: Path) -> str:
    """Return the SHA-256 of a file."""
    with path.open("rb") as file:
        return file_digest(file, "sha256").hexdigest()


def scales(source: Source, how: str, advance: Callable[[], None]) -> list[list[float]]:
    """Compute the scale of all slices, or of each, with one band of a slice in memory."""
    if how == "image":
        found = []
        for k in range(len(source)):
            found.append(list(scale_of([source[k]], "image")))
            advance()
        return found
    return [list(scale_of(source, how))]


def layouts(plan: Plan, source: Source, model: Model) -> tuple[Layout, Layout]:
    """Return the layouts of the probabilities and of the labels."""
    known, classes = source.calibration, len(model.settings.label_values)
    height, width, _ = source.slice_shape
    axes, block = f"{source.axes}yx", (*(1 for _ in source.counts), *plan.block)
    sizes = {"x": known.pixel[0], "y": known.pixel[1]} if known.pixel else {}
    sizes |= {"z": known.spacing or 0, "t": known.interval or 0}
    words = {short: long for long, short in UNITS.items()}
    unit = words.get(known.unit, "")
    units = {"z": unit, "y": unit, "x": unit, "t": "second"}
    labels = Layout(
        plan.labels, axes, (*source.counts, height, width), block,
        np.uint32 if plan.labels == "cells" else np.uint8, 0,
        tuple(sizes.get(axis) or 1.0 for axis in axes),
        tuple(units[axis] if sizes.get(axis) else "" for axis in axes), labels=True,
    )  # fmt: skip
    p = labels._replace(name="probability", dtype=np.float32, fill=np.nan, labels=False)
    if classes > 2:
        at = source.axes.find("t") + 1
        insert = lambda values, new: (*values[:at], new, *values[at:])  # noqa: E731
        p = p._replace(
            axes="".join(insert(p.axes, "c")), shape=insert(p.shape, classes),
            chunks=insert(p.chunks, classes), scale=insert(p.scale, 1.0), units=insert(p.units, ""),
        )  # fmt: skip
    return p, labels


def create(out: Path, plan: Plan, p: Layout, labels: Layout) -> None:
    """Create the folder of the results with the plan and empty arrays, all at once or not at all.

    If another process has just created it, that one is kept.
    """
    window = {"start": 0.0, "end": 1.0, "min": 0.0, "max": 1.0}
    channels = p.shape[p.axes.index("c")] if "c" in p.axes else 1
    shown = [
        {"label": f"class {k}" if channels > 1 else "probability", "color": "FFFFFF",
         "active": True, "window": window}
        for k in range(channels)
    ]  # fmt: skip
    out.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=out.parent, prefix=f".{out.name}.") as beside:
        part = Path(beside) / "part"
        ome_zarr.create(part, p, plan.version, {"omero": {"channels": shown}})
        ome_zarr.create_labels(part, labels, plan.version, {})
        (part / PLAN).write_text(json.dumps(plan._asdict(), indent=1) + "\n", encoding="utf-8")
        try:
            os.rename(part, out)
        except OSError:
            if not (out / PLAN).is_file():
                raise


def read(out: Path) -> Plan:
    """Read the plan of an output.

    Raises
    ------
    InputError
        If there is none, or if it is not a plan of this version.
    """
    try:
        return Plan(**json.loads((out / PLAN).read_text(encoding="utf-8")))
    except FileNotFoundError:
        raise InputError(
            f"{out} exists and is not an unfinished prediction; pass another name with -o"
        ) from None
    except (ValueError, TypeError) as error:
        raise InputError(f"{out / PLAN} is damaged: {error}; pass another name with -o") from None


class Work:
    """What a process needs to compute any block: the plan, the model, the image and the results."""

    def __init__(self, out: Path) -> None:
        self.out, self.plan = out, read(out)
        plan = self.plan
        threads.use(plan.threads)
        if digest(Path(plan.model)) != plan.weights:
            raise InputError(f"{plan.model} has changed since {out} was begun; pass another -o")
        self.model = models_.load(plan.model, "cpu")
        reading = Reading(plan.channel, plan.series, axes=plan.axes, level=plan.level)
        self.source = Source(Path(plan.image), reading)
        if [self.source.shape, str(self.source.dtype)] != [plan.shape, plan.dtype]:
            raise InputError(f"{plan.image} has changed since {out} was begun; pass another -o")
        self.labelled = out / "labels" / plan.labels
        self.p, self.labels = Chunks(out), Chunks(self.labelled)
        rule = Rule(*plan.rule)
        values = self.model.settings.label_values
        self.labelling = Labelling(values, plan.labels == "cells", plan.threshold, rule)

    def stages(self) -> Iterator[Stage]:
        """Yield the stages in their order."""
        last = self.p if self.labelling.cells else self.labels
        yield Stage("block", len(self.p), last.is_there, self.block)
        if self.labelling.cells:
            per_slice = len(self.labels) // len(self.source)
            there = self.labels.is_there
            yield Stage(
                "slice", len(self.source), lambda k: there((k + 1) * per_slice - 1), self.cells
            )
        for folder, labels in ((self.out, False), (self.labelled, True)):
            for level in range(1, len(list(folder.glob("[0-9]*")))):
                above, here = Chunks(folder, level - 1), Chunks(folder, level)
                run = partial(_halve, above, here, labels)
                yield Stage(f"chunk of level {level}", len(here), here.is_there, run)

    def block(self, number: int) -> None:
        """Compute a block, and write its probabilities and then its labels."""
        place = self.p.place(number)
        p = self.probabilities(number)
        values = p[..., 1] if len(self.model.settings.label_values) == 2 else np.moveaxis(p, -1, 0)
        self.p.write(number, values.reshape([part.stop - part.start for part in place]))
        if not self.labelling.cells:
            classes = self.labelling.classes(p)
            place = self.labels.place(number)
            self.labels.write(number, classes.reshape([part.stop - part.start for part in place]))

    def probabilities(self, number: int) -> Array:
        """Compute the class probabilities (h, w, K) of a block."""
        *leading, rows, columns = self.labels.place(number)
        k = int(np.ravel_multi_index([part.start for part in leading], self.source.counts))
        scale = Scale(*self.plan.scale[k if len(self.plan.scale) > 1 else 0])
        network = Network(self.model.params, self.model.architecture, scale.apply)
        height, width = self.plan.block  # the tiles at the ends are as large as the others
        at = slice(rows.start, rows.start + height), slice(columns.start, columns.start + width)
        logits = rectangle.logits(network, self.source[k], self.plan.tiling, at)
        if not np.isfinite(logits).all():
            raise InputError(
                f"the logits of block {number}, in slice {k}, contain NaN or infinity: the weights "
                "of this model, or the grey values, are too large for float32"
            )
        return cross_entropy.softmax(logits)

    def cells(self, k: int) -> None:
        """Find and number the cells of slice k, and write them chunk by chunk."""
        count = len(self.labels) // len(self.source)
        first = self.labels.place(k * count)[:-2]
        p = self.p.array[(*first, slice(None), slice(None))]
        cells = self.labelling.rule.cells(p.reshape(p.shape[-2:]), np.uint32)
        for number in range(k * count, (k + 1) * count):
            place = self.labels.place(number)
            shape = [part.stop - part.start for part in place]
            self.labels.write(number, cells[place[-2:]].reshape(shape))


def _halve(above: Chunks, here: Chunks, labels: bool, number: int) -> None:
    here.write(number, ome_zarr.halve(above.array, here.place(number), labels))


@lru_cache(1)
def work(out: str) -> Work:
    """Return the work of an output, opened once in every process."""
    return Work(Path(out))


def run(out: str, stage: int, number: int) -> int:
    """Run a task, in any process, and return its number."""
    stages(out)[stage].run(number)
    return number


@lru_cache(1)
def stages(out: str) -> list[Stage]:
    """Return the stages of an output."""
    return list(work(out).stages())
