"""The tap loop in bands equals the definition up to rounding."""

import numpy as np
import pytest
from fast_checks import SHAPES, assert_equal_up_to_rounding, doubled, draw

from minunet import ops
from minunet.fast import direct

pytestmark = pytest.mark.usefixtures("thread_count", "small_bands")

ROUNDING = 2e-6  # measured: 4e-7 of the largest entry


@SHAPES
def test_forward_equals_the_definition(shape):
    x, w, b, _ = draw(shape, 7)
    expected = np.maximum(ops.conv2d.forward(*doubled([x, w, b])), 0)
    assert_equal_up_to_rounding(direct.forward(x, w, b), expected, ROUNDING)


@SHAPES
def test_the_input_gradient_equals_the_definition(shape):
    x, w, _, dy = draw(shape, 7)
    y = np.maximum(dy[::-1], 0)  # any map with zeros will do
    dz = np.where(y > 0, dy, 0)
    expected = ops.conv2d.backward(*doubled([dz, x, w]))[0]
    assert_equal_up_to_rounding(direct.backward(dy, y, x, w)[0], expected, ROUNDING)


def test_parameter_gradients_alone_match_backward():
    x, w, b, dy = draw((9, 12, 2), 3)
    y = direct.forward(x, w, b)
    dw, db = direct.parameter_gradients(dy, y, x, w)
    whole = direct.backward(dy, y, x, w)
    np.testing.assert_array_equal(dw, whole[1])
    np.testing.assert_array_equal(db, whole[2])
