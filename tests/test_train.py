"""`python -m minunet.train` writes a run, resumes it exactly and refuses invalid input."""

import errno
import html
import json
import math
import os
import re
import shlex
import shutil
import signal
import time

import numpy as np
import pytest
import tifffile
from commands import TINY, call, draw_stack, finish, one_line, refused, start, write_stack
from PIL import Image

import minunet
from minunet import cli, lock, runs
from minunet.errors import InputError
from minunet.fast import threads
from minunet.runs import checkpoint
from minunet.runs.settings import Settings
from minunet.training import loop, preparation, results, session

FILES = {
    *("settings.json", "log.csv", "curves.png", "preview.png", "last.npz", "best.npz"),
    *("scores.json", "report.html", "weight_map.png"),
}


@pytest.fixture
def no_pictures(monkeypatch):
    """Write no pictures and no report, which would take longer than the steps."""
    for name in ("curves", "preview"):
        monkeypatch.setattr(f"minunet.report.run_pictures.{name}", lambda *args: None)
    monkeypatch.setattr(results, "finish", lambda *args: [])
    monkeypatch.setattr("minunet.report.figure3.figure3", lambda *args: None)


@pytest.fixture(scope="module")
def data(tmp_path_factory):
    """Make a folder with a stack and its labels."""
    return write_stack(tmp_path_factory.mktemp("data"))


def options(data, out, steps, validate_every=4):
    return (
        *("--data", data, "--out", out, *TINY, "--steps", steps),
        *("--validate-every", validate_every, "--warm-up", 3),
    )


def run(data, out, steps, *more, **how):
    """Train in this process; return what was printed."""
    result = call("train", *options(data, out, steps, **how), *more)
    assert result.code == 0, result.err
    return result.out


def resume(folder, *more):
    result = call("train", "--resume", folder, "--device", "cpu", *more)
    assert result.code == 0, result.err
    return result.out


# A run


def test_a_run_from_a_shell_and_its_files(tmp_path, data):
    out = tmp_path / "new" / "run"
    result = finish(start("train", *options(data, out, 6)))
    assert result.code == 0, result.err
    assert {path.name for path in out.iterdir()} == FILES
    assert result.err == ""  # without a terminal there are no bars, and in 10 seconds no lines
    images, labels = (tifffile.imread(data / f"train-{name}.tif") for name in ("volume", "labels"))
    ones = labels[3].mean()  # the last of four slices is held out
    for words in (
        f"data      {data / 'train-volume.tif'}: 4 slices, 30 x 41 pixels, uint8",
        f"values    {images.min()} … {images.max()}, scaling: minmax",
        f"labels    0 → class 0 ({1 - labels.mean():.1%} of the pixels), 1 → class 1",
        "4 slices: 3 for training, 1 held out for validation (3)",
        f"to beat   pixel error {min(ones, 1 - ones):.4f}:",
        "network   434 parameters",
        "tile      24 → 8 pixels",
        "memory    about 0.0",
        "steps 1 … 6, 2 validations and the final scores",
        f"run       {out}\n",
        "done      6 steps",
        f"python -m minunet.predict {out / 'best.npz'}",
    ):
        assert words in result.out
    rows = runs.read(out)
    assert [row["step"] for row in rows] == [1, 2, 3, 4, 5, 6]
    assert [row["step"] for row in rows if "validation_iou" in row] == [4, 6]
    best = max(
        (row for row in rows if "validation_iou" in row), key=lambda r: r["validation_v_rand"]
    )
    assert checkpoint.load(out / "best.npz").step == best["step"]
    scores = json.loads((out / "scores.json").read_text())
    chosen = scores["optimistic"]["scores"]["v_rand"]
    assert chosen["value"] == pytest.approx(best["validation_v_rand"], rel=1e-12)
    assert f"V_Rand, thinned {chosen['value']:.4f}" in result.out
    assert f"scores    last.npz, step 6, on {len(chosen['slices'])} validation" in result.out
    settings = json.loads((out / "settings.json").read_text())
    assert settings["images"] == str((data / "train-volume.tif").resolve())
    assert (settings["tile"], settings["steps"], settings["label_values"]) == (24, 6, [0, 1])
    for name in ("curves.png", "preview.png", "weight_map.png"):
        with Image.open(out / name) as image:
            assert image.format == "PNG"


def test_without_arguments_it_trains_on_synthetic_data(tmp_path, monkeypatch, no_pictures):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(preparation.dataset.sources, "SYNTHETIC_SHAPE", (3, 32, 48))
    result = call("train", *TINY, "--steps", 1)
    assert result.code == 0, result.err
    assert "data      synthetic EM: 3 slices" in result.out
    folder = tmp_path / "runs" / "synthetic-tiny"
    assert (folder / "best.npz").exists()
    assert call("train", *TINY, "--steps", 1).code == 0
    assert (tmp_path / "runs" / "synthetic-tiny-2" / "best.npz").exists()


def save(folder, name, array):
    folder.mkdir(parents=True, exist_ok=True)
    if name.endswith(".tif"):
        tifffile.imwrite(folder / name, array, photometric="minisblack")
    else:
        Image.fromarray(array).save(folder / name)


def colour(folder):
    for k, (image, label) in enumerate(zip(*draw_stack(), strict=True)):
        save(folder / "images", f"{k}.png", np.stack([image, image[::-1], 255 - image], axis=-1))
        save(folder / "labels", f"{k}.png", label * np.uint8(255))


def three_classes_uint16(folder):
    images, labels = draw_stack(classes=3)
    save(folder, "train-volume.tif", images)
    save(folder, "train-labels.tif", labels.astype(np.uint16))


def smaller_than_the_tile(folder):
    write_stack(folder, shape=(3, 9, 5))


def a_single_image(folder):
    write_stack(folder, shape=(1, 30, 41))


def several_sizes(folder):
    for k, shape in enumerate([(30, 41), (12, 50), (30, 41)]):
        images, labels = draw_stack((1, *shape), seed=k)
        save(folder / "images", f"{k}.tif", images[0].astype(np.uint16) * 100)
        save(folder / "masks", f"{k}.png", labels[0])


def both_layouts(folder):
    write_stack(folder)
    several_sizes(folder)


@pytest.mark.parametrize(
    ("make", "said", "channels", "values"),
    [
        (colour, "4 slices, 30 x 41 pixels, 3 channels, uint8", 3, (0, 255)),
        (three_classes_uint16, "2 → class 2", 1, (0, 1, 2)),
        (smaller_than_the_tile, "3 slices, 9 x 5 pixels", 1, (0, 1)),
        (a_single_image, "1 slice for training, none held out", 1, (0, 1)),
        (several_sizes, "12 x 50 and 30 x 41 pixels, uint16", 1, (0, 1)),
        (both_layouts, "train-volume.tif: 4 slices", 1, (0, 1)),
    ],
)
def test_all_kinds_of_data(tmp_path, no_pictures, make, said, channels, values):
    make(tmp_path / "data")
    out = run(tmp_path / "data", tmp_path / "run", 2)
    assert said in out
    saved = checkpoint.load(tmp_path / "run" / "best.npz")
    assert saved.params["contract0.w1"].shape == (3, 3, channels, 2)
    assert saved.params["out.b"].shape == (len(values),)
    assert saved.settings["label_values"] == list(values)
    assert all(math.isfinite(row["energy"]) for row in runs.read(tmp_path / "run"))


def test_pictures_of_three_classes_and_colour(tmp_path):
    images, labels = draw_stack(shape=(2, 20, 21), classes=3)
    for k in range(2):
        save(tmp_path / "images", f"{k}.png", np.stack([images[k]] * 2 + [labels[k]], axis=-1))
        save(tmp_path / "labels", f"{k}.png", labels[k])
    run(tmp_path, tmp_path / "run", 1)
    assert {path.name for path in (tmp_path / "run").iterdir()} == FILES - {"weight_map.png"}


def test_files_named_one_by_one(tmp_path, data, no_pictures, monkeypatch):
    monkeypatch.chdir(data)
    images, labels = "train-volume.tif", "train-labels.tif"
    given = ("--images", images, "--labels", labels, "--out", tmp_path / "run", "--steps", 1)
    assert call("train", *TINY, *given).code == 0
    run(data, tmp_path / "same", 1)
    one, other = (checkpoint.load(tmp_path / name / "last.npz") for name in ("run", "same"))
    assert one.settings["fingerprint"] == other.settings["fingerprint"]
    paths = [str(data.resolve() / f"train-{name}.tif") for name in ("volume", "labels")]
    for saved in (one, other):  # absolute, so that a run can be resumed from anywhere
        assert [saved.settings["images"], saved.settings["labels"]] == paths


# Resuming


def assert_same_run(one, other):
    """Compare the checkpoints and logs of two runs bit by bit, except for the seconds."""
    for name in ("last.npz", "best.npz"):
        mine, theirs = (checkpoint.load(folder / name) for folder in (one, other))
        assert mine.step == theirs.step
        assert mine.random_state == theirs.random_state
        assert mine.best == theirs.best
        for a, b in ((mine.params, theirs.params), (mine.velocity, theirs.velocity)):
            assert list(a) == list(b)
            for key, array in a.items():
                assert array.dtype == b[key].dtype == np.float32
                assert array.tobytes() == b[key].tobytes(), key
    logs = [
        [line.split(",") for line in (folder / "log.csv").read_text().splitlines()]
        for folder in (one, other)
    ]
    for rows in logs:
        for row in rows:
            del row[3]
    assert logs[0] == logs[1]


def stop_in_step(number, patch):
    """Send this process a signal while it takes a step."""
    step = loop.step

    def interrupted(state, *args, **trial):
        if state.step + 1 == number and not trial:
            signal.raise_signal(signal.SIGTERM)
        return step(state, *args, **trial)

    patch.setattr(loop, "step", interrupted)


def test_a_resumed_run_equals_an_uninterrupted_one_bit_for_bit(tmp_path, data, monkeypatch):
    # With dropout on, no random number may be drawn twice or skipped.
    whole, parts = tmp_path / "whole", tmp_path / "parts"
    with monkeypatch.context() as patch:
        stop_in_step(8, patch)
        assert call("train", *options(data, parts, 13)).code == 143
    first = checkpoint.load(parts / "last.npz")
    assert first.step == 8
    again = start("train", "--resume", parts)
    run(data, whole, 13)
    result = finish(again)
    assert result.code == 0, result.err
    assert "steps 9 … 13, 2 validations and" in result.out
    assert_same_run(whole, parts)
    assert first.settings["dropout"] == 0.5
    last = checkpoint.load(whole / "last.npz")
    assert all((first.params[name] != array).any() for name, array in last.params.items())
    assert json.loads((parts / "settings.json").read_text())["steps"] == 13


def test_a_resumed_run_keeps_the_size_that_it_chose(tmp_path, monkeypatch, no_pictures):
    # Vertical stripes, 10 pixels wide and 40 high: the diameter of a disc of 400 pixels is 22.6.
    # Three of them should fit into the 18 pixels of the smallest input, so four is chosen.
    labels = np.zeros((3, 40, 64), np.uint16)
    for k in range(4):
        labels[:, :, 16 * k : 16 * k + 10] = k + 1
    noise = np.random.default_rng(0).integers(0, 50, labels.shape)
    save(tmp_path / "data", "train-volume.tif", ((labels > 0) * 100 + noise).astype(np.uint8))
    save(tmp_path / "data", "train-labels.tif", labels)
    whole, parts = tmp_path / "whole", tmp_path / "parts"
    more = ("--experiment", "cells", "--shrink", "auto", "--average", "none")
    with monkeypatch.context() as patch:
        stop_in_step(5, patch)
        assert call("train", *options(tmp_path / "data", parts, 9), *more).code == 143
    assert "size      4 image pixels per network pixel: " in run(tmp_path / "data", whole, 9, *more)
    assert "size      4 image pixels per network pixel\n" in resume(parts)
    assert_same_run(whole, parts)
    for name in ("last.npz", "best.npz"):
        assert checkpoint.load(parts / name).settings["shrink"] == 4


def test_a_run_of_a_version_without_sizes_and_rules_is_resumed(tmp_path, data):
    # Its settings end with the threshold, and 5 was the minimum size of a cell unless given.
    old = tmp_path / "old"
    run(data, old, 4, "--smallest", 5)
    new = ("shrink", "pixel_size", "extent", "smallest_chosen")
    settings = json.loads((old / "settings.json").read_text())
    for name in new:
        del settings[name]
    runs.write_settings(old, settings)
    for name in ("last.npz", "best.npz"):
        saved = checkpoint.load(old / name)
        kept = {key: value for key, value in saved.settings.items() if key not in new}
        checkpoint.save(old / name, saved._replace(settings=kept))
        assert not {*new} & {*checkpoint.load(old / name).settings}
    resume(old, "--steps", 6)
    assert checkpoint.load(old / "last.npz").step == 6
    assert checkpoint.load(old / "last.npz").settings["smallest"] == 5
    assert (old / "report.html").is_file()
    minunet.load(old / "last.npz").segment(np.zeros((20, 20), np.uint8))


def test_a_run_of_some_minutes_records_its_steps(tmp_path, data, monkeypatch, no_pictures):
    # A step of 0.125 s and tiles that take no time: 480 steps a minute.
    monkeypatch.setattr("minunet.training.plan._measure", lambda *args: (0.125, 0.0))
    monkeypatch.setattr("minunet.training.plan.SCORING", 0.0)
    monkeypatch.setattr("minunet.training.plan.SAVING", 0.0)
    given = [word for word in options(data, tmp_path / "run", 1, 10**9) if word != "--steps"]
    given.remove(1)
    result = call("train", *given, "--minutes", 0.1)
    assert result.code == 0, result.err
    assert "steps 1 … 48, 1 validations and the final scores: about 6 s" in result.out
    assert json.loads((tmp_path / "run" / "settings.json").read_text())["steps"] == 48
    saved = checkpoint.load(tmp_path / "run" / "last.npz")
    assert (saved.step, saved.settings["steps"]) == (48, 48)
    this = results.Run(tmp_path / "run", Settings.from_json(saved.settings), None, None, "")
    ((_, line), *_) = session.commands(this)
    assert "--steps 48" in line
    assert "--minutes" not in line
    assert [row["step"] for row in runs.read(this.folder) if "validation_iou" in row] == [48]


def test_too_few_minutes_leave_no_files(tmp_path, data, monkeypatch):
    monkeypatch.setattr("minunet.training.plan._measure", lambda *args: (30.0, 0.0))
    monkeypatch.setattr("minunet.training.plan.SCORING", 0.0)
    monkeypatch.setattr("minunet.training.plan.SAVING", 0.0)
    result = call("train", "--data", data, *TINY, "--out", tmp_path / "run", "--minutes", 0.2)
    assert "0.2 minutes is not enough for one step and the final scores" in refused(result)
    assert "pass --minutes 0.6 or more" in result.err  # 30 s and a tenth more are 0.55 minutes
    assert list(tmp_path.iterdir()) == []


def rows_of(folder):
    log = folder / "log.csv"
    return max(log.read_text().count("\n") - 1, 0) if log.exists() else 0


def wait_for_rows(process, folder, count):
    """Wait until a run has taken some steps."""
    end = time.monotonic() + 60
    while rows_of(folder) < count:
        assert process.poll() is None, finish(process)
        assert time.monotonic() < end
        time.sleep(0.002)


def test_interrupted_with_ctrl_c(tmp_path, data, no_pictures):
    out = tmp_path / "run"
    process = start("train", *options(data, out, 700, validate_every=1000))
    wait_for_rows(process, out, 20)
    process.send_signal(signal.SIGINT)
    result = finish(process)
    assert result.code == 130
    assert "Traceback" not in result.err
    found = re.search(
        r"stopped after step (\d+); everything is saved\. To continue: "
        r"python -m minunet\.train --resume (\S+)\n$",
        result.out,
    )
    step = int(found[1])
    assert found[2] == str(out)
    assert 20 <= step < 700
    assert rows_of(out) == checkpoint.load(out / "last.npz").step == step

    resume(out)
    run(data, tmp_path / "whole", 700, validate_every=1000)
    assert_same_run(tmp_path / "whole", out)


def test_killed_between_two_checkpoints(tmp_path, data, no_pictures):
    out = tmp_path / "run"
    process = start("train", *options(data, out, 300, validate_every=30))
    wait_for_rows(process, out, 36)
    process.kill()
    assert finish(process).code == -signal.SIGKILL
    saved = checkpoint.load(out / "last.npz").step
    assert saved % 30 == 0
    assert 30 <= saved <= rows_of(out)

    resume(out)
    run(data, tmp_path / "whole", 300, validate_every=30)
    assert_same_run(tmp_path / "whole", out)


@pytest.fixture(scope="module")
def finished(tmp_path_factory, data):
    """Make a run of four steps; tests must not change it."""
    out = tmp_path_factory.mktemp("finished") / "run"
    run(data, out, 4)
    return out


def contents(folder):
    return {path: path.read_bytes() for path in folder.rglob("*") if path.is_file()}


@pytest.mark.parametrize(
    ("more", "said"),
    [
        (("--channels", 3), "--channels cannot change"),
        (("--seed", 1, "--steps", 9), "--seed cannot change"),
        (("--tile", 26, "--dropout", 0), "--dropout, --tile cannot change"),
        (("--validate-every", 2), "--steps, --learning-rate, --device can"),
        (("--steps", 3), "has already done 4 steps; pass --steps 8"),
        (("--out", "elsewhere"), "--resume continues in the folder of the run; leave out --out"),
        (("--data", "elsewhere", "--steps", 9), "elsewhere is not a folder"),
        (("--validation", "1:2", "--steps", 9), "--validation cannot change from 0.2 to 1:2"),
        (("--shrink", "auto"), "--shrink cannot change when a run is resumed; leave it out"),
        (("--minutes", 1), "--resume continues with the planned steps; leave out --minutes"),
    ],
)
def test_resume_refuses_settings_that_cannot_change(finished, more, said):
    before = contents(finished)
    assert said in refused(call("train", "--resume", finished, *more))
    assert contents(finished) == before


def test_resume_refuses_folders_without_a_run(tmp_path):
    message = refused(call("train", "--resume", tmp_path / "none", "--steps", 9))
    assert f"{tmp_path / 'none'} is not a folder" in message
    (tmp_path / "last.npz").write_bytes(b"PK")
    assert "not a checkpoint" in refused(call("train", "--resume", tmp_path, "--steps", 9))
    assert [path.name for path in tmp_path.iterdir()] == ["last.npz"]


@pytest.mark.parametrize("name", ["train-volume.tif", "train-labels.tif"])
def test_resume_refuses_changed_or_missing_data(tmp_path, name, no_pictures):
    data, out = write_stack(tmp_path / "data"), tmp_path / "run"
    run(data, out, 2)
    before = contents(out)
    stack = tifffile.imread(data / name)
    stack[2, 3, 4] ^= 1
    tifffile.imwrite(data / name, stack, photometric="minisblack")
    message = refused(call("train", "--resume", out, "--steps", 4))
    assert "have changed; start a new run" in message
    (data / name).unlink()
    assert name in refused(call("train", "--resume", out, "--steps", 4))
    assert contents(out) == before


def test_moved_data_are_recognized(tmp_path, no_pictures):
    data, out, new = write_stack(tmp_path / "data"), tmp_path / "run", tmp_path / "new place"
    run(data, out, 2)
    data.rename(new)
    message = refused(call("train", "--resume", out, "--steps", 4))
    assert f"{data / 'train-volume.tif'} does not exist" in message
    assert "pass --data NEWPLACE" in message
    resume(out, "--steps", 4, "--data", new)
    paths = [str(new / f"train-{name}.tif") for name in ("volume", "labels")]
    for saved in (
        json.loads((out / "settings.json").read_text()),
        checkpoint.load(out / "last.npz").settings,
    ):
        assert [saved["images"], saved["labels"]] == paths
    resume(out, "--steps", 5)  # the new place is stored
    other = write_stack(tmp_path / "other", seed=1)
    before = contents(out)
    message = refused(call("train", "--resume", out, "--steps", 6, "--data", other))
    assert f"differ from those of {out}" in message
    assert contents(out) == before
    images = ("--images", paths[0], "--labels", paths[1])
    resume(out, "--steps", 6, *images)


def write_folders(folder, names, seed=0, labels="masks"):
    """Write images and labels of these names; return the folder."""
    for k, name in enumerate(names):
        image, label = draw_stack((1, 30, 41), seed=seed + k)
        save(folder / "images", f"{name}.tif", image)
        save(folder / labels, f"{name}.tif", label)
    return folder


def held_out(out):
    """Return the words in parentheses at the end of the line about the split."""
    return re.search(r"^split .*validation \(([^()]*)\)", out, re.MULTILINE)[1]


def test_the_folders_train_val_and_test(tmp_path, no_pictures):
    data = tmp_path / "data"
    write_folders(data / "train", ("a", "b"))
    write_folders(data / "val", ("c", "d", "e"), seed=5)
    write_folders(data / "test", ("x",), seed=9)
    said = run(data, tmp_path / "run", 2)
    assert "data      " in said
    assert ": 6 slices, 30 x 41 pixels" in said
    assert "2 for training, 3 held out" in said
    assert held_out(said) == "val/images/c, val/images/d, val/images/e"
    settings = json.loads((tmp_path / "run" / "settings.json").read_text())
    assert settings["validation"] == str(data / "val")
    assert settings["test"] == str(data / "test")
    assert "1 for the final test (test/images/x)" in said
    other = run(data, tmp_path / "other", 1, "--validation", "b")
    assert held_out(other) == "train/images/b"
    # The whole folder moves.
    data.rename(tmp_path / "moved")
    message = refused(call("train", "--resume", tmp_path / "run", "--steps", 4))
    assert "does not exist; if the data of the run have moved, pass --data NEWPLACE" in message
    resume(tmp_path / "run", "--steps", 4, "--data", tmp_path / "moved")
    # The same slices, but others of them are held out: not the same run.
    swapped = tmp_path / "swapped"
    write_folders(swapped / "train", ("a", "b", "c"))
    for name in ("images", "masks"):
        (tmp_path / "moved" / "val" / name / "c.tif").replace(swapped / "train" / name / "c.tif")
    for name in ("val", "test"):
        (tmp_path / "moved" / name).rename(swapped / name)
    message = refused(call("train", "--resume", tmp_path / "run", "--steps", 6, "--data", swapped))
    assert "differ from those of" in message


def test_natural_order_and_files_held_out_by_name(tmp_path, no_pictures):
    data = write_folders(tmp_path / "data", ("img1", "img2", "img10"))
    assert held_out(run(data, tmp_path / "a", 1)) == "img10"
    assert held_out(run(data, tmp_path / "b", 1, "--validation", "img1,img2")) == "img1, img2"
    message = refused(call("train", *options(data, tmp_path / "c", 1), "--validation", "img3"))
    assert "no image file is named img3" in message
    assert "such as img" in message
    assert not (tmp_path / "c").exists()


def test_slices_are_named_after_their_files(tmp_path):
    data = write_folders(tmp_path / "data", ("cell 1", "cell 2", "cell 3"), labels="labels")
    run(data, tmp_path / "run", 1, "--validation", "cell 1,cell 3")
    scores = json.loads((tmp_path / "run" / "scores.json").read_text())
    assert scores["slice_names"] == ["cell 1", "cell 3"]
    page = (tmp_path / "run" / "report.html").read_text()
    for words in (
        "Scored on 2 validation slices (cell 1, cell 3)",
        ">cell 3</th>",
        "slice (slice cell ",
    ):
        assert words in page


def test_one_channel_of_colour_images(tmp_path, no_pictures):
    colour(tmp_path / "data")
    said = run(tmp_path / "data", tmp_path / "run", 1, "--channel", 2)
    assert "4 slices, 30 x 41 pixels, uint8" in said
    images = draw_stack()[0]
    assert f"values    {255 - images.max()} … {255 - images.min()}," in said
    saved = checkpoint.load(tmp_path / "run" / "last.npz")
    assert (saved.settings["channel"], saved.settings["in_channels"]) == (2, 1)
    resume(tmp_path / "run", "--steps", 2)
    run(tmp_path / "data", tmp_path / "grey", 1, "--grey")
    assert checkpoint.load(tmp_path / "grey" / "last.npz").settings["channel"] == "grey"


def test_the_command_that_scores_knows_what_labels_mean(tmp_path):
    data = write_stack(tmp_path / "data")
    labels = np.where(draw_stack()[1] > 0, 200, 60).astype(np.uint8)
    labels[:, :2], labels[:, 2] = 255, 90
    tifffile.imwrite(data / "train-labels.tif", labels, photometric="minisblack")
    run(data, tmp_path / "run", 2, "--label-threshold", 128, "--ignore", 255)
    page = html.unescape((tmp_path / "run" / "report.html").read_text())
    line = "minunet.evaluate OUT TRUTH.tif --label-threshold 128.0 --ignore 255.0 -o SCORES.png"
    assert line in page
    best, out = tmp_path / "run" / "best.npz", tmp_path / "OUT"
    call("predict", best, data / "train-volume.tif", "-o", out)
    words = shlex.split(line)[3:-2]
    truth = data / "train-labels.tif"
    scored = call("evaluate", out, truth, *words, "--scores", tmp_path / "s.json")
    assert scored.code == 0, scored.err


def test_printed_commands_are_quoted(tmp_path, data, monkeypatch):
    out = tmp_path / "my run"
    said = run(data, out, 2)
    line = next(line for line in said.splitlines() if line.startswith("segment"))
    assert str(out / "best.npz") in shlex.split(line)
    message = refused(call("train", *options(data, out, 2)))
    words = shlex.split(message)
    assert words[words.index("--resume") + 1] == str(out)
    assert words[words.index("--out") + 1] == str(tmp_path / "my run-2")
    stop_in_step(3, monkeypatch)
    result = call("train", "--resume", out, "--steps", 4)
    assert result.code == 143
    again = shlex.split(result.out.splitlines()[-1])
    assert again[again.index("--resume") + 1] == str(out)


def test_steps_and_learning_rate_may_change(tmp_path, data, no_pictures):
    run(data, tmp_path / "run", 4)
    resume(tmp_path / "run", "--steps", 6, "--learning-rate", 0.125)
    rates = [row["learning_rate"] for row in runs.read(tmp_path / "run")]
    first = [0.01 / 3, 0.02 / 3 * (2 + 2**0.5) / 4, 0.01 / 2, 0.01 * (2 - 2**0.5) / 4]
    then = [0.125 / 4, 0.125 * (2 - 3**0.5) / 4]  # at 4/6 and 5/6 of half a cosine
    assert rates == pytest.approx([*first, *then], rel=1e-12)
    settings = json.loads((tmp_path / "run" / "settings.json").read_text())
    assert (settings["learning_rate"], settings["steps"]) == (0.125, 6)
    resume(tmp_path / "run", "--steps", 9)
    rate = runs.read(tmp_path / "run")[6]["learning_rate"]
    assert rate == pytest.approx(0.125 / 4)  # the new rate stays: cos 120°


def test_resume_uses_the_device_of_the_run(tmp_path, data, no_pictures, monkeypatch):
    run(data, tmp_path / "run", 1)
    wanted, choose = [], preparation.device.choose
    monkeypatch.setattr(
        preparation.device, "choose", lambda name: (wanted.append(name), choose("cpu"))[1]
    )
    assert call("train", "--resume", tmp_path / "run", "--steps", 2).code == 0
    assert call("train", "--resume", tmp_path / "run", "--steps", 3, "--device", "auto").code == 0
    assert wanted == ["cpu", "auto"]


def test_the_score_that_selects_the_best_step(tmp_path, data, no_pictures):
    cells = write_cells(tmp_path / "cells")
    three = write_stack(tmp_path / "three", classes=3)
    for name, folder, chosen in (("a", data, "v_rand"), ("b", cells, "seg"), ("c", three, "iou")):
        run(folder, tmp_path / name, 1)
        assert json.loads((tmp_path / name / "settings.json").read_text())["score"] == chosen
    run(data, tmp_path / "d", 1, "--score", "iou")
    assert json.loads((tmp_path / "d" / "settings.json").read_text())["score"] == "iou"
    message = refused(call("train", *options(three, tmp_path / "e", 1), "--score", "v_rand"))
    assert "3 classes" in message
    assert "--score iou" in message


def write_cells(folder):
    """Write frames and masks of two touching cells as the Cell Tracking Challenge does."""
    mask = np.zeros((30, 41), np.uint16)
    mask[4:12, 3:10], mask[4:12, 10:20] = 1, 2
    for k, page in enumerate(draw_stack()[0]):
        for path, array in ((f"01/t{k:03}.tif", page), (f"01_GT/SEG/man_seg{k:03}.tif", mask)):
            (folder / path).parent.mkdir(parents=True, exist_ok=True)
            tifffile.imwrite(folder / path, array, photometric="minisblack")
    return folder


@pytest.mark.parametrize("experiment", ["em", "cells"])
def test_an_experiment_from_data_to_report(tmp_path, data, experiment):
    folder = data if experiment == "em" else write_cells(tmp_path / "cells")
    run(folder, tmp_path / "run", 2, "--experiment", experiment, "--weight-map", "paper")
    settings = json.loads((tmp_path / "run" / "settings.json").read_text())
    assert (settings["experiment"], settings["average"]) == (experiment, "symmetries")
    assert settings["cells"] == (experiment == "cells")
    assert {path.name for path in (tmp_path / "run").iterdir()} == FILES
    scores = json.loads((tmp_path / "run" / "scores.json").read_text())
    assert ("v_rand" if experiment == "em" else "seg") in scores
    page = (tmp_path / "run" / "report.html").read_text()
    assert f"--experiment {experiment}" in page


# When it diverges


def test_a_diverging_run_says_where_and_how_to_continue(tmp_path, data, no_pictures):
    out = tmp_path / "run"
    result = call("train", *options(data, out, 40, validate_every=50), "--learning-rate", 1e30)
    assert result.code == 1
    message = one_line(result.err)
    found = re.match(
        r"the energy of step (\d+) is not finite: activations that are not finite first occur in "
        r"stage (contract0|bottom|expand0|out); last\.npz contains the initial weights\. "
        r"Try a lower rate: "
        r"python -m minunet\.train (--resume \S+ --learning-rate \S+)$",
        message,
    )
    assert found, message
    assert int(found[1]) == rows_of(out) + 1
    saved = checkpoint.load(out / "last.npz")
    assert saved.step == 0
    assert all(np.isfinite(array).all() for array in saved.params.values())
    arguments = found[3].split()
    assert float(arguments[3]) == pytest.approx(1e30 / 3, rel=0.01)
    assert call("train", *arguments, "--device", "cpu").code == 1  # still far too high
    arguments[3] = "0.01"
    result = call("train", *arguments, "--device", "cpu")
    assert result.code == 0, result.err
    assert [row["step"] for row in runs.read(out)] == list(range(1, 41))


def test_a_checkpoint_that_diverges_at_once_is_reported_too(tmp_path, data, no_pictures):
    # The weights are finite but the energy is not, as the trial step of the plan detects.
    run(data, tmp_path / "run", 2)
    path = tmp_path / "run" / "last.npz"
    saved = checkpoint.load(path)
    for name in ("contract0.w1", "contract0.w2"):
        saved.params[name][:] = 1e30
    checkpoint.save(path, saved)
    result = call("train", "--resume", tmp_path / "run", "--steps", 4)
    assert result.code == 1
    assert "first occur in stage contract0" in one_line(result.err)


def test_a_best_checkpoint_of_another_network_is_refused(tmp_path, data, no_pictures):
    run(data, tmp_path / "run", 2)
    run(data, tmp_path / "other", 2, "--channels", 3)
    (tmp_path / "other" / "best.npz").replace(tmp_path / "run" / "best.npz")
    path = tmp_path / "run" / "last.npz"
    checkpoint.save(path, checkpoint.load(path)._replace(best=1.0))  # nothing is better
    result = call("train", "--resume", tmp_path / "run", "--steps", 4)
    assert result.code == 2
    assert "best.npz belongs to another run" in result.err.splitlines()[-1]


# Refusals print one line and write no files


@pytest.mark.parametrize(
    ("more", "said"),
    [
        (("--tile", 25), "24 and 26"),
        (("--tile", 10), "use a tile of 18 pixels or more"),
        (
            ("--depth", 3, "--tile", 92),
            "100",
        ),  # valid, but an output of 4 pixels is too small for a step
        (("--wrong", 1), "--wrong"),
        (("--learning", 1), "--learning"),  # no abbreviations
        (("--steps", 0), "'0' is not a whole number from 1 to 1,000,000,000"),
        (("--validation", "9:12"), "validation is 9:12"),
        (("--validation", "0:4"), "leaves no slice for training"),
        (("--images", "a.tif"), "--data replaces --images and --labels"),
        (("--preset", "huge"), "huge"),
        (("--minutes", 5), "--minutes sets --steps; leave out one of them"),
        (("--minutes", 0), "'0' is not a number from 0.1"),
        (("--shrink", 0.1), "'0.1' is not auto or a number from 0.25 to 64"),
    ],
)
def test_invalid_options_are_refused(tmp_path, data, more, said):
    result = call("train", *options(data, tmp_path / "run", 1), *more)  # the last value counts
    assert said in refused(result)
    assert result.out == ""
    assert list(tmp_path.iterdir()) == []


def test_refused_data_leaves_no_files(tmp_path, data, monkeypatch):
    monkeypatch.chdir(tmp_path)
    volume = data / "train-volume.tif"
    for arguments, said in (
        (("--images", volume), "give --images and --labels together"),
        (("--labels", volume), "give --images and --labels together"),
        (("--images", volume, "--labels", volume), "values"),
        (("--images", volume, "--labels", "none.tif"), "none.tif does not exist"),
        (("--data", "none"), "none is not a folder"),
        (("--data", "."), "contains neither"),
    ):
        assert said in refused(call("train", *arguments, *TINY))
        assert list(tmp_path.iterdir()) == []


def test_a_folder_that_is_not_empty_is_refused(tmp_path, data):
    (tmp_path / "run").mkdir()
    (tmp_path / "run" / "mine.txt").write_text("mine")
    before = contents(tmp_path)
    message = refused(call("train", *options(data, tmp_path / "run", 1)))
    assert f"--out {tmp_path / 'run-2'}" in message
    assert contents(tmp_path) == before
    assert [path.name for path in tmp_path.iterdir()] == ["run"]


def test_cuda_without_a_gpu_is_refused(tmp_path, data, monkeypatch):
    def choose(wanted):
        raise InputError(f"device {wanted} cannot be had")

    monkeypatch.setattr(preparation.device, "choose", choose)
    given = ("--data", data, "--out", tmp_path / "run", "--device", "cuda")
    assert "cuda cannot be had" in refused(call("train", *given))
    assert list(tmp_path.iterdir()) == []


# Every folder that a run left can be used


@pytest.fixture(scope="module")
def whole(tmp_path_factory, data):
    """Make an uninterrupted run of six steps; tests must not change it."""
    out = tmp_path_factory.mktemp("whole") / "run"
    run(data, out, 6)
    return out


def fail(*_, **__):
    raise KeyboardInterrupt


def test_a_run_that_was_stopped_before_its_first_step(tmp_path, data, whole, monkeypatch):
    out = tmp_path / "run"
    with monkeypatch.context() as patch:
        patch.setattr(session, "plan", fail)
        result = call("train", *options(data, out, 6))
    assert result.code == 130
    again = f"stopped; no step was saved. To continue: python -m minunet.train --resume {out}\n"
    assert result.out == again
    assert {path.name for path in out.iterdir()} == {"settings.json", "weight_map.png"}
    resume(out)
    assert_same_run(whole, out)
    assert {path.name for path in out.iterdir()} == FILES


@pytest.mark.parametrize("name", ["evaluate", "keep_threshold", "write_report", "write_scores"])
def test_a_run_that_was_stopped_while_its_report_was_made(tmp_path, data, whole, monkeypatch, name):
    out = tmp_path / "run"
    with monkeypatch.context() as patch:
        patch.setattr(results, name, fail)
        result = call("train", *options(data, out, 6))
    assert result.code == 130
    assert "stopped; last.npz contains the run up to step 6. To continue: " in result.out
    assert "all 6 are done; making the scores and the report" in resume(out)
    assert_same_run(whole, out)
    assert {path.name for path in out.iterdir()} == FILES
    for file in ("scores.json", "curves.png"):
        assert (out / file).read_bytes() == (whole / file).read_bytes()


def test_the_report_of_more_steps_is_made_again(tmp_path, data, whole, monkeypatch):
    out = tmp_path / "run"
    shutil.copytree(whole, out)
    with monkeypatch.context() as patch:
        patch.setattr(results, "write_report", fail)
        assert call("train", "--resume", out, "--steps", 8).code == 130
    assert json.loads((out / "scores.json").read_text())["steps"] == 6
    resume(out)
    assert json.loads((out / "scores.json").read_text())["steps"] == 8


def test_a_finished_run_stays_as_it_is(whole):
    before = {path: (path.read_bytes(), path.stat().st_mtime_ns) for path in whole.iterdir()}
    for more in ((), ("--steps", 6)):
        said = resume(whole, *more)
        assert "are done; pass a larger --steps" in said
        assert f"report    {whole / 'report.html'}" in said
    after = {path: (path.read_bytes(), path.stat().st_mtime_ns) for path in whole.iterdir()}
    assert after == before


def test_the_best_checkpoint_replaces_a_lost_last_one(tmp_path, data, whole):
    shutil.copytree(whole, tmp_path / "run")
    (tmp_path / "run" / "last.npz").unlink()
    resume(tmp_path / "run", "--steps", 6)
    assert_same_run(whole, tmp_path / "run")


@pytest.mark.parametrize("content", [None, b"", b"\0" * 4000, b"step,energy\r\n1,2\r\n"])
def test_a_damaged_log_blocks_nothing(tmp_path, data, whole, content):
    out = tmp_path / "run"
    shutil.copytree(whole, out)
    (out / "log.csv").unlink()
    (out / "report.html").unlink()
    if content is not None:
        (out / "log.csv").write_bytes(content)
    said = resume(out)
    assert said.count("warning   ") == 1
    assert f"warning   {out / 'log.csv'} is damaged" in said
    assert "missing steps 1 … 6" in said
    assert "The log of this run is lost" in (out / "report.html").read_text(encoding="utf-8")
    resume(out, "--steps", 7)
    assert [row["step"] for row in runs.read(out)] == [7]


def test_links_in_a_run_are_not_followed(tmp_path, data, whole):
    out, precious = tmp_path / "run", tmp_path / "precious"
    shutil.copytree(whole, out)
    for path in list(out.iterdir()):
        target = precious / path.name
        target.parent.mkdir(exist_ok=True)
        path.rename(target)
        path.symlink_to(target)
    before = contents(precious)
    resume(out, "--steps", 9)
    assert contents(precious) == before
    assert not any(path.is_symlink() for path in out.iterdir() if path.name != "weight_map.png")


def test_two_processes_do_not_share_a_run(tmp_path, data):
    out = tmp_path / "run"
    twins = [start("train", *options(data, out, 9)) for _ in range(2)]
    codes, messages = zip(*((r.code, r.err) for r in map(finish, twins)), strict=True)
    assert sorted(codes) == [0, 2]
    message = one_line(messages[codes.index(2)])
    # It has no number yet if it has only just locked the folder, see `lock`.
    owners = (f"{out} is in use by process", f"{out} is in use by another process")
    assert any(owner in message for owner in owners) or "not empty" in message
    assert [row["step"] for row in runs.read(out)] == list(range(1, 10))
    with lock.owned(out):
        before = contents(out)
        assert "in use by process" in refused(call("train", "--resume", out, "--steps", 12))
        assert contents(out) == before


def test_blas_is_limited_whether_or_not_a_number_of_threads_is_given(
    tmp_path, data, no_pictures, monkeypatch
):
    used = []
    monkeypatch.setattr(threads, "use", used.append)
    run(data, tmp_path / "run", 1)
    assert used == [threads.count()]
    resume(tmp_path / "run", "--steps", 2)
    assert used == [threads.count()] * 2


def test_a_run_keeps_its_threads(tmp_path, data, no_pictures, threads_as_before):
    out = tmp_path / "run"
    run(data, out, 2, "--threads", 3)
    assert checkpoint.load(out / "last.npz").settings["threads"] == 3
    threads.use(1)
    resume(out, "--steps", 3)
    assert threads.count() == 3
    said = resume(out, "--steps", 4, "--threads", 2)
    assert "threads   2 instead of the 3 that the run was started with" in said
    assert json.loads((out / "settings.json").read_text())["threads"] == 2


def test_a_pipe_that_is_closed_does_not_stop_a_training(tmp_path, data):
    process = start("train", *options(data, tmp_path / "run", 6))
    process.stdout.close()
    process.stderr.close()
    assert process.wait(timeout=120) == 0
    assert {path.name for path in (tmp_path / "run").iterdir()} == FILES


# Held-out parts


def test_nothing_but_the_final_scores_depends_on_the_test_slices(tmp_path):
    folder = write_stack(tmp_path / "data")
    parts = ("--validation", "1:2", "--test", "3:4", "--score", "v_rand")
    said = run(folder, tmp_path / "a", 6, *parts)
    named = "4 slices: 2 for training, 1 held out for validation (1), 1 for the final test (3)"
    assert named in said
    assert "scores    best.npz, step" in said
    assert "on 1 test slice: V_Rand" in said
    before = json.loads((tmp_path / "a" / "scores.json").read_text())
    assert (before["slice_names"], before["scored"]["part"]) == (["3"], "test")
    images, labels = draw_stack()
    images[3] = 255 - images[3] // 2
    labels[3] = 1 - labels[3]
    labels[3, :5] = 0
    for name, stack in (("train-volume.tif", images), ("train-labels.tif", labels)):
        tifffile.imwrite(folder / name, stack, photometric="minisblack")
    again = run(folder, tmp_path / "b", 6, *parts)
    for name in ("best.npz", "last.npz", "settings.json", "preview.png", "curves.png"):
        one, other = ((tmp_path / run / name).read_bytes() for run in ("a", "b"))
        assert one == other, name
    rows = [runs.read(tmp_path / name) for name in ("a", "b")]
    for row in (*rows[0], *rows[1]):
        del row["seconds"]
    assert rows[0] == rows[1]
    after = json.loads((tmp_path / "b" / "scores.json").read_text())
    assert after["optimistic"] == before["optimistic"]
    # It says that other slices were scored.
    assert after["scored"].pop("fingerprint") != before["scored"].pop("fingerprint")
    assert after["scored"] == before["scored"]
    assert after["pixel_error"]["value"] != before["pixel_error"]["value"]
    plans = [text.split("network ")[0] for text in (said, again)]
    assert plans[0] == plans[1]


def test_predict_and_load_use_the_threshold_of_a_finished_run(tmp_path, data):
    out = tmp_path / "run"
    run(data, out, 2, "--validation", "3:4", "--score", "v_rand")
    stored = {
        name: checkpoint.load(out / name).settings["threshold_from"]
        for name in ("best.npz", "last.npz")
    }
    assert stored == {"best.npz": "validation", "last.npz": "training"}
    # A threshold in the middle of the probabilities, so that it separates some pixels.
    saved = checkpoint.load(out / "best.npz")
    first = call("predict", out / "best.npz", data / "train-volume.tif", "-o", tmp_path / "p")
    p = tifffile.imread(tmp_path / "p" / "probability.tif")
    t = float(np.quantile(p, 0.3).round(3))
    path = out / "middle.npz"
    checkpoint.save(path, saved._replace(settings=saved.settings | {"threshold": t}))
    for number, (more, used, said) in enumerate(
        (
            ((), t, f"threshold {t:g}, chosen on validation slices (stored in middle.npz)"),
            (("--threshold", 0.625), 0.625, "threshold 0.625, given by --threshold"),
        )
    ):
        place = tmp_path / f"out{number}"
        result = call("predict", path, data / "train-volume.tif", "-o", place, *more)
        assert (result.code, said in result.out) == (0, True), result.out
        labels = tifffile.imread(place / "labels.tif")
        np.testing.assert_array_equal(labels, p.astype(np.float64) > used)
    assert 0 < (p > t).mean() < 1
    model = minunet.load(path, "cpu")
    image = draw_stack()[0]
    np.testing.assert_array_equal(model.cells(image), model.cells(image, t))
    old = {k: v for k, v in saved.settings.items() if not k.startswith("threshold")}
    for name in ("test", "scale", "shrink", "pixel_size", "extent", "smallest_chosen"):
        del old[name]
    checkpoint.save(out / "old.npz", saved._replace(settings=old))
    result = call("predict", out / "old.npz", data / "train-volume.tif", "-o", tmp_path / "old")
    assert "threshold 0.5, because old.npz contains none" in result.out
    assert first.code == 0
    labels = tifffile.imread(tmp_path / "old" / "labels.tif")
    np.testing.assert_array_equal(labels, p > 0.5)
    older = minunet.load(out / "old.npz", "cpu")
    np.testing.assert_array_equal(older.cells(image), older.cells(image, 0.5))


def test_a_resumed_run_forgets_the_threshold_until_it_is_finished(tmp_path, data, monkeypatch):
    out = tmp_path / "run"
    run(data, out, 2)
    assert checkpoint.load(out / "last.npz").settings["threshold"] is not None
    seen = []
    monkeypatch.setattr(
        results,
        "finish",
        lambda *given: seen.append(checkpoint.load(out / "last.npz").settings["threshold"]) or [],
    )
    resume(out, "--steps", 4)
    assert seen == [None]


def test_validation_and_test_must_be_disjoint(tmp_path, data):
    both = "--validation", "1:3", "--test", "2:4"
    said = refused(call("train", *options(data, tmp_path / "run", 2), *both))
    assert (
        "validation 1:3 and test 2:4 share 1 slice (2); pass values without common slices to "
        "--validation and --test"
    ) in said
    said = refused(call("train", *options(data, tmp_path / "run", 2), "--w0", 5))
    assert "--w0 has no effect with --weight-map balance" in said
    assert not (tmp_path / "run").exists()


def test_a_run_without_settings_is_not_resumed_but_started_again(tmp_path, data, monkeypatch):
    def full(folder, settings):
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC), str(folder / "settings.json"))

    out = tmp_path / "run"
    monkeypatch.setattr(runs, "write_settings", full)
    options = ["--data", data, "--out", out, *TINY, "--steps", 2]
    result = call("train", *options)
    assert result.code == 2
    said = one_line(result.err)
    assert said.endswith(f"then continue: {cli.command('train', *map(str, options))}")
    monkeypatch.undo()
    assert call("train", *options).code == 0
