"""The jobs that are timed: products, layers and networks, with their data.

A job is sent to the processes as JSON. Its data are drawn with a fixed seed, so that all sides have
the same data.
"""

import math
from collections.abc import Iterator
from typing import Any, NamedTuple

import numpy as np

from minunet.array import Array, Tensors
from minunet.network import initialization, sizes
from minunet.network.architecture import Architecture
from minunet.runs.settings import PRESETS


class Product(NamedTuple):
    """A product of two square matrices, as a measure of the machine's speed."""

    size: int

    @property
    def flop(self) -> int:
        """Floating-point operations; a multiply-add counts as two."""
        return 2 * self.size**3

    def arrays(self) -> tuple[Array, Array]:
        """Draw the two matrices, float32."""
        a, b = np.random.default_rng(0).standard_normal((2, self.size, self.size), np.float32)
        return a, b


class Layer(NamedTuple):
    """One arrow of Figure 1 on a square map, forward or backward."""

    name: str
    arrow: str  # conv_relu, upconv or maxpool
    size: int  # side of the input map, in pixels
    channels: int  # channels of the input map
    features: int  # channels of the output map
    backward: bool = False
    of_image: bool = False  # the input is the image, which needs no gradient

    @property
    def out(self) -> int:
        """Side of the output map, in pixels."""
        return {"upconv": 2 * self.size, "maxpool": self.size // 2}.get(self.arrow, self.size - 2)

    @property
    def flop(self) -> int:
        """Floating-point operations of the products; dx and dw each need as many as forward."""
        pairs = {"upconv": 4 * self.size**2, "maxpool": 0}.get(self.arrow, 9 * self.out**2)
        times = (1 if self.of_image else 2) if self.backward else 1
        return 2 * pairs * self.channels * self.features * times

    def arrays(self) -> tuple[Array, Array, Array, Array]:
        """Draw a map, kernel, bias and upstream gradient as float32, in minunet's layout.

        The sums have variance 1 and the biases are 8 or -8, so that a ReLU is on or off for a whole
        channel. Rounding then cannot move a value across the kink.
        """
        rng = np.random.default_rng(0)
        side = 2 if self.arrow == "upconv" else 3
        shapes = [
            (self.size, self.size, self.channels),
            (side, side, self.channels, self.features),
            (self.features,),
            (self.out, self.out, self.features),
        ]
        x, w, b, dy = (rng.standard_normal(shape, np.float32) for shape in shapes)
        return x, w / np.float32(math.sqrt(w[..., 0].size)), np.copysign(np.float32(8), b), dy


class Network(NamedTuple):
    """A whole network on one tile: inference or a training step."""

    channels: int
    depth: int
    tile: int
    step: bool = False

    @classmethod
    def of_width(cls, channels: int, step: bool = False) -> "Network":
        """Return a network, with depth and tile of `paper` if channels >= 64, else of `laptop`."""
        preset = PRESETS["paper" if channels >= 64 else "laptop"]
        return cls(channels, preset["depth"], preset["tile"], step)

    @property
    def architecture(self) -> Architecture:
        """The architecture, without dropout, because PyTorch would draw other masks."""
        return Architecture(depth=self.depth, channels=self.channels, dropout=0.0)

    @property
    def flop(self) -> int:
        """Floating-point operations of the products; a step needs three times as many."""
        rows = sizes.figure1(self.architecture, self.tile)
        return sum(row.flop for row in rows) * (3 if self.step else 1)

    def arrays(self) -> tuple[Tensors, Array, Array, Array]:
        """Draw the parameters (with nonzero biases), a tile, its labels and its weight map."""
        rng, arch = np.random.default_rng(0), self.architecture
        params = initialization.gaussian(arch, rng)
        for w in params.values():
            if w.ndim == 1:
                w += np.float32(0.1) * rng.standard_normal(w.shape, np.float32)
        x = rng.random((self.tile, self.tile, arch.in_channels), np.float32)
        m = sizes.output_size(self.tile, self.depth)
        labels = rng.integers(arch.classes, size=(m, m))
        weights = (rng.random((m, m), np.float32) + np.float32(0.5)) / np.float32(m * m)
        return params, x, labels, weights

    def layers(self) -> Iterator[Layer]:
        """Yield all layers except the 1x1 convolution, first forward, then backward."""
        for backward in (False, True):
            for layer in self._forward_layers():
                of_image = backward and layer.name == "contract0 conv 1"
                yield layer._replace(backward=backward, of_image=of_image)

    def _forward_layers(self) -> Iterator[Layer]:
        shapes = self.architecture.shapes()
        for stage, (s0, s1, s2) in sizes.stages(self.tile, self.depth):
            if stage.startswith("expand"):
                yield Layer(f"{stage} up-conv", "upconv", s0 // 2, *shapes[f"{stage}.wu"][2:])
            yield Layer(f"{stage} conv 1", "conv_relu", s0, *shapes[f"{stage}.w1"][2:])
            yield Layer(f"{stage} conv 2", "conv_relu", s1, *shapes[f"{stage}.w2"][2:])
            if stage.startswith("contract"):
                c = shapes[f"{stage}.w2"][3]
                yield Layer(f"{stage} max pool", "maxpool", s2, c, c)


Job = Product | Layer | Network


def to_json(job: Job) -> dict[str, Any]:
    """Return a job as JSON values."""
    return {"kind": type(job).__name__} | job._asdict()


def from_json(values: dict[str, Any]) -> Job:
    """Return the job that `to_json` described."""
    kinds = {kind.__name__: kind for kind in (Product, Layer, Network)}
    return kinds[values["kind"]](**{k: v for k, v in values.items() if k != "kind"})
