"""NumPy or CuPy: the one file that knows CuPy exists.

Everything else sees arrays. Parameters are moved once; a tile follows them with
``np.asarray(tile, like=parameter)``, and from there on every op runs where its arguments live.
"""

from typing import Literal

import numpy as np

from minunet.array import Array
from minunet.errors import InputError

Name = Literal["cpu", "cuda"]
Wanted = Literal["auto", "cpu", "cuda"]


def choose(wanted: Wanted) -> tuple[Name, str]:
    """Choose the device to run on, and say why.

    Parameters
    ----------
    wanted : {"auto", "cpu", "cuda"}     auto: a GPU if there is one

    Returns
    -------
    name : {"cpu", "cuda"}
    reason : str                         one clear line for the user

    Raises
    ------
    InputError
        If "cuda" is wanted and cannot be had: the message says what to install.
    """
    if wanted == "cpu":
        return "cpu", "NumPy on the CPU"
    missing = _missing()
    if missing is None:
        import cupy

        model = cupy.cuda.runtime.getDeviceProperties(0)["name"].decode()
        return "cuda", f"CuPy {cupy.__version__} on {model}"
    if wanted == "cuda":
        raise InputError(f"device cuda cannot be had: {missing}; --device cpu needs neither")
    return "cpu", f"NumPy on the CPU ({missing})"


def _missing() -> str | None:
    """Say what a GPU run lacks; None if nothing."""
    try:
        import cupy
    except ImportError:
        return "CuPy is not installed: pip install cupy-cuda12x"
    try:
        found = cupy.cuda.runtime.getDeviceCount() > 0
    except cupy.cuda.runtime.CUDARuntimeError:
        found = False
    return None if found else "no CUDA GPU or driver was found: install the NVIDIA driver"


def to_device(tensors: dict[str, Array], name: Name) -> dict[str, Array]:
    """Copy a dict of host arrays to the device (the dict itself on the CPU)."""
    if name == "cpu":
        return tensors
    import cupy

    return {key: cupy.asarray(array) for key, array in tensors.items()}


def to_host(array: Array) -> Array:
    """Copy an array to the host, wherever it lives (the array itself on the CPU)."""
    return array if isinstance(array, np.ndarray) else array.get()
