"""What `predict` does if its output is an OME-Zarr image: plan the blocks, and compute them."""

import argparse
import re
from functools import partial
from math import ceil, prod
from pathlib import Path

from minunet import __version__, files, models
from minunet.cli import say
from minunet.data import file_names
from minunet.data.ome_zarr import Version
from minunet.data.sections import Sections
from minunet.errors import InputError
from minunet.fast import threads
from minunet.prediction import blocks, jobs, memory, rectangle, tile_choice, volume_plan
from minunet.prediction.engines import Engine
from minunet.prediction.jobs import Plan
from minunet.prediction.model import Model
from minunet.prediction.tiling import Tiling
from minunet.prediction.volume_plan import VolumePlan
from minunet.progress import Progress
from minunet.resampling import small_shape

OVERLAP = 0.5
"""Usual fraction of their union that cells of neighbouring slices share if they are one. Above 0.5,
a cell has at most one partner in a slice. With 0, a single wrong pixel can join two cells, and in
serial sections of 50 nm, whose cells move from slice to slice, nearly all cells become one."""


def parse_part(text: str) -> tuple[int, int]:
    """Parse K/N on the command line, with K from 1 to N; an argparse type."""
    match = re.fullmatch(r"([0-9]{1,9})/([0-9]{1,9})", text)
    part, of = map(int, match.groups()) if match else (0, 0)
    if not 1 <= part <= of:
        raise argparse.ArgumentTypeError(
            f"{text[:40]!r} is not a part; pass K/N with K from 1 to N, such as 1/8"
        )
    return part, of


def plan(
    request: Plan, model: Path, sections: Sections, connect: float | None, version: Version
) -> VolumePlan:
    """Plan a prediction, except for its scales.

    Parameters
    ----------
    request : Plan             what was asked for
    model : Path               file of the model, or name of a built-in one
    sections : Sections        the image
    connect : float or None    see `VolumePlan`
    version : {"0.5", "0.4"}   of OME-Zarr

    Raises
    ------
    InputError
        If the image does not suit the model or the request.
    """
    trained, labelling = request.model, request.labelling
    check(sections, trained.settings.in_channels, labelling.cells, connect)
    tiling = tiling_of(request, sections)
    smallest = request.smallest or trained.rule(tiling.shrink).smallest
    rule = labelling.rule._replace(smallest=smallest)
    path = models.find(model).resolve()
    shape, dtype, sample = volume_plan.contents(sections)
    return VolumePlan(
        minunet=__version__,
        model=str(model) if str(model) in models.MODELS else str(path),
        weights=files.digest(path),
        image=str(file_names.absolute(sections.path)),
        reading=sections.reading._asdict(),
        shape=shape,
        dtype=dtype,
        sample=sample,
        tiling=tiling._asdict() | {"shrink": [*map(float, tiling.shrink)]},
        block=[*rectangle.sides(sections.shape, tiling, trained.architecture.depth)],
        threads=threads.count(),
        labels="cells" if labelling.cells else "classes",
        rule=rule._asdict() if labelling.cells else {"threshold": labelling.threshold},
        connect=connect,
        ome_zarr=version,
        scales=[],
    )


def begin(out: Path, new: VolumePlan, trained: Model, sections: Sections) -> VolumePlan:
    """Create the results of a prediction, or continue it; return its plan, with the scales.

    Raises
    ------
    InputError
        If `out` is something else, or a prediction with another plan.
    """
    if out.exists():
        old = volume_plan.read(out)
        if differences := old.differences(new):
            raise InputError(
                f"{out} was begun with other values: {', '.join(differences)}; pass the same "
                "arguments as then, or another name with -o"
            )
        return old
    new = new._replace(scales=volume_plan.scales(sections, trained.settings.scaling))
    classes = len(trained.settings.label_values)
    volume_plan.create(out, new, *volume_plan.layouts(new, sections, classes))
    return new


def check(sections: Sections, needs: int, cells: bool, connect: float | None) -> None:
    """Raise an `InputError` if an image does not suit the model or the request.

    Parameters
    ----------
    sections : Sections        the image
    needs : int                number of channels that the model needs
    cells : bool               whether the labels are cells
    connect : float or None    see `VolumePlan`
    """
    has = sections.shape[2]
    if has != needs:
        advice = "pass --channel N or --grey" if needs == 1 else "segment a colour image"
        raise InputError(
            f"{sections.path} has {has} channel{'s' * (has > 1)}, but the model needs {needs}; "
            f"{advice}"
        )
    if connect is not None and not cells:
        raise InputError("--connect joins cells, but the labels are classes; pass --labels cells")
    if connect is not None and "z" not in sections.axes:
        raise InputError(
            f"{sections.path} has no axis z, along which --connect joins cells; leave it out, or "
            "name the axes with --axes"
        )


def tiling_of(request: Plan, sections: Sections) -> Tiling:
    """Return the tiles that were asked for, or the best ones for the memory that was given."""
    shrink = jobs.shrink_of(request, sections.calibration, sections.path)
    tiling = request.tiling._replace(shrink=shrink)
    if request.limit is None:
        return tiling
    arch, small = request.model.architecture, small_shape(sections.shape, shrink)
    bytes_ = sections.dtype.itemsize * sections.shape[2] * prod(shrink)

    def needs(rows: int, columns: int) -> float:
        return memory.of_prediction(arch, rows, columns, ceil(bytes_ * rows * columns))

    return tiling._replace(tile=tile_choice.best(arch, small, request.limit, needs))


def compute(out: Path, part: tuple[int, int], run: Engine) -> bool:
    """Compute all that is missing, stage by stage; return False if other parts have blocks left.

    With several parts (k, n), only the blocks are divided: whoever finds all of them done does the
    rest.
    """
    which = str(out.resolve()), files.digest(out / volume_plan.PLAN)
    for k, stage in enumerate(blocks.stages(*which)):
        todo = stage.left()
        if k == 0:
            there = stage.tasks - len(todo)
            say(f"progress  {there:,} of {stage.tasks:,} blocks are done")
            todo = [number for number in todo if number % part[1] == part[0] - 1]
        with Progress(len(todo), stage.name) as progress:
            for number in run(partial(blocks.run, *which, k), todo):
                progress.advance(f"{stage.name} {number}")
        if stage.left():
            return False
    return True
