"""The max pooling for a GPU equals the definition, also where pixels are equal."""

import numpy as np
from gpu_checks import assert_equals, draw
from hypothesis import given
from hypothesis import strategies as st

from minunet import ops
from minunet.gpu import maxpool

SMALL = st.integers(1, 5)


@given(height=SMALL, width=SMALL, channels=SMALL, ties=st.booleans())
def test_forward_and_backward_equal_the_definition(height, width, channels, ties):
    (x,) = draw(0, (2 * height, 2 * width, channels))
    x = np.sign(x) if ties else x
    assert_equals(maxpool.forward, ops.maxpool.forward, x, tolerance=0)
    assert_equals(maxpool.largest, ops.maxpool.largest, x, tolerance=0)
    (dy,) = draw(1, (height, width, channels))
    assert_equals(maxpool.backward, ops.maxpool.backward, dy, maxpool.forward(x)[1], tolerance=0)
