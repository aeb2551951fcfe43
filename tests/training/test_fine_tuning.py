"""A run that starts from a model: what it takes from it, what it refuses, how it resumes."""

import hashlib
import json
import shutil
import signal
from types import SimpleNamespace

import numpy as np
import pytest
import tifffile
from commands import call, write_stack

from minunet import models
from minunet.errors import InputError
from minunet.network import initialization
from minunet.runs import checkpoint
from minunet.runs.checkpoint import Checkpoint
from minunet.runs.settings import from_options
from minunet.training import fine_tuning, loop, preparation, session
from minunet.training import state as states
from minunet.training.fine_tuning import Averaged, Origin, origin
from minunet.training.preparation import Arguments

SMALL = {"depth": 1, "channels": 3, "tile": 24, "dropout": 0.0, "scaling": "standard"}
FEW = ("--steps", 4, "--validate-every", 2, "--device", "cpu", "--validation", "3:4")


def write_model(path, published=True, **settings):
    """Write a model with random weights; return its parameters."""
    given = from_options(**SMALL | settings)
    rng = np.random.default_rng(7)
    params = initialization.gaussian(given.architecture, rng)
    state = Checkpoint(
        params,
        {k: 0 * w for k, w in params.items()},
        9,
        rng.bit_generator.state,
        0.5,
        given.to_json(),
    )
    (checkpoint.publish if published else checkpoint.save)(path, state)
    return checkpoint.load(path).params


@pytest.fixture
def data(tmp_path):
    return write_stack(tmp_path / "data")


def prepare(data, model, **given):
    return preparation.prepared(Arguments(given | {"start_from": str(model)}, data, *[None] * 3))


def steps(this, count):
    """Take some steps of a prepared run; return the parameters."""
    state, sample = this.state, loop.tiles(this.settings, this.data)
    for k in range(count):
        loop.step(state, sample(k), this.settings.architecture, 0.01, 0.9)
    return state.params


@pytest.mark.parametrize("published", [True, False])
def test_the_network_starts_with_the_weights_of_the_model(tmp_path, data, published):
    params = write_model(tmp_path / "model.npz", published)
    this = prepare(data, tmp_path / "model.npz", seed=3)
    assert this.state.step == 0
    assert list(this.state.params) == list(params)
    for name, array in this.state.params.items():
        np.testing.assert_array_equal(array, params[name])
        assert not this.state.velocity[name].any()
    (line,) = this.notes
    assert line == f"start     {tmp_path / 'model.npz'}, step 9"


def test_the_model_determines_the_network_and_the_scaling(tmp_path, data):
    own = {"variant": "release", "preset": "laptop", "weight_map": "balance"}
    write_model(tmp_path / "model.npz", **own, experiment="em")
    settings = prepare(data, tmp_path / "model.npz").settings
    for name, value in (SMALL | own).items():
        assert getattr(settings, name) == value, name
    assert (settings.experiment, settings.average) == ("em", "symmetries")
    assert (settings.steps, settings.learning_rate, settings.warm_up) == (300, 0.01, 50)
    assert settings.augment == "paper"  # of the preset
    file = (tmp_path / "model.npz").read_bytes()
    assert settings.start_checksum == hashlib.sha256(file).hexdigest()


def test_what_is_given_replaces_the_defaults(tmp_path, data):
    write_model(tmp_path / "model.npz")
    given = {"steps": 7, "learning_rate": 0.3, "tile": 40, "dropout": 0.5, "depth": 1}
    settings = prepare(data, tmp_path / "model.npz", **given).settings
    assert {name: getattr(settings, name) for name in given} == given


@pytest.mark.parametrize(
    ("given", "said"),
    [
        ({"depth": 2}, "--depth is 2, but that of {}, from which the run starts, is 1; leave out"),
        ({"channels": 4}, "--channels is 4, but that of {}"),
        ({"scaling": "minmax"}, "--scaling is minmax, but that of {}"),
        ({"preset": "paper"}, "--preset is paper, but that of {}, from which the run starts, is t"),
    ],
)
def test_another_network_is_refused(tmp_path, data, given, said):
    write_model(tmp_path / "model.npz")
    with pytest.raises(InputError) as error:
        prepare(data, tmp_path / "model.npz", **given)
    assert str(error.value).startswith(said.format(tmp_path / "model.npz"))


def test_images_with_other_channels_are_refused(tmp_path):
    write_model(tmp_path / "model.npz")
    for kind, channels in (("images", 3), ("labels", 1)):
        (tmp_path / "data" / kind).mkdir(parents=True)
        for k in range(2):
            pixels = np.random.default_rng(k).integers(0, 2, (30, 30, channels)).astype(np.uint8)
            one, colour = (pixels, "rgb") if channels == 3 else (pixels[..., 0], "minisblack")
            tifffile.imwrite(tmp_path / "data" / kind / f"{k}.tif", one, photometric=colour)
    with pytest.raises(InputError, match=r"have 3 channels, but .* 1-channel images; pass --grey"):
        prepare(tmp_path / "data", tmp_path / "model.npz")
    assert prepare(tmp_path / "data", tmp_path / "model.npz", channel="grey").notes


def test_another_number_of_classes_gets_a_new_last_layer(tmp_path, data):
    params = write_model(tmp_path / "model.npz", label_values=(0, 1, 2))
    this = prepare(data, tmp_path / "model.npz")
    assert this.notes[0].endswith("step 9; new last layer for 2 classes")
    for name, array in this.state.params.items():
        if name.startswith("out."):
            assert array.shape[-1] == 2
        else:
            np.testing.assert_array_equal(array, params[name])
    assert this.state.params["out.w"].std() > 0
    other = prepare(data, tmp_path / "model.npz", seed=1).state.params["out.w"]
    assert (other != this.state.params["out.w"]).any()


def test_the_first_layers_learn_too(tmp_path, data):
    params = write_model(tmp_path / "model.npz")
    after = steps(prepare(data, tmp_path / "model.npz"), 2)
    assert all((array != params[name]).any() for name, array in after.items())


@pytest.fixture
def further(tmp_path, data):
    """Return a model's weights, a run that has taken steps from it, and its weights then."""
    params = write_model(tmp_path / "model.npz")
    this = prepare(data, tmp_path / "model.npz")
    states.save(tmp_path / "start.npz", this.settings, this.state)
    this.state.best = 0.7
    return params, this, dict(steps(this, 3))


@pytest.mark.parametrize(
    ("scores", "averaged"), [((0.5, 0.9), True), ((0.9, 0.891), True), ((0.9, 0.889), False)]
)
def test_weights_are_averaged_unless_that_lowers_the_score(
    tmp_path, monkeypatch, further, scores, averaged
):
    params, this, moved = further
    scored = []

    def validate(params, data, settings):
        scored.append(params)
        return SimpleNamespace(v_rand=scores[len(scored) - 1]), []

    monkeypatch.setattr(fine_tuning, "validate", validate)
    made, best, said = fine_tuning.average(tmp_path, this.settings, this.data, this.state)
    mean = {name: (params[name] + array) / 2 for name, array in moved.items()}
    for name, array in moved.items():
        np.testing.assert_array_equal(scored[0][name], array)
        np.testing.assert_allclose(scored[1][name], mean[name], rtol=1e-6)
        expected = mean[name] if averaged else array
        np.testing.assert_allclose(made[name], expected, rtol=1e-6)
        assert made[name].dtype == np.float32
        np.testing.assert_array_equal(this.state.params[name], array)
    assert best == (-1.0 if averaged else 0.7)
    assert said.startswith("weights   averaged" if averaged else "weights   not averaged")
    assert said.endswith(f"V_Rand {scores[0]:.3f}, averaged {scores[1]:.3f}")


def test_nothing_is_averaged_without_the_weights_of_the_start(tmp_path, further):
    _, this, _ = further
    (tmp_path / "start.npz").unlink()
    end = fine_tuning.average(tmp_path, this.settings, this.data, this.state)
    assert end == (this.state.params, 0.7, "weights   not averaged, because start.npz is missing")


def not_averaged(folder, settings, data, state):
    return Averaged(state.params, state.best, "")


def test_a_run_ends_with_the_average(tmp_path, data, monkeypatch):
    monkeypatch.setattr(fine_tuning, "PLATEAU", 1.0)
    params = write_model(tmp_path / "model.npz")
    given = ("--start-from", tmp_path / "model.npz", "--data", data, *FEW, "--momentum", 0)
    done = call("train", *given, "--out", tmp_path / "averaged")
    assert done.code == 0, done.err
    assert "weights   averaged with those of" in done.err
    assert checkpoint.load(tmp_path / "averaged/best.npz").step == 4
    monkeypatch.setattr(fine_tuning, "average", not_averaged)
    assert call("train", *given, "--out", tmp_path / "plain").code == 0
    ends, plain = (checkpoint.load(tmp_path / run / "last.npz") for run in ("averaged", "plain"))
    for name, array in plain.params.items():
        far = np.linalg.norm(array - params[name])
        # One step follows the average; with a rate that falls to 0, it is a short one.
        off = np.linalg.norm(ends.params[name] - (array + params[name]) / 2)
        assert off < 0.25 * far, name


def test_a_run_that_is_stopped_while_it_averages_is_resumed_exactly(tmp_path, data, monkeypatch):
    write_model(tmp_path / "model.npz")
    given = ("--start-from", tmp_path / "model.npz", "--data", data, *FEW)
    assert call("train", *given, "--out", tmp_path / "whole").code == 0
    average = fine_tuning.average

    def stop(*arguments):
        end = average(*arguments)
        signal.raise_signal(signal.SIGTERM)
        return end

    monkeypatch.setattr(fine_tuning, "average", stop)
    assert call("train", *given, "--out", tmp_path / "stopped").code == 128 + signal.SIGTERM
    assert checkpoint.load(tmp_path / "stopped/last.npz").step == 3
    monkeypatch.undo()
    assert call("train", "--resume", tmp_path / "stopped").code == 0
    whole, stopped = (checkpoint.load(tmp_path / run / "last.npz") for run in ("whole", "stopped"))
    for name, array in whole.params.items():
        np.testing.assert_array_equal(stopped.params[name], array)


def calibrate(data, height, width):
    """Write the size of a pixel, in µm, into the file of the images."""
    path = data / "train-volume.tif"
    given = {"resolution": (1 / width, 1 / height), "metadata": {"unit": "um", "axes": "ZYX"}}
    tifffile.imwrite(path, tifffile.imread(path), imagej=True, **given)


@pytest.mark.parametrize(("pixel", "expected"), [(0.004, 1.0), (0.002, 2.0), (0.0046, 0.87)])
def test_images_are_shrunk_to_the_pixels_of_the_model(tmp_path, data, pixel, expected):
    write_model(tmp_path / "model.npz", pixel_size=(0.004, 0.004))
    calibrate(data, pixel, pixel)
    settings = prepare(data, tmp_path / "model.npz").settings
    assert settings.shrink == pytest.approx(expected)
    assert settings.pixel_size == pytest.approx((pixel, pixel))
    assert prepare(data, tmp_path / "model.npz", shrink=1.5).settings.shrink == 1.5


def test_scores_before_the_first_step_are_kept(tmp_path, data):
    write_model(tmp_path / "model.npz")
    run = tmp_path / "run"
    done = call("train", "--start-from", tmp_path / "model.npz", "--data", data, "--out", run, *FEW)
    assert done.code == 0, done.err
    assert "before the first step: V_Rand" in done.out
    start = json.loads((run / "scores.json").read_text())["start"]
    assert (start["checkpoint"], start["step"], start["part"]) == ("start.npz", 0, "validation")
    page = (run / "report.html").read_text()
    assert "Before the first step" in page


def test_without_any_change_the_scores_are_those_before_the_first_step(tmp_path, data):
    write_model(tmp_path / "model.npz")
    run, none = tmp_path / "run", ("--learning-rate", 1e-30)
    given = ("--start-from", tmp_path / "model.npz", "--data", data, "--out", run)
    assert call("train", *given, *FEW, *none).code == 0
    scores = json.loads((run / "scores.json").read_text())
    before = scores["start"]["scores"]
    assert {"v_rand", "v_info", "pixel_error"} <= before.keys()
    assert all(one == scores[key] for key, one in before.items())


def test_a_run_without_a_model_has_no_such_scores(tmp_path, data):
    run = tmp_path / "run"
    small = ("--depth", 1, "--channels", 2, "--tile", 24)
    done = call("train", "--data", data, "--out", run, *small, *FEW)
    assert done.code == 0, done.err
    assert "before the first step" not in done.out
    assert "start" not in json.loads((run / "scores.json").read_text())
    assert "Before the first step" not in (run / "report.html").read_text()


def test_pixels_that_would_need_two_factors_are_refused(tmp_path, data):
    write_model(tmp_path / "model.npz", pixel_size=(0.004, 0.004))
    calibrate(data, 0.004, 0.002)
    with pytest.raises(InputError, match=r"shrunk by 1 x 2 .* square, or pass --shrink 1 to ignor"):
        prepare(data, tmp_path / "model.npz")
    assert prepare(data, tmp_path / "model.npz", shrink=1.0).settings.shrink == 1


@pytest.fixture
def finished(tmp_path, data):
    """Fine-tune a model; return the folder of the run."""
    write_model(tmp_path / "model.npz")
    run = tmp_path / "run"
    given = ("--start-from", tmp_path / "model.npz", "--data", data, "--out", run)
    assert call("train", *given, *FEW).code == 0
    (run / "report.html").unlink()
    return run


def test_without_its_start_a_run_does_not_begin_from_nothing(finished):
    for path in finished.iterdir():
        if path.name != "settings.json":
            path.unlink()
    done = call("train", "--resume", finished)
    assert done.code == 2
    assert "has no start.npz, from which its run starts; put it back, or start again" in done.err
    assert [path.name for path in finished.iterdir()] == ["settings.json"]


def test_a_run_that_has_lost_its_start_is_finished_without_the_comparison(finished):
    (finished / "start.npz").unlink()
    done = call("train", "--resume", finished)
    assert done.code == 0, done.err
    assert "start.npz is missing, so the report has no scores before the first step" in done.out
    assert "start" not in json.loads((finished / "scores.json").read_text())


def test_the_start_of_another_run_is_refused_before_the_next_step(tmp_path, data, finished):
    write_model(tmp_path / "other.npz", published=False)  # another file, an equal network
    another = tmp_path / "another"
    given = ("--start-from", tmp_path / "other.npz", "--data", data, "--out", another)
    assert call("train", *given, *FEW).code == 0
    shutil.copy(another / "start.npz", finished / "start.npz")
    done = call("train", "--resume", finished)
    assert done.code == 2
    assert "start.npz belongs to another run; put back that of this run, or move" in done.err


def test_the_start_is_there_before_the_settings(tmp_path, data, monkeypatch):
    write_model(tmp_path / "model.npz")
    run = tmp_path / "run"

    def stop(folder, settings):
        assert (folder / "start.npz").is_file()
        raise InputError("stopped here")

    monkeypatch.setattr(session.runs, "write_settings", stop)
    given = ("--start-from", tmp_path / "model.npz", "--data", data, "--out", run)
    assert "stopped here" in call("train", *given, *FEW).err
    monkeypatch.undo()
    assert call("train", "--resume", run).code == 0
    assert checkpoint.load(run / "last.npz").step == 4


@pytest.mark.parametrize("lost", [("last.npz",), ("last.npz", "best.npz")])
def test_a_run_is_resumed_without_its_model(tmp_path, data, lost):
    model, one, other = (tmp_path / name for name in ("model.npz", "one", "other"))
    write_model(model)
    assert call("train", "--start-from", model, "--data", data, "--out", one, *FEW).code == 0
    shutil.copytree(one, other)
    model.unlink()
    for name in (*lost, "scores.json", "report.html"):
        (other / name).unlink()
    done = call("train", "--resume", other)
    assert done.code == 0, done.err
    a, b = (checkpoint.load(folder / "last.npz") for folder in (one, other))
    for name, array in a.params.items():
        np.testing.assert_array_equal(array, b.params[name])
    scores = [json.loads((folder / "scores.json").read_text()) for folder in (one, other)]
    assert scores[0] == scores[1]


def test_the_start_cannot_change_when_a_run_is_resumed(tmp_path, data):
    model, run = tmp_path / "model.npz", tmp_path / "run"
    write_model(model)
    assert call("train", "--start-from", model, "--data", data, "--out", run, *FEW).code == 0
    done = call("train", "--resume", run, "--start-from", model)
    assert done.code == 2
    assert "--start-from cannot change" in done.err


def test_a_model_that_does_not_exist_is_refused_before_a_folder_is_made(tmp_path, data):
    run = tmp_path / "run"
    done = call("train", "--start-from", "emm", "--data", data, "--out", run, *FEW)
    assert (done.code, run.exists()) == (2, False)
    assert "emm is not a file" in done.err
    assert "python -m minunet.models" in done.err


def test_a_built_in_model_is_recorded_by_its_name(tmp_path):
    write_model(tmp_path / "model.npz")
    loaded = origin(str(tmp_path / "model.npz"))
    assert loaded.complete({})["start_from"] == str(tmp_path / "model.npz")
    name = next(iter(models.MODELS))
    assert Origin(name, *loaded[1:]).complete({})["start_from"] == name


def test_defaults_are_those_of_settings():
    names = {*fine_tuning.TAKEN, *fine_tuning.DEFAULTS}
    assert names <= set(from_options().to_json())
    assert not set(fine_tuning.TAKEN) & set(fine_tuning.DEFAULTS)
