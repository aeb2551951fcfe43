"""Images that are shrunk: whole predictions against their steps, and against training."""

import numpy as np
import pytest
import tifffile
from commands import draw_stack
from hypothesis import given
from hypothesis import settings as limits
from hypothesis import strategies as st

import minunet
from minunet.data import dataset
from minunet.data.object_size import Wanted
from minunet.data.targets import Weighting
from minunet.errors import InputError
from minunet.image import AVERAGED
from minunet.network import Network, initialization
from minunet.prediction import averaging, tiling
from minunet.prediction.instances import Rule
from minunet.prediction.model import Model
from minunet.prediction.tiling import Tiling
from minunet.resampling import enlarge, shrink, small_shape
from minunet.runs.settings import Settings, from_options
from minunet.training import scoring

FACTORS = st.one_of(
    st.integers(1, 8).map(float), st.floats(1, 8), st.sampled_from([0.25, 0.5, 0.9, 20.0])
)


def make(classes=2, in_channels=1, seed=0, **settings) -> Model:
    given = {"depth": 1, "channels": 3, "tile": 24, "device": "cpu", "scaling": "image"} | settings
    values = tuple(range(classes))
    chosen = from_options(**given, label_values=values, in_channels=in_channels)
    params = initialization.gaussian(chosen.architecture, np.random.default_rng(seed))
    return Model(params, chosen, 5)


def draw(*shape, dtype=np.uint8):
    return np.random.default_rng(1).integers(0, 256, shape).astype(dtype)


def softmax(a):
    e = np.exp(a - a.max(axis=-1, keepdims=True))
    return e / e.sum(axis=-1, keepdims=True)


MODEL = make(channels=1)


@given(
    height=st.integers(0, 19).map(lambda n: 2 * n + 1),
    width=st.integers(1, 40),
    f=FACTORS,
    g=FACTORS,
)
@limits(deadline=None, max_examples=40)
def test_the_result_has_the_shape_of_the_image(height, width, f, g):
    image = draw(height, width)
    p = MODEL.segment(image, Tiling(24, shrink=(f, g)))
    assert p.shape == (height, width, 2)
    assert p.dtype == np.float32
    assert np.isfinite(p).all()


@pytest.mark.parametrize("side", range(1, 41, 2))
def test_odd_sizes_at_factors_of_a_run(side):
    for factor in (1, 2.5, 8):
        model = MODEL._replace(settings=make(channels=1, shrink=float(factor)).settings)
        image = draw(side, 41 - side)
        assert model.segment(image).shape == (side, 41 - side, 2)
        assert model.cells(image).shape == (side, 41 - side)


@pytest.mark.parametrize("average", AVERAGED)
@pytest.mark.parametrize("factors", [(2.0, 2.0), (2.5, 1.7), (1.0, 3.0), (0.5, 0.7)])
@pytest.mark.parametrize("classes", [2, 3])
def test_a_prediction_is_the_steps_one_by_one(average, factors, classes):
    # Shrink, scale, segment in one tile per version, enlarge, and only then the soft-max.
    model, image = make(classes, 2), draw(1, 37, 43, 2)
    found = model.segment(image, Tiling(24, average=average, shrink=factors))[0]
    low, high = float(image.min()), float(image.max())
    small = ((shrink(image[0], factors).astype(float) - low) / (high - low)).astype(np.float32)
    assert small.shape == (*small_shape((37, 43), factors), 2)
    network = Network(model.params, model.architecture)
    logits = averaging.logits(network, small, Tiling(24, average=average))
    p = softmax(enlarge(logits, factors, (37, 43)))
    np.testing.assert_allclose(found, p, atol=2e-7)
    one_pass = averaging.logits(network, small, Tiling(300, average=average))
    one_pass = softmax(enlarge(one_pass, factors, (37, 43)))
    np.testing.assert_allclose(found, one_pass, atol=1e-6)


@pytest.mark.parametrize("average", ["none", "symmetries"])
@pytest.mark.parametrize("factors", [(2.0, 2.0), (1.3, 3.0)])
def test_tiles_give_the_bits_of_one_pass(average, factors):
    # With integer weights and grey values, sums are exact in any order.
    model = make(scaling="none")
    rng = np.random.default_rng(0)
    params = {k: rng.integers(-2, 3, w.shape).astype(np.float32) for k, w in model.params.items()}
    network, image = Network(params, model.architecture), draw(36, 42, 1) // 64 * 64
    factors = tuple(float(round(f)) for f in factors)
    tiled, whole = (
        averaging.logits(network, image, Tiling(tile, average=average, shrink=factors))
        for tile in (24, 300)
    )
    np.testing.assert_array_equal(tiled, whole)
    assert np.ptp(whole) > 1


@pytest.mark.parametrize("average", ["none", "flips"])
def test_windows_cover_the_image_once(monkeypatch, average):
    monkeypatch.setattr("minunet.image.MOST", 300)
    model, image = make(), draw(37, 43, 1).astype(np.float32)
    network, given = Network(model.params, model.architecture), Tiling(24, False, average, (2.5, 2))
    seen = np.zeros((37, 43), int)
    for window, _ in averaging.windows(network, image, given):
        seen[window] += 1
    assert (seen == 1).all()
    expected = averaging.logits(network, image, given)
    monkeypatch.undo()
    np.testing.assert_array_equal(averaging.logits(network, image, given), expected)


def test_progress_counts_the_tiles_of_small_images():
    # 37 x 43 becomes 13 x 15: two tiles each way, with outputs of 8 pixels.
    calls, given = [], Tiling(24, shrink=(3.0, 3.0))
    assert given.tile_count((37, 43), 1) == 4
    MODEL.segment(draw(37, 43), given, lambda done, total: calls.append((done, total)))
    assert calls == [(k, 4) for k in range(1, 5)]
    down, across = given.cover((37, 43), 1)
    assert (len(down.origins), len(across.origins)) == (2, 2)


def write(folder, images, labels, **how):
    folder.mkdir(exist_ok=True)
    for name, stack in (("train-volume.tif", images), ("train-labels.tif", labels)):
        tifffile.imwrite(folder / name, stack, photometric="minisblack", **how)
    paths = (str(folder / name) for name in ("train-volume.tif", "train-labels.tif"))
    return dataset.Source(*paths)


def calibrated(width, height, unit="um"):
    """Return how to write a TIFF file with this size of a pixel."""
    resolution = (1 / width, 1 / height)
    return {"imagej": True, "resolution": resolution, "metadata": {"unit": unit, "axes": "ZYX"}}


@pytest.mark.parametrize(
    ("scaling", "average", "dtype"),
    [
        *[("minmax", "none", np.uint8), ("standard", "symmetries", np.uint16)],
        *[("image", "flips", np.float32), ("none", "none", np.uint8)],
    ],
)
def test_training_scores_what_predict_computes(tmp_path, scaling, average, dtype):
    images, labels = draw_stack()
    how = calibrated(0.2, 0.1)
    source = write(tmp_path, images.astype(dtype), labels, **how)
    data = dataset.load(source, "0", scaling, Weighting("balance"), wanted=Wanted(1.5))
    assert data.factors == (3.0, 1.5)
    model = make(scaling=scaling, average=average, shrink=data.shrink)
    model = model._replace(settings=_found(model.settings, data))
    network = Network(model.params, model.architecture)
    scored = scoring.probabilities(network, data, range(4), model.settings)
    tiles = model.tiling()._replace(average=average)
    assert tiles.shrink == (3.0, 1.5)
    for image, p in zip(images.astype(dtype), scored, strict=True):
        parts = model.slices([image[..., np.newaxis]], tiles, scale=data.scale)
        found = tiling.assemble(next(parts), image[..., np.newaxis])
        np.testing.assert_array_equal(found, p)


def _found(settings: Settings, data) -> Settings:
    values = settings.to_json() | {"pixel_size": data.pixel_size, "scale": data.scale}
    return Settings.from_json(values)


def test_the_minimum_size_follows_the_pixel_size():
    model = make(shrink=2.0, smallest=5)
    model = model._replace(
        settings=Settings.from_json(model.settings.to_json() | {"pixel_size": (0.2, 0.2)})
    )
    for pixel, expected in (
        (None, 5),
        ((0.2, 0.2), 5),
        ((0.1, 0.1), 20),
        ((0.1, 0.2), 10),
        ((0.4, 0.4), 1),
    ):
        assert model.rule(model.tiling(pixel).shrink) == Rule(0.5, None, expected, 4)


@pytest.mark.parametrize("trained", [1.0, 2.0])
def test_twice_the_size_with_half_the_pixel_size_gives_the_same_cells(trained):
    model = make(shrink=trained, smallest=2, cells=True)
    model = model._replace(
        settings=Settings.from_json(model.settings.to_json() | {"pixel_size": (0.2, 0.2)})
    )
    image = draw(30, 41)
    large = image.repeat(2, axis=0).repeat(2, axis=1)
    p, fine = model.segment(image), model.segment(large, pixel_size=(0.1, 0.1))
    assert fine.shape == (60, 82, 2)
    # Means over 2 x 2 pixels of the fine map are near the coarse one, which is interpolated.
    means = fine.reshape(30, 2, 41, 2, 2).mean((1, 3))
    assert np.corrcoef(means[..., 1].ravel(), p[..., 1].ravel())[0, 1] > 0.9
    with pytest.raises(InputError, match=r"are 0\.02 x 0\.02 µm, but .* were 0\.2 x 0\.2 µm"):
        model.segment(image, pixel_size=(0.02, 0.02))


@pytest.mark.parametrize("trained", [None, (0.2, 0.2)])
@pytest.mark.parametrize(
    "given",
    [
        *[(0, 0), (0.2, -0.2), (float("nan"), 1.0), (float("inf"), 1.0), (10**400, 1), "0.2"],
        *[0.2, (0.2,), (0.2, 0.2, 0.2), ("a", "b"), (0.2, None), np.full((2, 1), 0.2)],
    ],
    ids=repr,
)
def test_invalid_pixel_sizes_are_refused(trained, given):
    model = make(cells=True)
    model = model._replace(
        settings=Settings.from_json(model.settings.to_json() | {"pixel_size": trained})
    )
    for segment in (model.segment, model.cells):
        with pytest.raises(InputError, match=r"^pixel_size is .* pixel in micrometres") as refused:
            segment(draw(10, 12), pixel_size=given)
        assert len(str(refused.value)) < 160


def test_pixel_sizes_may_be_any_two_numbers():
    model, image = make(shrink=2.0), draw(10, 12)
    model = model._replace(
        settings=Settings.from_json(model.settings.to_json() | {"pixel_size": (0.2, 0.2)})
    )
    p = model.segment(image, pixel_size=(0.1, 0.1))
    for same in (np.array([0.1, 0.1]), [0.1, np.float64(0.1)]):
        np.testing.assert_array_equal(model.segment(image, pixel_size=same), p)


def test_cells_use_the_rule_of_the_settings():
    values = {"threshold": 0.52, "threshold_from": "training", "extent": 0.5, "cells": True}
    model, image = make(shrink=2.0), draw(60, 71)
    settings = Settings.from_json(model.settings.to_json() | values | {"smallest_chosen": 3})
    model = model._replace(settings=settings)
    p = model.segment(image)[..., 1]
    np.testing.assert_array_equal(model.cells(image), Rule(0.52, 0.5, 3).cells(p))
    np.testing.assert_array_equal(model.cells(image, 0.51), Rule(0.51, 0.5, 3).cells(p))
    assert minunet.Model is Model
