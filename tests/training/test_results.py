"""At the end of a run, the right slices are scored and drawn, and the results are written."""

import json

import numpy as np
import pytest
from finished import KINDS, draw, network, settings
from matplotlib.figure import Figure

from minunet import report, runs
from minunet.metrics import cells, em
from minunet.prediction import averaging, instances
from minunet.prediction.tiling import Tiling
from minunet.training import pictures, results
from minunet.training.results import Run


def softmax(a):
    e = np.exp(a.astype(np.float64))
    return e / e.sum(axis=-1, keepdims=True)


@pytest.mark.parametrize("kind", KINDS)
def test_the_held_out_slices_are_segmented_with_the_average(kind):
    data = draw(kind)
    found = results.probabilities(network(kind), data, settings(kind))
    assert len(found) == 2
    for p, k in zip(found, (1, 3), strict=True):
        a = averaging.logits(network(kind), data.images[k], Tiling(24, average="flips"))
        np.testing.assert_allclose(p, softmax(a), atol=1e-6)  # measured: 1e-7


@pytest.mark.parametrize("kind", KINDS)
def test_every_kind_of_data_has_its_scores(kind):
    data = draw(kind)
    p = results.probabilities(network(kind), data, settings(kind))
    assert results.kind(data) == kind
    found = results.score(data, p, settings(kind))
    assert set(results.HEADLINES[kind]) <= {one.key for one in found}
    if kind == "em":
        truth = [data.cells[k] for k in (1, 3)]
        assert found == em.scores(truth, [one[..., 1] for one in p], processes=1)
    elif kind == "cells":
        for count in (4, 8):
            found = results.score(data, p, settings(kind, connectivity=count))
            proposals = [
                instances.from_probability(one[..., 1], smallest=2, connectivity=count) for one in p
            ]
            assert found == cells.scores([data.cells[k] for k in (1, 3)], proposals)
    else:
        wrong = [
            np.mean(one.argmax(-1) != data.labels[k]) for one, k in zip(p, (1, 3), strict=True)
        ]
        error = next(one for one in found if one.key == "pixel_error")
        np.testing.assert_allclose(error.slices, wrong, rtol=1e-12)
        assert error.value == pytest.approx(np.mean(wrong), rel=1e-12)  # equally large slices


@pytest.mark.parametrize("kind", KINDS)
def test_scores_and_report_are_written(tmp_path, kind):
    (tmp_path / "curves.png").write_bytes(report.png(Figure()))
    runs.append(tmp_path, {"step": 1, "energy": 0.5, "learning_rate": 0.1, "seconds": 2.0})
    data, given = draw(kind), settings(kind)
    run = Run(tmp_path, given, data, None, "a machine")
    scores = results.finish(run, network(kind), "best.npz, step 1", [("go", "go on")])
    written = json.loads((tmp_path / "scores.json").read_text())
    assert written.pop("slice_names") == ["1", "3"]
    assert {key: one["value"] for key, one in written.items()} == {
        one.key: pytest.approx(one.value, nan_ok=True) for one in scores
    }
    page = (tmp_path / "report.html").read_text()
    for words in ("best.npz, step 1", "a machine", "go on", "2 slices (1, 3)", scores[0].name):
        assert words in page


@pytest.mark.parametrize("held_out", [(1, 3), ()])
@pytest.mark.parametrize("kind", KINDS)
def test_contents_of_the_report(tmp_path, monkeypatch, kind, held_out):
    made, best = [], []
    monkeypatch.setattr(report, "write", lambda path, written: made.append((path, written)))

    def draw_best_and_worst(data, p, ranking, settings):
        best.append(ranking.key)
        return ["a picture"]

    monkeypatch.setattr(pictures, "draw_best_and_worst", draw_best_and_worst)
    (tmp_path / "curves.png").write_bytes(b"curves")
    for step, seconds in ((1, 2.0), (2, 0.5)):
        row = {"step": step, "energy": 0.5, "learning_rate": 0.1, "seconds": seconds}
        runs.append(tmp_path, row)
    data, given = draw(kind, held_out), settings(kind)
    run, commands = Run(tmp_path, given, data, None, "a machine"), [("go", "go on")]
    scores = results.finish(run, network(kind), "best.npz, step 1", commands)
    ((path, written),) = made
    assert path == tmp_path / "report.html"
    assert best == [{"em": "v_rand", "cells": "seg", "classes": "pixel_error"}[kind]]
    assert written == report.Report(
        title=tmp_path.name,
        settings=given.to_json(),
        description=["split     in two"],
        log=runs.read(tmp_path),
        scores=scores,
        headline=results.HEADLINES[kind],
        slices=list(held_out) or [0, 1, 2, 3],
        names=["1", "3"] if held_out else ["0", "1", "2", "3"],
        trained_on=not held_out,
        checkpoint="best.npz, step 1",
        picked=True,
        curves=b"curves",
        pictures=["a picture"],
        seconds=2.5,
        device="a machine",
        version=results.minunet.__version__,
        commands=commands,
    )
    text = (tmp_path / "scores.json").read_text()
    assert text.endswith("}\n")
    assert "\\u" not in text


def test_the_score_that_chooses_the_best_step():
    assert results.DEFAULT_RANKING == {"em": "v_rand", "cells": "seg", "classes": "iou"}


@pytest.mark.parametrize("kind", KINDS)
def test_every_tile_and_every_score_is_reported(monkeypatch, kind):
    texts, totals = [], []

    class Watched(results.Progress):
        def __init__(self, total, unit):
            totals.append((total, unit))
            super().__init__(total, unit)

        def advance(self, text):
            texts.append(text)
            super().advance(text)

    monkeypatch.setattr(results, "Progress", Watched)
    data = draw(kind)
    p = results.probabilities(network(kind), data, settings(kind))
    # Outputs of 8 pixels: four for 30 rows, six for 41 columns; `flips` has four versions.
    assert totals == [(2 * 96, "tile")]
    assert texts == ["slice 1"] * 96 + ["slice 3"] * 96
    results.score(data, p, settings(kind))
    assert totals[1:] == ([(20, "score")] if kind == "em" else [])
    assert len(texts) == sum(total for total, _ in totals)
