"""The architecture of a U-Net in six fields, which determine the shape of every parameter."""

import math
from dataclasses import dataclass
from typing import Literal, get_args

from minunet.errors import InputError

Variant = Literal["paper", "release"]

RANGES = {
    "depth": (1, 16),
    "channels": (1, 10_000),
    "in_channels": (1, 10_000),
    "classes": (2, 10_000),
}
"""Smallest and largest value of the fields that are whole numbers; far more than any use needs."""


@dataclass(frozen=True)
class Architecture:
    """Architecture of a U-Net; the defaults are those of the paper (31,030,658 parameters).

    Level 0 is full resolution, and each level further down halves it. The stage below the last
    level is the bottom.

    Parameters
    ----------
    depth : int
        Number of 2x2 poolings, and also of up-convolutions.
    channels : int
        Number of feature channels at level 0; it doubles at each level below.
    in_channels : int
        Number of channels of the input image.
    classes : int
        K, the number of classes.
    dropout : float
        Dropout rate in training, after the last two stages of the contracting path.
    variant : {"paper", "release"}
        The network of the paper, or the one its authors released in 2015. In the release, the last
        up-convolution keeps the number of channels, a ReLU follows every up-convolution, and the
        initialization counts incoming nodes differently (`initialization.py`).
    """

    depth: int = 4
    channels: int = 64
    in_channels: int = 1
    classes: int = 2
    dropout: float = 0.5
    variant: Variant = "paper"

    def __post_init__(self) -> None:
        """Raise an `InputError` for an invalid field."""
        for name, (least, most) in RANGES.items():
            value = getattr(self, name)
            if value < least:
                raise InputError(f"{name} is {value}; it must be at least {least}")
            if value > most:
                raise InputError(f"{name} is {value}; it must be at most {most}")
        if not 0 <= self.dropout < 1:
            raise InputError(f"dropout is {self.dropout}; it must be at least 0 and below 1")
        if self.variant not in get_args(Variant):
            raise InputError(f"variant is {self.variant!r}; it must be 'paper' or 'release'")

    @classmethod
    def release(
        cls,
        depth: int = 4,
        channels: int = 64,
        in_channels: int = 1,
        classes: int = 2,
        dropout: float = 0.5,
    ) -> "Architecture":
        """Return the architecture of the authors' 2015 release (31,100,354 parameters)."""
        return cls(depth, channels, in_channels, classes, dropout, "release")

    @property
    def relu_after_upconv(self) -> bool:
        """True if a ReLU follows each up-convolution, as in the release but not in Figure 1."""
        return self.variant == "release"

    @property
    def dropout_stages(self) -> tuple[str, str]:
        """The stages that end with dropout, at the end of the contracting path (section 3.1)."""
        return f"contract{self.depth - 1}", "bottom"

    def below(self, level: int) -> str:
        """Return the stage whose output is the input of the up-convolution of `level`."""
        return "bottom" if level == self.depth - 1 else f"expand{level + 1}"

    def width(self, level: int) -> int:
        """Return the number of feature channels at a level; level `depth` is the bottom."""
        return self.channels * 2**level

    def upconv_width(self, level: int) -> int:
        """Return the number of output channels of the up-convolution of a level.

        This is half the number of input channels (section 2), except for the last up-convolution of
        the release.
        """
        keeps = self.variant == "release" and level == 0
        return self.width(1) if keeps else self.width(level)

    def shapes(self) -> dict[str, tuple[int, ...]]:
        """Return the shape of every parameter, in the order of `unet.forward`.

        Kernels are (kh, kw, C, O), biases (O,). `contract0.w1` is the first convolution at full
        resolution, `expand0.wu` the up-convolution to full resolution, `out.w` the 1x1 convolution.
        """
        shapes: dict[str, tuple[int, ...]] = {}

        def layer(stage: str, name: str, size: int, fan: tuple[int, int]) -> None:
            shapes[f"{stage}.w{name}"] = (size, size, *fan)
            shapes[f"{stage}.b{name}"] = (fan[1],)

        def double_conv(stage: str, c: int, o: int) -> None:
            layer(stage, "1", 3, (c, o))
            layer(stage, "2", 3, (o, o))

        for level in range(self.depth):
            above = self.width(level - 1) if level else self.in_channels
            double_conv(f"contract{level}", above, self.width(level))
        double_conv("bottom", self.width(self.depth - 1), self.width(self.depth))
        for level in reversed(range(self.depth)):
            up = self.upconv_width(level)
            layer(f"expand{level}", "u", 2, (self.width(level + 1), up))
            double_conv(f"expand{level}", up + self.width(level), self.width(level))
        layer("out", "", 1, (self.width(0), self.classes))
        return shapes

    def parameters(self) -> int:
        """Return the total number of parameters."""
        return sum(math.prod(shape) for shape in self.shapes().values())
