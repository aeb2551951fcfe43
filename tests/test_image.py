"""Bands of rows: every row once, as many at a time as may be."""

import pytest

from minunet.image import bands


@pytest.mark.parametrize("height", [0, 1, 2, 3, 4, 7, 12])
@pytest.mark.parametrize(("width", "rows"), [(5, 3), (7, 2), (11, 1), (40, 1)])
def test_every_row_once_in_the_longest_bands_of_whole_rows(height, width, rows):
    cut = list(bands((height, width), most=15))
    assert [row for band in cut for row in range(band.start, band.stop)] == list(range(height))
    assert all(band.stop - band.start == rows for band in cut[:-1])
    assert all(1 <= band.stop - band.start <= rows for band in cut)


def test_the_values_of_all_channels_count():
    assert list(bands((4, 5, 3), most=30)) == [slice(0, 2), slice(2, 4)]


def test_unless_told_a_band_has_a_million_values(monkeypatch):
    assert [band.stop for band in bands((2500, 1024))] == [1024, 2048, 2500]
    monkeypatch.setattr("minunet.image.MOST", 10 * 1024)
    assert [band.stop for band in bands((25, 1024))] == [10, 20, 25]
