"""Initial weights have the right Gaussian in every kernel and keep activations the same size."""

import math

import numpy as np
import pytest

from minunet.network import initialization, unet
from minunet.network.architecture import Architecture

# Every kernel has at least 1600 entries, enough to measure its standard deviation.
PAPER = Architecture(depth=2, channels=32, in_channels=7, classes=50)
RELEASE = Architecture.release(depth=2, channels=32, in_channels=7, classes=50)

# Incoming nodes of one neuron, by hand. A 3x3 convolution reads 9 pixels of each channel. Channels:
# 7 → 32 → 64 → 128 at the bottom, and back.
NODES = {
    "contract0.w1": 9 * 7,
    "contract0.w2": 9 * 32,
    "contract1.w1": 9 * 32,
    "contract1.w2": 9 * 64,
    "bottom.w1": 9 * 64,
    "bottom.w2": 9 * 128,
    "expand1.wu": 128,  # an output pixel of an up-convolution reads one pixel of each channel
    "expand1.w1": 9 * 128,
    "expand1.w2": 9 * 64,
    "expand0.wu": 64,
    "expand0.w1": 9 * 64,
    "expand0.w2": 9 * 32,
    "out.w": 32,
}
# The release: 4·O for up-convolutions; the last keeps its 64 channels, next to the skip's 32.
NODES_OF_RELEASE = NODES | {"expand1.wu": 4 * 64, "expand0.wu": 4 * 64, "expand0.w1": 9 * (64 + 32)}


@pytest.mark.parametrize(
    ("arch", "nodes"), [(PAPER, NODES), (RELEASE, NODES_OF_RELEASE)], ids=["paper", "release"]
)
def test_spread_of_every_kernel(arch, nodes):
    params = initialization.gaussian(arch, np.random.default_rng(0), np.float64)
    kernels = {name: w for name, w in params.items() if w.ndim == 4}
    assert kernels.keys() == nodes.keys()
    for name, w in kernels.items():
        std = math.sqrt(2 / nodes[name])
        # Over n draws, the standard deviation has a relative error of 1/√(2n), the mean of 1/√n.
        # At five times that, a correct kernel fails once in a million. Measured: at most 2.0, 1.8
        # and 3.2 times.
        assert abs(w.std() / std - 1) < 5 / math.sqrt(2 * w.size), name
        assert abs(w.mean() / std) < 5 / math.sqrt(w.size), name
        # A Gaussian has a kurtosis of 3 ± √(24/n); a uniform distribution has 1.8.
        kurtosis = np.mean((w / w.std()) ** 4)
        assert abs(kurtosis - 3) < 5 * math.sqrt(24 / w.size), name


def test_incoming_nodes_of_some_kernels():
    paper, release = Architecture(), Architecture.release()
    for arch, name, nodes in [
        (paper, "contract0.w1", 9),
        (paper, "contract0.w2", 576),  # "for a 3x3 convolution and 64 feature channels N = 576"
        (paper, "expand3.wu", 1024),
        (release, "expand3.wu", 4 * 512),
        (paper, "expand0.wu", 128),
        (release, "expand0.wu", 4 * 128),
        (paper, "out.w", 64),
    ]:
        assert initialization.incoming_nodes(name, arch.shapes()[name], arch) == nodes


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("arch", [PAPER, RELEASE], ids=["paper", "release"])
def test_shapes_dtype_and_biases(arch, dtype):
    params = initialization.gaussian(arch, np.random.default_rng(1), dtype)
    assert {name: w.shape for name, w in params.items()} == arch.shapes()
    assert list(params) == list(arch.shapes())
    for name, w in params.items():
        assert w.dtype == dtype
        assert isinstance(w, np.ndarray)
        if w.ndim == 1:
            assert not w.any(), name


def test_float32_is_the_default():
    params = initialization.gaussian(Architecture(depth=1, channels=1), np.random.default_rng(1))
    assert {w.dtype for w in params.values()} == {np.dtype(np.float32)}


def test_the_seed_determines_the_weights():
    arch = Architecture(depth=1, channels=3)
    one, same, other = (
        initialization.gaussian(arch, np.random.default_rng(seed)) for seed in (5, 5, 6)
    )
    double = initialization.gaussian(arch, np.random.default_rng(5), np.float64)
    for name, w in one.items():
        np.testing.assert_array_equal(w, same[name])
        np.testing.assert_array_equal(w, double[name].astype(np.float32))
        assert w.ndim == 1 or not np.array_equal(w, other[name])


def test_no_two_kernels_are_equal():
    arch = Architecture(depth=1, channels=4, in_channels=4)
    params = initialization.gaussian(arch, np.random.default_rng(2), np.float64)
    flat = [w.ravel()[:32] / w.std() for w in params.values() if w.ndim == 4]
    for k, one in enumerate(flat):
        for other in flat[:k]:
            n = min(one.size, other.size)
            assert not np.allclose(one[:n], other[:n])


@pytest.mark.parametrize("variant", ["paper", "release"])
def test_activations_keep_their_size_through_the_network(variant):
    # Section 3.2: "each feature map in the network has approximately unit variance". It is only
    # approximate: a pooling keeps the largest of four, and the paper's up-convolution doubles the
    # mean square without a ReLU to halve it. After these 14 convolutions, 1/N instead of 2/N would
    # leave a hundredth, and C instead of 9·C would give a million times as much.
    arch = Architecture(depth=3, channels=16, variant=variant)
    x = np.random.default_rng(3).standard_normal((92, 100, 1))
    stages = ["contract0", "contract1", "contract2", "bottom", "expand2", "expand1", "expand0"]
    mean_square = dict.fromkeys(stages, 0.0)
    for seed in range(4):
        params = initialization.gaussian(arch, np.random.default_rng(seed), np.float64)
        _, activations = unet.forward(params, x, arch)
        for stage in stages:
            mean_square[stage] += np.mean(activations[f"{stage}.a2"] ** 2) / 4
    for stage in stages:
        # Measured: 0.9 … 4.2 in the paper's network, 0.9 … 3.1 in the release's.
        assert 0.5 < math.sqrt(mean_square[stage]) < 6, stage
