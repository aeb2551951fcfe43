"""The device stand-in raises where CuPy does, and the whole network runs on it."""

import sys

import numpy as np
import pytest
from standin import StandIn, to_device, to_host

from minunet import gpu, ops
from minunet.network import Network, initialization, sizes, unet
from minunet.network.architecture import Architecture
from minunet.ops import (
    conv2d,
    conv_relu,
    crop_concat,
    cross_entropy,
    dropout,
    maxpool,
    relu,
    upconv,
)
from minunet.prediction.averaging import probabilities
from minunet.prediction.tiling import Tiling
from minunet.training import sgd

HOST = np.arange(6.0).reshape(2, 3)
OTHER = np.array([[2.0, 7, 1], [8, 2, 8]])


@pytest.fixture
def device():
    return StandIn(HOST.copy())


# Allowed operations


def test_results_match_numpy(device):
    other = StandIn(OTHER)
    for ours, numpys in [
        (device + other, HOST + OTHER),
        (2 - device, 2 - HOST),
        (np.float64(2) * device, 2 * HOST),
        (device @ other.T, HOST @ OTHER.T),
        (device > 2, HOST > 2),
        (np.maximum(device, 2), np.maximum(HOST, 2)),
        (device[:, ::2], HOST[:, ::2]),
        (device[..., np.newaxis], HOST[..., np.newaxis]),
        (device.max(axis=-1, keepdims=True), HOST.max(axis=-1, keepdims=True)),
        (device.reshape(-1, 2), HOST.reshape(-1, 2)),
        (np.concatenate([device, other], axis=1), np.concatenate([HOST, OTHER], axis=1)),
        (np.zeros_like(device, shape=(4, 1)), np.zeros((4, 1))),
    ]:
        assert isinstance(ours, StandIn)
        assert ours.dtype == numpys.dtype
        np.testing.assert_array_equal(ours.get(), numpys)


def test_a_sum_is_a_zero_dimensional_array_that_float_reads(device):
    total = device.sum()
    assert isinstance(total, StandIn)
    assert total.shape == ()
    assert float(total) == 15
    assert bool(total > 14)


def test_in_place_operators_write_through_a_view(device):
    device[:, 1:] += 10
    device[0, 0] = -1
    np.testing.assert_array_equal(device.get(), [[-1, 11, 12], [3, 14, 15]])


def test_asarray_copies_to_the_device(device):
    moved = np.asarray(OTHER, like=device)
    assert isinstance(moved, StandIn)
    moved[...] = 0
    assert OTHER.sum() == 28


# Refused with any CuPy, or without CuPy


def op_with_zeros(x):
    y = np.zeros(x.shape)
    y[...] = x
    return y


REFUSED = {
    "np.asarray": lambda x: np.asarray(x),
    "np.array": lambda x: np.array([x, x]),
    "np.zeros in an op": op_with_zeros,
    "operator with a host array": lambda x: x + OTHER,
    "host array first": lambda x: OTHER * x,
    "in place": lambda x: x.__iadd__(OTHER),
    "host array in place": lambda x: OTHER.copy().__iadd__(x),
    "matmul": lambda x: x @ OTHER.T,
    "ufunc": lambda x: np.maximum(OTHER, x),
    "out": lambda x: np.exp(x, out=OTHER.copy()),
    "function": lambda x: np.concatenate([x, OTHER]),
    "method": lambda x: x.dot(OTHER.T),
    "np.where": lambda x: np.where(x > 2, OTHER, x),
    "zero-dimensional host array": lambda x: x * np.array(2.0),
    "assignment": lambda x: x.__setitem__(np.s_[...], OTHER),
    "assignment to the host": lambda x: OTHER.copy().__setitem__(np.s_[...], x),
    "index": lambda x: x[np.array([1, 0])],
    "index by a mask": lambda x: x[HOST > 2],
    "np.ascontiguousarray": lambda x: np.ascontiguousarray(OTHER, like=x),
    "reduction by a ufunc": lambda x: np.add.reduce(x),
    "memoryview": memoryview,
    "float of several": float,
}


@pytest.mark.parametrize("broken", REFUSED.values(), ids=REFUSED.keys())
def test_refuses_what_every_cupy_refuses(device, broken):
    with pytest.raises(TypeError):
        broken(device)
    np.testing.assert_array_equal(device.get(), HOST)


@pytest.mark.parametrize(
    "attribute", ["__array_interface__", "__array_struct__", "__buffer__", "data", "ctypes"]
)
def test_has_no_buffer(device, attribute):
    assert not hasattr(device, attribute)


def test_a_host_array_among_results_is_refused():
    with pytest.raises(TypeError, match="not on the device"):
        to_host((StandIn(HOST), HOST))


# Refused because the installed CuPy does not have it

LACKING = {
    "np.insert": lambda x: np.insert(x, 1, 0.0, axis=0),
    "np.block": lambda x: np.block([[x, x]]),
    "np.vecdot": lambda x: np.vecdot(x, x),
    "np.linalg.multi_dot": lambda x: np.linalg.multi_dot([x, x.T]),
    "where= of a ufunc": lambda x: np.maximum(x, 2, where=x > 1),
    "where= of a function": lambda x: np.sum(x, where=x > 1),
    "where= of a method": lambda x: x.sum(where=x > 1),
    "initial= of a method": lambda x: x.max(initial=3.0),
    "dtype= of np.clip": lambda x: np.clip(x, 0, 1, dtype=np.float32),
    "item of an index": lambda x: x.item(1),
}


@pytest.mark.parametrize("lacking", LACKING.values(), ids=LACKING.keys())
def test_refuses_what_cupy_lacks(device, lacking):
    pytest.importorskip("cupy")
    with pytest.raises(TypeError, match="CuPy"):
        lacking(device)


def test_cupy_really_lacks_those_functions():
    cupy = pytest.importorskip("cupy")
    for name in ("insert", "block", "vecdot"):
        assert hasattr(np, name)
        assert not hasattr(cupy, name)


def test_the_rules_hold_without_cupy(device, monkeypatch):
    monkeypatch.setattr(sys.modules["standin"], "cupy", None)
    np.testing.assert_array_equal(np.insert(device, 1, 0.0, axis=0).get()[1], [0, 0, 0])
    with pytest.raises(TypeError):
        np.maximum(OTHER, device)


# The ops, the update of the parameters, and a whole training step


def both(function, *arguments):
    """Return the results on the host and those on the stand-in."""
    ours = function(*arguments)
    theirs = to_host(function(*to_device(arguments)))
    return (ours, theirs) if isinstance(ours, (tuple, dict)) else ((ours,), (theirs,))


def assert_same_bits(ours, theirs):
    if isinstance(ours, dict):
        assert ours.keys() == theirs.keys()
        ours, theirs = tuple(ours.values()), tuple(theirs.values())
    if isinstance(ours, tuple):
        for one, other in zip(ours, theirs, strict=True):
            assert_same_bits(one, other)
    else:
        assert ours.dtype == theirs.dtype
        np.testing.assert_array_equal(ours, theirs)


def arguments_of_every_op(dtype):
    rng = np.random.default_rng(23)

    def draw(*shape):
        return rng.standard_normal(shape).astype(dtype)

    labels = rng.integers(0, 3, (5, 8))
    return {
        conv2d.forward: (draw(19, 12, 2), draw(3, 3, 2, 4), draw(4)),
        conv2d.backward: (draw(17, 10, 4), draw(19, 12, 2), draw(3, 3, 2, 4)),
        conv_relu.forward: (draw(19, 12, 2), draw(3, 3, 2, 4), draw(4)),
        conv_relu.backward: (
            draw(17, 10, 4),
            draw(17, 10, 4),
            draw(19, 12, 2),
            draw(3, 3, 2, 4),
        ),
        relu.forward: (draw(7, 5, 3),),
        relu.backward: (draw(7, 5, 3), draw(7, 5, 3)),
        maxpool.forward: (draw(6, 10, 3),),
        maxpool.backward: (draw(3, 5, 2), rng.integers(0, 4, (3, 5, 2)).astype(np.uint8)),
        upconv.forward: (draw(11, 4, 6), draw(2, 2, 6, 3), draw(3)),
        upconv.backward: (draw(22, 8, 3), draw(11, 4, 6), draw(2, 2, 6, 3)),
        crop_concat.forward: (draw(4, 6, 3), draw(8, 14, 2)),
        crop_concat.backward: (draw(4, 6, 5), (8, 14, 2)),
        dropout.backward: (draw(4, 6, 5), draw(4, 6, 5)),
        cross_entropy.forward: (draw(5, 8, 3), labels, np.abs(draw(5, 8))),
        cross_entropy.backward: (np.abs(draw(5, 8, 3)), labels, np.abs(draw(5, 8))),
    }


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_every_op_runs_on_the_device(dtype):
    for function, arguments in arguments_of_every_op(dtype).items():
        ours, theirs = both(function, *arguments)
        assert_same_bits(ours, theirs)
        for result in theirs:
            assert result.dtype in (dtype, np.uint8), function


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_dropout_runs_on_the_device(dtype):
    x = np.random.default_rng(4).standard_normal((6, 5, 3)).astype(dtype)
    ours, theirs = both(lambda x: dropout.forward(x, 0.5, np.random.default_rng(8)), x)
    assert_same_bits(ours, theirs)
    assert theirs[0].dtype == theirs[1].dtype == dtype


def joined(tensors):
    return {sgd.JOINED: np.concatenate([w.reshape(-1) for w in tensors.values()])}


def training_step(params, x, labels, weight_map, arch):
    logits, activations = unet.forward(params, x, arch, rng=np.random.default_rng(5))
    energy, p = cross_entropy.forward(logits, labels, weight_map)
    dlogits = cross_entropy.backward(p, labels, weight_map)
    grads = unet.backward(params, activations, dlogits, arch)
    cut = sgd.clip(grads, 0.5)  # shorter than these gradients
    stepped, velocity = sgd.step(params, cut, sgd.start(params), learning_rate=0.01)
    return energy, p, logits, activations, grads, stepped, velocity


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("variant", ["paper", "release"])
def test_a_whole_training_step_runs_on_the_device(monkeypatch, variant, dtype):
    arch = Architecture(depth=2, channels=3, in_channels=2, classes=3, variant=variant)
    rng = np.random.default_rng(6)
    params = initialization.gaussian(arch, rng, dtype)
    rows, columns = 48, 60
    lost = 2 * sizes.margin(2)
    x = rng.standard_normal((rows, columns, 2)).astype(dtype)
    labels = rng.integers(0, 3, (rows - lost, columns - lost))
    weight_map = rng.random(labels.shape).astype(dtype)

    # As on a GPU: forms with few launches in float32, and all tensors in one array.
    monkeypatch.setattr(unet, "ops_for", lambda x: gpu if x.dtype == np.float32 else ops)
    monkeypatch.setattr(sgd, "join", joined)
    ours = training_step(params, x, labels, weight_map, arch)
    monkeypatch.undo()
    theirs = to_host(training_step(*to_device((params, x, labels, weight_map)), arch))
    assert_same_bits(ours, theirs)
    energy, *_, stepped, velocity = theirs
    assert energy.dtype == dtype
    assert {w.dtype for w in (*stepped.values(), *velocity.values())} == {np.dtype(dtype)}


def test_prediction_moves_tiles_in_and_probabilities_out():
    arch = Architecture(depth=1, channels=2)
    rng = np.random.default_rng(7)
    # In float64, both sides use the definitions.
    params, image = initialization.gaussian(arch, rng, dtype=np.float64), rng.random((9, 14, 1))
    ours = probabilities(Network(params, arch), image, Tiling(24))
    theirs = probabilities(Network(to_device(params), arch), image, Tiling(24))
    assert_same_bits(ours, theirs)


# Breaches planted in the network

BREAKS = {
    "np.zeros": (relu, lambda x: np.where(x > 0, x, np.zeros(x.shape))),
    "np.asarray": (relu, lambda x: np.maximum(np.asarray(x), 0)),
    "mixed np.maximum": (relu, lambda x: np.maximum(np.zeros(x.shape[-1], x.dtype), x)),
    "assignment": (conv2d, lambda x, w, b: x.__setitem__(0, np.ones(x.shape[1:], x.dtype))),
}
BREAKS_OF_CUPY = {
    "function": (crop_concat, lambda up, skip: np.insert(up, 0, 0.0, axis=-1)),
    "keyword": (relu, lambda x: np.maximum(x, 0, where=x > 0)),
}


def run_broken(monkeypatch, op, broken):
    arch = Architecture(depth=1, channels=2)
    rng = np.random.default_rng(3)
    # In float64, the network runs the definitions.
    params = to_device(initialization.gaussian(arch, rng, np.float64))
    x = to_device(rng.random((18, 24, 1)))
    unet.forward(params, x, arch)  # runs without the breach
    monkeypatch.setattr(op, "forward", broken)
    with pytest.raises(TypeError, match=r"CuPy|host array"):
        unet.forward(params, x, arch)


@pytest.mark.parametrize(("op", "broken"), BREAKS.values(), ids=BREAKS.keys())
def test_a_planted_breach_stops_the_network(monkeypatch, op, broken):
    run_broken(monkeypatch, op, broken)


@pytest.mark.parametrize(("op", "broken"), BREAKS_OF_CUPY.values(), ids=BREAKS_OF_CUPY.keys())
def test_a_function_or_keyword_that_cupy_lacks_stops_the_network(monkeypatch, op, broken):
    pytest.importorskip("cupy")
    run_broken(monkeypatch, op, broken)
