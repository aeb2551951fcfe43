"""What `predict` does if its output is an OME-Zarr image: plan the blocks, and compute them."""

import argparse
import re
from functools import partial
from math import ceil
from pathlib import Path
from typing import NamedTuple

from minunet import __version__, files, models
from minunet.cli import say
from minunet.data import file_names, object_size
from minunet.data.ome_zarr import Version
from minunet.data.page import Reading
from minunet.data.sections import Sections
from minunet.errors import InputError
from minunet.fast import threads
from minunet.prediction import blocks, memory, rectangle, tile_choice, volume_plan
from minunet.prediction.engines import Engine
from minunet.prediction.model import Model
from minunet.prediction.stack import Labelling
from minunet.prediction.tiling import Tiling
from minunet.prediction.volume_plan import VolumePlan
from minunet.progress import Progress
from minunet.resampling import small_shape

OVERLAP = 0.5
"""Usual fraction of their union that cells of neighbouring slices share if they are one. Above 0.5,
a cell has at most one partner in a slice. With 0, a single wrong pixel can join two cells, and in
serial sections of 50 nm, whose cells move from slice to slice, nearly all cells become one."""


class Part(NamedTuple):
    """Which of the blocks to compute: every `of`-th, beginning with block `number` - 1."""

    number: int = 1
    of: int = 1


def parse_part(text: str) -> Part:
    """Parse K/N on the command line, with K from 1 to N; an argparse type."""
    match = re.fullmatch(r"([0-9]{1,9})/([0-9]{1,9})", text)
    part = Part(int(match[1]), int(match[2])) if match else Part(0)
    if not 1 <= part.number <= part.of:
        raise argparse.ArgumentTypeError(
            f"{text[:40]!r} is not a part; pass K/N with K from 1 to N, such as 1/8"
        )
    return part


class Request(NamedTuple):
    """What was asked for."""

    model: Path  # or the name of a built-in model
    image: Path
    reading: Reading
    labelling: Labelling
    tiling: Tiling
    limit: int | None  # of the memory of a process, in bytes
    shrink: float | None  # image pixels per network pixel; None: as in training
    smallest: int | None  # minimum size of a seed; None: as in training
    version: Version  # of OME-Zarr
    connect: float | None  # overlap with which cells of neighbouring slices are joined; None: never


PASSES = {"none": 0, "standard": 2}
"""Passes over all slices to compute their scale, by scaling; 1 for the others."""


def plan(request: Request, trained: Model, out: Path) -> VolumePlan:
    """Plan a prediction and create its results, or continue the one in `out`.

    Raises
    ------
    InputError
        If `out` is something else, or a prediction with another plan.
    """
    sections = Sections(request.image, request.reading)
    check(request, sections, trained.settings.in_channels)
    tiling = tiling_of(request, trained, sections)
    smallest = request.smallest or trained.rule(tiling.shrink).smallest
    path = models.find(request.model).resolve()
    name = str(request.model) if str(request.model) in models.MODELS else str(path)
    reading, (shape, dtype, sample) = sections.reading, volume_plan.contents(sections)
    new = VolumePlan(
        minunet=__version__,
        model=name,
        weights=files.digest(path),
        image=str(file_names.absolute(request.image)),
        axes=reading.axes,
        level=reading.level,
        series=reading.series,
        channel=reading.channel,
        shape=shape,
        dtype=dtype,
        sample=sample,
        tile=tiling.tile,
        average=tiling.average,
        shrink=[*map(float, tiling.shrink)],
        block=[*rectangle.sides(sections.shape, tiling, trained.architecture.depth)],
        threads=threads.count(),
        labels="cells" if request.labelling.cells else "classes",
        threshold=None if request.labelling.cells else request.labelling.threshold,
        rule=[*request.labelling.rule._replace(smallest=smallest)],
        connect=request.connect,
        version=request.version,
        scales=[],
    )
    if out.exists():
        old = volume_plan.read(out)
        if differences := old.differences(new):
            raise InputError(
                f"{out} was begun with other values: {', '.join(differences)}; pass the same "
                "arguments as then, or another name with -o"
            )
        return old
    how, classes = trained.settings.scaling, len(trained.settings.label_values)
    with Progress(PASSES.get(how, 1) * len(sections), "slice") as progress:
        advance = lambda k: progress.advance(f"grey values of slice {k}")  # noqa: E731
        new = new._replace(scales=volume_plan.scales(sections, how, advance))
    volume_plan.create(out, new, *volume_plan.layouts(new, sections, classes))
    return new


def check(request: Request, sections: Sections, needs: int) -> None:
    """Raise an `InputError` if an image does not suit the model or the request.

    Parameters
    ----------
    request : Request
    sections : Sections     the image
    needs : int             number of channels that the model needs
    """
    has = sections.shape[2]
    if has != needs:
        advice = "pass --channel N or --grey" if needs == 1 else "segment a colour image"
        raise InputError(
            f"{request.image} has {has} channel{'s' * (has > 1)}, but the model needs {needs}; "
            f"{advice}"
        )
    if request.connect is not None and not request.labelling.cells:
        raise InputError("--connect joins cells, but the labels are classes; pass --labels cells")
    if request.connect is not None and "z" not in sections.axes:
        raise InputError(
            f"{request.image} has no axis z, along which --connect joins cells; leave it out, or "
            "name the axes with --axes"
        )


def tiling_of(request: Request, trained: Model, sections: Sections) -> Tiling:
    """Return the tiles that were asked for, or the best ones for the memory that was given."""
    pixel = object_size.pixel_size(sections.calibration)
    own = trained.tiling(pixel).shrink
    shrink = own if request.shrink is None else (request.shrink, request.shrink)
    tiling = request.tiling._replace(shrink=shrink)
    if request.limit is None:
        return tiling
    arch, small = trained.architecture, small_shape(sections.shape, shrink)
    channels = sections.shape[2]
    bytes_ = sections.dtype.itemsize * channels * shrink[0] * shrink[1]

    def needs(rows: int, columns: int) -> float:
        held = ceil(bytes_ * rows * columns)
        return memory.of_prediction(arch, rows, columns, held)

    return tiling._replace(tile=tile_choice.best(arch, small, request.limit, needs))


def compute(out: Path, part: Part, run: Engine) -> bool:
    """Compute all that is missing, stage by stage; return False if other parts have blocks left.

    With several parts, only the blocks are divided: whoever finds all of them done does the rest.
    """
    which = str(out.resolve()), files.digest(out / volume_plan.PLAN)
    for k, stage in enumerate(blocks.stages(*which)):
        todo = stage.left()
        if k == 0:
            there = stage.tasks - len(todo)
            say(f"progress  {there:,} of {stage.tasks:,} blocks are done")
            todo = [number for number in todo if number % part.of == part.number - 1]
        with Progress(len(todo), stage.name) as progress:
            for number in run(partial(blocks.run, *which, k), todo):
                progress.advance(f"{stage.name} {number}")
        if stage.left():
            return False
    return True
