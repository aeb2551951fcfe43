"""The fast crop and concatenation equals its definition bit for bit."""

import numpy as np
import pytest
from fast_checks import read_only

from minunet import ops
from minunet.fast import crop_concat

pytestmark = pytest.mark.usefixtures("thread_count", "small_bands")


@pytest.mark.parametrize("larger", [(0, 0), (2, 6), (8, 0)])
def test_forward_and_backward_equal_the_definition(larger):
    rng = np.random.default_rng(0)
    up = rng.standard_normal((14, 11, 3)).astype(np.float32)
    skip = rng.standard_normal((14 + larger[0], 11 + larger[1], 5)).astype(np.float32)
    y = crop_concat.forward(up, skip)
    np.testing.assert_array_equal(y, ops.crop_concat.forward(up, skip))
    dy = rng.standard_normal(y.shape).astype(np.float32)
    found = crop_concat.backward(dy, skip.shape)
    for one, other in zip(found, ops.crop_concat.backward(dy, skip.shape), strict=True):
        np.testing.assert_array_equal(one, other)


def test_the_arguments_are_not_modified():
    x = np.random.default_rng(0).standard_normal((16, 13, 3)).astype(np.float32)
    up = x[2:-2, 2:-1]
    read_only(x, up)
    y = crop_concat.forward(up, x)
    read_only(y)
    crop_concat.backward(y, x.shape)
