"""All results of `predict`: those of the jobs, and masks of the Cell Tracking Challenge."""

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any, NamedTuple

from minunet import __version__, files
from minunet.data.file_names import stat
from minunet.data.image_files import Reading
from minunet.fast import threads
from minunet.prediction import jobs, unfinished
from minunet.prediction import output_files as outputs
from minunet.prediction.jobs import Job
from minunet.prediction.unfinished import Unfinished
from minunet.progress import Progress

OPTIONS = {"paper_step": "step", "cells": "labels", "values": "label-values"}
"""Names of options that differ from those of the fields that they set."""


class Results(NamedTuple):
    """Where the results of all jobs are written."""

    out: Path
    jobs: Sequence[Job]
    sequence: str = ""  # name of a folder of frames, such as 01
    digits: Sequence[str] = ()  # of the frames; empty: no masks are written

    @property
    def names(self) -> list[str]:
        """All files to write, relative to the output folder."""
        names = [outputs.in_folder(name, job.name) for job in self.jobs for name in outputs.OUTPUTS]
        return names + [f"{self.sequence}_RES/mask{number}.tif" for number in self.digits]

    @property
    def slices(self) -> int:
        """Number of slices of all jobs."""
        return sum(job.task.shape[0] for job in self.jobs)

    def check_free(self) -> None:
        """Raise an `InputError` if a result exists, or if there is not enough space on the disk."""
        from minunet.data import ctc  # here: it slows down --help

        outputs.check_out(self.out)
        if len(self.jobs) > 1:
            outputs.check_folders(self.out, [job.name for job in self.jobs])
        if self.digits:
            ctc.check_out(self.out, self.sequence)
        begun = (self.out / unfinished.NAME).rglob("*.tif")
        there = sum(path.stat().st_size for path in begun)
        outputs.check_space(self.out, jobs.space(self.jobs, bool(self.digits)) - there)

    def write(self, kept: Unfinished, again: str) -> list[str]:
        """Write all results that are not finished; return lines that say what was written.

        Parameters
        ----------
        kept : Unfinished
        again : str           command that continues the prediction
        """
        from minunet.data import ctc

        before = kept.state.finished
        shares = []  # finished slices of each job
        for job in self.jobs:
            shares.append(min(max(before, 0), job.task.shape[0]))
            before -= job.task.shape[0]
        every = list(zip(self.jobs, shares, strict=True))
        total = sum(job.task.shape[0] * job.task.tiles for job in self.jobs)
        done = sum(share * job.task.tiles for job, share in every)
        with kept.kept(again), Progress(total, "tile", done) as progress:
            for job, share in [] if kept.state.complete else every:
                labels = jobs.write(job, share, kept, progress)
            if self.digits and not kept.state.complete:
                kept.remove(f"{self.sequence}_RES/mask{number}.tif" for number in self.digits)
                ctc.write(kept.folder, self.sequence, list(labels), self.digits)
        return self._lines()

    def _lines(self) -> list[str]:
        written = ", ".join(str(self.out / name) for name in outputs.OUTPUTS)
        if len(self.jobs) > 1:
            written = ", ".join(str(self.out / Path(name).stem) for name in outputs.OUTPUTS)
            written += f": {len(self.jobs)} files in each"
        masks = f"          {self.out / self.sequence}_RES: {len(self.digits)} masks"
        return [f"wrote     {written}", *([masks] if self.digits else [])]


def made_of(jobs: Sequence[Job], reading: Reading, checkpoint: Path, device: str) -> dict[str, Any]:
    """Return what determines the results of the jobs, to the last bit.

    Parameters
    ----------
    jobs : sequence of Job
    reading : Reading        which pixels of the images are read
    checkpoint : Path        of the model
    device : str             on which it runs
    """
    from hashlib import sha256

    stats = {page.file: stat(page.file) for job in jobs for page in job.images.pages}
    images = [(file.name, stat.st_size, stat.st_mtime_ns) for file, stat in stats.items()]
    shapes = [(job.name, job.task.shape, repr(job.task.scale)) for job in jobs]
    labelling = jobs[0].task.labelling._asdict()
    options = jobs[0].task.tiling._asdict() | labelling.pop("rule")._asdict() | labelling
    options |= {"tile": sorted({job.task.tiling.tile for job in jobs})}
    options |= {"shrink": sorted({job.task.tiling.shrink for job in jobs})}
    options |= {"smallest": sorted({job.task.labelling.rule.smallest for job in jobs})}
    options |= {"channel": reading.channel, "series": reading.series, "device": device}
    options |= {"axes": reading.axes, "level": reading.level}
    options |= {"threads": threads.count()}
    return {
        "version of minunet": __version__,
        "model": files.digest(checkpoint),
        "set of images": sha256(json.dumps([images, shapes]).encode()).hexdigest(),
        **{f"--{OPTIONS.get(name, name)}": value for name, value in options.items()},
    }
