"""The ONNX graph: ONNX Runtime computes with it what minunet computes."""

import itertools

import numpy as np
import pytest
from exchange import draw

from minunet import ops
from minunet.errors import InputError
from minunet.exchange import onnx_graph
from minunet.network import sizes, unet
from minunet.network.architecture import Architecture
from minunet.network.network import Network
from minunet.ops import cross_entropy
from minunet.prediction.averaging import probabilities
from minunet.prediction.tiling import Tiling

SMALL = Architecture(2, 3, 1, 2, 0.0)


def graph(arch, padding="same", output="logits", params=None, **more):
    pytest.importorskip("onnx")
    return onnx_graph.build(params or draw(arch), arch, padding, output, **more)


def session(*args, **more):
    """Open a graph in ONNX Runtime with one thread; return a function from (N, H, W, C)."""
    onnxruntime = pytest.importorskip("onnxruntime")
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = 1
    opened = onnxruntime.InferenceSession(graph(*args, **more).SerializeToString(), options)

    def run(x):
        (y,) = opened.run(None, {"image": np.ascontiguousarray(x.transpose(0, 3, 1, 2))})
        return y.transpose(0, 2, 3, 1)

    return run


def draw_batch(*shape, seed=1):
    return np.random.default_rng(seed).standard_normal(shape).astype(np.float32)


def relative(found, expected):
    """Return the norm of the difference over the norm of the expected values."""
    assert found.shape == expected.shape
    assert found.dtype == expected.dtype == np.float32
    return np.linalg.norm(found - expected) / np.linalg.norm(expected)


def direct(params, x, arch):
    """Compute the logits of a batch of tiles with minunet."""
    return np.stack([unet.forward(params, one, arch, remember=False)[0] for one in x])


def mirrored(params, x, arch):
    """Compute the logits of a batch of images (N, H, W, C), mirrored at their edges."""
    depth = arch.depth
    edge = sizes.margin(depth)
    found = []
    for one in x:
        height, width = one.shape[:2]
        far = [
            next(k for k in itertools.count(edge) if sizes.is_valid(edge + side + k, depth))
            for side in (height, width)
        ]
        pads = ((edge, far[0]), (edge, far[1]), (0, 0))
        tile = np.pad(one, pads, mode="reflect")
        found.append(unet.forward(params, tile, arch, remember=False)[0][:height, :width])
    return np.stack(found)


@pytest.mark.parametrize("arch", [Architecture(), Architecture.release()], ids=["paper", "release"])
def test_networks_of_full_size(monkeypatch, arch):
    params = draw(arch)
    x = draw_batch(1, 188, 204, 1)
    found = session(arch, "valid", params=params)(x)
    assert found.shape == (1, 4, 20, 2)
    assert relative(found, direct(params, x, arch)) <= 2e-6  # measured: 9e-7, 1.0e-6
    monkeypatch.setattr(unet, "ops_for", lambda x: ops)
    assert relative(found, direct(params, x, arch)) <= 2e-6  # measured: 7e-7, 9e-7


ARCHITECTURES = pytest.mark.parametrize(
    "arch",
    [
        *(Architecture(depth, 4, 1, 2, 0.0) for depth in (1, 2, 3, 4)),
        *(Architecture.release(depth, 4, 1, 2, 0.0) for depth in (1, 2, 3, 4)),
        Architecture(2, 6, 3, 5, 0.0),
        Architecture.release(2, 6, 3, 5, 0.0),
    ],
    ids=str,
)


@ARCHITECTURES
def test_tiles(arch):
    params = draw(arch)
    run = session(arch, "valid", params=params)
    first, second, third = itertools.islice(sizes.valid_sizes(arch.depth), 3)
    for count, height, width in ((1, first, second), (3, third, first), (2, second, second)):
        x = draw_batch(count, height, width, arch.in_channels)
        assert relative(run(x), direct(params, x, arch)) <= 2e-6  # measured: 5e-7


@ARCHITECTURES
def test_images_that_are_mirrored_in_the_graph(arch):
    params = draw(arch)
    run = session(arch, params=params)
    step = 2**arch.depth
    least = onnx_graph.edges(arch.depth).smallest
    for count, height, width in ((1, least, least + step), (2, least + 3 * step, least)):
        x = draw_batch(count, height, width, arch.in_channels)
        found = run(x)
        assert found.shape == (count, height, width, arch.classes)
        assert relative(found, mirrored(params, x, arch)) <= 2e-6  # measured: 5e-7


@pytest.mark.parametrize("depth", range(1, 8))
def test_mirrored_pixels(depth):
    edge = onnx_graph.edges(depth)
    step = 2**depth
    assert edge.before == sizes.margin(depth)
    assert edge.before <= edge.after < edge.before + step
    assert edge.after < edge.smallest <= edge.after + step
    assert edge.smallest % step == 0
    for k in range(3):
        assert sizes.is_valid(edge.before + edge.smallest + k * step + edge.after, depth)


@pytest.mark.parametrize(("depth", "tile"), [(1, 24), (2, 60), (3, 108)])
def test_the_mirrored_image_is_segmented_as_minunet_does(depth, tile):
    arch = Architecture(depth, 4, 1, 2, 0.0)
    params = draw(arch)
    side = onnx_graph.edges(depth).smallest
    x = draw_batch(1, side, side + 2**depth, 1)
    found = session(arch, output="probabilities", params=params)(x)[0]
    expected = probabilities(Network(params, arch), x[0], Tiling(tile))
    # The mirror is the same at all four edges, so the whole image agrees. Measured: 4e-7.
    np.testing.assert_allclose(found, expected, rtol=0, atol=3e-6)


def test_probabilities_are_the_softmax_of_the_logits():
    arch = Architecture(1, 4, 1, 5, 0.0)
    params = draw(arch)
    x = draw_batch(2, 32, 40, 1)
    logits = session(arch, params=params)(x)
    p = session(arch, output="probabilities", params=params)(x)
    np.testing.assert_allclose(p, cross_entropy.softmax(logits), rtol=0, atol=1e-6)
    np.testing.assert_allclose(p.sum(axis=-1), 1, atol=1e-6)


@pytest.mark.parametrize("padding", ["same", "valid"])
def test_versions_and_sizes_that_old_programs_accept(padding):
    onnx = pytest.importorskip("onnx")
    params = draw(SMALL)
    model = graph(SMALL, padding, params=params, properties={"name": "é"})
    onnx.checker.check_model(model, full_check=True)
    assert model.ir_version <= 8
    (opset,) = model.opset_import
    assert opset.domain == ""
    assert opset.version <= 17
    assert {one.key: one.value for one in model.metadata_props} == {"name": "é"}
    (image,), (logits,) = model.graph.input, model.graph.output
    assert (image.name, logits.name) == ("image", "logits")
    for tensor, channels in ((image, 1), (logits, 2)):
        batch, count, *sides = tensor.type.tensor_type.shape.dim
        assert count.dim_value == channels
        assert batch.dim_param == "batch"
        assert all(side.dim_param for side in sides)
    sides = [dim.dim_param for dim in logits.type.tensor_type.shape.dim[2:]]
    same = sides == [dim.dim_param for dim in image.type.tensor_type.shape.dim[2:]]
    assert same == (padding == "same")
    assert (
        model.SerializeToString()
        == graph(SMALL, padding, params=params, properties={"name": "é"}).SerializeToString()
    )


def test_the_weights_are_exact():
    onnx = pytest.importorskip("onnx")
    params = draw(SMALL)
    stored = {
        one.name: onnx.numpy_helper.to_array(one)
        for one in graph(SMALL, params=params).graph.initializer
    }
    kernel = stored["contract1.conv1.weight"]
    assert kernel.dtype == np.float32
    assert kernel.tobytes() == params["contract1.w1"].transpose(3, 2, 0, 1).tobytes()
    up = stored["expand0.upconv.weight"]
    assert up.tobytes() == params["expand0.wu"].transpose(2, 3, 0, 1).tobytes()
    assert sum(w.size for w in stored.values() if w.dtype == np.float32) == SMALL.parameters()


def test_images_too_small_for_the_mirror_are_refused_by_the_runtime():
    side = onnx_graph.edges(2).smallest
    run = session(SMALL)
    assert run(draw_batch(1, side, side, 1)).shape == (1, side, side, 2)
    onnxruntime = pytest.importorskip("onnxruntime")
    state = onnxruntime.capi.onnxruntime_pybind11_state
    with pytest.raises((state.RuntimeException, state.InvalidArgument)):
        run(draw_batch(1, 4, 4, 1))


@pytest.mark.parametrize(("channels", "gigabytes"), [(270, "2.2"), (10_000, "3029.")])
def test_more_than_2_gb_is_refused_before_anything_is_built(channels, gigabytes):
    pytest.importorskip("onnx")
    words = f"the parameters take {gigabytes}.*at most 2 GB; write a .safetensors file"
    with pytest.raises(InputError, match=words):
        onnx_graph.build({}, Architecture(4, channels))  # without parameters: they are not read


def test_a_network_just_below_2_gb_is_not_refused():
    onnx = pytest.importorskip("onnx")
    arch = Architecture(4, 264)
    assert 4 * arch.parameters() < 2**31
    with pytest.raises(onnx.checker.ValidationError):  # it is built, here without parameters
        onnx_graph.build({}, arch)


@pytest.mark.parametrize("depth", range(1, 7))
def test_crops_by_hand(depth):
    # The map of level k loses 4 pixels, and twice what the map below loses.
    expected = {depth - 1: 4}
    for k in reversed(range(depth - 1)):
        expected[k] = 2 * (expected[k + 1] + 4)
    assert onnx_graph.crops(depth) == expected
