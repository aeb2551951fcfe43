"""The settings of a training run, each with its default, its presets and its help in one place."""

from collections.abc import Callable
from dataclasses import MISSING, Field, asdict, dataclass, field, fields
from typing import Any, Literal

from minunet.architecture import Architecture
from minunet.cli import Parser, at_least

PRESETS: dict[str, dict[str, Any]] = {
    "tiny": {
        "depth": 3,
        "channels": 12,
        "tile": 196,
        "dropout": 0.0,
        "steps": 1700,
        "learning_rate": 0.0015,
        "warm_up": 200,
        "decay": 1500,
    },
    "laptop": {
        "depth": 3,
        "channels": 16,
        "tile": 348,
        "dropout": 0.5,
        "steps": 3200,
        "learning_rate": 0.005,
        "warm_up": 300,
        "decay": 1000,
    },
    "paper": {
        "depth": 4,
        "channels": 64,
        "tile": 572,
        "dropout": 0.5,
        "steps": 20000,
        "learning_rate": 0.002,
        "warm_up": 300,
        "decay": 5000,
    },
}
"""The settings that go together.

Depth, channels, tile, dropout and momentum of `paper` are the paper's. The authors published
neither a learning rate nor a number of steps: those are ours, and so far only those of `tiny` and
`laptop` have been tried to the end. `tiny` drops nothing: twelve channels have few to spare."""

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
    images: str | None = setting(
        None, str, "a stack, an image, or a folder of them (PNG, TIFF)", metavar="PATH"
    )
    labels: str | None = setting(
        None, str, "their labels: values 0 and 255, 0 and 1, or 0 … K-1", metavar="PATH"
    )
    validation: str = setting(
        "0.2",
        str,
        "slices held out, a contiguous block: FIRST:END (from 0, END not included), a fraction of "
        "the stack at its end, or none",
        metavar="BLOCK",
    )
    scaling: Literal["minmax", "standard", "none"] = setting(
        "minmax",
        str,
        "of the grey values, over the whole stack",
        choices=("minmax", "standard", "none"),
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
    momentum: float = setting(0.99, at_least(0, float, below=1), "of the gradient descent")
    warm_up: int = setting(
        TUNED,
        at_least(0),
        "steps in which the learning rate grows to its value",
    )
    decay: int = setting(TUNED, at_least(0), "steps in which it halves after that; 0: it stays")
    validate_every: int = setting(200, at_least(1), "steps between validations, and checkpoints")
    seed: int = setting(0, at_least(0), "of weights, tiles and dropout")
    device: Literal["auto", "cpu", "cuda"] = setting(
        "auto", str, "cuda needs CuPy and a GPU", choices=("auto", "cpu", "cuda")
    )

    # Found in the data, not given.
    in_channels: int = 1
    label_values: tuple[int, ...] = (0, 1)
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
    """Make settings of what was typed, the rest from the preset."""
    return Config(**PRESETS[typed.get("preset", "tiny")] | typed)
