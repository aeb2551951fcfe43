"""The fast up-convolution equals the definition for any shape and number of threads."""

import numpy as np
import pytest
from fast_checks import CHANNELS, SIDES, assert_equal_up_to_rounding, doubled, read_only
from hypothesis import given, settings
from hypothesis import strategies as st

from minunet import ops
from minunet.fast import upconv

pytestmark = pytest.mark.usefixtures("thread_count", "small_bands")


def draw(height, width, channels, features, seed):
    """Draw x, w, b and an upstream gradient, in float32."""
    rng = np.random.default_rng(seed)
    shapes = (height, width, channels), (2, 2, channels, features), (features,)
    x, w, b = (rng.standard_normal(s).astype(np.float32) for s in shapes)
    # As in the network, the gradient is half of the channels of a concatenated map.
    dy = rng.standard_normal((2 * height, 2 * width, 2 * features)).astype(np.float32)
    return x, w, b, dy[..., :features]


@given(height=SIDES, width=SIDES, channels=CHANNELS, features=CHANNELS, seed=st.integers(0, 99))
@settings(max_examples=15, deadline=None)
def test_forward_and_backward_equal_the_definition(height, width, channels, features, seed):
    x, w, b, dy = draw(height, width, channels, features, seed)
    expected = ops.upconv.forward(*doubled([x, w, b]))
    assert_equal_up_to_rounding(upconv.forward(x, w, b), expected, 2e-6)
    expected = ops.upconv.backward(*doubled([dy, x, w]))
    for found, definition in zip(upconv.backward(dy, x, w), expected, strict=True):
        assert_equal_up_to_rounding(found, definition, 3e-5)  # sums whose terms cancel: 6e-6


def test_the_arguments_are_not_modified():
    x, w, b, dy = draw(8, 13, 3, 4, seed=0)
    read_only(x, w, b, dy)
    upconv.forward(x, w, b)
    upconv.backward(dy, x, w)
