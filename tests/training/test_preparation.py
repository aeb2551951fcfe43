"""A run is prepared from what the user asked for, or from what a stopped run left."""

from dataclasses import replace

import pytest
import tifffile
from commands import draw_stack, write_stack

from minunet import runs
from minunet.errors import InputError
from minunet.runs.settings import from_options
from minunet.training import preparation, state
from minunet.training.preparation import Arguments

SMALL = {"depth": 1, "channels": 3, "tile": 24, "steps": 5, "dropout": 0.0}


def prepare(folder, **given):
    return preparation.prepared(Arguments(SMALL | given, folder, None, None, None))


@pytest.fixture
def data(tmp_path):
    return write_stack(tmp_path / "data")


def test_settings_are_completed_by_the_data(data):
    settings, loaded, begun, _ = prepare(data, seed=3)
    assert (settings.label_values, settings.in_channels, settings.cells) == ((0, 1), 1, False)
    assert settings.score == "v_rand"
    assert settings.fingerprint == loaded.fingerprint
    assert begun.step == 0
    expected = state.start(settings, "cpu").params  # of the same seed
    assert all((array == expected[name]).all() for name, array in begun.params.items())


def test_the_training_slices_determine_the_scale_unless_an_old_run_stored_none(tmp_path, data):
    images, _ = draw_stack()
    images[3, 0, 0] = 255  # the brightest pixel, held out
    tifffile.imwrite(data / "train-volume.tif", images, photometric="minisblack")
    settings, loaded, _, _ = prepare(data, validation="3:4")
    low, high = float(images[:3].min()), float(images[:3].max())
    assert settings.scale == (low, high - low)
    assert high < 255
    assert loaded.images[3].max() > 1
    assert max(loaded.images[k].max() for k in range(3)) == 1
    old = preparation.load(replace(settings, scale=None))
    assert old.images[3].max() == 1
    assert old.fingerprint == loaded.fingerprint


@pytest.mark.parametrize(
    ("images", "labels", "name"),
    [
        (None, None, "synthetic"),
        ("/a/b/train-volume.tif", "/a/b/train-labels.tif", "b"),
        ("/a/b/images", "/a/b/labels", "b"),
        ("/a/b/train/images", "/a/b/train/labels", "b"),
        ("/a/b", None, "b"),  # Cell Tracking Challenge
    ],
)
def test_a_run_is_named_after_the_folder_of_its_data(images, labels, name):
    assert preparation.source(from_options(images=images, labels=labels)) == name


def test_a_score_that_needs_cells_is_refused_for_classes(data):
    images, labels = draw_stack()
    tifffile.imwrite(data / "train-labels.tif", labels + (images > 200), photometric="minisblack")
    with pytest.raises(InputError, match="--score seg needs two classes or numbered cells"):
        prepare(data, score="seg", labels_are="classes")


def test_a_run_continues_from_its_last_checkpoint_or_else_the_best_or_else_its_settings(
    tmp_path, data
):
    settings, _, begun, _ = prepare(data)
    folder = tmp_path / "run"
    folder.mkdir()
    runs.write_settings(folder, settings.to_json())
    assert preparation.restored(folder, None)[0].step == 0
    for step, name in ((2, "best.npz"), (3, "last.npz")):
        begun.step = step
        state.save(folder / name, settings, begun)
        found, stored, _ = preparation.restored(folder, None)
        assert found.step == step
        assert stored == settings


@pytest.mark.parametrize("name", ["tile", "seed"])
def test_a_setting_that_cannot_change_is_refused_before_anything_is_read(tmp_path, name):
    arguments = Arguments({name: 3, "steps": 9}, None, None, tmp_path, None)
    with pytest.raises(InputError, match=f"^--{name} cannot change when a run is resumed"):
        preparation.resumed_run(arguments, tmp_path)


def saved_run(folder, data):
    """Save a run before its first step, with the checkpoint that best.npz may replace."""
    settings, _, begun, _ = prepare(data)
    folder.mkdir()
    for name in ("last.npz", "best.npz"):
        state.save(folder / name, settings, begun)
    return settings, begun


@pytest.mark.parametrize("what", ["damaged", "other data", "other network"])
def test_a_run_that_could_not_be_finished_is_refused_before_its_next_step(tmp_path, data, what):
    folder = tmp_path / "run"
    settings, begun = saved_run(folder, data)
    if what == "damaged":
        (folder / "best.npz").write_bytes((folder / "best.npz").read_bytes()[:-30])
    elif what == "other data":
        state.save(folder / "best.npz", replace(settings, fingerprint="another"), begun)
    else:
        other = replace(settings, channels=2)
        state.save(folder / "best.npz", other, state.start(other, "cpu"))
    before = {path.name: path.read_bytes() for path in folder.iterdir()}
    arguments = Arguments({}, None, None, folder, None)
    fix = r"best\.npz .* or move best\.npz away: the next"
    with pytest.raises(InputError, match=fix) as error:
        preparation.resumed_run(arguments, folder)
    assert "\n" not in str(error.value)
    assert {path.name: path.read_bytes() for path in folder.iterdir()} == before
    (folder / "best.npz").unlink()
    assert preparation.resumed_run(arguments, folder).state.step == 0
