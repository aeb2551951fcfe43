"""Split a volume into blocks that any process can compute by itself, in any order, and again.

A block is what one tile segments of one slice, and exactly one chunk of the results. It depends on
the plan and its number, and on nothing else. So the chunks that are there are the only record of
what is done: a prediction that was stopped computes the others.

Cells are found slice by slice, once all probabilities of a slice are there. The smaller levels of
the pyramids come last.
"""

from collections.abc import Callable, Iterator
from functools import lru_cache, partial
from pathlib import Path
from typing import NamedTuple

import numpy as np

from minunet import models
from minunet.array import Array
from minunet.data import ome_zarr
from minunet.data.ome_zarr import Chunks
from minunet.data.scaling import Scale
from minunet.data.sections import Sections
from minunet.errors import InputError
from minunet.fast import threads
from minunet.network import Network
from minunet.ops import cross_entropy
from minunet.prediction import model, rectangle, volume_plan
from minunet.prediction.instances import Rule
from minunet.prediction.stack import Labelling


class Stage(NamedTuple):
    """Tasks that may run in any order, once the previous stage is done."""

    name: str  # of a task
    tasks: int
    is_done: Callable[[int], bool]
    run: Callable[[int], None]

    def left(self) -> list[int]:
        """Return the numbers of the tasks that are not done."""
        return [k for k in range(self.tasks) if not self.is_done(k)]


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
        if volume_plan.digest(models.find(plan.model)) != plan.weights:
            raise InputError(f"{plan.model} {changed}")
        self.model = model.load(plan.model, "cpu")
        self.sections = Sections(Path(plan.image), plan.reading)
        if (volume_plan.shape_of(self.sections), self.sections.dtype) != (plan.shape, plan.dtype):
            raise InputError(f"{plan.image} {changed}")
        self.labelled = out / "labels" / plan.labels
        self.p, self.labels = Chunks(out), Chunks(self.labelled)
        self.labelling = Labelling(
            self.model.settings.label_values,
            plan.labels == "cells",
            plan.threshold,
            Rule(*plan.rule),
        )

    def stages(self) -> Iterator[Stage]:
        """Yield the stages in their order."""
        written_last = self.p if self.labelling.cells else self.labels
        yield Stage("block", len(self.p), written_last.is_there, self.block)
        if self.labelling.cells:
            yield Stage("slice", len(self.sections), self.has_cells, self.cells)
        for folder in (self.out, self.labelled):
            halve = ome_zarr.every_other if folder == self.labelled else ome_zarr.means
            for level in range(1, len(list(folder.glob("[0-9]*")))):
                above, here = Chunks(folder, level - 1), Chunks(folder, level)
                run = partial(here.halve, above, halve)
                yield Stage(f"chunk of level {level}", len(here), here.is_there, run)

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
        logits = rectangle.logits(network, self.sections[k], self.plan.tiling, at)
        if not np.isfinite(logits).all():
            raise InputError(
                f"the logits of block {number}, in slice {k}, contain NaN or infinity: the weights "
                "of this model, or the grey values, are too large for float32"
            )
        return cross_entropy.softmax(logits)

    def cells(self, k: int) -> None:
        """Find and number the cells of slice k, and write them chunk by chunk."""
        numbers = self._chunks_of(k)
        slice_ = self.labels.place(numbers[0])[:-2]
        p = np.asarray(self.p.array[slice_])
        cells = self.labelling.rule.cells(p.reshape(p.shape[-2:]), np.uint32)
        for number in numbers:
            self.labels.write(number, cells[self.labels.place(number)[-2:]])

    def has_cells(self, k: int) -> bool:
        """Return whether all cells of slice k are written; its last chunk is written last."""
        return self.labels.is_there(self._chunks_of(k)[-1])

    def _chunks_of(self, k: int) -> range:
        """Return the numbers of the chunks of slice k."""
        count = len(self.labels) // len(self.sections)
        return range(k * count, (k + 1) * count)


@lru_cache(1)
def stages(out: str) -> list[Stage]:
    """Return the stages of a prediction; its files are opened once in every process."""
    return list(Work(Path(out)).stages())


def run(out: str, stage: int, number: int) -> int:
    """Run a task in this process, and return its number."""
    stages(out)[stage].run(number)
    return number
