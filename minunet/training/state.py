"""The state of a run between two steps: made, saved and restored."""

from dataclasses import dataclass
from pathlib import Path

import numpy as np

from minunet.array import Tensors
from minunet.errors import InputError
from minunet.network import device, initialization
from minunet.runs import checkpoint
from minunet.runs.settings import Settings
from minunet.training import sgd


class DivergedError(Exception):
    """The energy of a tile, or a parameter, is not a finite number."""


@dataclass
class State:
    """What changes from step to step."""

    params: Tensors
    velocity: Tensors
    rng: np.random.Generator  # for dropout
    step: int = 0
    best: float = -1.0  # score of the best validation so far; no score is below 0
    uniform: int = 0  # recent steps that predicted one class everywhere; not saved


def start(settings: Settings, where: device.Name) -> State:
    """Make the state before the first step."""
    rng = np.random.default_rng(settings.seed)
    params = device.to_device(initialization.gaussian(settings.architecture, rng), where)
    return State(params, sgd.start(params), rng)


def check_finite(state: State) -> None:
    """Raise a `DivergedError` if a parameter is not finite."""
    for name, array in state.params.items():
        if not np.isfinite(array).all():
            raise DivergedError(f"{name} is not finite after step {state.step}")


def save(path: Path, settings: Settings, state: State) -> None:
    """Write a checkpoint; if a parameter is not finite, raise a `DivergedError` instead."""
    check_finite(state)
    params, velocity = (
        {name: device.to_host(array) for name, array in tensors.items()}
        for tensors in (state.params, state.velocity)
    )
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
    if not saved.velocity:
        raise InputError(
            f"{path} is a published model, which cannot be resumed because it has no velocities; "
            f"start a new run with --start-from {path}"
        )
    settings = Settings.from_json(saved.settings)
    where, reason = device.choose(wanted or settings.device)
    rng = np.random.default_rng()
    rng.bit_generator.state = saved.random_state
    params, velocity = (device.to_device(t, where) for t in (saved.params, saved.velocity))
    return State(params, velocity, rng, saved.step, saved.best), settings, reason
