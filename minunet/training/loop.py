"""Training (paper, section 3): momentum SGD, a single tile per step.

`step` is the whole method: forward, energy, backward, update. `train` repeats it, and validates and
saves at regular intervals.
"""

import math
import time
from collections.abc import Callable
from contextlib import closing
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import numpy as np

from minunet import runs, stopping
from minunet.array import Array, Tensors
from minunet.augmentation import SETS
from minunet.data.dataset import Dataset
from minunet.image import Sample
from minunet.network import Architecture, device, initialization, unet
from minunet.ops import cross_entropy
from minunet.progress import Progress
from minunet.runs import checkpoint
from minunet.runs.settings import Settings
from minunet.training import sampling, sgd
from minunet.training.validation import Validation, validate

OnValidation = Callable[[Validation, list[Array]], None]
"""Called after every validation with its scores and the probabilities of its slices."""


class DivergedError(Exception):
    """The energy of a tile is not a finite number."""

    def __init__(self, stage: str) -> None:
        super().__init__(f"activations that are not finite first occur in stage {stage}")


@dataclass
class State:
    """What changes from step to step."""

    params: Tensors
    velocity: Tensors
    rng: np.random.Generator  # for dropout
    step: int = 0
    best: float = -1.0  # score of the best validation so far; no score is below 0


def start(settings: Settings, where: device.Name) -> State:
    """Make the state before the first step."""
    rng = np.random.default_rng(settings.seed)
    params = device.to_device(initialization.gaussian(settings.architecture, rng), where)
    return State(params, sgd.start(params), rng)


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
    float : energy of the tile before the update, mean over its pixels

    Raises
    ------
    DivergedError
        If that energy is not finite; parameters and velocities are then unchanged.
    """
    x, labels, weight_map = (np.asarray(a, like=state.params["out.b"]) for a in tile[:3])
    weight_map = weight_map / labels.size  # so that the same learning rate suits all tile sizes
    logits, activations = unet.forward(state.params, x, arch, state.rng)
    e, p = cross_entropy.forward(logits, labels, weight_map)
    energy = float(e)  # the only number that a step copies back from a GPU
    if not math.isfinite(energy):
        raise DivergedError(first_not_finite(activations))
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
    return energy


def first_not_finite(activations: Tensors) -> str:
    """Name the first stage, in the order of the forward pass, whose activations are not finite."""
    for name, activation in activations.items():
        if not np.isfinite(activation).all():
            return name.split(".")[0]
    return "out"


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
) -> None:
    """Train until the last step or an interruption; `state.step` tells which.

    Writes `log.csv` and the checkpoints of the run into `folder`.

    Raises
    ------
    DivergedError
        If the energy is not finite; the last checkpoint stays as it is.
    """
    arch = settings.architecture
    fixed = settings.momentum, settings.clip, sgd.Terms(settings.weight_decay, settings.bias_rate)
    shown = ""
    if state.step == 0:
        save(folder / "last.npz", settings, state)
    with (
        stopping.requests() as stopped,
        Progress(settings.steps, "step", state.step) as progress,
        closing(sampling.ahead(tiles(settings, data), state.step, settings.steps)) as ahead,
    ):
        started = time.monotonic()
        for tile in ahead:
            if stopped():
                break
            rate = learning_rate(state.step, settings)
            energy = step(state, tile, arch, rate, *fixed)
            row = {"step": state.step, "energy": energy, "learning_rate": rate}
            row["seconds"] = time.monotonic() - started
            if state.step % settings.validate_every and state.step < settings.steps:
                runs.append(folder, row)
            else:
                scores, p = validate(state.params, data, settings)
                found = {k: v for k, v in scores._asdict().items() if v is not None}
                row |= {f"validation_{name}": value for name, value in found.items()}
                runs.append(folder, row)
                _keep(folder, settings, state, scores)
                on_validation(scores, p)
                shown = f"  validation {scores.summary(settings.score)}"
            progress.advance(f"energy {energy:.3f}{shown}")
            started = time.monotonic()
    save(folder / "last.npz", settings, state)


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


def _keep(folder: Path, settings: Settings, state: State, scores: Validation) -> None:
    """Save the state as `last.npz` and, if its score is the best so far, as `best.npz`."""
    value = getattr(scores, settings.score)
    best = value > state.best
    state.best = max(state.best, value)
    if best:  # first: a run killed in between resumes from last.npz and repeats this step
        save(folder / "best.npz", settings, state)
    save(folder / "last.npz", settings, state)


def save(path: Path, settings: Settings, state: State) -> None:
    """Write a checkpoint; if a parameter is not finite, keep the previous one instead."""
    params, velocity = (
        {name: device.to_host(array) for name, array in tensors.items()}
        for tensors in (state.params, state.velocity)
    )
    if not all(np.isfinite(array).all() for array in params.values()):
        return
    random_state = state.rng.bit_generator.state
    checkpoint.save(
        path,
        checkpoint.Checkpoint(
            params, velocity, state.step, random_state, state.best, settings.to_json()
        ),
    )


def restore(path: Path, wanted: device.Wanted | None) -> tuple[State, Settings, str]:
    """Read the state and the settings of a run, as `save` wrote them, and choose its device.

    Parameters
    ----------
    path : Path
    wanted : {"auto", "cpu", "cuda"} or None     None: the device given when the run started

    Returns
    -------
    state : State
    settings : Settings
    reason : str       the device in words, see `device.choose`
    """
    saved = checkpoint.load(path)
    settings = Settings.from_json(saved.settings)
    where, reason = device.choose(wanted or settings.device)
    rng = np.random.default_rng()
    rng.bit_generator.state = saved.random_state
    params, velocity = (device.to_device(t, where) for t in (saved.params, saved.velocity))
    return State(params, velocity, rng, saved.step, saved.best), settings, reason
