"""Helpers for tests of volumes: writers of Zarr and OME-Zarr, a tiny model, and comparisons."""

from pathlib import Path

import numpy as np
import zarr

from minunet.data.image_files import Reading, Slices
from minunet.network import initialization
from minunet.prediction import blocks, model
from minunet.prediction.tiling import Tiling
from minunet.runs import checkpoint
from minunet.runs.checkpoint import Checkpoint
from minunet.runs.settings import from_options

SHAPE, STEP = (3, 45, 61), 8
"""Shape of an image, and the side of its blocks: the step of a tile of 24 pixels at depth 1."""

BLOCKS = 3 * 6 * 8


def write_zarr(path, array, version=3, chunks=None, **more):
    chunks = chunks or (*(1 for _ in array.shape[2:]), 16, 20)
    written = zarr.create_array(
        path, shape=array.shape, chunks=chunks, dtype=array.dtype, zarr_format=version, **more
    )
    written[...] = array
    return path


def write_ome(path, levels, version="0.5", axes="zyx", scale=(50.0, 4.0, 4.0), names=(), **more):
    """Write an OME-Zarr image as the specification says, with lengths in nanometres."""
    kinds = {"t": ("time", "second"), "c": ("channel", None)}
    said = []
    for axis in axes:
        kind, unit = kinds.get(axis, ("space", "nanometer"))
        said.append({"name": axis, "type": kind} | ({"unit": unit} if unit else {}))
    datasets = []
    for k in range(len(levels)):
        sizes = [s * 2**k if a in "yx" else s for a, s in zip(axes, scale, strict=True)]
        change = {"type": "scale", "scale": sizes}
        datasets.append({"path": f"s{k}", "coordinateTransformations": [change]})
    image = {"multiscales": [{"name": "a", "axes": said, "datasets": datasets, **more}]}
    if names:
        image["omero"] = {"channels": [{"label": name} for name in names]}
    v3 = version == "0.5"
    if not v3:
        image["multiscales"][0]["version"] = version
    attributes = {"ome": {"version": version, **image}} if v3 else image
    zarr.create_group(path, zarr_format=3 if v3 else 2, attributes=attributes)
    for k, array in enumerate(levels):
        write_zarr(path / f"s{k}", array, 3 if v3 else 2)
    return path


def read(path, **reading):
    return list(Slices(path, Reading(**reading)))


def write_net(path, values=(0, 1), seed=0, **settings):
    """Write a checkpoint of an untrained network; return its path."""
    given = {"depth": 1, "channels": 3, "tile": 24, "device": "cpu"} | settings
    config = from_options(**given, label_values=values, in_channels=1)
    params = initialization.gaussian(config.architecture, np.random.default_rng(seed))
    state = np.random.default_rng(0).bit_generator.state
    checkpoint.save(path, Checkpoint(params, params, 5, state, 0.5, config.to_json()))
    return path


def write_image(path, shape=SHAPE, axes="zyx", seed=0):
    array = np.random.default_rng(seed).integers(0, 256, shape, np.uint8)
    chunks = (*(1 for _ in shape[2:]), 20, 20)
    stored = zarr.create_array(
        path, shape=shape, chunks=chunks, dtype="u1", dimension_names=[*axes]
    )
    stored[...] = array
    return array


def whole(net, images, **tiling):
    """Segment slices with the definition, `averaging.logits`; return the probability of class 1."""
    loaded = model.load(net, "cpu")
    return loaded.segment(images, Tiling(loaded.settings.tile, **tiling))


def arrays(out):
    """Return the bytes of all files of an output but its plan, by name."""
    files = (one for one in Path(out).rglob("*") if one.is_file() and one.name != "plan.json")
    return {str(one.relative_to(out)): one.read_bytes() for one in files}


def count(monkeypatch):
    """Count the blocks that are computed from now on."""
    computed = []
    probabilities = blocks.Work.probabilities
    monkeypatch.setattr(
        blocks.Work, "probabilities", lambda self, k: computed.append(k) or probabilities(self, k)
    )
    return computed
