"""Compare the forms for a GPU with the definitions, in NumPy and on the stand-in for CuPy."""

import numpy as np
import standin


def draw(seed, *shapes):
    """Draw float32 arrays."""
    rng = np.random.default_rng(seed)
    return [rng.standard_normal(shape).astype(np.float32) for shape in shapes]


def assert_equals(form, definition, *arrays, tolerance=1e-6):
    """Compare a function with its definition in float64; on the stand-in, it gives the same bits.

    The tolerance is relative to the largest magnitude of each result.
    """
    before = [array.copy() for array in arrays]
    found, expected = form(*arrays), definition(*(as_double(array) for array in arrays))
    on_device = standin.to_host(form(*map(standin.StandIn, arrays)))  # with the same strides
    if not isinstance(found, tuple):
        found, expected, on_device = (found,), (expected,), (on_device,)
    for one, exact, device in zip(found, expected, on_device, strict=True):
        assert one.shape == exact.shape
        assert one.dtype == (np.float32 if exact.dtype == np.float64 else exact.dtype)
        limit = tolerance * max(float(np.abs(exact).max()), 1e-30)
        np.testing.assert_allclose(one, exact, rtol=0, atol=limit)
        np.testing.assert_array_equal(device, one)
    for array, old in zip(arrays, before, strict=True):
        np.testing.assert_array_equal(array, old)


def as_double(array):
    """Convert float32 to float64; leave integers as they are."""
    return array.astype(np.float64) if array.dtype == np.float32 else array
