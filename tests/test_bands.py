"""Bands of rows: by hand, every row once, and none larger than what should be in memory."""

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from minunet import bands


def test_bands_by_hand():
    assert list(bands.bands((3, 2**20))) == [slice(0, 1), slice(1, 2), slice(2, 3)]
    assert list(bands.bands((3, 2**18, 2))) == [slice(0, 2), slice(2, 3)]
    assert list(bands.bands((20, 10**4))) == [slice(0, 20)]
    # A row that is larger than a band is one all the same.
    assert list(bands.bands((2, 10**7))) == [slice(0, 1), slice(1, 2)]


def test_bands_for_the_cache_by_hand():
    assert list(bands.bands((40, 572), cached=True)) == [slice(0, 14), slice(14, 28), slice(28, 40)]
    assert list(bands.bands((2, 10**4), cached=True)) == [slice(0, 1), slice(1, 2)]


@pytest.mark.parametrize("cached", [False, True])
@given(shape=st.lists(st.integers(1, 3000), min_size=1, max_size=3))
def test_every_row_is_in_one_band(cached, shape):
    most = bands.CACHED if cached else bands.MOST
    cut = list(bands.bands(tuple(shape), cached))
    assert [row for band in cut for row in range(shape[0])[band]] == list(range(shape[0]))
    row = math.prod(shape[1:])
    for band in cut:
        assert (band.stop - band.start) * row <= max(most, row)
    # No more bands than it takes: all but the last are as large as they may be.
    assert all((band.stop - band.start + 1) * row > most for band in cut[:-1])
