"""Check a checkpoint against its own settings before it is used.

Each function reads a part of the file and raises an `AlteredError` if minunet could not have
written it. Shapes and dtypes are compared before any weight is read.
"""

import json
from collections.abc import Mapping
from typing import Any

import numpy as np

from minunet.array import Tensors
from minunet.network import Architecture
from minunet.runs import settings_check
from minunet.runs.archive import AlteredError, Archive, shown
from minunet.runs.settings import Settings

KEYS = ("step", "random_state", "best", "config")
"""What the JSON contains apart from the format and the checksum."""

LONGEST = 2**20
"""Maximum number of characters of the JSON; that of a real run has about 2000."""

TENSORS_OF_LEVEL = 10
"""Number of parameter tensors in each level of the U: 4 to contract, 6 to expand."""


def meta(archive: Archive) -> dict[str, Any]:
    """Read the JSON of a checkpoint."""
    if "meta" not in archive.headers:
        raise AlteredError("it contains no meta")
    try:
        found = json.loads(archive.text("meta", LONGEST))
    except (ValueError, RecursionError):  # also raised for text that is not Unicode
        raise AlteredError("its meta is not JSON") from None
    if not isinstance(found, dict) or "format" not in found:
        raise AlteredError("its meta is not a JSON object with a format")
    return found


def settings(found: Mapping[str, Any]) -> Settings:
    """Check the JSON of a checkpoint, and restore its settings."""
    present(found)
    restored = settings_check.restore(found["config"])
    numbers(found, restored)
    return restored


def present(found: Mapping[str, Any]) -> None:
    """Check that the JSON has all keys."""
    for key in KEYS:
        if key not in found:
            raise AlteredError(f"its meta lacks {key}")


def numbers(found: Mapping[str, Any], settings: Settings) -> None:
    """Check the step, the best score and the random state."""
    step, best = found["step"], found["best"]
    if type(step) is not int or not 0 <= step <= settings.steps:
        raise AlteredError(
            f"its step is {shown(step)}, not a whole number from 0 to {shown(settings.steps)}"
        )
    # -1 before the first validation; a ratio of sums may exceed 1 by rounding.
    if type(best) not in (int, float) or not (best == -1 or 0 <= best <= 1 + 1e-9):
        raise AlteredError(f"its best score is {shown(best)}, not a number from 0 to 1, or -1")
    random_state(found["random_state"])


def random_state(state: object) -> None:
    """Check the state of NumPy's default generator, PCG64."""
    if not isinstance(state, dict) or state.get("bit_generator") != "PCG64":
        raise AlteredError("its random state is not that of a PCG64 generator")
    inner = state.get("state")
    if state.keys() != {"bit_generator", "state", "has_uint32", "uinteger"} or not (
        isinstance(inner, dict) and inner.keys() == {"state", "inc"}
    ):
        raise AlteredError("its random state does not have the parts of a PCG64 generator")
    below = {"state": 2**128, "inc": 2**128, "has_uint32": 2, "uinteger": 2**32}
    for name, number in (inner | {k: state[k] for k in ("has_uint32", "uinteger")}).items():
        if type(number) is not int or not 0 <= number < below[name]:
            raise AlteredError(f"{name} of its random state is {shown(number)}, out of range")
    if inner["inc"] % 2 == 0:
        raise AlteredError("inc of its random state is even, but PCG64 needs an odd number")


def shapes(archive: Archive, arch: Architecture, published: bool = False) -> None:
    """Check that the arrays are those of an architecture, before any of them is read."""
    kinds: tuple[str, ...] = ("params", "velocity")
    dtypes = ["float32"]
    if published:
        kinds, dtypes = ("params",), ["float16", "float32"]
    names = archive.headers.keys() - {"meta"}
    if arch.depth * TENSORS_OF_LEVEL > len(names):  # the shapes of a huge depth cannot be listed
        raise AlteredError(
            f"its settings have the depth {shown(arch.depth)}, but it contains only {len(names)} "
            "arrays"
        )
    needed = {f"{kind}/{name}": shape for kind in kinds for name, shape in arch.shapes().items()}
    for name, shape in needed.items():
        if name not in names:
            raise AlteredError(f"it lacks {name}")
        header = archive.headers[name]
        if header.shape != shape:
            raise AlteredError(
                f"{name} has the shape {shown(header.shape)}, but the network of its settings "
                f"needs {shown(shape)}"
            )
        if header.dtype not in dtypes:
            kind = "Python objects" if header.dtype.hasobject else shown(str(header.dtype))
            raise AlteredError(f"{name} contains {kind} instead of {' or '.join(dtypes)}")
    extra = sorted(names - needed.keys())
    if extra:
        raise AlteredError(f"it contains {shown(extra[0])}, which its network does not have")


def tensors(archive: Archive, kind: str) -> Tensors:
    """Read the parameters or the velocities, in the order of the file: sums depend on it."""
    found: Tensors = {}
    for name in archive.headers:
        if name.startswith(f"{kind}/"):
            array = archive.array(name)
            if not np.isfinite(array).all():
                raise AlteredError(f"{name} contains NaN or infinity")
            found[name.removeprefix(f"{kind}/")] = array.astype(np.float32, copy=False)
    return found
