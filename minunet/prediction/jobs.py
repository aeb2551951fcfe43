"""What `predict` does: segment a stack, or the files of a folder one by one.

Images of one size make a stack, even if every one has its own file. If the files of a folder differ
in size, every file is a job, and its results are named after it.
"""

import copy
from collections.abc import Callable, Iterable
from contextlib import suppress
from functools import partial
from math import prod
from typing import NamedTuple

import numpy as np

from minunet.array import Array
from minunet.console import printable
from minunet.data.file_names import different_names
from minunet.data.image_files import Slices
from minunet.data.page import Page
from minunet.data.scaling import Scale
from minunet.errors import InputError
from minunet.prediction import label_colours, memory, tile_choice
from minunet.prediction import output_files as outputs
from minunet.prediction.model import Model
from minunet.prediction.output_files import About, Layout
from minunet.prediction.stack import Labelling, Maps, Task, fill, preview
from minunet.prediction.tiling import Tiling
from minunet.prediction.unfinished import Unfinished
from minunet.progress import Progress

Size = tuple[int, int]
"""Height and width of an image, in pixels."""


class Plan(NamedTuple):
    """What all jobs have in common."""

    model: Model
    labelling: Labelling
    scale: Scale | None
    tiling: Tiling
    limit: int | None  # of memory, in bytes; the tile size that fits it replaces that of `tiling`


class Job(NamedTuple):
    """A stack to segment."""

    images: Slices
    name: str  # of the results; empty if the stack is the only one
    task: Task

    @property
    def names(self) -> tuple[str, ...]:
        """Names of the slices, or the labels of ImageJ; empty if they are only numbered."""
        labels = tuple(printable(page.label) for page in self.images.pages)
        if not self.images.in_folder and any(labels):
            return labels  # even if some are equal or empty
        names = tuple(self.images.names)
        return () if names == tuple(map(str, range(len(names)))) else names

    @property
    def files(self) -> tuple[Layout, Layout]:
        """Layouts of the probabilities and the labels."""
        settings = self.task.model.settings
        table = label_colours.table(settings.label_values, settings.label_colours)
        about = About(self.images.calibration, self.names, table)
        classes = len(settings.label_values)
        p, labels = outputs.layouts(self.task.shape, classes, self.task.labelling.cells, about)
        return self._place(p), self._place(labels)

    def _place(self, layout: Layout) -> Layout:
        return layout._replace(name=outputs.in_folder(layout.name, self.name))

    @property
    def memory(self) -> float:
        """Memory that the job needs, in bytes, without memory-mapped files."""
        down, across = self.task.tiling.cover(
            self.task.shape[1:], self.task.model.architecture.depth
        )
        return needs(self.images, self.task.model, self.task.labelling)(down.tile, across.tile)


def leave_out_mixed(images: Slices) -> None:
    """Leave out files with slices of several sizes; raise an `InputError` if no file is left."""
    for part in images.by_file():
        sizes = sorted({page.shape[:2] for page in part.pages})
        if len(sizes) > 1:
            (h, w), (other_h, other_w) = sizes[:2]
            file = part.pages[0].file
            reason = (
                f"{file} contains images of several sizes, such as {h} x {w} and "
                f"{other_h} x {other_w} pixels; pass --series N to segment one of them"
            )
            if not images.in_folder:
                raise InputError(reason)
            images.leave_out(file, reason)
    images.check_not_empty()


def prepare(images: Slices, plan: Plan) -> list[Job]:
    """Make one job for a stack, or one for each file if their sizes differ.

    Raises
    ------
    InputError
        If the tiling is not valid, or if the memory is not enough for an image.
    """
    arch, paper_step = plan.model.architecture, plan.tiling.paper_step
    if plan.limit is None:
        plan.tiling.check(arch.depth)
    parts, names = [images], [""]
    if len({page.shape[:2] for page in images.pages}) > 1:
        parts = images.by_file()
        names = [*different_names(images.files).values()]

    jobs, best = [], dict[tuple[Size, int], int]()
    for part, name in zip(parts, names, strict=True):
        size, tiling = size_of(part), plan.tiling
        if plan.limit is not None:
            key = (size, held(part))
            if key not in best:
                need = needs(part, plan.model, plan.labelling)
                best[key] = tile_choice.best(arch, size, plan.limit, need, paper_step)
            tiling = tiling._replace(tile=best[key])
        task = Task(plan.model, (len(part), *size), tiling, plan.labelling, plan.scale)
        jobs.append(Job(part, name, task))
    return jobs


def size_of(images: Slices) -> Size:
    """Return the height and the width of the slices."""
    height, width, *_ = images.pages[0].shape
    return height, width


def held(images: Slices) -> int:
    """Return the bytes of the largest slice that is not memory-mapped."""
    sizes = [prod(p.shape) * np.dtype(p.dtype).itemsize for p in images.pages if not p.mapped]
    return max(sizes, default=0)


def needs(images: Slices, model: Model, labelling: Labelling) -> Callable[[int, int], float]:
    """Return a function that estimates the memory in bytes for the rows and columns of a tile."""
    labelled = prod(size_of(images)) if labelling.cells else 0
    arch = model.architecture
    return partial(memory.of_prediction, arch, held=held(images), labelled=labelled)


def space(jobs: Iterable[Job], masks: bool) -> int:
    """Return the bytes needed on disk for averaging and for the results except the previews."""
    size = averaging = 0
    for job in jobs:
        slices, height, width = job.task.shape
        size += sum(file.size for file in job.files)
        size += 2 * slices * height * width if masks else 0
        if job.task.tiling.average != "none":
            classes = job.task.model.architecture.classes
            averaging = max(averaging, 4 * height * width * classes)
    return size + averaging


def write(job: Job, finished: int, kept: Unfinished, progress: Progress) -> Array:
    """Write the results of a job, after its finished slices; return the labels (Z, H, W)."""
    task, names, tiles_before = job.task, job.names, progress.done
    count, height, width = task.shape
    p, labels = (kept.map(file, finished > 0) for file in job.files)
    maps = Maps(p.reshape(count, -1, height, width), labels.reshape(task.shape))
    total = None
    if task.tiling.average != "none" and finished < count:
        bias = task.model.params["out.b"]
        total = outputs.scratch(kept.folder, (height, width, len(bias)), bias.dtype)
    rest = copy.copy(job.images)
    rest.pages = rest.pages[finished:]
    sizes = {file: file.stat().st_size for file in {page.file for page in rest.pages}}

    def advance() -> None:
        done = progress.done - tiles_before
        page = rest.pages[done // task.tiles]
        check_not_cut(page, sizes[page.file])
        k = finished + done // task.tiles
        words = [job.name, "" if job.name and count == 1 else f"slice {k}", *names[k : k + 1]]
        progress.advance(" ".join(word for word in words if word))

    todo = Maps(maps.p[finished:], maps.labels[finished:])
    for _ in fill(task, rest, todo, total, advance):
        kept.count()
    path = kept.folder / outputs.in_folder("preview.png", job.name)
    path.parent.mkdir(exist_ok=True)
    preview(path, job.images, maps, task.labelling.cells, names)
    kept.close()
    return maps.labels


def check_not_cut(page: Page, size: int) -> None:
    """Raise an `InputError` if a mapped file is shorter than it was: reading it would crash.

    Between this check and the next tile, a few milliseconds remain in which that may happen.
    """
    with suppress(FileNotFoundError):  # a removed file stays readable while it is mapped
        now = page.file.stat().st_size
        if page.mapped and now < size:
            raise InputError(
                f"{page.file} was cut short while it was being read: it had {size:,} bytes, and "
                f"now has {now:,}"
            )
