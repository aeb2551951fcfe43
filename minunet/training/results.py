"""The result of a finished run: its scores, its thresholds and its report."""

import json
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

import minunet
from minunet import files, runs
from minunet.data.dataset import Dataset
from minunet.runs import checkpoint
from minunet.runs.settings import Ranking, Settings
from minunet.training.loop import State
from minunet.training.scoring import Chosen, Result, Results, Trained, evaluate, kind
from minunet.training.validation import baseline_error

if TYPE_CHECKING:
    from minunet.report import Scored

HEADLINES = {
    "em": ("v_rand", "v_info", "pixel_error"),
    "cells": ("seg", "iou", "cells_merged"),
    "classes": ("pixel_error", "mean_iou"),
}
"""The most important scores, by kind of data; the first one ranks the slices."""

DEFAULT_RANKING: dict[str, Ranking] = {"em": "v_rand", "cells": "seg", "classes": "iou"}
"""Default of the score that selects the best step, by kind of data."""


class Run(NamedTuple):
    """A run that is ready to train."""

    folder: Path
    settings: Settings
    data: Dataset
    state: State
    device: str  # in words


def finish(
    run: Run, last: Trained, best: Trained, commands: Sequence[tuple[str, str]]
) -> list[str]:
    """Score a run; write `scores.json` and `report.html`, and thresholds into the checkpoints.

    Return lines about the most important scores.

    Parameters
    ----------
    run : Run
    last, best : Trained
    commands : sequence      pairs (purpose, command line)
    """
    results, of_last = evaluate(run.data, run.settings, last, best)
    keep_threshold(run.folder / last.name, of_last)
    keep_threshold(run.folder / best.name, results.optimistic.chosen)
    write_scores(run.folder / "scores.json", results)
    write_report(run, results, commands)
    return results.summary(HEADLINES[kind(run.data)])


def keep_threshold(path: Path, chosen: Chosen) -> None:
    """Write a threshold into the settings of a checkpoint, which otherwise stays the same."""
    saved = checkpoint.load(path)
    settings = _with_threshold(Settings.from_json(saved.settings), chosen)
    checkpoint.save(path, saved._replace(settings=settings.to_json()))


def _with_threshold(settings: Settings, chosen: Chosen) -> Settings:
    """Return settings with a threshold, and the part that chose it."""
    part = "" if chosen.threshold is None else chosen.part
    return replace(settings, threshold=chosen.threshold, threshold_from=part)


def write_scores(path: Path, results: Results) -> None:
    """Write `scores.json`: the headline, and beside it the optimistic scores."""
    headline, optimistic = results
    written: dict[str, Any] = {one.key: one.to_json() for one in headline.scores}
    beside = {
        "slice_names": optimistic.names,
        "scores": {one.key: one.to_json() for one in optimistic.scores},
    }
    written |= {
        "slice_names": headline.names,
        "scored": headline.to_json(),
        "optimistic": optimistic.to_json() | beside,
    }
    text = json.dumps(written, indent=2, ensure_ascii=False)
    with files.atomic(path) as part:
        part.write_text(text + "\n")


def write_report(run: Run, results: Results, commands: Sequence[tuple[str, str]]) -> None:
    """Write `report.html`."""
    from minunet import report  # here: it slows down --help
    from minunet.training import pictures

    folder, settings, data, _, device = run
    headline = results.headline
    keys = HEADLINES[kind(data)]
    ranking = next(one for one in headline.scores if one.key == keys[0])
    drawn = pictures.draw_best_and_worst(data, headline.slices, headline.p, ranking, settings)
    log = runs.read(folder)
    made = report.Report(
        title=folder.name,
        settings=_with_threshold(settings, headline.chosen).to_json(),
        description=data.description,
        log=log,
        headline=keys,
        scored=_scored(headline),
        optimistic=_scored(results.optimistic),
        baseline=baseline_error(data, headline.slices),
        curves=(folder / "curves.png").read_bytes(),
        pictures=drawn,
        seconds=sum(row["seconds"] for row in log),
        device=device,
        version=minunet.__version__,
        commands=commands,
    )
    report.write(folder / "report.html", made)


def _scored(result: Result) -> "Scored":
    """Describe a result for the report."""
    from minunet import report

    trained, part, slices, names, truth, chosen, scores, _ = result
    return report.Scored(
        f"{trained.name}, step {trained.step}", part, slices, names, truth, scores, *chosen
    )
