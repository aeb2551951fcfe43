"""The convolution with ReLU for a GPU equals the definition."""

from gpu_checks import assert_equals, draw

from minunet import ops
from minunet.gpu import conv_relu


def test_forward_and_backward_equal_the_definition():
    x, w, b, dy = draw(0, (8, 9, 3), (3, 3, 3, 4), (4,), (6, 7, 4))
    assert_equals(conv_relu.forward, ops.conv_relu.forward, x, w, b)
    y = conv_relu.forward(x, w, b)
    assert 0 < (y == 0).mean() < 1
    assert_equals(conv_relu.backward, ops.conv_relu.backward, dy, y, x, w, tolerance=5e-6)
