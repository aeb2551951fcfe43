"""Every setting of a training run: its type, its default, its presets and its help, in one place."""

from dataclasses import MISSING, Field, asdict, dataclass, field, fields
from typing import Any, Literal

from minunet.augmentation import Set
from minunet.cli import at_least
from minunet.data.ctc import Truth
from minunet.data.readers import Kind
from minunet.data.scaling import Scaling
from minunet.data.targets import Form
from minunet.image import Average
from minunet.network.architecture import Architecture, Variant
from minunet.network.device import Wanted

Preset = Literal["tiny", "laptop", "paper"]
Experiment = Literal["em", "cells"]
Ranking = Literal["iou", "v_rand", "seg"]
"""The scores that may choose the best step of a run."""

Group = Literal["data", "network", "training", "evaluation", "run"]
"""What a setting is about; `--help` and the report list the settings in these groups."""

PRESETS: dict[str, dict[str, Any]] = {
    "tiny": {
        "depth": 3,
        "channels": 12,
        "tile": 196,
        "dropout": 0.0,
        "steps": 1700,
        "learning_rate": 0.2,
        "momentum": 0.9,
        "clip": 0.2,
        "warm_up": 50,
        "augment": "symmetries",
    },
    "laptop": {
        "depth": 3,
        "channels": 16,
        "tile": 348,
        "dropout": 0.0,
        "steps": 4500,
        "validate_every": 500,
        "learning_rate": 0.2,
        "momentum": 0.9,
        "clip": 0.2,
        "warm_up": 50,
        "augment": "paper",
    },
    "paper": {
        "depth": 4,
        "channels": 64,
        "tile": 572,
        "dropout": 0.5,
        "steps": 20000,
        "validate_every": 500,
        "learning_rate": 0.002,
        "momentum": 0.99,
        "clip": 0.0,
        "warm_up": 300,
        "augment": "paper",
    },
}
"""Settings that belong together.

Depth, channels, tile, dropout and momentum of `paper` are the paper's. The authors published
neither a learning rate nor a number of steps: those are ours, and so far only `tiny` and `laptop`
have been trained to the end. These two have no dropout: networks this narrow do not overfit."""

EXPERIMENTS: dict[str, dict[str, Any]] = {
    "em": {"preset": "laptop", "average": "symmetries"},
    "cells": {
        "preset": "laptop",
        "learning_rate": 0.1,
        "warm_up": 200,
        "scaling": "image",
        "average": "symmetries",
    },
}
"""The paper's two experiments: what each sets on top of its preset.

em: membranes, on data in the layout of the ISBI 2012 challenge. cells: touching cells, on data in
the layout of the Cell Tracking Challenge."""

TUNED: Any = MISSING
"""Default of a setting for which every preset has a value."""

CHANGEABLE = ("steps", "learning_rate", "device")
"""Settings that may change when a run is resumed; any other would make it another run."""

RENAMED = {("augment", "authors"): "later"}
"""Values that older checkpoints spell differently."""


def setting(default: Any, group: Group, text: str, **option: Any) -> Any:
    """Declare a field of `Settings` that is also an option on the command line.

    Parameters
    ----------
    default : any
    group : str
    text : str         its help
    **option : any     type and metavar, as for `argparse`; the choices come from the annotation
    """
    return field(default=default, metadata={"group": group, "help": text, **option})


@dataclass(frozen=True, kw_only=True)
class Settings:
    """Settings of a run, as `settings.json` and every checkpoint hold them."""

    preset: Preset = setting(
        "tiny", "run", "a bundle of defaults: tiny (2 minutes), laptop (30 minutes), or paper"
    )
    experiment: Experiment | None = setting(
        None, "run", "defaults for one of the paper's experiments: em (membranes) or cells"
    )
    images: str | None = setting(
        None, "data", "image stack, image, or folder of images (TIFF, PNG)", metavar="PATH"
    )
    labels: str | None = setting(
        None,
        "data",
        "their labels: classes (0 and 255, 0 and 1, or 0 … K-1) or numbered cells",
        metavar="PATH",
    )
    labels_are: Kind = setting(
        "auto",
        "data",
        "meaning of the numbers in the labels; auto: cells if there are more than 16",
    )
    truth: Truth = setting(
        "both",
        "data",
        "masks of the Cell Tracking Challenge to train on; both: gold where there is one",
    )
    validation: str = setting(
        "0.2",
        "data",
        "contiguous block of slices to hold out: FIRST:END (counted from 0, END excluded), a "
        "fraction at the end of the stack, or none",
        metavar="BLOCK",
    )
    scaling: Scaling = setting(
        "minmax",
        "data",
        "scaling of the grey values over the whole stack; image: minmax of each image by itself",
    )
    weight_map: Form = setting(
        "paper",
        "training",
        "pixel weights: equation (2), the authors' later form, w_c alone, or 1",
    )
    w0: float = setting(
        10.0, "training", "height of the border term in equation (2)", type=at_least(0, float)
    )
    sigma: float = setting(
        5.0, "training", "width of the border term, in pixels", type=at_least(0.1, float)
    )
    augment: Set = setting(
        TUNED,
        "training",
        "augmentation: elastic as in the paper or in the authors' later code, 8 symmetries, none",
    )
    depth: int = setting(TUNED, "network", "number of 2x2 poolings", type=at_least(1))
    channels: int = setting(
        TUNED, "network", "feature channels at full resolution", type=at_least(1)
    )
    variant: Variant = setting(
        "paper", "network", "the paper read literally, or the authors' 2015 release"
    )
    dropout: float = setting(
        TUNED,
        "network",
        "dropout rate at the end of the contracting path",
        type=at_least(0, float, below=1),
    )
    tile: int = setting(TUNED, "training", "size of the input tile, in pixels", type=at_least(1))
    steps: int = setting(
        TUNED, "training", "total number of steps, one tile each", type=at_least(1)
    )
    learning_rate: float = setting(
        TUNED,
        "training",
        "step size, for the energy averaged over pixels",
        type=at_least(0, float),
    )
    momentum: float = setting(TUNED, "training", "SGD momentum", type=at_least(0, float, below=1))
    clip: float = setting(
        TUNED, "training", "maximum gradient norm; 0 disables clipping", type=at_least(0, float)
    )
    warm_up: int = setting(
        TUNED,
        "training",
        "steps over which the learning rate rises to its full value",
        type=at_least(0),
    )
    score: Literal["auto", Ranking] = setting(
        "auto",
        "evaluation",
        "score that chooses best.npz: mean IoU of the classes, V_Rand after thinning, or SEG; "
        "auto: V_Rand for two classes, SEG for numbered cells, IoU otherwise",
    )
    average: Average = setting(
        "none",
        "evaluation",
        "symmetries to average over in the report: 4 flips, 4 rotations, or all 8",
    )
    smallest: int = setting(
        5,
        "evaluation",
        "minimum size of a cell, in pixels; smaller ones are dropped",
        type=at_least(1),
    )
    validate_every: int = setting(
        200, "evaluation", "steps between validations, and between checkpoints", type=at_least(1)
    )
    seed: int = setting(0, "run", "random seed for weights, tiles and dropout", type=at_least(0))
    device: Wanted = setting("auto", "run", "where to compute; cuda needs CuPy and a GPU")

    # Found in the data, not given.
    in_channels: int = 1
    label_values: tuple[int, ...] = (0, 1)
    cells: bool = False  # whether the labels number cells
    fingerprint: str = ""

    @property
    def architecture(self) -> Architecture:
        """The network of these settings."""
        return Architecture(
            depth=self.depth,
            channels=self.channels,
            in_channels=self.in_channels,
            classes=len(self.label_values),
            dropout=self.dropout,
            variant=self.variant,
        )

    def to_json(self) -> dict[str, Any]:
        """Return the settings as JSON values."""
        return asdict(self) | {"label_values": list(self.label_values)}

    @classmethod
    def from_json(cls, values: dict[str, Any]) -> "Settings":
        """Make settings of what `to_json` returned, now or in an earlier version."""
        renamed = {k: RENAMED.get((k, v), v) for k, v in values.items() if k != "label_values"}
        return cls(**renamed, label_values=tuple(values["label_values"]))


def options() -> list[Field[Any]]:
    """List the fields of `Settings` that can be given on the command line."""
    return [setting for setting in fields(Settings) if setting.metadata]


def from_options(**given: Any) -> Settings:
    """Make settings of those given; the others come from the experiment, then the preset."""
    given = EXPERIMENTS.get(given.get("experiment", ""), {}) | given
    return Settings(**PRESETS[given.get("preset", "tiny")] | given)
