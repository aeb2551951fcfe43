"""A run is prepared from what the user asked for, or from what a stopped run left."""

from dataclasses import replace

import numpy as np
import pytest
import tifffile
from commands import draw_stack, write_stack

from minunet import runs
from minunet.errors import InputError
from minunet.image import Sample
from minunet.prediction.tiling import aligned_step
from minunet.runs.settings import from_options
from minunet.training import preparation, state
from minunet.training.preparation import Arguments

SMALL = {"depth": 1, "channels": 3, "tile": 24, "steps": 5, "dropout": 0.0}


def prepare(folder, minutes=None, **given):
    return preparation.prepared(Arguments(SMALL | given, folder, None, None, None, minutes))


@pytest.fixture
def data(tmp_path):
    return write_stack(tmp_path / "data")


def test_settings_are_completed_by_the_data(data):
    settings, loaded, begun, *_ = prepare(data, seed=3)
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
    settings, loaded, *_ = prepare(data, validation="3:4")
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
    settings, _, begun, *_ = prepare(data)
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
    settings, _, begun, *_ = prepare(data)
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


def large_cells(folder, pixel=None):
    """Write two slices with round cells of 31 pixels; `pixel` is the size of a pixel, in µm."""
    rows, columns = np.indices((90, 130))
    label = np.zeros((90, 130), np.uint16)
    for k, (y, x) in enumerate([(20, 20), (20, 60), (60, 100), (65, 30)], start=1):
        label[(rows - y) ** 2 + (columns - x) ** 2 <= 15.5**2] = k
    image = (label > 0) * np.uint8(100) + np.random.default_rng(0).integers(0, 50, label.shape)
    folder.mkdir()
    about = {"photometric": "minisblack", "imagej": pixel is not None}
    if pixel:
        about |= {"resolution": (1 / pixel, 1 / pixel), "metadata": {"unit": "um", "axes": "ZYX"}}
    images = np.stack([image, image[::-1]]).astype(np.uint8)
    tifffile.imwrite(folder / "train-volume.tif", images, **about)
    labels = np.stack([label, label[::-1]])
    tifffile.imwrite(folder / "train-labels.tif", labels, photometric="minisblack")
    return folder


def test_the_size_that_auto_chose_is_stored_and_read_again(tmp_path):
    # The valid inputs at depth 1 begin with 18 pixels, see Figure 1: 3 · 31 / 18 = 5.2, so 5.
    folder = large_cells(tmp_path / "data", pixel=0.25)
    settings, data, *_ = prepare(folder, shrink="auto", labels_are="cells")
    assert (settings.shrink, data.shrink) == (5.0, 5.0)
    assert settings.pixel_size == pytest.approx((0.25, 0.25))
    assert data.samples[0].x.shape == (18, 26, 1)
    assert data.images[0].shape == (90, 130, 1)
    (line,) = (one for one in data.description if one.startswith("size"))
    assert "size      5 image pixels per network pixel: the median diameter of" in line
    again = preparation.load(settings)
    (line,) = (one for one in again.description if one.startswith("size"))
    assert line == "size      5 image pixels per network pixel"
    assert again.fingerprint == data.fingerprint
    for one, other in zip(data.samples, again.samples, strict=True):
        np.testing.assert_array_equal(one.x, other.x)
        np.testing.assert_array_equal(one.weight_map, other.weight_map)


def test_without_a_size_nothing_is_averaged_down(tmp_path):
    settings, data, *_ = prepare(large_cells(tmp_path / "data"), labels_are="cells")
    assert (settings.shrink, settings.pixel_size, settings.tile) == (1.0, None, 24)
    for image, sample in zip(data.images, data.samples, strict=True):
        assert sample.x is image


@pytest.mark.parametrize(
    ("shrink", "shape", "tile"),
    [
        # Valid tiles at depth 3 are 8 n + 92 pixels, of which 8 n + 4 are segmented.
        (2.0, (126, 126), 220),  # 128 pixels would do
        (2.0, (132, 100), 220),
        (2.0, (133, 100), 228),
        (4.0, (4, 4), 100),  # an output of 4 pixels is too small for a step: 12
        (4.0, (400, 4), 348),  # never larger than that of the preset
        (1.0, (64, 64), 348),  # as before
        (0.5, (64, 64), 348),
    ],
)
def test_a_tile_is_no_larger_than_a_shrunken_image_needs(shrink, shape, tile):
    settings = from_options(preset="laptop", shrink=shrink)
    sample = Sample(np.zeros((*shape, 1)), np.zeros(shape), np.zeros(shape))
    data = type("Data", (), {"shrink": shrink, "samples": [sample, sample]})
    assert preparation.tile_of(settings, data) == tile


def test_a_given_tile_stays(tmp_path):
    folder = large_cells(tmp_path / "data")
    assert prepare(folder, shrink=4.0, tile=60, labels_are="cells")[0].tile == 60
    given = {"depth": 1, "channels": 2, "steps": 1, "shrink": 4.0, "labels_are": "cells"}
    # 33 columns of the shrunken images, and 16 of the margins: 50 is the next valid size.
    arguments = Arguments(given, folder, *[None] * 4)
    assert preparation.prepared(arguments).settings.tile == 50


def test_the_planned_steps_are_settings_like_others(data, monkeypatch):
    asked = []

    def steps_in(minutes, settings, data, state):
        asked.append((minutes, settings.score, settings.tile, state.step, len(data.images)))
        return 321

    monkeypatch.setattr(preparation, "steps_in", steps_in)
    settings, *_ = prepare(data, minutes=2.5)
    assert settings.steps == 321
    assert asked == [(2.5, "v_rand", 24, 0, 4)]
    assert prepare(data).settings.steps == 5
    assert len(asked) == 1


def test_a_shrunken_image_of_a_single_pixel_gets_a_valid_tile(tmp_path):
    folder = write_stack(tmp_path / "tiny", shape=(2, 9, 7))
    given = {"depth": 3, "channels": 2, "steps": 1, "shrink": 16.0}
    settings, data, *_ = preparation.prepared(Arguments(given, folder, *[None] * 4))
    assert data.samples[0].labels.shape == (1, 1)
    assert settings.tile == 100
    aligned_step(settings.tile, 3)  # does not raise
