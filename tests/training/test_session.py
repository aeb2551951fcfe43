"""The commands that a run prints do what the run did."""

import shlex
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest

from minunet import runs, train
from minunet.image import Sample
from minunet.runs.settings import from_options
from minunet.training import session
from minunet.training.results import Run


def made(folder, **given):
    return Run(folder, from_options(**given), None, None, "a machine")


@pytest.mark.parametrize(
    "given",
    [
        {"experiment": "em", "images": "/my data/a.tif", "labels": "/$(touch x)/b.tif", "seed": 7},
        {"experiment": "cells", "shrink": 4.0, "tile": 220, "steps": 708},  # as --minutes planned
        {"preset": "laptop", "tile": 252, "learning_rate": 0.05, "test": "3:4", "ignore": -1.0},
    ],
)
def test_the_command_that_trains_has_all_settings(given):
    ((purpose, line), *_) = session.commands(made(Path("run"), **given))
    assert purpose == "train"
    python, m, module, *arguments = shlex.split(line)
    assert (python, m, module) == ("python", "-m", "minunet.train")
    assert from_options(**train.parse(arguments).given) == from_options(**given)


def test_a_prediction_is_averaged_as_the_scores_of_the_run_were():
    (_, (_, line), _) = session.commands(made(Path("my run"), experiment="em"))
    assert shlex.split(line)[3:] == [
        *("my run/best.npz", "IMAGE.tif", "-o", "OUT", "--average", "symmetries")
    ]
    (_, (_, line), _) = session.commands(made(Path("run")))
    assert "--average" not in line


def test_evaluate_is_told_what_the_labels_mean():
    given = {"experiment": "cells", "cells": True, "label_threshold": 0.5, "ignore": 9.0}
    (*_, (_, line)) = session.commands(made(Path("run"), **given))
    words = shlex.split(line)
    assert words[words.index("--labels-are") + 1] == "cells"
    assert float(words[words.index("--label-threshold") + 1]) == 0.5
    assert float(words[words.index("--ignore") + 1]) == 9


def test_the_summary_of_a_run(tmp_path):
    for step, seconds in ((1, 50.0), (2, 75.0)):
        row = {"step": step, "energy": 0.5, "learning_rate": 0.1, "seconds": seconds}
        runs.append(tmp_path, row)
    this = made(tmp_path)._replace(state=type("State", (), {"step": 2}))
    done, first, second, report, _ = session.summary(this, ["a score", "where it is from"])
    assert done == "done      2 steps in 2 min 5 s"
    assert (first, second) == ("scores    a score", "          where it is from")
    assert report == f"report    {tmp_path / 'report.html'}"


@pytest.mark.parametrize("factors", [(1.0, 1.0), (2.0, 2.0), (3.0, 1.5)])
def test_the_weight_map_is_drawn_as_the_network_sees_it(tmp_path, monkeypatch, factors):
    drawn = []
    monkeypatch.setattr("minunet.report.figure3.figure3", lambda *given: drawn.append(given))
    cells = np.zeros((12, 18), np.int32)
    cells[:, :6], cells[:, 12:] = 1, 7
    height, width = round(12 / factors[0]), round(18 / factors[1])
    x, weights = np.zeros((height, width, 1)), np.ones((height, width))
    sample = Sample(x, np.zeros((height, width)), weights)
    data = SimpleNamespace(
        cells=[None, cells], samples=[None, sample], factors=factors, training=[1], names=["a", "b"]
    )
    run = made(tmp_path)._replace(data=data)
    session.draw_weight_map(run)
    ((path, image, small, shown, name),) = drawn
    assert (path, name) == (tmp_path / "weight_map.png", "b")
    assert image is x
    assert shown is weights
    third = width // 3  # both cells and the background between them have a third of the columns
    np.testing.assert_array_equal(small, [[1] * third + [0] * third + [7] * third] * height)
    path.touch()
    session.draw_weight_map(run)
    assert len(drawn) == 1
