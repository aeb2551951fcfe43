"""Unpadded convolution passes the five tests of every op and needs little memory."""

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
from hypothesis import assume, given
from hypothesis import strategies as st
from scipy.signal import convolve2d, correlate2d

from minunet.gradcheck import adjoint_gap, check_gradients
from minunet.ops import conv2d

KERNELS = st.sampled_from([(1, 1), (2, 2), (3, 3), (2, 3), (3, 1)])


@st.composite
def convolutions(draw):
    """Draw x, w, b and an upstream gradient; the sizes of x are distinct, as are those of y."""
    (rows, columns, c, o), (kh, kw) = draw(sizes(4)), draw(KERNELS)
    height, width = rows + kh - 1, columns + kw - 1
    assume(len({height, width, c, o}) == 4)
    return random_arrays((height, width, c, o), (kh, kw), draw(SEEDS))


def random_arrays(size, kernel, seed):
    """Make x, w, b and an upstream gradient for a map (H, W), C channels and O features."""
    (height, width, c, o), (kh, kw) = size, kernel
    rng = np.random.default_rng(seed)
    x = rng.standard_normal((height, width, c))
    w = rng.standard_normal((kh, kw, c, o))
    b = rng.standard_normal(o)
    return x, w, b, rng.standard_normal((height - kh + 1, width - kw + 1, o))


# By hand -----------------------------------------------------------------------------------------


def test_forward_by_hand():
    x = np.array([[1, 2, 3, 4], [5, 6, 7, 8], [9, 10, 11, 12]], float)[..., np.newaxis]
    w = np.array([[1, 0, -1], [2, 0, 3]], float)[..., np.newaxis, np.newaxis]
    b = np.array([100.0])
    # Upper left: 1·1 + 0·2 - 1·3 + 2·5 + 0·6 + 3·7 + 100 = 129.
    np.testing.assert_array_equal(conv2d.forward(x, w, b)[..., 0], [[129, 134], [149, 154]])


def test_forward_by_hand_with_channels():
    x = np.array([[[1, 10], [2, 20], [3, 30]]], float)  # one row of three pixels with two channels
    w = np.array([[[[1, 0, 1], [0, 1, 1]], [[0, 0, 5], [0, 0, 0]]]], float)  # (1, 2, 2, 3)
    b = np.array([0.0, 0.0, 1000.0])
    # Features: the first channel; the second; their sum and five times the next pixel's first.
    np.testing.assert_array_equal(conv2d.forward(x, w, b), [[[1, 10, 1021], [2, 20, 1037]]])


def test_backward_by_hand():
    x = np.array([[1, 2, 3, 4], [5, 6, 7, 8], [9, 10, 11, 12]], float)[..., np.newaxis]
    w = np.array([[1, 0, -1], [2, 0, 3]], float)[..., np.newaxis, np.newaxis]
    dy = np.array([[1, 0], [0, 10]], float)[..., np.newaxis]
    dx, dw, db = conv2d.backward(dy, x, w)
    # The kernel is added at the window of each of the two pixels, ten times for the second.
    np.testing.assert_array_equal(dx[..., 0], [[1, 0, -1, 0], [2, 10, 3, -10], [0, 20, 0, 30]])
    # The window of the first pixel plus ten times the window of the second.
    np.testing.assert_array_equal(dw[..., 0, 0], [[61, 72, 83], [105, 116, 127]])
    np.testing.assert_array_equal(db, [11])


# Oracles -----------------------------------------------------------------------------------------


@given(convolutions())
def test_forward_against_a_loop(arrays):
    x, w, b, dy = arrays
    kh, kw, _, _ = w.shape
    y = np.zeros_like(dy)
    for r, c, o in np.ndindex(y.shape):
        y[r, c, o] = b[o] + np.sum(x[r : r + kh, c : c + kw, :] * w[:, :, :, o])
    assert_close(conv2d.forward(x, w, b), y)


@given(convolutions())
def test_forward_and_backward_against_scipy(arrays):
    x, w, b, dy = arrays
    y, dx, dw = np.zeros_like(dy) + b, np.zeros_like(x), np.zeros_like(w)
    for c, o in np.ndindex(w.shape[2:]):
        y[..., o] += correlate2d(x[..., c], w[..., c, o], "valid")
        dx[..., c] += convolve2d(dy[..., o], w[..., c, o], "full")
        dw[..., c, o] = correlate2d(x[..., c], dy[..., o], "valid")
    assert_close(conv2d.forward(x, w, b), y)
    for actual, expected in zip(conv2d.backward(dy, x, w), (dx, dw, dy.sum((0, 1))), strict=True):
        assert_close(actual, expected)


@given(convolutions())
def test_forward_and_backward_against_pytorch(arrays):
    torch = pytest.importorskip("torch")
    x, w, b, dy = arrays
    tx, tw, tb = (torch.tensor(array, requires_grad=True) for array in (x, w, b))
    ty = torch.nn.functional.conv2d(tx.permute(2, 0, 1), tw.permute(3, 2, 0, 1), tb)
    ty = ty.permute(1, 2, 0)
    ty.backward(torch.tensor(dy))
    assert_close(conv2d.forward(x, w, b), ty.detach().numpy())
    for actual, expected in zip(conv2d.backward(dy, x, w), (tx, tw, tb), strict=True):
        assert_close(actual, expected.grad.numpy())


# Adjoint identity --------------------------------------------------------------------------------


@given(convolutions())
def test_backward_is_the_adjoint_in_x(arrays):
    x, w, b, u = arrays
    no_bias = np.zeros_like(b)
    gap = adjoint_gap(
        lambda x: conv2d.forward(x, w, no_bias), lambda u: conv2d.backward(u, x, w)[0], x, u
    )
    assert gap <= ADJOINT


@given(convolutions())
def test_backward_is_the_adjoint_in_w(arrays):
    x, w, b, u = arrays
    no_bias = np.zeros_like(b)
    gap = adjoint_gap(
        lambda w: conv2d.forward(x, w, no_bias), lambda u: conv2d.backward(u, x, w)[1], w, u
    )
    assert gap <= ADJOINT


# Gradient check ----------------------------------------------------------------------------------


@given(convolutions())
def test_gradients(arrays):
    x, w, b, dy = arrays
    dx, dw, db = conv2d.backward(dy, x, w)
    check_gradients(
        conv2d.forward,
        {"x": x, "w": w, "b": b},
        dy,
        {"x": dx, "w": dw, "b": db},
        entries=(20, np.random.default_rng(0)),
    )


# Contract ----------------------------------------------------------------------------------------


@PRECISIONS
def test_contract(dtype):
    drawn = random_arrays((11, 7, 2, 5), (3, 2), seed=0)
    x, w, b, dy = (array.astype(dtype) for array in drawn)
    with untouched(x, w, b, dy) as (x, w, b, dy):
        y = conv2d.forward(x, w, b)
        dx, dw, db = conv2d.backward(dy, x, w)
    assert_like(y, dy)
    assert_like(dx, x)
    assert_like(dw, w)
    assert_like(db, b)


# Memory ------------------------------------------------------------------------------------------


def test_memory_is_needed_for_one_tap_at_a_time():
    # A copy of the map for each of the nine taps would be 9 maps. Measured, in maps: 0.9 forward,
    # 1.0 backward.
    x, w, b, dy = random_arrays((602, 23, 12, 12), (3, 3), seed=0)
    assert extra_memory(lambda: conv2d.forward(x, w, b)) < 1.5 * x.nbytes
    assert extra_memory(lambda: conv2d.backward(dy, x, w)) < 1.5 * x.nbytes
