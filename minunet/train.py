"""Train a U-Net from the command line.

    python -m minunet.train                                  on built-in synthetic EM
    python -m minunet.train --data FOLDER --preset laptop    on your own stack
    python -m minunet.train --resume RUN                     continue a stopped run

The algorithm is in `minunet.training`, the settings are in `minunet.runs.settings`.
"""

import sys
from functools import partial
from pathlib import Path

from minunet import runs, training
from minunet.array import Array
from minunet.cli import Parser, add_threads, command, run, say
from minunet.errors import InputError
from minunet.network import Network
from minunet.progress import duration
from minunet.runs import checkpoint
from minunet.runs.options import add_options, chosen_defaults, command_line, flag
from minunet.runs.settings import CHANGEABLE, Settings, from_options
from minunet.training import endings, results
from minunet.training.plan import plan
from minunet.training.preparation import Arguments, prepared, resumed_run, source
from minunet.training.results import Run
from minunet.training.scoring import Trained
from minunet.training.validation import Validation


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
        "val/ or test/ in the same layout, these are held out (default: synthetic EM)",
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


def parse(arguments: list[str]) -> Arguments:
    """Parse the command line."""
    parsed = vars(make_parser(arguments).parse_args(arguments))
    given = {name: value for name, value in parsed.items() if value is not None}
    data, out, resume, wanted = (given.pop(k, None) for k in ("data", "out", "resume", "threads"))
    if resume and out:
        raise InputError("--resume uses the folder of its run; leave out --out")
    if data and ("images" in given or "labels" in given):
        raise InputError("--data replaces --images and --labels; pass one or the other")
    return Arguments(given, data, out, resume, wanted)


def main() -> None:
    """Prepare a run in a folder of its own, and train."""
    arguments = parse(sys.argv[1:])
    if arguments.resume:
        folder, again = arguments.resume, command("train", *sys.argv[1:])
        with endings.explained(folder, again), runs.existing(folder):
            this = resumed_run(arguments, folder)
            if this is None:
                say(*results.recall(folder))
            else:
                carry_out(this)
        return
    settings, data, state, reason = prepared(arguments)
    name = f"{source(settings)}-{settings.experiment or settings.preset}"
    with runs.new(arguments.out, name) as folder:
        with endings.explained(folder, command("train", *sys.argv[1:])):  # nothing to resume yet
            runs.write_settings(folder, settings.to_json())
        with endings.explained(folder):
            carry_out(Run(folder, settings, data, state, reason))


def carry_out(this: Run) -> None:
    """Print the plan of a run, train, and write its report."""
    folder, settings, data, state, reason, notes = this
    draw_weight_map(this)
    try:
        if state.step < settings.steps:
            say(*plan(settings, data, state, reason))
        else:
            say(f"steps     all {state.step} are done; scores and report are made now")
        say(*notes, f"run       {folder}", "")
        signal = training.train(folder, settings, data, state, partial(draw, this))
    except training.DivergedError as error:
        sys.exit(endings.diverged(folder, settings, state, error))
    if signal:
        say(endings.stopped(folder, state.step))
        sys.exit(128 + signal)
    say(*summary(this, finish(this)))


def draw_weight_map(this: Run) -> None:
    """Draw the weights of the first training slice, once, if they include the border term."""
    path, data = this.folder / "weight_map.png", this.data
    if data.cells is not None and not path.exists():
        from minunet.report import figure3  # here: it slows down --help

        k = data.training[0]
        shown = data.images[k], data.cells[k], data.weight_maps[k]
        figure3.figure3(path, *shown, data.names[k])


def draw(this: Run, scores: Validation, p: list[Array]) -> None:
    """Draw the pictures of a run after each validation."""
    from minunet.training.pictures import draw_progress  # here: it slows down --help

    title = f"step {this.state.step}: {scores.summary(this.settings.score)}"
    draw_progress(this.folder, this.data, p, title)


def finish(this: Run) -> list[str]:
    """Score the last and the best step of a finished run, and write the report."""
    best = checkpoint.load(this.folder / "best.npz")
    if Settings.from_json(best.settings).architecture != this.settings.architecture:
        raise InputError(f"{this.folder / 'best.npz'} is of another run: its network is different")
    network = Network(this.state.params, this.settings.architecture)
    params = {name: network.to_device(array) for name, array in best.params.items()}
    return results.finish(
        this,
        Trained("last.npz", this.state.step, network),
        Trained("best.npz", best.step, network._replace(params=params)),
        commands(this),
    )


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


def summary(this: Run, scores: list[str]) -> list[str]:
    """Return lines about a finished run: its duration, its scores, and the next command."""
    seconds = sum(row["seconds"] for row in runs.read(this.folder))
    first, *others = scores or [""]
    return [
        f"done      {this.state.step} steps in {duration(seconds)}",
        f"scores    {first}",
        *(f"          {line}" for line in others),
        f"report    {this.folder / 'report.html'}",
        f"segment   {commands(this)[1][1]}",
    ]


if __name__ == "__main__":
    run(main, "train")
