"""What `predict` does if its output is an OME-Zarr image: plan the blocks, and compute them."""

import argparse
import re
from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import NamedTuple

from minunet import __version__, models
from minunet.cli import say
from minunet.data import file_names, object_size
from minunet.data.page import Reading
from minunet.errors import InputError
from minunet.fast import threads
from minunet.prediction import blocks, engines, memory, rectangle, tile_choice
from minunet.prediction.blocks import Plan, Source
from minunet.prediction.engines import Engine
from minunet.prediction.model import Model
from minunet.prediction.stack import Labelling
from minunet.prediction.tiling import Tiling
from minunet.progress import Progress


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


class Wanted(NamedTuple):
    """What was asked for."""

    model: Path
    image: Path
    reading: Reading
    labelling: Labelling
    tiling: Tiling
    limit: int | None
    shrink: float | None
    smallest: int | None
    version: str


def plan(wanted: Wanted, trained: Model, out: Path) -> Plan:
    """Plan a prediction, or take up that in `out`, which must have the same plan.

    Raises
    ------
    InputError
        If `out` is something else, or if its plan is another one.
    """
    source = Source(wanted.image, wanted.reading)
    if source.slice_shape[2] != trained.settings.in_channels:
        raise InputError(
            f"the slices of {wanted.image} have {source.slice_shape[2]} channels, but the model "
            f"needs {trained.settings.in_channels}; pass --channel N or --grey"
        )
    known = object_size.pixel_size(source.calibration)
    tiling = wanted.tiling._replace(shrink=trained.tiling(known).shrink)
    if wanted.shrink is not None:
        tiling = tiling._replace(shrink=(wanted.shrink, wanted.shrink))
    if wanted.limit is not None:
        tiling = tiling._replace(tile=_tile(wanted, trained, source, tiling))
    rule = wanted.labelling.rule._replace(
        smallest=wanted.smallest or trained.rule(tiling.shrink).smallest
    )
    path = models.find(wanted.model).resolve()
    new = Plan(
        __version__, str(path), blocks.digest(path),
        str(file_names.absolute(wanted.image)), source.named, wanted.reading.level,
        wanted.reading.series, wanted.reading.channel, source.shape, str(source.dtype), [],
        tiling.tile, tiling.average, [*map(float, tiling.shrink)],
        [*rectangle.sides(source.slice_shape, tiling, trained.architecture.depth)], threads.count(),
        "cells" if wanted.labelling.cells else "classes", wanted.labelling.threshold, [*rule],
        wanted.version,
    )  # fmt: skip
    if out.exists():
        old = blocks.read(out)
        if differences := old.differences(new):
            raise InputError(
                f"{out} was begun with other values: {', '.join(differences)}; pass the same "
                "arguments as then, or another name with -o"
            )
        return old
    with Progress(len(source), "slice") as progress:
        found = blocks.scales(source, trained.settings.scaling, partial(progress.advance, "scale"))
    new = new._replace(scale=found)
    blocks.create(out, new, *blocks.layouts(new, source, trained))
    return new


def _tile(wanted: Wanted, trained: Model, source: Source, tiling: Tiling) -> int:
    """Return the tile for which the memory of a process suffices."""
    arch = trained.architecture
    height, width, channels = source.slice_shape
    labelled = height * width if wanted.labelling.cells else 0
    block = 4 * channels  # bytes of a pixel that is read

    def needs(rows: int, columns: int) -> float:
        return memory.of_prediction(arch, rows, columns, block * rows * columns, labelled)

    return tile_choice.best(arch, (height, width), wanted.limit or 0, needs)


@contextmanager
def engine(workers: int | None, address: str | None) -> Iterator[Engine]:
    """Yield what computes the blocks; print the address of its dashboard, if it has one."""
    if workers is None and address is None:
        yield engines.here
        return
    with engines.cluster(workers, address) as (found, dashboard):
        say(f"dashboard {dashboard}")
        yield found


def compute(out: Path, part: Part, run: Engine) -> bool:
    """Compute all that is missing, stage by stage; return False if other parts have blocks left.

    With several parts, only the blocks are shared: whoever finds all of them done does the rest.
    """
    place = str(out.resolve())
    for k, stage in enumerate(blocks.stages(place)):
        todo = stage.left()
        if k == 0:
            there = stage.count - len(todo)
            say(f"{stage.name}s    {stage.count:,}, of which {there:,} are there")
            todo = [number for number in todo if number % part.of == part.number - 1]
        with Progress(len(todo), stage.name) as progress:
            for number in run(partial(blocks.run, place, k), todo):
                progress.advance(f"{stage.name} {number}")
        if stage.left():
            return False
    return True
