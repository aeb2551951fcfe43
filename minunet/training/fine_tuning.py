"""Fine-tuning: train an already trained network further, usually on other data.

The run takes over the network, the scaling and, by default, the size of a network pixel from the
model, whose training data it does not need. By default, it takes fewer and smaller steps than a new
network, because large ones would undo what the model has learnt. In the end, its weights are
averaged with those of the model (`average`).
"""

from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any, NamedTuple

from minunet import files, models
from minunet.array import Array, Tensors
from minunet.data.dataset import Dataset
from minunet.errors import InputError
from minunet.network import Network, device
from minunet.runs import checkpoint
from minunet.runs.options import flag
from minunet.runs.settings import Settings
from minunet.training import sgd, state
from minunet.training.state import State
from minunet.training.thresholds import PLATEAU
from minunet.training.validation import NAMES, validate

START = "start.npz"
"""Checkpoint of the state before the first step, in the folder of a run that started from a
model."""

FIXED = ("depth", "channels", "variant", "scaling", "preset")
"""Settings that the model fixes."""

TAKEN = (*FIXED, "tile", "shrink", "weight_map", "experiment")
"""Settings that are taken over from the model unless others are given."""

DEFAULTS: dict[str, Any] = {
    "steps": 300,
    "learning_rate": 0.01,
    "warm_up": 50,
    "validate_every": 100,
}
"""Defaults that replace those of the preset.

With em and two slices of ISBI 2012, more or larger steps lower V_Rand on the other slices."""


class Origin(NamedTuple):
    """The model that a run starts from."""

    name: str  # as given
    settings: Settings
    params: dict[str, Array]  # on the host
    step: int
    checksum: str  # SHA-256 of the file

    def complete(self, given: Mapping[str, Any]) -> dict[str, Any]:
        """Complete the given settings of a run with those of the model.

        Raises
        ------
        InputError
            If a setting that the model determines is given, and differs.
        """
        for name in FIXED:
            own = getattr(self.settings, name)
            if given.get(name, own) != own:
                raise InputError(
                    f"{flag(name)} is {given[name]}, but that of {self.name}, from which the run "
                    f"starts, is {own}; leave out {flag(name)}"
                )
        taken = {name: getattr(self.settings, name) for name in TAKEN}
        kept = {name: value for name, value in taken.items() if value is not None}
        place = self.name if self.name in models.MODELS else str(Path(self.name).resolve())
        return DEFAULTS | kept | dict(given) | {"start_from": place}

    def start(self, settings: Settings, where: device.Name) -> State:
        """Make the state before the first step; another number of classes needs a new last layer.

        Raises
        ------
        InputError
            If the number of channels of the images differs from that of the model.
        """
        channels = self.settings.in_channels
        if settings.in_channels != channels:
            raise InputError(
                f"the images have {settings.in_channels} channels, but {self.name} was trained on "
                f"{channels}-channel images; "
                + ("pass --grey" if channels == 1 else "leave out --channel and --grey")
            )
        new = state.start(settings, where)
        own = self.params
        if self.has_new_layer(settings):
            own = {name: array for name, array in own.items() if not name.startswith("out.")}
        params = {name: new.params[name] for name in new.params} | device.to_device(own, where)
        return replace(new, params=params, velocity=sgd.start(params))

    def notes(self, settings: Settings) -> list[str]:
        """Return lines to print about the start of a run."""
        layer = ""
        if self.has_new_layer(settings):
            layer = f"; new last layer for {len(settings.label_values)} classes"
        return [f"start     {self.name}, step {self.step}{layer}"]

    def has_new_layer(self, settings: Settings) -> bool:
        """Return whether the number of classes differs from that of the model."""
        return len(settings.label_values) != len(self.settings.label_values)


def origin(name: str) -> Origin:
    """Load the model that a run starts from: a built-in one, or a checkpoint of another run."""
    path = models.find(name)
    saved = checkpoint.load(path)
    settings = Settings.from_json(saved.settings)
    return Origin(name, settings, saved.params, saved.step, files.digest(path))


class Averaged(NamedTuple):
    """The weights at the end of a run."""

    params: Tensors
    best: float  # score of the best validation so far
    said: str  # what was done, in words


def average(folder: Path, settings: Settings, data: Dataset, state: State) -> Averaged:
    """Average the weights with those of the model, unless that lowers the validation score.

    A network that is trained on few slices soon fits what is special in them. The mean of its
    weights and those of the model is often better on other slices than either (Wortsman et al.
    2022, arXiv:2109.01903). If the two networks have little in common, for example after a new last
    layer, the mean is far worse, and the weights stay as they are. A loss of less than `PLATEAU`
    does not count, because the validation slices may be the training slices. No step before the
    average counts as the best one. The state does not change.
    """
    if not (folder / START).is_file():
        said = f"weights   not averaged, because {START} is missing"
        return Averaged(state.params, state.best, said)
    start = checkpoint.load(folder / START).params
    network = Network(state.params, settings.architecture)
    mean = {name: (w + network.to_device(start[name])) / 2 for name, w in state.params.items()}
    before, after = (
        getattr(validate(params, data, settings)[0], settings.score)
        for params in (state.params, mean)
    )
    with_model = f"averaged with those of {settings.start_from}: "
    with_model += f"{NAMES[settings.score]} {before:.3f}, averaged {after:.3f}"
    if after < before - PLATEAU:
        return Averaged(state.params, state.best, f"weights   not {with_model}")
    return Averaged(mean, State.best, f"weights   {with_model}")
