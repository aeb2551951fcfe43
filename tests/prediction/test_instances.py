"""Cells of a probability map are found, grown, filled and numbered."""

import dataclasses

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
from minunet.prediction.instances import Rule
from minunet.runs.settings import from_options


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
    # 0.5 is not cell; diagonal neighbours are two cells; a gap that is open at a corner is not a
    # hole; 2 pixels are too few. Cell 1 comes first in raster order: its top row is the higher one.
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
    cells = Rule(smallest=3).cells(p)
    np.testing.assert_array_equal(cells, expected)
    assert cells.dtype == np.uint16
    at_most_two = drawn("....11..", ".22..1.3", ".2.2.1.3", ".222.1..", "........")
    np.testing.assert_array_equal(Rule(smallest=2).cells(p), at_most_two)


def test_threshold():
    p = np.array([[0.1, 0.3, 0.3, 0.1, 0.8]])
    for threshold, expected in ((0.05, "11111"), (0.2, ".11.2"), (0.3, "....1"), (0.8, ".....")):
        cells = Rule(threshold, smallest=1).cells(p)
        np.testing.assert_array_equal(cells, drawn(expected))


def test_defaults():
    # 0.51 is cell, 0.5 is not; specks of four pixels are dropped, specks of five are kept; cells do
    # not grow.
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
    expected = drawn("111..222...", "111..222...", *["." * 11] * 3, "33333......")
    np.testing.assert_array_equal(Rule().cells(p), expected)


def test_diagonal_neighbours_are_one_cell_if_8_are_connected():
    p = np.array([[0.9, 0.1, 0.1, 0.9], [0.1, 0.9, 0.1, 0.9], [0.1, 0.1, 0.1, 0.1]])
    for connectivity, expected in (
        (4, drawn("1..2", ".3.2", "....")),
        (8, drawn("1..2", ".1.2", "....")),
    ):
        rule = Rule(smallest=1, connectivity=connectivity)
        np.testing.assert_array_equal(rule.cells(p), expected)
    assert Rule().connectivity == 4


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
    found = Rule(0.45, None, smallest, 8 if eight else 4).seeds(p)
    np.testing.assert_array_equal(instances.in_order(found, smallest), expected)


@pytest.mark.parametrize("connectivity", [4, 8])
def test_components_against_scikit_image(connectivity):
    measure = pytest.importorskip("skimage.measure")
    noise = np.random.default_rng(0).standard_normal((120, 171))
    p = ndimage.gaussian_filter(noise, 0.8) + 0.5
    rule = Rule(smallest=1, connectivity=connectivity)
    found = instances.in_order(rule.seeds(p), 1)
    np.testing.assert_array_equal(found, measure.label(p > 0.5, connectivity=connectivity // 4))
    assert found.max() > 10


@pytest.mark.parametrize("p", [np.zeros((3, 5)), np.full((3, 5), 0.4), np.zeros((1, 1))])
def test_no_cell(p):
    cells = Rule(extent=0.1).cells(p)
    np.testing.assert_array_equal(cells, np.zeros(p.shape, np.uint16))
    assert cells.dtype == np.uint16


def test_more_cells_than_a_mask_can_number_are_refused():
    p = np.zeros((510, 516))
    p[::2, :514:2] = 1  # 255 rows of 257: 65535 cells
    cells = Rule(smallest=1).cells(p)
    assert cells[0, 0] == 1
    assert cells[508, 512] == 65535
    p[7, 515] = 1
    with pytest.raises(InputError, match="65536 cells of at least 1 pixels") as refused:
        Rule(smallest=1).cells(p)
    assert "\n" not in str(refused.value)
    assert Rule(smallest=2).cells(p).max() == 0


# Growth

CROSS, SQUARE = ndimage.generate_binary_structure(2, 1), np.ones((3, 3), bool)


def grown(seeds, extent, neighbours=CROSS):
    seeds, extent = drawn(*seeds), drawn(*extent) > 0
    return instances.grow(seeds, extent, neighbours)


def test_every_pixel_goes_to_the_seed_with_the_shortest_way():
    found = grown(["1.......2"], ["111111111"])
    assert found.tolist() in ([[1] * 5 + [2] * 4], [[1] * 4 + [2] * 5])
    np.testing.assert_array_equal(grown(["1...2"], ["11.11"]), drawn("11.22"))


def test_what_no_seed_reaches_is_background():
    found = grown(["1....", ".....", "....."], ["11.11", "....1", "11..."])
    np.testing.assert_array_equal(found, drawn("11...", ".....", "....."))


def test_a_pixel_beside_another_seed_goes_to_the_seed_that_reaches_it():
    # The right end of the first row is next to cell 2 across a gap, but only cell 1 leads there.
    found = grown(["1......", ".......", "......2"], ["1111111", ".......", "......1"])
    np.testing.assert_array_equal(found, drawn("1111111", ".......", "......2"))


def test_seeds_do_not_change():
    seeds = drawn("12.3", "1..3")
    before = seeds.copy()
    touching = drawn("12", "34")
    np.testing.assert_array_equal(instances.grow(touching, touching > 0, SQUARE), touching)
    found = instances.grow(seeds, np.ones((2, 4), bool), CROSS)
    np.testing.assert_array_equal(seeds, before)
    np.testing.assert_array_equal(found[seeds > 0], seeds[seeds > 0])
    assert found.all()


@pytest.mark.parametrize("order", ["C", "F"])
def test_the_order_in_memory_does_not_matter(order):
    p = np.asarray(np.random.default_rng(0).random((9, 14), np.float32), order=order)
    cells = Rule(0.7, 0.3, 1).cells(p)
    np.testing.assert_array_equal(cells, Rule(0.7, 0.3, 1).cells(p.copy("C")))
    seeds, extent = np.asarray(p > 0.8, np.int32, order=order), np.asarray(p > 0.3, order=order)
    found = instances.grow(seeds, extent, CROSS)
    expected = ndimage.binary_propagation(seeds > 0, CROSS, extent)
    np.testing.assert_array_equal(found, expected)


def test_growth_takes_diagonal_steps_only_if_8_are_connected():
    seeds, extent = ["1...", "....", "...."], ["1...", ".1..", "..11"]
    np.testing.assert_array_equal(grown(seeds, extent), drawn(*seeds))
    expected = drawn("1...", ".1..", "..11")
    np.testing.assert_array_equal(grown(seeds, extent, SQUARE), expected)


def steps_to(seeds, extent, number, neighbours):
    """Count the steps from a seed to every pixel, by dilation; inf where there is no way."""
    distance, reached = np.full(seeds.shape, np.inf), seeds == number
    distance[reached] = 0
    for step in range(1, seeds.size):
        reached = ndimage.binary_dilation(reached, neighbours) & extent & (seeds == 0) | reached
        distance[reached & np.isinf(distance)] = step
    return distance


@given(
    height=st.integers(1, 9), wider=st.integers(1, 9), eight=st.booleans(), seed=st.integers(0, 999)
)
@settings(deadline=None, max_examples=60)
def test_growth_against_its_definition(height, wider, eight, seed):
    rng, neighbours = np.random.default_rng(seed), SQUARE if eight else CROSS
    p = ndimage.gaussian_filter(rng.random((height, height + wider)), 0.6)
    low, high = np.quantile(p, rng.choice([0.1, 0.4])), np.quantile(p, 0.85)
    seeds, count = ndimage.label(p > high, neighbours)
    found = instances.grow(seeds, p > low, neighbours)
    distances = np.array([steps_to(seeds, p > low, k, neighbours) for k in range(1, count + 1)])
    if not count:
        assert not found.any()
        return
    reached = np.isfinite(distances.min(axis=0))
    np.testing.assert_array_equal(found > 0, reached)
    own = np.take_along_axis(distances, np.maximum(found - 1, 0)[np.newaxis], 0)[0]
    np.testing.assert_array_equal(own[reached], distances.min(axis=0)[reached])
    for k in range(1, count + 1):  # so every cell is one piece
        assert ndimage.label(found == k, neighbours)[1] == 1


def test_growth_against_the_watershed_of_scikit_image():
    segmentation = pytest.importorskip("skimage.segmentation")
    noise = np.random.default_rng(0).standard_normal((120, 171))
    p = ndimage.gaussian_filter(noise, 3) * 10
    seeds, count = ndimage.label(p > 0.9)
    found = instances.grow(seeds, p > -0.2, CROSS)
    watershed = segmentation.watershed(np.zeros_like(p), seeds, mask=p > -0.2)
    assert count > 10
    np.testing.assert_array_equal(found > 0, watershed > 0)
    assert np.mean(found != watershed) < 0.02  # only ties differ; measured: 0.004


def test_cells_grow_down_to_the_extent():
    p = np.array([[0.4, 0.6, 0.9, 0.6, 0.4, 0.3, 0.5, 0.95, 0.2, 0.6]])
    for extent, expected in (
        (None, "..1....2.."),
        (0.9, "..1....2.."),  # seeds are above 0.8, so nothing grows
        (0.5, ".111...2.."),
        (0.4, ".111..22.."),
        (0.3, "11111.22.."),  # 0.3 itself is outside, and the last pixel has no seed
        (0.1, "1111122222"),
    ):
        found = Rule(0.8, extent, 1).cells(p)
        np.testing.assert_array_equal(found, drawn(expected))


def test_the_minimum_size_is_that_of_seeds():
    p = np.array([[0.9, 0.9, 0.5, 0.1, 0.9, 0.5, 0.5, 0.5]])
    np.testing.assert_array_equal(Rule(0.8, 0.4, 2).cells(p), drawn("111....."))


def test_a_dropped_seed_leaves_its_pixels_to_others():
    p = np.array([[0.9, 0.9, 0.5, 0.9, 0.5]])
    np.testing.assert_array_equal(Rule(0.8, 0.4, 2).cells(p), drawn("11111"))


# Holes


@pytest.mark.parametrize(
    ("before", "after"),
    [
        (["111", "1.1", "111"], ["111", "111", "111"]),
        (["1111", "1..1", "1.11", "1111"], ["1111", "1111", "1111", "1111"]),
        (["11.", "1.1", "111"], ["11.", "1.1", "111"]),  # open at a corner
        (["1.1", "1.1", "111"], ["1.1", "1.1", "111"]),  # open at the edge of the image
        (["1111", "1.21", "1111"], ["1111", "1.21", "1111"]),  # between two cells
        (["11111", "1...1", "1.2.1", "1...1", "11111"],) * 2,  # around another cell
        (["111333", "1.13.3", "111333"], ["111333", "111333", "111333"]),
        (["...", ".1.", "..."], ["...", ".1.", "..."]),
        (["....."], ["....."]),
    ],
)
@pytest.mark.parametrize("turn", [0, 1])
@pytest.mark.parametrize("dtype", [np.int32, np.uint16, np.int64])
def test_holes_by_hand(before, after, turn, dtype):
    cells, expected = (np.rot90(drawn(*rows), turn).astype(dtype) for rows in (before, after))
    found = instances.fill_holes(cells)
    np.testing.assert_array_equal(found, expected)
    assert found.dtype == dtype


def test_the_largest_number_can_be_filled():
    cells = drawn("111", "1.1", "111").astype(np.uint16) * 65535
    assert (instances.fill_holes(cells) == 65535).all()


@given(height=st.integers(1, 12), wider=st.integers(0, 9), seed=st.integers(0, 999))
@settings(deadline=None)
def test_holes_of_a_single_cell_against_scipy(height, wider, seed):
    cell = np.random.default_rng(seed).random((height, height + wider)) > 0.4
    expected = ndimage.binary_fill_holes(cell, SQUARE)
    np.testing.assert_array_equal(instances.fill_holes(cell.astype(np.int32)), expected)


def test_holes_are_filled_after_cells_have_grown():
    p = np.full((7, 9), 0.1)
    p[1:6, 1:6] = 0.5
    p[1:6, 1] = 0.9
    p[3, 3] = 0.0
    expected = drawn("." * 9, *[".11111..."] * 5, "." * 9)
    np.testing.assert_array_equal(Rule(0.8, 0.4, 1).cells(p), expected)


# Numbers and rules


def test_numbers_are_in_raster_order_of_the_grown_cells():
    # The bottom left cell comes last, but once it has grown, it comes before the one on the right.
    p = drawn("9..", "...", "5..", "5.9", "9.9") / 10
    np.testing.assert_array_equal(
        Rule(0.8, None, 1).cells(p), drawn("1..", *["..."] * 2, "..2", "3.2")
    )
    expected = drawn("1..", "...", "2..", "2.3", "2.3")
    np.testing.assert_array_equal(Rule(0.8, 0.4, 1).cells(p), expected)


def test_numbers_with_gaps_are_closed():
    cells = drawn("9.4", "..4", "1.7")
    found = instances.in_order(cells, 1)
    np.testing.assert_array_equal(found, drawn("1.2", "..2", "3.4"))
    assert found.dtype == np.uint16


def test_a_rule_is_scaled_by_area():
    rule = Rule(0.7, 0.3, 5, 8)
    assert rule.scaled(4) == rule._replace(smallest=20)
    assert rule.scaled(0.25).smallest == 1
    assert rule.scaled(0.01).smallest == 1
    assert rule.scaled(1) == rule


@pytest.mark.parametrize(
    ("changed", "expected"),
    [
        ({}, Rule(0.5, None, 5, 4)),
        ({"smallest": 7, "connectivity": 8}, Rule(0.5, None, 7, 8)),
        ({"threshold": 0.0, "extent": 0.0}, Rule(0.0, 0.0, 5, 4)),
        ({"threshold": 0.8, "extent": 0.2, "smallest_chosen": 40}, Rule(0.8, 0.2, 40, 4)),
        ({"threshold": 0.8, "smallest": 3, "smallest_chosen": 40}, Rule(0.8, None, 3, 4)),
    ],
)
def test_the_rule_of_settings(changed, expected):
    assert instances.rule(dataclasses.replace(from_options(), **changed)) == expected


# Round trips


@given(
    rows=st.lists(st.integers(4, 7), min_size=1, max_size=4),
    columns=st.lists(st.integers(4, 9), min_size=1, max_size=4),
)
@settings(deadline=None)
def test_touching_bricks_are_restored_exactly(rows, columns):
    # Every cell touches its neighbours, and four meet at corners. Each lost one pixel, so that the
    # gaps, which are two pixels wide, are halved.
    number = np.arange(1, len(rows) * len(columns) + 1).reshape(len(rows), -1)
    cells = np.repeat(np.repeat(number, rows, axis=0), columns, axis=1)
    np.testing.assert_array_equal(Rule(0.8, 0.1, 1, 8).cells(probability(cells)), cells)
    np.testing.assert_array_equal(Rule(0.8, None, 1).cells(probability(cells)), separate(cells))


def test_cells_that_do_not_touch_are_restored_exactly():
    # There are one or more pixels of background between the cells.
    rows, columns = np.indices((60, 91))
    cells = np.zeros((60, 91), int)
    for k, (r, c, radius) in enumerate([(20, 15, 9), (20, 35, 9), (41, 40, 9), (44, 70, 12)], 1):
        cells[(rows - r) ** 2 + (columns - c) ** 2 <= radius**2] = k
    np.testing.assert_array_equal(separate(cells), cells)
    np.testing.assert_array_equal(Rule(extent=0.3).cells(probability(cells)), cells)


def shaded(cells):
    """Make a probability map with a fainter rim, like that of a network: lower near other cells."""
    return np.where(cells > 0, np.where(separate(cells) > 0, 0.9, 0.45), 0.1)


def test_real_nuclei_are_restored():
    scores = {0.3: [], None: []}
    for mask in image_files.read(folder("nuclei-dsb2018") / "masks")[:30]:
        cells = mask[..., 0].astype(int)
        for extent, each in scores.items():
            each.append(jaccard(cells, Rule(0.8, extent, 1).cells(shaded(cells))))
    grown, plain = (np.concatenate(each) for each in scores.values())
    assert grown.mean() > 0.99
    assert plain.mean() < 0.98


def test_real_hela_cells_are_restored():
    frames = ctc.read(folder("DIC-C2DH-HeLa"), "gold")
    for cells in frames.instances:
        scores = jaccard(cells, Rule(0.8, 0.3, 500).cells(shaded(cells)))
        assert scores.size == np.unique(cells[cells > 0]).size
        assert scores.min() > 0.99


@pytest.mark.parametrize(("smallest", "words"), [(1, "1 pixel or more"), (2, "2 pixels or more")])
def test_the_minimum_size_in_words(smallest, words):
    said = Rule(0.8, 0.4, smallest).in_words()
    assert said == f"threshold 0.8, cells grown to 0.4, seeds of {words}"
