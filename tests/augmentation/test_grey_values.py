"""Grey-value variation uses smooth rising curves, sampled within bounds, over any range."""

from types import SimpleNamespace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from minunet.augmentation import grey_values


def fixed(fraction):
    """Make a generator whose samples all lie at one fraction of their interval."""
    return SimpleNamespace(
        uniform=lambda low, high: low + fraction * (high - low), random=lambda: fraction
    )


# Sampled in this order: black, white, the middle, the quarters. The middle and the quarters are
# within the bounds set by slopes of 0.8 … 1.2 on both sides.
#   all lowest: 0, 0.9; max(0.4, 0.9 - 0.6) = 0.4; max(0.2, 0.4 - 0.3) = 0.2, max(0.6, 0.6) = 0.6
#   all highest: 0.1, 1; min(0.7, 0.6) = 0.6; min(0.4, 0.4) = 0.4, min(0.9, 0.8) = 0.8
#   half-way: 0.05, 0.95, 0.5, 0.275, 0.725
POLYGONS = [
    (0.0, [0, 0.2, 0.4, 0.6, 0.9]),
    (1.0, [0.1, 0.4, 0.6, 0.8, 1.0]),
    (0.5, [0.05, 0.275, 0.5, 0.725, 0.95]),
]


@pytest.mark.parametrize(("fraction", "polygon"), POLYGONS)
def test_a_curve_is_a_polygon_smoothed_by_a_gaussian(fraction, polygon):
    x = np.linspace(0, 1, 256)
    first, last = polygon[1] - polygon[0], polygon[4] - polygon[3]
    corners = [polygon[0] - 4 * first, *polygon, polygon[4] + 4 * last]  # continues beyond its ends
    d, step = np.linspace(-0.625, 0.625, 10001, retstep=True)  # ten standard deviations
    gauss = np.exp(-((d / 0.0625) ** 2) / 2) / (0.0625 * np.sqrt(2 * np.pi)) * step
    values = np.interp(x[:, None] + d, [-1, 0, 0.25, 0.5, 0.75, 1, 2], corners)
    expected = values @ gauss
    found = grey_values.curve(fixed(fraction))
    assert found.shape == (256,)
    np.testing.assert_allclose(found, expected, rtol=0, atol=1e-8)  # measured: 3e-9


def test_curves_rise_within_their_bounds():
    rng = np.random.default_rng(0)
    curves = np.array([grey_values.curve(rng) for _ in range(2000)])
    slopes = np.diff(curves) * 255
    assert slopes.min() > 0.8 - 1e-6  # measured: 0.8 + 2e-6
    assert slopes.max() < 1.2 + 1e-6  # measured: 1.2 - 1e-3
    # Smoothing moves the ends by less than 1e-6: the nearest bend is four standard deviations away.
    black, white = curves[:, 0], curves[:, -1]
    for ends, low, high in ((black, 0, 0.1), (white, 0.9, 1)):
        assert low - 1e-6 < ends.min() < low + 0.001
        assert high - 0.001 < ends.max() < high + 1e-6
        # Uniform: mean `low` + 0.05, standard deviation 0.1/√12 = 0.0289, 2000 samples.
        assert abs(ends.mean() - low - 0.05) < 4 * 0.0289 / 2000**0.5  # measured: 4e-4, 2e-4
    assert abs(np.corrcoef(black, white)[0, 1]) < 4 / 2000**0.5  # measured: 0.02
    # The middle varies independently too: at most 0.1 to each side of the straight line.
    middle = curves[:, 127:129].mean(axis=1) - (black + white) / 2
    assert 0.02 < middle.std() < 0.1 / 3**0.5  # measured: 0.028


RANGES = st.tuples(st.floats(-5, 5), st.floats(0.01, 20))


@given(where=RANGES, seed=st.integers(0, 99))
def test_vary_applies_the_curve_over_the_given_range(where, seed):
    low, high = where[0], sum(where)
    x = np.random.default_rng(seed).uniform(low, high, (23, 6, 2))
    found = grey_values.vary(x, low, high, np.random.default_rng(seed))
    rng = np.random.default_rng(seed)
    for c in range(2):
        curve = grey_values.curve(rng)
        expected = np.interp((x[..., c] - low) / (high - low), np.linspace(0, 1, 256), curve)
        unit = (found[..., c] - low) / (high - low)
        np.testing.assert_allclose(unit, expected, rtol=0, atol=1e-12)  # measured: 4e-14
        order = np.argsort(x[..., c], axis=None)
        assert (np.diff(found[..., c].ravel()[order]) >= 0).all()


def test_values_at_and_beyond_the_ends_of_the_range():
    x = np.array([[[-1.0], [-0.5], [0.0], [255.0], [255.5], [256.0]]])
    y = grey_values.vary(x, 0.0, 255.0, fixed(0.0))[0, :, 0]
    np.testing.assert_allclose(y[2:4], [0, 0.9 * 255], rtol=0, atol=1e-4)  # measured: 5e-5
    # Values beyond the range are not clipped: the slopes of 0.8 and 1.2 continue.
    np.testing.assert_allclose(np.diff(y), [0.4, 0.4, y[3] - y[2], 0.6, 0.6], rtol=0, atol=1e-4)


def test_every_channel_has_its_own_curve():
    x = np.repeat(np.linspace(0, 1, 50).reshape(5, 10, 1), 2, axis=2)
    y = grey_values.vary(x, 0.0, 1.0, np.random.default_rng(0))
    assert np.abs(y[..., 0] - y[..., 1]).max() > 0.01


def test_a_constant_image_stays_finite():
    x = np.full((4, 5, 1), 3, np.float32)
    np.testing.assert_array_equal(grey_values.vary(x, 3.0, 3.0, np.random.default_rng(0)), x)


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_dtype_is_kept_and_the_argument_is_not_modified(dtype):
    x = np.random.default_rng(0).random((20, 7, 2)).astype(dtype)
    before = x.copy()
    x.flags.writeable = False
    y = grey_values.vary(x, 0.0, 1.0, np.random.default_rng(1))
    assert y.dtype == dtype
    assert y.shape == x.shape
    np.testing.assert_array_equal(x, before)
