"""The architecture of Figure 1 as five numbers, and the shape of every parameter they imply."""

import math
from dataclasses import dataclass
from typing import Any, Literal, get_args

from minunet.errors import InputError

Variant = Literal["paper", "release"]


@dataclass(frozen=True)
class Architecture:
    """A U-Net; the defaults are the paper's (31,030,658 parameters).

    Levels count down from 0, full resolution; the stage below the last level is the bottom.

    Parameters
    ----------
    depth : int
        Number of 2x2 poolings, and so of up-convolutions.
    channels : int
        Feature channels of level 0; they double at each level.
    in_channels : int
        Channels of the input image.
    classes : int
        K, the number of classes.
    dropout : float
        Rate of the dropout after the two lowest contracting stages, while training.
    variant : {"paper", "release"}
        What the paper says, or what the authors released later that year: there the last
        up-convolution keeps its number of channels, every up-convolution is followed by a ReLU,
        and its initialization counts other incoming nodes (`minunet.initialization`).
    """

    depth: int = 4
    channels: int = 64
    in_channels: int = 1
    classes: int = 2
    dropout: float = 0.5
    variant: Variant = "paper"

    def __post_init__(self) -> None:
        """Refuse what no network can have."""
        for name, least in (("depth", 1), ("channels", 1), ("in_channels", 1), ("classes", 2)):
            if getattr(self, name) < least:
                raise InputError(f"{name} is {getattr(self, name)}; it must be at least {least}")
        if not 0 <= self.dropout < 1:
            raise InputError(f"dropout is {self.dropout}; it must be at least 0 and below 1")
        if self.variant not in get_args(Variant):
            raise InputError(f"variant is {self.variant!r}; it must be 'paper' or 'release'")

    @classmethod
    def release(cls, **fields: Any) -> "Architecture":
        """Architecture of the authors' 2015 release (31,100,354 parameters)."""
        return cls(variant="release", **fields)

    @property
    def relu_after_upconv(self) -> bool:
        """Whether a ReLU follows each up-convolution: Figure 1 shows none, the release has it."""
        return self.variant == "release"

    @property
    def dropout_stages(self) -> tuple[str, str]:
        """Stages whose output is dropped: the end of the contracting path (section 3.1)."""
        return f"contract{self.depth - 1}", "bottom"

    def below(self, level: int) -> str:
        """Stage whose output the up-convolution of `level` takes."""
        return "bottom" if level == self.depth - 1 else f"expand{level + 1}"

    def width(self, level: int) -> int:
        """Feature channels of a level; `depth` is the bottom's."""
        return self.channels * 2**level

    def upconv_width(self, level: int) -> int:
        """Channels the up-convolution of a level puts out: half of those it takes (section 2)."""
        keeps = self.variant == "release" and level == 0
        return self.width(1) if keeps else self.width(level)

    def shapes(self) -> dict[str, tuple[int, ...]]:
        """Shape of every parameter, in the order of the data's way through the U.

        Kernels are (kh, kw, C, O), biases (O,). `contract0.w1` is the first convolution of the
        full resolution, `expand0.wu` the up-convolution that leads back to it, `out.w` the 1x1.
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
        """Total number of parameters."""
        return sum(math.prod(shape) for shape in self.shapes().values())
