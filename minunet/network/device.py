"""The choice of NumPy or CuPy; the only file that imports CuPy.

The parameters are copied to the device once; each tile is copied to it with
``np.asarray(tile, like=parameter)``. Every op then runs on the device of its arguments.
"""

from typing import Literal, get_args

import numpy as np

from minunet.array import Array
from minunet.errors import InputError, reason

Name = Literal["cpu", "cuda"]
Wanted = Literal["auto", "cpu", "cuda"]

CUPY = "'cupy-cuda12x[ctk]', or 'cupy-cuda13x[ctk]' for CUDA 13"
"""Packages to install; `ctk` adds the CUDA libraries, which the driver does not contain."""

OLDEST = 14
"""Minimum major version of CuPy: the first whose dtypes follow NumPy 2."""


def choose(wanted: Wanted) -> tuple[Name, str]:
    """Choose the device to run on, and explain the choice.

    Parameters
    ----------
    wanted : {"auto", "cpu", "cuda"}     auto: a GPU if there is one, else the CPU

    Returns
    -------
    name : {"cpu", "cuda"}
    reason : str                         one line to print

    Raises
    ------
    InputError
        If the device is unknown, or if CUDA is requested but not available. The message then says
        what to install.
    """
    if wanted not in get_args(Wanted):
        raise InputError(f"device is {wanted!r}; it must be 'auto', 'cpu' or 'cuda'")
    if wanted == "cpu":
        return "cpu", "NumPy on the CPU"
    try:
        missing = _missing()
        if missing is None:
            import cupy

            model = cupy.cuda.runtime.getDeviceProperties(0)["name"].decode()
            return "cuda", f"CuPy {cupy.__version__} on {model}"
    except Exception as error:  # a driver or a library that does not fit can raise anything
        missing = f"CuPy cannot use the GPU: {reason(error, 200)} (pip install --upgrade {CUPY})"
    if wanted == "cuda":
        raise InputError(f"CUDA is not available: {missing}; use the device cpu")
    return "cpu", f"NumPy on the CPU: {missing}"


def _missing() -> str | None:
    """Return why CUDA cannot be used, and what to install; None if CUDA can be used."""
    try:
        import cupy
    except ModuleNotFoundError as error:
        if error.name != "cupy":
            raise
        return f"CuPy is not installed (pip install {CUPY})"
    if int(cupy.__version__.split(".")[0]) < OLDEST:
        return f"CuPy {cupy.__version__} is too old (pip install --upgrade {CUPY})"
    try:
        found = cupy.cuda.runtime.getDeviceCount() > 0
    except cupy.cuda.runtime.CUDARuntimeError:
        found = False
    if not found:
        return "no CUDA GPU or driver was found (install the NVIDIA driver)"
    ones = cupy.ones((2, 2), np.float32)
    float((ones @ ones)[0, 0])  # without the CUDA libraries, CuPy fails only here
    return None


def to_device(tensors: dict[str, Array], name: Name) -> dict[str, Array]:
    """Copy a dict of host arrays to the device; on the CPU, return the dict itself."""
    if name == "cpu":
        return tensors
    import cupy

    return {key: cupy.asarray(array) for key, array in tensors.items()}


def to_host(array: Array) -> Array:
    """Copy an array from its device to the host; return a host array unchanged."""
    return array if isinstance(array, np.ndarray) else array.get()
