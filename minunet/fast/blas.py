"""y += a · b as BLAS does it, without the product in between.

NumPy's `matmul` can write a product but not add it to what is there; BLAS can (β = 1 in
C ← AB + βC), and nine taps that add to one map are where that counts. SciPy hands out the address
of its `sgemm` for other compilers to call (`scipy.linalg.cython_blas`); through `ctypes` it is
called here. Meanwhile the interpreter's lock is free, so that other threads go on.
"""

import ctypes
from collections.abc import Callable
from functools import cache
from typing import Any

from minunet.array import Array

FLOAT = 4  # bytes of the only dtype here


@cache
def _sgemm() -> Callable[..., None]:
    """SciPy's single-precision matrix product, with the arguments of Fortran: all by address."""
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
    """Whether BLAS is to transpose `a`, and the distance of its rows (columns if so).

    NumPy leaves the stride of an axis with one element open, so those do not count.
    """
    (m, n), (rows, columns) = a.shape, (stride // FLOAT for stride in a.strides)
    if (columns == 1 or n == 1) and (rows >= n or m == 1):
        return b"N", _int(max(rows, n))
    if (rows == 1 or m == 1) and (columns >= m or n == 1):
        return b"T", _int(max(columns, m))
    raise ValueError(f"BLAS cannot read a matrix {a.shape} with strides {a.strides}")


def _address(a: Array) -> int:
    return a.__array_interface__["data"][0]


def add_product(y: Array, a: Array, b: Array) -> None:
    """Add a matrix product to a matrix, in place.

        y += a · b

    To Fortran, whose columns are contiguous, every matrix here looks transposed: so it is asked
    for yᵀ += bᵀ · aᵀ.

    Parameters
    ----------
    y : (M, N)    float32; the elements of a row contiguous
    a : (M, K)    float32; the elements of a row, or those of a column (`.T`), contiguous
    b : (K, N)    likewise
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
