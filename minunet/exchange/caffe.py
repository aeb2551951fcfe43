"""Read a `.caffemodel`, such as phseg_v5, the network that the authors released in 2015.

The file is a protocol buffer. This module declares only the messages and fields that hold
parameters; the parser skips all others. Caffe has two dialects: layers are in the field `layers`
(2015) or in the field `layer`.

Layers come in the order of the forward pass. Each layer with parameters has two blobs: a kernel,
(O, C, kh, kw) or, for an up-convolution, (C, O, 2, 2); and a bias, (O,).
"""

import math
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np

from minunet.array import Array
from minunet.console import printable
from minunet.errors import InputError, reason
from minunet.exchange import layers
from minunet.exchange.tensors import Foreign, from_torch

MESSAGES: dict[str, dict[str, tuple[int, str]]] = {
    "BlobShape": {"dim": (1, "int64 packed")},
    "BlobProto": {
        **{"num": (1, "int32"), "channels": (2, "int32"), "height": (3, "int32")},
        **{"width": (4, "int32"), "data": (5, "float packed"), "shape": (7, "BlobShape")},
        "double_data": (8, "double packed"),
    },
    "V1LayerParameter": {"name": (4, "bytes"), "blobs": (6, "BlobProto repeated")},
    "LayerParameter": {"name": (1, "bytes"), "blobs": (7, "BlobProto repeated")},
    "NetParameter": {
        "layers": (2, "V1LayerParameter repeated"),
        "layer": (100, "LayerParameter repeated"),
    },
}
"""Messages of Caffe's `caffe.proto` that hold parameters: field → number and type."""

LEGACY = ("num", "channels", "height", "width")
"""Fields that held the shape of a blob in 2015."""

MOST_LAYERS, MOST_AXES = 10_000, 4
"""Maximum number of layers, with or without parameters; maximum number of axes of a blob."""

LONGEST = 60
"""Maximum length of the name of a layer, in characters; longer names are shortened."""


@cache
def net_parameter() -> Any:
    """Return the message class for a `.caffemodel`."""
    from google.protobuf import descriptor_pb2, descriptor_pool, message_factory

    kinds = descriptor_pb2.FieldDescriptorProto
    file = descriptor_pb2.FileDescriptorProto(name="minunet_caffe.proto", package="caffe")
    for message, fields in MESSAGES.items():
        declared = file.message_type.add(name=message)
        for name, (number, words) in fields.items():
            kind, *how = words.split()
            field = declared.field.add(name=name, number=number)
            field.label = kinds.LABEL_REPEATED if how else kinds.LABEL_OPTIONAL
            if kind in MESSAGES:
                field.type, field.type_name = kinds.TYPE_MESSAGE, f".caffe.{kind}"
            else:
                field.type = getattr(kinds, f"TYPE_{kind.upper()}")
                field.options.packed = how == ["packed"]
    pool = descriptor_pool.DescriptorPool()
    pool.Add(file)
    return message_factory.GetMessageClass(pool.FindMessageTypeByName("caffe.NetParameter"))


def read(path: Path) -> Foreign:
    """Read the parameters of a U-Net.

    Raises
    ------
    InputError
        If the file is damaged, or is not a minunet U-Net; the message names the layer that does not
        fit.
    """
    from google.protobuf.message import DecodeError

    net = net_parameter()()
    try:
        net.ParseFromString(path.read_bytes())
    except (DecodeError, RecursionError) as error:
        raise InputError(f"it is not a .caffemodel file, or is damaged: {reason(error)}") from None
    count = len(net.layers) + len(net.layer)
    if count > MOST_LAYERS:  # each of them takes memory
        raise InputError(f"it has {count} layers, more than any minunet U-Net has")
    found = [layer for layer in (*net.layers, *net.layer) if layer.blobs]
    if not found:
        raise InputError("it contains no layer with parameters")
    if len(found) > layers.MOST:
        raise InputError(
            f"{len(found)} of its layers have parameters, more than in any minunet U-Net"
        )
    read_layers = [(_name(layer), *_blobs(layer)) for layer in found]
    if len({name for name, *_ in read_layers}) < len(read_layers):
        raise InputError("two of its layers have the same name")
    arch = layers.architecture({name: kernel.shape for name, kernel, _ in read_layers})
    params = layers.in_order(read_layers, arch)
    names: dict[str, str] = {}
    for (layer, *_), ours in zip(read_layers, layers.kernels_of(arch), strict=True):
        names |= {ours: f"{layer}, blob 0", layers.bias_of(ours): f"{layer}, blob 1"}
    return Foreign(arch, params, names)


def _name(layer: Any) -> str:
    """Return the name of a layer as printable text; in the file, it can be any bytes."""
    text: str = layer.name.decode(errors="replace")
    return printable(text if len(text) <= LONGEST else f"{text[: LONGEST - 1]}…")


def _blobs(layer: Any) -> tuple[Array, Array]:
    """Return the kernel (kh, kw, C, O) and the bias (O,) of a layer."""
    name = _name(layer)
    if len(layer.blobs) != 2:
        raise InputError(
            f"layer {name} has {len(layer.blobs)} blobs; every layer of the U-Net has two: a "
            "kernel and a bias"
        )
    kernel, bias = (_array(blob, f"blob {k} of layer {name}") for k, blob in enumerate(layer.blobs))
    if kernel.ndim != 4:
        raise InputError(
            f"blob 0 of layer {name} has the shape {kernel.shape}; a kernel has four axes"
        )
    kernel, bias = from_torch(kernel), np.ascontiguousarray(bias.reshape(-1), np.float32)
    if bias.shape != kernel.shape[3:]:
        raise InputError(
            f"blob 1 of layer {name} has {bias.size} values, but its kernel has "
            f"{kernel.shape[3]} output channels"
        )
    return kernel, bias


def _array(blob: Any, which: str) -> Array:
    """Return the values of a blob, in its shape."""
    if blob.HasField("shape"):
        if len(blob.shape.dim) > MOST_AXES:
            raise InputError(
                f"{which} has {len(blob.shape.dim)} axes; minunet reads at most {MOST_AXES}"
            )
        shape = tuple(blob.shape.dim)
    else:
        shape = tuple(getattr(blob, name) for name in LEGACY)
    numbers = blob.data or blob.double_data
    if min(shape, default=0) < 1 or math.prod(shape) != len(numbers):
        raise InputError(f"{which} has the shape {shape}, but {len(numbers)} values")
    with np.errstate(over="ignore", invalid="ignore"):  # infinity and NaN are refused later
        return np.array(numbers, np.float64).astype(np.float32).reshape(shape)
