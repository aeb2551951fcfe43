"""The plan of a run, printed before it starts: what it does, and the time and memory it needs."""

import time
from collections.abc import Sequence
from copy import deepcopy
from datetime import datetime, timedelta
from math import ceil

import numpy as np

from minunet import augmentation
from minunet.data.dataset import Dataset
from minunet.errors import InputError
from minunet.image import AVERAGED
from minunet.network import device, sizes, unet
from minunet.prediction import gpu_memory, tile_choice
from minunet.prediction.memory import LIBRARIES
from minunet.prediction.tiling import Tiling
from minunet.progress import duration
from minunet.runs.settings import Settings
from minunet.training import loop, scoring, thresholds
from minunet.training.state import State
from minunet.training.validation import baseline_error, validation_slices

SCORING = 5e-6
"""Seconds per pixel to choose two thresholds and compute all scores of membranes, in one process;
measured: 4e-6 on clean membranes of the ISBI data, more on those of an untrained network."""

CHOOSING = 1.2e-5
"""Seconds per pixel to try 61 rules for cells, twice, and compute all scores; measured:
1.1e-5 on the HeLa data."""

SAVING = 0.4
"""Seconds per validation to save the state and draw the pictures of the run; measured: 0.43."""


def plan(settings: Settings, data: Dataset, state: State, device_used: str) -> list[str]:
    """Describe a run, after timing one of its steps.

    Parameters
    ----------
    settings : Settings
    data : Dataset
    state : State       not changed
    device_used : str   in words

    Returns
    -------
    list of str : lines to print
    """
    arch, tile = settings.architecture, settings.tile
    output = sizes.output_size(tile, settings.depth)
    step_seconds, tile_seconds = _measure(settings, data, state)
    left = settings.steps - state.step
    validations = -(-left // settings.validate_every)
    tiles = validations * _tiles(settings, data, validation_slices(data))
    tiles += _final_tiles(settings, data)
    seconds = left * step_seconds + validations * SAVING
    seconds += tiles * tile_seconds + _scoring_seconds(settings, data)
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
        f"memory    about {_memory(settings, state)}",
        f"device    {device_used}",
        f"time      {step_seconds:.2f} s per step; steps {state.step + 1} … {settings.steps}, "
        f"{validations} validations and the final scores: about {duration(seconds)}, ending "
        f"at {finished}",
    ]


def steps_in(minutes: float, settings: Settings, data: Dataset, state: State) -> int:
    """Return how many steps, with validations and final scores, fit into a time on this machine.

    Raises
    ------
    InputError
        If not even one step fits.
    """
    step_seconds, tile_seconds = _measure(settings, data, state)
    validation = _tiles(settings, data, validation_slices(data)) * tile_seconds + SAVING
    fixed = _final_tiles(settings, data) * tile_seconds + _scoring_seconds(settings, data)
    fixed += validation  # after the last step
    each = step_seconds + validation / settings.validate_every
    steps = int((60 * minutes - fixed) / each)
    if steps < 1:
        least = 1.1 * (fixed + each) / 60  # timings vary
        raise InputError(
            f"{minutes:g} minutes is not enough for one step and the final scores; pass "
            f"--minutes {ceil(10 * least) / 10:g} or more"
        )
    return steps


def _tiles(settings: Settings, data: Dataset, slices: Sequence[int]) -> float:
    """Return the cost of segmenting some slices, in tiles of the training size."""
    arch, tiling = settings.architecture, Tiling(settings.tile)
    shapes = [data.samples[k].x.shape[:2] for k in slices]
    computed = sum(tile_choice.computation(arch, shape, tiling) for shape in shapes)
    return computed / tile_choice.flop(arch, settings.tile, settings.tile)


def _final_tiles(settings: Settings, data: Dataset) -> float:
    """Return the cost of segmenting what the end of a run needs, if the best step is not the last.

    For the final scores: the validation slices twice, and the test slices or as many training
    slices. For the average that ends fine-tuning: the validation slices twice more.
    """
    slices = validation_slices(data)
    third = data.scored(data.test)
    if data.held_out and not data.test:
        third = thresholds.choosing(data, len(slices))
    final = len(AVERAGED[settings.average]) * _tiles(settings, data, [*slices, *slices, *third])
    return final + (2 * _tiles(settings, data, slices) if settings.start_from else 0.0)


def _scoring_seconds(settings: Settings, data: Dataset) -> float:
    """Estimate the time of the choices and scores at the end; classes take almost none."""
    pixels = sum(data.labels[k].size for k in validation_slices(data))
    if scoring.kind(data) == "em":
        return SCORING * pixels
    return CHOOSING * pixels if thresholds.learns_cells(data, settings) else 0.0


def _memory(settings: Settings, state: State) -> str:
    """Return the memory that training needs, on the device of the parameters."""
    if device.of(state.params["out.b"]) == "cpu":
        return f"{memory(settings) / 2**30:.2f} GiB"
    needed = gpu_memory.of_training(settings.architecture, settings.tile, settings.tile)
    return f"{needed / 2**30:.2f} GiB of GPU memory"


def memory(settings: Settings) -> float:
    """Estimate the peak memory of a training step in float32 on the CPU, in bytes.

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
        with gpu_memory.explained(arch, settings.tile, settings.tile, training=True):
            loop.step(trial, tile, arch, learning_rate=0.0, momentum=0.0)
        seconds.append(time.monotonic() - started)
    started = time.monotonic()
    unet.forward(state.params, np.asarray(tile.x, like=state.params["out.b"]), arch, remember=False)
    return min(seconds), time.monotonic() - started
