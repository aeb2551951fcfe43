"""Run an ONNX graph in ONNX Runtime, and compare it with minunet."""

import os
from typing import TYPE_CHECKING

import numpy as np

from minunet.array import Array, Tensors
from minunet.errors import InputError
from minunet.exchange import onnx_graph
from minunet.exchange.onnx_graph import Output, Padding
from minunet.network import Architecture, unet
from minunet.ops import cross_entropy

if TYPE_CHECKING:
    from onnx import ModelProto

TOLERANCE = 1e-5
"""Maximum difference between ONNX Runtime and minunet, relative to the largest output."""


def run(graph: "ModelProto", x: Array) -> Array:
    """Run a graph on scaled images (N, C, H, W) in float32; return its output (N, K, H', W')."""
    # Otherwise, ONNX Runtime stores a device id and other data in the home folder, for upload.
    os.environ.setdefault("ORT_DISABLE_TELEMETRY", "1")
    from onnxruntime import InferenceSession

    (y,) = InferenceSession(graph.SerializeToString()).run(None, {"image": x})
    return y


@np.errstate(over="ignore", invalid="ignore")
def check(
    graph: "ModelProto",
    params: Tensors,
    arch: Architecture,
    padding: Padding = "same",
    output: Output = "probabilities",
) -> float:
    """Compare a graph with the network on random numbers; return the largest relative difference.

    Parameters
    ----------
    graph : ModelProto                       result of `onnx_graph.build`
    params, arch, padding, output            its arguments

    Raises
    ------
    InputError
        If they differ by more than `TOLERANCE`, or if the output is not finite.
    """
    edge, same = onnx_graph.edges(arch.depth), padding == "same"
    side = edge.smallest if same else edge.before + edge.after + edge.smallest
    x = np.random.default_rng(0).standard_normal((side, side, arch.in_channels)).astype(np.float32)
    found = run(graph, x.transpose(2, 0, 1)[np.newaxis])[0].transpose(1, 2, 0)
    if same:
        x = np.pad(x, ((edge.before, edge.after),) * 2 + ((0, 0),), mode="reflect")
    expected, _ = unet.forward(params, x, arch, remember=False)
    expected = expected[: found.shape[0], : found.shape[1]]
    if not np.isfinite(expected).all():
        raise InputError(
            "the output of this model contains NaN or infinity: its weights are too large for "
            "float32; use another checkpoint"
        )
    if output == "probabilities":
        expected = cross_entropy.softmax(expected)
    difference = float(np.abs(found - expected).max() / (np.abs(expected).max() or 1))
    if not difference <= TOLERANCE:
        raise InputError(
            f"ONNX Runtime and minunet differ by {difference:.1e} of the largest value, more than "
            f"the limit of {TOLERANCE:g}; nothing was written. Please report this"
        )
    return difference
