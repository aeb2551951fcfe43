"""Train on the annotated slices of a layer, with `python -m minunet.train` in its own process.

There are three reasons for a process instead of a thread of the viewer. A run handles signals,
which Python allows only in the main thread, and the viewer needs that thread to stay responsive. If
the run crashes or needs too much memory, only the run ends, and the viewer keeps the annotations.
And you can repeat the training on the command line, because its folder contains everything that it
needs:

    train-volume.tif, train-labels.tif     the annotated slices
    run/                                   the folder of the run, see `runs.folder`
    train.txt                              the output of the command

The panel reads `run/log.csv` repeatedly. To stop the run, it sends SIGTERM: a viewer that was
started in the background may ignore Ctrl-C, and then so does the run. The run saves the last
finished step and exits.
"""

import atexit
import re
import subprocess
import sys
from collections.abc import Generator, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Literal, NamedTuple

import numpy as np

from minunet import files, runs
from minunet.array import Array
from minunet.errors import InputError
from minunet.napari_plugin.segmenting import Progress, Show

Meaning = Literal[
    "classes; 0 is not annotated", "classes; 0 is background", "numbered cells; 0 is background"
]
"""What the values of a labels layer mean."""

CLASSES = ("--labels-are", "classes", "--weight-map", "none", "--score", "iou")
"""Options for classes, which the user corrects pixel by pixel.

With the weight map and V_Rand, borders become thick. After 2 minutes on 2 synthetic slices, from
em, 24 % of the pixels of 6 other slices had the wrong class; with these options, 8 %."""

MEANINGS: dict[str, tuple[str, ...]] = {
    "classes; 0 is not annotated": (*CLASSES, "--ignore", "0"),
    "classes; 0 is background": CLASSES,
    "numbered cells; 0 is background": ("--labels-are", "cells"),
}
"""Options of `train` for each meaning of the labels."""

EVERY = 0.5
"""Seconds between two readings of the log."""

FEWEST = 5
"""Minimum number of annotated slices for holding out the last fifth; with fewer, none is."""


class Plan(NamedTuple):
    """What to train, and for how long."""

    start_from: str  # model or checkpoint; an empty string: from scratch
    meaning: str  # a key of `MEANINGS`
    amount: float
    unit: Literal["steps", "minutes"]

    def options(self, slices: int) -> list[str]:
        """Return the options of `train` for a number of annotated slices."""
        options = [*MEANINGS[self.meaning]]
        if self.start_from:
            options += ["--start-from", self.start_from]
        if slices < FEWEST:
            options += ["--validation", "none"]
        if self.unit == "minutes":
            return [*options, "--minutes", f"{self.amount:g}"]
        steps = int(self.amount)
        # A stopped run keeps its best validated step, so validate at least four times.
        return [*options, "--steps", str(steps), "--validate-every", str(min(-(-steps // 4), 100))]

    @property
    def show(self) -> Show:
        """What to show of the result, in the same form as the annotations."""
        return "cells" if "cells" in MEANINGS[self.meaning] else "classes"


class Training:
    """A run of `python -m minunet.train` on the data in a training folder.

    Parameters
    ----------
    folder : Path                 contains the annotated slices, see `writing.write_annotated`
    options : sequence of str     options of the command, besides --data and --out
    """

    def __init__(self, folder: Path, options: Sequence[str]) -> None:
        self.run, self.printed = folder / "run", folder / "train.txt"
        self.checked_on = "training slices" if "--validation" in options else "validation slices"
        self.stopped = False
        command = [sys.executable, "-m", "minunet.train", "--data", str(folder)]
        with self.printed.open("xb") as file:
            self.process = subprocess.Popen(
                [*command, "--out", str(self.run), *options],
                stdin=subprocess.DEVNULL,
                stdout=file,
                stderr=subprocess.STDOUT,
            )
        atexit.register(self.stop)  # the viewer may close before the run ends

    def stop(self) -> None:
        """Ask the run to save its last step and to exit.

        On Windows, the run ends at once, and only its last validated step is kept.
        """
        if not self.stopped and self.process.poll() is None:
            self.stopped = True
            self.process.terminate()

    def watch(self, every: float = EVERY) -> Generator[Progress, None, Path]:
        """Wait until the run ends; return its best model.

        Yields
        ------
        Progress : in steps

        Returns
        -------
        Path : `best.npz`; or `last.npz` if the run was stopped before its first validation

        Raises
        ------
        InputError
            If the run failed, with the reason that the command printed; or if no step was saved.
        """
        try:
            while self.process.poll() is None:
                yield self.progress()
                with suppress(subprocess.TimeoutExpired):
                    self.process.wait(every)
        finally:
            self.stop()
            self.process.wait()
            atexit.unregister(self.stop)
        if self.process.returncode and not self.stopped:
            raise InputError(self.reason())
        yield self.progress()
        return self.best()

    def progress(self) -> Progress:
        """Return the number of steps done and planned; both are 0 until the run begins."""
        rows, total = self.rows(), 0
        with suppress(InputError):
            total = runs.read_settings(self.run).steps
        if not rows:
            return Progress("preparing", 0, total)
        done = int(rows[-1]["step"])
        text = "stopping" if self.stopped else "scoring" if done == total else "training"
        return Progress(text, done, total)

    def rows(self) -> list[runs.Row]:
        """Return the rows of the log so far."""
        return runs.read(self.run)

    def best(self) -> Path:
        """Return the best checkpoint so far."""
        saved = self.saved()
        if saved and self.rows():
            return saved
        raise InputError("training was stopped before its first step; nothing was saved")

    def saved(self) -> Path | None:
        """Return the best checkpoint that is there, even that of step 0."""
        paths = (self.run / name for name in ("best.npz", "last.npz"))
        return next((path for path in paths if path.is_file()), None)

    def reason(self) -> str:
        """Return the last line of the output of the command, which says why it failed."""
        if self.process.returncode < 0:
            saved = self.saved()
            return (
                f"the training was killed by signal {-self.process.returncode}, possibly for lack "
                f"of memory; {f'{saved} is saved' if saved else 'nothing was saved'}"
            )
        lines = self.printed.read_text(encoding="utf-8", errors="replace").split("\n")
        printed = [line.strip() for line in lines if line.strip()] or ["no reason was printed"]
        return printed[-1].removeprefix("python -m minunet.train: ")


def unused_folder(folder: Path) -> Path:
    """Return a folder for the next training: runs/napari, runs/napari-2 and so on."""
    return files.free_name(folder.with_name(re.sub(r"-\d+$", "", folder.name)))


def curve(rows: Sequence[runs.Row]) -> tuple[Array, Array, Array, Array]:
    """Return the learning curve: steps and energies, then validated steps and their energies.

    The energies of single tiles vary a lot, so the energies of steps are averaged over up to 10
    steps.
    """
    steps = np.array([row["step"] for row in rows])
    energies = np.array([row["energy"] for row in rows])
    width = max(min(10, len(rows)), 1)
    smooth = np.convolve(energies, np.full(width, 1 / width), "valid") if len(rows) else energies
    checked = [row for row in rows if "validation_energy" in row]
    return (
        steps[width - 1 :],
        smooth,
        np.array([row["step"] for row in checked]),
        np.array([row["validation_energy"] for row in checked]),
    )


def adopt(result: Array, annotations: Array, meaning: str) -> tuple[Array, ...]:
    """Return which pixels of a result to copy into the annotations for correction.

    Painted pixels are left out.

    Parameters
    ----------
    result, annotations : (H, W) integer     one slice of each
    meaning : str                            a key of `MEANINGS`

    Returns
    -------
    rows, columns : (n,)     pixels to copy from the result

    Raises
    ------
    InputError
        If the slice already has annotations, and 0 means background in them.
    """
    if result.shape != annotations.shape:
        raise InputError(
            f"a slice of the result has the shape {result.shape}, but one of the annotations has "
            f"{annotations.shape}; choose layers of the same size"
        )
    free = annotations == 0
    if "--ignore" not in MEANINGS[meaning] and not free.all():
        raise InputError(
            "this slice already has annotations, in which 0 means background; choose another "
            "slice, or erase its annotations first"
        )
    return np.nonzero(free & (result > 0))
