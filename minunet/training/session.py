"""A run from the plan to the report, as `python -m minunet.train` begins, resumes and prints it."""

import sys
from functools import partial
from pathlib import Path

from minunet import resampling, runs
from minunet.array import Array, Tensors
from minunet.cli import command, say
from minunet.errors import InputError
from minunet.network import Network
from minunet.progress import duration
from minunet.runs import checkpoint
from minunet.runs.options import Arguments, command_line
from minunet.runs.settings import Settings, from_options
from minunet.training import endings, fine_tuning, results
from minunet.training import state as states
from minunet.training.loop import train
from minunet.training.plan import plan
from minunet.training.preparation import prepared, resumed_run, source
from minunet.training.results import Run
from minunet.training.scoring import Trained
from minunet.training.state import DivergedError
from minunet.training.validation import Validation


def begin(arguments: Arguments, again: str) -> None:
    """Prepare a new run, and train in a folder of its own.

    Parameters
    ----------
    arguments : Arguments
    again : str     this command, which starts the run again as long as nothing can be resumed
    """
    settings, data, state, reason, notes = prepared(arguments)
    name = f"{source(settings)}-{settings.experiment or settings.preset}"
    with runs.new(arguments.out, name) as folder:
        with endings.explained(folder, again):
            if settings.start_from:  # first: settings.json alone cannot be resumed
                states.save(folder / fine_tuning.START, settings, state)
            runs.write_settings(folder, settings.to_json())
        with endings.explained(folder):
            carry_out(Run(folder, settings, data, state, reason, notes))


def resume(arguments: Arguments, folder: Path, again: str) -> None:
    """Continue the run in a folder, or recall its scores if nothing is left to do.

    Parameters
    ----------
    arguments : Arguments
    folder : Path
    again : str     command that does the same again
    """
    with endings.explained(folder, again), runs.existing(folder):
        this = resumed_run(arguments, folder)
        if this is None:
            say(*results.recall(folder))
        else:
            carry_out(this)


def carry_out(this: Run) -> None:
    """Print the plan of a run, train, and write its report."""
    folder, settings, data, state, reason, notes = this
    draw_weight_map(this)
    try:
        if state.step < settings.steps:
            say(*plan(settings, data, state, reason))
        else:
            say(f"steps     all {state.step} are done; making the scores and the report")
        say(*notes, f"run       {folder}", "")
        signal = train(folder, settings, data, state, partial(draw, this))
    except DivergedError as error:
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
        sample = data.samples[k]
        cells = resampling.shrink_labels(data.cells[k], data.factors)
        figure3.figure3(path, sample.x, cells, sample.weight_map, data.names[k])


def draw(this: Run, scores: Validation, p: list[Array]) -> None:
    """Draw the pictures of a run after each validation."""
    from minunet.training.pictures import draw_progress  # here: it slows down --help

    title = f"step {this.state.step}: {scores.summary(this.settings.score)}"
    draw_progress(this.folder, this.data, p, title)


def finish(this: Run) -> list[str]:
    """Score the last and the best step of a finished run, and write the report."""
    best = checkpoint.load(this.folder / "best.npz")
    if Settings.from_json(best.settings).architecture != this.settings.architecture:
        raise InputError(
            f"{this.folder / 'best.npz'} belongs to another run: its network is different; put "
            "back that of this run"
        )
    network = Network(this.state.params, this.settings.architecture)

    def trained(name: str, step: int, params: Tensors) -> Trained:
        on_device = {key: network.to_device(array) for key, array in params.items()}
        return Trained(name, step, network._replace(params=on_device))

    start = None
    if (this.folder / fine_tuning.START).is_file():
        before = checkpoint.load(this.folder / fine_tuning.START)
        start = trained(fine_tuning.START, 0, before.params)
    return results.finish(
        this,
        Trained("last.npz", this.state.step, network),
        trained("best.npz", best.step, best.params),
        commands(this),
        start,
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
