"""Rectified convolution passes the tests of every op but the adjoint, as it is not linear."""

import numpy as np
import pytest
from checks import PRECISIONS, SEEDS, assert_close, assert_like, sizes, untouched
from hypothesis import assume, given
from hypothesis import strategies as st
from scipy.signal import convolve2d, correlate2d

from minunet.gradcheck import check_gradients
from minunet.ops import conv_relu

KERNELS = st.sampled_from([(1, 1), (2, 2), (3, 3), (2, 3), (3, 1)])
KINK = 1e-3
"""Minimum distance of a ReLU's input from 0 in gradient checks, far above their step."""


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


def naive(x, w, b):
    """Convolve pixel by pixel, without the ReLU."""
    kh, kw, _, o = w.shape
    z = np.zeros((x.shape[0] - kh + 1, x.shape[1] - kw + 1, o))
    for r, c, k in np.ndindex(z.shape):
        z[r, c, k] = b[k] + np.sum(x[r : r + kh, c : c + kw, :] * w[:, :, :, k])
    return z


# By hand -----------------------------------------------------------------------------------------


def test_forward_by_hand():
    x = np.array([[1, 2, 3, 4], [5, 6, 7, 8], [9, 10, 11, 12]], float)[..., np.newaxis]
    w = np.array([[1, 0, -1], [2, 0, 3]], float)[..., np.newaxis, np.newaxis]
    b = np.array([-35.0])
    # Upper left: 1·1 + 0·2 - 1·3 + 2·5 + 0·6 + 3·7 - 35 = -6, so 0; lower left: 49 - 35 = 14.
    np.testing.assert_array_equal(conv_relu.forward(x, w, b)[..., 0], [[0, 0], [14, 19]])


def test_backward_by_hand():
    x = np.array([[1, 2, 3, 4], [5, 6, 7, 8], [9, 10, 11, 12]], float)[..., np.newaxis]
    w = np.array([[1, 0, -1], [2, 0, 3]], float)[..., np.newaxis, np.newaxis]
    y = np.array([[5, 0], [0, 7]], float)[..., np.newaxis]
    dy = np.array([[1, 1000], [1000, 10]], float)[..., np.newaxis]
    dx, dw, db = conv_relu.backward(dy, y, x, w)
    # The upstream gradient stops where y is 0. The kernel is added at the windows of the other two
    # pixels, ten times for the second.
    np.testing.assert_array_equal(dx[..., 0], [[1, 0, -1, 0], [2, 10, 3, -10], [0, 20, 0, 30]])
    # The window of the first pixel plus ten times the window of the second.
    np.testing.assert_array_equal(dw[..., 0, 0], [[61, 72, 83], [105, 116, 127]])
    np.testing.assert_array_equal(db, [11])


# Oracles -----------------------------------------------------------------------------------------


@given(convolutions())
def test_forward_against_a_loop(arrays):
    x, w, b, _ = arrays
    z = naive(x, w, b)
    assert_close(conv_relu.forward(x, w, b), np.where(z > 0, z, 0))


@given(convolutions())
def test_forward_and_backward_against_scipy(arrays):
    x, w, b, dy = arrays
    z, dx, dw = np.zeros_like(dy) + b, np.zeros_like(x), np.zeros_like(w)
    for c, o in np.ndindex(w.shape[2:]):
        z[..., o] += correlate2d(x[..., c], w[..., c, o], "valid")
    dz = np.where(z > 0, dy, 0)
    for c, o in np.ndindex(w.shape[2:]):
        dx[..., c] += convolve2d(dz[..., o], w[..., c, o], "full")
        dw[..., c, o] = correlate2d(x[..., c], dz[..., o], "valid")
    y = conv_relu.forward(x, w, b)
    assert_close(y, np.where(z > 0, z, 0))
    expected = dx, dw, dz.sum((0, 1))
    for actual, gradient in zip(conv_relu.backward(dy, y, x, w), expected, strict=True):
        assert_close(actual, gradient)


@given(convolutions())
def test_forward_and_backward_against_pytorch(arrays):
    torch = pytest.importorskip("torch")
    x, w, b, dy = arrays
    tx, tw, tb = (torch.tensor(array, requires_grad=True) for array in (x, w, b))
    tz = torch.nn.functional.conv2d(tx.permute(2, 0, 1), tw.permute(3, 2, 0, 1), tb)
    ty = torch.relu(tz).permute(1, 2, 0)
    ty.backward(torch.tensor(dy))
    y = conv_relu.forward(x, w, b)
    assert_close(y, ty.detach().numpy())
    for actual, expected in zip(conv_relu.backward(dy, y, x, w), (tx, tw, tb), strict=True):
        assert_close(actual, expected.grad.numpy())


# Gradient check ----------------------------------------------------------------------------------


@given(convolutions())
def test_gradients(arrays):
    x, w, b, dy = arrays
    assume(np.abs(naive(x, w, b)).min() > KINK)
    dx, dw, db = conv_relu.backward(dy, conv_relu.forward(x, w, b), x, w)
    check_gradients(
        conv_relu.forward,
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
        y = conv_relu.forward(x, w, b)
        with untouched(y) as (y,):
            dx, dw, db = conv_relu.backward(dy, y, x, w)
    assert_like(y, dy)
    assert_like(dx, x)
    assert_like(dw, w)
    assert_like(db, b)
