"""What `predict` prints about its images and its tiles before it starts."""

from collections import Counter
from collections.abc import Sequence
from math import prod
from pathlib import Path

import numpy as np

from minunet.data import object_size
from minunet.data.image_files import Reading, counted
from minunet.prediction import memory, tile_choice
from minunet.prediction.jobs import Job
from minunet.resampling import NONE, Factors, small_shape
from minunet.runs.settings import Settings

MOST = 6
"""Maximum number of slices, sizes or notes to print."""


def images(source: Path, reading: Reading, jobs: Sequence[Job]) -> list[str]:
    """Return lines about the images of a file or a folder `source`, and what is read of them."""
    slices, height, width = jobs[0].task.shape
    text = f"{counted(slices)} of {height} x {width} pixels"
    if len(jobs) > 1:
        sizes = Counter(f"{h} x {w}" for _, h, w in (job.task.shape for job in jobs))
        counts = [f"{count} of {size} pixels" for size, count in sizes.most_common()]
        text = f"{len(jobs)} files, each segmented by itself: {shortened(counts)}"
    lines = [f"image     {source}: {text}"]
    if jobs[0].names and len(jobs) == 1:
        named = [f"{k} {name}".strip() for k, name in enumerate(jobs[0].names)]
        lines.append(f"slices    {shortened(named)}")
    if reading.channel is not None:
        lines.append(f"channel   {reading.channel}")
    if reading.series is not None:
        lines.append(f"series    {reading.series}")
    every = jobs[0].images
    lines += [f"note      {note}" for note in every.notes[:MOST]]
    lines += [f"note      {note}" for note in _types(jobs)]
    if every.broken:
        count = len(every.broken)
        lines.append(f"left out  {count} file{'s' * (count > 1)}, listed at the end")
    return lines


def threshold(settings: Settings, model: str, given: float | None) -> list[str]:
    """Return a line about the threshold of class 1; none for a model with three or more classes.

    Parameters
    ----------
    settings : Settings         of the run that trained the model
    model : str                 name of its checkpoint
    given : float or None       value of --threshold

    Examples
    --------
    >>> from minunet.runs.settings import from_options
    >>> threshold(from_options(threshold=0.4, threshold_from="training"), "last.npz", None)
    ['threshold 0.4, chosen on training slices (stored in last.npz)']
    """
    if len(settings.label_values) != 2:
        return []
    if given is not None:
        return [f"threshold {given:g}, given by --threshold"]
    if settings.threshold is None:
        return [
            f"threshold 0.5, because {model} contains none: its run has not finished, or another "
            "program trained it"
        ]
    average = "" if settings.average == "none" else f", with --average {settings.average}"
    return [
        f"threshold {settings.threshold:g}, chosen on {settings.threshold_from} slices"
        f"{average} (stored in {model})"
    ]


def cells(jobs: Sequence[Job]) -> list[str]:
    """Return a line about how cells are found; none if the labels are classes."""
    if not jobs[0].task.labelling.cells:
        return []
    rule = jobs[0].task.labelling.rule
    sizes = sorted({job.task.labelling.rule.smallest for job in jobs})
    numbers = shortened([str(size) for size in sizes])
    grown = f"grown to {rule.lowest:g}" if rule.lowest < rule.threshold else "not grown"
    pixels = "pixel" if sizes == [1] else "pixels"
    return [f"cells     {numbers} {pixels} or more above the threshold, {grown}, without holes"]


def _types(jobs: Sequence[Job]) -> list[str]:
    """Return a note on images of several dtypes, unless each of them has its own scale."""
    pages = (page for job in jobs for page in job.images.pages)
    types = sorted({np.dtype(page.dtype).name for page in pages})
    if len(types) == 1 or jobs[0].task.model.settings.scaling == "image":
        return []
    return [
        f"the images are {' and '.join(types)}, but one scale is used for all of them; if their "
        "ranges of values differ, put the images of each type into a folder of its own and run "
        "predict on each"
    ]


def shortened(words: Sequence[str]) -> str:
    """Join words with commas; of many, only the first ones and the last one.

    Examples
    --------
    >>> shortened(["0 a", "1 b"]), shortened([*"abcdefgh"])
    ('0 a, 1 b', 'a, b, c, d, …, h')
    """
    shown = [*words] if len(words) <= MOST else [*words[: MOST - 2], "…", words[-1]]
    return ", ".join(shown)


def tiles(jobs: Sequence[Job]) -> list[str]:
    """Return lines about the tiles, their computation and their memory, for the largest image."""
    largest = max(jobs, key=lambda job: job.memory)
    task, arch, size = largest.task, largest.task.model.architecture, largest.task.shape[1:]
    down, across = task.tiling.cover(size, arch.depth)
    computed = tile_choice.computation(arch, size, task.tiling)
    shrink = task.tiling.shrink
    times = computed / (prod(small_shape(size, shrink)) * tile_choice.endless(arch))
    labelled = memory.format_bytes(memory.LABELLING * prod(size))
    finding = f" (finding the cells of a slice takes {labelled})" if task.labelling.cells else ""
    needed = f"about {memory.format_bytes(largest.memory)}"
    if task.model.device == "cuda":
        needed += f" of GPU memory{finding.replace(')', ' of main memory)')}"
    else:
        needed += f"{finding}, not counting memory-mapped files"
    which = "" if len(jobs) == 1 else f" of {largest.name}"
    return [
        *_sizes(jobs),
        f"tile      {down.tile} x {across.tile} → {down.output} x {across.output} pixels, "
        f"{task.tiles} per slice{which}; the margins multiply the computation by {times:.2f}",
        f"memory    {needed}",
    ]


def _sizes(jobs: Sequence[Job]) -> list[str]:
    """Return a line for each size of network pixels; none if they are always image pixels."""
    trained, first = jobs[0].task.model.tiling().shrink, dict[Factors, Job]()
    for job in jobs:
        first.setdefault(job.task.tiling.shrink, job)
    if [*first] == [trained] == [NONE]:
        return []
    lines = [
        f"size      {object_size.describe(shrink)} image pixels per network pixel"
        f"{f' of {job.name}' if len(first) > 1 else ''}, {_reason(job, trained)}"
        for shrink, job in first.items()
    ]
    more = len(lines) - MOST
    return [*lines[:MOST], *([f"size      {more} more"] if more > 0 else [])]


def _reason(job: Job, trained: Factors) -> str:
    """Say how the network pixels of a job differ from those in training, and why."""
    shrink, was = job.task.tiling.shrink, job.task.model.settings.pixel_size
    if shrink == trained:
        return "as in training"
    here = object_size.pixel_size(job.images.calibration)
    if not here or not was:
        return f"in training {object_size.describe(trained)}"
    return (
        f"in training {object_size.describe(trained)}: image pixels are "
        f"{object_size.in_words(here)}, in training {object_size.in_words(was)}"
    )
