"""Compute y += a · b in BLAS, without a temporary array for the product.

NumPy's `matmul` can write a product to an array but cannot add it. BLAS can (β = 1 in C ← AB + βC),
which saves memory traffic where nine taps are added to one map. SciPy exports the address of its
`sgemm` for compiled code (`scipy.linalg.cython_blas`); this module calls it through `ctypes`, which
releases Python's global interpreter lock, so that other threads keep running.
"""

import ctypes
from collections.abc import Callable
from functools import cache
from typing import Any

from minunet.array import Array

FLOAT = 4  # bytes of a float32, the only dtype supported here


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
    return ctypes.pointer(ctypes.c_int(value))


ONE = ctypes.pointer(ctypes.c_float(1))


def _operand(a: Array) -> tuple[bytes, Any]:
    """Return the transpose flag of `a` for BLAS, and its leading dimension.

    If the rows of `a` are contiguous, the flag is N and the leading dimension is the distance
    between rows, in elements. If its columns are, the flag is T and the distance is that between
    columns. The stride of an axis of length 1 is ignored, since NumPy may set it freely.
    """
    (m, n), (rows, columns) = a.shape, (stride // FLOAT for stride in a.strides)
    if (columns == 1 or n == 1) and (rows >= n or m == 1):
        return b"N", _int(max(rows, n))
    if (rows == 1 or m == 1) and (columns >= m or n == 1):
        return b"T", _int(max(columns, m))
    raise ValueError(
        f"BLAS cannot read a matrix of shape {a.shape} with strides {a.strides}; "
        "make it contiguous first"
    )


def _address(a: Array) -> int:
    return a.__array_interface__["data"][0]


def add_product(y: Array, a: Array, b: Array) -> None:
    """Add a matrix product to a matrix, in place.

        y += a · b

    In Fortran, columns are contiguous, so BLAS reads each of these matrices as its transpose and
    computes yᵀ += bᵀ · aᵀ.

    Parameters
    ----------
    y : (M, N)    float32, with contiguous rows
    a : (M, K)    float32, with contiguous rows or, as in `.T`, contiguous columns
    b : (K, N)    like `a`
    """
    (m, k), n = a.shape, b.shape[1]
    transpose_a, step_a = _operand(a)
    transpose_b, step_b = _operand(b)
    _, step_y = _operand(y)
    _sgemm()(
        transpose_b,
        transpose_a,
        _int(n),
        _int(m),
        _int(k),
        ONE,
        _address(b),
        step_b,
        _address(a),
        step_a,
        ONE,
        _address(y),
        step_y,
    )
