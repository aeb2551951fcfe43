"""`python -m minunet.predict` writes the probabilities of `averaging`, or refuses its input."""

import os
import shutil
import tracemalloc
from collections import namedtuple

import numpy as np
import pytest
import tifffile
from commands import call, finish, refused, start
from PIL import Image

from minunet import progress
from minunet.data.image_files import Slices
from minunet.fast import threads
from minunet.network import Network, initialization
from minunet.prediction import averaging, jobs, memory, stack
from minunet.prediction.averaging import probabilities
from minunet.prediction.instances import Rule
from minunet.prediction.model import Model
from minunet.prediction.stack import Labelling
from minunet.prediction.tiling import Tiling
from minunet.report import run_pictures
from minunet.runs import checkpoint
from minunet.runs.checkpoint import Checkpoint
from minunet.runs.settings import from_options

PREVIEW = run_pictures.preview

OUTPUTS = {"probability.tif", "labels.tif", "preview.png"}


@pytest.fixture(autouse=True)
def no_preview(monkeypatch):
    """Save the time and memory of drawing a preview in tests that do not check it."""
    pixel = Image.new("L", (1, 1))
    monkeypatch.setattr(run_pictures, "preview", lambda path, *given: pixel.save(path))


def write_model(path, values=(0, 1), in_channels=1, seed=0, **settings):
    """Write a checkpoint of an untrained network; return its settings and its parameters."""
    given = {"depth": 1, "channels": 3, "tile": 24, "device": "cpu"} | settings
    config = from_options(**given, label_values=values, in_channels=in_channels)
    params = initialization.gaussian(config.architecture, np.random.default_rng(seed))
    state = np.random.default_rng(0).bit_generator.state
    checkpoint.save(path, Checkpoint(params, params, 5, state, 0.5, config.to_json()))
    return config, params


def draw(shape, dtype=np.uint8, seed=0):
    return np.random.default_rng(seed).integers(0, 256, shape).astype(dtype)


def expected(images, config, params, paper_step=False):
    """Scale a stack (Z, H, W) or (Z, H, W, C) and return its class probabilities."""
    images = np.reshape(images, (*images.shape[:3], -1)).astype(np.float64)
    scaled = ((images - images.min()) / np.ptp(images)).astype(np.float32)
    return np.stack(
        [
            probabilities(
                Network(params, config.architecture), image, Tiling(config.tile, paper_step)
            )
            for image in scaled
        ]
    )


def predicted(tmp_path, image, *options):
    """Predict an image with the model in `tmp_path`; return the probability and the labels."""
    out = tmp_path / "out"
    result = call("predict", tmp_path / "m.npz", image, "-o", out, "--device", "cpu", *options)
    assert result.code == 0, result.err
    assert {path.name for path in out.iterdir()} == OUTPUTS
    probability, labels = (tifffile.imread(out / f"{n}.tif") for n in ("probability", "labels"))
    assert probability.dtype == np.float32
    assert labels.dtype == np.uint8
    with Image.open(out / "preview.png") as preview:
        assert preview.format == "PNG"
    return probability, labels


def test_a_stack_with_the_values_of_the_training_labels(tmp_path):
    config, params = write_model(tmp_path / "m.npz", values=(0, 255))
    stack = draw((3, 20, 31), np.uint16)
    tifffile.imwrite(tmp_path / "stack.tif", stack, photometric="minisblack")
    probability, labels = predicted(tmp_path, tmp_path / "stack.tif")
    p = expected(stack, config, params)
    np.testing.assert_array_equal(probability, p[..., 1])
    np.testing.assert_array_equal(labels, np.where(p[..., 1] > p[..., 0], 255, 0))
    assert set(np.unique(labels)) == {0, 255}
    for name in ("probability", "labels"):
        with tifffile.TiffFile(tmp_path / "out" / f"{name}.tif") as tiff:
            assert tiff.series[0].axes == "ZYX"
            assert tiff.is_imagej
    with Image.open(tmp_path / "out" / "labels.tif") as image:  # other software can read it, too
        for k in range(3):
            image.seek(k)
            np.testing.assert_array_equal(np.array(image), labels[k])


@pytest.mark.parametrize(("slices", "shown"), [(1, [0]), (2, [0, 1]), (4, [0, 3])])
def test_the_picture_shows_the_first_and_the_last_slice(tmp_path, monkeypatch, slices, shown):
    seen = []
    monkeypatch.setattr(
        run_pictures, "preview", lambda path, s, title: (seen.extend(s), PREVIEW(path, s, title))
    )
    write_model(tmp_path / "m.npz")
    stack = draw((slices, 12, 9))
    tifffile.imwrite(tmp_path / "stack.tif", stack, photometric="minisblack")
    probability, _ = predicted(tmp_path, tmp_path / "stack.tif")
    assert len(seen) == len(shown)
    for one, k in zip(seen, shown, strict=True):
        np.testing.assert_array_equal(one.p[..., 1], probability.reshape(stack.shape)[k])
        assert np.corrcoef(one.image.ravel(), stack[k].ravel())[0, 1] > 0.999
        assert one.labels is None


@pytest.mark.parametrize(
    ("name", "shape"),
    [
        *[("a.tif", (20, 31)), ("a.png", (20, 31)), ("a.png", (8, 8)), ("a.tif", (5, 3))],
        *[("a.png", (33, 1)), ("a.tif", (1, 33)), ("a.png", (1, 2))],
    ],
)
def test_a_single_slice_of_any_size(tmp_path, name, shape):
    config, params = write_model(tmp_path / "m.npz")
    page = draw(shape)
    page.flat[:2] = 0, 255
    Image.fromarray(page).save(tmp_path / name)
    probability, labels = predicted(tmp_path, tmp_path / name)
    p = expected(page[np.newaxis], config, params)[0]
    assert probability.shape == labels.shape == shape
    np.testing.assert_array_equal(probability, p[..., 1])
    np.testing.assert_array_equal(labels, p.argmax(axis=-1))


@pytest.mark.parametrize("shape", [(2, 20, 3), (2, 20, 4), (3, 1, 9)])
def test_narrow_stacks_are_not_treated_as_colour(tmp_path, shape):
    config, params = write_model(tmp_path / "m.npz")
    stack = draw(shape)
    tifffile.imwrite(tmp_path / "stack.tif", stack, photometric="minisblack")
    probability, labels = predicted(tmp_path, tmp_path / "stack.tif")
    assert probability.shape == labels.shape == shape
    np.testing.assert_array_equal(probability, expected(stack, config, params)[..., 1])


@pytest.mark.parametrize(("slices", "axes"), [(1, "CYX"), (2, "ZCYX")])
def test_three_classes(tmp_path, slices, axes):
    config, params = write_model(tmp_path / "m.npz", values=(0, 1, 2))
    stack = draw((slices, 20, 31))
    tifffile.imwrite(tmp_path / "stack.tif", stack, photometric="minisblack")
    probability, labels = predicted(tmp_path, tmp_path / "stack.tif")
    p = expected(stack, config, params)
    classes_first = p.transpose(0, 3, 1, 2)
    shape = classes_first.shape[-len(axes) :]
    np.testing.assert_array_equal(probability, classes_first.reshape(shape))
    np.testing.assert_array_equal(labels, p.argmax(axis=-1).reshape(labels.shape))
    with tifffile.TiffFile(tmp_path / "out" / "probability.tif") as tiff:
        assert tiff.series[0].axes == axes


def test_colour_and_a_folder(tmp_path):
    config, params = write_model(tmp_path / "m.npz", in_channels=3)
    stack = draw((2, 20, 31, 3))
    (tmp_path / "images").mkdir()
    for k, page in enumerate(stack):
        Image.fromarray(page).save(tmp_path / "images" / f"{k}.png")
    probability, _ = predicted(tmp_path, tmp_path / "images")
    np.testing.assert_array_equal(probability, expected(stack, config, params)[..., 1])


def test_the_papers_step_and_another_tile(tmp_path):
    # At depth 3, a step of 12 pixels is not a multiple of 8, so the result differs.
    config, params = write_model(tmp_path / "m.npz", depth=3, channels=2, tile=100)
    page = draw((1, 20, 31))
    tifffile.imwrite(tmp_path / "a.tif", page[0])
    probability, _ = predicted(tmp_path, tmp_path / "a.tif", "--step", "paper")
    paper = expected(page, config, params, paper_step=True)[0, ..., 1]
    aligned = expected(page, config, params)[0, ..., 1]
    np.testing.assert_array_equal(probability, paper)
    assert np.abs(paper - aligned).max() > 1e-3
    for path in (tmp_path / "out").iterdir():
        path.unlink()
    probability, _ = predicted(tmp_path, tmp_path / "a.tif", "--tile", 108)
    np.testing.assert_allclose(probability, aligned, atol=1e-5)  # measured: 6e-8


@pytest.mark.parametrize("scaling", ["standard", "none"])
def test_the_image_is_scaled_as_in_training(tmp_path, scaling):
    config, params = write_model(tmp_path / "m.npz", scaling=scaling)
    page = draw((20, 31)).astype(np.float64)
    x = (page - page.mean()) / page.std() if scaling == "standard" else page
    Image.fromarray(page.astype(np.uint8)).save(tmp_path / "a.png")
    probability, _ = predicted(tmp_path, tmp_path / "a.png")
    x = x.astype(np.float32)[..., np.newaxis]
    p = probabilities(Network(params, config.architecture), x, Tiling(24))
    np.testing.assert_allclose(probability, p[..., 1], atol=1e-4)  # measured: 0


def test_logits_are_averaged_over_symmetries(tmp_path):
    config, params = write_model(tmp_path / "m.npz")
    page = draw((20, 31))
    Image.fromarray(page).save(tmp_path / "a.png")
    probability, _ = predicted(tmp_path, tmp_path / "a.png", "--average", "symmetries")
    x = ((page - float(page.min())) / np.ptp(page)).astype(np.float32)[..., np.newaxis]
    a = averaging.logits(Network(params, config.architecture), x, Tiling(24, average="symmetries"))
    p = np.exp(a[..., 1]) / np.exp(a).sum(axis=-1)
    np.testing.assert_allclose(probability, p, rtol=1e-5)  # measured: 2e-7
    assert np.abs(probability - expected(page[np.newaxis], config, params)[0, ..., 1]).max() > 1e-3


def test_a_threshold_of_the_probability(tmp_path):
    config, params = write_model(tmp_path / "m.npz", values=(0, 255))
    page = draw((20, 31))
    Image.fromarray(page).save(tmp_path / "a.png")
    p = expected(page[np.newaxis], config, params)[0, ..., 1]
    threshold = float(np.quantile(p, 0.9).round(3))
    _, labels = predicted(tmp_path, tmp_path / "a.png", "--threshold", threshold)
    np.testing.assert_array_equal(labels, np.where(p > threshold, 255, 0))
    assert 0.05 < (labels > 0).mean() < 0.15


def cells_of(tmp_path, *options):
    """Predict the cells of `a.png`; return the probability and the cells."""
    out = tmp_path / "out"
    result = call("predict", tmp_path / "m.npz", tmp_path / "a.png", "-o", out, *options)
    assert result.code == 0, result.err
    return (tifffile.imread(out / f"{name}.tif") for name in ("probability", "labels"))


@pytest.mark.parametrize("trained_on_cells", [True, False])
def test_cells_are_numbered(tmp_path, trained_on_cells):
    write_model(tmp_path / "m.npz", cells=trained_on_cells, smallest=7)
    Image.fromarray(draw((60, 71))).save(tmp_path / "a.png")
    asked = () if trained_on_cells else ("--labels", "cells")
    p, cells = cells_of(tmp_path, *asked)
    assert cells.dtype == np.uint16
    np.testing.assert_array_equal(cells, Rule(smallest=7).cells(p))
    assert cells.max() > 1


def test_threshold_and_smallest_override_the_model(tmp_path):
    write_model(tmp_path / "m.npz", cells=True, smallest=2)
    Image.fromarray(draw((60, 71))).save(tmp_path / "a.png")
    p, cells = cells_of(tmp_path, "--threshold", 0.52, "--smallest", 9)
    np.testing.assert_array_equal(cells, Rule(0.52, smallest=9).cells(p))
    for other in (Rule(0.52, smallest=2), Rule(0.5, smallest=9)):
        assert (cells != other.cells(p)).any()


def test_connectivity_is_that_of_the_model_or_given(tmp_path):
    write_model(tmp_path / "m.npz", cells=True, connectivity=8)
    Image.fromarray(draw((60, 71))).save(tmp_path / "a.png")
    p, cells = cells_of(tmp_path)
    eight, four = (Rule(connectivity=count).cells(p) for count in (8, 4))
    assert eight.max() < four.max()
    np.testing.assert_array_equal(cells, eight)
    shutil.rmtree(tmp_path / "out")
    _, cells = cells_of(tmp_path, "--connectivity", 4)
    np.testing.assert_array_equal(cells, four)


def test_a_model_of_cells_can_write_classes(tmp_path):
    write_model(tmp_path / "m.npz", cells=True)
    Image.fromarray(draw((20, 31))).save(tmp_path / "a.png")
    probability, labels = predicted(tmp_path, tmp_path / "a.png", "--labels", "classes")
    np.testing.assert_array_equal(labels, probability > 0.5)


def test_a_sequence_of_the_cell_tracking_challenge(tmp_path):
    write_model(tmp_path / "m.npz", cells=True)
    (tmp_path / "01").mkdir()
    for number, page in zip(("003", "017"), draw((2, 30, 41)), strict=True):
        tifffile.imwrite(tmp_path / "01" / f"t{number}.tif", page)
    out = tmp_path / "out"
    result = call("predict", tmp_path / "m.npz", tmp_path / "01", "-o", out, "--device", "cpu")
    assert result.code == 0, result.err
    assert {path.name for path in out.iterdir()} == OUTPUTS | {"01_RES"}
    cells = tifffile.imread(out / "labels.tif")
    assert sorted(path.name for path in (out / "01_RES").iterdir()) == [
        "mask003.tif",
        "mask017.tif",
    ]
    for number, expected_cells in zip(("003", "017"), cells, strict=True):
        mask = tifffile.imread(out / "01_RES" / f"mask{number}.tif")
        assert mask.dtype == np.uint16
        np.testing.assert_array_equal(mask, expected_cells)


# What the file says about its pixels and slices


def metadata(path):
    """Return the axes, what ImageJ reads, and the two resolution tags."""
    with tifffile.TiffFile(path) as tiff:
        tags = tiff.pages[0].tags
        resolution = tags["XResolution"].value, tags["YResolution"].value
        return tiff.series[0].axes, tiff.imagej_metadata, resolution


@pytest.mark.parametrize("name", ["probability", "labels"])
def test_the_calibration_of_imagej_is_kept(tmp_path, name):
    write_model(tmp_path / "m.npz")
    labels = ["dish 1", "dish 2", "dish 3"]
    given = {"axes": "TYX", "unit": "um", "finterval": 2.0, "Labels": labels}
    tifffile.imwrite(
        tmp_path / "a.tif",
        draw((3, 20, 31)),
        imagej=True,
        resolution=(250.0, 200.0),
        metadata=given,
    )
    predicted(tmp_path, tmp_path / "a.tif")
    axes, found, resolution = metadata(tmp_path / "out" / f"{name}.tif")
    assert axes == "TYX"
    assert {key: found[key] for key in ("unit", "finterval", "Labels", "frames")} == {
        "unit": "um",
        "finterval": 2.0,
        "Labels": labels,
        "frames": 3,
    }
    assert resolution == ((250, 1), (200, 1))


@pytest.mark.parametrize("values", [(0, 1), (0, 100, 200)])
def test_the_axes_of_an_ome_tiff_are_kept(tmp_path, values):
    config, params = write_model(tmp_path / "m.npz", values=values)
    stack = draw((2, 3, 20, 31))
    given = {"axes": "TZYX", "PhysicalSizeX": 4.0, "PhysicalSizeXUnit": "nm"}
    given |= {"PhysicalSizeY": 4.0, "PhysicalSizeYUnit": "nm", "PhysicalSizeZ": 50.0}
    given |= {"PhysicalSizeZUnit": "nm", "TimeIncrement": 500.0, "TimeIncrementUnit": "ms"}
    tifffile.imwrite(tmp_path / "a.ome.tif", stack, metadata=given, photometric="minisblack")
    probability, labels = predicted(tmp_path, tmp_path / "a.ome.tif")
    p = expected(stack.reshape(6, 20, 31), config, params)
    classes = p[..., 1:] if len(values) == 2 else p
    of_stack = classes.transpose(0, 3, 1, 2).reshape(2, 3, -1, 20, 31)
    np.testing.assert_array_equal(probability, of_stack[:, :, 0] if len(values) == 2 else of_stack)
    np.testing.assert_array_equal(labels, np.array(values)[p.argmax(axis=-1)].reshape(stack.shape))
    for name, axes in (
        ("probability", "TZYX" if len(values) == 2 else "TZCYX"),
        ("labels", "TZYX"),
    ):
        kept, found, resolution = metadata(tmp_path / "out" / f"{name}.tif")
        assert kept == axes
        assert (found["unit"], found["spacing"], found["finterval"]) == ("nm", 50.0, 0.5)
        assert resolution == ((1, 4), (1, 4))


def test_without_metadata_the_results_have_none(tmp_path):
    write_model(tmp_path / "m.npz", (0, 255))
    tifffile.imwrite(tmp_path / "a.tif", draw((3, 20, 31)), photometric="minisblack")
    predicted(tmp_path, tmp_path / "a.tif")
    tifffile.imwrite(tmp_path / "b.tif", draw((3, 20, 31)), imagej=True, metadata={"axes": "ZYX"})
    with (
        tifffile.TiffFile(tmp_path / "out" / "labels.tif") as found,
        tifffile.TiffFile(tmp_path / "b.tif") as bare,
    ):
        assert found.pages[0].description == bare.pages[0].description
        assert {tag.code for tag in found.pages[0].tags} == {tag.code for tag in bare.pages[0].tags}


def test_classes_have_colours_in_imagej_and_are_values_elsewhere(tmp_path):
    config, params = write_model(tmp_path / "m.npz", values=(0, 100, 200))
    page = draw((20, 31))
    Image.fromarray(page).save(tmp_path / "a.png")
    _, labels = predicted(tmp_path, tmp_path / "a.png")
    p = expected(page[np.newaxis], config, params)[0]
    np.testing.assert_array_equal(labels, 100 * p.argmax(axis=-1))
    with Image.open(tmp_path / "out" / "labels.tif") as image:
        assert image.mode == "L"  # not a palette
        colours = np.array(image.tag_v2[320]).reshape(3, 256)
        np.testing.assert_array_equal(np.array(image), labels)
    np.testing.assert_array_equal(colours[:, 100] // 257, [31, 119, 180])
    np.testing.assert_array_equal(colours[:, 200] // 257, [255, 127, 14])
    assert not np.delete(colours, [100, 200], axis=1).any()
    with Image.open(tmp_path / "out" / "probability.tif") as image:
        assert 320 not in image.tag_v2


# Channels


def test_a_channel_or_the_grey_value_of_colours(tmp_path):
    config, params = write_model(tmp_path / "m.npz")
    page = draw((20, 31, 3))
    Image.fromarray(page).save(tmp_path / "a.png")
    grey = np.array(Image.fromarray(page).convert("L"))
    for options, read in ((("--channel", 2), page[..., 2]), (("--grey",), grey)):
        probability, _ = predicted(tmp_path, tmp_path / "a.png", *options)
        p = expected(read[np.newaxis], config, params)[0, ..., 1]
        # Pillow rounds grey values in another way.
        np.testing.assert_allclose(probability, p, atol=0.01 if options == ("--grey",) else 0)
        shutil.rmtree(tmp_path / "out")


def test_the_channel_is_that_of_training_unless_another_is_given(tmp_path):
    config, params = write_model(tmp_path / "m.npz", channel=1, series=1)
    page = draw((20, 31, 3))
    with tifffile.TiffWriter(tmp_path / "a.tif") as file:
        file.write(draw((30, 31, 3), seed=1), photometric="rgb")
        file.write(page, photometric="rgb")
    for options, channel in (((), 1), (("--channel", 0), 0)):
        text, probability = predict_and_print(tmp_path, *options, image="a.tif")
        p = expected(page[np.newaxis, ..., channel], config, params)[0, ..., 1]
        np.testing.assert_array_equal(probability, p)
        assert f"channel   {channel}\nseries    1\n" in text
        shutil.rmtree(tmp_path / "out")
    assert call("predict", *arguments(tmp_path, "a.tif"), "--series", 0).code == 0
    assert tifffile.imread(tmp_path / "out" / "labels.tif").shape == (30, 31)


def test_a_model_for_colour_refuses_images_without(tmp_path):
    write_model(tmp_path / "m.npz", in_channels=3)
    Image.fromarray(draw((20, 31))).save(tmp_path / "a.png")
    message = refuse(tmp_path, "a.png")
    assert "1-channel images, but the model was trained on 3-channel images" in message
    Image.fromarray(draw((20, 31, 3))).save(tmp_path / "c.png")
    assert "--channel and --grey" in refuse(tmp_path, "c.png", "--channel", 1)
    grey = draw((20, 31))
    Image.fromarray(np.stack([grey] * 3, axis=-1)).save(tmp_path / "blank.png")
    assert call("predict", *arguments(tmp_path, "blank.png")).code == 0


# Folders


def write_folder(folder, images):
    """Write images, given by file name, into a folder."""
    folder.mkdir()
    for name, image in images.items():
        if name.endswith("png"):
            Image.fromarray(image).save(folder / name)
        else:
            tifffile.imwrite(folder / name, image, photometric="minisblack")


def arguments(tmp_path, image):
    return (tmp_path / "m.npz", tmp_path / image, "-o", tmp_path / "out", "--device", "cpu")


def test_slices_from_a_folder_are_named_and_in_natural_order(tmp_path, monkeypatch):
    titles = []
    monkeypatch.setattr(
        run_pictures, "preview", lambda path, s, title: titles.append(title) or path.touch()
    )
    config, params = write_model(tmp_path / "m.npz")
    names = ("img1", "img2", "img10")
    stack = draw((3, 20, 31))
    write_folder(tmp_path / "in", {f"{n}.png": a for n, a in zip(names, stack, strict=True)})
    monkeypatch.setattr("minunet.progress.PLAIN_EVERY", -1)
    result = call("predict", *arguments(tmp_path, "in"))
    assert result.code == 0
    assert "slices    0 img1, 1 img2, 2 img10\n" in result.out
    assert "slice 2 img10" in result.err
    assert titles == ["slices 0 img1, 2 img10 of 3"]
    for name in ("probability", "labels"):
        axes, found, _ = metadata(tmp_path / "out" / f"{name}.tif")
        assert axes == "ZYX"
        assert found["Labels"] == ["img1", "img2", "img10"]
    p = tifffile.imread(tmp_path / "out" / "probability.tif")
    np.testing.assert_array_equal(p, expected(stack, config, params)[..., 1])


def broken(tmp_path, good, name="b.tif"):
    """Write a compressed file whose last page is cut off, among the good images of a folder."""
    write_folder(tmp_path / "in", good)
    tifffile.imwrite(
        tmp_path / "in" / name,
        draw((2, 20, 31), seed=9),
        photometric="minisblack",
        compression="deflate",
    )
    with tifffile.TiffFile(tmp_path / "in" / name) as tiff:
        offset, size = (tiff.pages[1].tags[k].value[0] for k in ("StripOffsets", "StripByteCounts"))
    with (tmp_path / "in" / name).open("r+b") as file:
        file.seek(offset + size // 2)
        file.write(bytes(size // 2))


@pytest.mark.parametrize("scaling", ["minmax", "image"])
def test_a_broken_file_is_left_out_and_listed_at_the_end(tmp_path, scaling):
    config, params = write_model(tmp_path / "m.npz", scaling=scaling)
    a, c = draw((2, 20, 31))
    a, c = a // 2, c // 3
    broken(tmp_path, {"a.png": a, "c.png": c})
    (tmp_path / "in" / "d.png").write_bytes(b"not an image")
    result = call("predict", *arguments(tmp_path, "in"))
    assert result.code == 2
    title, *lines = result.err.splitlines()[-3:]
    assert title == "left out:"
    assert sorted(name for name in ("b.tif", "d.png") for line in lines if name in line) == [
        "b.tif",
        "d.png",
    ]
    assert "2 slices of 20 x 31 pixels\nslices    0 a, 1 c\nleft out  2 files" in result.out
    probability = tifffile.imread(tmp_path / "out" / "probability.tif")
    one_by_one = [expected(one[np.newaxis], config, params)[0] for one in (a, c)]
    p = one_by_one if scaling == "image" else expected(np.stack([a, c]), config, params)
    np.testing.assert_array_equal(probability, np.stack(p)[..., 1])


def test_a_folder_of_broken_files_is_refused(tmp_path):
    write_model(tmp_path / "m.npz")
    broken(tmp_path, {})
    assert "b.tif" in refuse(tmp_path, "in")
    (tmp_path / "in" / "b.tif").write_bytes(b"not an image")
    assert "b.tif" in refuse(tmp_path, "in")
    (tmp_path / "in" / "c.tif").write_bytes(b"not an image")
    said = refuse(tmp_path, "in")
    assert "b.tif" in said
    assert said.endswith("; none of the 2 files in the folder can be used")


def test_files_of_several_sizes_are_segmented_by_themselves(tmp_path, monkeypatch):
    titles = []
    monkeypatch.setattr(
        run_pictures,
        "preview",
        lambda path, s, title: titles.append((path, title)) or path.touch(),
    )
    config, params = write_model(tmp_path / "m.npz")
    small, wide, stack = draw((20, 31)), draw((12, 60), seed=1) // 2, draw((2, 20, 31), seed=2) // 3
    write_folder(tmp_path / "in", {"small.png": small, "wide.tif": wide, "stack.tif": stack})
    tifffile.imwrite(
        tmp_path / "in" / "wide.tif",
        wide,
        imagej=True,
        resolution=(10, 10),
        metadata={"unit": "um"},
    )
    result = call("predict", *arguments(tmp_path, "in"))
    assert result.code == 0, result.err
    text = "3 files, each segmented by itself: 2 of 20 x 31 pixels, 1 of 12 x 60 pixels\n"
    assert text in result.out
    out = tmp_path / "out"
    assert {str(path.relative_to(out)) for path in out.rglob("*.tif")} == {
        f"{kind}/{name}.tif"
        for kind in ("probability", "labels")
        for name in ("small", "wide", "stack")
    }
    assert [path.name for path, _ in titles] == ["small.png", "stack.png", "wide.png"]
    # All images have the scale of the folder, whose smallest value is 0 and whose largest is 255.
    assert small.max() == 255
    assert small.min() == 0
    for name, image in (("small", small), ("wide", wide), ("stack", stack)):
        x = (image.reshape(-1, *image.shape[-2:], 1) / 255).astype(np.float32)
        network = Network(params, config.architecture)
        p = np.stack([probabilities(network, one, Tiling(24)) for one in x])[..., 1]
        found = tifffile.imread(out / "probability" / f"{name}.tif")
        np.testing.assert_array_equal(found, p.reshape(image.shape))
        labels = tifffile.imread(out / "labels" / f"{name}.tif")
        np.testing.assert_array_equal(labels, found > 0.5)
    assert metadata(out / "labels" / "wide.tif")[2] == ((10, 1), (10, 1))
    assert metadata(out / "labels" / "small.tif")[2] == ((1, 1), (1, 1))


@pytest.mark.parametrize("taken", ["labels/small.tif", "preview/wide.png", "probability.tif"])
def test_results_of_several_files_are_not_overwritten(tmp_path, taken):
    write_model(tmp_path / "m.npz")
    write_folder(tmp_path / "in", {"small.png": draw((20, 31)), "wide.tif": draw((12, 60))})
    path = tmp_path / "out" / taken
    path.parent.mkdir(parents=True)
    path.write_text("mine")
    assert path.name in refuse(tmp_path, "in")


def test_results_may_join_those_of_other_files(tmp_path):
    write_model(tmp_path / "m.npz")
    write_folder(tmp_path / "in", {"small.png": draw((20, 31)), "wide.tif": draw((12, 60))})
    (tmp_path / "out" / "labels").mkdir(parents=True)
    (tmp_path / "out" / "labels" / "other.tif").write_text("mine")
    assert call("predict", *arguments(tmp_path, "in")).code == 0
    assert (tmp_path / "out" / "labels" / "other.tif").read_text() == "mine"
    assert (tmp_path / "out" / "labels" / "wide.tif").is_file()


def test_a_file_with_several_sizes_is_left_out_of_a_folder(tmp_path):
    write_model(tmp_path / "m.npz")
    write_folder(tmp_path / "in", {"a.png": draw((20, 31))})
    with tifffile.TiffWriter(tmp_path / "in" / "sizes.tif") as file:
        file.write(draw((20, 31)))
        file.write(draw((20, 30)))
    result = call("predict", *arguments(tmp_path, "in"))
    assert result.code == 2
    assert "sizes.tif contains images of several sizes" in result.err
    assert "--series N" in result.err
    assert tifffile.imread(tmp_path / "out" / "labels.tif").shape == (20, 31)


def test_memory_for_several_sizes(tmp_path):
    write_model(tmp_path / "m.npz")
    write_folder(tmp_path / "in", {"small.png": draw((20, 31)), "wide.tif": draw((12, 600))})
    result = call("predict", *arguments(tmp_path, "in"), "--memory", "2GB")
    assert result.code == 0
    # One tile for each image: 12 rows need an output of 12, 600 columns of 600; margin 8.
    assert "tile      28 x 616 → 12 x 600 pixels, 1 per slice of wide" in result.out


def test_frames_of_a_sequence(tmp_path):
    write_model(tmp_path / "m.npz", cells=True)
    broken(tmp_path, {f"t00{k}.tif": draw((20, 31), seed=k) for k in (0, 2)}, name="t001.tif")
    (tmp_path / "in").rename(tmp_path / "01")
    assert call("predict", *arguments(tmp_path, "01")).code == 2
    assert sorted(path.name for path in (tmp_path / "out" / "01_RES").iterdir()) == [
        "mask000.tif",
        "mask002.tif",
    ]
    shutil.rmtree(tmp_path / "out")
    tifffile.imwrite(tmp_path / "01" / "t003.tif", draw((12, 60)))
    assert "differ in size" in refuse(tmp_path, "01")


# Larger than memory


def write_as(path, stack, kind):
    """Write a stack as one contiguous block, page by page, or compressed."""
    if kind == "pages":
        with tifffile.TiffWriter(path) as file:
            for page in stack:
                file.write(page, contiguous=False)
    else:
        compression = None if kind == "block" else kind
        tifffile.imwrite(path, stack, photometric="minisblack", compression=compression)


@pytest.mark.parametrize("kind", ["block", "pages", "deflate"])
@pytest.mark.parametrize("average", ["none", "rotations"])
@pytest.mark.parametrize("scaling", ["minmax", "image"])
def test_mapped_and_compressed_files_give_the_same_result(tmp_path, kind, average, scaling):
    config, params = write_model(tmp_path / "m.npz", scaling=scaling)
    stack = draw((3, 20, 31), np.uint16)
    stack[1] *= 7
    write_as(tmp_path / "stack.tif", stack, kind)
    probability, labels = predicted(tmp_path, tmp_path / "stack.tif", "--average", average)
    for k, image in enumerate(stack.astype(np.float64)):
        of = image if scaling == "image" else stack.astype(np.float64)
        x = ((image - of.min()) / np.ptp(of)).astype(np.float32)[..., np.newaxis]
        a = averaging.logits(Network(params, config.architecture), x, Tiling(24, average=average))
        p = np.exp(a[..., 1]) / np.exp(a).sum(axis=-1)
        np.testing.assert_allclose(probability[k], p, rtol=1e-5)  # measured: 3e-7
        np.testing.assert_array_equal(labels[k], probability[k] > 0.5)


def peak_of_prediction(tmp_path, side, *options):
    """Segment a square image; return the peak memory of arrays that are not mapped."""
    image = tmp_path / f"{side}.tif"
    tifffile.imwrite(image, draw((side, side)))
    arguments = (tmp_path / "m.npz", image, "-o", tmp_path / f"out{side}", *options)
    tracemalloc.start()
    result = call("predict", *arguments, "--device", "cpu")
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert result.code == 0, result.err
    return peak


@pytest.mark.parametrize(
    ("average", "shrink"), [("none", 1), ("flips", 1), ("none", 2), ("none", 0.5)]
)
def test_memory_does_not_grow_with_the_image(tmp_path, monkeypatch, average, shrink):
    # A tile segments 240 pixels: without --shrink, the images need one, four and sixteen tiles.
    monkeypatch.setattr("minunet.image.MOST", 2**14)
    write_model(tmp_path / "m.npz", channels=6, tile=256)
    options = ("--average", average, "--shrink", shrink)
    peak_of_prediction(tmp_path, 240, *options)  # triggers lazy imports
    sides = (480, 960) if shrink < 2 else (960, 1440)
    small, large = (peak_of_prediction(tmp_path, side, *options) for side in sides)
    assert large < 1.02 * small  # measured: 1.00


def test_a_large_slice_is_drawn_from_every_nth_pixel(tmp_path, monkeypatch):
    seen = []
    monkeypatch.setattr(
        run_pictures, "preview", lambda path, s, title: (seen.extend(s), PREVIEW(path, s, title))
    )
    write_model(tmp_path / "m.npz", cells=True, tile=120)
    page = draw((40, 1100))
    Image.fromarray(page).save(tmp_path / "a.png")
    p, cells = cells_of(tmp_path)
    (one,) = seen
    assert one.image.shape == (14, 367, 1)  # every third pixel
    np.testing.assert_array_equal(one.image[..., 0], page[::3, ::3])
    np.testing.assert_array_equal(one.p[..., 1], p[::3, ::3])
    np.testing.assert_allclose(one.p.sum(axis=-1), 1)
    np.testing.assert_array_equal(one.cells, cells[::3, ::3])


def predict_and_print(tmp_path, *options, image="a.png"):
    """Predict an image; return the printed text and the probability."""
    out = tmp_path / "out"
    result = call("predict", tmp_path / "m.npz", tmp_path / image, "-o", out, *options)
    assert result.code == 0, result.err
    return result.out, tifffile.imread(out / "probability.tif")


def test_the_printed_plan(tmp_path):
    write_model(tmp_path / "m.npz")
    Image.fromarray(draw((20, 31))).save(tmp_path / "a.png")
    text, _ = predict_and_print(tmp_path, "--average", "flips")
    # Outputs of 8 pixels: three for 20 rows, four for 31 columns; `flips` has four versions.
    assert "a.png: 1 slice of 20 x 31 pixels\n" in text
    assert "tile      24 x 24 → 8 x 8 pixels, 48 per slice" in text
    assert "memory    about 10" in text  # 100 MB for libraries, plus scratch memory of threads
    assert "cells" not in text


def test_the_printed_plan_for_cells(tmp_path):
    write_model(tmp_path / "m.npz", cells=True, tile=120)
    Image.fromarray(draw((1000, 500))).save(tmp_path / "a.png")
    text, _ = predict_and_print(tmp_path)
    # 100 MB for libraries, 4 kB for parameters, and 28 bytes per pixel, more than a tile needs.
    assert "memory    about 115MB (finding the cells of a slice takes 14MB)" in text


@pytest.mark.parametrize(("name", "held"), [("a.png", 1240), ("a.tif", 0)])
def test_a_slice_that_is_not_mapped_is_held_in_memory(tmp_path, name, held):
    config, params = write_model(tmp_path / "m.npz")
    Image.fromarray(draw((20, 31), np.uint16)).save(tmp_path / name)
    labelling = Labelling((0, 1), False, None, Rule())
    needs = jobs.needs(Slices(tmp_path / name), Model(params, config, 5), labelling)
    assert needs(24, 24) == memory.of_prediction(config.architecture, 24, 24) + held


def test_the_best_tile_for_a_memory_size(tmp_path):
    config, params = write_model(tmp_path / "m.npz")
    page = draw((20, 31))
    Image.fromarray(page).save(tmp_path / "a.png")
    text, probability = predict_and_print(tmp_path, "--memory", "2GB")
    assert "tile      36 x 48 → 20 x 32 pixels, 1 per slice" in text
    p = expected(page[np.newaxis], config, params)[0, ..., 1]
    np.testing.assert_allclose(probability, p, rtol=1e-5)  # measured: 4e-7


@pytest.mark.parametrize("count", [1, 2, 3])
def test_any_number_of_threads_gives_the_same_result(
    tmp_path, monkeypatch, threads_as_before, count
):
    config, params = write_model(tmp_path / "m.npz", depth=2, channels=8, tile=60)
    page = draw((70, 61))
    Image.fromarray(page).save(tmp_path / "a.png")
    seen = []

    def fill(*given, **more):
        seen.append(threads.count())
        return stack.fill(*given, **more)

    monkeypatch.setattr(jobs, "fill", fill)
    probability, labels = predicted(tmp_path, tmp_path / "a.png", "--threads", count)
    assert seen == [count]
    double = {name: w.astype(np.float64) for name, w in params.items()}
    x = ((page - float(page.min())) / np.ptp(page))[..., np.newaxis]
    p = probabilities(Network(double, config.architecture), x, Tiling(config.tile))
    np.testing.assert_allclose(probability, p[..., 1], rtol=0, atol=1e-6)  # measured: 3e-7
    clear = np.abs(p[..., 1] - 0.5) > 1e-6
    np.testing.assert_array_equal(labels[clear], p.argmax(axis=-1)[clear])


def test_blas_is_limited_whether_or_not_a_number_of_threads_is_given(tmp_path, monkeypatch):
    write_model(tmp_path / "m.npz", depth=2, channels=8, tile=60)
    Image.fromarray(draw((70, 61))).save(tmp_path / "a.png")
    used = []
    monkeypatch.setattr(threads, "use", used.append)
    predicted(tmp_path, tmp_path / "a.png")
    assert used == [threads.count()]


def test_from_a_shell(tmp_path):
    config, params = write_model(tmp_path / "m.npz")
    stack = draw((2, 20, 31))
    tifffile.imwrite(tmp_path / "stack.tif", stack, photometric="minisblack")
    out = tmp_path / "new" / "out"
    result = finish(start("predict", tmp_path / "m.npz", tmp_path / "stack.tif", "-o", out))
    assert result.code == 0
    for words in ("2 slices of 20 x 31 pixels", "m.npz, step 5, 944 parameters", str(out)):
        assert words in result.out
    assert result.err == ""  # without a terminal there is no bar, and in 10 seconds no line
    probability = tifffile.imread(out / "probability.tif")
    np.testing.assert_array_equal(probability, expected(stack, config, params)[..., 1])


# Refusals


@pytest.fixture
def setting(tmp_path):
    """Make a folder with a model m.npz, an image a.png and no results."""
    write_model(tmp_path / "m.npz")
    Image.fromarray(draw((20, 31))).save(tmp_path / "a.png")
    return tmp_path


def refuse(folder, image="a.png", *options, model="m.npz", out="out"):
    """Return the message of a refusal, after checking that nothing was written."""

    def tree():  # the time of a folder changes with the file that locks it
        return {p: p.is_file() and p.stat().st_mtime_ns for p in folder.rglob("*")}

    before = tree()
    arguments = (folder / model, folder / image, "-o", folder / out, "--device", "cpu", *options)
    message = refused(call("predict", *arguments))
    assert tree() == before
    return message


@pytest.mark.parametrize("name", sorted(OUTPUTS))
def test_nothing_is_overwritten(setting, name):
    (setting / "out").mkdir()
    (setting / "out" / name).write_text("mine")
    message = refuse(setting)
    assert name in message
    assert "-o" in message
    assert "is a file" in refuse(setting, out="a.png")
    assert "is a file" in refuse(setting, out="a.png/b/c")


def test_other_files_in_the_folder_do_not_matter(setting):
    (setting / "out").mkdir()
    (setting / "out" / "notes.txt").write_text("mine")
    result = call("predict", setting / "m.npz", setting / "a.png", "-o", setting / "out")
    assert result.code == 0
    assert {path.name for path in (setting / "out").iterdir()} == OUTPUTS | {"notes.txt"}


def test_invalid_images_models_and_options_are_refused(setting):
    Image.fromarray(draw((20, 31, 3))).save(setting / "colour.png")
    with tifffile.TiffWriter(setting / "sizes.tif") as file:
        file.write(draw((20, 31)))
        file.write(draw((20, 30)))
    message = refuse(setting, "colour.png")
    assert "colour.png is in colour; pass --grey" in message
    assert "--channel N" in message
    assert "several sizes, such as 20 x 30 and 20 x 31 pixels" in refuse(setting, "sizes.tif")
    assert "does not exist" in refuse(setting, "none.png")
    assert "not a checkpoint" in refuse(setting, model="a.png")
    assert "is not a file" in refuse(setting, model="none.npz")
    assert "24 and 26" in refuse(setting, "a.png", "--tile", 25)
    assert "60 and 62" in refuse(setting, "a.png", "--tile", 61)  # larger than the image needs
    assert "--step" in refuse(setting, "a.png", "--step", "wide")
    assert "--average" in refuse(setting, "a.png", "--average", "7")
    assert "< 1" in refuse(setting, "a.png", "--threshold", 1)
    for count in (0, -1, 1.5, "all", ""):
        message = refuse(setting, "a.png", "--threads", count)
        assert f"--threads: '{count}' is not a whole number from 1 to 1,024" in message
    assert "-o" in refused(call("predict", setting / "m.npz", setting / "a.png"))


@pytest.mark.parametrize("options", [("--labels", "cells"), ("--threshold", "0.5")])
def test_three_classes_have_no_cells(setting, options):
    write_model(setting / "three.npz", values=(0, 1, 2))
    message = refuse(setting, "a.png", *options, model="three.npz")
    assert "need a two-class model; this one has 3 classes" in message


def test_masks_are_not_overwritten(setting):
    write_model(setting / "m.npz", cells=True)
    (setting / "01").mkdir()
    tifffile.imwrite(setting / "01" / "t000.tif", draw((20, 31)))
    (setting / "out" / "01_RES").mkdir(parents=True)
    (setting / "out" / "01_RES" / "mask000.tif").write_text("mine")
    assert "mask000.tif" in refuse(setting, "01")


def test_invalid_and_insufficient_memory_is_refused(setting):
    message = refuse(setting, "a.png", "--memory", "3MB")
    assert (
        message.count("3MB is not enough memory for the smallest valid tile, 18 x 18 pixels") == 1
    )
    enough = message.split("--memory ")[1].split()[0]
    predict_and_print(setting, "--memory", enough)
    assert "'much' is not a memory size up to 10,000TB" in refuse(
        setting, "a.png", "--memory", "much", out="new"
    )
    write_model(setting / "m.npz", depth=3, channels=1, tile=100)
    for step, tile in (("paper", "92 x 92"), ("aligned", "100 x 100")):
        message = refuse(setting, "a.png", "--memory", "3MB", "--step", step, out="new")
        assert f"the smallest valid tile, {tile} pixels" in message
    message = refuse(setting, "a.png", "--memory", "2GB", "--tile", 24, out="new")
    assert "--tile" in message
    assert "--memory" in message


def test_a_tile_too_small_for_a_step_is_refused_before_the_plan(setting):
    write_model(setting / "m.npz", depth=3, channels=1, tile=100)
    arguments = (setting / "m.npz", setting / "a.png", "-o", setting / "out", "--tile", 92)
    result = call("predict", *arguments)
    assert "100" in refused(result)
    assert result.out == ""
    assert call("predict", *arguments, "--step", "paper").code == 0


def test_a_truncated_stack_is_refused(setting):
    for kind in ("block", "pages", "deflate"):
        path = setting / f"{kind}.tif"
        write_as(path, draw((3, 20, 31)), kind)
        os.truncate(path, path.stat().st_size - 700)
        assert f"{kind}.tif" in refuse(setting, path.name)


def test_a_full_disk_is_refused(setting, monkeypatch):
    usage = namedtuple("usage", "total used free")
    monkeypatch.setattr(shutil, "disk_usage", lambda path: usage(10**9, 10**9, 20 * 31 * 5 - 1))
    assert "free" in refuse(setting)  # float32 and uint8
    monkeypatch.setattr(shutil, "disk_usage", lambda path: usage(10**9, 10**9, 20 * 31 * 13 - 1))
    assert "free" in refuse(setting, "a.png", "--average", "flips")  # plus two logits in float32
    predict_and_print(setting)


def test_masks_count_towards_the_disk_space(setting, monkeypatch):
    write_model(setting / "m.npz", cells=True)
    (setting / "01").mkdir()
    tifffile.imwrite(setting / "01" / "t000.tif", draw((20, 31)))
    usage = namedtuple("usage", "total used free")
    monkeypatch.setattr(shutil, "disk_usage", lambda path: usage(10**9, 10**9, 20 * 31 * 8 - 1))
    assert "free" in refuse(setting, "01")  # one float32 and two uint16 per pixel


def test_a_folder_that_cannot_be_created_or_written_is_refused(setting):
    assert "a.png" in refuse(setting, out="a.png/out")
    if hasattr(os, "geteuid") and os.geteuid() != 0:  # root may write anywhere
        (setting / "locked").mkdir(mode=0o500)
        assert "locked" in refuse(setting, out="locked")


@pytest.mark.parametrize(("error", "code"), [(KeyboardInterrupt, 130), (OSError("full"), 2)])
def test_an_unfinished_prediction_leaves_nothing(setting, monkeypatch, error, code):
    classes, calls = stack.Labelling.classes, []

    def stop(*given):
        calls.append(1)
        if len(calls) == 3:
            assert {path.name for path in (setting / "out").iterdir()} == {"lock", "unfinished"}
            raise error
        return classes(*given)

    monkeypatch.setattr(stack.Labelling, "classes", stop)
    result = call("predict", setting / "m.npz", setting / "a.png", "-o", setting / "out")
    assert result.code == code
    assert "Traceback" not in result.err
    assert not (setting / "out").exists()


def test_help_states_the_memory_for_cells_and_averages():
    text = " ".join(call("predict", "--help").out.split())
    assert "28 bytes of memory per pixel" in text
    assert "the sums are kept on disk, not in memory" in text


# Stopped and continued


def interrupt(monkeypatch, after, error=KeyboardInterrupt):
    """Interrupt predictions in the tile after number `after`; until `monkeypatch` is undone."""
    windows, tiles = averaging.windows, []

    def interrupted(network, image, tiling, total, advance):
        for window in windows(network, image, tiling, total, advance):
            tiles.append(window)
            if len(tiles) > after:
                raise error
            yield window

    monkeypatch.setattr(averaging, "windows", interrupted)


@pytest.fixture
def stack_setting(setting):
    """Add an image stack.tif of 4 slices of 12 tiles."""
    tifffile.imwrite(setting / "stack.tif", draw((4, 20, 31)), photometric="minisblack")
    return setting


def test_a_stopped_prediction_says_how_to_continue(stack_setting, monkeypatch):
    whole = predicted(stack_setting, stack_setting / "stack.tif")
    out = stack_setting / "a b"
    words = (stack_setting / "m.npz", stack_setting / "stack.tif", "-o", out, "--device", "cpu")
    with monkeypatch.context() as patch:
        interrupt(patch, 30)
        stopped = call("predict", *words)
    assert stopped.code == 130
    said = stopped.err.splitlines()[-1]
    assert f"; 2 of 4 slices are kept in {out}/unfinished. To continue: python -m" in said
    assert said.endswith(f"{stack_setting / 'stack.tif'} -o '{out}' --device cpu --resume")
    refusal = refused(call("predict", *words))
    assert "(2 of 4 slices finished); add --resume" in refusal
    assert "begun with another --tile ([24], not [36])" in refused(
        call("predict", *words, "--resume", "--tile", "36")
    )
    again = call("predict", *words, "--resume")
    assert again.code == 0
    assert "resume    2 of 4 slices are finished\n" in again.out
    for name, expected in zip(("probability", "labels"), whole, strict=True):
        np.testing.assert_array_equal(tifffile.imread(out / f"{name}.tif"), expected)
    assert {path.name for path in out.iterdir()} == OUTPUTS
    assert "already contains" in refused(call("predict", *words, "--resume"))


def test_resume_uses_the_threads_of_the_beginning(stack_setting, monkeypatch, threads_as_before):
    out = stack_setting / "out"
    words = (stack_setting / "m.npz", stack_setting / "stack.tif", "-o", out, "--device", "cpu")
    with monkeypatch.context() as patch:
        interrupt(patch, 13)
        assert call("predict", *words, "--threads", "3").code == 130
    threads.use(1)
    assert "another --threads (3, not 2)" in refused(
        call("predict", *words, "--resume", "--threads", "2")
    )
    assert call("predict", *words, "--resume").code == 0
    assert threads.count() == 3


def test_resume_begins_if_nothing_is_unfinished(stack_setting):
    predicted(stack_setting, stack_setting / "stack.tif", "--resume")


def test_an_image_that_is_cut_short_meanwhile(stack_setting, monkeypatch):
    path, out = stack_setting / "stack.tif", stack_setting / "out"
    whole, stat = path.read_bytes(), path.stat()
    advance = progress.Progress.advance

    def cut(self, text):
        advance(self, text)
        if self.done == 15:
            os.truncate(path, 1000)

    words = (stack_setting / "m.npz", path, "-o", out, "--device", "cpu")
    with monkeypatch.context() as patch:
        patch.setattr(progress.Progress, "advance", cut)
        said = refused(call("predict", *words))
    assert f"stack.tif was cut short while it was being read: it had {len(whole):,} bytes" in said
    assert "1 of 4 slices are kept" in said
    assert "stack.tif" in refused(call("predict", *words, "--resume"))
    path.write_bytes(whole)
    assert "another set of images;" in refused(call("predict", *words, "--resume"))
    os.utime(path, ns=(stat.st_atime_ns, stat.st_mtime_ns))
    assert call("predict", *words, "--resume").code == 0


def test_an_image_cut_between_two_slices(stack_setting, monkeypatch):
    path = stack_setting / "stack.tif"
    load = Slices.__getitem__

    def cut(self, k):
        if k == 2 and (stack_setting / "out" / "unfinished").exists():
            os.truncate(path, 1000)
        return load(self, k)

    monkeypatch.setattr(Slices, "__getitem__", cut)
    said = refused(call("predict", *arguments(stack_setting, "stack.tif")))
    assert "stack.tif is damaged or was cut" in said
    assert "2 of 4 slices are kept" in said


def test_the_output_folder_is_removed_meanwhile(stack_setting, monkeypatch):
    advance = progress.Progress.advance

    def remove(self, text):
        advance(self, text)
        if self.done == 15:
            shutil.rmtree(stack_setting / "out")

    monkeypatch.setattr(progress.Progress, "advance", remove)
    said = refused(call("predict", *arguments(stack_setting, "stack.tif")))
    assert "out/unfinished was removed or renamed while predict used it; run predict again" in said
    assert not (stack_setting / "out").exists()


def test_an_output_folder_that_is_a_link(setting):
    (setting / "real").mkdir()
    (setting / "out").symlink_to("real")
    result = call("predict", *arguments(setting, "a.png"))
    assert result.code == 0
    assert f"wrote     {setting / 'real' / 'probability.tif'}" in result.out
    (setting / "dangling").symlink_to("nowhere")
    said = refuse(setting, out="dangling")
    assert "dangling is a link to nowhere, which does not exist" in said


@pytest.mark.parametrize("name", [*sorted(OUTPUTS), "lock", "unfinished"])
@pytest.mark.parametrize("target", ["nowhere", "a.png"])
def test_results_are_not_written_through_links(setting, name, target):
    (setting / "out").mkdir()
    (setting / "out" / name).symlink_to(setting / target)
    assert name in refuse(setting)
    assert os.readlink(setting / "out" / name) == str(setting / target)
    assert not (setting / "nowhere").exists()


def test_a_file_that_is_named_like_the_lock_is_kept(setting):
    (setting / "out").mkdir()
    (setting / "out" / "lock").write_text("mine")
    assert "lock was not written by minunet" in refuse(setting)
