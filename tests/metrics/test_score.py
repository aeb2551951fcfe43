"""The table of scores in print."""

from math import nan

from minunet.metrics import score
from minunet.metrics.score import Score

LONG = "Words that say how it is computed, so many of them that one line would not hold them all."
SCORES = [
    Score("v_rand", "V_Rand, thinned", 0.98765, (0.9876, 1.0), LONG, True, 0.8, (0.5, 0.98765)),
    Score("warping", "warping error", 0.000353, (0.0, 0.000706), "Short.", False, 0.1),
    Score("cells", "cells in the truth", 12, (12, 0), "A count."),
    Score("seg", "SEG", 0.5, (0.5, nan), "A mean."),
]


def test_a_table():
    lines = score.table(SCORES)
    assert max(map(len, lines)) <= score.WIDTH
    # Points and digits of all values are below one another.
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


def test_a_table_of_slices():
    assert score.slices_table(SCORES, ["0", "frame 17"]) == [
        "           V_Rand,   warping  cells in",
        "slice      thinned     error the truth       SEG",
        "0         0.9876    0.000000 12         0.5000",
        "frame 17  1.0000    0.000706  0         –",
    ]
