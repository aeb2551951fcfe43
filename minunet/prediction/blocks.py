"""Split a volume into blocks that any process can compute by itself, in any order, and again.

A block is what one tile segments of one slice, and exactly one chunk of the results. It depends on
the plan and its number, and on nothing else. So the chunks and notes that are there are the only
record of what is done: a prediction that was stopped computes the others.

Cells are found once all probabilities are there (`block_cells`). The smaller levels of the pyramids
come last.
"""

from collections.abc import Iterator
from functools import lru_cache, partial
from itertools import pairwise
from pathlib import Path

import numpy as np

from minunet import files, models
from minunet.array import Array
from minunet.data import ome_zarr
from minunet.data.ome_zarr import Chunks
from minunet.data.page import Reading
from minunet.data.scaling import Scale
from minunet.data.sections import Sections
from minunet.errors import InputError
from minunet.fast import threads
from minunet.network import Network
from minunet.prediction import model, rectangle, volume_plan
from minunet.prediction.block_cells import BlockCells
from minunet.prediction.engines import Stage
from minunet.prediction.instances import Rule
from minunet.prediction.stack import Labelling
from minunet.prediction.tiling import Tiling

NOTES = "notes"
"""Folder of what is noted about the cells of the blocks; not needed once all labels are there."""


class Work:
    """What a process needs to compute any block: plan, model, image and results.

    Parameters
    ----------
    out : Path     results, which were created with their plan

    Raises
    ------
    InputError
        If the model, or the shape or the dtype of the image, has changed since then.
    """

    def __init__(self, out: Path) -> None:
        self.out, self.plan = out, volume_plan.read(out)
        plan = self.plan
        threads.use(plan.threads)
        changed = f"has changed since {out} was begun; {volume_plan.ADVICE}"
        if files.digest(models.find(plan.model)) != plan.weights:
            raise InputError(f"{plan.model} {changed}")
        self.model = model.load(plan.model, "cpu")
        down, across = plan.tiling["shrink"]
        self.tiling = Tiling(**plan.tiling)._replace(shrink=(down, across))
        self.sections = Sections(Path(plan.image), Reading(**plan.reading))
        if volume_plan.contents(self.sections) != (plan.shape, plan.dtype, plan.sample):
            raise InputError(f"{plan.image} {changed}")
        self.levels = {folder: _opened(folder) for folder in (out, out / "labels" / plan.labels)}
        self.p, self.labels = (levels[0] for levels in self.levels.values())
        self.labelling = Labelling(
            self.model.settings.label_values,
            plan.labels == "cells",
            plan.rule["threshold"],
            Rule(**plan.rule),
        )

    def stages(self) -> Iterator[Stage]:
        """Yield the stages in their order."""
        yield Stage("block", len(self.p), self.has_block, self.block)
        if self.labelling.cells:
            cells = self.cells()
            yield from cells.stages()
            write = lambda number: self.labels.write(number, cells.cells(number))  # noqa: E731
            yield Stage("cells of block", len(self.labels), self.labels.is_there, write)
        for levels in self.levels.values():
            halve = ome_zarr.means if levels[0] is self.p else ome_zarr.every_other
            for level, (above, here) in enumerate(pairwise(levels), start=1):
                run = partial(here.halve, above, halve)
                yield Stage(f"chunk of level {level}", len(here), here.is_there, run)

    def has_block(self, number: int) -> bool:
        """Return whether all that `block` writes is there."""
        return self.p.is_there(number) and (self.labelling.cells or self.labels.is_there(number))

    def block(self, number: int) -> None:
        """Compute a block, and write its probabilities and then its labels."""
        p = self.probabilities(number)
        two = len(self.model.settings.label_values) == 2
        self.p.write(number, p[..., 1] if two else np.moveaxis(p, -1, 0))
        if not self.labelling.cells:
            self.labels.write(number, self.labelling.classes(p))

    def probabilities(self, number: int) -> Array:
        """Compute the class probabilities (h, w, K) of a block."""
        *leading, rows, columns = self.labels.place(number)
        k = int(np.ravel_multi_index([one.start for one in leading], self.sections.counts))
        scale = Scale(*self.plan.scales[k if len(self.plan.scales) > 1 else 0])
        network = Network(self.model.params, self.model.architecture, scale.apply)
        height, width = self.plan.block  # the tiles at the ends are as large as the others
        at = slice(rows.start, rows.start + height), slice(columns.start, columns.start + width)
        logits = rectangle.logits(network, self.sections[k], self.tiling, at)
        return model.probabilities(logits, f"block {number}, in slice {k},")

    def cells(self) -> BlockCells:
        """Return how the cells are found."""
        rule, overlap = self.labelling.rule, self.plan.connect
        above = None if overlap is None else self.sections.above
        return BlockCells(self.out / NOTES, self.p, rule, above, overlap or 0.0)


def _opened(folder: Path) -> list[Chunks]:
    """Open all levels of an image of the results."""
    first = Chunks(folder)
    count = len(ome_zarr.levels(first.array.shape, first.array.chunks))
    return [first, *(Chunks(folder, level) for level in range(1, count))]


@lru_cache(1)
def stages(out: str, plan: str) -> list[Stage]:
    """Return the stages of a prediction; its files are opened once in every process.

    `plan` is the SHA-256 of the plan: a worker of a cluster may live longer than one prediction.
    """
    return list(Work(Path(out)).stages())


def run(out: str, plan: str, stage: int, number: int) -> int:
    """Run a task in this process, and return its number."""
    stages(out, plan)[stage].run(number)
    return number
