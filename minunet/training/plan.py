"""The plan of a run, printed before it starts: what it does, and the time and memory it needs."""

import time
from copy import deepcopy
from datetime import datetime, timedelta

import numpy as np

from minunet import augmentation
from minunet.data.dataset import Dataset
from minunet.network import sizes, unet
from minunet.prediction import tile_choice
from minunet.prediction.memory import LIBRARIES
from minunet.prediction.tiling import Tiling
from minunet.progress import duration
from minunet.runs.settings import Settings
from minunet.training import loop
from minunet.training.loop import State
from minunet.training.validation import baseline_error, validation_slices


def plan(settings: Settings, data: Dataset, state: State, device: str) -> list[str]:
    """Describe a run, after timing one of its steps.

    Parameters
    ----------
    settings : Settings
    data : Dataset
    state : State       not changed
    device : str        in words

    Returns
    -------
    list of str : lines to print
    """
    arch, tile = settings.architecture, settings.tile
    output = sizes.output_size(tile, settings.depth)
    step_seconds, tile_seconds = _measure(settings, data, state)
    left = settings.steps - state.step
    validations = -(-left // settings.validate_every)
    seconds = (
        left * step_seconds + validations * _tiles_per_validation(settings, data) * tile_seconds
    )
    end = datetime.now() + timedelta(seconds=seconds)
    finished = end.strftime("%H:%M" if seconds < 12 * 3600 else "%Y-%m-%d %H:%M")
    error = baseline_error(data)
    return [
        *data.description,
        f"to beat   pixel error {error:.4f}: the baseline, which gives every pixel the most "
        "frequent class",
        f"network   {arch.parameters():,} parameters: depth {arch.depth}, {arch.channels} channels "
        f"at full resolution, {arch.classes} classes, {arch.variant}",
        f"tile      {tile} → {output} pixels, one per step",
        *augmentation.warnings(settings.augment, tile),
        f"memory    about {memory(settings) / 2**30:.2f} GiB",
        f"device    {device}",
        f"time      {step_seconds:.2f} s per step; steps {state.step + 1} … {settings.steps} and "
        f"{validations} validations: about {duration(seconds)}, until {finished}",
    ]


def _tiles_per_validation(settings: Settings, data: Dataset) -> float:
    """Return the cost of a validation, in tiles of the training size."""
    arch, tiling = settings.architecture, Tiling(settings.tile)
    shapes = [data.images[k].shape[:2] for k in validation_slices(data)]
    computed = sum(tile_choice.computation(arch, shape, tiling) for shape in shapes)
    return computed / tile_choice.flop(arch, settings.tile, settings.tile)


def memory(settings: Settings) -> float:
    """Estimate the peak memory of a training step in float32, in bytes.

    This is the sum of the activations that the backward pass needs, the gradients of the skip
    connections, twice the largest map for the layer being computed, the parameters, velocities
    and gradients, and 100 MB for Python and its libraries. The new parameters and velocities of the
    update are not counted, because the activations have been freed by then.
    """
    arch = settings.architecture
    rows = sizes.figure1(arch, settings.tile)
    maps = [4 * row.size**2 * row.channels for row in rows]
    skips = [
        4 * rows[k - 1].size ** 2 * rows[k - 1].channels
        for k, row in enumerate(rows)
        if row.arrow.startswith("max pool")
    ]
    kept = sum(row.memory for row in rows)
    return kept + sum(skips) + 2 * max(maps) + 3 * 4 * arch.parameters() + LIBRARIES


def _measure(settings: Settings, data: Dataset, state: State) -> tuple[float, float]:
    """Time a training step and a validation tile, in seconds, on a copy of the state."""
    draw = loop.tiles(settings, data)
    trial = State(state.params, state.velocity, deepcopy(state.rng))
    arch = settings.architecture
    seconds: list[float] = []
    while len(seconds) < 3 and sum(seconds) < 5:  # the first also allocates memory
        tile = draw(len(seconds))  # not timed: training makes it in the background
        started = time.monotonic()
        loop.step(trial, tile, arch, learning_rate=0.0, momentum=0.0)
        seconds.append(time.monotonic() - started)
    started = time.monotonic()
    unet.forward(state.params, np.asarray(tile.x, like=state.params["out.b"]), arch, remember=False)
    return min(seconds), time.monotonic() - started
