"""2x2 up-convolution passes the tests of every op and uses one tap per output pixel."""

import numpy as np
import pytest
from checks import (
    ADJOINT,
    PRECISIONS,
    SEEDS,
    assert_close,
    assert_like,
    extra_memory,
    sizes,
    untouched,
)
from hypothesis import given
from scipy.signal import convolve2d

from minunet.gradcheck import adjoint_gap, check_gradients
from minunet.ops import upconv

SIZES = sizes(4)


def draw(size, seed):
    """Draw x, w, b and an upstream gradient for a map (H, W), C channels and O features."""
    height, width, c, o = size
    rng = np.random.default_rng(seed)
    x = rng.standard_normal((height, width, c))
    w = rng.standard_normal((2, 2, c, o))
    b = rng.standard_normal(o)
    return x, w, b, rng.standard_normal((2 * height, 2 * width, o))


# By hand -----------------------------------------------------------------------------------------


def test_forward_by_hand():
    x = np.array([[1, 2, 3]], float)[..., np.newaxis]
    w = np.array([[1, 10], [100, 1000]], float)[..., np.newaxis, np.newaxis]
    b = np.array([5.0])
    np.testing.assert_array_equal(
        upconv.forward(x, w, b)[..., 0],
        [[6, 15, 7, 25, 8, 35], [105, 1005, 205, 2005, 305, 3005]],
    )


def test_backward_by_hand():
    x = np.array([[1, 2, 3]], float)[..., np.newaxis]
    w = np.array([[1, 10], [100, 1000]], float)[..., np.newaxis, np.newaxis]
    dy = np.array([[1, 0, 0, 2, 0, 0], [0, 0, 3, 0, 0, 4]], float)[..., np.newaxis]
    dx, dw, db = upconv.backward(dy, x, w)
    # Block by block: 1·1; 2·10 + 3·100; 4·1000.
    np.testing.assert_array_equal(dx[..., 0], [[1, 320, 4000]])
    # Tap by tap: 1·1; 2·2; 2·3; 3·4.
    np.testing.assert_array_equal(dw[..., 0, 0], [[1, 4], [6, 12]])
    np.testing.assert_array_equal(db, [10])


# One tap per pixel --------------------------------------------------------------------------------


@pytest.mark.parametrize("tap", [(0, 0), (0, 1), (1, 0), (1, 1)])
def test_every_output_pixel_depends_on_one_tap(tap):
    x, w, b, _ = draw((5, 3, 2, 4), seed=0)
    i, j = tap
    alone = np.zeros_like(w)
    alone[tap] = w[tap]
    seen = np.any(upconv.forward(x, alone, np.zeros_like(b)) != 0, axis=-1)
    expected = np.zeros_like(seen)
    expected[i::2, j::2] = True
    np.testing.assert_array_equal(seen, expected)


# Oracles -----------------------------------------------------------------------------------------


@given(SIZES, SEEDS)
def test_forward_and_backward_against_a_loop(size, seed):
    x, w, b, dy = draw(size, seed)
    y, dx, dw = np.zeros_like(dy), np.zeros_like(x), np.zeros_like(w)
    for r, c, o in np.ndindex(y.shape):
        pixel, tap = (r // 2, c // 2), (r % 2, c % 2)
        y[r, c, o] = b[o] + np.sum(x[pixel] * w[tap][:, o])
        dx[pixel] += dy[r, c, o] * w[tap][:, o]
        dw[tap][:, o] += dy[r, c, o] * x[pixel]
    assert_close(upconv.forward(x, w, b), y)
    for actual, expected in zip(upconv.backward(dy, x, w), (dx, dw, dy.sum((0, 1))), strict=True):
        assert_close(actual, expected)


@given(SIZES, SEEDS)
def test_forward_against_scipy_on_the_map_with_zeros_inserted(size, seed):
    x, w, b, dy = draw(size, seed)
    spread = np.zeros((dy.shape[0] - 1, dy.shape[1] - 1, x.shape[2]))
    spread[::2, ::2] = x  # zeros between the pixels
    y = np.zeros_like(dy) + b
    for c, o in np.ndindex(w.shape[2:]):
        y[..., o] += convolve2d(spread[..., c], w[..., c, o], "full")
    assert_close(upconv.forward(x, w, b), y)


@given(SIZES, SEEDS)
def test_forward_and_backward_against_pytorch(size, seed):
    torch = pytest.importorskip("torch")
    x, w, b, dy = draw(size, seed)
    tx, tw, tb = (torch.tensor(array, requires_grad=True) for array in (x, w, b))
    ty = torch.nn.functional.conv_transpose2d(
        tx.permute(2, 0, 1), tw.permute(2, 3, 0, 1), tb, stride=2
    ).permute(1, 2, 0)
    ty.backward(torch.tensor(dy))
    assert_close(upconv.forward(x, w, b), ty.detach().numpy())
    for actual, expected in zip(upconv.backward(dy, x, w), (tx, tw, tb), strict=True):
        assert_close(actual, expected.grad.numpy())


# Adjoint identity --------------------------------------------------------------------------------


@given(SIZES, SEEDS)
def test_backward_is_the_adjoint_in_x(size, seed):
    x, w, b, u = draw(size, seed)
    no_bias = np.zeros_like(b)
    gap = adjoint_gap(
        lambda x: upconv.forward(x, w, no_bias), lambda u: upconv.backward(u, x, w)[0], x, u
    )
    assert gap <= ADJOINT


@given(SIZES, SEEDS)
def test_backward_is_the_adjoint_in_w(size, seed):
    x, w, b, u = draw(size, seed)
    no_bias = np.zeros_like(b)
    gap = adjoint_gap(
        lambda w: upconv.forward(x, w, no_bias), lambda u: upconv.backward(u, x, w)[1], w, u
    )
    assert gap <= ADJOINT


# Gradient check ----------------------------------------------------------------------------------


@given(SIZES, SEEDS)
def test_gradients(size, seed):
    x, w, b, dy = draw(size, seed)
    dx, dw, db = upconv.backward(dy, x, w)
    check_gradients(
        upconv.forward,
        {"x": x, "w": w, "b": b},
        dy,
        {"x": dx, "w": dw, "b": db},
        entries=(20, np.random.default_rng(seed)),
    )


# Contract ----------------------------------------------------------------------------------------


@PRECISIONS
def test_contract(dtype):
    x, w, b, dy = (array.astype(dtype) for array in draw((11, 7, 2, 5), seed=0))
    with untouched(x, w, b, dy) as (x, w, b, dy):
        y = upconv.forward(x, w, b)
        dx, dw, db = upconv.backward(dy, x, w)
    assert_like(y, dy)
    assert_like(dx, x)
    assert_like(dw, w)
    assert_like(db, b)


def test_the_upstream_gradient_may_be_a_view():
    # In the network it is a view, which `crop_concat.backward` returns.
    x, w, _, dy = draw((5, 3, 2, 4), seed=0)
    view = np.concatenate([dy, dy], axis=-1)[..., : dy.shape[-1]]
    for actual, expected in zip(
        upconv.backward(view, x, w), upconv.backward(dy, x, w), strict=True
    ):
        assert_close(actual, expected)


# Memory ------------------------------------------------------------------------------------------


def test_memory_is_needed_for_one_tap_at_a_time():
    # All four taps at once would be 4 maps. Measured, in maps: 1.1 forward, 1.0 backward.
    x, w, b, dy = draw((602, 23, 12, 12), seed=0)
    assert extra_memory(lambda: upconv.forward(x, w, b)) < 1.5 * x.nbytes
    assert extra_memory(lambda: upconv.backward(dy, x, w)) < 1.5 * x.nbytes
