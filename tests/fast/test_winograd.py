"""Winograd's form of a convolution equals the definition up to rounding."""

import numpy as np
import pytest
from fast_checks import SHAPES, assert_equal_up_to_rounding, doubled, draw

from minunet import ops
from minunet.fast import winograd

pytestmark = pytest.mark.usefixtures("thread_count", "small_bands")

ROUNDING = 6e-6  # measured: 2e-6 of the largest entry


@SHAPES
def test_forward_equals_the_definition(shape):
    x, w, b, _ = draw(shape, 7)
    expected = np.maximum(ops.conv2d.forward(*doubled([x, w, b])), 0)
    assert_equal_up_to_rounding(winograd.forward(x, w, b), expected, ROUNDING)


@SHAPES
def test_the_input_gradient_equals_the_definition(shape):
    x, w, _, dy = draw(shape, 7)
    y = np.maximum(dy[::-1], 0)  # any map with zeros will do
    dz = np.where(y > 0, dy, 0)
    expected = ops.conv2d.backward(*doubled([dz, x, w]))[0]
    assert_equal_up_to_rounding(winograd.input_gradient(dy, y, w), expected, ROUNDING)


@SHAPES
@pytest.mark.parametrize("small", [0, winograd.SMALL])
def test_the_parameter_gradients_equal_the_definition(shape, small, monkeypatch):
    monkeypatch.setattr(winograd, "SMALL", small)
    check_parameter_gradients(shape)


@pytest.mark.parametrize("channels", [31, 32, 33, 70])
def test_the_parameter_gradients_of_many_channels_in_parts(channels, monkeypatch):
    monkeypatch.setattr(winograd, "SUMS", 1)
    check_parameter_gradients((9, 11, channels))


def check_parameter_gradients(shape):
    x, w, _, dy = draw(shape, 7)
    y = np.maximum(dy[::-1], 0)
    dz = np.where(y > 0, dy, 0)
    expected = ops.conv2d.backward(*doubled([dz, x, w]))[1:]
    found = winograd.parameter_gradients(dy, y, x, w)
    for gradient, definition in zip(found, expected, strict=True):
        assert_equal_up_to_rounding(gradient, definition, ROUNDING)


def test_values_beyond_the_edge_of_a_block_do_not_count(monkeypatch):
    x, w, b, _ = draw((12, 13, 2), 3)
    expected = np.maximum(ops.conv2d.forward(*doubled([x, w, b])), 0)
    scratch = winograd.scratch
    monkeypatch.setattr(winograd, "scratch", lambda *a: scratch(*a) * np.float32(0) + np.nan)
    assert_equal_up_to_rounding(winograd.forward(x, w, b), expected, ROUNDING)


@pytest.mark.parametrize(
    ("rows", "columns", "channels", "features", "pays"),
    [
        (568, 568, 64, 64, True),  #     the paper's first level
        (64, 64, 512, 512, True),  #     its fourth
        (28, 28, 1024, 1024, True),  #   its bottom
        (36, 36, 128, 128, True),  #     that of a network with 16 channels
        (12, 12, 256, 256, False),  #    small: transforming the kernel takes most of the time
        (570, 570, 1, 64, False),  #     the image
        (344, 344, 16, 16, False),  #    narrow
    ],
)
def test_layers_for_which_this_form_is_chosen(rows, columns, channels, features, pays):
    assert winograd.pays(rows, columns, np.empty((3, 3, channels, features))) == pays


def test_the_transforms_multiply_polynomials_exactly():
    # Four outputs of three taps by hand, in integers: y[k] = d[k] + 2 d[k+1] + 3 d[k+2].
    d, g = np.array([1, 4, 0, -2, 5, 3]), np.array([1, 2, 3])
    y = winograd.AT @ ((winograd.G @ g) * (winograd.BT @ d))
    np.testing.assert_allclose(y, [9, -2, 11, 17], atol=1e-12)
