"""A band of the rectified upstream gradient has the right values and zeros around it."""

import numpy as np
import pytest
from fast_checks import draw

from minunet.fast import rectified

pytestmark = pytest.mark.usefixtures("thread_count", "small_bands")


@pytest.mark.parametrize("kernel", [(3, 3), (2, 4), (1, 1)])
@pytest.mark.parametrize(("first", "n"), [(0, 3), (2, 4), (5, 6), (9, 5)])
def test_zeros_surround_the_band_as_far_as_a_tap_reaches(monkeypatch, kernel, first, n):
    _, w, _, dy = draw((9 + kernel[0] - 1, 7 + kernel[1] - 1, 2), 3, kernel)  # dy: (9, 7, 3)
    y = np.maximum(dy[::-1], 0)
    (kh, kw), dz = kernel, np.where(y > 0, dy, 0)
    padded = np.pad(dz, ((kh - 1, n + 9), (0, kw - 1), (0, 0)))[first : first + n + kh - 1]
    expected = np.pad(padded.reshape(-1, 3), ((kw - 1, 0), (0, 0)))
    empty = rectified.scratch
    monkeypatch.setattr(rectified, "scratch", lambda *a: empty(*a) * np.float32(0) + np.nan)
    np.testing.assert_array_equal(rectified.rectified(dy, y, w.shape, first, n), expected)
