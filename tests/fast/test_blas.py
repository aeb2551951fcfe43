"""The in-place sum with a matrix product matches hand-computed values and NumPy."""

import numpy as np
import pytest
from fast_checks import assert_equal_up_to_rounding, doubled
from hypothesis import given
from hypothesis import strategies as st

from minunet.fast.blas import add_product

SIZES = st.integers(1, 9)
ROUNDING = 4e-6  # measured: 7e-7 of the largest entry


def test_add_product_by_hand():
    y = np.array([[100, 200, 300]], np.float32)
    a = np.array([[1, 2]], np.float32)
    b = np.array([[1, 0, 3], [10, 20, 0]], np.float32)
    add_product(y, a, b)
    np.testing.assert_array_equal(y, [[121, 240, 303]])


@given(m=SIZES, k=SIZES, n=SIZES, turned=st.tuples(st.booleans(), st.booleans()))
def test_add_product_matches_numpy_for_any_transposition(m, k, n, turned):
    rng = np.random.default_rng(0)
    y, a, b = (rng.standard_normal(s).astype(np.float32) for s in ((m, n), (m, k), (k, n)))
    exact_y, exact_a, exact_b = doubled([y, a, b])
    a, b = (array.T.copy().T if t else array for array, t in zip((a, b), turned, strict=True))
    add_product(y, a, b)
    assert_equal_up_to_rounding(y, exact_y + exact_a @ exact_b, ROUNDING)


def test_add_product_reads_and_writes_windows_of_larger_arrays():
    rng = np.random.default_rng(0)
    y, a, b = (rng.standard_normal((9, 11)).astype(np.float32) for _ in range(3))
    before, (exact_y, exact_a, exact_b) = y.copy(), doubled([y, a, b])
    add_product(y[1:4, 2:9], a[::2, 3:8][:3], b[2:7, 4:])
    expected = exact_y[1:4, 2:9] + exact_a[::2, 3:8][:3] @ exact_b[2:7, 4:]
    assert_equal_up_to_rounding(y[1:4, 2:9], expected, ROUNDING)
    y[1:4, 2:9] = before[1:4, 2:9]
    np.testing.assert_array_equal(y, before)  # nothing is written around the window


def test_a_matrix_without_contiguous_rows_or_columns_is_refused():
    y, a, b = (np.zeros(s, np.float32) for s in ((3, 4), (3, 10), (5, 4)))
    with pytest.raises(ValueError, match="BLAS cannot read"):
        add_product(y, a[:, ::2], b)
