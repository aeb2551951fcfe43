"""The convolution with ReLU for a GPU equals the definition."""

import ledger
import standin
from gpu_checks import assert_equals, draw

from minunet import ops
from minunet.gpu import conv_relu


def test_forward_and_backward_equal_the_definition():
    x, w, b, dy = draw(0, (8, 9, 3), (3, 3, 3, 4), (4,), (6, 7, 4))
    assert_equals(conv_relu.forward, ops.conv_relu.forward, x, w, b)
    y = conv_relu.forward(x, w, b)
    assert 0 < (y == 0).mean() < 1
    assert_equals(conv_relu.backward, ops.conv_relu.backward, dy, y, x, w, tolerance=5e-6)


def test_the_gradients_of_the_first_layer_need_no_dx():
    x, w, b, dy = draw(0, (8, 9, 1), (3, 3, 1, 4), (4,), (6, 7, 4))
    y = conv_relu.forward(x, w, b)
    given = (dy, y, x, w)
    assert_equals(
        conv_relu.parameter_gradients, ops.conv_relu.parameter_gradients, *given, tolerance=5e-6
    )
    with ledger.kept() as entries:
        conv_relu.parameter_gradients(*map(standin.StandIn, given))
    # Two for the ReLU, one to put neighbours beside each other, a product for each row of the
    # kernel, and two for the sum over the pixels.
    assert len(ledger.of(entries, "launch")) == 2 + 1 + 3 + 2
