"""A bioimage.io package: the ONNX graph with its description, for Fiji, ilastik and others.

The package follows version 0.5 of the format. `bioimageio.spec` validates it before it is written,
which needs no internet access. The graph has the form `same`, because the programs that use such
packages expect an output as large as the input. These programs cut images into blocks with a halo.
The halo is the margin rounded up to a multiple of 2^depth, so that the poolings of every block fall
on the same pixels.
"""

import re
import tempfile
import unicodedata
from collections.abc import Mapping
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from minunet.array import Array
from minunet.data import scaling
from minunet.errors import InputError
from minunet.exchange import description, onnx_graph, onnx_run
from minunet.exchange.description import Description
from minunet.network import sizes
from minunet.report import drawing
from minunet.runs.checkpoint import Checkpoint
from minunet.runs.settings import Settings

WEIGHTS, TEXT, COVER = "weights.onnx", "README.md", "cover.png"
IMAGE, PROBABILITIES = "test_image.npy", "test_probabilities.npy"
"""Names of the files in a package, besides the description itself."""

_EACH = {"axes": ["channel", "y", "x"]}  # without axes, earlier images would count, too
_RANGE = {"id": "scale_range", "kwargs": {"min_percentile": 0.0, "max_percentile": 100.0, **_EACH}}
PREPROCESSING: dict[str, list[dict[str, Any]]] = {
    "none": [],
    "standard": [{"id": "zero_mean_unit_variance", "kwargs": _EACH}],
    "minmax": [_RANGE],
    "image": [_RANGE],
}
"""Each scaling in the terms of bioimage.io; for `standard` and `minmax`, each image is a stack."""

SIDE = 256
"""Maximum side of the test image in pixels, unless the network needs more."""

SHORTEST, LONGEST = 5, 128
"""Minimum and maximum length of the name of a model, in characters.

`LONGEST` also limits the reason in an error message."""

FAINTEST = 1e-4
"""Absolute grey value that at least one pixel of the test image must reach."""


class Block(NamedTuple):
    """Sizes of the blocks into which programs may cut an image, in pixels."""

    halo: int
    smallest: int
    step: int


def block(depth: int) -> Block:
    """Return the sizes for a network of this depth.

    The halo is a multiple of 2^depth. The step is twice that power, because ilastik adds half of
    the missing pixels on each side.

    Examples
    --------
    >>> block(4)
    Block(halo=96, smallest=224, step=32)
    """
    pool, step = 2**depth, 2 ** (depth + 1)
    halo = -(-sizes.margin(depth) // pool) * pool
    least = max(onnx_graph.edges(depth).smallest, 2 * halo + 1)
    return Block(halo, -(-least // step) * step, step)


def test_size(depth: int, shape: tuple[int, ...]) -> tuple[int, int]:
    """Return a valid size for the test image: at most `SIDE`, and within the image if possible.

    Examples
    --------
    >>> test_size(4, (512, 130)), test_size(3, (40, 250))
    ((256, 224), (112, 240))
    """
    _, smallest, step = block(depth)
    height, width = (max(min(side, SIDE) // step * step, smallest) for side in shape[:2])
    return height, width


def write(path: Path, state: Checkpoint, about: Description, image: Array) -> float:
    """Write a package (a zip file); return the difference between ONNX Runtime and minunet.

    Parameters
    ----------
    path : Path
    state : Checkpoint
    about : Description       with a licence and at least one author
    image : (H, W, C)         raw grey values, for the test image and the cover

    Raises
    ------
    InputError
        If something that the format needs is missing or invalid.
    """
    from bioimageio.spec import ValidationContext, save_bioimageio_package
    from bioimageio.spec.model.v0_5 import ModelDescr
    from pydantic import ValidationError

    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        difference = _write_files(folder, state, about, image)
        try:
            with ValidationContext(root=folder):
                model = ModelDescr.model_validate(_describe(state, about))
                save_bioimageio_package(model, output_path=path)
        except ValidationError as error:
            raise InputError(_reason(error.errors()[0], about)) from None
    return difference


def _reason(error: Mapping[str, Any], about: Description) -> str:
    """Explain in one sentence why the format does not accept a package."""
    place = error["loc"][0] if error["loc"] else "the package"
    if place == "license":
        return (
            f"bioimage.io does not know the licence {about.license!r}; pass an SPDX identifier "
            "such as MIT or CC-BY-4.0 with --license"
        )
    reason = " ".join(error["msg"].removeprefix("Value error, ").split())
    return f"bioimage.io does not accept {place}: {reason[:LONGEST]}"


def _write_files(folder: Path, state: Checkpoint, about: Description, image: Array) -> float:
    """Write the graph, the text, the test image, its result in ONNX Runtime, and the cover.

    Return the difference between ONNX Runtime and minunet.
    """
    settings = Settings.from_json(state.settings)
    arch = settings.architecture
    graph = onnx_graph.build(state.params, arch, properties=description.properties(state, about))
    difference = onnx_run.check(graph, state.params, arch)
    (folder / WEIGHTS).write_bytes(graph.SerializeToString())
    text = description.document(state, about) + "\n" + description.VALIDATION
    (folder / TEXT).write_text(text, encoding="utf-8")
    height, width = test_size(arch.depth, image.shape)
    with np.errstate(over="ignore"):
        test = np.asarray(_fitted(image, height, width).transpose(2, 0, 1)[np.newaxis], np.float32)
    if not np.isfinite(test).all():
        raise InputError("the grey values of the test image are too large; pass another --image")
    if not (abs(test) >= FAINTEST).any():
        raise InputError(
            f"all grey values of the test image are below {FAINTEST:g}, which bioimage.io does not "
            "accept; pass another --image"
        )
    scaled = scaling.scale([test], settings.scaling)[0]
    p = onnx_run.run(graph, scaled)
    if not np.isfinite(p).all():
        raise InputError(
            "the probabilities of the test image contain NaN or infinity; pass another --image"
        )
    np.save(folder / IMAGE, test)
    np.save(folder / PROBABILITIES, p)
    _cover(folder / COVER, test[0, 0], p[0, -1])
    return difference


def _describe(state: Checkpoint, about: Description) -> dict[str, Any]:
    """Return the description of a package, as in its `rdf.yaml`; paths are relative to its root."""
    settings = Settings.from_json(state.settings)
    arch = settings.architecture
    halo, smallest, step = block(arch.depth)
    name = model_name(about.name)
    pixel = description.network_pixel(settings)
    lengths = ({"scale": length, "unit": "micrometer"} for length in pixel or ())
    sides = [{"type": "space", "id": side, **next(lengths, {})} for side in "yx"]
    channels = ["grey"] if arch.in_channels == 1 else [f"c{k}" for k in range(arch.in_channels)]
    image = {
        "id": "image",
        "description": "grey values as in the file",
        "axes": [
            {"type": "batch"},
            {"type": "channel", "channel_names": channels},
            *({**side, "size": {"min": smallest, "step": step}} for side in sides),
        ],
        "test_tensor": {"source": IMAGE},
        "data": {"type": "float32"},
        "preprocessing": PREPROCESSING[settings.scaling],
    }
    probabilities = {
        "id": "probabilities",
        "description": "probability of each class",
        "axes": [
            {"type": "batch"},
            {"type": "channel", "channel_names": description.label_names(settings)},
            *(
                {**side, "halo": halo, "size": {"tensor_id": "image", "axis_id": side["id"]}}
                for side in sides
            ),
        ],
        "test_tensor": {"source": PROBABILITIES},
        "data": {"type": "float32", "range": [0.0, 1.0]},
    }
    cited = [*map(_citation, about.citations), {"text": description.PAPER, "doi": description.DOI}]
    return {
        "type": "model",
        "format_version": _format_version(),
        "name": name,
        "description": f"{name}: a U-Net of depth {arch.depth} with {arch.channels} channels",
        "authors": [{"name": author} for author in about.authors],
        "cite": cited,
        "license": about.license,
        "documentation": {"source": TEXT},
        "covers": [{"source": COVER}],
        "tags": ["unet", "segmentation", "2d"],
        "inputs": [image],
        "outputs": [probabilities],
        "weights": {"onnx": {"source": WEIGHTS, "opset_version": onnx_graph.OPSET}},
        # Fiji's library fails for packages without a nickname.
        "config": {"bioimageio": {"nickname": name.lower().replace(" ", "-")}},
    }


def model_name(name: str) -> str:
    """Return a name that the format accepts: 5 to 128 ASCII characters, without most punctuation.

    Examples
    --------
    >>> model_name("em"), model_name("my.run: 2"), model_name("")
    ('U-Net em', 'my run  2', 'U-Net')
    """
    name = unicodedata.normalize("NFKD", name).encode("ascii", "ignore").decode()
    name = re.sub(r"[^\w ()+-]", " ", name).strip()
    return (name if len(name) >= SHORTEST else f"U-Net {name}".strip())[:LONGEST].strip()


def _format_version() -> str:
    """Return the version of the format that the installed library writes."""
    from bioimageio.spec.model.v0_5 import ModelDescr

    return str(ModelDescr.implemented_format_version)


def _citation(text: str) -> dict[str, str]:
    """Return a citation with its DOI or URL; the format needs one of them."""
    for kind, pattern in (("doi", r"10\.\d{4,}/\S+"), ("url", r"https?://\S+")):
        if found := re.search(pattern, text):
            end = ".,;" + ")" * (found[0].count("(") < found[0].count(")"))
            return {"text": text, kind: found[0].rstrip(end)}
    raise InputError(f"--cite {text!r} contains neither a DOI nor a URL; add one of them")


def _fitted(image: Array, height: int, width: int) -> Array:
    """Return the centre of an image (H, W, C), after repeating the image if it is too small."""
    times = (-(-height // image.shape[0]), -(-width // image.shape[1]), 1)
    image = np.tile(image, times)
    top, left = (image.shape[0] - height) // 2, (image.shape[1] - width) // 2
    return image[top : top + height, left : left + width]


def _cover(path: Path, grey: Array, p: Array) -> None:
    """Draw the test image (H, W) next to the probability of the last class."""
    from matplotlib import image

    side = min(grey.shape)
    both = [drawing.grey(one[:side, :side]) for one in (grey, p)]
    image.imsave(path, np.concatenate(both, axis=1))
