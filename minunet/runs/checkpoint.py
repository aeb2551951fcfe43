"""Checkpoints: everything needed to resume a run exactly, in one `.npz` file without pickle.

    params/<name>, velocity/<name>     arrays, as in `Architecture.shapes`
    meta                               JSON: format, step, random_state, best, config (the settings)

If writing is interrupted, the previous checkpoint stays intact.
"""

import json
import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from minunet import files
from minunet.array import Array
from minunet.errors import InputError

FORMAT = 2


class Checkpoint(NamedTuple):
    """State of a run after `step` steps; the arrays are on the host."""

    params: dict[str, Array]
    velocity: dict[str, Array]
    step: int
    random_state: Mapping[str, Any]  # `rng.bit_generator.state` of the NumPy Generator
    best: float  # highest validation score so far
    settings: dict[str, Any]  # as JSON values


def save(path: Path, state: Checkpoint) -> None:
    """Write a checkpoint; the old file is replaced only once the new one is complete."""
    meta = {
        "format": FORMAT,
        "step": state.step,
        "random_state": state.random_state,
        "best": state.best,
        "config": state.settings,  # key kept from the first release
    }
    arrays = {f"params/{name}": array for name, array in state.params.items()}
    arrays |= {f"velocity/{name}": array for name, array in state.velocity.items()}
    with files.atomic(path) as beside, beside.open("wb") as file:
        np.savez(file, allow_pickle=False, meta=np.array(json.dumps(meta)), **arrays)
        file.flush()
        os.fsync(file.fileno())


def load(path: Path) -> Checkpoint:
    """Read a checkpoint.

    Raises
    ------
    InputError
        If the file does not exist, or is not a checkpoint in this format.
    """
    if not path.is_file():
        raise InputError(f"{path} is not a file; pass the best.npz or last.npz of a run")
    try:
        with path.open("rb") as file, np.load(file, allow_pickle=False) as npz:
            meta = json.loads(str(npz["meta"]))
            arrays = {name: npz[name] for name in npz.files if name != "meta"}
        version = meta["format"]
        params, velocity = (
            {name.removeprefix(kind): a for name, a in arrays.items() if name.startswith(kind)}
            for kind in ("params/", "velocity/")
        )
        if not params or params.keys() != velocity.keys():
            raise KeyError
    except Exception:  # damaged files and files of other programs can raise any exception
        raise InputError(
            f"{path} is not a checkpoint of minunet, or is damaged; pass the best.npz or last.npz "
            "of a run"
        ) from None
    if version != FORMAT:
        raise InputError(
            f"{path} has format {version}, but this version of minunet reads format {FORMAT}; use "
            "the version that wrote it"
        )
    return Checkpoint(
        params, velocity, meta["step"], meta["random_state"], meta["best"], meta["config"]
    )
