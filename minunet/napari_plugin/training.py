"""Train on the annotated slices of a layer, with `python -m minunet.train` in a process of its own.

Why a process, and not a thread of the viewer? A run handles signals, which Python allows in the
main thread only, and there the viewer must stay responsive. A crash or a lack of memory ends the
run, not the viewer with its annotations. And what a panel does, a command line repeats: the folder
of a training contains all that it needs.

    train-volume.tif, train-labels.tif     the annotated slices
    run/                                   the folder of the run, see `runs.folder`
    train.txt                              what the command printed

The panel watches `run/log.csv`. To stop, it sends SIGINT, as Ctrl-C does: the run saves the last
finished step and ends.
"""

import atexit
import re
import signal
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
"""Options for classes, whose result is corrected pixel by pixel.

With the weight map and V_Rand, borders become thick: after 2 minutes on 2 synthetic slices, from
em, 24 % of the pixels of 6 other slices had the wrong class; with these options, 8 %."""

MEANINGS: dict[str, tuple[str, ...]] = {
    "classes; 0 is not annotated": (*CLASSES, "--ignore", "0"),
    "classes; 0 is background": CLASSES,
    "numbered cells; 0 is background": ("--labels-are", "cells"),
}
"""Options of `train` for each meaning."""

EVERY = 0.5
"""Seconds between looks at the log."""

FEWEST = 5
"""Fewest annotated slices of which the last fifth is held out; of fewer, none is."""


class Plan(NamedTuple):
    """What to train, and for how long."""

    start_from: str  # model or checkpoint; empty: from scratch
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
        # A run that is stopped keeps its best validated step, so there are four of these at least.
        return [*options, "--steps", str(steps), "--validate-every", str(min(-(-steps // 4), 100))]

    @property
    def show(self) -> Show:
        """What to show of the result, so that it can be corrected and annotated."""
        return "cells" if "cells" in MEANINGS[self.meaning] else "classes"


class Training:
    """A run of `python -m minunet.train` on the data in a training folder.

    Parameters
    ----------
    folder : Path                 contains the annotated slices, see `writing.write_annotated`
    options : sequence of str     of the command, besides --data and --out
    """

    def __init__(self, folder: Path, options: Sequence[str]) -> None:
        self.run, self.printed = folder / "run", folder / "train.txt"
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
        """Ask the run to save its last step and to end.

        Windows cannot send SIGINT to one process, so there the run ends at once, and its last
        validated step is what is left.
        """
        if not self.stopped and self.process.poll() is None:
            self.stopped = True
            interrupt = sys.platform != "win32"
            self.process.send_signal(signal.SIGINT if interrupt else signal.SIGTERM)

    def watch(self, every: float = EVERY) -> Generator[Progress, None, Path]:
        """Wait for the end of the run, and find its best model.

        Yields
        ------
        Progress : in steps

        Returns
        -------
        Path : `best.npz`; or `last.npz` of a run that was stopped before its first validation

        Raises
        ------
        InputError
            If the run failed, with what the command printed; or if no step was saved.
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
        """Return the number of steps done and planned, both 0 until the run begins."""
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
        for name in ("best.npz", "last.npz"):
            if (self.run / name).is_file() and self.rows():
                return self.run / name
        raise InputError("training was stopped before its first step; nothing was saved")

    def reason(self) -> str:
        """Return the last line that the command printed, which says why it failed."""
        lines = self.printed.read_text(encoding="utf-8", errors="replace").split("\n")
        printed = [line.strip() for line in lines if line.strip()] or ["no reason was printed"]
        return printed[-1].removeprefix("python -m minunet.train: ")


def unused_folder(folder: Path) -> Path:
    """Return a folder for the next training: after runs/napari, runs/napari-2 and so on."""
    return files.free_name(folder.with_name(re.sub(r"-\d+$", "", folder.name)))


def curve(rows: Sequence[runs.Row]) -> tuple[Array, Array, Array, Array]:
    """Return the learning curve: steps and energies, then validated steps and their energies.

    Energies of single tiles vary a lot, so the first ones are means over up to 10 steps.
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
    """Return which pixels of a slice take over a result, so that it can be corrected.

    Painted pixels stay as they are.

    Parameters
    ----------
    result, annotations : (H, W) integer     a slice of each
    meaning : str                            a key of `MEANINGS`

    Returns
    -------
    rows, columns : (n,)     pixels to copy from the result

    Raises
    ------
    InputError
        If the slice has annotations, and 0 is one of them: background.
    """
    if result.shape != annotations.shape:
        raise InputError(
            f"a slice of the result has the shape {result.shape}, but one of the annotations has "
            f"{annotations.shape}; choose layers of the same size"
        )
    free = annotations == 0
    if "--ignore" not in MEANINGS[meaning] and not free.all():
        raise InputError(
            "this slice has annotations already, and 0 means background in them; choose another "
            "slice, or erase it first"
        )
    return np.nonzero(free & (result > 0))
