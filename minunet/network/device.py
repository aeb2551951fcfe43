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


def of(array: Array) -> Name:
    """Return the device of an array."""
    return "cpu" if isinstance(array, np.ndarray) else "cuda"


def to_device(tensors: dict[str, Array], name: Name) -> dict[str, Array]:
    """Copy a dict of host arrays to the device; on the CPU, return the dict itself.

    Raises
    ------
    InputError
        If the memory of the GPU is not enough.
    """
    if name == "cpu":
        return tensors
    import cupy

    try:
        return {key: cupy.asarray(array) for key, array in tensors.items()}
    except (MemoryError, RuntimeError) as error:
        if not is_out_of_memory(error):
            raise
        size = sum(array.nbytes for array in tensors.values()) / 1e6
        raise InputError(
            f"the GPU does not have enough memory for {size:.0f} MB of parameters; free some of "
            "it, or use the device cpu"
        ) from None


def memory() -> tuple[int, int]:
    """Return the GPU memory that the arrays of this process can use, and that of the card.

    Both are in bytes. Memory that is free, or in CuPy's pool, can be used, up to the limit that
    CuPy's variable CUPY_GPU_MEMORY_LIMIT sets.
    """
    import cupy

    free, total = cupy.cuda.Device().mem_info
    pool = cupy.get_default_memory_pool()
    usable = free + pool.total_bytes()
    return min(usable, pool.get_limit() or usable), total


def is_out_of_memory(error: BaseException) -> bool:
    """Return whether an error of CuPy says that the memory of the GPU is not enough."""
    ours = type(error).__module__.split(".")[0] in ("cupy", "cupy_backends")
    return ours and (isinstance(error, MemoryError) or any(word in str(error) for word in FULL))


FULL = ("cudaErrorMemoryAllocation", "CUDA_ERROR_OUT_OF_MEMORY", "CUBLAS_STATUS_ALLOC_FAILED")
"""Names of errors of CUDA and its libraries, if CuPy's pool is not the one to run out of memory."""


def to_host(array: Array) -> Array:
    """Copy an array from its device to the host; return a host array unchanged."""
    return array if isinstance(array, np.ndarray) else array.get()
