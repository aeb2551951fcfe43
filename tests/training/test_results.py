"""At the end of a run, its scores, its report and its thresholds are written."""

import json

import numpy as np
import pytest
from finished import KINDS, draw, network, settings
from matplotlib.figure import Figure

from minunet import report, runs
from minunet.metrics.score import Score
from minunet.prediction.instances import Rule
from minunet.runs import checkpoint
from minunet.runs.settings import Settings
from minunet.training import pictures, results, scoring, state
from minunet.training.results import Run
from minunet.training.scoring import Trained
from minunet.training.validation import baseline_error


def finished(folder, kind, parts=((1,), (3,))):
    """Make a folder with checkpoints of two steps; return the run, and `last` and `best`."""
    data = draw(kind, (*parts[0], *parts[1]))._replace(held_out=[*parts[0]], test=parts[1])
    score = results.DEFAULT_RANKING[kind]
    given = settings(kind, score=score, average="none", device="cpu")
    begun = state.start(given, "cpu")
    trained = []
    for name, step in (("best.npz", 1), ("last.npz", 2)):
        begun.step = step
        state.save(folder / name, given, begun)
        trained.append(Trained(name, step, network(kind)))
        row = {"step": step, "energy": 0.5, "learning_rate": 0.1, "seconds": 1.25}
        runs.append(folder, row)
    (folder / "curves.png").write_bytes(report.png(Figure()))
    return Run(folder, given, data, begun, "a machine", ()), *trained[::-1]


@pytest.mark.parametrize("kind", KINDS)
def test_scores_report_and_thresholds_are_written(tmp_path, kind):
    run, last, best = finished(tmp_path, kind)
    found, of_last = results.evaluate(run.data, run.settings, last, best)
    before = {name: checkpoint.load(tmp_path / name) for name in ("best.npz", "last.npz")}
    lines = results.finish(run, last, best, [("go", "go on")])
    assert lines == found.summary(results.HEADLINES[kind])
    written = json.loads((tmp_path / "scores.json").read_text())
    beside, scored = written.pop("optimistic"), written.pop("scored")
    assert written.pop("slice_names") == ["3"]
    assert written.pop("steps") == 2
    assert {key: one["value"] for key, one in written.items()} == {
        one.key: pytest.approx(one.value, nan_ok=True) for one in found.headline.scores
    }
    assert scored == found.headline.to_json()
    assert scored["part"] == "test"
    assert beside.pop("slice_names") == ["1"]
    assert {key: one["value"] for key, one in beside.pop("scores").items()} == {
        one.key: pytest.approx(one.value, nan_ok=True) for one in found.optimistic.scores
    }
    assert beside == found.optimistic.to_json()
    page = (tmp_path / "report.html").read_text()
    for words in ("best.npz, step 1", "a machine", "go on", "1 test slice (3)", "1 validation sl"):
        assert words in page
    for name, chosen in (("best.npz", found.optimistic.chosen), ("last.npz", of_last)):
        after = checkpoint.load(tmp_path / name)
        stored = Settings.from_json(after.settings)
        assert stored.threshold == chosen.threshold
        assert (stored.threshold is None) == (kind == "classes")
        assert stored.threshold_from == ("" if kind == "classes" else "validation")
        assert after._replace(settings={}, params={}, velocity={}) == before[name]._replace(
            settings={}, params={}, velocity={}
        )
        for key, array in after.params.items():
            np.testing.assert_array_equal(array, before[name].params[key])


@pytest.mark.parametrize("kind", KINDS)
def test_a_finished_run_is_recalled_as_it_was_summarized(tmp_path, kind):
    run, last, best = finished(tmp_path, kind, ((1, 3), ()))
    lines = results.finish(run, last, best, [])
    assert " ± " in lines[0]
    _, scores, _ = results.recall(tmp_path)
    assert scores == f"scores    {lines[0]}"


def test_each_checkpoint_keeps_its_own_threshold(tmp_path, monkeypatch):
    run, last, best = finished(tmp_path, "cells", ((1, 3), ()))
    chosen = {(1, 3): Rule(0.2), (0, 2): Rule(0.7, 0.3, 40, 8)}
    monkeypatch.setattr(
        scoring.thresholds, "choose", lambda data, slices, *_: chosen[tuple(slices)]
    )
    results.finish(run, last, best, [])
    for name, expected in (
        ("best.npz", (0.2, "validation", None, 5)),
        ("last.npz", (0.7, "training", 0.3, 40)),
    ):
        stored = Settings.from_json(checkpoint.load(tmp_path / name).settings)
        found = stored.threshold, stored.threshold_from, stored.extent, stored.smallest_chosen
        assert found == expected
        assert stored.smallest == 2  # as given


def test_the_rule_that_was_chosen_scores_draws_and_is_reported(tmp_path, monkeypatch):
    run, last, best = finished(tmp_path, "cells", ((1,), ()))
    drawn, made, rule = [], [], Rule(0.4, 0.1, 3, 8)
    monkeypatch.setattr(scoring.thresholds, "choose", lambda *_: rule)
    monkeypatch.setattr(report, "write", lambda path, written: made.append(written))
    monkeypatch.setattr(pictures, "draw_best_and_worst", lambda *given: drawn.append(given) or [])
    results.finish(run, last, best, [])
    assert drawn[0][-1] == rule
    (written,) = made
    assert (written.settings["extent"], written.settings["smallest_chosen"]) == (0.1, 3)
    (picture,) = written.thresholds
    assert "threshold 0.4, cells grown to 0.1, seeds of 3 pixels or more" in picture.caption
    (seg,) = (one for one in written.scored.scores if one.key == "seg")
    assert len(seg.by_threshold) == 10
    kept = json.loads((tmp_path / "scores.json").read_text())
    assert kept["seg"]["by_threshold"] == list(seg.by_threshold)
    assert kept["seg"]["threshold"] == kept["scored"]["threshold"] == 0.4
    assert kept["iou"]["by_threshold"] == []


@pytest.mark.parametrize("kind", KINDS)
def test_a_run_that_is_not_finished_has_chosen_nothing(kind):
    defaults = settings(kind).to_json()
    assert {key: defaults[key] for key in results.NOTHING_CHOSEN} == results.NOTHING_CHOSEN
    chosen = scoring.Chosen(Rule(0.2, 0.1, 7), "training", 3)
    finished_one = results._with_threshold(settings(kind), chosen)
    changed = {key for key, value in finished_one.to_json().items() if value != defaults[key]}
    assert changed == set(results.NOTHING_CHOSEN)


@pytest.mark.parametrize("parts", [((1,), (3,)), ((1, 3), ()), ((), ())])
@pytest.mark.parametrize("kind", KINDS)
def test_contents_of_the_report(tmp_path, monkeypatch, kind, parts):
    run, last, best = finished(tmp_path, kind, parts)
    made, drawn = [], []
    monkeypatch.setattr(report, "write", lambda path, written: made.append((path, written)))

    def draw_best_and_worst(data, slices, p, ranking, rule):
        drawn.append((slices, ranking.key, len(p)))
        return ["a picture"]

    monkeypatch.setattr(pictures, "draw_best_and_worst", draw_best_and_worst)
    results.finish(run, last, best, [("go", "go on")])
    ((path, written),) = made
    assert path == tmp_path / "report.html"
    slices = {(3,): [3], (): list(parts[0]) or [0, 1, 2, 3]}[parts[1]]
    ranking = {"em": "v_rand", "cells": "seg", "classes": "pixel_error"}[kind]
    assert drawn == [(slices, ranking, len(slices))]
    scored, optimistic = written.scored, written.optimistic
    part = "test" if parts[1] else "validation" if parts[0] else "training"
    assert (scored.part, scored.slices, scored.names) == (part, slices, [*map(str, slices)])
    assert scored.checkpoint == ("best.npz, step 1" if parts[1] else "last.npz, step 2")
    assert optimistic.checkpoint == "best.npz, step 1"
    assert optimistic.slices == (list(parts[0]) or run.data.training)
    assert all(isinstance(one, Score) for one in (*scored.scores, *optimistic.scores))
    shown = {"threshold": scored.threshold}
    shown["threshold_from"] = "" if scored.threshold is None else scored.chosen_on
    extent, smallest = (written.settings[key] for key in ("extent", "smallest_chosen"))
    assert (extent is None, smallest) == (kind != "cells", None if kind == "classes" else 2)
    shown |= {"extent": extent, "smallest_chosen": smallest}
    assert written.settings == run.settings.to_json() | shown
    pixels = sum(run.data.labels[k].size for k in slices)
    assert (written.confusion is None) == (kind != "classes")
    assert written.confusion is None or written.confusion[0].sum() == pixels
    assert len(written.thresholds) == (kind == "cells")
    empty = {"scored": None, "optimistic": None, "settings": {}}
    empty |= {"confusion": None, "thresholds": ()}
    assert written._replace(**empty) == report.Report(
        title=tmp_path.name,
        settings={},
        description=["split     in two"],
        log=runs.read(tmp_path),
        scored=None,
        optimistic=None,
        baseline=baseline_error(run.data, slices),
        headline=results.HEADLINES[kind],
        curves=(tmp_path / "curves.png").read_bytes(),
        pictures=["a picture"],
        seconds=2.5,
        device="a machine",
        version=results.minunet.__version__,
        commands=[("go", "go on")],
    )
    text = (tmp_path / "scores.json").read_text()
    assert text.endswith("}\n")
    assert "\\u" not in text


def test_the_score_that_chooses_the_best_step():
    assert results.DEFAULT_RANKING == {"em": "v_rand", "cells": "seg", "classes": "iou"}


DAMAGED = {
    "empty": "",
    "list": "[]",
    "no scores": '{"steps": 2}',
    "number": '{"steps": 2, "v_rand": 3}',
    "no value": '{"steps": 2, "v_rand": {"name": "V_Rand"}}',
    "text": '{"steps": 2, "v_rand": {"name": "V_Rand", "value": "x"}}',
    "deep": '{"steps": 2, "v_rand": ' + "[" * 100_000,
}


@pytest.mark.parametrize("text", DAMAGED.values(), ids=DAMAGED)
def test_damaged_scores_are_made_again(tmp_path, text):
    (tmp_path / "report.html").write_text("")
    path = tmp_path / "scores.json"
    path.write_text('{"v_rand": {"name": "V_Rand", "value": 0.5}, "steps": 2}')
    assert results.is_complete(tmp_path, 2)
    assert not results.is_complete(tmp_path, 3)
    assert "scores    V_Rand 0.5" in results.recall(tmp_path)[1]
    path.write_text(text)
    assert not results.is_complete(tmp_path, 2)
