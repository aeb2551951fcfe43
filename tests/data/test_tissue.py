"""Noise and planes of synthetic tissue match plain loops, and tubes grow by their rules.

Examples by hand count in pixels, `PIXEL` nanometres each.
"""

import numpy as np
import pytest

from minunet.data import tissue
from minunet.data.tissue import Balls, Block, Noise

PIXEL = 4.0
EXTENT = (80.0, 192.0, 256.0)


def balls(*rows):
    """Make `Balls` of (z, y, x, radius, cell), with lengths in pixels."""
    table = np.array(rows, float)
    return Balls(PIXEL * table[:, :3], PIXEL * table[:, 3], table[:, 4].astype(int))


def grid(height, width):
    """Return rows and columns, in pixels."""
    return tuple(np.indices((height, width), np.float32))


def divide(tubes, depth, y, x):
    """Return the cells of a plane, and the distances in pixels; `depth`, y and x are in pixels."""
    cells, distance = tissue.divide(tubes, PIXEL * depth, PIXEL * y, PIXEL * x, PIXEL)
    return cells, distance / PIXEL


# Noise


def test_noise_is_a_normalised_sum_of_gaussians():
    noise, scale = Noise(Block(9.0, 5, 7, pixel=1.5), 4.0, np.random.default_rng(0)), 4.0
    z, plane = 3.5, np.zeros((5, 7))

    def weights(at, count):
        w = [np.exp(-((at / scale + 2 - knot) ** 2)) for knot in range(count)]
        return np.array(w) / np.sqrt(sum(x**2 for x in w))

    for r, c in np.ndindex(plane.shape):
        for knot, value in np.ndenumerate(noise.knots):
            deep, down, across = map(weights, (z, 1.5 * r, 1.5 * c), noise.knots.shape)
            plane[r, c] += value * deep[knot[0]] * down[knot[1]] * across[knot[2]]
    found = noise.plane(z)
    assert found.dtype == np.float32
    np.testing.assert_allclose(found, plane, rtol=0, atol=1e-6)  # float32; measured: 1e-7


def test_noise_has_unit_variance():
    planes = [
        Noise(Block(30.0, 40, 50), 5.0, np.random.default_rng(seed)).plane(seed)
        for seed in range(30)
    ]
    assert abs(np.mean(planes)) < 0.1  # measured: 0.001
    assert abs(np.var(planes) - 1) < 0.1  # measured: 0.04


def test_noise_is_one_volume():
    noise = Noise(Block(30.0, 16, 20), 8.0, np.random.default_rng(3))
    first = noise.plane(11)
    near, far = noise.plane(11.5), noise.plane(29)
    np.testing.assert_array_equal(noise.plane(11), first)  # planes may be read in any order
    assert np.abs(near - first).max() < 0.3 < np.abs(far - first).max()


@pytest.mark.parametrize("pixel", [0.5, 2.0])
def test_noise_at_another_pixel_size_is_the_same_field(pixel):
    fine, coarse = (
        Noise(Block(30.0, round(16 / p), round(20 / p), p), 8.0, np.random.default_rng(3)).plane(11)
        for p in (pixel, 4.0)
    )
    every = round(4 / pixel)
    np.testing.assert_allclose(fine[::every, ::every], coarse, rtol=0, atol=1e-6)


def test_the_extent_of_a_block_by_hand():
    assert Block(100.0, 20, 30, 4.0).extent == (100, 80, 120)


# A plane through the tissue


def brute_force(tubes, depth, y, x):
    """Find the cell of every pixel and its signed gap to the second nearest cell by a loop.

    `depth`, y, x and the gap are in pixels.
    """
    cells, gap = np.zeros(y.shape, int), np.zeros(y.shape)
    centres, radii = tubes.centres / PIXEL, tubes.radii / PIXEL
    for at in np.ndindex(y.shape):
        nearest = {0: 2 * tissue.REACH / PIXEL}  # no cell within reach
        for (cz, cy, cx), radius, cell in zip(centres, radii, tubes.cells, strict=True):
            d = np.sqrt((depth - cz) ** 2 + (y[at] - cy) ** 2 + (x[at] - cx) ** 2) - radius
            nearest[int(cell)] = min(d, nearest.get(int(cell), np.inf))
        cells[at] = min(nearest, key=nearest.get)
        gap[at] = np.subtract(*sorted(nearest.values())[1::-1])
    return cells, gap


def test_two_equal_balls_by_hand():
    # The balls are 21 pixels apart in a row: each owns half of it, and the membrane is at 10.5.
    cells, distance = divide(balls((0, 2, 0, 6, 1), (0, 2, 21, 6, 2)), 0, *grid(5, 22))
    np.testing.assert_array_equal(cells[2], [1] * 11 + [2] * 11)
    expected = np.abs(np.arange(22) - 10.5)
    expected[[10, 11]] = 1  # a gap of 1 pixel divided by the least slope, because of the kink
    np.testing.assert_allclose(distance[2, 1:-1], expected[1:-1], rtol=1e-6)  # float32


def test_the_larger_ball_takes_more():
    # The surfaces are at columns 9 and 16 of row 2, so the middle is 12.5, not 10.
    cells, _ = divide(balls((0, 2, 0, 9, 5), (0, 2, 20, 4, 8)), 0, *grid(5, 21))
    np.testing.assert_array_equal(cells[2], [5] * 13 + [8] * 8)


def test_balls_of_one_cell_have_no_membrane_between_them():
    tubes = balls((0, 2, 0, 6, 1), (0, 2, 11, 6, 1), (0, 2, 30, 6, 2))
    cells, distance = divide(tubes, 0, *grid(5, 31))
    np.testing.assert_array_equal(cells[2], [1] * 21 + [2] * 10)
    assert distance[2, :12].min() > 8


def test_a_ball_shrinks_with_depth_and_vanishes_out_of_reach():
    # The radius is 10 at depth 0; from depth 32 on, no part of the ball is within REACH: 22 pixels.
    tubes = balls((0, 20, 20, 10, 3))
    owned = [np.count_nonzero(divide(tubes, depth, *grid(41, 41))[0]) for depth in (0, 20, 31, 32)]
    assert owned[0] >= owned[1] > owned[2] > owned[3] == 0


def test_a_ball_outside_the_plane_reaches_into_it():
    # The surface is at row -14, and REACH, 22 pixels, from it is row 8.
    cells, _ = divide(balls((0, -20, 10, 6, 1)), 0, *grid(16, 21))
    assert (cells[:9, 10] == 1).all()
    assert (cells[11:] == 0).all()


def test_a_warped_plane_is_sampled_at_its_own_positions():
    tubes = balls((0, 9, 4, 6, 1), (3, 12, 25, 8, 2))
    y, x = grid(20, 30)
    cells, distance = divide(tubes, 0, y, x)
    moved, distance_moved = divide(tubes, 0, y[:-2, :-3] + 2, x[:-2, :-3] + 3)
    np.testing.assert_array_equal(moved, cells[2:, 3:])
    # The slope at the border of the plane is one-sided.
    np.testing.assert_allclose(distance_moved[1:-1, 1:-1], distance[3:-1, 4:-1], rtol=1e-4)


@pytest.mark.parametrize("seed", range(5))
def test_planes_against_brute_force(seed):
    rng = np.random.default_rng(seed)
    n, shape = 12, (33, 38)
    centres = rng.uniform((-8, -5, -5), (8, 38, 43), (n, 3))
    tubes = Balls(PIXEL * centres, PIXEL * rng.uniform(3, 9, n), rng.integers(1, 6, n))
    y, x = grid(*shape)
    y = y + np.float32(2) * np.sin(x / 7, dtype=np.float32)
    cells, distance = divide(tubes, 1.5, y, x)
    expected, gap = brute_force(tubes, 1.5, y, x)
    assert len(np.unique(expected)) > 2
    sure = gap > 1e-3  # where two cells are equally near, either is correct
    np.testing.assert_array_equal(cells[sure], expected[sure])
    slope = np.hypot(*np.gradient(gap)).clip(1, 2)
    np.testing.assert_allclose(distance, gap / slope, rtol=0, atol=1e-3)


# Growth


@pytest.fixture(scope="module", params=range(3))
def grown(request):
    return tissue.grow(EXTENT, np.random.default_rng(request.param))


def test_same_seed_same_tubes():
    first, again, other = (tissue.grow(EXTENT, np.random.default_rng(s)) for s in (1, 1, 2))
    for a, b in zip(first, again, strict=True):
        np.testing.assert_array_equal(a, b)
    assert first.centres.shape != other.centres.shape or (first.centres != other.centres).any()


def test_cells_are_numbered_from_1_and_lie_in_the_box_and_its_margin(grown):
    np.testing.assert_array_equal(np.unique(grown.cells), np.arange(1, grown.cells.max() + 1))
    assert len(grown.centres) == len(grown.radii) == len(grown.cells)
    assert (grown.radii > 0).all()
    half = tissue.NODE / 2
    assert (grown.centres >= -tissue.MARGIN - half).all()
    assert (grown.centres <= np.array(EXTENT) + tissue.MARGIN + half).all()


def test_the_balls_of_a_tube_are_a_chain(grown):
    for cell in range(1, grown.cells.max() + 1):
        centres = grown.centres[grown.cells == cell]
        width = grown.radii[grown.cells == cell][0]  # the first ball is as wide as the tube
        for k in range(1, len(centres)):
            # From the previous ball, or from the first one, where the tube grows the other way.
            steps = np.linalg.norm(centres[[k - 1, 0]] - centres[k], axis=1)
            assert np.abs(steps - 0.6 * width).min() < 1e-9


def test_tubes_avoid_one_another(grown):
    apart = np.linalg.norm(grown.centres[:, None] - grown.centres, axis=2)
    gap = apart - grown.radii[:, None] - grown.radii
    others = grown.cells[:, None] != grown.cells
    # A ball may be 8 nm larger than the room at the nearest node.
    assert gap[others].min() >= -8 - tissue.NODE * np.sqrt(3) / 2


def most_room(grown):
    counts = np.ceil((np.array(EXTENT) + 2 * tissue.MARGIN) / tissue.NODE).astype(int)
    nodes = np.stack(np.indices(counts), axis=-1).reshape(-1, 3) * tissue.NODE - tissue.MARGIN
    room = np.full(len(nodes), np.inf)
    for centre, radius in zip(grown.centres, grown.radii, strict=True):
        np.minimum(room, np.linalg.norm(nodes - centre, axis=1) - radius, out=room)
    return room.max()


def test_no_room_is_left(grown):
    assert most_room(grown) <= 1.1 * tissue.GAP + 1e-4  # the rooms are float32


def test_narrow_tubes_fill_the_room_that_is_too_small_for_wide_ones():
    grown = tissue.grow(EXTENT, np.random.default_rng(0), radius=180.0)
    assert most_room(grown) <= 1.1 * tissue.GAP + 1e-4


def widths(grown):
    """Return the width of every tube: that of its first ball."""
    _, first = np.unique(grown.cells, return_index=True)
    return grown.radii[first]


def test_the_radius_is_the_median_and_the_spread_that_of_its_logarithm(monkeypatch):
    def leave_room(room, centre, radius, width):
        if width == tissue.GAP:  # the last tubes
            room[:] = 0

    monkeypatch.setattr(tissue, "TUBE_VOLUME", 8e4)
    monkeypatch.setattr(tissue, "_walk", lambda *_: iter(()))
    monkeypatch.setattr(tissue, "_occupy", leave_room)
    found = widths(tissue.grow(EXTENT, np.random.default_rng(0), 80.0, 0.3))
    found = np.log(found[found > tissue.GAP])
    # 20 x 26 x 29 nodes of 20³ nm³ by 8e4 nm³ times (80 / 50)²; 1 % would be narrower than GAP.
    assert 0.97 * 589 < len(found) < 589
    assert abs(np.exp(np.median(found)) / 80 - 1) < 0.05
    assert abs(found.std() / 0.3 - 1) < 0.1


def test_without_a_spread_all_tubes_are_equally_wide():
    found = widths(tissue.grow(EXTENT, np.random.default_rng(0), 60.0, 0.0))
    np.testing.assert_array_equal(np.unique(found), [tissue.GAP, 60])


def test_wide_tubes_make_few_cells_in_a_section():
    counts = []
    for radius in (40.0, 65.0):
        grown = [tissue.grow((50.0, 640, 640), np.random.default_rng(s), radius) for s in range(4)]
        y, x = 10 * np.indices((64, 64), np.float32)
        counts.append(sum(np.unique(tissue.divide(b, 25, y, x, 10.0)[0]).size for b in grown))
    assert counts[0] > 1.2 * counts[1]


def test_widest_tubes_are_grown_first(grown):
    found = widths(grown)
    assert (np.diff(found) <= 0).all()
    assert tissue.GAP == found[-1] <= found[0] <= tissue.RADIUS_MAX
