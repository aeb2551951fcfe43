"""What `predict` does: segment a stack, or the files of a folder one by one.

Images of one size make a stack, even if every one has its own file. If the files of a folder differ
in size, or in the size of a pixel, every file is a job, and its results are named after it.
"""

import copy
from collections.abc import Callable, Iterable
from contextlib import suppress
from functools import partial
from math import prod
from pathlib import Path
from typing import NamedTuple

import numpy as np

from minunet.array import Array
from minunet.console import printable
from minunet.data import object_size
from minunet.data.calibration import Calibration
from minunet.data.file_names import different_names, stat
from minunet.data.image_files import Slices
from minunet.data.page import Page
from minunet.data.scaling import Scale
from minunet.errors import InputError
from minunet.prediction import gpu_memory, label_colours, memory, tile_choice
from minunet.prediction import output_files as outputs
from minunet.prediction.model import Model
from minunet.prediction.output_files import About, Layout
from minunet.prediction.stack import Labelling, Maps, Task, fill, preview
from minunet.prediction.tiling import Tiling
from minunet.prediction.unfinished import Unfinished
from minunet.progress import Progress
from minunet.resampling import NONE, Factors, small_shape

Size = tuple[int, int]
"""Height and width of an image, in pixels."""

FULL = "free some of the GPU's memory, or pass --device cpu"
"""What to do if the GPU does not have enough memory for any tile."""


class Plan(NamedTuple):
    """What all jobs have in common."""

    model: Model
    labelling: Labelling
    scale: Scale | None
    tiling: Tiling
    limit: int | None  # of memory, in bytes; the tile size that fits it replaces that of `tiling`
    shrink: float | None = None  # image pixels per network pixel; None: as in training
    smallest: int | None = None  # minimum size of a seed; None: as in training, see `Model.rule`
    usable: int | None = None  # memory of the GPU, in bytes: if the tile needs more, as for `limit`


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
        """Memory that the job needs, in bytes; on the CPU, without memory-mapped files."""
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
    """Make one job for a stack, or one for each file if their sizes or pixel sizes differ.

    Raises
    ------
    InputError
        If the tiling is not valid, or if the memory is not enough for an image.
    """
    arch, paper_step = plan.model.architecture, plan.tiling.paper_step
    if plan.limit is None:
        plan.tiling.check(arch.depth)
    parts, names = images.by_file(), [*different_names(images.files).values()]
    seen = [(size_of(part), shrink_of(plan, part.calibration, part.files[0])) for part in parts]
    if len(set(seen)) == 1:
        parts, names, seen = [images], [""], seen[:1]

    jobs, best = [], dict[tuple[Size, Factors, int], int]()
    for part, name, (size, shrink) in zip(parts, names, seen, strict=True):
        tiling = plan.tiling._replace(shrink=shrink)
        limit, need = plan.limit, needs(part, plan.model, plan.labelling)
        if plan.usable is not None:
            down, across = tiling.cover(size, arch.depth)
            limit = plan.usable if need(down.tile, across.tile) > plan.usable else None
        if limit is not None:
            key = (size, shrink, held(part))
            if key not in best:
                small, remedy = small_shape(size, shrink), FULL if plan.usable else ""
                best[key] = tile_choice.best(arch, small, limit, need, paper_step, remedy)
            tiling = tiling._replace(tile=best[key])
        smallest = plan.smallest or plan.model.rule(shrink).smallest
        rule = plan.labelling.rule._replace(smallest=smallest)
        labelling = plan.labelling._replace(rule=rule)
        task = Task(plan.model, (len(part), *size), tiling, labelling, plan.scale)
        jobs.append(Job(part, name, task))
    return jobs


def shrink_of(plan: Plan, known: Calibration, path: Path) -> Factors:
    """Return the image pixels per network pixel, which depend on the pixel size of the images.

    Parameters
    ----------
    plan : Plan
    known : Calibration     of the images
    path : Path             of the images, for the error message

    Raises
    ------
    InputError
        If the pixel size is very different from that of the training images.
    """
    if plan.shrink is not None:
        return plan.shrink, plan.shrink
    try:
        return plan.model.tiling(object_size.pixel_size(known)).shrink
    except InputError as error:
        raise InputError(f"{path}: {error}") from None


def size_of(images: Slices) -> Size:
    """Return the height and the width of the slices."""
    height, width, *_ = images.pages[0].shape
    return height, width


def held(images: Slices) -> int:
    """Return the bytes of the largest slice that is not memory-mapped."""
    sizes = [prod(p.shape) * np.dtype(p.dtype).itemsize for p in images.pages if not p.mapped]
    return max(sizes, default=0)


def needs(images: Slices, model: Model, labelling: Labelling) -> Callable[[int, int], float]:
    """Return a function that estimates the memory in bytes for the rows and columns of a tile.

    If the model is on a GPU, that is the memory of the GPU.
    """
    labelled = prod(size_of(images)) if labelling.cells else 0
    arch = model.architecture
    if model.device == "cuda":
        return partial(gpu_memory.of_prediction, arch)
    return partial(memory.of_prediction, arch, held=held(images), labelled=labelled)


def space(jobs: Iterable[Job], masks: bool) -> int:
    """Return the bytes needed on disk for temporary arrays and all results except the previews."""
    size = temporary = 0
    for job in jobs:
        slices, height, width = job.task.shape
        size += sum(file.size for file in job.files)
        size += 2 * slices * height * width if masks else 0
        temporary = max(temporary, _temporary(job.task))
    return size + temporary


def _temporary(task: Task) -> int:
    """Return the bytes of the temporary arrays of a slice, see `averaging.windows`."""
    arch, tiling = task.model.architecture, task.tiling
    small = prod(small_shape(task.shape[1:], tiling.shrink))
    sums = 0 if tiling.average == "none" else 4 * small * arch.classes
    if tiling.shrink == NONE:
        return sums
    return sums + small * (4 * arch.classes + 8 * arch.in_channels)  # logits, small image


def write(job: Job, finished: int, kept: Unfinished, progress: Progress) -> Array:
    """Write the results of a job, after its finished slices; return the labels (Z, H, W)."""
    task, names, tiles_before = job.task, job.names, progress.done
    count, height, width = task.shape
    p, labels = (kept.map(file, finished > 0) for file in job.files)
    maps = Maps(p.reshape(count, -1, height, width), labels.reshape(task.shape))
    rest = copy.copy(job.images)
    rest.pages = rest.pages[finished:]
    sizes = {file: stat(file).st_size for file in {page.file for page in rest.pages}}

    def check(k: int) -> None:
        for page in rest.pages[k : k + 1]:
            check_not_cut(page, sizes[page.file])

    def advance() -> None:
        done = progress.done - tiles_before
        check(done // task.tiles)
        k = finished + done // task.tiles
        words = [job.name, "" if job.name and count == 1 else f"slice {k}", *names[k : k + 1]]
        progress.advance(" ".join(word for word in words if word))

    todo = Maps(maps.p[finished:], maps.labels[finished:])
    check(0)  # before a slice is read: shrinking it reads all of it
    filled = fill(task, rest, todo, partial(outputs.scratch, kept.folder), advance)
    for k, _ in enumerate(filled, start=1):
        kept.count()
        check(k)
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
        now = stat(page.file).st_size
        if page.mapped and now < size:
            raise InputError(
                f"{page.file} was cut short while it was being read: it had {size:,} bytes, and "
                f"now has {now:,}"
            )
