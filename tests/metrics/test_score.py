"""Scores are printed in aligned tables, and the best and the worst slice are found."""

from math import inf, nan

import pytest

from minunet.metrics import score
from minunet.metrics.score import Score

LONG = "Words that say how it is computed, so many of them that one line would not hold them all."
SCORES = [
    Score("v_rand", "V_Rand, thinned", 0.98765, (0.9876, 1.0), LONG, True, 0.8, (0.5, 0.98765)),
    Score("warping", "warping error", 0.000353, (0.0, 0.000706), "Short.", False, 0.1),
    Score("cells", "cells in the truth", 12, (12, 0), "A count."),
    Score("seg", "SEG", 0.5, (0.5, nan), "A mean."),
]


def test_the_table_of_scores():
    lines = score.table(SCORES)
    assert max(map(len, lines)) <= score.WIDTH
    # The decimal points of all values are aligned.
    assert [line[:47] for line in lines] == [
        "score                             value    at  ",
        "V_Rand, thinned                  0.9877   0.8  ",
        "                                               ",
        "warping error                    0.000353 0.1  ",
        "cells in the truth              12             ",
        "SEG                              0.5000        ",
    ]
    assert [line[47:] for line in lines[3:]] == ["Short.", "A count.", "A mean."]
    assert " ".join(line[47:] for line in lines[1:3]) == LONG


def test_the_table_of_slices():
    assert score.slices_table(SCORES, ["0", "frame 17"]) == [
        "           V_Rand,   warping  cells in",
        "slice      thinned     error the truth       SEG",
        "0         0.9876    0.000000 12         0.5000",
        "frame 17  1.0000    0.000706  0         –",
    ]


@pytest.mark.parametrize(
    ("slices", "higher", "expected"),
    [
        ((0.5, 0.2, 0.9, 0.4), True, [2, 1]),
        ((0.5, 0.2, 0.9, 0.4), False, [1, 2]),
        ((5, 2, 9, 4), None, [1, 2]),  # a count: lower values come first
        ((nan, 0.2, nan, 0.9), True, [3, 1]),
        ((nan, 0.2, nan, 0.9), False, [1, 3]),
        (
            (0.9, 0.2, 0.9, 0.2),
            True,
            [2, 1],
        ),  # the last of the equally good and the first of the equally bad
        ((0.9, 0.2, 0.9, 0.2), False, [3, 0]),
        ((0.7, 0.7), True, [1, 0]),
        ((0.0, -0.0), False, [1, 0]),
        ((0.3,), True, [0]),
        ((nan, nan, 0.3), True, [2]),
        ((nan, inf), True, []),
        ((), True, []),
    ],
)
def test_the_best_and_the_worst_slice(slices, higher, expected):
    one = SCORES[0]._replace(slices=slices, higher_is_better=higher)
    assert score.best_and_worst(one) == expected
