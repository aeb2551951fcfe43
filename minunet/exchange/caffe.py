"""Read a `.caffemodel`, such as phseg_v5, the network that the authors released in 2015.

The file is a protocol buffer. This module declares only the messages and fields that hold
parameters; the parser skips all others. Caffe has two dialects: layers are in the field `layers`
(2015) or in the field `layer`.

Layers come in the order of the forward pass. Each layer with parameters has two blobs: a kernel,
(O, C, kh, kw) or, for an up-convolution, (C, O, 2, 2); and a bias, (O,).
"""

import math
from functools import cache
from itertools import chain
from pathlib import Path
from typing import Any

import numpy as np

from minunet.array import Array
from minunet.console import printable
from minunet.errors import InputError, reason
from minunet.exchange import layers
from minunet.exchange.tensors import Foreign, from_torch

MESSAGES: dict[str, dict[str, tuple[int, str]]] = {
    "BlobShape": {"dim": (1, "int64 repeated")},
    "BlobProto": {
        **{"num": (1, "int32"), "channels": (2, "int32"), "height": (3, "int32")},
        **{"width": (4, "int32"), "data": (5, "float repeated"), "shape": (7, "BlobShape")},
        "double_data": (8, "double repeated"),
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

LONGEST = 60
"""Maximum length of the name of a layer, in bytes; longer names are shortened."""


@cache
def net_parameter() -> Any:
    """Return the message class for a `.caffemodel`."""
    from google.protobuf import descriptor_pb2, descriptor_pool, message_factory

    kinds = descriptor_pb2.FieldDescriptorProto
    file = descriptor_pb2.FileDescriptorProto(name="minunet_caffe.proto", package="caffe")
    for message, fields in MESSAGES.items():
        declared = file.message_type.add(name=message)
        for name, (number, words) in fields.items():
            kind, *repeated = words.split()
            field = declared.field.add(name=name, number=number)
            field.label = kinds.LABEL_REPEATED if repeated else kinds.LABEL_OPTIONAL
            if kind in MESSAGES:
                field.type, field.type_name = kinds.TYPE_MESSAGE, f".caffe.{kind}"
            else:
                field.type = getattr(kinds, f"TYPE_{kind.upper()}")
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
    blobs: dict[str, Array] = {}
    for layer in chain(net.layers, net.layer):
        for k, blob in enumerate(layer.blobs):
            name = f"{printable(layer.name[:LONGEST].decode(errors='replace'))}, blob {k}"
            if name in blobs:
                raise InputError(f"two of its layers have {name}")
            blobs[name] = _array(blob, name) if k == 0 else _array(blob, name).reshape(-1)
    shapes = {name: blob.shape for name, blob in blobs.items()}
    arch, names = layers.recognize(shapes, ("0", "1"), layers.in_order)
    return Foreign(arch, {ours: blobs[theirs] for ours, theirs in names.items()}, names)


def _array(blob: Any, name: str) -> Array:
    """Return the values of a blob in our layout."""
    sizes = blob.shape.dim if blob.HasField("shape") else [getattr(blob, one) for one in LEGACY]
    numbers = blob.data or blob.double_data
    if not 0 < len(sizes) <= len(LEGACY) or min(sizes) < 1 or math.prod(sizes) != len(numbers):
        raise InputError(f"{name} has {len(numbers)} values, but the shape {tuple(sizes[:9])}")
    with np.errstate(over="ignore", invalid="ignore"):  # infinity and NaN are refused later
        return from_torch(np.array(numbers, np.float32).reshape(tuple(sizes)))
