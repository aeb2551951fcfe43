"""The result of a finished run: the scores of its best step, and its report."""

import json
from collections.abc import Sequence
from functools import partial
from pathlib import Path
from typing import NamedTuple

import minunet
from minunet import runs
from minunet.array import Array
from minunet.data.dataset import Dataset
from minunet.metrics import cells, classes, em
from minunet.metrics.score import THRESHOLDS, Score
from minunet.network import Network
from minunet.prediction import averaging, instances
from minunet.prediction.tiling import Tiling
from minunet.progress import Progress
from minunet.runs.settings import Ranking, Settings
from minunet.training.loop import State
from minunet.training.validation import validation_slices

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


def kind(data: Dataset) -> str:
    """Return what is scored: membranes ("em"), numbered cells ("cells") or "classes"."""
    if data.cells is None:
        return "classes"
    return "cells" if data.numbered else "em"


def probabilities(network: Network, data: Dataset, settings: Settings) -> list[Array]:
    """Compute class probabilities (H, W, K) of the validation slices, averaged as in `settings`."""
    tiling = Tiling(settings.tile, average=settings.average)
    slices = validation_slices(data)
    tiles = sum(tiling.tile_count(data.images[k].shape, settings.depth) for k in slices)
    found = []
    with Progress(tiles, "tile") as progress:
        for k in slices:
            advance = partial(progress.advance, f"slice {data.names[k]}")
            found.append(averaging.probabilities(network, data.images[k], tiling, advance))
    return found


def score(data: Dataset, p: Sequence[Array], settings: Settings) -> list[Score]:
    """Compute all scores of the probabilities of the validation slices."""
    slices = validation_slices(data)
    annotated = [data.annotated[k] for k in slices]
    if data.cells is None:
        labels, found = [data.labels[k] for k in slices], [one.argmax(axis=-1) for one in p]
        names = [str(value) for value in data.label_values]
        return classes.scores(labels, found, len(names), annotated=annotated, names=names)
    truth = [data.cells[k] for k in slices]
    if data.numbered:
        find = partial(
            instances.from_probability,
            smallest=settings.smallest,
            connectivity=settings.connectivity,
        )
        found = [find(one[..., 1]) for one in p]
        return cells.scores(truth, found, annotated=annotated)
    with Progress(len(slices) * len(THRESHOLDS), "score") as progress:
        advance = partial(progress.advance, "one per slice and threshold")
        p = [one[..., 1] for one in p]
        return em.scores(truth, p, annotated=annotated, advance=advance)


def finish(
    run: Run, network: Network, scored: str, commands: Sequence[tuple[str, str]]
) -> list[Score]:
    """Score a run on its validation slices; write `scores.json` and `report.html`.

    Parameters
    ----------
    run : Run
    network : Network              network of the step to score, on any device
    scored : str                   which step that is, in words
    commands : sequence            pairs (purpose, command line)
    """
    from minunet import report  # here: it slows down --help
    from minunet.training import pictures

    folder, settings, data, _, device = run
    names = [data.names[k] for k in validation_slices(data)]
    p = probabilities(network, data, settings)
    scores = score(data, p, settings)
    headline = HEADLINES[kind(data)]
    ranking = next(one for one in scores if one.key == headline[0])
    log = runs.read(folder)
    made = report.Report(
        title=folder.name,
        settings=settings.to_json(),
        description=data.description,
        log=log,
        scores=scores,
        headline=headline,
        slices=validation_slices(data),
        names=names,
        trained_on=not data.held_out,
        checkpoint=scored,
        picked=True,
        curves=(folder / "curves.png").read_bytes(),
        pictures=pictures.draw_best_and_worst(data, p, ranking, settings),
        seconds=sum(row["seconds"] for row in log),
        device=device,
        version=minunet.__version__,
        commands=commands,
    )
    written = {one.key: one.to_json() for one in scores} | {"slice_names": names}
    text = json.dumps(written, indent=2, ensure_ascii=False)
    (folder / "scores.json").write_text(text + "\n")
    report.write(folder / "report.html", made)
    return scores
