"""The warping error matches hand-computed values and a search written out step by step."""

import numpy as np
import pytest
import tifffile
from hypothesis import given
from hypothesis import strategies as st
from real_data import DATA
from scipy import ndimage

from minunet.metrics import warping
from minunet.metrics.warping import Kind

THRESHOLDS = np.arange(10) / 10


def cells(rows):
    """Read a map: # is membrane, anything else is a cell."""
    return np.array([[pixel != "#" for pixel in row] for row in rows.split()])


def wrong(truth, answer):
    """Count the errors of a binary answer by kind; leave out kinds that do not occur."""
    result = warping.errors(cells(truth), cells(answer).astype(float), 0.5)
    counts = {name: count for name, count in result._asdict().items() if count}
    assert result.mismatches == sum(counts.values())
    return counts


TWO_CELLS = """
    ...#...
    ...#...
    ...#...
    ...#...
    ...#..."""
ONE_CELL = TWO_CELLS.replace("#", ".")


def test_a_perfect_answer():
    assert wrong(TWO_CELLS, TWO_CELLS) == {}


@pytest.mark.parametrize("first, last", [(1, 2), (2, 3), (1, 4), (0, 1), (0, 5)])
def test_each_pixel_of_a_gap_in_a_thin_wall_merges(first, last):
    # Without any one of these pixels the two cells would touch, so none can be flipped.
    rows = TWO_CELLS.split()
    rows[first:last] = ["......."] * (last - first)
    assert wrong(TWO_CELLS, " ".join(rows)) == {"mergers": last - first}


def test_a_gap_in_a_thick_wall_counts_by_its_length():
    # The true wall can be thinned to one pixel along the gap, so 3 of 6 pixels remain.
    truth = TWO_CELLS.replace("...#", "..##")
    answer = "..##... ....... ....... ....... ..##..."
    assert wrong(truth, answer) == {"mergers": 3}


def test_a_wall_through_a_cell_counts_by_its_thickness_not_its_length():
    # Membrane can grow into the cell from the edge, until one row connects the halves.
    assert wrong(ONE_CELL, TWO_CELLS) == {"splits": 1}
    assert wrong(ONE_CELL, TWO_CELLS.replace(".#.", "###")) == {"splits": 3}


@pytest.mark.parametrize(
    "answer",
    [
        "..#.... ..#.... ..#.... ..#.... ..#....",  # displaced
        "..####. ..####. ..####. ..####. ..####.",  # thicker
        "..#.... ..#.... ...#... ....#.. ....#..",  # crooked
    ],
)
def test_a_displaced_or_thicker_wall_costs_nothing(answer):
    assert wrong(TWO_CELLS, answer) == {}
    assert wrong(answer, TWO_CELLS) == {}


def test_beyond_the_edge_counts_as_membrane():
    assert wrong(".....", "..#..") == {"splits": 1}
    assert wrong("..#..", ".....") == {"mergers": 1}
    assert wrong("#####", "..#..") == {"objects_added": 4}
    # A cell may retreat from the edge or grow up to it.
    assert wrong(".... .... ....", ".... .... .##.") == {}
    assert wrong(".... .... .##.", ".... .... ....") == {}


def test_the_search_is_greedy():
    # The wall first moves to the left in rows 0 and 3. In rows 1 and 2, the last bridge of one cell
    # is then to its left and the other cell to its right.
    answer = "..#.... .#..... .#..... ..#.... ...#..."
    assert count_pieces(cells(answer)) == count_pieces(cells(TWO_CELLS))
    assert wrong(TWO_CELLS, answer) == {"mergers": 2, "splits": 1}


NOTHING = "##### ##### ##### #####"
DOT = "##### ##.## ##### #####"
BLOCK = "##### #..## #..## #####"


def test_isolated_cells():
    assert wrong(NOTHING, DOT) == {"objects_added": 1}
    # No pixel of the block can be flipped first, so all of them count.
    assert wrong(NOTHING, BLOCK) == {"objects_added": 4}
    assert wrong(DOT, NOTHING) == {"objects_deleted": 1}
    assert wrong(BLOCK, NOTHING) == {"objects_deleted": 1}  # shrinks to one pixel


def test_holes():
    hole = "..... ..#.. ..... ....."
    wide = "..... .##.. .##.. ....."
    whole = hole.replace("#", ".")
    assert wrong(whole, hole) == {"holes_added": 1}
    assert wrong(whole, wide) == {"holes_added": 4}
    assert wrong(hole, whole) == {"holes_deleted": 1}
    assert wrong(wide, whole) == {"holes_deleted": 1}


def test_a_ring_that_opens_or_closes():
    ring = "####### #.....# #.###.# #.....# #######"
    open_ring = "####### #.....# #.###.# #..#..# #######"
    assert wrong(open_ring, ring) == {"holes_added": 1}
    assert wrong(ring, open_ring) == {"holes_deleted": 1}


@pytest.mark.parametrize(
    "before, after, expected",
    [(20, 20, "holes_deleted"), (21, 20, "splits"), (20, 21, "splits"), (40, 2, "splits")],
)
@pytest.mark.parametrize("transposed", [False, True])
def test_a_detour_is_found_only_within_20_pixels(before, after, expected, transposed):
    truth = np.ones((3, before + 1 + after), bool)
    truth[1, 1:-1] = False
    answer = truth.copy()
    answer[0, before] = False
    if transposed:
        truth, answer = truth.T, answer.T
    result = warping.errors(truth, answer.astype(float), 0.5)
    assert (getattr(result, expected), result.mismatches) == (1, 1)


def test_a_pixel_touching_a_cell_at_a_corner():
    # Two cells are among the eight neighbours; one of them touches the pixel only at a corner.
    truth = "##### ##.## #..## ###.# #####"
    assert wrong(truth, "##### ##.## #.### ###.# #####") == {"splits": 1}
    # A pixel is not its own neighbour: around the dot are membrane and one cell, in one piece.
    truth = "##### ##### ##.## ###.# #####"
    assert wrong(truth, "##### ##### ##### ###.# #####") == {"holes_deleted": 1}


def test_one_membrane_pixel_among_the_eight_neighbours():
    # Warping never leaves such a pixel, because it is simple; the definition still covers it.
    warped, predicted = cells("..... .#... ..... ....."), cells("..... .#... ..#.. .....")
    assert warping.classify(warped, predicted)[2, 2] == Kind.HOLE_DELETED
    warped, predicted = cells("..... .#... ..#.. ....."), cells("..... .#... ..... .....")
    assert warping.classify(warped, predicted)[2, 2] == Kind.HOLE_ADDED


def remaining(probability, threshold):
    """Return the rows in which the wall in the middle column is missing after warping."""
    truth = np.ones_like(probability, bool)
    warped = warping.warp(truth, probability, threshold)
    assert warped[:, :3].all() and warped[:, 4:].all()
    return np.flatnonzero(warped[:, 3]).tolist()


def test_the_most_certain_pixels_are_flipped_first():
    probability = np.ones((5, 7))
    probability[:, 3] = 0.1
    assert remaining(probability, 0.5) == [4]  # down the column, because all are equal
    # Rows 0, 1, 4 and then 2 are flipped. Row 3 was still inside the cell at its turn.
    probability[2, 3] = 0.4
    assert remaining(probability, 0.5) == [3]


def test_distances_are_compared_in_single_precision():
    # In double precision row 0 would be flipped last, and row 3 would remain.
    probability = np.ones((5, 7))
    probability[:, 3] = 0
    probability[0, 3] = 1e-9
    assert remaining(probability, 0.9) == [4]
    probability[0, 3] = 1e-6
    assert remaining(probability, 0.9) == [3]


def test_the_threshold_is_compared_in_double_precision():
    tenth = np.float32(0.1)  # is 0.100000001
    assert warping.proposed_cells(np.array([[tenth]]), 0.1).tolist() == [[True]]
    assert warping.proposed_cells(np.array([[0.1]]), 0.1).tolist() == [[False]]
    wall = np.array([[1, tenth, 1]], np.float32)
    assert warping.errors(np.ones((1, 3)), wall, 0.1).mismatches == 0


def crossings(patch):
    """Count crossings (Yokoi et al. 1975) around a pixel; it is simple where there is one."""
    ring = patch[[1, 0, 0, 0, 1, 2, 2, 2], [2, 2, 1, 0, 0, 0, 1, 2]].astype(int)
    return sum(ring[k] * (1 - ring[k + 1] * ring[(k + 2) % 8]) for k in (0, 2, 4, 6))


def count_pieces(image):
    """Count the cells and the pieces of membrane; beyond the edge is membrane."""
    image = np.pad(image, 1)
    return ndimage.label(image)[1], ndimage.label(~image, np.ones((3, 3)))[1]


def search(truth, probability, threshold):
    """Search step by step, as described; return the pixels in the order of their flips."""
    height, width = truth.shape
    source = np.pad(truth > 0, 1)
    target = np.pad(probability, 1, constant_values=-1) > threshold
    flips, before = [], None
    while True:
        differ = [
            (y, x)
            for x in range(width)
            for y in range(height)
            if source[y + 1, x + 1] != target[y + 1, x + 1]
        ]
        if len(differ) == before:
            return flips
        before = len(differ)
        differ.sort(key=lambda at: -np.float32(abs(probability[at] - threshold)))
        for y, x in differ:
            if crossings(source[y : y + 3, x : x + 3]) == 1:
                source[y + 1, x + 1] ^= True
                flips.append((y, x))


def draw(seed, shape, blur):
    """Draw cells and a shifted, blurred and noisy answer, often with repeated values."""
    rng = np.random.default_rng(seed)
    truth = ndimage.gaussian_filter(rng.normal(size=shape), blur) < 0.1
    answer = ndimage.gaussian_filter(np.roll(truth, 1, axis=1).astype(float), blur)
    answer = np.clip(answer + rng.choice([0, 0.2]) * rng.normal(size=shape), 0, 1)
    return truth, rng.choice([answer, answer.round(1), answer * 1e-8])


shapes = st.tuples(st.integers(1, 14), st.integers(1, 14))
seeds = st.integers(0, 2**32 - 1)
blurs = st.sampled_from([0, 0.7, 1.5])
thresholds = st.sampled_from(THRESHOLDS)


@given(shapes, seeds, blurs, thresholds)
def test_against_a_step_by_step_search(shape, seed, blur, threshold):
    truth, probability = draw(seed, shape, blur)
    expected = truth.copy()
    for y, x in search(truth, probability, threshold):
        expected[y, x] ^= True
        assert count_pieces(expected) == count_pieces(truth)  # after every single flip
    np.testing.assert_array_equal(warping.warp(truth, probability, threshold), expected)


@given(shapes, seeds, blurs, thresholds)
def test_the_warped_truth_has_the_topology_of_the_truth(shape, seed, blur, threshold):
    truth, probability = draw(seed, shape, blur)
    warped = warping.warp(truth, probability, threshold)
    assert count_pieces(warped) == count_pieces(truth)
    # Pixels are flipped only towards the answer.
    answer = probability > threshold
    np.testing.assert_array_equal(warped[truth == answer], truth[truth == answer])


def kind(warped, y, x):
    """Classify the flip of one pixel by the definition, with freshly computed labels."""

    def around(image, y, x):
        labels, _ = ndimage.label(image)
        labels = np.pad(labels, 1, constant_values=-1)[y : y + 3, x : x + 3]
        ids = np.delete(labels.ravel(), 4)
        return set(ids[ids >= 0].tolist())

    white, ids = warped[y, x], around(warped, y, x)
    if not ids - {0}:
        return Kind.OBJECT_DELETED if white else Kind.OBJECT_ADDED
    if len(ids - {0}) > 1:
        return Kind.SPLIT if white else Kind.MERGER
    if 0 not in ids:
        return Kind.HOLE_ADDED if white else Kind.HOLE_DELETED
    if not white:
        return Kind.HOLE_ADDED
    window = np.pad(warped, 20)[y : y + 41, x : x + 41].copy()
    window[20, 20] = False
    return Kind.SPLIT if len(around(window, 20, 20)) > 2 else Kind.HOLE_DELETED


def check_kinds(truth, probability, threshold):
    warped = warping.warp(truth, probability, threshold)
    answer = probability > threshold
    kinds = warping.classify(warped, answer)
    assert kinds.dtype == np.uint8
    np.testing.assert_array_equal(kinds != Kind.NONE, warped != answer)
    for y, x in zip(*np.nonzero(kinds), strict=True):
        assert kinds[y, x] == kind(warped, y, x)
    counts = [np.count_nonzero(kinds == each) for each in Kind if each != Kind.NONE]
    assert warping.errors(truth, probability, threshold) == tuple(counts)
    return counts


@given(shapes.map(lambda shape: (shape[0] + 1, shape[1] + 1)), seeds, blurs, thresholds)
def test_kinds_against_their_description(shape, seed, blur, threshold):
    check_kinds(*draw(seed, shape, blur), threshold)


def test_all_kinds_against_their_description_in_an_image_larger_than_the_window():
    counts = [check_kinds(*draw(4, (61, 83), 1.5), threshold) for threshold in THRESHOLDS]
    assert np.all(np.sum(counts, axis=0) > 0)


def test_a_part_of_isbi2012_against_a_step_by_step_search():
    if not (DATA / "isbi2012").is_dir():
        pytest.skip(f"{DATA / 'isbi2012'} is not there")
    truth = tifffile.imread(DATA / "isbi2012" / "train-labels.tif")[7, 100:220, 50:210]
    noise = ndimage.gaussian_filter(np.random.default_rng(0).normal(size=truth.shape), 1)
    moved = ndimage.gaussian_filter(np.roll(truth, 2, axis=1).astype(float), 2)
    probability = np.clip(moved + 0.3 * noise, 0, 1).astype(np.float32)
    for threshold in THRESHOLDS[::3]:
        expected = truth > 0
        for y, x in search(truth, probability.astype(float), threshold):
            expected[y, x] ^= True
        np.testing.assert_array_equal(warping.warp(truth, probability, threshold), expected)
