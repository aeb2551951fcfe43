"""Training (paper, section 3): momentum SGD, a single tile per step.

`step` is the whole method: forward, energy, backward, update. `train` repeats it, and validates and
saves at regular intervals. However it is stopped, a resumed run takes the same steps bit for bit.
"""

import math
import time
from collections.abc import Callable
from contextlib import closing
from functools import partial
from pathlib import Path

import numpy as np

from minunet import stopping
from minunet.array import Array, Tensors
from minunet.augmentation import SETS
from minunet.data.dataset import Dataset
from minunet.errors import InputError
from minunet.image import Sample, annotated_pixels
from minunet.network import Architecture, unet
from minunet.ops import cross_entropy
from minunet.prediction import gpu_memory
from minunet.progress import Progress
from minunet.runs.settings import Settings
from minunet.training import fine_tuning, sampling, sgd
from minunet.training.journal import Journal, OnValidation
from minunet.training.state import DivergedError, State

CHECK_EVERY = 10
"""Number of steps between checks of the predicted classes; a check costs about 1 % of a step."""

UNIFORM = 200
"""Number of steps with the same class everywhere after which minunet warns."""


@np.errstate(over="ignore", invalid="ignore")  # an overflow shows in the energy
def step(
    state: State,
    tile: Sample,
    arch: Architecture,
    learning_rate: float,
    momentum: float,
    clip: float = 0.0,
    terms: sgd.Terms = sgd.PLAIN,
) -> float:
    """Train on one tile.

    Parameters
    ----------
    state : State                      its parameters, velocities and step number are replaced
    tile : Sample                      on the host
    arch : Architecture
    learning_rate, momentum : float    see `sgd.step`
    clip : float                       maximum gradient norm, see `sgd.clip`; 0 disables clipping
    terms : sgd.Terms                  weight decay and learning rate of biases

    Returns
    -------
    float : energy of the tile before the update, mean over its annotated pixels

    Raises
    ------
    DivergedError
        If that energy is not finite; parameters and velocities are then unchanged.
    InputError
        If a label is not one of the classes.
    """
    _check_labels(tile.labels, arch.classes)
    x, labels, weight_map = (np.asarray(a, like=state.params["out.b"]) for a in tile[:3])
    weight_map = weight_map / labels.size  # so that the same learning rate suits all tile sizes
    logits, activations = unet.forward(state.params, x, arch, state.rng)
    e, p = cross_entropy.forward(logits, labels, weight_map)
    energy = float(e)  # usually the only number that a step copies back from a GPU
    if not math.isfinite(energy):
        stage = first_not_finite(activations)
        raise DivergedError(
            f"the energy of step {state.step + 1} is not finite: activations that are not finite "
            f"first occur in stage {stage}"
        )
    dlogits = cross_entropy.backward(p, labels, weight_map)
    grads = unet.backward(state.params, activations, dlogits, arch, release=True)
    if clip:
        grads = sgd.clip(grads, clip)
    if terms != sgd.PLAIN:
        grads = sgd.adjust(grads, state.params, terms)
    state.params, state.velocity = sgd.step(
        state.params, grads, state.velocity, learning_rate, momentum
    )
    state.step += 1
    if state.step % CHECK_EVERY == 0:
        state.uniform = _uniform(state.uniform, p, tile)
    return energy * (tile.labels.size / max(annotated_pixels(tile), 1))


def _check_labels(labels: Array, classes: int) -> None:
    """Raise an `InputError` unless the labels are 0 … K-1; they are on the host.

    On a GPU, CuPy would take label K for class 0 without an error, and the host would have to wait
    for the result of a check.
    """
    for label in (int(labels.min()), int(labels.max())):
        if not 0 <= label < classes:
            raise InputError(
                f"the labels of a tile contain {label}; with {classes} classes, they must be from "
                f"0 to {classes - 1}"
            )


def first_not_finite(activations: Tensors) -> str:
    """Name the first stage, in the order of the forward pass, whose activations are not finite."""
    for name, activation in activations.items():
        if not np.isfinite(activation).all():
            return name.split(".")[0]
    return "out"


def _uniform(steps: int, p: Array, tile: Sample) -> int:
    """Return how many recent steps predicted the same class everywhere, after checking a tile.

    A tile whose labels are all of one class adds no steps: the prediction may be right.
    """
    classes = p.argmax(axis=-1)
    if not bool((classes == classes[0, 0]).all()):
        return 0
    labels = tile.labels if tile.annotated is None else tile.labels[tile.annotated]
    return steps + CHECK_EVERY if labels.size and labels.min() < labels.max() else steps


def warning_of_one_class(settings: Settings) -> str:
    """Say that the network predicts the same class for all pixels, and what to do."""
    slower, longer = settings.learning_rate / 2, max(2 * settings.warm_up, 200)
    return (
        f"warning   for {UNIFORM} steps, all pixels of a tile got the same class, although their "
        "labels differ; unless this changes soon, start a new run with "
        f"--learning-rate {slower:g} --warm-up {longer}"
    )


def learning_rate(step: int, settings: Settings) -> float:
    """Return the learning rate of a step: a linear warm-up, then a decay to 0 along half a cosine.

    The warm-up is needed because the first velocities average over very few tiles. The decay is
    needed because the gradient of a single tile stays noisy to the end. (The authors published no
    schedule.)
    """
    warm = min(1.0, (step + 1) / settings.warm_up) if settings.warm_up else 1.0
    return settings.learning_rate * warm * (1 + math.cos(math.pi * step / settings.steps)) / 2


def train(
    folder: Path,
    settings: Settings,
    data: Dataset,
    state: State,
    on_validation: OnValidation = lambda scores, p: None,
) -> int:
    """Train until the last step or a signal.

    Writes `log.csv` and the checkpoints of the run into `folder`.

    Returns
    -------
    int : number of the signal that asked to stop; 0 after the last step

    Raises
    ------
    DivergedError
        If the energy is not finite; the last checkpoint stays as it is.
    GpuMemoryError
        If the memory of a GPU is not enough; the last checkpoint stays as it is.
    """
    arch = settings.architecture
    fixed = settings.momentum, settings.clip, sgd.Terms(settings.weight_decay, settings.bias_rate)
    journal = Journal(folder, settings, data, state, on_validation)
    with (
        stopping.requests() as stopped,
        Progress(settings.steps, "step", state.step) as progress,
        closing(sampling.ahead(tiles(settings, data), state.step, settings.steps)) as ahead,
    ):
        signal = journal.open(stopped)
        started = time.monotonic()
        for tile in () if signal else ahead:
            if stopped():
                break
            # Not after the last step: a run that is stopped while it averages must not be complete.
            if settings.start_from and state.step == settings.steps - 1:
                try:
                    with stopping.at_once(stopped):
                        end = fine_tuning.average(folder, settings, data, state)
                except stopping.Stopped as stop:
                    signal = stop.number
                    break
                state.params, state.best, said = end
                progress.line(said)
            rate = learning_rate(state.step, settings)
            uniform = state.uniform
            with gpu_memory.explained(arch, settings.tile, settings.tile, training=True):
                energy = step(state, tile, arch, rate, *fixed)
            row = {"step": state.step, "energy": energy, "learning_rate": rate}
            row["seconds"] = time.monotonic() - started
            signal = journal.write(row, stopped)
            if signal:
                break
            progress.advance(f"energy {energy:.3f}{journal.shown}")
            if uniform < UNIFORM <= state.uniform:
                progress.line(warning_of_one_class(settings))
            started = time.monotonic()
        journal.save()
        return signal or stopped()


def tiles(settings: Settings, data: Dataset) -> Callable[[int], Sample]:
    """Return a function that makes the tile of a step; no tile depends on another."""
    sample = partial(
        sampling.sample,
        data.part(data.training),
        settings.tile,
        settings.depth,
        SETS[settings.augment],
    )
    return lambda step: sample(sampling.tile_rng(settings.seed, step))
