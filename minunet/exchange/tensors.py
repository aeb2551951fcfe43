"""Parameters in the layout of PyTorch, in a safetensors file or a Hugging Face folder.

A kernel has the shape (O, C, kh, kw) or, for an up-convolution, (C, O, 2, 2). The names are those
of the PyTorch module in `tutorials/pages/pytorch.md`: `contract0.conv1.weight`,
`expand0.upconv.bias`, `out.weight`. A safetensors file contains only numbers and text, so nothing
is unpickled.
"""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from minunet.array import Array
from minunet.errors import InputError, reason
from minunet.exchange import layers
from minunet.exchange.layers import Shape
from minunet.network import Architecture

FLOATS = ("F16", "F32", "F64")
"""Dtypes that minunet reads; NumPy does not have bfloat16."""

JSON = ("architecture", "label_values")
"""Properties that are JSON."""

META = "minunet"
"""Key of the metadata for the settings of a model that minunet has exported."""

USAGE = """## How to use it

Convert the file to a model of minunet:

    python -m minunet.convert model.safetensors -o NET.npz
    python -m minunet.predict NET.npz IMAGE.tif -o OUT

The page *In PyTorch* of minunet's tutorials contains a PyTorch module with these parameter names.
"""
"""End of the README of a Hugging Face folder."""


class Foreign(NamedTuple):
    """Parameters read from a file of another program."""

    architecture: Architecture
    params: dict[str, Array]  # float32, in our layout and order
    names: dict[str, str]  # our name → the name in the file
    meta: dict[str, Any] | None = None  # None unless minunet has exported the file


def to_torch(params: Mapping[str, Array]) -> dict[str, Array]:
    """Convert parameters to PyTorch's layout and names."""
    made = {}
    for name, w in params.items():
        if w.ndim == 4:
            w = w.transpose((2, 3, 0, 1) if w.shape[:2] == (2, 2) else (3, 2, 0, 1))
        made[layers.torch_name(name)] = np.ascontiguousarray(w)
    return made


def axes(shape: Shape) -> Shape:
    """Return our order of PyTorch's axes, for a parameter of PyTorch's shape."""
    if len(shape) != 4:
        return tuple(range(len(shape)))
    return (2, 3, 0, 1) if shape[2:] == (2, 2) else (2, 3, 1, 0)


def from_torch(w: Array) -> Array:
    """Convert a parameter to our layout and to float32; values too large for it become infinite."""
    with np.errstate(over="ignore", invalid="ignore"):
        return np.ascontiguousarray(w.transpose(axes(w.shape)), np.float32)


def write(path: Path, params: Mapping[str, Array], properties: Mapping[str, str]) -> None:
    """Write a safetensors file."""
    from safetensors.numpy import save

    path.write_bytes(save(to_torch(params), {"format": "pt", **properties}))


def read(path: Path) -> Foreign:
    """Read a safetensors file with the parameters of a U-Net, under any names.

    Raises
    ------
    InputError
        If the file is damaged, or if its tensors are not the parameters of a minunet U-Net.
    """
    from safetensors import SafetensorError, safe_open

    try:
        with safe_open(path, framework="numpy") as file:
            return _read(file)
    except SafetensorError as error:
        raise InputError(f"it is not a safetensors file, or is damaged: {reason(error)}") from None


def _read(file: Any) -> Foreign:
    """Read an open file: check the shapes first, then read the values."""
    shapes = {}
    for name in file.keys():
        part = file.get_slice(name)
        shape = part.get_shape()
        if part.get_dtype() not in FLOATS:
            raise InputError(
                f"{name} contains {part.get_dtype()}; minunet reads only {', '.join(FLOATS)}"
            )
        shapes[name] = tuple(shape[axis] for axis in axes(tuple(shape)))
    arch, names = layers.recognize(shapes, ("weight", "bias"), layers.by_name)
    params = {ours: from_torch(file.get_tensor(name)) for ours, name in names.items()}
    return Foreign(arch, params, names, _meta(file.metadata() or {}))


def _meta(metadata: Mapping[str, str]) -> dict[str, Any] | None:
    """Return what minunet has written about the model; None if another program wrote the file."""
    if META not in metadata:
        return None
    try:
        found = json.loads(metadata[META])
    except (ValueError, RecursionError):
        found = None
    if not isinstance(found, dict):
        raise InputError(f"its metadata {META} is not a JSON object")
    return found


def write_folder(
    folder: Path, params: Mapping[str, Array], properties: Mapping[str, str], readme: str
) -> None:
    """Write the three files of a Hugging Face model into an empty folder.

    Parameters
    ----------
    folder : Path
    params : dict           in our layout
    properties : dict       texts for `config.json`, see `description.properties`
    readme : str            Markdown without YAML front matter
    """
    write(folder / "model.safetensors", params, properties)
    config = {"model_type": "minunet", "library_name": "minunet"}
    config |= {key: text for key, text in properties.items() if key != META}
    config |= {key: json.loads(properties[key]) for key in JSON if key in properties}
    text = json.dumps(config, indent=2, ensure_ascii=False)
    (folder / "config.json").write_text(text + "\n", encoding="utf-8")
    head = {
        "license": properties.get("license", "other").lower(),
        "library_name": "minunet",
        "pipeline_tag": "image-segmentation",
        "tags": ["unet", "biology", "microscopy"],
    }
    lines = [f"{key}: {json.dumps(value)}" for key, value in head.items()]  # JSON is valid YAML
    (folder / "README.md").write_text(
        "\n".join(["---", *lines, "---", "", readme, USAGE]), encoding="utf-8"
    )
