"""`predict` shrinks images as in training, and follows the pixel size in their files."""

import json

import numpy as np
import pytest
import tifffile
from commands import call, finish, refused, start
from PIL import Image
from scipy import ndimage

import minunet
from minunet.network import initialization
from minunet.prediction import stack
from minunet.prediction.instances import Rule
from minunet.prediction.tiling import Tiling
from minunet.report import run_pictures
from minunet.runs import checkpoint
from minunet.runs.checkpoint import Checkpoint
from minunet.runs.settings import from_options


@pytest.fixture(autouse=True)
def no_preview(monkeypatch):
    """Save the time of drawing a preview."""
    pixel = Image.new("L", (1, 1))
    monkeypatch.setattr(run_pictures, "preview", lambda path, *given: pixel.save(path))


def write_model(path, pixel_size=(0.2, 0.2), drop=(), **settings):
    """Write a checkpoint of a network that returns the grey value of the central pixel."""
    given = {"depth": 1, "channels": 2, "tile": 24, "device": "cpu", "scaling": "none"}
    config = from_options(**given | {"cells": True, "smallest": 5} | settings)
    rng = np.random.default_rng(0)
    params = initialization.gaussian(config.architecture, rng)
    params = {name: np.zeros_like(w) for name, w in params.items()}
    for w in params.values():
        if w.shape[:2] == (3, 3):
            w[1, 1, 0, 0] = 1  # every layer passes channel 0 on
    params["expand0.w1"][1, 1, 2, 0] = 1  # the channel from across the U; the one from below is 0
    params["out.w"][..., 0, 1] = 1
    params["out.b"][:2] = (0, -3.5)
    values = config.to_json() | {"pixel_size": pixel_size}
    values = {name: value for name, value in values.items() if name not in drop}
    state = rng.bit_generator.state
    checkpoint.save(path, Checkpoint(params, params, 5, state, 0.5, values))


def blobs(height=40, width=52, seed=0):
    noise = ndimage.gaussian_filter(np.random.default_rng(seed).standard_normal((height, width)), 3)
    return np.round(4 + 40 * noise).clip(0, 20).astype(np.uint8)


def write(path, image, pixel=None, unit="um"):
    """Write a TIFF file with a pixel size (height, width), or without."""
    how = {}
    if pixel is not None:
        axes = "YX" if image.ndim == 2 else "ZYX"
        metadata = {"unit": unit, "axes": axes}
        how = {"resolution": (1 / pixel[1], 1 / pixel[0]), "metadata": metadata}
    tifffile.imwrite(path, image, imagej=True, **how)


def predict(tmp_path, image, *options, out="out"):
    return call("predict", tmp_path / "m.npz", tmp_path / image, "-o", tmp_path / out, *options)


def results(tmp_path, name="", out="out"):
    names = (f"{kind}{name}.tif" for kind in ("probability", "labels"))
    return (tifffile.imread(tmp_path / out / one) for one in names)


def repeated(image, down, across):
    return image.repeat(down, axis=0).repeat(across, axis=1)


def matched(one, other):
    """Return the smallest IoU of cells that have the same number in two maps of the same size."""
    assert one.max() == other.max() > 2
    union = [(one == k) | (other == k) for k in range(1, one.max() + 1)]
    both = [(one == k) & (other == k) for k in range(1, one.max() + 1)]
    return min(a.sum() / b.sum() for a, b in zip(both, union, strict=True))


@pytest.mark.parametrize(("down", "across"), [(2, 2), (3, 3), (1, 2), (4, 2)])
@pytest.mark.parametrize("shrink", [1.0, 2.0])
def test_finer_pixels_give_the_same_cells(tmp_path, down, across, shrink):
    write_model(tmp_path / "m.npz", shrink=shrink)
    image = blobs()
    write(tmp_path / "a.tif", image, (0.2, 0.2))
    write(tmp_path / "b.tif", repeated(image, down, across), (0.2 / down, 0.2 / across))
    for name in "ab":
        result = predict(tmp_path, f"{name}.tif", out=name)
        assert result.code == 0, result.err
    _, cells = results(tmp_path, out="a")
    _, fine = results(tmp_path, out="b")
    assert fine.shape == (40 * down, 52 * across)
    assert matched(repeated(cells, down, across), fine) > 0.7
    words = f"{shrink * down:g}" if down == across else f"{shrink * down:g} x {shrink * across:g}"
    assert f"size      {words} image pixels per network pixel, in training {shrink:g}" in result.out
    assert f"{5 * down * across} pixels or more above the threshold" in result.out


def test_a_process_of_its_own_gives_the_same_cells(tmp_path):
    write_model(tmp_path / "m.npz")
    write(tmp_path / "a.tif", repeated(blobs(), 2, 2), (0.1, 0.1))
    process = start("predict", tmp_path / "m.npz", tmp_path / "a.tif", "-o", tmp_path / "out")
    result = finish(process)
    assert result.code == 0, result.err
    p, cells = results(tmp_path)
    model = minunet.load(tmp_path / "m.npz")
    image = repeated(blobs(), 2, 2)
    np.testing.assert_array_equal(model.segment(image, pixel_size=(0.1, 0.1))[..., 1], p)
    np.testing.assert_array_equal(model.cells(image, pixel_size=(0.1, 0.1)), cells)
    assert cells.max() > 2


@pytest.mark.parametrize(
    ("pixel", "unit", "expected"),
    [
        (None, "um", (2.0, 2.0)),
        ((0.2, 0.2), "um", (2.0, 2.0)),
        ((0.2, 0.201), "um", (2.0, 2.0)),
        ((200.0, 200.0), "nm", (2.0, 2.0)),
        ((0.5, 0.25), "um", (0.8, 1.6)),
        ((3.0, 3.0), "furlong", (2.0, 2.0)),
        ((3.0, 3.0), "pixel", (2.0, 2.0)),
    ],
)
def test_the_factor_of_a_file(tmp_path, pixel, unit, expected):
    write_model(tmp_path / "m.npz", shrink=2.0)
    write(tmp_path / "a.tif", blobs(31, 37), pixel, unit)
    assert predict(tmp_path, "a.tif").code == 0
    model = minunet.load(tmp_path / "m.npz")
    p, _ = results(tmp_path)
    wanted = Tiling(24, shrink=expected)
    np.testing.assert_allclose(model.segment(blobs(31, 37), wanted)[..., 1], p, atol=1e-5)


def test_a_given_factor_ignores_the_pixel_size(tmp_path):
    write_model(tmp_path / "m.npz", shrink=2.0)
    write(tmp_path / "a.tif", blobs(), (0.002, 0.002))
    message = refused(predict(tmp_path, "a.tif"))
    assert (
        "a.tif: the pixels of the image are 0.002 x 0.002 µm, but those of the training" in message
    )
    assert (
        "were 0.2 x 0.2 µm; a ratio above 8 is probably an error: correct the metadata, or pass "
        "--shrink 2 to ignore it"
    ) in message
    assert not (tmp_path / "out").exists()
    result = predict(tmp_path, "a.tif", "--shrink", 2.5)
    assert "size      2.5 image pixels per network pixel, in training 2" in result.out
    p, cells = results(tmp_path)
    model = minunet.load(tmp_path / "m.npz")
    given = Tiling(24, shrink=(2.5, 2.5))
    np.testing.assert_array_equal(model.segment(blobs(), given)[..., 1], p)
    np.testing.assert_array_equal(Rule(smallest=8).cells(p), cells)  # 5 · 2.5² / 2² = 7.8


@pytest.mark.parametrize("value", ["0", "0.2", "65", "nan", "auto", "-1"])
def test_factors_that_are_not_valid_are_refused(tmp_path, value):
    write_model(tmp_path / "m.npz")
    write(tmp_path / "a.tif", blobs())
    assert "--shrink" in refused(predict(tmp_path, "a.tif", f"--shrink={value}"))


def test_an_extent_above_the_threshold_is_refused(tmp_path):
    write_model(tmp_path / "m.npz")
    write(tmp_path / "a.tif", blobs())
    message = refused(predict(tmp_path, "a.tif", "--extent", "0.7", "--threshold", "0.6"))
    assert "--extent 0.7 is above the threshold 0.6" in message
    result = predict(tmp_path, "a.tif", "--extent", "0.2", "--threshold", "0.6")
    assert "5 pixels or more above the threshold, grown to 0.2, without holes" in result.out
    p, cells = results(tmp_path)
    np.testing.assert_array_equal(cells, Rule(0.6, 0.2, 5).cells(p))
    assert (cells != Rule(0.6, None, 5).cells(p)).any()


@pytest.mark.parametrize(
    ("options", "named"),
    [
        (("--extent", "0.3"), "--extent"),
        (("--smallest", "3", "--connectivity", "8"), "--smallest and --connectivity"),
        (("--extent", "0.3", "--labels", "classes"), "--extent"),
    ],
)
@pytest.mark.parametrize("values", [(0, 1), (0, 1, 2)])
def test_options_of_cells_without_cells_are_refused(tmp_path, options, named, values):
    write_model(tmp_path / "m.npz", cells=False, label_values=values)
    write(tmp_path / "a.tif", blobs())
    first = named.split()[0]
    message = refused(predict(tmp_path, "a.tif", *options))
    other = ", or pass --labels cells" if len(values) == 2 else ""
    expected = f"{first} has no effect, because the labels are classes; leave out {named}{other}"
    assert expected in message


def write_folder(folder, **pixels):
    folder.mkdir()
    for name, pixel in pixels.items():
        write(folder / f"{name}.tif", blobs(seed=ord(name)), pixel)


def test_files_of_one_shape_with_several_pixel_sizes(tmp_path):
    write_model(tmp_path / "m.npz", shrink=2.0)
    write_folder(tmp_path / "in", a=(0.2, 0.2), b=(0.1, 0.1), c=None)
    result = predict(tmp_path, "in")
    assert result.code == 0, result.err
    assert "size      2 image pixels per network pixel of a, as in training" in result.out
    assert "size      4 image pixels per network pixel of b, in training 2: image " in result.out
    assert "5, 20 pixels or more" in result.out
    model = minunet.load(tmp_path / "m.npz")
    for name, pixel in (("a", None), ("b", (0.1, 0.1)), ("c", None)):
        p, cells = results(tmp_path, f"/{name}")
        image = blobs(seed=ord(name))
        np.testing.assert_array_equal(model.segment(image, pixel_size=pixel)[..., 1], p)
        np.testing.assert_array_equal(model.cells(image, pixel_size=pixel), cells)


@pytest.mark.parametrize("unit", ["um", "nm"])
def test_one_pixel_size_in_two_units_is_one_stack(tmp_path, unit):
    write_model(tmp_path / "m.npz", shrink=2.0)
    write_folder(tmp_path / "in", a=(0.1, 0.1))
    size = {"um": 0.1, "nm": 100.0}[unit]
    write(tmp_path / "in" / "b.tif", blobs(seed=1), (size, size), unit)
    assert predict(tmp_path, "in").code == 0
    p, _ = results(tmp_path)
    model = minunet.load(tmp_path / "m.npz")
    for one, seed in zip(p, (ord("a"), 1), strict=True):
        expected = model.segment(blobs(seed=seed), pixel_size=(0.1, 0.1))[..., 1]
        np.testing.assert_allclose(one, expected, atol=1e-6)


def test_a_mismatch_of_one_file_in_a_folder_is_named(tmp_path):
    write_model(tmp_path / "m.npz")
    write_folder(tmp_path / "in", a=(0.2, 0.2), b=(20.0, 20.0))
    assert f"{tmp_path / 'in' / 'b.tif'}: the pixels of the image" in refused(
        predict(tmp_path, "in")
    )


def test_frames_of_several_pixel_sizes_are_refused(tmp_path):
    write_model(tmp_path / "m.npz")
    (tmp_path / "01").mkdir()
    write(tmp_path / "01" / "t000.tif", blobs(), (0.2, 0.2))
    write(tmp_path / "01" / "t001.tif", blobs(), (0.1, 0.1))
    assert "differ in size or pixel size" in refused(predict(tmp_path, "01"))


@pytest.mark.parametrize("average", ["none", "flips"])
def test_resume_with_shrunk_images(tmp_path, monkeypatch, average):
    write_model(tmp_path / "m.npz", shrink=2.0)
    write(tmp_path / "a.tif", np.stack([blobs(seed=k) for k in range(4)]), (0.1, 0.1))
    options = ("--average", average)
    assert predict(tmp_path, "a.tif", *options, out="whole").code == 0
    rule, done = stack.Rule.cells, []

    def stop(self, p):
        done.append(1)
        if len(done) == 3:
            raise KeyboardInterrupt
        return rule(self, p)

    monkeypatch.setattr(stack.Rule, "cells", stop)
    assert predict(tmp_path, "a.tif", *options).code == 130
    monkeypatch.setattr(stack.Rule, "cells", rule)
    progress = tmp_path / "out" / "unfinished" / "progress.json"
    made_of = json.loads(progress.read_text())["made_of"]
    assert (made_of["--shrink"], made_of["--smallest"]) == ([[4.0, 4.0]], [20])
    assert not any(path.suffix == "" for path in progress.parent.iterdir())
    message = refused(predict(tmp_path, "a.tif", *options, "--shrink", "3", "--resume"))
    assert "was begun with another --shrink" in message
    result = predict(tmp_path, "a.tif", *options, "--resume")
    assert result.code == 0, result.err
    assert "2 of 4 slices are finished" in result.out
    for found, expected in zip(results(tmp_path), results(tmp_path, out="whole"), strict=True):
        np.testing.assert_array_equal(found, expected)


NEW = ("shrink", "pixel_size", "extent", "smallest_chosen")


def test_a_checkpoint_of_an_earlier_version_predicts_as_before(tmp_path):
    # It does not say how its images are shrunk, and pixel sizes in files mean nothing to it.
    write_model(tmp_path / "m.npz", pixel_size=None)
    write_model(tmp_path / "old.npz", drop=NEW)
    write(tmp_path / "a.tif", blobs(), (0.1, 0.1))
    for name in ("m", "old"):
        result = call(
            "predict", tmp_path / f"{name}.npz", tmp_path / "a.tif", "-o", tmp_path / name
        )
        assert result.code == 0, result.err
        assert "image pixels per network pixel" not in result.out
    model = minunet.load(tmp_path / "old.npz")
    assert (model.settings.shrink, model.settings.pixel_size) == (1.0, None)
    p, cells = results(tmp_path, out="old")
    # The network returns grey values, so its probabilities are known.
    grey = blobs().astype(float)
    np.testing.assert_allclose(p, 1 / (1 + np.exp(3.5 - grey)), atol=1e-6)
    for found, other in zip(results(tmp_path, out="m"), (p, cells), strict=True):
        np.testing.assert_array_equal(found, other)
    # Cells are the components of five pixels or more, as before; but their holes are filled.
    components, count = ndimage.label(p > 0.5)
    sizes = ndimage.sum_labels(np.ones(p.shape), components, range(1, count + 1))
    kept = np.isin(components, 1 + np.flatnonzero(sizes >= 5))
    np.testing.assert_array_equal((cells > 0)[kept], True)
    assert cells.max() == np.count_nonzero(sizes >= 5)
