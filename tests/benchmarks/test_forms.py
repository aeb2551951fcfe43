"""The simple forms of a convolution match SciPy for any shape."""

import forms
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.signal import correlate

FORMS = pytest.mark.parametrize("form", [forms.naive_loop, forms.pixel_loop, forms.im2col])


def draw(shape, kernel, features, dtype=np.float64, seed=0):
    """Draw map, kernel and bias of a convolution."""
    rng = np.random.default_rng(seed)
    shapes = shape, (*kernel, shape[2], features), (features,)
    return [rng.standard_normal(s).astype(dtype) for s in shapes]


@FORMS
def test_by_hand(form):
    x = np.array([[[1.0], [2], [0]], [[3], [-1], [4]]])
    w = np.array([[[[1.0, 0]], [[2, 5]]], [[[0, 1]], [[-1, 0]]]])  # (2, 2, 1, 2)
    # Channel 0: 1 + 2·2 - (-1) + 10, 2 + 0 - 4 + 10; channel 1: 5·2 + 3 + 20, 0 - 1 + 20.
    np.testing.assert_array_equal(form(x, w, np.array([10.0, 20])), [[[16, 33], [8, 19]]])


@FORMS
@given(
    extent=st.tuples(st.integers(5, 9), st.integers(4, 8), st.integers(1, 3)),
    kernel=st.sampled_from([(3, 3), (1, 1), (2, 4), (5, 1)]),
    features=st.integers(1, 4),
    seed=st.integers(0, 99),
)
def test_matches_scipy(form, extent, kernel, features, seed):
    x, w, b = draw(extent, kernel, features, seed=seed)
    channels = [correlate(x, w[..., o], mode="valid")[..., 0] + b[o] for o in range(features)]
    y = form(x, w, b)
    assert y.shape == (extent[0] - kernel[0] + 1, extent[1] - kernel[1] + 1, features)
    np.testing.assert_allclose(y, np.stack(channels, axis=-1), rtol=0, atol=1e-12)  # 7e-15


@FORMS
def test_keeps_the_dtype_and_does_not_write_to_its_arguments(form):
    arguments = draw((6, 5, 2), (3, 3), 3, np.float32)
    for array in arguments:
        array.flags.writeable = False
    assert form(*arguments).dtype == np.float32


@FORMS
def test_accepts_a_view(form):
    x, w, b = draw((6, 5, 2), (3, 3), 3)
    np.testing.assert_array_equal(form(x[::-1, 1:], w, b), form(x[::-1, 1:].copy(), w, b))
