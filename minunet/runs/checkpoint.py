"""Checkpoints: everything needed to resume a run exactly, in one `.npz` file without pickle.

    params/<name>, velocity/<name>     arrays, as in `Architecture.shapes`
    meta                               JSON: format, step, random_state, best, config (settings),
                                       checksum (not in older files; see `archive.checksum`)

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
    from minunet.runs import archive  # here: it slows down --help

    meta = {
        "format": FORMAT,
        "step": state.step,
        "random_state": state.random_state,
        "best": state.best,
        "config": state.settings,  # key kept from the first release
    }
    arrays = {f"params/{name}": array for name, array in state.params.items()}
    arrays |= {f"velocity/{name}": array for name, array in state.velocity.items()}
    arrays = {name: np.ascontiguousarray(array) for name, array in arrays.items()}
    meta["checksum"] = archive.checksum(meta, arrays)
    with files.atomic(path) as beside, beside.open("wb") as file:
        np.savez(file, allow_pickle=False, meta=np.array(json.dumps(meta)), **arrays)


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
