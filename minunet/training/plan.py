"""What a run will do and what it will cost, said before it starts."""

import time
from copy import deepcopy
from datetime import datetime, timedelta

import numpy as np

from minunet import training
from minunet.data.dataset import Dataset
from minunet.network import sizes, unet
from minunet.prediction import tile_choice
from minunet.progress import duration
from minunet.runs.settings import Settings
from minunet.training.loop import State
from minunet.training.validation import constant_error, validated_slices


def plan(settings: Settings, data: Dataset, state: State, device: str) -> list[str]:
    """Describe a run, after trying one of its steps to see how long it takes.

    Parameters
    ----------
    settings : Settings
    data : Dataset
    state : State       stays as it is
    device : str        in words

    Returns
    -------
    list of str : lines for people to read
    """
    arch, tile = settings.architecture, settings.tile
    output = sizes.output_size(tile, settings.depth)
    a_step, a_tile = _try(settings, data, state)
    left = settings.steps - state.step
    validations = -(-left // settings.validate_every)
    seconds = left * a_step + validations * _tiles(settings, data) * a_tile
    end = datetime.now() + timedelta(seconds=seconds)
    pictured = end.strftime("%H:%M" if seconds < 12 * 3600 else "%Y-%m-%d %H:%M")
    error = constant_error(data)
    return [
        *data.description,
        f"to beat   pixel error {error:.4f}: everything called the most frequent class",
        f"network   {arch.parameters():,} parameters: depth {arch.depth}, {arch.channels} channels "
        f"at full resolution, {arch.classes} classes, {arch.variant}",
        f"tile      {tile} → {output} pixels, one a step",
        f"memory    about {memory(settings) / 2**30:.2f} GiB",
        f"device    {device}",
        f"time      {a_step:.2f} s a step; steps {state.step + 1} … {settings.steps} and "
        f"{validations} validations: about {duration(seconds)}, until {pictured}",
    ]


def _tiles(settings: Settings, data: Dataset) -> float:
    """Count the tiles of a validation: one smaller than in training counts for what it computes."""
    arch, tile = settings.architecture, settings.tile
    sizes = [data.images[k].shape[:2] for k in validated_slices(data)]
    computed = sum(tile_choice.computation(arch, size, tile) for size in sizes)
    return computed / tile_choice.flop(arch, tile, tile)


def memory(settings: Settings) -> float:
    """Estimate the peak of a training step, in bytes of float32.

    Activations that the backward needs and lets go on its way; the gradients of the skips while
    they wait; two of the largest maps, of the layer being worked on; parameters, velocities and
    gradients; 100 MB of Python and its libraries. When the update makes parameters and velocities
    anew, the activations are gone.
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
    return kept + sum(skips) + 2 * max(maps) + 3 * 4 * arch.parameters() + 1e8


def _try(settings: Settings, data: Dataset, state: State) -> tuple[float, float]:
    """Seconds that a step, and a tile of a validation, take: tried on a copy, and thrown away."""
    draw = training.tiles(settings, data)
    trial = State(state.params, state.velocity, deepcopy(state.rng))
    arch = settings.architecture
    seconds: list[float] = []
    while len(seconds) < 3 and sum(seconds) < 5:  # the first one also pays for fresh memory
        tile = draw(len(seconds))  # made in the background: its time is not the step's
        started = time.monotonic()
        training.step(trial, tile, arch, learning_rate=0.0, momentum=0.0)
        seconds.append(time.monotonic() - started)
    started = time.monotonic()
    unet.forward(state.params, np.asarray(tile.x, like=state.params["out.b"]), arch, remember=False)
    return min(seconds), time.monotonic() - started
