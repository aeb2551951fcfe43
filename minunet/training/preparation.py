"""Prepare a run: read its data and complete its settings, or find where a stopped run continues."""

import os
from dataclasses import replace
from pathlib import Path
from typing import NamedTuple

from minunet import runs
from minunet.data import dataset, object_size, targets
from minunet.data.annotation import Meaning
from minunet.data.dataset import Dataset
from minunet.data.object_size import PixelSize
from minunet.data.page import Reading
from minunet.errors import InputError
from minunet.fast import threads
from minunet.network import device, sizes
from minunet.network.device import Wanted
from minunet.prediction.tiling import aligned_step
from minunet.runs import checkpoint, places
from minunet.runs.options import Arguments, check_used, flag
from minunet.runs.settings import CHANGEABLE, Ranking, Settings, from_options
from minunet.training import endings, fine_tuning, results, scoring
from minunet.training.plan import steps_in
from minunet.training.results import Run
from minunet.training.state import State, restore, start

WITHOUT_START = "the report has no scores before the first step"
"""What follows if a run has lost the checkpoint that it started from."""


class Prepared(NamedTuple):
    """A new run that has no folder yet."""

    settings: Settings
    data: Dataset
    state: State
    device: str  # in words
    notes: list[str]  # lines to print after the plan


def prepared(arguments: Arguments) -> Prepared:
    """Prepare a new run with the given settings; refuse them before a folder is made."""
    given = arguments.given
    origin = fine_tuning.origin(given["start_from"]) if "start_from" in given else None
    wanted = origin.complete(given) if origin else given
    settings = from_options(**places.of_new_run(wanted, arguments.data))
    check_used(given, settings)
    aligned_step(settings.tile, settings.depth)  # raises unless such tiles join without seams
    where, reason = device.choose(settings.device)
    threads.use(arguments.threads or threads.count())
    data = load(settings, origin.settings.pixel_size if origin and "shrink" not in given else None)
    check_used(given, replace(settings, label_values=data.label_values), data.cells is not None)
    settings = replace(
        settings,
        score=ranking(settings, data),
        in_channels=data.images[0].shape[2],
        label_values=data.label_values,
        label_colours=data.label_colours,
        cells=data.numbered,
        fingerprint=data.fingerprint,
        scale=data.scale,
        shrink=data.shrink,
        pixel_size=data.pixel_size,
        threads=threads.count(),
    )
    if "tile" not in given:
        settings = replace(settings, tile=tile_of(settings, data))
    if origin:
        settings = replace(settings, start_checksum=origin.checksum)
    state = origin.start(settings, where) if origin else start(settings, where)
    if arguments.minutes:
        settings = replace(settings, steps=steps_in(arguments.minutes, settings, data, state))
    return Prepared(settings, data, state, reason, origin.notes(settings) if origin else [])


def tile_of(settings: Settings, data: Dataset) -> int:
    """Return the tile size of the preset, or a smaller one if that covers every shrunk image.

    For images that are not shrunk, return the size of the preset.
    """
    if data.shrink <= 1:
        return settings.tile
    longest = max(2**settings.depth, *(max(sample.labels.shape) for sample in data.samples))
    _, enough = sizes.nearest_valid(longest + 2 * sizes.margin(settings.depth), settings.depth)
    return min(settings.tile, enough)


def resumed_run(arguments: Arguments, folder: Path) -> Run | None:
    """Prepare to resume the run in a folder; return None if nothing is left to do."""
    given = arguments.given
    fixed = sorted(set(given) - {*CHANGEABLE, *places.PLACES})
    if fixed:
        raise InputError(
            f"{', '.join(flag(name) for name in fixed)} cannot change when a run is resumed; leave "
            f"{'them' if fixed[1:] else 'it'} out; only "
            f"{', '.join(flag(name) for name in CHANGEABLE)} can change"
        )
    state, stored, reason = restored(folder, given.get("device"))
    settings = replace(stored, **{k: v for k, v in given.items() if k in CHANGEABLE})
    if settings.steps <= state.step and settings.steps != stored.steps:
        raise InputError(
            f"{folder} has already done {state.step} steps; pass --steps {2 * state.step} to "
            "continue"
        )
    found = (folder / "last.npz").is_file() and results.is_complete(folder, state.step)
    if settings.steps == state.step and found:
        return None
    check_checkpoints(folder, settings)
    settings, note = endings.threads_of_resumed(settings, arguments.threads)
    places_now = places.of_resumed_run(given, arguments.data, stored)
    settings = replace(settings, **places_now, **results.NOTHING_CHOSEN)
    data = load(settings)
    if data.fingerprint != settings.fingerprint:
        raise InputError(places.differ(settings, stored, folder))
    settings = replace(settings, score=ranking(settings, data))
    lost = runs.repair(folder, state.step)
    notes = [note, f"warning   {lost}" if lost else ""]
    if settings.start_from and not (folder / fine_tuning.START).exists():
        notes.append(f"warning   {fine_tuning.START} is missing, so {WITHOUT_START}")
    runs.write_settings(folder, settings.to_json())
    return Run(folder, settings, data, state, reason, list(filter(None, notes)))


def restored(folder: Path, wanted: Wanted | None) -> tuple[State, Settings, str]:
    """Read the state of a run; if it never saved one, make the state before the first step.

    The best checkpoint holds everything that the last one does, so it can replace a lost one; so
    does that before the first step, of a run that started from a model.
    """
    for name in ("last.npz", "best.npz", fine_tuning.START):
        if os.path.lexists(folder / name):
            return restore(folder / name, wanted)
    settings = runs.read_settings(folder)
    if settings.start_from:
        raise InputError(
            f"{folder} has no {fine_tuning.START}, from which its run starts; put it back, or "
            f"start again in another folder, with --start-from {settings.start_from}"
        )
    where, reason = device.choose(wanted or settings.device)
    return start(settings, where), settings, reason


def check_checkpoints(folder: Path, settings: Settings) -> None:
    """Raise an `InputError` if the run could not be finished: a checkpoint is not valid.

    `last.npz` is not checked, because the run continues from it.
    """
    for name, otherwise in (
        ("best.npz", "the next validated step then replaces it"),
        (fine_tuning.START, WITHOUT_START),
    ):
        path = folder / name
        if not os.path.lexists(path):
            continue
        advice = f"or move {name} away: {otherwise}"
        try:
            other = Settings.from_json(checkpoint.load(path).settings)
        except InputError as error:
            raise InputError(f"{error}; {advice}") from None
        same = ("architecture", "fingerprint", "start_checksum")
        if any(getattr(other, one) != getattr(settings, one) for one in same):
            raise InputError(f"{path} belongs to another run; put back that of this run, {advice}")


def load(settings: Settings, trained: PixelSize | None = None) -> Dataset:
    """Load the data named in the settings.

    Parameters
    ----------
    settings : Settings
    trained : PixelSize or None     pixel size of other images, for which `settings.shrink` is meant
    """
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
            Reading(settings.channel, settings.series, axes=settings.axes, level=settings.level),
            scaled_by_all=bool(settings.fingerprint) and settings.scale is None,
        ),
        settings.validation,
        settings.scaling,
        targets.Weighting(settings.weight_map, settings.w0, settings.sigma),
        settings.test,
        object_size.Wanted(settings.shrink, next(sizes.valid_sizes(settings.depth)), trained),
    )


def ranking(settings: Settings, data: Dataset) -> Ranking:
    """Return the score that chooses the best step; raise an `InputError` if the data lack it."""
    if settings.score == "auto":
        return results.DEFAULT_RANKING[scoring.kind(data)]
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
