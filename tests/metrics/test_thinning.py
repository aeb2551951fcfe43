"""Thinned borders match hand-computed ones, a loop over single pixels and scikit-image.

scikit-image's watershed cannot be matched pixel for pixel: in a wall of an even number of pixels,
the side of its line depends on the order of a heap, which differs between releases. It has to agree
on everything else: which cell a pixel belongs to, and the scores.
"""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from real_data import DATA
from scipy import ndimage, spatial

from minunet.data import image_files
from minunet.metrics import information, rand, segments, thinning


def picture(height, width, density, blur, seed):
    """Draw cells on the fraction `density` of the pixels: noise if `blur` is 0, else blobs."""
    noise = np.random.default_rng(seed).random((height, width))
    smooth = ndimage.gaussian_filter(noise, blur) if blur else noise
    return smooth > np.quantile(smooth, 1 - density)


pictures = st.builds(
    picture,
    st.integers(1, 24),
    st.integers(25, 40),
    st.floats(0, 1),
    st.sampled_from([0, 0, 0.7, 1.5, 3]),
    st.integers(0, 2**32 - 1),
)


@pytest.mark.parametrize(
    "cells, expected",
    [
        # Walls of one to five pixels; in an even wall, the line is in the right half.
        ("1.1", "1.2"),
        ("1..1", "11.2"),
        ("1...1", "11.22"),
        ("1....1", "111.22"),
        ("1.....1", "111.222"),
        ("..1..", "11111"),  # the edge does not count as a cell
    ],
)
def test_a_wall_by_hand(cells, expected):
    row = np.array([[pixel != "." for pixel in cells]])
    numbers = np.array([[0 if pixel == "." else int(pixel) for pixel in expected]])
    np.testing.assert_array_equal(thinning.thin(row), numbers)
    np.testing.assert_array_equal(thinning.thin(row.T), numbers.T)


def test_a_map_by_hand():
    cells = np.array(
        [
            [1, 0, 0, 0, 0],
            [0, 0, 0, 0, 1],
            [0, 0, 0, 0, 1],
            [1, 0, 0, 0, 0],
        ]
    )
    # Two layers are grown; / is a line. The upper or left pixel comes first, so (0, 2) joins a cell
    # before (1, 2), which becomes a line; (2, 2) joins 2 because the pixels above and to the left
    # of it are lines by then.
    #
    #   1 . . . .        1 1 . . 2        1 1 1 / 2
    #   . . . . 2        1 . . 2 2        1 1 / 2 2
    #   . . . . 2        / . . 2 2        / / 2 2 2
    #   3 . . . .        3 3 . . 2        3 3 / 2 2
    expected = [
        [1, 1, 1, 0, 2],
        [1, 1, 0, 2, 2],
        [0, 0, 2, 2, 2],
        [3, 3, 0, 2, 2],
    ]
    numbers = thinning.thin(cells)
    np.testing.assert_array_equal(numbers, expected)
    assert numbers.dtype == np.int32
    np.testing.assert_array_equal(thinning.thin(cells.astype(bool)), expected)


def test_a_pixel_next_to_a_line_still_joins_its_only_cell():
    # The middle row is one layer: its first pixel joins 1, so the second, next to 1 and 3, is a
    # line. The third has only 2 as a neighbour and joins it, so the fourth is a line.
    cells = np.array([[1, 0, 1, 0], [0, 0, 0, 0], [0, 1, 0, 1]])
    expected = [[1, 0, 2, 2], [1, 0, 2, 0], [0, 3, 0, 4]]
    np.testing.assert_array_equal(thinning.thin(cells), expected)


@pytest.mark.parametrize("shape", [(1, 1), (3, 5)])
def test_maps_with_nothing_to_thin(shape):
    np.testing.assert_array_equal(thinning.thin(np.zeros(shape, bool)), np.zeros(shape))
    np.testing.assert_array_equal(thinning.thin(np.ones(shape, bool)), np.ones(shape))


def one_by_one(cells):
    """Follow the rule pixel by pixel: one layer after the other, in raster order within each."""
    basins = {tuple(at): n for at, n in np.ndenumerate(segments.components(cells)) if n}
    lines, grown = set(), list(basins)
    inside = {at for at, _ in np.ndenumerate(cells)}
    while grown:
        layer = {n for at in grown for n in around(at) if n in inside} - basins.keys() - lines
        grown = []
        for at in sorted(layer):
            touched = {basins[n] for n in around(at) if n in basins}
            if len(touched) > 1:
                lines.add(at)
            else:
                basins[at] = touched.pop()
                grown.append(at)
    numbers = np.zeros(cells.shape, int)
    for at, n in basins.items():
        numbers[at] = n
    return numbers


def around(at):
    row, column = at
    return [(row - 1, column), (row, column - 1), (row, column + 1), (row + 1, column)]


@given(pictures)
def test_against_a_loop_over_single_pixels(cells):
    np.testing.assert_array_equal(thinning.thin(cells), one_by_one(cells))


def distances(cells):
    """Return the city-block distance of every pixel to every cell, (K, H, W)."""
    numbers = segments.components(cells)
    return np.array(
        [
            ndimage.distance_transform_cdt(numbers != k, metric="taxicab")
            for k in range(1, numbers.max() + 1)
        ]
    )


@given(pictures)
def test_a_pixel_joins_its_clearly_nearest_cell(cells):
    distance = distances(cells[:, :13])
    if len(distance) < 2:
        return
    nearest, second = np.sort(distance, axis=0)[:2]
    # With a difference of 1, the pixel may be the line of an even wall.
    clear = second - nearest >= 2
    numbers = thinning.thin(cells[:, :13])
    np.testing.assert_array_equal(numbers[clear], 1 + distance.argmin(axis=0)[clear])


@given(pictures)
def test_lines_are_one_pixel_wide_and_all_necessary(cells):
    numbers = thinning.thin(cells)
    ring = np.pad(numbers, 1)
    sides = np.array([ring[:-2, 1:-1], ring[1:-1, :-2], ring[1:-1, 2:], ring[2:, 1:-1]])
    # Two basins never touch.
    assert not ((sides > 0) & (numbers > 0) & (sides != numbers)).any()
    # A pixel without a basin lies between two basins, or touches none because lines enclose it.
    highest = sides.max(axis=0)
    lowest = np.where(sides > 0, sides, np.iinfo(np.int32).max).min(axis=0)
    free = numbers == 0
    assert (highest[free] != lowest[free]).all()
    # Each basin is in one piece around its cell.
    seeds = segments.components(cells)
    np.testing.assert_array_equal(numbers[cells], seeds[cells])
    assert segments.components(numbers).max() == seeds.max()


@given(pictures)
def test_a_thinned_picture_is_thin(cells):
    thin = thinning.thin(cells) > 0
    np.testing.assert_array_equal(thinning.thin(thin) > 0, thin)


@given(pictures)
def test_transposing_the_cells_transposes_the_result(cells):
    np.testing.assert_array_equal(thinning.thin(cells.T) > 0, thinning.thin(cells).T > 0)


@given(pictures)
def test_a_perfect_proposal_stays_perfect(cells):
    # True background is ignored, so it does not matter that cells grow into it.
    table = segments.contingency(segments.components(cells), thinning.thin(cells))
    assert rand.adapted(table) == information.v_info(table) == (1, 1, 1)


def test_a_thick_wall_scores_perfectly_but_a_broken_one_does_not():
    truth = np.ones((20, 31), bool)
    truth[:, 15] = False
    thick = truth.copy()
    thick[:, 11:20] = False
    broken = thick.copy()
    broken[7] = True
    labels = segments.components(truth)
    scores = [
        rand.adapted(segments.contingency(labels, thinning.thin(cells))).f
        for cells in (thick, broken)
    ]
    assert scores[0] == 1
    assert scores[1] == pytest.approx(2 / 3)  # one segment: precision 1/2, recall 1


def watershed(cells):
    """Thin with scikit-image, which differs only in the side of the line in an even wall."""
    segmentation = pytest.importorskip("skimage.segmentation")
    seeds = segments.components(cells)
    return segmentation.watershed(~cells, seeds, connectivity=1, watershed_line=True)


def test_odd_walls_against_scikit_image():
    cells = np.ones((23, 40), bool)
    for start, width in [(3, 1), (8, 3), (15, 5), (27, 7)]:
        cells[:, start : start + width] = False
    np.testing.assert_array_equal(thinning.thin(cells), watershed(cells))
    np.testing.assert_array_equal(thinning.thin(cells.T), watershed(cells.T))


def compare_with_scikit_image(truth, cells):
    """Return the fraction of pixels in different cells, and the differences of the scores."""
    ours, theirs = thinning.thin(cells), watershed(cells)
    tables = [segments.contingency(segments.components(truth), each) for each in (ours, theirs)]
    v_rand, v_info = (
        abs(score(tables[0]).f - score(tables[1]).f) for score in (rand.adapted, information.v_info)
    )
    return np.mean((ours != theirs) & (ours > 0) & (theirs > 0)), v_rand, v_info


def mosaic(height, width, count, wall, seed):
    """Draw cells around `count` random points, with walls of about `wall` pixels between them."""
    rng = np.random.default_rng(seed)
    points = spatial.KDTree(rng.uniform(0, (height, width), (count, 2)))
    distance, _ = points.query(np.moveaxis(np.indices((height, width)), 0, -1), k=2)
    return distance[..., 1] - distance[..., 0] > wall


@pytest.mark.parametrize("seed", range(3))
def test_mosaics_against_scikit_image(seed):
    truth = mosaic(290, 311, 80, wall=2, seed=seed)
    for wall in (3, 6, 9):
        cells = mosaic(290, 311, 80, wall, seed)
        numbers, v_rand, v_info = compare_with_scikit_image(truth, cells)
        assert numbers < 1e-3  # measured: 5e-4
        assert v_rand < 2e-3  # measured: 1.3e-3, at the widest wall
        assert v_info < 1e-3  # measured: 4e-4


def test_isbi2012_against_scikit_image():
    path = DATA / "isbi2012" / "train-labels.tif"
    if not path.is_file():
        pytest.skip(f"{path} is not there")
    for image in image_files.read(path)[::8]:
        truth = image[..., 0] > 0
        cells = ndimage.binary_erosion(truth, iterations=3)
        numbers, v_rand, v_info = compare_with_scikit_image(truth, cells)
        assert numbers < 5e-4  # measured: 2.6e-4
        assert v_rand < 2e-4  # measured: 5e-5
        assert v_info < 2e-4  # measured: 1.1e-4


def test_the_argument_is_not_modified():
    cells = picture(9, 31, 0.5, 0.7, seed=0)
    cells.flags.writeable = False
    thinning.thin(cells)


def test_cells_do_not_grow_over_pixels_that_are_not_annotated():
    cells = np.array([[1, 0, 0, 0, 0, 0, 2]])
    known = np.array([[True, True, True, False, True, True, True]])
    np.testing.assert_array_equal(thinning.thin(cells, known), [[1, 1, 1, 0, 2, 2, 2]])
    known = np.array([[True, True, True, False, False, True, True]])
    np.testing.assert_array_equal(thinning.thin(cells, known), [[1, 1, 1, 0, 0, 2, 2]])
