"""Compute y += a · b in BLAS, without a temporary array for the product.

NumPy's `matmul` can write a product to an array but cannot add it. BLAS can (β = 1 in C ← AB + βC),
which saves memory traffic where nine taps are added to one map. SciPy exports the address of its
`sgemm` for compiled code (`scipy.linalg.cython_blas`); this module calls it through `ctypes`, which
releases Python's global interpreter lock, so that other threads keep running.
"""

import ctypes
from collections.abc import Callable
from functools import cache, lru_cache
from typing import Any

import numpy as np

from minunet.array import Array

FLOAT = 4
"""Size of a float32, the only dtype supported here, in bytes."""

TYPE = np.dtype(np.float32).str
"""Float32 in the byte order of this machine, as `__array_interface__` names it."""


@cache
def _sgemm() -> Callable[..., None]:
    """Return SciPy's `sgemm`; as in Fortran, every argument is passed by address."""
    from scipy.linalg import cython_blas

    capsule = cython_blas.__pyx_capi__["sgemm"]
    name, address = ctypes.pythonapi.PyCapsule_GetName, ctypes.pythonapi.PyCapsule_GetPointer
    name.restype, name.argtypes = ctypes.c_char_p, [ctypes.py_object]
    address.restype, address.argtypes = ctypes.c_void_p, [ctypes.py_object, ctypes.c_char_p]
    return ctypes.CFUNCTYPE(None, *[ctypes.c_void_p] * 13)(address(capsule, name(capsule)))


@cache
def _int(value: int) -> Any:
    if value >= 2**31:
        raise ValueError(f"BLAS counts in 32 bits, which {value} exceeds")
    return ctypes.pointer(ctypes.c_int(value))


ONE = ctypes.pointer(ctypes.c_float(1))


@lru_cache(1024)
def _layout(shape: tuple[int, int], strides: tuple[int, int]) -> tuple[bytes, Any]:
    """Return the transpose flag of a matrix for BLAS, and its leading dimension.

    If its rows are contiguous, the flag is N and the leading dimension is the distance between
    rows, in elements. If its columns are, the flag is T and the distance is that between columns.
    The stride of an axis of length 1 is ignored, since NumPy may set it freely.
    """
    (m, n), (rows, columns) = shape, strides
    if (columns == FLOAT or n == 1) and (m == 1 or (rows >= n * FLOAT and rows % FLOAT == 0)):
        return b"N", _int(rows // FLOAT if m > 1 else n)
    if (rows == FLOAT or m == 1) and columns >= m * FLOAT and columns % FLOAT == 0:
        return b"T", _int(columns // FLOAT)
    raise ValueError(
        f"BLAS cannot read a matrix of shape {shape} with strides {strides}; "
        "make it contiguous first"
    )


def _address(a: Array, writeable: bool = False) -> int:
    """Return the address of an array, after checking its dtype, its alignment and its flags."""
    about = a.__array_interface__
    address, readonly = about["data"]
    if about["typestr"] != TYPE or address % FLOAT:
        raise TypeError(f"BLAS needs aligned float32 arrays; this one is {a.dtype}")
    if writeable and readonly:
        raise ValueError("the sum is a read-only array")
    return address


def add_product(y: Array, a: Array, b: Array) -> None:
    """Add a matrix product to a matrix, in place.

        y += a · b

    In Fortran, columns are contiguous, so BLAS reads each of these matrices as its transpose and
    computes yᵀ += bᵀ · aᵀ.

    Parameters
    ----------
    y : (M, N)    float32, with contiguous rows; shares no memory with `a` and `b`
    a : (M, K)    float32, with contiguous rows or, as in `.T`, contiguous columns
    b : (K, N)    like `a`

    Raises
    ------
    TypeError, ValueError
        If BLAS would read or write anything but these matrices: it checks nothing itself.
    """
    (m, k), n = a.shape, b.shape[1]
    if y.shape != (m, n) or b.shape != (k, n):
        raise ValueError(f"shapes do not match: {y.shape} += {a.shape} · {b.shape}")
    at_y, at_a, at_b = _address(y, writeable=True), _address(a), _address(b)
    if np.may_share_memory(y, a) or np.may_share_memory(y, b):
        raise ValueError("the sum shares memory with a factor")
    if not m * k * n:
        return
    transpose_a, step_a = _layout(a.shape, a.strides)
    transpose_b, step_b = _layout(b.shape, b.strides)
    transpose_y, step_y = _layout(y.shape, y.strides)
    if transpose_y != b"N":
        raise ValueError("the rows of the sum are not contiguous")
    _sgemm()(
        transpose_b,
        transpose_a,
        _int(n),
        _int(m),
        _int(k),
        ONE,
        at_b,
        step_b,
        at_a,
        step_a,
        ONE,
        at_y,
        step_y,
    )
