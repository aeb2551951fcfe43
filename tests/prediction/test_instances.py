"""Cells of a probability map are separated and numbered, and get their borders back."""

from functools import partial

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from real_data import folder
from scipy import ndimage

from minunet.data import ctc, image_files
from minunet.data.weight_map import separate
from minunet.errors import InputError
from minunet.prediction import instances


def drawn(*rows):
    """Read a map of cells: a digit is the number of a cell, a dot is background."""
    return np.array([[0 if c == "." else int(c) for c in row.replace(" ", "")] for row in rows])


def probability(cells):
    """Make a probability map that misses only the borders between touching cells."""
    return np.where(separate(cells) > 0, np.float32(0.9), np.float32(0.2))


def jaccard(truth, found):
    """Return the IoU of every true cell with the found cell that covers more than half of it."""
    pixels = np.zeros((truth.max() + 1, found.max() + 1), int)
    np.add.at(pixels, (truth, found), 1)
    whole = pixels.sum(axis=1)
    union = whole[:, np.newaxis] + pixels.sum(axis=0) - pixels
    matched = 2 * pixels > whole[:, np.newaxis]
    scores = np.where(matched, pixels / np.maximum(union, 1), 0)[:, 1:].sum(axis=1)
    return scores[1:][whole[1:] > 0]


# Components


def test_components_by_hand():
    # 0.5 is not cell; diagonal neighbours are two cells; holes are not filled; 2 pixels are too
    # few. Cell 1 comes first in raster order because its top row is above that of cell 2.
    p = np.array(
        [
            [0.0, 0.0, 0.0, 0.0, 0.6, 0.9, 0.0, 0.0],
            [0.0, 0.7, 0.8, 0.5, 0.0, 0.9, 0.0, 1.0],
            [0.0, 0.7, 0.2, 0.7, 0.0, 0.9, 0.0, 1.0],
            [0.0, 0.7, 0.7, 0.7, 0.0, 0.9, 0.0, 0.0],
            [0.0, 0.0, 0.0, 0.0, 0.9, 0.0, 0.0, 0.0],
        ]
    )
    expected = drawn("....11..", ".22..1..", ".2.2.1..", ".222.1..", "........")
    cells = instances.from_probability(p, smallest=3, border=0)
    np.testing.assert_array_equal(cells, expected)
    assert cells.dtype == np.uint16
    at_most_two = drawn("....11..", ".22..1.3", ".2.2.1.3", ".222.1..", "........")
    np.testing.assert_array_equal(instances.from_probability(p, 0.5, 2, 0), at_most_two)


def test_threshold():
    p = np.array([[0.1, 0.3, 0.3, 0.1, 0.8]])
    for threshold, expected in ((0.05, "11111"), (0.2, ".11.2"), (0.3, "....1"), (0.8, ".....")):
        cells = instances.from_probability(p, threshold, smallest=1, border=0)
        np.testing.assert_array_equal(cells, drawn(expected))


def test_defaults():
    # 0.51 is cell, 0.5 is not; specks of four pixels are dropped, specks of five are kept; the
    # border is given back.
    p = np.array(
        [
            [0.9, 0.9, 0.9, 0.5, 0.5, 0.9, 0.9, 0.9, 0.0, 0.0, 0.0],
            [0.9, 0.9, 0.9, 0.5, 0.5, 0.9, 0.9, 0.9, 0.0, 0.9, 0.9],
            [0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.9, 0.9],
            [0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0],
            [0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0],
            [0.51, 0.51, 0.51, 0.51, 0.51, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0],
        ]
    )
    expected = drawn("11112222...", "11112222...", *["." * 11] * 3, "33333......")
    np.testing.assert_array_equal(instances.from_probability(p), expected)


def test_diagonal_neighbours_are_one_cell_if_8_are_connected():
    p = np.array([[0.9, 0.1, 0.1, 0.9], [0.1, 0.9, 0.1, 0.9], [0.1, 0.1, 0.1, 0.1]])
    find = partial(instances.from_probability, p, smallest=1, border=0)
    np.testing.assert_array_equal(find(), drawn("1..2", ".3.2", "...."))
    np.testing.assert_array_equal(find(connectivity=4), drawn("1..2", ".3.2", "...."))
    np.testing.assert_array_equal(find(connectivity=8), drawn("1..2", ".1.2", "...."))


FOUR = [(1, 0), (-1, 0), (0, 1), (0, -1)]
EIGHT = [*FOUR, (1, 1), (1, -1), (-1, 1), (-1, -1)]


def flood(foreground, neighbours):
    """Find connected components in raster order, pixel by pixel."""
    cells, count = np.zeros(foreground.shape, int), 0
    for start in np.argwhere(foreground):
        if cells[tuple(start)]:
            continue
        count, to_do = count + 1, [tuple(start)]
        while to_do:
            r, c = to_do.pop()
            inside = 0 <= r < cells.shape[0] and 0 <= c < cells.shape[1]
            if inside and foreground[r, c] and not cells[r, c]:
                cells[r, c] = count
                to_do += [(r + down, c + right) for down, right in neighbours]
    return cells


@given(
    height=st.integers(1, 14),
    wider=st.integers(1, 9),
    smallest=st.integers(1, 9),
    eight=st.booleans(),
    seed=st.integers(0, 99),
)
@settings(deadline=None)
def test_components_against_flooding(height, wider, smallest, eight, seed):
    p = np.random.default_rng(seed).random((height, height + wider))
    cells = flood(p > 0.45, EIGHT if eight else FOUR)
    few = np.flatnonzero(np.bincount(cells.ravel()) < smallest)
    cells = np.where(np.isin(cells, few), 0, cells)
    expected = np.searchsorted(np.unique([0, *cells.ravel()]), cells)
    p.flags.writeable = False
    found = instances.from_probability(p, 0.45, smallest, 0, connectivity=8 if eight else 4)
    np.testing.assert_array_equal(found, expected)


@pytest.mark.parametrize("connectivity", [4, 8])
def test_components_against_scikit_image(connectivity):
    measure = pytest.importorskip("skimage.measure")
    noise = np.random.default_rng(0).standard_normal((120, 171))
    p = ndimage.gaussian_filter(noise, 0.8) + 0.5
    found = instances.from_probability(p, smallest=1, border=0, connectivity=connectivity)
    np.testing.assert_array_equal(found, measure.label(p > 0.5, connectivity=connectivity // 4))
    assert found.max() > 10


@pytest.mark.parametrize("p", [np.zeros((3, 5)), np.full((3, 5), 0.4)])
def test_no_cell(p):
    cells = instances.from_probability(p)
    np.testing.assert_array_equal(cells, np.zeros(p.shape, np.uint16))
    assert cells.dtype == np.uint16


def test_more_cells_than_a_mask_can_number_are_refused():
    p = np.zeros((510, 516))
    p[::2, :514:2] = 1  # 255 rows of 257: 65535 cells
    cells = instances.from_probability(p, smallest=1, border=0)
    assert cells[0, 0] == 1
    assert cells[508, 512] == 65535
    p[7, 515] = 1
    with pytest.raises(InputError, match="65536 cells of at least 1 pixels") as refused:
        instances.from_probability(p, smallest=1)
    assert "\n" not in str(refused.value)
    assert instances.from_probability(p, smallest=2).max() == 0


# The border given back


@pytest.mark.parametrize(
    ("border", "before", "after"),
    [
        (1, "11..22", "111222"),
        (1, "11.22", "11.22"),  # separation removes two pixels, so this one was background before
        (1, "11...22", "11...22"),
        (1, ".11..2.", ".11122."),  # cells do not grow outwards
        (1, "11..11", "11..11"),  # an indentation within one cell stays open
        (0, "11..22", "11..22"),
        (2, "11....22", "11112222"),
        (2, "11..22", "111222"),
        (2, "11.22", "11.22"),
        (2, "11.....22", "11.....22"),
    ],
)
@pytest.mark.parametrize("turn", [0, 1])
def test_gaps_by_hand(border, before, after, turn):
    cells, expected = (np.rot90(drawn(row, row, row), turn) for row in (before, after))
    found = instances.give_back(cells, border)
    np.testing.assert_array_equal(found, expected)
    assert found.dtype == cells.dtype


def test_gaps_end_where_the_cells_end():
    before = drawn("........", ".11..22.", ".11..22.", "........", "........", "........")
    after = drawn("........", ".111222.", ".111222.", "........", "........", "........")
    np.testing.assert_array_equal(instances.give_back(before, 1), after)


def test_four_cells_round_a_corner():
    before = drawn("11..22", "11..22", "......", "......", "33..44", "33..44")
    after = drawn("111222", "111222", "111222", "333444", "333444", "333444")
    np.testing.assert_array_equal(instances.give_back(before, 1), after)


def test_a_bay_of_one_cell_far_from_others_stays_open():
    cells = drawn("111111.....2", "11..11.....2", "11..11.....2", "111111.....2")
    np.testing.assert_array_equal(instances.give_back(cells, 1), cells)


def test_numbers_are_in_raster_order_with_the_border():
    # The bottom left cell comes last, but with its border it comes before the one on the right.
    p = drawn("9..", "...", "..9", "9.9") / 10
    for border, expected in (
        (0, drawn("1..", "...", "..2", "3.2")),
        (1, drawn("1..", "1..", "2.3", "2.3")),
    ):
        found = instances.from_probability(p, smallest=1, border=border)
        np.testing.assert_array_equal(found, expected)


@pytest.mark.parametrize(
    ("dtype", "large"), [(np.uint8, 255), (np.uint16, 65535), (np.int64, 2**31 - 2)]
)
def test_large_cell_numbers_and_dtypes_are_kept(dtype, large):
    cells = drawn("11..22", "11..22")
    before, after = (
        np.where(m == 2, large, np.where(m == 1, large - 1, 0)).astype(dtype)
        for m in (cells, drawn("111222", "111222"))
    )
    found = instances.give_back(before, 1)
    assert found.dtype == dtype
    np.testing.assert_array_equal(found, after)


def around(r, c, reach):
    span = range(-reach, reach + 1)
    return [(r + i, c + j) for i in span for j in span]


def is_gap(cells, r, c, border):
    """Return whether a pixel is given back, according to the docstring of `give_back`."""
    numbers = {tuple(q): cells[tuple(q)] for q in np.argwhere(cells)}  # no cells beyond the image
    # A closing fills a pixel if every window that contains it contains a cell.
    closed = all(
        any(q in numbers for q in around(*centre, border)) for centre in around(r, c, border)
    )
    far, near = ({numbers.get(q, 0) for q in around(r, c, n)} - {0} for n in (2 * border, 1))
    return (r, c) not in numbers and closed and len(far) > 1 and len(near) < 2


@given(
    height=st.integers(4, 9), wider=st.integers(1, 4), border=st.integers(0, 2), seed=st.integers()
)
@settings(deadline=None, max_examples=60)
def test_gaps_against_their_definition(height, wider, border, seed):
    rng = np.random.default_rng(abs(seed))
    smooth = ndimage.gaussian_filter(rng.standard_normal((height, height + wider)), 0.8)
    cells, _ = ndimage.label(smooth > rng.choice([-0.1, 0.1]))
    found = instances.give_back(cells, border)
    places = np.argwhere(cells > 0)
    for r, c in np.ndindex(cells.shape):
        if not is_gap(cells, r, c, border):
            assert found[r, c] == cells[r, c]
            continue
        squared = np.sum((places - (r, c)) ** 2, axis=1)
        nearest = places[squared == squared.min()]
        assert found[r, c] in cells[tuple(nearest.T)]


# Round trips


@given(
    rows=st.lists(st.integers(3, 7), min_size=1, max_size=4),
    columns=st.lists(st.integers(3, 9), min_size=1, max_size=4),
    margin=st.integers(0, 3),
)
@settings(deadline=None)
def test_touching_bricks_are_restored_exactly(rows, columns, margin):
    # Every cell touches its neighbours, and four meet at corners, with or without background
    # around them.
    number = np.arange(1, len(rows) * len(columns) + 1).reshape(len(rows), -1)
    cells = np.pad(np.repeat(np.repeat(number, rows, axis=0), columns, axis=1), margin)
    p = probability(cells)
    found = instances.from_probability(p, smallest=1)
    np.testing.assert_array_equal(found, cells)
    without = instances.from_probability(p, smallest=1, border=0)
    np.testing.assert_array_equal(without, separate(cells))


def test_cells_that_do_not_touch_are_restored_exactly():
    # There are one or more pixels of background between the cells.
    rows, columns = np.indices((60, 91))
    cells = np.zeros((60, 91), int)
    for k, (r, c, radius) in enumerate([(20, 15, 9), (20, 35, 9), (41, 40, 9), (44, 70, 12)], 1):
        cells[(rows - r) ** 2 + (columns - c) ** 2 <= radius**2] = k
    np.testing.assert_array_equal(separate(cells), cells)
    np.testing.assert_array_equal(instances.from_probability(probability(cells)), cells)


def test_touching_discs_are_restored_and_still_touch():
    # Measured: 0.970 and 0.962 without the border, 0.994 and 0.991 with it.
    rows, columns = np.indices((50, 71))
    cells = ((rows - 25) ** 2 + (columns - 22) ** 2 <= 16**2).astype(int)
    cells[(cells == 0) & ((rows - 24) ** 2 + (columns - 48) ** 2 <= 15**2)] = 2
    with_border, without = (
        instances.from_probability(probability(cells), border=border) for border in (1, 0)
    )
    assert with_border.max() == without.max() == 2
    assert (jaccard(cells, with_border) > 0.99).all()
    assert (jaccard(cells, without) < 0.99).all()
    grown = ndimage.binary_dilation(with_border == 1)
    assert np.sum(grown & (with_border == 2)) > 10


def touching(cells):
    return np.isin(np.unique(cells[cells > 0]), cells[separate(cells) != cells])


def test_real_nuclei_are_restored():
    # 807 of the 2456 nuclei touch others.
    masks = image_files.read(folder("nuclei-dsb2018") / "masks")
    scores = {0: [], 1: []}
    touches = []
    for mask in masks:
        cells = mask[..., 0].astype(int)
        touches.append(touching(cells))
        for border, each in scores.items():
            each.append(
                jaccard(cells, instances.from_probability(probability(cells), border=border))
            )
    touches = np.concatenate(touches)
    without, with_border = (np.concatenate(each) for each in scores.values())
    assert (touches.size, touches.sum()) == (2456, 807)
    assert with_border.mean() > 0.99  # measured: 0.9939, and 0.9764 without
    assert with_border[touches].mean() > 0.98  # measured: 0.9867, and 0.928 without
    assert without[touches].mean() < 0.94
    assert with_border.min() > 0.5  # none lost


def test_real_hela_cells_are_restored():
    frames = ctc.read(folder("DIC-C2DH-HeLa"), "gold")
    for cells in frames.instances:
        found = instances.from_probability(probability(cells), smallest=500)
        scores = jaccard(cells, found)
        assert found.max() == scores.size
        assert scores.min() > 0.99  # measured: 0.995, and 0.982 without the border
