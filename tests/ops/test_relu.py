"""The rectified linear unit passes the tests of every op but the adjoint, as it is not linear."""

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
from minunet.ops import relu

SIZES = sizes(3)


def draw(size, seed):
    """Draw x, half of it below 0, and an upstream gradient."""
    rng = np.random.default_rng(seed)
    return separated(rng, size), rng.standard_normal(size)


# By hand -----------------------------------------------------------------------------------------


def test_forward_and_backward_by_hand():
    x = np.array([[-3, 4, 0], [5, -6, 7]], float)[..., np.newaxis]
    dy = np.array([[10, 20, 30], [-40, -50, -60]], float)[..., np.newaxis]
    y = relu.forward(x)
    np.testing.assert_array_equal(y[..., 0], [[0, 4, 0], [5, 0, 7]])
    # The gradient is 0 at the kink; negative upstream gradients pass like positive ones.
    np.testing.assert_array_equal(relu.backward(dy, y)[..., 0], [[0, 20, 0], [-40, 0, -60]])


# Oracles -----------------------------------------------------------------------------------------


@given(SIZES, SEEDS)
def test_forward_and_backward_against_a_loop(size, seed):
    x, dy = draw(size, seed)
    y, dx = np.zeros_like(x), np.zeros_like(x)
    for index in np.ndindex(size):
        if x[index] > 0:
            y[index], dx[index] = x[index], dy[index]
    np.testing.assert_array_equal(relu.forward(x), y)
    np.testing.assert_array_equal(relu.backward(dy, y), dx)


@given(SIZES, SEEDS)
def test_forward_and_backward_against_pytorch(size, seed):
    torch = pytest.importorskip("torch")
    x, dy = draw(size, seed)
    tx = torch.tensor(x, requires_grad=True)
    ty = torch.relu(tx)
    ty.backward(torch.tensor(dy))
    y = relu.forward(x)
    assert_close(y, ty.detach().numpy())
    assert_close(relu.backward(dy, y), tx.grad.numpy())


# Gradient check ----------------------------------------------------------------------------------


@given(SIZES, SEEDS)
def test_gradient(size, seed):
    x, dy = draw(size, seed)
    check_gradients(relu.forward, {"x": x}, dy, {"x": relu.backward(dy, relu.forward(x))})


# Contract ----------------------------------------------------------------------------------------


@PRECISIONS
def test_contract(dtype):
    x, dy = (array.astype(dtype) for array in draw((4, 6, 3), seed=0))
    with untouched(x, dy) as (x, dy):
        y = relu.forward(x)
        with untouched(y) as (y,):
            dx = relu.backward(dy, y)
    assert_like(y, x)
    assert_like(dx, x)
