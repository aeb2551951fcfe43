"""Checkpoints that minunet did not write: any meta, any arrays, with or without a checksum."""

import hashlib
import json
import zipfile

import numpy as np

from minunet.network import initialization
from minunet.runs.settings import from_options

SMALL = {"depth": 1, "channels": 2, "tile": 24, "device": "cpu"}
"""Settings of a network with 434 parameters."""


def contents(**settings):
    """Return the meta and the arrays of a valid checkpoint without a checksum."""
    chosen = from_options(**SMALL | settings)
    rng = np.random.default_rng(0)
    params = initialization.gaussian(chosen.architecture, rng)
    meta = {
        "format": 2,
        "step": 12,
        "random_state": rng.bit_generator.state,
        "best": 0.5,
        "config": chosen.to_json(),
    }
    arrays = {f"params/{name}": array for name, array in params.items()}
    arrays |= {f"velocity/{name}": array / 8 for name, array in params.items()}
    return meta, arrays


def sign(meta, arrays):
    """Add the checksum that minunet would compute."""
    digest = hashlib.sha256(json.dumps(meta).encode())
    for name, array in arrays.items():
        digest.update(f"{name} {array.dtype.str} {array.shape}".encode())
        digest.update(array.tobytes())
    meta["checksum"] = digest.hexdigest()


def write(path, meta, arrays):
    """Write a checkpoint with `meta` as JSON, unless it is an array; allow pickles."""
    if not isinstance(meta, np.ndarray):
        meta = np.array(json.dumps(meta))
    np.savez(path, meta=meta, **arrays)


def write_header(path, name, descr, shape, body=b"", order=False, version=(1, 0)):
    """Append an array with any header to a zip file, whatever its values are."""
    header = repr({"descr": descr, "fortran_order": order, "shape": shape}).encode()
    header += b" " * (-(len(header) + 11) % 64) + b"\n"
    start = b"\x93NUMPY" + bytes(version) + len(header).to_bytes(2, "little")
    with zipfile.ZipFile(path, "a", zipfile.ZIP_STORED) as file:
        file.writestr(f"{name}.npy", start + header + body)
