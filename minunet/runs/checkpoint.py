"""Checkpoints: everything needed to resume a run exactly, in one `.npz` file without pickle.

    params/<name>, velocity/<name>     arrays, as in `Architecture.shapes`
    meta                               JSON: format, step, random_state, best, config (settings),
                                       checksum (not in older files; see `archive.checksum`)

A published model has only what segmentation needs: its parameters, in float16 or float32, without
the velocities.

If writing is interrupted, the previous checkpoint stays intact. A file is checked before it is
used: against its checksum, which finds damage, and against its own settings, because anyone can
write a file with a valid checksum.
"""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from minunet import files
from minunet.array import Array
from minunet.errors import InputError

FORMAT = 2
PUBLISHED = 3
"""Formats of the checkpoint of a run, and of a published model."""


class Checkpoint(NamedTuple):
    """State of a run after `step` steps; the arrays are on the host."""

    params: dict[str, Array]
    velocity: dict[str, Array]  # empty in a published model
    step: int
    random_state: Mapping[str, Any]  # `rng.bit_generator.state` of the NumPy Generator
    best: float  # highest validation score so far
    settings: dict[str, Any]  # as JSON values


def about(state: Checkpoint) -> dict[str, Any]:
    """Return a checkpoint without its arrays, as JSON values; `checkpoint_check` checks them."""
    return {
        "step": state.step,
        "random_state": state.random_state,
        "best": state.best,
        "config": state.settings,  # key kept from the first release
    }


def save(path: Path, state: Checkpoint) -> None:
    """Write a checkpoint; the old file is replaced only once the new one is complete."""
    _write(path, FORMAT, state)


def publish(path: Path, state: Checkpoint, dtype: type[np.floating[Any]] = np.float16) -> None:
    """Write the parameters of a checkpoint, in float16 or float32, as a model to publish.

    Raises
    ------
    InputError
        If a parameter is too large for this dtype.
    """
    with np.errstate(over="ignore"):
        params = {name: array.astype(dtype) for name, array in state.params.items()}
    for name, array in params.items():
        if not np.isfinite(array).all():
            raise InputError(
                f"a parameter in {name} is larger than {np.finfo(dtype).max:g}, the largest number "
                f"in {dtype.__name__}; train with --weight-decay"
            )
    _write(path, PUBLISHED, state._replace(params=params, velocity={}))


def _write(path: Path, version: int, state: Checkpoint) -> None:
    """Write a checkpoint in a format."""
    from minunet.runs import archive  # here: it slows down --help

    meta = {"format": version, **about(state)}
    arrays = {f"params/{name}": array for name, array in state.params.items()}
    arrays |= {f"velocity/{name}": array for name, array in state.velocity.items()}
    arrays = {name: np.ascontiguousarray(array) for name, array in arrays.items()}
    for name, array in arrays.items():
        if array.dtype.hasobject:
            raise ValueError(f"{name} contains objects, which only pickle could write")
    meta["checksum"] = archive.checksum(meta, arrays)
    entries: dict[str, Any] = {"meta": np.array(json.dumps(meta)), **arrays}
    with files.atomic(path) as beside, beside.open("wb") as file:
        np.savez(file, **entries)


def load(path: Path) -> Checkpoint:
    """Read and check a checkpoint.

    Raises
    ------
    InputError
        If the file does not exist, is not a checkpoint in this format, is damaged, or contains
        something that minunet does not write.
    """
    from minunet.runs import checkpoint_reading  # here: it slows down --help

    return checkpoint_reading.read(path)
