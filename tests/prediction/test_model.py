"""A loaded model matches its network run by hand and the command `predict`."""

import sys
from types import SimpleNamespace

import numpy as np
import pytest
import tifffile
from commands import call, refused
from standin import StandIn

import minunet
from minunet.errors import InputError
from minunet.network import Network, initialization
from minunet.prediction.averaging import probabilities
from minunet.prediction.instances import Rule
from minunet.prediction.tiling import Tiling
from minunet.runs import checkpoint
from minunet.runs.checkpoint import Checkpoint
from minunet.runs.settings import from_options


def write_model(path, **settings):
    """Write a checkpoint of an untrained network; return its settings and its parameters."""
    given = {"depth": 1, "channels": 3, "tile": 24, "device": "cpu", "smallest": 2} | settings
    chosen = from_options(**given)
    params = initialization.gaussian(chosen.architecture, np.random.default_rng(1))
    state = np.random.default_rng(0).bit_generator.state
    checkpoint.save(path, Checkpoint(params, params, 7, state, 0.5, chosen.to_json()))
    return chosen, params


def draw(*shape, dtype=np.uint16):
    return np.random.default_rng(2).integers(30, 500, shape).astype(dtype)


def by_hand(stack, chosen, params, average="none"):
    """Scale a stack (Z, H, W, C) and return its class probabilities."""
    grey = stack.astype(np.float64)
    whole = (0, 1, 2, 3) if chosen.scaling == "minmax" else (1, 2, 3)
    low, high = grey.min(axis=whole, keepdims=True), grey.max(axis=whole, keepdims=True)
    scaled = ((grey - low) / (high - low)).astype(np.float32)
    network, tiling = Network(params, chosen.architecture), Tiling(24, average=average)
    return np.stack([probabilities(network, image, tiling) for image in scaled])


def test_load_restores_settings_and_parameters(tmp_path):
    chosen, params = write_model(tmp_path / "best.npz")
    for path in (tmp_path / "best.npz", str(tmp_path / "best.npz")):
        model = minunet.load(path)
        assert isinstance(model, minunet.Model)
        assert model.settings == chosen
        assert model.architecture == chosen.architecture
        assert model.step == 7
        assert model.params.keys() == params.keys()
        assert all(np.array_equal(model.params[name], w) for name, w in params.items())


def test_a_model_is_shown_in_one_line(tmp_path):
    write_model(tmp_path / "best.npz")
    shown = repr(minunet.load(tmp_path / "best.npz"))
    # Kernels: 27 + 81, 162 + 324, up 72, 162 + 81, 6; biases: 3 + 3, 6 + 6, 3, 3 + 3, 2.
    assert shown == "<minunet.Model: depth 1, 3 channels, 2 classes, 944 parameters, step 7>"


@pytest.mark.parametrize("scaling", ["minmax", "image"])
def test_an_image_and_a_stack(tmp_path, scaling):
    chosen, params = write_model(tmp_path / "m.npz", scaling=scaling)
    model, stack = minunet.load(tmp_path / "m.npz"), draw(3, 20, 31)
    stack.flags.writeable = False
    expected = by_hand(stack[..., np.newaxis], chosen, params)
    p = model.segment(stack)
    assert p.dtype == np.float32
    np.testing.assert_array_equal(p, expected)
    np.testing.assert_array_equal(model.segment(stack[..., np.newaxis]), expected)
    np.testing.assert_allclose(p.sum(axis=-1), 1, atol=1e-6)
    one = by_hand(stack[1:2, ..., np.newaxis], chosen, params)[0]
    assert one.shape == (20, 31, 2)
    np.testing.assert_array_equal(model.segment(stack[1]), one)


def test_colour_and_several_classes(tmp_path):
    chosen, params = write_model(tmp_path / "m.npz", in_channels=3, label_values=(0, 1, 2))
    stack = draw(2, 20, 31, 3)
    p = minunet.load(tmp_path / "m.npz").segment(stack)
    assert p.shape == (2, 20, 31, 3)
    np.testing.assert_array_equal(p, by_hand(stack, chosen, params))


def test_another_tiling(tmp_path):
    chosen, params = write_model(tmp_path / "m.npz")
    model, stack = minunet.load(tmp_path / "m.npz"), draw(2, 20, 31)
    averaged = model.segment(stack, minunet.Tiling(24, average="flips"))
    expected = by_hand(stack[..., np.newaxis], chosen, params, "flips")
    np.testing.assert_array_equal(averaged, expected)
    larger = model.segment(stack, minunet.Tiling(40))
    np.testing.assert_allclose(larger, model.segment(stack), atol=1e-6)  # measured: 1e-7
    with pytest.raises(InputError, match="a tile of 25 pixels is not valid"):
        model.segment(stack, minunet.Tiling(25))


@pytest.mark.parametrize(("average", "tiles"), [("none", 24), ("rotations", 96)])
def test_progress_counts_the_tiles(tmp_path, average, tiles):
    write_model(tmp_path / "m.npz")
    model, calls = minunet.load(tmp_path / "m.npz"), []
    tiling = minunet.Tiling(24, average=average)  # outputs of 8: three for 20, four for 31
    model.segment(draw(2, 20, 31), tiling, lambda done, total: calls.append((done, total)))
    assert calls == [(k, tiles) for k in range(1, tiles + 1)]


def test_nothing_is_printed(tmp_path, capfd):
    write_model(tmp_path / "m.npz")
    minunet.load(tmp_path / "m.npz").cells(draw(20, 31))
    assert capfd.readouterr() == ("", "")


def test_cells(tmp_path):
    chosen, params = write_model(tmp_path / "m.npz", cells=True)
    model, stack = minunet.load(tmp_path / "m.npz"), draw(2, 20, 31)
    p = by_hand(stack[..., np.newaxis], chosen, params)[..., 1]
    threshold = float(np.median(p))
    expected = [Rule(threshold, smallest=2).cells(one) for one in p]
    found = model.cells(stack, threshold)
    assert found.dtype == np.uint16
    assert found.max() > 1
    np.testing.assert_array_equal(found, expected)
    only = by_hand(stack[:1, ..., np.newaxis], chosen, params)[0, ..., 1]
    one = model.cells(stack[0], threshold)
    np.testing.assert_array_equal(one, Rule(threshold, smallest=2).cells(only))


def test_cells_have_the_connectivity_of_the_settings(tmp_path):
    write_model(tmp_path / "m.npz", cells=True, connectivity=8)
    model, image = minunet.load(tmp_path / "m.npz"), draw(90, 101)
    p = model.segment(image)[..., 1]
    threshold = float(np.median(p))
    eight, four = (Rule(threshold, None, 2, count).cells(p) for count in (8, 4))
    np.testing.assert_array_equal(model.cells(image, threshold), eight)
    assert (eight != four).any()


@pytest.mark.parametrize(
    ("channels", "shape", "valid"),
    [
        (1, (20,), r"\(H, W\) or \(Z, H, W\)"),
        (1, (2, 20, 31, 3), r"\(H, W\) or \(Z, H, W\)"),
        (1, (0, 20, 31), r"\(H, W\) or \(Z, H, W\)"),
        (3, (20, 31), r"\(Z, H, W, 3\): for a single image, pass image\[np\.newaxis\]"),
        (3, (20, 31, 3), r"\(Z, H, W, 3\): for a single image, pass image\[np\.newaxis\]"),
    ],
)
def test_other_shapes_are_refused(tmp_path, channels, shape, valid):
    write_model(tmp_path / "m.npz", in_channels=channels)
    with pytest.raises(InputError, match=valid) as refused:
        minunet.load(tmp_path / "m.npz").segment(np.ones(shape))
    assert str(shape) in str(refused.value)


def test_three_classes_have_no_cells(tmp_path):
    write_model(tmp_path / "m.npz", label_values=(0, 1, 2))
    with pytest.raises(InputError, match="two-class model; this one has 3 classes"):
        minunet.load(tmp_path / "m.npz").cells(draw(20, 31))


def test_a_missing_checkpoint_is_refused(tmp_path):
    with pytest.raises(InputError, match="is not a file"):
        minunet.load(tmp_path / "none.npz")


def test_cuda_without_a_gpu_is_refused(tmp_path, monkeypatch):
    write_model(tmp_path / "m.npz")
    monkeypatch.setattr("minunet.network.device._missing", lambda: "no GPU here")
    with pytest.raises(InputError, match="no GPU here"):
        minunet.load(tmp_path / "m.npz", "cuda")


@pytest.mark.parametrize("scaling", ["minmax", "image", "standard"])
def test_model_and_predict_give_the_same_results(tmp_path, scaling):
    write_model(tmp_path / "m.npz", cells=True, scaling=scaling)
    stack, out = draw(3, 40, 31), tmp_path / "out"
    tifffile.imwrite(tmp_path / "a.tif", stack, photometric="minisblack")
    result = call("predict", tmp_path / "m.npz", tmp_path / "a.tif", "-o", out, "--device", "cpu")
    assert result.code == 0, result.err
    model = minunet.load(tmp_path / "m.npz")
    written = tifffile.imread(out / "probability.tif")
    np.testing.assert_array_equal(model.segment(stack)[..., 1], written)
    np.testing.assert_array_equal(model.cells(stack), tifffile.imread(out / "labels.tif"))


def test_public_names_are_listed():
    assert {"load", "Model", "Tiling", "__version__"} <= set(dir(minunet))
    with pytest.raises(AttributeError, match="no attribute 'lod'"):
        minunet.lod  # noqa: B018


@pytest.mark.parametrize("bad", [np.nan, np.inf, -np.inf])
@pytest.mark.parametrize("work", ["segment", "cells"])
def test_values_that_are_not_finite_are_refused(tmp_path, bad, work):
    write_model(tmp_path / "m.npz")
    stack = draw(3, 20, 31, dtype=np.float32)
    stack[1, 3, 4] = bad
    model = minunet.load(tmp_path / "m.npz")
    with pytest.raises(InputError, match=r"^the image \(float32\) contains values"):
        getattr(model, work)(stack)
    getattr(model, work)(stack[2])


@pytest.mark.parametrize("dtype", [complex, object, str, "S3", "M8[s]", [("grey", "u1")]])
def test_dtypes_that_are_not_real_numbers_are_refused(tmp_path, dtype):
    write_model(tmp_path / "m.npz")
    with pytest.raises(InputError, match="contains values that are not finite real numbers"):
        minunet.load(tmp_path / "m.npz").segment(np.ones((20, 31), np.uint8).astype(dtype))


def test_other_dtypes_and_layouts_give_the_same_result(tmp_path):
    write_model(tmp_path / "m.npz")
    model, image = minunet.load(tmp_path / "m.npz"), draw(20, 31)
    p, cells, before = model.segment(image), model.cells(image), image.copy()
    mapped = np.memmap(tmp_path / "image", np.uint16, "w+", shape=image.shape)
    mapped[...] = image
    for same in (
        *(image.astype(">u2"), np.asfortranarray(image), image.astype(np.uint64)),
        *(image.astype(np.float32), image.tolist(), mapped),
    ):
        np.testing.assert_array_equal(model.segment(same), p)
        np.testing.assert_array_equal(model.cells(same), cells)
    np.testing.assert_array_equal(image, before)


def test_a_boolean_image_counts_as_0_and_1(tmp_path):
    write_model(tmp_path / "m.npz")
    model, mask = minunet.load(tmp_path / "m.npz"), draw(20, 31) > 200
    np.testing.assert_array_equal(model.segment(mask), model.segment(mask.astype(np.uint8)))


@pytest.mark.parametrize("threshold", [-0.1, 1, 1.5, np.nan, np.inf])
def test_a_threshold_outside_0_to_1_is_refused(tmp_path, threshold):
    write_model(tmp_path / "m.npz")
    with pytest.raises(InputError, match=f"threshold is {threshold}; it must be at least 0 and"):
        minunet.load(tmp_path / "m.npz").cells(draw(20, 31), threshold)


def test_at_threshold_0_everything_is_one_cell(tmp_path):
    write_model(tmp_path / "m.npz")
    assert (minunet.load(tmp_path / "m.npz").cells(draw(20, 31), 0) == 1).all()
    write_model(tmp_path / "stored.npz", threshold=0.0, threshold_from="validation")
    assert (minunet.load(tmp_path / "stored.npz").cells(draw(20, 31)) == 1).all()


def test_a_tiling_is_checked_for_images_of_any_size(tmp_path):
    write_model(tmp_path / "m.npz")
    model = minunet.load(tmp_path / "m.npz")
    with pytest.raises(InputError, match="a tile of 25 pixels is not valid"):
        model.segment(draw(1, 1), minunet.Tiling(25))
    with pytest.raises(InputError, match="average is 'turns'"):
        model.segment(draw(1, 1), minunet.Tiling(24, average="turns"))


def test_the_model_still_works_after_a_progress_callback_raises(tmp_path):
    write_model(tmp_path / "m.npz")
    model, image = minunet.load(tmp_path / "m.npz"), draw(20, 31)
    before = model.segment(image)

    def stop(done, tiles):
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        model.segment(image, progress=stop)
    np.testing.assert_array_equal(model.segment(image), before)


def test_cells_also_report_progress(tmp_path):
    write_model(tmp_path / "m.npz")
    calls = []
    minunet.load(tmp_path / "m.npz").cells(
        draw(2, 20, 31), progress=lambda *both: calls.append(both)
    )
    assert calls == [(k, 24) for k in range(1, 25)]


def test_the_training_device_does_not_matter(tmp_path):
    write_model(tmp_path / "m.npz", device="cuda")
    assert minunet.load(tmp_path / "m.npz", "cpu").segment(draw(20, 31)).shape == (20, 31, 2)
    with pytest.raises(InputError, match="device is 'gpu'"):
        minunet.load(tmp_path / "m.npz", "gpu")


def test_standard_scaling_uses_the_whole_stack(tmp_path):
    chosen, params = write_model(tmp_path / "m.npz", scaling="standard")
    stack = draw(3, 20, 31)
    stack[1] += 5000  # a slice scaled by itself would be quite different
    grey = stack.astype(np.float64)
    scaled = ((grey - grey.mean()) / grey.std()).astype(np.float32)[..., np.newaxis]
    network = Network(params, chosen.architecture)
    expected = [probabilities(network, image, Tiling(24)) for image in scaled]
    found = minunet.load(tmp_path / "m.npz").segment(stack)
    np.testing.assert_allclose(found, expected, atol=1e-6)  # measured: 2e-7


def test_without_scaling_the_grey_values_do_not_change(tmp_path):
    chosen, params = write_model(tmp_path / "m.npz", scaling="none")
    image = np.random.default_rng(0).random((20, 31, 1), np.float32)
    expected = probabilities(Network(params, chosen.architecture), image, Tiling(24))
    found = minunet.load(tmp_path / "m.npz").segment(image[..., 0])
    np.testing.assert_array_equal(found, expected)


@pytest.mark.parametrize("shape", [(20, 31), (2, 20, 31)])
def test_cells_below_the_smallest_size_of_the_settings_are_dropped(tmp_path, shape):
    for smallest, cells in ((20 * 31, 1), (20 * 31 + 1, 0)):
        write_model(tmp_path / "m.npz", smallest=smallest)
        found = minunet.load(tmp_path / "m.npz").cells(draw(*shape), 0)
        assert (found == cells).all()


def test_averages_accumulate_in_the_given_array(tmp_path):
    write_model(tmp_path / "m.npz")
    model, stack = minunet.load(tmp_path / "m.npz"), draw(2, 20, 31, 1)
    made = []

    def empty(shape, dtype):
        made.append(np.full(shape, np.nan, dtype))
        return made[-1]

    tiling = Tiling(24, average="flips")
    for parts in model.slices(list(stack), tiling, empty):
        logits = {k: part for k, (_, part) in enumerate(parts)}
        total = made[-1]
        np.testing.assert_allclose(
            np.exp(total / 4) / np.exp(total / 4).sum(axis=-1, keepdims=True),
            np.concatenate(list(logits.values())),
            atol=1e-6,
        )


@pytest.fixture
def pretended_gpu(monkeypatch):
    """Pretend that there is a GPU; its arrays are stand-ins."""
    cupy = SimpleNamespace(asarray=lambda array: StandIn(array.copy()))
    monkeypatch.setitem(sys.modules, "cupy", cupy)
    monkeypatch.setattr("minunet.prediction.model.choose", lambda wanted: ("cuda", wanted))


def test_parameters_are_on_the_device_and_results_on_the_host(tmp_path, pretended_gpu):
    write_model(tmp_path / "m.npz")
    model, image = minunet.load(tmp_path / "m.npz", "cuda"), draw(20, 31)
    assert all(isinstance(w, StandIn) for w in model.params.values())
    host = minunet.Model({name: w.get() for name, w in model.params.items()}, *model[1:])
    for average in ("none", "rotations"):
        p = model.segment(image, Tiling(24, average=average))
        assert type(p) is np.ndarray
        np.testing.assert_allclose(  # there the definitions, here their fast forms
            p, host.segment(image, Tiling(24, average=average)), atol=1e-6
        )
    assert type(model.cells(image)) is np.ndarray


@pytest.mark.parametrize("average", ["none", "flips"])
def test_weights_too_large_for_float32_do_not_predict_nan(tmp_path, average):
    write_model(tmp_path / "m.npz")
    saved = checkpoint.load(tmp_path / "m.npz")
    for name in ("contract0.w1", "contract0.w2"):
        saved.params[name][:] = 1e30  # finite, but the activations are not
    checkpoint.save(tmp_path / "m.npz", saved)
    words = "the logits of slice 0 contain NaN or infinity"
    with pytest.raises(InputError, match=words):
        minunet.load(tmp_path / "m.npz").segment(draw(2, 20, 31), Tiling(24, average=average))
    tifffile.imwrite(tmp_path / "a.tif", draw(2, 20, 31))
    out = tmp_path / "out"
    options = ("-o", out, "--device", "cpu", "--average", average)
    assert words in refused(call("predict", tmp_path / "m.npz", tmp_path / "a.tif", *options))
    assert not out.exists()


def test_grey_values_too_large_for_float32_do_not_predict_nan(tmp_path):
    write_model(tmp_path / "m.npz", scaling="none")
    image = draw(2, 20, 31, dtype=np.float64)
    image[1] *= 1e36
    with pytest.raises(InputError, match="the logits of slice 1 contain NaN or infinity"):
        minunet.load(tmp_path / "m.npz").segment(image)
