"""Gradient descent with momentum matches three steps by hand and twenty of PyTorch."""

import ledger
import numpy as np
import pytest
from standin import to_device

from minunet.network import initialization, unet
from minunet.network.architecture import Architecture
from minunet.ops import cross_entropy
from minunet.training import sgd


def test_three_steps_by_hand():
    # η = 0.5, then 0.25, μ = 0.5; w = 3, gradients 4, -2, 8.
    w, v = {"w": np.array([3.0])}, {"w": np.array([0.0])}
    for gradient, rate, velocity, position in [
        (4.0, 0.5, -2.0, 1.0),  #   v = 0.5·0 - 0.5·4,          w = 3 - 2
        (-2.0, 0.5, 0.0, 1.0),  #   v = 0.5·(-2) - 0.5·(-2),    w = 1 + 0
        (8.0, 0.25, -2.0, -1.0),  # v = 0.5·0 - 0.25·8,         w = 1 - 2
    ]:
        w, v = sgd.step(w, {"w": np.array([gradient])}, v, learning_rate=rate, momentum=0.5)
        assert v["w"] == velocity
        assert w["w"] == position


def test_a_changed_rate_does_not_rescale_the_velocity():
    # η = 1, then 0: the second step moves by μ v. If η multiplied v, it would not move at all.
    w, v = {"w": np.array([0.0])}, {"w": np.array([0.0])}
    w, v = sgd.step(w, {"w": np.array([8.0])}, v, learning_rate=1.0, momentum=0.75)
    w, v = sgd.step(w, {"w": np.array([8.0])}, v, learning_rate=0.0, momentum=0.75)
    assert v["w"] == -6
    assert w["w"] == -14


def test_the_papers_momentum_is_the_default():
    w, _ = sgd.step(
        {"w": np.zeros(2)}, {"w": np.zeros(2)}, {"w": np.array([100.0, -1])}, learning_rate=0.1
    )
    np.testing.assert_allclose(w["w"], [99.0, -0.99], rtol=1e-15)


def test_a_constant_gradient_reaches_a_hundred_times_the_rate():
    w, v = {"w": np.array([0.0])}, {"w": np.array([0.0])}
    for _ in range(3000):
        before, (w, v) = w, sgd.step(w, {"w": np.array([2.0])}, v, learning_rate=0.01)
    # The relative distance from the limit is 0.99³⁰⁰⁰ = 8e-14.
    assert w["w"] - before["w"] == pytest.approx(-100 * 0.01 * 2, rel=1e-12)


def test_a_long_gradient_is_clipped_in_its_direction():
    grads = {"a": np.array([[3.0, 0.0]]), "b": np.array([4.0])}  # the norm of both is 5
    cut = sgd.clip(grads, 2.5)
    np.testing.assert_allclose(cut["a"], [[1.5, 0.0]], rtol=1e-15)
    np.testing.assert_allclose(cut["b"], [2.0], rtol=1e-15)
    np.testing.assert_array_equal(grads["b"], [4.0])


@pytest.mark.parametrize("longest", [5.0, 5.1, 7.3, 1e9])
@pytest.mark.parametrize("third", [0.0, -1e-30, 0.1])
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_a_short_gradient_is_not_clipped(longest, third, dtype):
    grads = {"a": np.array([[3.0, third]], dtype), "b": np.array([4.0], dtype)}
    grads["a"][0, 0] -= third  # the norm is 5 or less
    cut = sgd.clip(grads, longest)
    for name, g in grads.items():
        np.testing.assert_array_equal(cut[name], g)


def test_a_gradient_of_zeros_stays_zero():
    np.testing.assert_array_equal(sgd.clip({"a": np.zeros(3)}, 0.5)["a"], np.zeros(3))


@pytest.mark.parametrize("value", [np.nan, np.inf])
def test_a_gradient_that_is_not_finite_stays_not_finite(value):
    with np.errstate(invalid="ignore"):
        cut = sgd.clip({"a": np.array([1.0, value])}, 0.5)
    assert not np.isfinite(cut["a"]).all()


@pytest.mark.parametrize("longest", [1e-3, 0.2, 30.0])
def test_clipping_copies_nothing_to_or_from_the_device(longest):
    grads = to_device({"a": np.ones((3, 2), np.float32), "b": np.full(4, 2, np.float32)})
    with ledger.kept() as entries:
        cut = sgd.clip(grads, longest)
    assert {entry.kind for entry in entries} == {"launch", "array", "free"}
    host = {name: g.get() for name, g in grads.items()}
    for name, g in sgd.clip(host, longest).items():
        np.testing.assert_array_equal(cut[name].get(), g)


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_a_clipped_gradient_keeps_its_dtype(dtype):
    assert sgd.clip({"a": np.ones((3, 2), dtype)}, 0.1)["a"].dtype == dtype


def test_weight_decay_and_the_rate_of_biases_by_hand():
    # λ = 0.5, κ = 2. Kernel 3 with gradient 4: 4 + 0.5·3. Bias 10 with gradient -1: 2·(-1).
    params = {"out.w": np.array([3.0]), "out.b": np.array([10.0])}
    grads = {"out.w": np.array([4.0]), "out.b": np.array([-1.0])}
    adjusted = sgd.adjust(grads, params, sgd.Terms(0.5, 2.0))
    assert (adjusted["out.w"], adjusted["out.b"]) == (5.5, -2.0)
    assert (grads["out.w"], grads["out.b"]) == (4.0, -1.0)
    assert (params["out.w"], params["out.b"]) == (3.0, 10.0)


def test_every_second_parameter_is_a_bias():
    for variant in ("paper", "release"):
        arch = Architecture(depth=2, channels=3, variant=variant)
        ones = {name: np.ones(shape) for name, shape in arch.shapes().items()}
        zeros = {name: np.zeros(shape) for name, shape in arch.shapes().items()}
        decayed = sgd.adjust(zeros, ones, sgd.Terms(weight_decay=1.0))
        faster = sgd.adjust(ones, zeros, sgd.Terms(bias_rate=3.0))
        for name, shape in arch.shapes().items():
            bias = len(shape) == 1
            assert np.all(decayed[name] == (0 if bias else 1)), name
            assert np.all(faster[name] == (3 if bias else 1)), name


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_adjusted_gradients_keep_their_dtype(dtype):
    ones = {"out.w": np.ones((3, 2), dtype), "out.b": np.ones(2, dtype)}
    for array in sgd.adjust(ones, ones, sgd.Terms(0.1, 2.0)).values():
        assert array.dtype == dtype


def test_velocity_starts_at_zero():
    params = {"a": np.ones((2, 3), np.float32), "b": np.ones(4, np.float64)}
    velocity = sgd.start(params)
    assert velocity.keys() == params.keys()
    for name, v in velocity.items():
        assert v.shape == params[name].shape
        assert v.dtype == params[name].dtype
        assert not v.any()


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_contract(dtype):
    rng = np.random.default_rng(0)
    given = [
        {name: rng.standard_normal(shape).astype(dtype) for name, shape in shapes.items()}
        for shapes in [{"w": (3, 2, 5), "b": (4,)}] * 3
    ]
    copies = [{name: array.copy() for name, array in tensors.items()} for tensors in given]
    for tensors in given:
        for array in tensors.values():
            array.flags.writeable = False
    # A rate computed with NumPy must not turn float32 into float64.
    params, velocity = sgd.step(*given, learning_rate=float(np.float64(0.1)))
    for name, shape in (("w", (3, 2, 5)), ("b", (4,))):
        assert params[name].dtype == velocity[name].dtype == dtype
        assert params[name].shape == velocity[name].shape == shape
        for tensors, copied in zip(given, copies, strict=True):
            np.testing.assert_array_equal(tensors[name], copied[name])
            assert not np.shares_memory(params[name], tensors[name])
            assert not np.shares_memory(velocity[name], tensors[name])
    assert list(params) == list(given[0])


def test_parameters_are_matched_by_name_not_by_order():
    params = {"a": np.array([1.0]), "b": np.array([2.0])}
    grads = {"b": np.array([10.0]), "a": np.array([1.0])}
    velocity = {"b": np.array([0.0]), "a": np.array([0.0])}
    params, velocity = sgd.step(params, grads, velocity, learning_rate=0.5)
    assert (params["a"], params["b"]) == (0.5, -3.0)
    assert (velocity["a"], velocity["b"]) == (-0.5, -5.0)
    assert list(params) == ["a", "b"]


@pytest.mark.parametrize(("decay", "faster"), [(0.0, 1.0), (0.03, 2.0)])
@pytest.mark.parametrize("variant", ["paper", "release"])
def test_twenty_training_steps_against_pytorch(torch, variant, decay, faster):
    import torch_unet

    arch = Architecture(depth=1, channels=4, in_channels=2, classes=3, variant=variant)
    rate = 0.02
    rng = np.random.default_rng(9)
    params = initialization.gaussian(arch, rng, np.float64)
    theirs = torch_unet.to_torch(params)
    kernels, biases = ([w for w in theirs.values() if (w.ndim == 1) == b] for b in (False, True))
    # The groups that the authors' network files describe: lr_mult and decay_mult of Caffe.
    optimizer = torch.optim.SGD(
        [
            {"params": kernels, "lr": rate, "weight_decay": decay},
            {"params": biases, "lr": faster * rate, "weight_decay": 0.0},
        ],
        momentum=0.99,
    )
    velocity = sgd.start(params)
    ours, pytorchs = [], []
    for _ in range(20):
        x = rng.standard_normal((20, 26, 2))
        labels = (x[8:-8, 8:-8, 0] > 0).astype(np.int64) + (x[8:-8, 8:-8, 1] > 1)
        weight_map = rng.uniform(0.5, 2, labels.shape) / labels.size

        logits, activations = unet.forward(params, x, arch)
        energy, p = cross_entropy.forward(logits, labels, weight_map)
        dlogits = cross_entropy.backward(p, labels, weight_map)
        grads = unet.backward(params, activations, dlogits, arch)
        grads = sgd.adjust(grads, params, sgd.Terms(decay, faster))
        params, velocity = sgd.step(params, grads, velocity, rate)
        ours.append(float(energy))

        optimizer.zero_grad()
        logits = torch_unet.forward(theirs, torch_unet.map_to_torch(x), arch)
        energy = torch_unet.energy(logits, torch.tensor(labels), torch.tensor(weight_map))
        energy.backward()
        optimizer.step()
        pytorchs.append(energy.item())
    np.testing.assert_allclose(ours, pytorchs, rtol=1e-9)  # measured: 4e-16
    assert ours[-1] < 0.8 * ours[0]  # measured: 0.67 and 0.54; the steps made progress
    for name, w in torch_unet.to_numpy(theirs).items():
        np.testing.assert_allclose(params[name], w, rtol=1e-9, atol=1e-12)
