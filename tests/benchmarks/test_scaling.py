"""The model of scaling: shares of rows, predictions and records of calls."""

import numpy as np
import pytest
import scaling

from minunet.fast import direct, threads


@pytest.fixture(autouse=True)
def threads_as_before():
    before = threads.count()
    yield
    threads.use(before)


@pytest.mark.parametrize(
    ("rows", "most", "count", "share"),
    [
        (12, 3, 1, 1),
        (12, 3, 2, 1 / 2),
        (12, 3, 4, 1 / 4),
        (10, 100, 4, 3 / 10),  # bands of 2, 3, 2 and 3 rows
        (3, 1, 16, 1 / 3),  #     no more threads than rows
    ],
)
def test_largest_share_of_the_rows(rows, most, count, share):
    assert scaling.largest_share(rows, most, count) == pytest.approx(share)


def test_prediction_by_hand():
    calls = [(12, 3, 0.6), (3, 1, 0.3)]
    # 0.1 outside; 0.6 / 4 and 0.3 / 3 inside; two calls of 0.01
    assert scaling.predicted(0.1, calls, 0.01, 4) == pytest.approx(0.1 + 0.15 + 0.1 + 0.02)


def test_calls_are_recorded_only_inside_the_block():
    x, w, b = (np.ones(shape, np.float32) for shape in ((8, 8, 2), (3, 3, 2, 2), 2))
    with scaling.recorded() as calls:
        direct.forward(x, w, b)
    direct.forward(x, w, b)
    ((rows, _most, seconds),) = calls
    assert rows == 6
    assert 0 < seconds < 10
