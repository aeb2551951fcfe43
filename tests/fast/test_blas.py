"""The in-place sum with a matrix product matches hand-computed values and NumPy."""

import numpy as np
import pytest
from fast_checks import assert_equal_up_to_rounding, doubled
from hypothesis import given
from hypothesis import strategies as st
from numpy.lib.stride_tricks import as_strided

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


def test_add_product_reads_transposed_windows_of_larger_arrays():
    rng = np.random.default_rng(0)
    y, a, b = (rng.standard_normal((9, 11)).astype(np.float32) for _ in range(3))
    exact_y, exact_a, exact_b = doubled([y, a, b])
    add_product(y[:3, :7], a[2:7, 8:].T, b[1:8, 3:8].T)
    expected = exact_y[:3, :7] + exact_a[2:7, 8:].T @ exact_b[1:8, 3:8].T
    assert_equal_up_to_rounding(y[:3, :7], expected, ROUNDING)


def test_the_numbers_of_a_single_row_may_be_apart():
    y, a, b = (
        np.array(rows, np.float32) for rows in ([[1]], [[1, 9, 2, 9, 3]], [[1], [10], [100]])
    )
    add_product(y, a[:, ::2], b)
    np.testing.assert_array_equal(y, [[1 + 1 + 20 + 300]])


def test_a_matrix_without_contiguous_rows_or_columns_is_refused():
    y, a, b = (np.zeros(s, np.float32) for s in ((3, 4), (3, 10), (5, 4)))
    with pytest.raises(ValueError, match="BLAS cannot read"):
        add_product(y, a[:, ::2], b)


# What BLAS would misread


def matrices(m=3, k=5, n=4):
    rng = np.random.default_rng(0)
    return tuple(rng.standard_normal(s).astype(np.float32) for s in ((m, n), (m, k), (k, n)))


def refused(y, a, b, error=ValueError):
    """Check that the product raises an error and changes nothing."""
    before = y.copy()
    with pytest.raises(error):
        add_product(y, a, b)
    np.testing.assert_array_equal(y, before)


@pytest.mark.parametrize("dtype", ["f8", "f2", "i4", "u4", "c8", ">f4", "V4", "S4", "O"])
@pytest.mark.parametrize("which", range(3))
def test_another_dtype_is_refused(which, dtype):
    arrays = [*matrices()]
    arrays[which] = np.ones(arrays[which].shape, np.float32).astype(dtype)
    refused(*arrays, error=TypeError)


@pytest.mark.parametrize(
    ("y", "a", "b"),
    [
        ((3, 4), (3, 5), (6, 4)),
        ((3, 4), (3, 5), (4, 4)),
        ((3, 3), (3, 5), (5, 4)),
        ((3, 5), (3, 5), (5, 4)),
        ((2, 4), (3, 5), (5, 4)),
        ((4, 4), (3, 5), (5, 4)),
        ((12,), (3, 5), (5, 4)),
        ((3, 4), (3, 5, 1), (5, 4)),
        ((3, 4), (3, 5), (5, 4, 1)),
        ((1, 3, 4), (3, 5), (5, 4)),
        ((0, 4), (3, 5), (5, 4)),
    ],
)
def test_shapes_that_do_not_match_are_refused(y, a, b):
    refused(*(np.ones(shape, np.float32) for shape in (y, a, b)))


VIEWS = {
    "reversed rows": lambda a: a[::-1],
    "reversed columns": lambda a: a[:, ::-1],
    "reversed": lambda a: a[::-1, ::-1],
    "reversed transpose": lambda a: np.ascontiguousarray(a.T).T[:, ::-1],
    "every other column": lambda a: np.repeat(a, 2, axis=1)[:, ::2],
    "every other row of a transpose": lambda a: as_strided(a, a.shape, (8, 8 * a.shape[0])),
    "repeated row": lambda a: np.broadcast_to(a[:1], a.shape),
    "repeated column": lambda a: np.broadcast_to(a[:, :1], a.shape),
    "one number": lambda a: np.broadcast_to(a[0, 0], a.shape),
    "overlapping rows": lambda a: as_strided(a, a.shape, (4, 4)),
    "rows one number too close": lambda a: as_strided(a, a.shape, (4 * a.shape[1] - 4, 4)),
    "columns one number too close": lambda a: as_strided(a, a.shape, (4, 4 * a.shape[0] - 4)),
    "rows at odd bytes": lambda a: as_strided(a, a.shape, (4 * a.shape[1] + 2, 4)),
    "columns at odd bytes": lambda a: as_strided(a, a.shape, (4, 4 * a.shape[0] + 1)),
    "columns 5 bytes apart": lambda a: as_strided(a, a.shape, (5 * a.shape[1], 5)),
}
"""Views of a matrix with strides that BLAS cannot express."""


@pytest.mark.parametrize("name", VIEWS)
@pytest.mark.parametrize("which", range(3))
def test_strides_that_blas_cannot_express_are_refused(which, name):
    arrays = [*matrices()]
    memory = np.zeros(100, np.float32)  # so that no view ends outside of its memory
    array = memory[: arrays[which].size].reshape(arrays[which].shape)
    arrays[which] = VIEWS[name](array)
    with pytest.raises(ValueError, match=r"BLAS cannot read|read-only"):
        add_product(*arrays)
    assert not memory.any()


def test_the_sum_needs_contiguous_rows():
    y, a, b = matrices()
    refused(np.asfortranarray(y), a, b)


def test_a_read_only_sum_is_refused():
    y, a, b = matrices()
    y.flags.writeable = False
    refused(y, a, b)


def test_factors_may_be_read_only():
    y, a, b = matrices()
    expected = y + a @ b
    a.flags.writeable = b.flags.writeable = False
    add_product(y, a, b)
    assert_equal_up_to_rounding(y, expected, ROUNDING)


def test_an_array_at_an_odd_address_is_refused():
    y, a, b = matrices()
    odd = np.zeros(4 * a.size + 1, np.uint8)[1:].view(np.float32).reshape(a.shape)
    refused(y, odd, b, error=TypeError)


@pytest.mark.parametrize("which", [1, 2])
def test_a_sum_that_is_also_a_factor_is_refused(which):
    arrays = [*matrices(4, 4, 4)]
    arrays[which] = arrays[0].T
    refused(*arrays)
    memory = np.zeros((7, 4), np.float32)
    arrays[0], arrays[which] = memory[:4], memory[3:]
    refused(*arrays)
    arrays[0], arrays[which] = memory[:3], memory[3:]
    arrays[1], arrays[2] = (memory[3:6], arrays[2]) if which == 1 else (arrays[1][:3], memory[3:])
    add_product(*arrays)


@pytest.mark.parametrize("sizes", [(0, 5, 4), (3, 0, 4), (3, 5, 0), (0, 0, 0)])
def test_empty_matrices_add_nothing(sizes, capfd):
    y, a, b = matrices(*sizes)
    before = y.copy()
    add_product(y, a, b)
    np.testing.assert_array_equal(y, before)
    assert capfd.readouterr() == ("", "")  # BLAS itself would print that an argument is illegal


@pytest.mark.parametrize("which", range(3))
def test_a_matrix_with_one_row_or_column_may_have_any_stride(which):
    for sizes in ((1, 5, 4), (3, 1, 4), (3, 5, 1), (1, 1, 4), (3, 1, 1), (1, 1, 1)):
        arrays = [*matrices(*sizes)]
        expected = arrays[0] + arrays[1] @ arrays[2]
        array = arrays[which]
        strides = [4 * array.shape[1], 4]
        for axis in (0, 1):
            if array.shape[axis] == 1:
                strides[axis] = -3  # never used to find an element
        arrays[which] = as_strided(array, array.shape, strides)
        add_product(*arrays)
        assert_equal_up_to_rounding(arrays[0], expected, ROUNDING)


def test_a_distance_between_rows_that_exceeds_32_bits_is_refused():
    memory = np.zeros(27, np.float32)
    y, a, b = memory[:12].reshape(3, 4), memory[12:].reshape(3, 5), matrices()[2]
    far = as_strided(a, a.shape, (4 * 2**31, 4))  # behind y; refused before it is read
    with pytest.raises(ValueError, match="32 bits"):
        add_product(y, far, b)
