"""The form for very few channels equals the definition up to rounding."""

import numpy as np
import pytest
from fast_checks import assert_equal_up_to_rounding, doubled, draw

from minunet import ops
from minunet.fast import narrow

pytestmark = pytest.mark.usefixtures("thread_count", "small_bands")

ROUNDING = 2e-6

MAPS = pytest.mark.parametrize(
    ("shape", "kernel"),
    [((21, 17, 1), (3, 3)), ((3, 12, 3), (3, 3)), ((9, 8, 2), (2, 5)), ((7, 5, 4), (1, 1))],
)


@MAPS
def test_forward_equals_the_definition(shape, kernel):
    x, w, b, _ = draw(shape, 7, kernel)
    expected = ops.conv_relu.forward(*doubled([x, w, b]))
    assert_equal_up_to_rounding(narrow.forward(x, w, b), expected, ROUNDING)


@MAPS
def test_the_parameter_gradients_equal_the_definition(shape, kernel):
    x, w, b, dy = draw(shape, 7, kernel)
    y = narrow.forward(x, w, b)
    expected = ops.conv_relu.backward(*doubled([dy, y, x, w]))[1:]
    found = narrow.parameter_gradients(dy, y, x, w)
    for gradient, definition in zip(found, expected, strict=True):
        assert_equal_up_to_rounding(gradient, definition, 10 * ROUNDING)  # sums with cancellation


@pytest.mark.parametrize(
    ("channels", "pays"),
    [(1, True), (3, True), (16, False)],  # grey, colour, the second layer
)
def test_layers_for_which_this_form_is_chosen(channels, pays):
    assert narrow.pays(np.empty((3, 3, channels, 16))) == pays
