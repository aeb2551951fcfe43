"""Scores are printed in aligned tables, and the best and the worst slice are found."""

import json
from math import inf, isnan, nan

import numpy as np
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
    # 0.9876 and 1 differ from their mean by 0.0062: √(2 · 0.0062²) = 0.00877. 0 and 0.000706
    # likewise: √(2 · 0.000353²) = 0.000499. A count is a sum, and one slice has no spread.
    lines = score.table(SCORES)
    assert max(map(len, lines)) <= score.WIDTH
    # The decimal points of all values are aligned.
    assert [line[:61] for line in lines[:-2]] == [
        "score                            value ± spread          at  ",
        "V_Rand, thinned                  0.9877 ± 0.0088        0.8  ",
        "                                                             ",
        "                                                             ",
        "warping error                    0.00035 ± 0.00050      0.1  ",
        "cells in the truth              12                           ",
        "SEG                              0.5000                      ",
    ]
    assert [line[61:] for line in lines[4:-2]] == ["Short.", "A count.", "A mean."]
    assert " ".join(line[61:] for line in lines[1:4]) == LONG
    assert lines[-2:] == ["", "± is the standard deviation over the slices that have a value."]


def test_the_table_of_a_single_slice_has_no_spread():
    lines = score.table([SCORES[3]])
    assert len(lines) == 2
    assert "±" not in lines[1]


@pytest.mark.parametrize(
    ("slices", "spread"),
    [
        ((2.0, 4.0, 4.0, 4.0, 5.0, 5.0, 7.0, 9.0), (32 / 7) ** 0.5),  # mean 5; Σ = 9+1+1+1+4+16
        ((0.5, nan, 0.7), 0.02**0.5),  # mean 0.6; Σ = 0.01 + 0.01; n - 1 = 1
        ((0.5, inf, 0.7), 0.02**0.5),
        ((0.25, 0.25, 0.25), 0.0),
        ((3, 1), 2**0.5),
        ((0.5, nan), None),
        ((0.5,), None),
        ((), None),
    ],
)
def test_the_spread_is_the_sample_deviation_over_the_slices(slices, spread):
    found = SCORES[0]._replace(slices=slices).spread
    assert found is None if spread is None else found == pytest.approx(spread, rel=1e-12)


@pytest.mark.parametrize(
    ("value", "spread", "text"),
    [
        (0.95634, 0.0123, "0.956 ± 0.012"),
        (0.95634, 0.1, "0.96 ± 0.10"),
        (0.5, 0.0996, "0.50 ± 0.10"),  # not 0.100: two digits after rounding
        (0.5, 0.0994, "0.500 ± 0.099"),
        (5.0, 0.95, "5.00 ± 0.95"),
        (98.333, 4.509, "98.3 ± 4.5"),
        (98.333, 9.96, "98 ± 10"),
        (1234.0, 45.6, "1234 ± 46"),
        (1234.0, 123.0, "1230 ± 120"),
        (123456.0, 9876.0, "123500 ± 9900"),
        (0.000353, 0.0000214, "0.000353 ± 0.000021"),
        (-0.5, 0.25, "-0.50 ± 0.25"),
        (-0.001, 0.12, "0.00 ± 0.12"),
        (0.0, 0.12, "0.00 ± 0.12"),
        (0.95634, 0.0, "0.9563 ± 0"),
        (0.3, 5e-17, "0.3000 ± 0"),  # rounding
        (1.0, 0.0, "1 ± 0"),
        (0.0, 0.0, "0 ± 0"),
        (0.95634, None, "0.9563"),
        (0.95634, nan, "0.9563"),
        (0.95634, inf, "0.9563"),
        (nan, 0.1, "–"),
        (None, 0.1, "–"),
    ],
)
def test_a_value_has_no_more_digits_than_its_spread_allows(value, spread, text):
    assert score.with_spread(value, spread) == text


def test_a_headline_has_its_spread_unless_it_is_a_count():
    # 0.9876, 1: see above. The counts 12 and 0 add up to 12; their deviation is not that of 12.
    shown = [score.value_and_spread(one) for one in SCORES]
    assert shown == ["0.9877 ± 0.0088", "0.00035 ± 0.00050", "12", "0.5000"]


def test_json_round_trip():
    for one in SCORES:
        written = json.loads(json.dumps(one.to_json(), allow_nan=False))
        assert written["spread"] == one.spread
        restored = Score.from_json(written)
        np.testing.assert_equal(restored._asdict(), one._asdict() | {"slices": tuple(one.slices)})
        assert restored.is_count == one.is_count
    old = {key: value for key, value in SCORES[0].to_json().items() if key != "spread"}
    assert Score.from_json(old | {"later": 1}) == SCORES[0]
    assert isnan(Score.from_json(SCORES[0].to_json() | {"value": None}).value)


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
