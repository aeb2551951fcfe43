"""The settings of a training run, each with its default, its presets and its help in one place."""

from collections.abc import Callable
from dataclasses import MISSING, Field, asdict, dataclass, field, fields
from typing import Any, Literal

from minunet import augment, averaging
from minunet.architecture import Architecture
from minunet.cli import Parser, at_least

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
"""The settings that go together.

Depth, channels, tile, dropout and momentum of `paper` are the paper's. The authors published
neither a learning rate nor a number of steps: those are ours, and so far only those of `tiny` and
`laptop` have been tried to the end. These two drop nothing: so few channels have none to spare."""

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
"""The paper's two experiments: what they set, over the preset.

em: membranes, on data in the layout of the ISBI 2012 challenge. cells: touching cells, on data in
the layout of the Cell Tracking Challenge."""

TUNED: Any = MISSING
"""Default of a setting that every preset has a value for."""

CHANGEABLE = ("steps", "learning_rate", "device")
"""What may be given anew when a run is continued; anything else would make it another run."""


def setting(default: Any, parse: Callable[[str], Any], text: str, **option: Any) -> Any:
    """Make a field of `Config` that is an option of the command line as well."""
    return field(default=default, metadata={"type": parse, "help": text, **option})


@dataclass(frozen=True, kw_only=True)
class Config:
    """Settings of a run, as `config.json` and every checkpoint hold them."""

    preset: str = setting("tiny", str, "defaults for a machine and a patience", choices=PRESETS)
    experiment: str | None = setting(
        None, str, "defaults for one of the paper's two experiments", choices=EXPERIMENTS
    )
    images: str | None = setting(
        None, str, "a stack, an image, or a folder of them (PNG, TIFF)", metavar="PATH"
    )
    labels: str | None = setting(
        None,
        str,
        "their labels: classes (0 and 255, 0 and 1, or 0 … K-1) or numbered cells",
        metavar="PATH",
    )
    labels_are: Literal["auto", "classes", "cells"] = setting(
        "auto",
        str,
        "what the numbers in the labels are; auto: cells where there are more than 16",
        choices=("auto", "classes", "cells"),
    )
    truth: Literal["both", "gold", "silver"] = setting(
        "both",
        str,
        "of the Cell Tracking Challenge, masks to train on; both: gold where there is one",
        choices=("both", "gold", "silver"),
    )
    validation: str = setting(
        "0.2",
        str,
        "slices held out, a contiguous block: FIRST:END (from 0, END not included), a fraction of "
        "the stack at its end, or none",
        metavar="BLOCK",
    )
    scaling: Literal["minmax", "standard", "image", "none"] = setting(
        "minmax",
        str,
        "of the grey values, over the whole stack; image: minmax of each image by itself",
        choices=("minmax", "standard", "image", "none"),
    )
    weight_map: Literal["paper", "later", "balance", "none"] = setting(
        "paper",
        str,
        "equation (2), the authors' later form, w_c alone, or 1",
        choices=("paper", "later", "balance", "none"),
    )
    w0: float = setting(10.0, at_least(0, float), "of the border term of equation (2)")
    sigma: float = setting(5.0, at_least(0.1, float), "of the border term, pixels")
    augment: Literal["paper", "authors", "symmetries", "none"] = setting(
        TUNED, str, "elastic, as paper or later code do; or 8 symmetries", choices=augment.SETS
    )
    depth: int = setting(TUNED, at_least(1), "number of 2x2 poolings")
    channels: int = setting(TUNED, at_least(1), "feature channels at full resolution")
    variant: Literal["paper", "release"] = setting(
        "paper",
        str,
        "the paper read literally, or the authors' 2015 release",
        choices=("paper", "release"),
    )
    dropout: float = setting(TUNED, at_least(0, float, below=1), "rate at the end of contraction")
    tile: int = setting(TUNED, at_least(1), "size of the input tile, pixels")
    steps: int = setting(TUNED, at_least(1), "tiles to train on, in all")
    learning_rate: float = setting(TUNED, at_least(0, float), "of the mean energy of a pixel")
    momentum: float = setting(TUNED, at_least(0, float, below=1), "of the gradient descent")
    clip: float = setting(
        TUNED, at_least(0, float), "longest gradient, longer ones are cut; 0: any"
    )
    warm_up: int = setting(
        TUNED, at_least(0), "steps in which the learning rate grows to its value"
    )
    score: Literal["auto", "iou", "v_rand", "seg"] = setting(
        "auto",
        str,
        "picks best.npz: mean IoU of the classes, V_Rand after thinning, or SEG; auto: V_Rand of "
        "two classes, SEG of numbered cells, else IoU",
        choices=("auto", "iou", "v_rand", "seg"),
    )
    average: Literal["none", "flips", "rotations", "symmetries"] = setting(
        "none",
        str,
        "of the scores of turned and flipped images, in the report",
        choices=tuple(averaging.VERSIONS),
    )
    smallest: int = setting(5, at_least(1), "cells of fewer pixels are dropped, in SEG and report")
    validate_every: int = setting(200, at_least(1), "steps between validations, and checkpoints")
    seed: int = setting(0, at_least(0), "of weights, tiles and dropout")
    device: Literal["auto", "cpu", "cuda"] = setting(
        "auto", str, "cuda needs CuPy and a GPU", choices=("auto", "cpu", "cuda")
    )

    # Found in the data, not given.
    in_channels: int = 1
    label_values: tuple[int, ...] = (0, 1)
    cells: bool = False  # the labels number cells
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
    def from_json(cls, values: dict[str, Any]) -> "Config":
        """Make settings of what `to_json` returned."""
        return cls(**values | {"label_values": tuple(values["label_values"])})


def options() -> list[Field[Any]]:
    """List the fields of `Config` that can be given on the command line."""
    return [setting for setting in fields(Config) if setting.metadata]


def flag(name: str) -> str:
    """Spell a setting as an option of the command line."""
    return "--" + name.replace("_", "-")


def add_options(parser: Parser) -> None:
    """Give a parser one option for every setting; what is not typed stays out of its result."""
    for option in options():
        values = {name: preset.get(option.name, option.default) for name, preset in PRESETS.items()}
        default = ", ".join(f"{name} {value}" for name, value in values.items())
        if len(set(values.values())) == 1:
            default = "synthetic EM" if option.default is None else f"{option.default}"
        metadata = dict(option.metadata)
        if metadata.get("choices") is None and metadata.get("metavar") is None:
            metadata["metavar"] = "N"
        metadata["help"] = f"{metadata['help']} (default: {default})"
        parser.add_argument(flag(option.name), dest=option.name, default=None, **metadata)


def from_options(**typed: Any) -> Config:
    """Make settings of what was typed, the rest from the experiment, and from the preset."""
    given = EXPERIMENTS.get(typed.get("experiment", ""), {}) | typed
    return Config(**PRESETS[given.get("preset", "tiny")] | given)


def typed(settings: Config) -> list[str]:
    """List what to type for these settings; what the preset or the default says is left out."""
    given = {option.name: getattr(settings, option.name) for option in options()}
    first = {name: given[name] for name in ("experiment", "preset") if given[name] is not None}
    if first.get("preset") == from_options(**{k: first[k] for k in first if k != "preset"}).preset:
        del first["preset"]
    usual = from_options(**first)
    said = first | {k: v for k, v in given.items() if v != getattr(usual, k)}
    return [word for name, value in said.items() for word in (flag(name), str(value))]
