"""Shared by the tests of `minunet.fast`: arrays to draw, and equality up to rounding."""

import numpy as np
import pytest
from hypothesis import strategies as st

SIDES = st.integers(3, 40)
CHANNELS = st.integers(1, 9)

SHAPES = pytest.mark.parametrize(
    "shape", [(21, 17, 5), (3, 3, 1), (3, 12, 2), (23, 34, 1), (18, 6, 4)]
)


def draw(shape, features, kernel=(3, 3), seed=0):
    """Draw the map, kernel, bias and upstream gradient of a convolution, in float32."""
    rng = np.random.default_rng(seed)
    height, width, channels = shape
    out = (height - kernel[0] + 1, width - kernel[1] + 1, features)
    shapes = shape, (*kernel, channels, features), (features,), out
    return [rng.standard_normal(s).astype(np.float32) for s in shapes]


def doubled(arrays):
    """Convert arrays to float64, in which the definitions are exact."""
    return [a.astype(np.float64) for a in arrays]


def assert_equal_up_to_rounding(found, expected, rtol):
    """Compare with the largest entry: an entry near 0 is rounded like the large ones."""
    assert found.shape == expected.shape
    assert found.dtype == np.float32
    assert np.abs(found - expected).max() <= rtol * np.abs(expected).max()


def read_only(*arrays):
    """Make arrays read-only: whoever writes to one raises a `ValueError`."""
    for array in arrays:
        array.flags.writeable = False
