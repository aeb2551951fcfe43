"""The fast rectified convolution equals the definition for any shape and number of threads."""

import numpy as np
import pytest
from fast_checks import (
    CHANNELS,
    SIDES,
    assert_equal_up_to_rounding,
    doubled,
    draw,
    read_only,
)
from hypothesis import given, settings
from hypothesis import strategies as st

from minunet import ops
from minunet.fast import conv_relu, direct, winograd

pytestmark = pytest.mark.usefixtures("thread_count", "small_bands")


@given(height=SIDES, width=SIDES, channels=CHANNELS, features=CHANNELS, seed=st.integers(0, 99))
@settings(max_examples=15, deadline=None)
def test_forward_and_backward_equal_the_definition(height, width, channels, features, seed):
    x, w, b, dy = draw((height, width, channels), features, seed=seed)
    y = conv_relu.forward(x, w, b)
    expected = ops.conv_relu.forward(*doubled([x, w, b]))
    assert_equal_up_to_rounding(y, expected, 3e-6)
    gradients = conv_relu.backward(dy, y, x, w)
    expected = ops.conv_relu.backward(*doubled([dy, y, x, w]))
    for found, definition in zip(gradients, expected, strict=True):
        assert_equal_up_to_rounding(found, definition, 3e-5)  # sums whose terms cancel: 6e-6


def test_a_map_that_is_a_view():
    x, w, b, _ = draw((17, 21, 2), 3)
    turned = np.rot90(np.repeat(x, 2, axis=2)[..., ::2])
    y = conv_relu.forward(turned, w, b)
    expected = ops.conv_relu.forward(*doubled([turned, w, b]))
    assert_equal_up_to_rounding(y, expected, 3e-6)
    grey = x[..., 0].copy()[..., np.newaxis]  # the stride of its last axis is 0
    w, b = w[:, :, :1], np.zeros_like(b)
    expected = ops.conv_relu.forward(*doubled([grey, w, b]))
    assert_equal_up_to_rounding(conv_relu.forward(grey, w, b), expected, 3e-6)


def test_the_gradients_of_a_map_that_is_a_view():
    x, w, b, _ = draw((17, 21, 2), 3)
    turned = np.rot90(np.repeat(x, 2, axis=2)[..., ::2])
    y = conv_relu.forward(turned, w, b)
    dy = np.rot90(np.ones((21, 17, 6), np.float32)[2:, 2:, ::2], 2)
    expected = ops.conv_relu.backward(*doubled([dy, y, turned, w]))
    for found, definition in zip(conv_relu.backward(dy, y, turned, w), expected, strict=True):
        assert_equal_up_to_rounding(found, definition, 3e-6)


@pytest.mark.parametrize("channels", [1, 5])
def test_parameter_gradients_alone(channels):
    x, w, b, dy = draw((17, 21, channels), 3)
    y = conv_relu.forward(x, w, b)
    expected = ops.conv_relu.backward(*doubled([dy, y, x, w]))[1:]
    for found, definition in zip(conv_relu.parameter_gradients(dy, y, x, w), expected, strict=True):
        assert_equal_up_to_rounding(found, definition, 3e-5)


@pytest.mark.parametrize("kernel", [(1, 1), (2, 3), (3, 1), (1, 4), (5, 2)])
def test_other_kernels(kernel):
    x, w, b, dy = draw((19, 13, 3), 4, kernel)
    y = conv_relu.forward(x, w, b)
    assert_equal_up_to_rounding(y, ops.conv_relu.forward(*doubled([x, w, b])), 3e-6)
    expected = ops.conv_relu.backward(*doubled([dy, y, x, w]))
    for found, definition in zip(conv_relu.backward(dy, y, x, w), expected, strict=True):
        assert_equal_up_to_rounding(found, definition, 3e-6)


def test_a_wide_layer_uses_winograds_form_both_ways(monkeypatch):
    x, w, b, dy = draw((131, 130, 64), 65)
    used = []
    correlate = winograd._correlate
    monkeypatch.setattr(winograd, "_correlate", lambda *a: used.append(1) or correlate(*a))
    monkeypatch.delattr(direct, "backward")  # it would compute dx a second time
    y = conv_relu.forward(x, w, b)
    dx, *_ = conv_relu.backward(dy, y, x, w)
    assert len(used) == 2
    # Check only some rows: the definition takes too long in float64 for all of them.
    rows = ops.conv_relu.forward(*doubled([x[60:70], w, b]))
    assert_equal_up_to_rounding(y[60:68], rows, 2e-5)
    dz = np.where(y > 0, dy, 0)[58:70].astype(np.float64)
    expected = ops.conv2d.backward(dz, x[58:72].astype(np.float64), w.astype(np.float64))[0]
    assert_equal_up_to_rounding(dx[60:70], expected[2:12], 2e-5)


def test_the_arguments_are_not_modified():
    x, w, b, dy = draw((16, 13, 3), 4)
    y = conv_relu.forward(x, w, b)
    read_only(x, w, b, dy, y)
    conv_relu.forward(x, w, b)
    conv_relu.backward(dy, y, x, w)
