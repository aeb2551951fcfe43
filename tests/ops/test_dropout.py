"""Dropout passes the tests of every op, and its mask has the right statistics."""

import numpy as np
import pytest
from checks import (
    ADJOINT,
    PRECISIONS,
    SEEDS,
    assert_like,
    sizes,
    untouched,
)
from hypothesis import given
from hypothesis import strategies as st
from scipy.stats import binom

from minunet.gradcheck import adjoint_gap, check_gradients
from minunet.ops import dropout

SIZES = sizes(3)
RATES = st.sampled_from([0.0, 0.1, 0.5, 0.75])


def draw(size, seed):
    """Draw x, an upstream gradient, and the generator for the mask."""
    rng = np.random.default_rng(seed)
    return rng.standard_normal(size), rng.standard_normal(size), rng


class Draws:
    """A generator that returns prescribed numbers."""

    def __init__(self, values):
        self.values = np.array(values)

    def random(self, shape, dtype=np.float64):
        """Return the prescribed numbers instead of random ones."""
        return self.values.astype(dtype).reshape(shape)


# By hand -----------------------------------------------------------------------------------------


def test_forward_and_backward_by_hand():
    x = np.array([[1, -2, 3], [4, 5, -6]], float)[..., np.newaxis]
    dy = np.array([[10, 20, 30], [40, 50, 60]], float)[..., np.newaxis]
    # Elements with a draw below 0.75 are dropped; the others are multiplied by four.
    y, mask = dropout.forward(x, 0.75, Draws([[0.1, 0.8, 0.74], [0.75, 0.0, 0.99]]))
    np.testing.assert_array_equal(mask[..., 0], [[0, 4, 0], [4, 0, 4]])
    np.testing.assert_array_equal(y[..., 0], [[0, -8, 0], [16, 0, -24]])
    np.testing.assert_array_equal(dropout.backward(dy, mask)[..., 0], [[0, 80, 0], [160, 0, 240]])


# The mask ----------------------------------------------------------------------------------------


def test_the_same_seed_draws_the_same_mask_in_both_precisions():
    x = np.ones((7, 5, 3))
    masks = [
        dropout.forward(x.astype(dtype), 0.5, np.random.default_rng(seed))[1]
        for dtype, seed in [(np.float64, 1), (np.float64, 1), (np.float32, 1), (np.float64, 2)]
    ]
    np.testing.assert_array_equal(masks[0], masks[1])
    np.testing.assert_array_equal(masks[0], masks[2])
    assert np.any(masks[0] != masks[3])


def test_two_calls_draw_different_masks():
    rng, x = np.random.default_rng(0), np.ones((7, 5, 3))
    assert np.any(dropout.forward(x, 0.5, rng)[1] != dropout.forward(x, 0.5, rng)[1])


@PRECISIONS
@pytest.mark.parametrize("rate", [0.1, 0.5, 0.75])
def test_the_mask_is_0_or_the_scale(dtype, rate):
    x = np.ones((7, 50, 3), dtype)
    _, mask = dropout.forward(x, rate, np.random.default_rng(0))
    np.testing.assert_array_equal(np.unique(mask), np.array([0, 1 / (1 - rate)], dtype))


def test_rate_0_changes_nothing():
    x, _, rng = draw((7, 5, 3), seed=0)
    y, mask = dropout.forward(x, 0.0, rng)
    np.testing.assert_array_equal(y, x)
    np.testing.assert_array_equal(mask, np.ones_like(x))


@pytest.mark.parametrize("rate", [0.1, 0.5, 0.75])
def test_the_rate_is_the_fraction_dropped(rate):
    n = 40 * 50 * 30
    _, mask = dropout.forward(np.ones((40, 50, 30)), rate, np.random.default_rng(0))
    low, high = binom.interval(1 - 1e-6, n, rate)  # for rate 0.5: 30000 ± 600
    assert low <= np.count_nonzero(mask == 0) <= high


@pytest.mark.parametrize("rate", [0.1, 0.5, 0.75])
def test_the_expectation_is_preserved(rate):
    # The mean over n draws has a standard deviation of √(rate / (1-rate) / n); allow five of them.
    n = 40 * 50 * 30
    y, _ = dropout.forward(np.ones((40, 50, 30)), rate, np.random.default_rng(0))
    assert abs(y.mean() - 1) <= 5 * np.sqrt(rate / (1 - rate) / n)


def test_elements_are_dropped_independently():
    # If rows, columns or channels were dropped as a whole, the mask would be constant on an axis.
    _, mask = dropout.forward(np.ones((9, 8, 7)), 0.5, np.random.default_rng(0))
    for axis in range(3):
        assert np.all(np.ptp(mask, axis=axis).mean() > 0.9 * mask.max())


# Oracles -----------------------------------------------------------------------------------------


@given(SIZES, RATES, SEEDS)
def test_forward_and_backward_against_a_loop(size, rate, seed):
    x, dy, rng = draw(size, seed)
    y, mask = dropout.forward(x, rate, rng)
    dx = dropout.backward(dy, mask)
    for index in np.ndindex(size):
        scale = 0 if mask[index] == 0 else 1 / (1 - rate)
        assert y[index] == x[index] * scale
        assert dx[index] == dy[index] * scale


@given(SIZES, RATES, SEEDS)
def test_backward_against_pytorch_with_its_mask(size, rate, seed):
    torch = pytest.importorskip("torch")
    torch.manual_seed(seed)
    x, dy, _ = draw(size, seed)
    tx = torch.tensor(x, requires_grad=True)
    ty = torch.nn.functional.dropout(tx, rate)
    ty.backward(torch.tensor(dy))
    y = ty.detach().numpy()
    dx = dropout.backward(dy, y / x)
    np.testing.assert_allclose(dx, tx.grad.numpy(), rtol=1e-10)  # measured: 4e-16


# Adjoint identity --------------------------------------------------------------------------------


@given(SIZES, SEEDS)
def test_backward_is_the_adjoint_for_a_fixed_mask(size, seed):
    x, u, _ = draw(size, seed)
    mask = dropout.forward(x, 0.2, np.random.default_rng(seed))[1]
    if not np.any(mask):  # a small map can lose every element
        return
    gap = adjoint_gap(
        lambda x: dropout.forward(x, 0.2, np.random.default_rng(seed))[0],
        lambda u: dropout.backward(u, mask),
        x,
        u,
    )
    assert gap <= ADJOINT


# Gradient check ----------------------------------------------------------------------------------


@given(SIZES, RATES, SEEDS)
def test_gradient(size, rate, seed):
    x, dy, _ = draw(size, seed)

    def forward(x):
        """Draw the same mask on every call, as a gradient check needs."""
        return dropout.forward(x, rate, np.random.default_rng(seed))

    check_gradients(forward, {"x": x}, dy, {"x": dropout.backward(dy, forward(x)[1])})


# Contract ----------------------------------------------------------------------------------------


@PRECISIONS
def test_contract(dtype):
    x, dy, rng = draw((4, 6, 3), seed=0)
    with untouched(x.astype(dtype), dy.astype(dtype)) as (x, dy):
        y, mask = dropout.forward(x, 0.3, rng)
        with untouched(mask) as (mask,):
            dx = dropout.backward(dy, mask)
    assert_like(y, x)
    assert_like(mask, x)
    assert_like(dx, x)
