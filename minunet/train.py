"""Train a U-Net from the command line.

    python -m minunet.train                                  on built-in synthetic EM
    python -m minunet.train --data FOLDER --preset laptop    on your own stack
    python -m minunet.train --resume RUN                     continue a stopped run

The algorithm is in `minunet.training`, the settings are in `minunet.runs.settings`.
"""

import sys
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any, NamedTuple

from minunet import runs, training
from minunet.array import Array
from minunet.cli import Parser, add_threads, command, run
from minunet.data import dataset, targets
from minunet.data.annotation import Meaning
from minunet.data.dataset import Dataset
from minunet.data.page import Reading
from minunet.errors import InputError
from minunet.fast import threads
from minunet.metrics.score import Score, value_and_spread
from minunet.network import Network, device
from minunet.prediction.tiling import aligned_step
from minunet.progress import duration
from minunet.runs import checkpoint, places
from minunet.runs.options import add_options, chosen_defaults, command_line, flag
from minunet.runs.settings import CHANGEABLE, Ranking, Settings, from_options
from minunet.training import results
from minunet.training.plan import plan
from minunet.training.results import Run
from minunet.training.validation import Validation


def new_run(given: dict[str, Any], data_folder: Path | None, out: Path | None) -> Run:
    """Prepare a new run with the given settings."""
    settings = from_options(**places.of_new_run(given, data_folder))
    aligned_step(settings.tile, settings.depth)  # raises unless such tiles join without seams
    where, reason = device.choose(settings.device)
    data = load(settings)
    settings = replace(
        settings,
        score=ranking(settings, data),
        in_channels=data.images[0].shape[2],
        label_values=data.label_values,
        label_colours=data.label_colours,
        cells=data.numbered,
        fingerprint=data.fingerprint,
    )
    folder = runs.create(out, f"{source(settings)}-{settings.experiment or settings.preset}")
    runs.write_settings(folder, settings.to_json())
    if data.cells is not None:
        from minunet.report import figure3  # here: it slows down --help

        k = data.training[0]
        shown = data.images[k], data.cells[k], data.weight_maps[k]
        figure3.figure3(folder / "weight_map.png", *shown, data.names[k])
    return Run(folder, settings, data, training.start(settings, where), reason)


def resumed_run(given: dict[str, Any], data_folder: Path | None, folder: Path) -> Run:
    """Prepare to resume the run in a folder, whose data may have moved."""
    fixed = sorted(set(given) - {*CHANGEABLE, *places.PLACES})
    if fixed:
        raise InputError(
            f"{', '.join(flag(name) for name in fixed)} cannot change when a run is resumed; "
            f"{', '.join(flag(name) for name in CHANGEABLE)} can"
        )
    state, stored, reason = training.restore(folder / "last.npz", given.get("device"))
    settings = replace(stored, **places.of_resumed_run(given, data_folder, stored))
    if settings.steps <= state.step:
        raise InputError(
            f"{folder} has already done {state.step} steps; pass --steps {2 * state.step} to "
            "continue"
        )
    data = load(settings)
    if data.fingerprint != settings.fingerprint:
        raise InputError(places.differ(settings, stored, folder))
    runs.rewind(folder, state.step)
    runs.write_settings(folder, settings.to_json())
    return Run(folder, settings, data, state, reason)


def load(settings: Settings) -> Dataset:
    """Load the data named in the settings."""
    return dataset.load(
        dataset.Source(
            settings.images,
            settings.labels,
            Meaning(
                settings.labels_are,
                settings.label_threshold,
                settings.ignore,
                expected="cells" if settings.experiment == "cells" else "auto",
            ),
            settings.truth,
            Reading(settings.channel, settings.series),
        ),
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
    folder = path.parent if settings.labels else path
    return (folder.parent if folder.name == "train" else folder).name


def make_parser(arguments: list[str]) -> Parser:
    """Make the parser; its help lists the defaults of the preset named in `arguments`."""
    parser = Parser("train")
    groups = add_options(parser, chosen_defaults(arguments))
    groups["data"].add_argument(
        "--data",
        type=Path,
        metavar="FOLDER",
        help="folder with train-volume.tif and train-labels.tif; or with images/ and labels/ (or "
        "masks/), or these in train/; or with 01/ and 01_GT/SEG/ (or 01_ST/SEG/). If it contains "
        "val/ in the same layout, that is held out (default: synthetic EM)",
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
        + " may change, and --data if the data have moved",
    )
    add_threads(groups["run"])
    return parser


class Arguments(NamedTuple):
    """The parsed command line."""

    given: dict[str, Any]  # settings
    data: Path | None
    out: Path | None
    resume: Path | None


def parse(arguments: list[str]) -> Arguments:
    """Parse the command line.

    --threads is not a setting of the run; it takes effect at once.
    """
    parsed = vars(make_parser(arguments).parse_args(arguments))
    given = {name: value for name, value in parsed.items() if value is not None}
    data, out, resume, wanted = (given.pop(k, None) for k in ("data", "out", "resume", "threads"))
    if wanted:
        threads.use(wanted)
    if resume and out:
        raise InputError("--resume uses the folder of its run; leave out --out")
    if data and ("images" in given or "labels" in given):
        raise InputError("--data replaces --images and --labels; pass one or the other")
    return Arguments(given, data, out, resume)


def main() -> None:
    """Prepare a run, print its plan, and train."""
    given, data, out, resume = parse(sys.argv[1:])
    this = resumed_run(given, data, resume) if resume else new_run(given, data, out)
    try:
        print("\n".join(plan(this.settings, this.data, this.state, this.device)), flush=True)
        print(f"run       {this.folder}\n", flush=True)
        training.train(*this[:4], partial(draw, this))
    except training.DivergedError as error:
        rate = f"{this.settings.learning_rate / 3:.2g}"
        again = command("train", "--resume", this.folder, "--learning-rate", rate)
        sys.exit(
            f"the energy of step {this.state.step + 1} is not finite: {error}; last.npz is intact. "
            f"Try a lower rate: {again}"
        )
    if this.state.step < this.settings.steps:
        again = command("train", "--resume", this.folder)
        print(f"stopped after step {this.state.step}; everything is saved. To continue: {again}")
        sys.exit(130)
    print(summary(this, finish(this)))


def draw(this: Run, scores: Validation, p: list[Array]) -> None:
    """Draw the pictures of a run after each validation."""
    from minunet.training.pictures import draw_progress  # here: it slows down --help

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
    average = () if settings.average == "none" else ("--average", settings.average)
    best = this.folder / "best.npz"
    names = ("labels_are", "label_threshold", "ignore")  # what evaluate has to know as well
    labels = {name: getattr(settings, name) for name in names}
    if settings.experiment == "cells" and settings.cells:
        labels["labels_are"] = "cells"
    meaning = command_line(from_options(**labels))
    return [
        ("train", command("train", *command_line(settings))),
        ("segment another image", command("predict", best, "IMAGE.tif", "-o", "OUT", *average)),
        ("score it", command("evaluate", "OUT", "TRUTH.tif", *meaning, "-o", "SCORES.png")),
    ]


def summary(this: Run, scores: list[Score]) -> str:
    """Summarize a finished run: its duration, its scores, and the next command."""
    seconds = sum(row["seconds"] for row in runs.read(this.folder))
    keys = results.HEADLINES[results.kind(this.data)]
    shown = ", ".join(f"{one.name} {value_and_spread(one)}" for one in scores if one.key in keys)
    return (
        f"done      {this.state.step} steps in {duration(seconds)}\n"
        f"scores    of best.npz on the validation slices: {shown}\n"
        f"report    {this.folder / 'report.html'}\n"
        f"segment   {commands(this)[1][1]}"
    )


if __name__ == "__main__":
    run(main, "train")
