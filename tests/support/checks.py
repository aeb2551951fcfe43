"""Helpers for the tests of all ops: shapes and values to draw, and checks of results."""

import itertools
import tracemalloc
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import numpy as np
import pytest
from hypothesis import strategies as st

SEEDS = st.integers(0, 2**32 - 1)

EXACT = 1e-10  # measured: 1e-14 against a naive logarithm, 5e-15 against everything else
ADJOINT = 1e-14  # measured: 9e-17; a wrong adjoint is off by 1e-2 and more
# `check_gradients` allows 1e-6 by default; measured: 5e-8 for the energy, 3e-8 elsewhere.

PRECISIONS = pytest.mark.parametrize("dtype", [np.float32, np.float64])


def sizes(n: int) -> st.SearchStrategy[tuple[int, ...]]:
    """Draw n small, distinct sizes."""
    return st.sampled_from(list(itertools.permutations(range(1, 8), n)))


def separated(rng: np.random.Generator, shape: tuple[int, ...]) -> np.ndarray:
    """Shuffle values 0.1 apart and at least 0.05 from 0, so that no step crosses a kink."""
    values = np.arange(np.prod(shape)) - np.prod(shape) // 2 + 0.5
    return rng.permutation(values * 0.1).reshape(shape)


def assert_close(actual: np.ndarray, expected: np.ndarray, tolerance: float = EXACT) -> None:
    """Check the largest difference of two equally shaped arrays, relative to the largest value."""
    assert actual.shape == expected.shape
    error = np.max(np.abs(actual - expected))
    largest = np.max(np.abs(expected))
    assert error <= tolerance * largest, f"relative error {error / largest:.1e}"


class Precise(np.ndarray):
    """An array that must keep its float type, even in intermediate results."""

    def __array_finalize__(self, parent: Any) -> None:
        """Check each array that NumPy makes from a `Precise` one."""
        if isinstance(parent, Precise) and self.dtype.kind == parent.dtype.kind == "f":
            assert self.dtype == parent.dtype, f"{parent.dtype} became {self.dtype}"


@contextmanager
def untouched(*arrays: np.ndarray) -> Iterator[list[np.ndarray]]:
    """Provide read-only, `Precise` views of arrays; check that the arrays have not changed."""
    copies = [array.copy() for array in arrays]
    lent = [array.view(Precise) for array in arrays]
    for array in lent:
        array.flags.writeable = False
    yield lent
    for array, copy in zip(arrays, copies, strict=True):
        np.testing.assert_array_equal(array, copy)


def assert_like(result: np.ndarray, argument: np.ndarray) -> None:
    """Check that a gradient has its argument's shape and dtype."""
    assert result.shape == argument.shape
    assert result.dtype == argument.dtype


def extra_memory(call: Callable[[], Any]) -> int:
    """Measure the peak memory of a call in bytes, without the arrays it returns."""
    tracemalloc.start()
    try:
        results = call()
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    results = results if isinstance(results, tuple) else (results,)
    return peak - sum(result.nbytes for result in results)
