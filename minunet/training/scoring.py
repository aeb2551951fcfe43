"""Scores of a run on slices that chose nothing.

With a test part, `best.npz` is scored on it, at the threshold that suits the validation slices
best. Without one, `last.npz` is scored on the validation slices, at the threshold that suits some
training slices best. Neither is chosen on the slices that are scored; the score of `best.npz` on
the slices that chose it is kept as well, marked as optimistic.
"""

import hashlib
from collections.abc import Sequence
from functools import partial
from typing import Any, Literal, NamedTuple

from minunet.array import Array
from minunet.data.dataset import Dataset
from minunet.data.image_files import counted
from minunet.metrics import cells, classes, em
from minunet.metrics.score import THRESHOLDS, Score, value_and_spread
from minunet.network import Network
from minunet.ops import cross_entropy
from minunet.prediction import averaging, instances
from minunet.prediction.instances import Rule
from minunet.prediction.tiling import Tiling
from minunet.progress import Progress
from minunet.runs.settings import Settings
from minunet.training import thresholds
from minunet.training.validation import validation_slices

Part = Literal["training", "validation", "test"]


class Trained(NamedTuple):
    """A checkpoint of a run, with its network on any device."""

    name: str  # of the file
    step: int
    network: Network


class Chosen(NamedTuple):
    """The rule that finds cells, and the slices that chose it."""

    rule: Rule | None  # None: there is none, as with three or more classes
    part: Part
    number: int  # of slices
    by_threshold: Sequence[float] = ()  # SEG of these slices, for each of `THRESHOLDS`

    @property
    def threshold(self) -> float | None:
        """Threshold of the probability of class 1."""
        return None if self.rule is None else self.rule.threshold


class Result(NamedTuple):
    """The scores of a checkpoint on one part of the data."""

    trained: Trained
    part: Part
    slices: list[int]
    names: list[str]  # of the slices
    truth: str  # gold, silver; or empty, if there is only one kind
    chosen: Chosen
    scores: list[Score]
    p: list[Array]  # class probabilities (H, W, K) of the slices
    fingerprint: str  # SHA-256 of the slices and their truth

    def to_json(self) -> dict[str, Any]:
        """Return where the scores come from, as JSON values."""
        known = self.chosen.threshold is not None
        return {
            "checkpoint": self.trained.name,
            "step": self.trained.step,
            "part": self.part,
            "truth": self.truth or None,
            "fingerprint": self.fingerprint,
            "threshold": self.chosen.threshold,
            "threshold_chosen_on": self.chosen.part if known else None,
        }

    def summary(self, keys: Sequence[str]) -> str:
        """Return the scores with these keys and their spread in words, and where they come from."""
        which = self.trained.name, self.trained.step, len(self.slices), self.part
        return f"{where_scored(*which, self.truth)}: {self.in_words(keys)}"

    def in_words(self, keys: Sequence[str]) -> str:
        """Return the scores with these keys, with their spread."""
        return ", ".join(map(_in_words, (one for one in self.scores if one.key in keys)))


def where_scored(checkpoint: str, step: int, count: int, part: str, truth: str) -> str:
    """Say in words which checkpoint was scored, and on how many slices of which part."""
    against = ", against silver truth" if truth == "silver" else ""
    return f"{checkpoint}, step {step}, on {counted(count, part)}{against}"


def _in_words(score: Score) -> str:
    """Return the name and the value of a score, with its spread over slices if known."""
    return f"{score.name} {value_and_spread(score)}"


class Results(NamedTuple):
    """What a finished run is worth."""

    headline: Result  # on slices that chose neither the step nor the threshold
    optimistic: Result  # of best.npz on the slices that chose it, each score at its best threshold
    start: Result | None = None  # of the model that the run started from, as in the headline

    def summary(self, keys: Sequence[str]) -> list[str]:
        """Return lines with the scores that have these keys: the headline, the optimistic ones."""
        rule, part, number, _ = self.headline.chosen
        lines = [self.headline.summary(keys)]
        if rule is not None:
            lines.append(f"at {rule.in_words()}, chosen on {counted(number, part)}")
        if self.start is not None:
            lines.append(f"before the first step: {self.start.in_words(keys)}")
        return [
            *lines,
            f"optimistic, because these slices chose the step: {self.optimistic.summary(keys)}",
        ]


def kind(data: Dataset) -> str:
    """Return what is scored: membranes ("em"), numbered cells ("cells") or "classes"."""
    if data.cells is None:
        return "classes"
    return "cells" if data.numbered else "em"


def probabilities(
    network: Network, data: Dataset, slices: Sequence[int], settings: Settings
) -> list[Array]:
    """Compute class probabilities (H, W, K) of some slices, averaged as in `settings`."""
    tiling = Tiling(settings.tile, average=settings.average)
    tiles = sum(tiling.tile_count(data.samples[k].x.shape, settings.depth) for k in slices)
    found = []
    with Progress(tiles, "tile") as progress:
        for k in slices:
            advance = partial(progress.advance, f"slice {data.names[k]}")
            logits = averaging.logits(network, data.samples[k].x, tiling, advance)
            found.append(cross_entropy.softmax(data.enlarged(logits, k)))
    return found


def score(
    data: Dataset,
    slices: Sequence[int],
    p: Sequence[Array],
    settings: Settings,
    tried: Sequence[float] = THRESHOLDS,
    rule: Rule | None = None,
) -> list[Score]:
    """Compute all scores of some slices.

    Parameters
    ----------
    data : Dataset
    slices : sequence of int
    p : sequence of (H, W, K)     their class probabilities
    settings : Settings
    tried : sequence of float     thresholds; unused for numbered cells
    rule : Rule or None           how numbered cells are found; None: by default
    """
    annotated = [data.annotated[k] for k in slices]
    if data.cells is None:
        labels, found = [data.labels[k] for k in slices], [one.argmax(axis=-1) for one in p]
        names = [str(value) for value in data.label_values]
        return classes.scores(labels, found, len(names), annotated=annotated, names=names)
    truth, p = [data.cells[k] for k in slices], [one[..., 1] for one in p]
    if data.numbered:
        rule = rule or instances.rule(settings)
        found = [rule.cells(one) for one in p]
        first, *others = cells.scores(truth, found, annotated=annotated)
        curve = thresholds.seg_by_threshold(data, slices, p, rule)
        first = first._replace(by_threshold=curve)
        return [one._replace(threshold=rule.threshold) for one in (first, *others)]
    with Progress(len(slices) * len(tried), "score") as progress:
        advance = partial(progress.advance, "one per slice and threshold")
        return em.scores(truth, p, tried, annotated=annotated, advance=advance)


def evaluate(
    data: Dataset,
    settings: Settings,
    last: Trained,
    best: Trained,
    start: Trained | None = None,
) -> tuple[Results, Chosen]:
    """Choose the thresholds, and score a run.

    Parameters
    ----------
    data : Dataset
    settings : Settings
    last, best : Trained
    start : Trained or None     the model that the run started from, if any

    Returns
    -------
    Results
    Chosen : the threshold of `last`; that of `best` is in the optimistic result
    """
    segment = _Remembered(data, settings)

    def choose(trained: Trained, part: Part, slices: Sequence[int]) -> Chosen:
        if not thresholds.has_threshold(data):
            return Chosen(None, part, len(slices))
        p = segment(trained, slices)
        rule = thresholds.choose(data, slices, p, settings)
        curve: Sequence[float] = ()
        if rule is not None and thresholds.learns_cells(data, settings):
            cell = [one[..., 1] for one in p]
            curve = thresholds.seg_by_threshold(data, slices, cell, rule)
        return Chosen(rule, part, len(slices), curve)

    slices = validation_slices(data)
    part: Part = "validation" if data.held_out else "training"
    of_best = choose(best, part, slices)
    tried = THRESHOLDS if kind(data) == "em" else _used(of_best)
    optimistic = _score(segment, best, (part, slices), of_best, tried)
    if data.test:
        of_last, test = choose(last, part, slices), data.scored(data.test)
        headline = _score(segment, best, ("test", test), of_best, _used(of_best))
    else:
        some = thresholds.choosing(data, len(slices)) if data.held_out else slices
        of_last = choose(last, "training", some)
        headline = _score(segment, last, (part, slices), of_last, _used(of_last))
    before = None
    if start is not None:
        of_start = choose(start, part, slices) if data.test else choose(start, "training", some)
        where = headline.part, headline.slices
        before = _score(segment, start, where, of_start, _used(of_start))
    return Results(headline, optimistic, before), of_last


class _Remembered:
    """Segment slices with checkpoints, each slice once per step."""

    def __init__(self, data: Dataset, settings: Settings) -> None:
        self.data, self.settings = data, settings
        self.known: dict[tuple[int, int], Array] = {}

    def __call__(self, trained: Trained, slices: Sequence[int]) -> list[Array]:
        new = [k for k in slices if (trained.step, k) not in self.known]
        if new:
            made = probabilities(trained.network, self.data, new, self.settings)
            self.known |= {(trained.step, k): p for k, p in zip(new, made, strict=True)}
        return [self.known[trained.step, k] for k in slices]


def _used(chosen: Chosen) -> tuple[float]:
    """Return the threshold to use."""
    return (thresholds.USUAL if chosen.threshold is None else chosen.threshold,)


def _score(
    segment: _Remembered,
    trained: Trained,
    where: tuple[Part, Sequence[int]],
    chosen: Chosen,
    tried: Sequence[float],
) -> Result:
    """Score a checkpoint on the slices of a part."""
    (part, slices), data, settings = where, segment.data, segment.settings
    p = segment(trained, slices)
    truth = ""
    if settings.labels is None and settings.images is not None:
        truth = "silver" if all(k in data.silver for k in slices) else "gold"
    names = [data.names[k] for k in slices]
    scores = score(data, slices, p, settings, tried, chosen.rule)
    return Result(
        trained, part, list(slices), names, truth, chosen, scores, p, fingerprint(data, slices)
    )


def fingerprint(data: Dataset, slices: Sequence[int]) -> str:
    """Return the SHA-256 of some slices and their truth; that of a data set omits the test."""
    digest = hashlib.sha256()
    for maps in (data.images, data.labels, data.annotated, data.cells or data.labels):
        for k in slices:
            digest.update(repr(maps[k].shape).encode() + maps[k].tobytes())
    return digest.hexdigest()
