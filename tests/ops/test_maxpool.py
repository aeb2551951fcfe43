"""2x2 max pooling resolves ties and passes the tests of every op but the adjoint (not linear)."""

import itertools

import numpy as np
import pytest
from checks import (
    PRECISIONS,
    SEEDS,
    assert_close,
    assert_like,
    separated,
    sizes,
    untouched,
)
from hypothesis import given

from minunet.gradcheck import check_gradients
from minunet.ops import maxpool

HALVES = sizes(3)  # sizes of y


def draw(half, seed):
    """Draw x without ties, and an upstream gradient, for a pooled map (H/2, W/2, C)."""
    rows, columns, channels = half
    rng = np.random.default_rng(seed)
    return separated(rng, (2 * rows, 2 * columns, channels)), rng.standard_normal(half)


# By hand -----------------------------------------------------------------------------------------


def test_forward_and_backward_by_hand():
    x = np.array([[1, 2, -9, -8, 3, 4], [4, 3, -7, -6, 9, 5]], float)[..., np.newaxis]
    dy = np.array([[10, 20, -30]], float)[..., np.newaxis]
    y, argmax = maxpool.forward(x)
    np.testing.assert_array_equal(y[..., 0], [[4, -6, 9]])
    np.testing.assert_array_equal(argmax[..., 0], [[2, 3, 2]])
    np.testing.assert_array_equal(
        maxpool.backward(dy, argmax)[..., 0], [[0, 0, 0, 0, 0, 0], [10, 0, 0, 20, -30, 0]]
    )


def test_channels_are_pooled_independently():
    x = np.array([[[1, 40], [2, 30]], [[3, 20], [4, 10]]], float)
    y, argmax = maxpool.forward(x)
    np.testing.assert_array_equal(y, [[[4, 40]]])
    np.testing.assert_array_equal(argmax, [[[3, 0]]])
    np.testing.assert_array_equal(
        maxpool.backward(np.array([[[5.0, 7.0]]]), argmax), [[[0, 7], [0, 0]], [[0, 0], [5, 0]]]
    )


# Ties --------------------------------------------------------------------------------------------


def test_the_first_of_the_four_wins_every_tie():
    # All 81 patterns of three values over the four taps, side by side.
    patterns = np.array(list(itertools.product([-1.0, 0.0, 1.0], repeat=4)))
    x = patterns.reshape(-1, 2, 2).transpose(1, 0, 2).reshape(2, -1, 1)
    dy = np.arange(1.0, 82.0).reshape(1, -1, 1)
    y, argmax = maxpool.forward(x)
    for k, pattern in enumerate(patterns.tolist()):
        first = pattern.index(max(pattern))
        assert y[0, k, 0] == max(pattern)
        assert argmax[0, k, 0] == first, pattern
        gradient = maxpool.backward(dy, argmax)[:, 2 * k : 2 * k + 2, 0].ravel()
        assert gradient.tolist() == [k + 1 if tap == first else 0 for tap in range(4)], pattern


# Oracles -----------------------------------------------------------------------------------------


@given(HALVES, SEEDS)
def test_forward_and_backward_against_a_loop(half, seed):
    x, dy = draw(half, seed)
    y, dx = np.zeros_like(dy), np.zeros_like(x)
    for r, c, channel in np.ndindex(half):
        y[r, c, channel] = max(x[2 * r + i, 2 * c + j, channel] for i in (0, 1) for j in (0, 1))
        for i, j in np.ndindex(2, 2):
            if x[2 * r + i, 2 * c + j, channel] == y[r, c, channel]:
                dx[2 * r + i, 2 * c + j, channel] = dy[r, c, channel]
    actual, argmax = maxpool.forward(x)
    np.testing.assert_array_equal(actual, y)
    np.testing.assert_array_equal(maxpool.largest(x), y)
    np.testing.assert_array_equal(maxpool.backward(dy, argmax), dx)


@given(HALVES, SEEDS)
def test_forward_and_backward_against_pytorch(half, seed):
    torch = pytest.importorskip("torch")
    x, dy = draw(half, seed)
    tx = torch.tensor(x, requires_grad=True)
    ty = torch.nn.functional.max_pool2d(tx.permute(2, 0, 1), 2).permute(1, 2, 0)
    ty.backward(torch.tensor(dy))
    y, argmax = maxpool.forward(x)
    assert_close(y, ty.detach().numpy())
    assert_close(maxpool.backward(dy, argmax), tx.grad.numpy())


# Gradient check ----------------------------------------------------------------------------------


@given(HALVES, SEEDS)
def test_gradient(half, seed):
    x, dy = draw(half, seed)
    dx = maxpool.backward(dy, maxpool.forward(x)[1])
    check_gradients(maxpool.forward, {"x": x}, dy, {"x": dx})


# Contract ----------------------------------------------------------------------------------------


@PRECISIONS
def test_contract(dtype):
    x, dy = (array.astype(dtype) for array in draw((2, 5, 3), seed=0))
    with untouched(x, dy) as (x, dy):
        y, argmax = maxpool.forward(x)
        with untouched(argmax) as (argmax,):
            dx = maxpool.backward(dy, argmax)
    assert_like(y, dy)
    assert_like(dx, x)
    assert argmax.shape == y.shape
    assert argmax.dtype == np.uint8
