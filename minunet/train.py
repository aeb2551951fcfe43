"""Train a U-Net from the command line.

    python -m minunet.train                                  on built-in synthetic EM
    python -m minunet.train --data FOLDER --preset laptop    on your own stack
    python -m minunet.train --resume RUN                     continue a stopped run

The algorithm is in `minunet.training`, the settings are in `minunet.runs.settings`.
"""

import shlex
import sys
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

from minunet import runs, training
from minunet.array import Array
from minunet.cli import Parser, add_threads, run
from minunet.data import ctc, dataset, pairs, targets
from minunet.data.dataset import Dataset
from minunet.errors import InputError
from minunet.fast import threads
from minunet.metrics.score import Score, number
from minunet.network import Network, device
from minunet.prediction.tiling import aligned_step
from minunet.progress import duration
from minunet.report import figure3
from minunet.runs import checkpoint
from minunet.runs.options import add_options, chosen_defaults, command_line, flag
from minunet.runs.settings import CHANGEABLE, Ranking, Settings, from_options
from minunet.training import results
from minunet.training.pictures import draw_progress
from minunet.training.plan import plan
from minunet.training.results import Run
from minunet.training.validation import Validation


def new_run(given: dict[str, Any], out: Path | None) -> Run:
    """Prepare a new run with the given settings."""
    settings = from_options(**given)
    aligned_step(settings.tile, settings.depth)  # raises unless such tiles join without seams
    where, reason = device.choose(settings.device)
    data = load(settings)
    settings = replace(
        settings,
        score=ranking(settings, data),
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


def resumed_run(given: dict[str, Any], folder: Path) -> Run:
    """Prepare to resume the run in a folder."""
    fixed = sorted(set(given) - set(CHANGEABLE))
    if fixed:
        raise InputError(
            f"{', '.join(flag(name) for name in fixed)} cannot change when a run is resumed; "
            f"{', '.join(flag(name) for name in CHANGEABLE)} can"
        )
    state, settings, reason = training.restore(folder / "last.npz", given.get("device"))
    settings = replace(settings, **given)
    if settings.steps <= state.step:
        raise InputError(
            f"{folder} has already done {state.step} steps; pass --steps {2 * state.step} to "
            "continue"
        )
    data = load(settings)
    if data.fingerprint != settings.fingerprint:
        raise InputError(f"the data of {folder} have changed; start a new run, without --resume")
    runs.rewind(folder, state.step)
    runs.write_settings(folder, settings.to_json())
    return Run(folder, settings, data, state, reason)


def load(settings: Settings) -> Dataset:
    """Load the data named in the settings."""
    return dataset.load(
        dataset.Source(settings.images, settings.labels, settings.labels_are, settings.truth),
        settings.validation,
        settings.scaling,
        targets.Weighting(settings.weight_map, settings.w0, settings.sigma),
    )


def ranking(settings: Settings, data: Dataset) -> Ranking:
    """Return the score that chooses the best step; raise an `InputError` if the data lack it."""
    if settings.score == "auto":
        return results.DEFAULT_RANKING[results.kind(data)]
    if settings.score != "iou" and data.cells is None:
        raise InputError(
            f"--score {settings.score} needs two classes or numbered cells, but the labels have "
            f"{len(data.label_values)} classes; leave out --score, or pass --score iou"
        )
    return settings.score


def source(settings: Settings) -> str:
    """Return a name for the data: that of their folder, or "synthetic"."""
    if settings.images is None:
        return "synthetic"
    path = Path(settings.images)
    return path.parent.name if settings.labels else path.name


def find(folder: Path) -> tuple[Path, ...]:
    """Find the images and labels in a folder; return a Cell Tracking Challenge folder itself."""
    return (folder,) if ctc.find(folder) else pairs.find(folder)


def make_parser(arguments: list[str]) -> Parser:
    """Make the parser; its help lists the defaults of the preset named in `arguments`."""
    parser = Parser("train")
    groups = add_options(parser, chosen_defaults(arguments))
    groups["data"].add_argument(
        "--data",
        type=Path,
        metavar="FOLDER",
        help="folder with train-volume.tif and train-labels.tif; or with images/ and labels/ (or "
        "masks/); or with 01/ and 01_GT/SEG/ (or 01_ST/SEG/) (default: synthetic EM)",
    )
    groups["run"].add_argument(
        "--out",
        type=Path,
        metavar="RUN",
        help="folder for the run, new or empty (default: the first unused name in runs/)",
    )
    groups["run"].add_argument(
        "--resume",
        type=Path,
        metavar="RUN",
        help="folder of a run to resume exactly where it stopped; only "
        + ", ".join(flag(name) for name in CHANGEABLE)
        + " may change",
    )
    add_threads(groups["run"])
    return parser


def parse(arguments: list[str]) -> tuple[dict[str, Any], Path | None, Path | None]:
    """Parse the command line; return the given settings, --out and --resume.

    --threads is not a setting of the run; it takes effect at once.
    """
    parsed = vars(make_parser(arguments).parse_args(arguments))
    given = {name: value for name, value in parsed.items() if value is not None}
    data, out, resume, wanted = (given.pop(k, None) for k in ("data", "out", "resume", "threads"))
    if wanted:
        threads.use(wanted)
    if resume and (data or out):
        raise InputError(
            "--resume uses the folder and the data of its run; leave out --data and --out"
        )
    if data and ("images" in given or "labels" in given):
        raise InputError("--data replaces --images and --labels; pass one or the other")
    if data:
        given |= dict(zip(("images", "labels"), find(data), strict=False))
    for name in ("images", "labels"):
        if name in given:  # absolute, so that the run can be resumed from any folder
            given[name] = str(Path(given[name]).resolve())
    return given, out, resume


def main() -> None:
    """Prepare a run, print its plan, and train."""
    given, out, resume = parse(sys.argv[1:])
    this = resumed_run(given, resume) if resume else new_run(given, out)
    again = f"python -m minunet.train --resume {this.folder}"
    try:
        print("\n".join(plan(this.settings, this.data, this.state, this.device)), flush=True)
        print(f"run       {this.folder}\n", flush=True)
        training.train(*this[:4], partial(draw, this))
    except training.DivergedError as error:
        rate = this.settings.learning_rate
        sys.exit(
            f"the energy of step {this.state.step + 1} is not finite: {error}; last.npz is intact. "
            f"Try a lower rate: {again} --learning-rate {rate / 3:.2g}"
        )
    if this.state.step < this.settings.steps:
        print(f"stopped after step {this.state.step}; everything is saved. To continue: {again}")
        sys.exit(130)
    print(summary(this, finish(this)))


def draw(this: Run, scores: Validation, p: list[Array]) -> None:
    """Draw the pictures of a run after each validation."""
    title = f"step {this.state.step}: {scores.summary(this.settings.score)}"
    draw_progress(this.folder, this.data, p, title)


def finish(this: Run) -> list[Score]:
    """Score the best step of a finished run, and write the report."""
    best = checkpoint.load(this.folder / "best.npz")
    trained = Network(this.state.params, this.settings.architecture)
    params = {name: trained.to_device(array) for name, array in best.params.items()}
    network = trained._replace(params=params)
    return results.finish(this, network, f"best.npz, step {best.step}", commands(this))


def commands(this: Run) -> list[tuple[str, str]]:
    """List the commands that train, segment and score as this run did, each with its purpose."""
    settings = this.settings
    return [
        ("train", f"python -m minunet.train {shlex.join(command_line(settings))}".rstrip()),
        (
            "segment another image",
            f"python -m minunet.predict {this.folder / 'best.npz'} IMAGE.tif -o OUT"
            + ("" if settings.average == "none" else f" --average {settings.average}"),
        ),
        ("score it", "python -m minunet.evaluate OUT TRUTH.tif -o SCORES.png"),
    ]


def summary(this: Run, scores: list[Score]) -> str:
    """Summarize a finished run: its duration, its scores, and the next command."""
    seconds = sum(row["seconds"] for row in runs.read(this.folder))
    keys = results.HEADLINES[results.kind(this.data)]
    shown = ", ".join(f"{one.name} {number(one.value)}" for one in scores if one.key in keys)
    return (
        f"done      {this.state.step} steps in {duration(seconds)}\n"
        f"scores    of best.npz on the validation slices: {shown}\n"
        f"report    {this.folder / 'report.html'}\n"
        f"segment   {commands(this)[1][1]}"
    )


if __name__ == "__main__":
    run(main, "train")
