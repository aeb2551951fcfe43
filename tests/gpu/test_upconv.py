"""The up-convolution for a GPU equals the definition, for any shape."""

from gpu_checks import assert_equals, draw
from hypothesis import given
from hypothesis import strategies as st

from minunet import ops
from minunet.gpu import upconv

SMALL = st.integers(1, 5)


@given(height=SMALL, width=SMALL, c=SMALL, o=SMALL)
def test_forward_and_backward_equal_the_definition(height, width, c, o):
    x, w, b = draw(0, (height, width, c), (2, 2, c, o), (o,))
    assert_equals(upconv.forward, ops.upconv.forward, x, w, b)
    # As in the network, the gradient is half of the channels of a concatenated map.
    (dy,) = draw(1, (2 * height, 2 * width, 2 * o))
    for half in (dy[..., :o], dy[..., o:]):
        assert_equals(upconv.backward, ops.upconv.backward, half, x, w, tolerance=5e-6)
