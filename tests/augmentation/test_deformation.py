"""Source positions of a deformed tile match hand-computed values and SciPy's splines."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.interpolate import BSpline, make_interp_spline

from minunet.augmentation import deformation

STILL = np.eye(2)


def middle(size):
    return (size - 1) / 2, (size - 1) / 2


def displacement(k, seed):
    return np.random.default_rng(seed).normal(0, 10, (2, k, k))


def field(size, spline, moved):
    """Return the displacement field of a tile that is neither rotated nor shifted."""
    return deformation.source(size, spline, moved, STILL, middle(size)) - np.indices((size, size))


def test_interpolating_spline_by_hand():
    # Natural spline through y0, y1, y2 at 0, 2, 4: its curvature at 2 is c = 3/8 (y0 - 2 y1 + y2).
    # At 1 its value is (y0 + y1)/2 - c/4 = 13/32 y0 + 22/32 y1 - 3/32 y2.
    weights, points = deformation.interpolating(5)
    np.testing.assert_array_equal(points, [0, 2, 4])
    expected = [[32, 0, 0], [13, 22, -3], [0, 32, 0], [-3, 22, 13], [0, 0, 32]]
    np.testing.assert_allclose(weights * 32, expected, rtol=0, atol=1e-13)  # measured: 9e-16


@given(size=st.integers(2, 70), seed=st.integers(0, 99))
def test_interpolating_spline_matches_scipy(size, seed):
    spline = deformation.interpolating(size)
    moved = displacement(3, seed)
    at = np.linspace(0, size - 1, 3)
    for found, g in zip(field(size, spline, moved), moved, strict=True):
        down = make_interp_spline(at, g, bc_type="natural", axis=0)(np.arange(size))
        both = make_interp_spline(at, down, bc_type="natural", axis=1)(np.arange(size))
        np.testing.assert_allclose(found, both, rtol=0, atol=1e-12)  # measured: 4e-14


def test_interpolating_spline_passes_through_its_grid_vectors():
    moved = displacement(3, seed=1)
    found = field(61, deformation.interpolating(61), moved)
    np.testing.assert_allclose(found[:, ::30, ::30], moved, rtol=0, atol=1e-12)  # measured: 1e-14


def test_b_spline_by_hand():
    weights, points = deformation.b_spline(301)
    np.testing.assert_array_equal(points, [-150, 0, 150, 300, 450, 600])
    np.testing.assert_allclose(weights[0] * 6, [1, 4, 1, 0, 0, 0], rtol=0, atol=1e-14)
    np.testing.assert_allclose(weights[150] * 6, [0, 1, 4, 1, 0, 0], rtol=0, atol=1e-14)
    np.testing.assert_allclose(weights[75] * 48, [1, 23, 23, 1, 0, 0], rtol=0, atol=1e-14)
    np.testing.assert_allclose(weights[300] * 6, [0, 0, 1, 4, 1, 0], rtol=0, atol=1e-14)


@pytest.mark.parametrize(
    ("size", "points"), [(24, 4), (149, 4), (150, 5), (540, 7), (572, 7), (750, 9)]
)
def test_b_spline_control_grid_size(size, points):
    spline = deformation.b_spline(size)  # ⌊n / 150⌋ + 4
    assert spline.points.shape == (points,)
    assert spline.weights.shape == (size, points)


@given(size=st.integers(2, 400), seed=st.integers(0, 99))
def test_b_spline_matches_scipy(size, seed):
    spline = deformation.b_spline(size)
    k = len(spline.points)
    moved = displacement(k, seed)
    # SciPy's coefficient i belongs to the basis function over knots i … i + 4.
    knots = 150.0 * (np.arange(k + 4) - 3)
    for found, g in zip(field(size, spline, moved), moved, strict=True):
        down = BSpline(knots, g, 3, axis=0)(np.arange(size))
        both = BSpline(knots, down, 3, axis=1)(np.arange(size))
        np.testing.assert_allclose(found, both, rtol=0, atol=1e-11)  # measured: 2e-13


@pytest.mark.parametrize("bend", [deformation.interpolating, deformation.b_spline])
@given(size=st.integers(2, 200))
def test_a_spline_reproduces_constants_and_straight_lines(bend, size):
    weights, points = bend(size)
    np.testing.assert_allclose(weights.sum(axis=1), 1, rtol=0, atol=1e-13)  # measured: 4e-16
    np.testing.assert_allclose(weights @ points, np.arange(size), rtol=0, atol=1e-12)  # 6e-14


def test_rigid_motion_by_hand():
    # Counter-clockwise, like np.rot90: the pixel right of the middle shows the one below it.
    for quarters, flipped, expected in [
        (0, False, [[1, 0], [0, 1]]),
        (1, False, [[0, 1], [-1, 0]]),
        (2, False, [[-1, 0], [0, -1]]),
        (3, False, [[0, -1], [1, 0]]),
        (0, True, [[1, 0], [0, -1]]),
        (1, True, [[0, -1], [-1, 0]]),
    ]:
        motion = deformation.rigid(quarters * np.pi / 2, flipped)
        np.testing.assert_allclose(motion, expected, rtol=0, atol=1e-15)
    eighth = np.sqrt(0.5) * np.array([[1, 1], [-1, 1]])
    np.testing.assert_allclose(deformation.rigid(np.pi / 4, False), eighth, rtol=0, atol=1e-15)


def test_source_positions_by_hand():
    # A tile of 3 pixels, rotated by a quarter turn, with its middle at (10, 20.5).
    spline, motion = deformation.interpolating(3), deformation.rigid(np.pi / 2, False)
    at = deformation.source(3, spline, np.zeros((2, 3, 3)), motion, (10, 20.5))
    np.testing.assert_allclose(at[0], [[9, 10, 11]] * 3, rtol=0, atol=1e-13)
    columns = [[21.5] * 3, [20.5] * 3, [19.5] * 3]
    np.testing.assert_allclose(at[1], columns, rtol=0, atol=1e-13)


@given(
    size=st.integers(2, 60),
    angle=st.floats(0, 7),
    flipped=st.booleans(),
    smooth=st.booleans(),
    seed=st.integers(0, 99),
)
def test_elastic_deformation_then_rigid_motion(size, angle, flipped, smooth, seed):
    spline = (deformation.b_spline if smooth else deformation.interpolating)(size)
    moved = displacement(len(spline.points), seed)
    motion = deformation.rigid(angle, flipped)
    centre = 31.25, -7.5
    found = deformation.source(size, spline, moved, motion, centre)
    u = field(size, spline, moved)
    c, s = np.cos(angle), np.sin(angle)
    for r, q in [(0, 0), (0, size - 1), (size // 2, size // 3), (size - 1, size - 2)]:
        y, x = np.array([r, q]) + u[:, r, q] - (size - 1) / 2
        x = -x if flipped else x
        expected = [c * y + s * x + centre[0], -s * y + c * x + centre[1]]
        np.testing.assert_allclose(found[:, r, q], expected, rtol=0, atol=1e-12)  # 2e-14


def folded(spline, sigma, samples=6000):
    """Simulate the share of tiles that have a point where the deformation folds.

    It folds where the Jacobian determinant of x + u(x) is not positive. The derivatives are
    differences between pixels.
    """
    every = np.linspace(0, len(spline.weights) - 1, 31).astype(int)
    along, across = spline.weights[every], np.gradient(spline.weights, axis=0)[every]
    k = len(spline.points)
    g = sigma * np.random.default_rng(0).standard_normal((samples, 2, k, k))
    down, right = across @ g @ along.T, along @ g @ across.T  # derivatives of u: (samples, 2, …)
    determinant = (1 + down[:, 0]) * (1 + right[:, 1]) - down[:, 1] * right[:, 0]
    return np.mean(determinant.min(axis=(1, 2)) <= 0)


@pytest.mark.parametrize("sigma", [5.0, 10.0])
def test_tiles_fold_below_the_stated_size(sigma):
    # Expected: 0.017 and 0.006; the standard error of a share of 0.01 is 0.0013.
    small, large = (1 + round(side * sigma) for side in (13.1, 14.5))
    assert folded(deformation.interpolating(small), sigma) > 0.01
    assert folded(deformation.interpolating(large), sigma) < 0.01
    assert deformation.folds(small, sigma)
    assert not deformation.folds(large, sigma)


def test_the_tiles_of_the_papers_and_of_our_presets_do_not_fold():
    for size in (196, 348, 572):
        assert not deformation.folds(size, 10.0)
        assert folded(deformation.interpolating(size), 10.0, 1000) == 0
    assert folded(deformation.b_spline(60), 10.0, 1000) == 0
