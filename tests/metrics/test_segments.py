"""Regions and the table of two segmentations match hand-computed values and loops over pixels."""

from collections import Counter

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from minunet.metrics import segments


@st.composite
def two_maps(draw):
    """Draw two label maps of the same non-square shape, with background in both."""
    height, width = draw(
        st.tuples(st.integers(1, 7), st.integers(1, 9)).filter(lambda s: s[0] != s[1])
    )
    rng = np.random.default_rng(draw(st.integers(0, 2**32 - 1)))
    highest = draw(st.tuples(st.integers(0, 5), st.integers(0, 5)))
    return tuple(rng.integers(0, n + 1, (height, width)) for n in highest)


def test_components_by_hand():
    cells = np.array([[1, 1, 0, 1, 0], [0, 1, 0, 1, 0], [0, 0, 1, 0, 1]], bool)
    numbers = segments.components(cells)
    # Pixels that touch only at a corner are not connected.
    np.testing.assert_array_equal(numbers, [[1, 1, 0, 2, 0], [0, 1, 0, 2, 0], [0, 0, 3, 0, 4]])
    assert numbers.dtype == np.int32
    np.testing.assert_array_equal(segments.components(cells * 255), numbers)


@pytest.mark.parametrize("density", [0.0, 0.3, 0.6, 0.9, 1.0])
def test_components_against_scikit_image(density):
    measure = pytest.importorskip("skimage.measure")
    cells = np.random.default_rng(0).random((61, 47)) < density
    np.testing.assert_array_equal(segments.components(cells), measure.label(cells, connectivity=1))


@given(two_maps())
def test_pieces_against_scikit_image(maps):
    measure = pytest.importorskip("skimage.measure")
    numbered = maps[0] * 1000
    found = segments.pieces(numbered)
    # scikit-image labels regions of equal values, and its numbers are in raster order as well.
    np.testing.assert_array_equal(found, measure.label(numbered, connectivity=1))
    assert found.dtype == np.int32


def test_contingency_by_hand():
    truth = np.array([[1, 1, 0], [1, 2, 2]], np.uint8)
    proposal = np.array([[0, 3, 3], [3, 3, 1]], np.int32)
    table = segments.contingency(truth, proposal)
    np.testing.assert_array_equal(table.truth, [0, 1, 1, 2, 2])
    np.testing.assert_array_equal(table.proposal, [3, 0, 3, 1, 3])
    np.testing.assert_array_equal(table.pixels, [1, 1, 2, 1, 1])
    assert all(column.dtype == np.int64 for column in table)


@given(two_maps())
def test_contingency_against_a_loop(maps):
    truth, proposal = maps
    expected = Counter(zip(truth.ravel().tolist(), proposal.ravel().tolist(), strict=True))
    table = segments.contingency(truth, proposal)
    entries = list(zip(table.truth.tolist(), table.proposal.tolist(), strict=True))
    assert entries == sorted(expected)
    assert table.pixels.tolist() == [expected[entry] for entry in entries]


def test_unsigned_numbers_of_64_bits_stay_integers():
    table = segments.contingency(np.array([[1, 1]], np.int32), np.array([[2, 3]], np.uint64))
    assert [column.dtype for column in table] == [np.int64] * 3


def test_large_numbers_do_not_wrap_around():
    truth = np.array([[2**16 - 1, 2**16 - 1, 7]], np.uint16)
    proposal = np.array([[2**31 - 1, 0, 2**31 - 1]], np.int32)
    table = segments.contingency(truth, proposal)
    assert [column.tolist() for column in table] == [
        [7, 2**16 - 1, 2**16 - 1],
        [2**31 - 1, 0, 2**31 - 1],
        [1, 1, 1],
    ]
    # Numbers need not be consecutive, and gaps take no space in the table.
    assert segments.sizes(table).truth.tolist() == [1, 2, 2]
    table = segments.contingency(
        np.array([[2**64 - 1, 0, 2**40]], np.uint64), np.array([[2**63 - 1, 2**62, 3]])
    )
    assert [column.tolist() for column in table] == [
        [0, 2**40, 2**64 - 1],
        [2**62, 3, 2**63 - 1],
        [1, 1, 1],
    ]


def test_sizes_by_hand():
    truth = np.array([[1, 1, 1, 1, 2, 0, 0]])
    proposal = np.array([[5, 5, 0, 0, 5, 5, 4]])
    sizes = segments.sizes(segments.contingency(truth, proposal))
    # Cell 1 has two single pixels and two pixels in segment 5; cell 2 has one pixel. Segment 5 has
    # three pixels inside true cells: two in one cell and one in the other.
    np.testing.assert_array_equal(sizes.pixels, [2, 2, 1])
    np.testing.assert_array_equal(sizes.truth, [4, 4, 1])
    np.testing.assert_array_equal(sizes.proposal, [1, 3, 3])
    np.testing.assert_array_equal(sizes.both, [1, 2, 1])
    assert all(column.dtype == np.int64 for column in sizes)


@given(two_maps())
def test_sizes_against_a_loop_over_pixels(maps):
    truth, proposal = (labels.ravel() for labels in maps)
    expected = Counter()
    for t, p in zip(truth, proposal, strict=True):
        if t:
            same, cells = truth == t, truth > 0
            b = np.sum((proposal == p) & cells) if p else 1
            n = np.sum((proposal == p) & same) if p else 1
            expected[int(same.sum()), int(b), int(n)] += 1
    found = Counter()
    sizes = segments.sizes(segments.contingency(*maps))
    for pixels, *group in zip(*(column.tolist() for column in sizes), strict=True):
        found[tuple(group)] += pixels
    assert found == expected


def test_the_arguments_are_not_modified():
    truth, proposal = np.random.default_rng(0).integers(0, 4, (2, 5, 7))
    for array in (truth, proposal):
        array.flags.writeable = False
    table = segments.contingency(truth, proposal)
    for column in table:
        column.flags.writeable = False
    segments.sizes(table)
    segments.components(truth)


def test_numbers_whose_product_does_not_fit_into_64_bits():
    truth, proposal = np.array([[0, 2**40, 2**40]]), np.array([[2**40 + 1, 0, 2**40 + 1]])
    table = segments.contingency(truth, proposal)
    found = [tuple(map(int, entry)) for entry in zip(*table, strict=True)]
    assert found == [(0, 2**40 + 1, 1), (2**40, 0, 1), (2**40, 2**40 + 1, 1)]
