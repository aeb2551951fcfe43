"""Train a U-Net from the command line.

    python -m minunet.train                                  on built-in synthetic EM
    python -m minunet.train --data FOLDER --preset laptop    on your own stack
    python -m minunet.train --resume RUN                     from where it stopped

The method is in `minunet.training`, the settings are in `minunet.config`.
"""

import shlex
import sys
from dataclasses import replace
from pathlib import Path
from typing import Any, Literal, NamedTuple

import numpy as np

from minunet import runs, training
from minunet.cli import Parser, add_threads, run
from minunet.data import ctc, dataset, readers, targets
from minunet.data.dataset import Dataset
from minunet.errors import InputError
from minunet.fast import threads
from minunet.metrics.score import Score, number
from minunet.network import device
from minunet.prediction import tiling
from minunet.progress import duration
from minunet.report import figure3
from minunet.runs import checkpoint
from minunet.runs.options import add_options, command_line, flag, usual
from minunet.runs.settings import CHANGEABLE, Settings, from_options
from minunet.training import results
from minunet.training.loop import DivergedError, State
from minunet.training.plan import plan


class Run(NamedTuple):
    """A run, ready to go."""

    folder: Path
    settings: Settings
    data: Dataset
    state: State
    device: str  # in words


def new_run(typed: dict[str, Any], out: Path | None) -> Run:
    """Prepare a run from the settings that were typed."""
    settings = from_options(**typed)
    tiling.aligned_step(settings.tile, settings.depth)  # legal, and joins without a seam
    where, reason = device.choose(settings.device)
    data = load(settings)
    settings = replace(
        settings,
        score=score(settings, data),
        in_channels=data.images[0].shape[2],
        label_values=data.label_values,
        cells=data.numbered,
        fingerprint=data.fingerprint,
    )
    folder = runs.create(out, f"{source(settings)}-{settings.experiment or settings.preset}")
    runs.write_settings(folder, settings.to_json())
    if data.cells is not None:
        k = data.training[0]
        figure3.figure3(
            folder / "weight_map.png", data.images[k], data.cells[k], data.weight_maps[k]
        )
    return Run(folder, settings, data, training.start(settings, where), reason)


def continued_run(typed: dict[str, Any], folder: Path) -> Run:
    """Prepare to go on with the run in a folder."""
    fixed = sorted(set(typed) - set(CHANGEABLE))
    if fixed:
        raise InputError(
            f"{', '.join(flag(name) for name in fixed)} cannot change when a run is "
            f"continued; {', '.join(flag(name) for name in CHANGEABLE)} can"
        )
    state, settings, reason = training.restore(folder / "last.npz", typed.get("device"))
    settings = replace(settings, **typed)
    if settings.steps <= state.step:
        raise InputError(
            f"{folder} has done {state.step} steps already; --steps {2 * state.step} would go on"
        )
    data = load(settings)
    if data.fingerprint != settings.fingerprint:
        raise InputError(f"the data changed since {folder} was started; start a new run on them")
    runs.rewind(folder, state.step)
    runs.write_settings(folder, settings.to_json())
    return Run(folder, settings, data, state, reason)


def load(settings: Settings) -> Dataset:
    """Load the data that the settings name."""
    return dataset.load(
        dataset.Source(settings.images, settings.labels, settings.labels_are, settings.truth),
        settings.validation,
        settings.scaling,
        targets.Weighting(settings.weight_map, settings.w0, settings.sigma),
    )


def score(settings: Settings, data: Dataset) -> Literal["iou", "v_rand", "seg"]:
    """Choose the score that picks the best step, or see that the data have the one chosen."""
    if settings.score == "auto":
        return results.USUAL[results.kind(data)]
    if settings.score != "iou" and data.cells is None:
        raise InputError(
            f"--score {settings.score} wants cells, two classes or numbered cells; the labels have "
            f"{len(data.label_values)} classes: leave it out, or --score iou"
        )
    return settings.score


def source(settings: Settings) -> str:
    """Name the data after the folder that they are in."""
    if settings.images is None:
        return "synthetic"
    path = Path(settings.images)
    return path.parent.name if settings.labels else path.name


def find(folder: Path) -> tuple[Path, ...]:
    """Find the images and the labels in a folder; only one path if the folder stands for both."""
    return (folder,) if ctc.find(folder) else readers.find(folder)


def make_parser(arguments: list[str]) -> Parser:
    """List what can be typed."""
    parser = Parser("train", "Train a U-Net; without arguments, on built-in synthetic EM.")
    parser.add_argument(
        "--data",
        type=Path,
        metavar="FOLDER",
        help="holds train-volume.tif with train-labels.tif, or images/ with labels/ or masks/, or "
        "01/ with 01_GT/SEG/ or 01_ST/SEG/ (default: synthetic EM)",
    )
    add_options(parser, usual(arguments))
    parser.add_argument(
        "--out",
        type=Path,
        metavar="RUN",
        help="folder of the run, new or empty (default: the first free name in runs/)",
    )
    parser.add_argument(
        "--resume",
        type=Path,
        metavar="RUN",
        help="continue the run in this folder, exactly; "
        + ", ".join(flag(name) for name in CHANGEABLE)
        + " may be given anew",
    )
    add_threads(parser)
    return parser


def parse(arguments: list[str]) -> tuple[dict[str, Any], Path | None, Path | None]:
    """Parse the command line: the settings that were typed, --out, --resume.

    The number of threads is none of the run's settings: it is used at once.
    """
    given = vars(make_parser(arguments).parse_args(arguments))
    typed = {name: value for name, value in given.items() if value is not None}
    data, out, resume, wanted = (typed.pop(k, None) for k in ("data", "out", "resume", "threads"))
    if wanted:
        threads.use(wanted)
    if resume and (data or out):
        raise InputError("--resume goes on in its own folder with its own data: give it alone")
    if data and ("images" in typed or "labels" in typed):
        raise InputError("--data stands for both --images and --labels; give it or them")
    if data:
        typed |= dict(zip(("images", "labels"), find(data), strict=False))
    for name in ("images", "labels"):
        if name in typed:  # absolute, so that the run can be continued from any folder
            typed[name] = str(Path(typed[name]).resolve())
    return typed, out, resume


def main() -> None:
    """Prepare a run, say what it will do, and do it."""
    typed, out, resume = parse(sys.argv[1:])
    this = continued_run(typed, resume) if resume else new_run(typed, out)
    again = f"python -m minunet.train --resume {this.folder}"
    try:
        print("\n".join(plan(this.settings, this.data, this.state, this.device)), flush=True)
        print(f"run       {this.folder}\n", flush=True)
        training.train(this.folder, this.settings, this.data, this.state)
    except DivergedError as error:
        rate = this.settings.learning_rate
        sys.exit(
            f"the energy of step {this.state.step + 1} is not finite: {error}; last.npz is intact. "
            f"Try a lower rate: {again} --learning-rate {rate / 3:.2g}"
        )
    if this.state.step < this.settings.steps:
        print(f"stopped after step {this.state.step}, all saved; to continue: {again}")
        sys.exit(130)
    print(summary(this, finish(this)))


def finish(this: Run) -> list[Score]:
    """Score the best step of a finished run, and write the report."""
    best = checkpoint.load(this.folder / "best.npz")
    beside = this.state.params["out.b"]
    return results.finish(
        this.folder,
        this.settings,
        this.data,
        {name: np.asarray(array, like=beside) for name, array in best.params.items()},
        f"best.npz, step {best.step}",
        this.device,
        commands(this),
    )


def commands(this: Run) -> list[tuple[str, str]]:
    """List what to type to train, segment and score as this run did, and what for."""
    settings = this.settings
    options = command_line(settings)
    return [
        ("train", f"python -m minunet.train {shlex.join(options)}".rstrip()),
        (
            "segment another image",
            f"python -m minunet.predict {this.folder / 'best.npz'} IMAGE.tif -o OUT"
            + ("" if settings.average == "none" else f" --average {settings.average}"),
        ),
        ("score it", "python -m minunet.evaluate OUT TRUTH.tif -o SCORES.png"),
    ]


def summary(this: Run, scores: list[Score]) -> str:
    """Say how good a finished run is, and what to do with it."""
    seconds = sum(row["seconds"] for row in runs.read(this.folder))
    keys = results.HEADLINES[results.kind(this.data)]
    shown = ", ".join(f"{one.name} {number(one.value)}" for one in scores if one.key in keys)
    return (
        f"done      {this.state.step} steps in {duration(seconds)}\n"
        f"scores    of best.npz on the validated slices: {shown}\n"
        f"look at   {this.folder / 'report.html'}\n"
        f"segment   {commands(this)[1][1]}"
    )


if __name__ == "__main__":
    run(main, "train")
