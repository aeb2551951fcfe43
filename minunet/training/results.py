"""What a finished run is worth: the scores of its best step, and its report."""

import json
from collections.abc import Sequence
from functools import partial
from pathlib import Path
from typing import Literal

import numpy as np

import minunet
from minunet import report, runs
from minunet.array import Array, Tensors
from minunet.data.dataset import Dataset
from minunet.metrics import cells, classes, em
from minunet.metrics.score import THRESHOLDS, Score, number
from minunet.prediction import averaging, instances
from minunet.progress import Progress
from minunet.report import run_pictures, score_pictures
from minunet.runs.settings import Settings
from minunet.training.validation import validated_slices

HEADLINES = {
    "em": ("v_rand", "v_info", "pixel_error"),
    "cells": ("seg", "iou", "cells_merged"),
    "classes": ("pixel_error", "mean_iou"),
}
"""The scores that matter most, the first of them ranks the slices."""

USUAL: dict[str, Literal["iou", "v_rand", "seg"]] = {
    "em": "v_rand",
    "cells": "seg",
    "classes": "iou",
}
"""The scores that pick the best step of a run, where no other is asked for."""


def kind(data: Dataset) -> str:
    """Say what is scored: membranes (em), numbered cells, or classes."""
    if data.cells is None:
        return "classes"
    return "cells" if data.numbered else "em"


def segment(params: Tensors, data: Dataset, settings: Settings) -> list[Array]:
    """Class probabilities (H, W, K) of the validated slices, averaged as the settings say."""
    images = [data.images[k] for k in validated_slices(data)]
    return averaging.probabilities(
        params, images, settings.architecture, settings.tile, average=settings.average
    )


def score(data: Dataset, p: Sequence[Array], settings: Settings) -> list[Score]:
    """Compute all scores of the probabilities that `segment` returned."""
    slices = validated_slices(data)
    if data.cells is None:
        labels = [data.labels[k] for k in slices]
        return classes.scores(labels, [one.argmax(axis=-1) for one in p], p[0].shape[-1])
    truth = [data.cells[k] for k in slices]
    if data.numbered:
        return cells.scores(truth, [_cells(one, settings) for one in p])
    with Progress(len(slices) * len(THRESHOLDS), "score") as progress:
        advance = partial(progress.advance, "of a slice at a threshold")
        return em.scores(truth, [one[..., 1] for one in p], advance=advance)


def _cells(p: Array, settings: Settings) -> Array:
    return instances.from_probability(p[..., 1], smallest=settings.smallest)


def pictures(
    data: Dataset, p: Sequence[Array], scores: Sequence[Score], settings: Settings
) -> list[report.Picture]:
    """Draw the best and the worst of the validated slices."""
    first = next(one for one in scores if one.key == HEADLINES[kind(data)][0])
    slices, values = validated_slices(data), np.array(first.slices)
    order = np.argsort(values if first.higher_is_better else -values)
    order = order[np.isfinite(values[order])]  # nan is the score of a slice without cells
    ends = dict.fromkeys((order[-1], order[0])) if order.size else {}
    drawn = []
    for word, n in zip(("best", "worst"), ends, strict=False):
        figure = _draw(data, slices[n], p[n], first, settings)
        said = f"the {word} slice, {slices[n]}: {first.name} {number(first.slices[n])}"
        drawn.append(report.Picture(said, f"image, truth, answer and errors of {said}", figure))
    return drawn


def _draw(data: Dataset, k: int, p: Array, ranked: Score, settings: Settings) -> bytes:
    """Draw a slice, what is known of it, and what the network makes of it."""
    image = data.images[k].mean(axis=-1)
    if data.cells is None:
        figure = run_pictures.draw([run_pictures.Segmented(data.images[k], p, data.labels[k])], "")
    elif data.numbered:
        figure = score_pictures.cells_slice(image, data.cells[k], _cells(p, settings))
    else:
        threshold = 0.5 if ranked.threshold is None else ranked.threshold
        figure = score_pictures.em_slice(image, data.cells[k], p[..., 1], threshold)
    return report.png(figure)


def finish(
    folder: Path,
    settings: Settings,
    data: Dataset,
    params: Tensors,
    scored: str,
    device: str,
    commands: Sequence[tuple[str, str]],
) -> list[Score]:
    """Score a run on the validated slices; write `scores.json` and `report.html` into its folder.

    Parameters
    ----------
    folder : Path
    settings : Settings
    data : Dataset
    params : dict                  of the step that is scored, on any device
    scored : str                   which that is, in words
    device : str                   in words
    commands : sequence            what for, and the line to type
    """
    p = segment(params, data, settings)
    scores = score(data, p, settings)
    log = runs.read(folder)
    made = report.Report(
        title=folder.name,
        settings=settings.to_json(),
        description=data.description,
        log=log,
        scores=scores,
        headline=HEADLINES[kind(data)],
        slices=validated_slices(data),
        trained_on=not data.held_out,
        checkpoint=scored,
        picked=True,
        curves=(folder / "curves.png").read_bytes(),
        pictures=pictures(data, p, scores, settings),
        seconds=sum(row["seconds"] for row in log),
        device=device,
        version=minunet.__version__,
        commands=commands,
    )
    text = json.dumps({one.key: one.to_json() for one in scores}, indent=2, ensure_ascii=False)
    (folder / "scores.json").write_text(text + "\n")
    report.write(folder / "report.html", made)
    return scores
