"""The U-Net as an ONNX graph, for ONNX Runtime, Fiji, ilastik and others.

The graph takes any number of scaled images (N, C, H, W) in float32, and returns the class
probabilities or the logits (N, K, H', W'). It has one of two forms:

valid    as in the paper: the image is a tile, H and W are valid sizes (see `network/sizes.py`), and
         the output is smaller by the margin on each side
same     the graph mirrors the image at its edges, and the output is as large as the image; H and W
         must be multiples of 2^depth, and at least `edges(depth).smallest`

In both forms, the result is what minunet computes with one tile as large as the image: the poolings
fall on the same pixels. The graph uses old versions of ONNX, because Fiji has ONNX Runtime 1.13.
"""

from collections.abc import Mapping, Sequence
from itertools import count
from typing import TYPE_CHECKING, Any, Literal, NamedTuple

import numpy as np

from minunet.array import Array
from minunet.errors import InputError
from minunet.exchange import layers, tensors
from minunet.network import Architecture, sizes

if TYPE_CHECKING:
    from onnx import ModelProto, NodeProto, TensorProto

OPSET, IR = 13, 7
"""Versions of the operators and of the file format."""

LARGEST = 2**31 - 2**20
"""Maximum size of the parameters in bytes: an ONNX file must be smaller than 2 GiB."""

Padding = Literal["same", "valid"]
Output = Literal["probabilities", "logits"]


class Edges(NamedTuple):
    """How the form `same` mirrors an image: pixels before and after it, and its smallest side."""

    before: int
    after: int
    smallest: int


def edges(depth: int) -> Edges:
    """Return how many pixels the form `same` adds, so that the tile is valid.

    Before the image, it adds the margin, as minunet does, so that the poolings fall on the same
    pixels. After the image, it adds a few more pixels if the size would not be valid otherwise; the
    graph crops their output. A side must be longer than the part that is mirrored.

    Examples
    --------
    >>> edges(4)
    Edges(before=92, after=96, smallest=112)
    """
    margin, step = sizes.margin(depth), 2**depth
    far = step * (margin // step + 4)
    after = next(k for k in count(margin) if sizes.is_valid(far + margin + k, depth))
    return Edges(margin, after, step * (after // step + 1))


def crops(depth: int) -> dict[int, int]:
    """Return, for each level, how many pixels crop-concat crops on each side of the skip map."""
    stages = dict(sizes.stages(next(sizes.valid_sizes(depth)), depth))
    return {k: (stages[f"contract{k}"][2] - stages[f"expand{k}"][0]) // 2 for k in range(depth)}


class _Graph:
    """Nodes and constants of the graph while it is built."""

    def __init__(self) -> None:
        self.nodes: list[NodeProto] = []
        self.constants: list[TensorProto] = []

    def constant(self, name: str, values: Any, dtype: Any = np.int64) -> str:
        """Add a constant; return its name."""
        from onnx import numpy_helper

        self.constants.append(numpy_helper.from_array(np.asarray(values, dtype), name))
        return name

    def add(self, op: str, name: str, inputs: Sequence[str], **attributes: Any) -> str:
        """Add a node; return the name of its output, which is also the name of the node."""
        from onnx import helper

        self.nodes.append(helper.make_node(op, inputs, [name], name, **attributes))
        return name

    def convolve(self, x: str, stage: str, number: str, relu: bool, up: bool = False) -> str:
        """Add a convolution with its bias and, if `relu`, a ReLU; return the name of the output."""
        weight, bias = (layers.torch_name(f"{stage}.{kind}{number}") for kind in "wb")
        name = weight.removesuffix(".weight")
        if up:
            y = self.add("ConvTranspose", name, [x, weight, bias], strides=[2, 2])
        else:
            y = self.add("Conv", name, [x, weight, bias])
        return self.add("Relu", f"{name}.relu", [y]) if relu else y

    def crop(self, x: str, name: str, before: int, after: int) -> str:
        """Add a node that crops pixels at the start and the end of height and width."""
        numbers = {"starts": [before] * 2, "ends": [-after] * 2, "axes": [2, 3]}
        ends = [self.constant(f"{name}.{key}", value) for key, value in numbers.items()]
        return self.add("Slice", name, [x, *ends])

    def network(self, x: str, arch: Architecture) -> str:
        """Add the network of Figure 1; return the name of the logits."""
        skips = {}
        for level in range(arch.depth):
            skips[level] = self.stage(x, f"contract{level}")
            x = self.add(
                "MaxPool", f"pool{level}", [skips[level]], kernel_shape=[2, 2], strides=[2, 2]
            )
        x = self.stage(x, "bottom")
        for level in reversed(range(arch.depth)):
            stage, cut = f"expand{level}", crops(arch.depth)[level]
            x = self.convolve(x, stage, "u", arch.relu_after_upconv, up=True)
            skip = self.crop(skips[level], f"crop{level}", cut, cut)
            x = self.add("Concat", f"concat{level}", [x, skip], axis=1)
            x = self.stage(x, stage)
        return self.convolve(x, "out", "", relu=False)

    def stage(self, x: str, stage: str) -> str:
        """Add the two convolutions of a stage."""
        return self.convolve(self.convolve(x, stage, "1", relu=True), stage, "2", relu=True)


def build(
    params: Mapping[str, Array],
    arch: Architecture,
    padding: Padding = "same",
    output: Output = "probabilities",
    properties: Mapping[str, str] | None = None,
) -> "ModelProto":
    """Build the graph.

    Parameters
    ----------
    params : dict                            float32, shaped as in `Architecture.shapes`
    arch : Architecture
    padding : {"same", "valid"}              the form, see the top of this file
    output : {"probabilities", "logits"}     with or without the soft-max
    properties : dict or None                texts to store in the file

    Raises
    ------
    InputError
        If the parameters are too large for an ONNX file.
    """
    from onnx import TensorProto, checker, helper

    size = 4 * arch.parameters()
    if size > LARGEST:
        raise InputError(
            f"the parameters take {size / 1e9:.1f} GB, but an ONNX file holds at most 2 GB; write "
            "a .safetensors file instead"
        )
    graph = _Graph()
    for name, w in tensors.to_torch(params).items():
        graph.constant(name, w, np.float32)
    x = "image"
    if padding == "same":
        edge = edges(arch.depth)
        pads = [0, 0, edge.before, edge.before, 0, 0, edge.after, edge.after]
        x = graph.add("Pad", "mirror", [x, graph.constant("mirror.pads", pads)], mode="reflect")
    y = graph.network(x, arch)
    if padding == "same" and edge.after > edge.before:
        y = graph.crop(y, "crop", 0, edge.after - edge.before)
    if output == "probabilities":
        y = graph.add("Softmax", "softmax", [y], axis=1)
    graph.add("Identity", output, [y])
    sides = ["height", "width"]
    out = sides if padding == "same" else [f"output_{side}" for side in sides]
    image, result = (
        helper.make_tensor_value_info(name, TensorProto.FLOAT, ["batch", channels, *axes])
        for name, channels, axes in (
            ("image", arch.in_channels, sides),
            (output, arch.classes, out),
        )
    )
    made = helper.make_graph(graph.nodes, "minunet", [image], [result], graph.constants)
    model = helper.make_model(
        made, opset_imports=[helper.make_opsetid("", OPSET)], ir_version=IR, producer_name="minunet"
    )
    helper.set_model_props(model, dict(properties or {}))
    checker.check_model(model)
    return model
