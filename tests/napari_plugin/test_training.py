"""Training in a process of its own: watched, stopped, and continued from its result."""

import signal

import numpy as np
import pytest
from commands import TINY, draw_stack
from jobs import finished

from minunet import runs
from minunet.errors import InputError
from minunet.napari_plugin import training
from minunet.napari_plugin.layers import LayerSlices
from minunet.napari_plugin.training import MEANINGS, Plan, Training
from minunet.napari_plugin.writing import write_annotated
from minunet.prediction.model import load
from minunet.runs.options import Arguments
from minunet.train import parse

FIRST, SECOND, THIRD = MEANINGS


def written(folder):
    """Write two annotated slices; return the folder."""
    images, labels = draw_stack((2, 30, 41))
    write_annotated(folder, LayerSlices(images), labels + 1, None)
    return folder


def options(*more, meaning=FIRST):
    tiny = TINY[: TINY.index("--weight-map")]
    return [*MEANINGS[meaning], "--validation", "none", *tiny, *map(str, more)]


def test_a_run_is_watched_and_its_best_model_returned(tmp_path):
    folder = written(tmp_path / "a")
    run = Training(folder, options("--steps", 3, "--validate-every", 1))
    steps, best = finished(run.watch(0.05))
    assert best == folder / "run" / "best.npz"
    assert steps[0].done == 0
    assert (steps[-1].done, steps[-1].total) == (3, 3)
    assert [row["step"] for row in run.rows()] == [1, 2, 3]
    assert "report" in run.printed.read_text("utf-8")
    settings = load(best).settings
    assert (settings.label_values, settings.ignore) == ((1, 2), 0)
    # Train on: the next run starts from this model.
    plan = Plan(str(best), FIRST, 2, "steps").options(2)
    again = Training(written(tmp_path / "b"), [*plan, "--device", "cpu"])
    _, second = finished(again.watch(0.05))
    assert load(second).settings.start_from == str(best.resolve())
    assert [row["step"] for row in again.rows()] == [1, 2]


def test_a_run_that_is_stopped_keeps_its_best_model(tmp_path):
    run = Training(written(tmp_path / "a"), options("--steps", 10**6, "--validate-every", 1))
    watching = run.watch(0.05)
    while next(watching).done < 2:
        pass
    sent, send = [], run.process.send_signal
    run.process.send_signal = sent.append
    run.stop()
    run.stop()  # a second signal would end it without saving
    assert len(sent) == 1
    send(sent[0])
    _, best = finished(watching)
    assert best.name == "best.npz"
    assert runs.read(run.run)[-1]["step"] >= 2
    assert "everything is saved" in run.printed.read_text("utf-8")


def test_a_run_stops_where_ctrl_c_is_ignored(tmp_path):
    before = signal.signal(signal.SIGINT, signal.SIG_IGN)  # as in a command in the background
    try:
        run = Training(written(tmp_path / "a"), options("--steps", 10**6))
    finally:
        signal.signal(signal.SIGINT, before)
    watching = run.watch(0.05)
    while next(watching).done < 1:
        pass
    run.stop()
    _, best = finished(watching)
    assert load(best).step > 0


def test_a_run_that_is_stopped_before_its_first_validation_keeps_its_last_step(tmp_path):
    options_ = options("--steps", 10**6, "--validate-every", 10**6)
    run = Training(written(tmp_path / "a"), options_)
    watching = run.watch(0.05)
    while next(watching).done < 1:
        pass
    run.stop()
    _, best = finished(watching)
    assert best.name == "last.npz"
    assert load(best).step == runs.read(run.run)[-1]["step"] > 0


def test_a_run_that_is_stopped_before_its_first_step_leaves_no_model(tmp_path):
    run = Training(written(tmp_path / "a"), options("--steps", 10**6))
    run.stop()
    with pytest.raises(InputError, match="stopped before its first step"):
        finished(run.watch(0.05))


def test_a_run_ends_with_its_watcher(tmp_path):
    run = Training(written(tmp_path / "a"), options("--steps", 10**6))
    watching = run.watch(0.05)
    next(watching)
    watching.close()
    assert run.process.returncode is not None


def test_a_run_that_fails_says_why_in_one_sentence(tmp_path):
    folder = tmp_path / "a"
    images, labels = draw_stack((2, 30, 41))
    write_annotated(folder, LayerSlices(images), np.ones_like(labels), None)
    with pytest.raises(InputError, match="training needs at least two classes") as error:
        finished(Training(folder, options("--steps", 3)).watch(0.05))
    assert "\n" not in str(error.value)
    assert not str(error.value).startswith("python")


def test_a_folder_is_used_once(tmp_path):
    folder = written(tmp_path / "a")
    (folder / "train.txt").write_text("kept", encoding="utf-8")
    with pytest.raises(FileExistsError):
        Training(folder, options("--steps", 1))
    assert (folder / "train.txt").read_text("utf-8") == "kept"


@pytest.mark.parametrize("meaning", MEANINGS)
@pytest.mark.parametrize("slices", [1, 4, 5])
def test_a_plan_becomes_options_of_train(meaning, slices):
    given = parse(Plan("em", meaning, 50, "steps").options(slices)).given
    assert (given["start_from"], given["steps"], given["validate_every"]) == ("em", 50, 13)
    assert given["labels_are"] == ("cells" if meaning == THIRD else "classes")
    # What is corrected pixel by pixel has no thick borders.
    wanted = (None, None) if meaning == THIRD else ("none", "iou")
    assert (given.get("weight_map"), given.get("score")) == wanted
    assert given.get("ignore") == (0 if meaning == FIRST else None)
    assert given.get("validation") == ("none" if slices < 5 else None)
    parsed: Arguments = parse(Plan("", meaning, 1.5, "minutes").options(slices))
    assert parsed.minutes == 1.5
    assert not {"start_from", "steps"} & parsed.given.keys()


def test_cells_are_shown_as_cells():
    shows = [Plan("", meaning, 1, "steps").show for meaning in MEANINGS]
    assert shows == ["classes", "classes", "cells"]


def test_unused_folders_are_numbered(tmp_path):
    first = tmp_path / "runs" / "napari"
    assert training.unused_folder(first) == first
    first.mkdir(parents=True)
    second = training.unused_folder(first)
    second.mkdir()
    assert training.unused_folder(second) == tmp_path / "runs" / "napari-3"


def test_the_curve_is_a_mean_over_ten_steps():
    rows = [{"step": k, "energy": float(k)} for k in range(1, 13)]
    rows[4]["validation_energy"] = 0.25
    steps, energies, checked, validated = training.curve(rows)
    assert steps.tolist() == [10, 11, 12]
    np.testing.assert_allclose(energies, [5.5, 6.5, 7.5])
    assert (checked.tolist(), validated.tolist()) == ([5], [0.25])
    steps, energies, *_ = training.curve(rows[:1])
    assert (steps.tolist(), energies.tolist()) == ([1], [1])
    assert all(len(part) == 0 for part in training.curve([]))


def test_a_result_is_adopted_where_nothing_is_painted():
    result, painted = np.array([[1, 2, 2], [1, 0, 2]]), np.array([[2, 0, 0], [0, 0, 1]])
    painted[training.adopt(result, painted, FIRST)] = -1
    assert painted.tolist() == [[2, -1, -1], [-1, 0, 1]]


@pytest.mark.parametrize("meaning", [SECOND, THIRD])
def test_if_0_is_background_only_an_empty_slice_adopts_a_result(meaning):
    result, empty = np.array([[1, 2, 0]]), np.zeros((1, 3), int)
    assert training.adopt(result, empty, meaning)[1].tolist() == [0, 1]
    with pytest.raises(InputError, match="already has annotations"):
        training.adopt(result, np.array([[0, 1, 0]]), meaning)


def test_a_result_of_another_size_is_refused():
    with pytest.raises(InputError, match="same size"):
        training.adopt(np.ones((2, 3), int), np.ones((3, 2), int), FIRST)


def test_a_killed_training_says_so(tmp_path):
    run = Training(written(tmp_path / "a"), options("--steps", 10**5))
    run.process.kill()
    with pytest.raises(InputError, match=r"was killed by signal 9.*nothing was saved"):
        finished(run.watch(0.01))
