"""The fast max pooling equals the definition bit for bit, for any shape and number of threads."""

import numpy as np
import pytest
from fast_checks import CHANNELS, SIDES, read_only
from hypothesis import given, settings
from hypothesis import strategies as st

from minunet import ops
from minunet.fast import maxpool

pytestmark = pytest.mark.usefixtures("thread_count", "small_bands")


@given(height=SIDES, width=SIDES, channels=CHANNELS, seed=st.integers(0, 99))
@settings(max_examples=15, deadline=None)
def test_forward_and_backward_equal_the_definition(height, width, channels, seed):
    rng = np.random.default_rng(seed)
    x = rng.integers(-3, 4, (2 * height, 2 * width, channels)).astype(np.float32)  # full of ties
    y, argmax = maxpool.forward(x)
    expected, winners = ops.maxpool.forward(x)
    np.testing.assert_array_equal(y, expected)
    np.testing.assert_array_equal(argmax, winners)
    np.testing.assert_array_equal(maxpool.largest(x), expected)
    dy = rng.standard_normal(y.shape).astype(np.float32)
    dx = maxpool.backward(dy, argmax)
    np.testing.assert_array_equal(dx, ops.maxpool.backward(dy, argmax))
    assert (argmax.dtype, dx.dtype) == (np.uint8, np.float32)


def test_the_arguments_are_not_modified():
    x = np.random.default_rng(0).standard_normal((16, 12, 3)).astype(np.float32)
    read_only(x)
    maxpool.largest(x)
    y, argmax = maxpool.forward(x)
    read_only(y, argmax)
    maxpool.backward(y, argmax)
