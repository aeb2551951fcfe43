"""Tables of a report have the right cells, shades, small plots and bold settings."""

from math import inf, nan
from xml.etree.ElementTree import tostring

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from reports import MISSED, V_RAND, WARPING, settings, text

from minunet.metrics.score import Score, number
from minunet.report import tables
from minunet.runs.settings import PRESETS, from_options

SCORES = [V_RAND, WARPING, MISSED]
NAMES = ("21", "22", "img10")


def scores_table(*scores):
    return tables.tag("section", *tables.scores_table(scores))


def by_slice_table(*scores, names=NAMES):
    return tables.tag("section", *tables.by_slice_table(scores, names))


def settings_table(chosen):
    return tables.tag("section", *tables.settings_table(chosen.to_json()))


def rows(section):
    """List the rows of the table in a section, each as a list of cells."""
    return [list(row) for row in section.findall(".//tbody/tr")]


def words(section):
    """List the rows of the table in a section, each as a list of texts."""
    return [[text(cell) for cell in row] for row in rows(section)]


def test_every_score_with_its_threshold_and_convention():
    assert [[cell.strip() for cell in row] for row in words(scores_table(*SCORES))] == [
        ["V_Rand, thinned an F-score; 4-connected", "0.921 ± 0.026 ↑", "0.4", ""],
        ["warping error of splits and mergers", "0.00035 ± 0.00015 ↓", "0.6", ""],
        ["cells missed a count", "17 ↓", "", ""],
    ]


def test_without_scores_there_are_no_tables():
    assert list(tables.scores_table([])) == []
    assert list(tables.by_slice_table([], NAMES)) == []


def test_the_small_plot_of_a_score_by_threshold():
    by_threshold = (0.2, 0.4, nan, 0.6, 0.2, 0.2, 0.2, 0.2, 0.2, 0.3)
    section = scores_table(V_RAND._replace(by_threshold=by_threshold, threshold=0.3))
    (plot,) = section.iter("svg")
    # x is 4 … 124 for thresholds 0.0 … 0.9; y is 32 for the lowest value and 4 for the highest.
    points = [tuple(map(float, p.split(","))) for p in plot.find("polyline").get("points").split()]
    assert points[:3] == [(4, 32), (17.3, 18), (44, 4)]
    assert points[-1] == (124, 25)
    assert len(points) == 9  # nan has no point
    circle = plot.find("circle")
    assert (float(circle.get("cx")), float(circle.get("cy"))) == (44, 4)
    values = "V_Rand, thinned: 0.2000 at 0, 0.4000 at 0.1, 0.6000 at 0.3, 0.2000 at 0.4,"
    assert plot.get("aria-label").startswith(values)


def test_the_small_plot_of_a_constant_score():
    section = scores_table(V_RAND._replace(by_threshold=(0.5,) * 9 + (nan,), threshold=0.9))
    points = section.find(".//svg/polyline").get("points").split()
    assert {point.split(",")[1] for point in points} == {"32.0"}
    assert section.find(".//svg/circle") is None  # the value at the threshold is unknown


def test_scores_by_slice():
    section = by_slice_table(*SCORES)
    heads = [text(head) for head in section.findall(".//thead/tr/th")]
    assert heads == ["slice", "V_Rand, thinned", "warping error", "cells missed"]
    assert words(section) == [
        ["21", "0.9000worst", "0.000200best", "8worst"],
        ["22", "0.9500best", "0.000500worst", "1best"],
        ["img10", "0.9400", "0.000350", "8worst"],
        ["all", "0.9213", "0.000353", "17"],
    ]
    shades = [[cell.get("style") for cell in row[1:]] for row in rows(section)]
    # 0.94 is a fifth of the way from the best, 0.95, to the worst, 0.9; 0.00035 is half way.
    assert shades == [
        ["--bad: 1.00", "--bad: 0.00", "--bad: 1.00"],
        ["--bad: 0.00", "--bad: 1.00", "--bad: 0.00"],
        ["--bad: 0.20", "--bad: 0.50", "--bad: 1.00"],
        [None, None, None],
    ]


def test_equal_slices_are_not_ranked():
    section = by_slice_table(V_RAND._replace(slices=(0.9, nan, 0.9)))
    assert [row[1] for row in words(section)[:3]] == ["0.9000", "–", "0.9000"]
    assert {row[1].get("style") for row in rows(section)} == {None}


@pytest.mark.parametrize("nothing", [nan, None, inf])
def test_scores_without_a_value(nothing):
    empty = V_RAND._replace(
        value=nothing, slices=(nothing, 0.5, 0.7), threshold=None, by_threshold=(nothing,) * 10
    )
    scores = empty, MISSED._replace(slices=(nothing,) * 3)
    section = scores_table(*scores)
    assert words(section)[0][1:] == ["– ↑", ""]
    assert section.find(".//svg") is None
    assert [row[1:] for row in words(by_slice_table(*scores))] == [
        ["–", "–"],
        ["0.5000worst", "–"],
        ["0.7000best", "–"],
        ["–", "17"],
    ]


def test_a_count_has_no_arrow_and_no_best_slice():
    count = Score("n", "cells in the truth", 9.0, (4.0, 5.0), "a count", higher_is_better=None)
    legend = "↑ higher is better, ↓ lower is better."
    assert "↑" not in text(scores_table(count)).replace(legend, "")
    section = by_slice_table(count, names=("0", "1"))
    assert "best" not in text(section.find(".//table"))
    assert "--bad" not in tostring(section, encoding="unicode")


def test_settings_of_this_run_come_first_and_are_bold():
    clip = PRESETS["tiny"]["clip"]  # given, but equal to the default
    chosen = from_options(
        **{"experiment": "em", "preset": "tiny", "images": "a", "labels": "b", "clip": clip},
        **{"seed": 3, "dropout": 0.25, "label_values": (0, 255), "cells": True},
        **{"in_channels": 3, "fingerprint": "f"},
    )
    shown = settings(settings_table(chosen))
    bold = [(group, name) for group, of in shown.items() for name, _, given in of if given]
    assert bold == [
        *(("Data", "images"), ("Data", "labels"), ("Network", "dropout")),
        *(("Run", "preset"), ("Run", "experiment"), ("Run", "seed")),
    ]
    for of in shown.values():
        given_first = [given for _, _, given in of]
        assert given_first == sorted(given_first, reverse=True)
    assert ("dropout", "0.25", True) in shown["Network"]
    assert ("label values", "0, 255", False) in shown["Data"]
    assert ("cells", "yes", False) in shown["Data"]


def test_every_setting_is_shown_once():
    chosen = from_options(images="em.tif", labels="cells.tif", steps=3)
    shown = settings(settings_table(chosen))
    names = [name for of in shown.values() for name, _, _ in of]
    assert sorted(names) == sorted(name.replace("_", " ") for name in chosen.to_json())
    assert list(shown) == ["Data", "Network", "Training", "Evaluation", "Run"]
    assert ("cells", "no", False) in shown["Data"]
    assert ("experiment", "–", False) in shown["Run"]
    assert ("preset", "tiny", False) in shown["Run"]
    assert ("steps", "3", True) in shown["Training"]


def test_the_defaults_of_an_experiment_are_not_bold():
    section = settings_table(from_options(experiment="cells"))
    bold = [row for of in settings(section).values() for row in of if row[2]]
    assert bold == [("experiment", "cells", True)]
    assert "defaults of the experiment cells and the preset laptop, or" in text(section)
    assert "defaults of the preset tiny, or" in text(settings_table(from_options()))


@given(st.floats(1e-9, 0.00999))
def test_small_numbers_have_three_digits(value):
    shown = number(value)
    assert "e" not in shown
    # With three digits, the rounding error is at most 1/200 of the number.
    assert abs(float(shown) - value) <= value / 200 * (1 + 1e-9)
    assert 3 <= len(shown.replace(".", "").lstrip("0")) <= 4  # 0.0099999 is 0.01000


@given(st.floats(0.01, 9.9))
def test_other_numbers_have_four_decimals(value):
    shown = number(value)
    assert abs(float(shown) - value) <= 0.00005 * (1 + 1e-9)
    assert shown == f"{value:.0f}" or len(shown.split(".")[1]) == 4


def test_scores_without_a_threshold_have_no_column_for_it():
    one = MISSED._replace(name="pixel error")
    assert words(scores_table(one, one))[0][1:] == ["17 ↓"]


def test_the_confusion_of_classes_by_hand():
    matrix = np.array([[900, 100, 0], [0, 0, 0], [1, 1, 2]])
    section = tables.tag("section", *tables.confusion_table(matrix, ["0", "32", "255"]))
    assert [text(cell) for cell in section.find(".//thead/tr")] == [
        *("true class", "0", "32", "255", "pixels")
    ]
    assert words(section) == [
        ["0", "90.0", "10.0", "0.0", "1,000"],
        ["32", "–", "–", "–", "0"],
        ["255", "25.0", "25.0", "50.0", "4"],
    ]
    shades = [[cell.get("style") for cell in row] for row in rows(section)]
    assert shades == [
        [None, None, "--bad: 0.10", None, None],
        [None] * 5,
        [None, "--bad: 0.25", "--bad: 0.25", None, None],
    ]
