"""The result of a finished run: its scores, its thresholds and its report."""

import json
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

import minunet
from minunet import files, runs
from minunet.array import Array
from minunet.data.dataset import Dataset
from minunet.metrics import classes
from minunet.metrics.score import with_spread
from minunet.prediction import instances
from minunet.runs import checkpoint
from minunet.runs.settings import Ranking, Settings
from minunet.training.scoring import (
    Chosen,
    Result,
    Results,
    Trained,
    evaluate,
    kind,
    where_scored,
)
from minunet.training.state import State
from minunet.training.validation import baseline_error

if TYPE_CHECKING:
    from minunet.report import Scored

HEADLINES = {
    "em": ("v_rand", "v_info", "pixel_error"),
    "cells": ("seg", "iou", "cells_merged"),
    "classes": ("pixel_error", "mean_iou"),
}
"""The most important scores, by kind of data; the first one ranks the slices."""

SCORES, REPORT = "scores.json", "report.html"

OF_OTHERS = (ValueError, TypeError, LookupError, AttributeError)
"""Exceptions of reading a JSON file that someone else has written."""

DEFAULT_RANKING: dict[str, Ranking] = {"em": "v_rand", "cells": "seg", "classes": "iou"}
"""Default of the score that selects the best step, by kind of data."""


NOTHING_CHOSEN: dict[str, Any] = {
    "threshold": None,
    "threshold_from": "",
    "extent": None,
    "smallest_chosen": None,
}
"""Settings of a run that has not finished."""


class Run(NamedTuple):
    """A run that is ready to train."""

    folder: Path
    settings: Settings
    data: Dataset
    state: State
    device: str  # in words
    notes: Sequence[str] = ()  # lines to print after the plan


def finish(
    run: Run,
    last: Trained,
    best: Trained,
    commands: Sequence[tuple[str, str]],
    start: Trained | None = None,
) -> list[str]:
    """Score a run; write `scores.json` and `report.html`, and thresholds into the checkpoints.

    Return lines about the most important scores.

    Parameters
    ----------
    run : Run
    last, best : Trained
    commands : sequence      pairs (purpose, command line)
    start : Trained or None  the model that the run started from, if any
    """
    results, of_last = evaluate(run.data, run.settings, last, best, start)
    keep_threshold(run.folder / last.name, of_last)
    keep_threshold(run.folder / best.name, results.optimistic.chosen)
    write_report(run, results, commands)
    write_scores(run.folder / SCORES, results, run.state.step)
    return results.summary(HEADLINES[kind(run.data)])


def is_complete(folder: Path, step: int) -> bool:
    """Return whether the scores and the report of a run that has done `step` steps are written."""
    written = _written(folder)
    if written is None or not (folder / REPORT).is_file():
        return False
    return written[0] in (step, None)  # older versions did not write the number of steps


def recall(folder: Path) -> list[str]:
    """Summarize a run whose scores and report are written."""
    _, shown = _written(folder) or (None, "")
    return [
        f"done      all steps of {folder} are done; pass a larger --steps to train further",
        f"scores    {shown}",
        f"report    {folder / REPORT}",
    ]


def _written(folder: Path) -> tuple[int | None, str] | None:
    """Read from `scores.json` its number of steps and the most important scores; None: damaged."""
    try:
        scores = json.loads((folder / SCORES).read_text(encoding="utf-8"))
        keys = next(keys for keys in HEADLINES.values() if keys[0] in scores)
        found = [scores[key] for key in keys if key in scores]
        shown = ", ".join(f"{one['name']} {_with_spread(one)}" for one in found)
        if scored := scores.get("scored"):  # missing in runs of earlier versions
            which = scored["checkpoint"], scored["step"], len(scores["slice_names"]), scored["part"]
            shown = f"{where_scored(*which, scored['truth'] or '')}: {shown}"
        return scores.get("steps"), shown
    except (OSError, StopIteration, RecursionError, *OF_OTHERS):
        return None


def _with_spread(score: dict[str, Any]) -> str:
    """Format a score as JSON values; a count has no spread, nor has one of an earlier version."""
    spread = None if isinstance(score["value"], int) else score.get("spread")
    return with_spread(score["value"], spread)


def keep_threshold(path: Path, chosen: Chosen) -> None:
    """Write a threshold into the settings of a checkpoint, which otherwise stays the same."""
    saved = checkpoint.load(path)
    settings = _with_threshold(Settings.from_json(saved.settings), chosen)
    checkpoint.save(path, saved._replace(settings=settings.to_json()))


def _with_threshold(settings: Settings, chosen: Chosen) -> Settings:
    """Return settings with the chosen rule, and the part that chose it."""
    rule = chosen.rule
    if rule is None:
        return replace(settings, **NOTHING_CHOSEN)
    return replace(
        settings,
        threshold=rule.threshold,
        threshold_from=chosen.part,
        extent=rule.extent,
        smallest_chosen=rule.smallest,
    )


def write_scores(path: Path, results: Results, steps: int) -> None:
    """Write `scores.json`: the headline, and beside it the optimistic scores.

    It is the last file of a run; its number of steps shows that the report is of these steps, too.
    """
    headline, optimistic, start = results
    written: dict[str, Any] = {one.key: one.to_json() for one in headline.scores}
    beside = {
        "slice_names": optimistic.names,
        "scores": {one.key: one.to_json() for one in optimistic.scores},
    }
    written |= {
        "steps": steps,
        "slice_names": headline.names,
        "scored": headline.to_json(),
        "optimistic": optimistic.to_json() | beside,
    }
    if start is not None:
        written["start"] = start.to_json() | {
            "scores": {one.key: one.to_json() for one in start.scores}
        }
    text = json.dumps(written, indent=2, ensure_ascii=False)
    with files.atomic(path) as part:
        part.write_text(f"{text}\n", encoding="utf-8", errors="backslashreplace")


def write_report(run: Run, results: Results, commands: Sequence[tuple[str, str]]) -> None:
    """Write `report.html`."""
    from minunet import report  # here: it slows down --help
    from minunet.training import pictures

    folder, settings, data, _, device, _ = run
    headline = results.headline
    keys = HEADLINES[kind(data)]
    ranking = next(one for one in headline.scores if one.key == keys[0])
    rule = headline.chosen.rule or instances.rule(settings)
    drawn = pictures.draw_best_and_worst(data, headline.slices, headline.p, ranking, rule)
    log = runs.read(folder)
    made = report.Report(
        title=folder.name,
        settings=_with_threshold(settings, headline.chosen).to_json(),
        description=data.description,
        log=log,
        headline=keys,
        scored=_scored(headline),
        optimistic=_scored(results.optimistic),
        start=None if results.start is None else _scored(results.start),
        baseline=baseline_error(data, headline.slices),
        curves=(folder / "curves.png").read_bytes(),
        pictures=drawn,
        confusion=_confusion(data, headline),
        thresholds=pictures.draw_thresholds(headline.chosen, ranking, headline.part),
        seconds=sum(row["seconds"] for row in log),
        device=device,
        version=minunet.__version__,
        commands=commands,
    )
    report.write(folder / REPORT, made)


def _confusion(data: Dataset, result: Result) -> tuple[Array, Sequence[str]] | None:
    """Count the pixels of the scored slices by true and predicted class; None for cells."""
    if data.cells is not None:
        return None
    maps = [data.labels[k] for k in result.slices], [one.argmax(axis=-1) for one in result.p]
    names, annotated = list(map(str, data.label_values)), [data.annotated[k] for k in result.slices]
    return classes.confusion(*maps, len(names), annotated=annotated), names


def _scored(result: Result) -> "Scored":
    """Describe a result for the report."""
    from minunet import report

    trained, part, slices, names, truth, chosen, scores, *_ = result
    which = f"{trained.name}, step {trained.step}"
    of_rule = chosen.threshold, chosen.part, chosen.number
    return report.Scored(which, part, slices, names, truth, scores, *of_rule)
