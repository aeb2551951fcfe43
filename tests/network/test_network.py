"""A network computes the logits of a tile on the device of its parameters."""

import numpy as np
import pytest
from standin import StandIn, to_device

from minunet.network import Architecture, Network, initialization, unet

ARCH = Architecture(depth=1, channels=2, in_channels=3)


def draw(dtype=np.float32):
    rng = np.random.default_rng(0)
    return initialization.gaussian(ARCH, rng, dtype), rng.random((24, 28, 3)).astype(dtype)


def test_logits_match_the_unet():
    params, tile = draw()
    expected, _ = unet.forward(params, tile, ARCH)
    np.testing.assert_array_equal(Network(params, ARCH).logits(tile), expected)


def test_the_input_is_scaled_first():
    params, tile = draw()
    grey = np.round(255 * tile).astype(np.uint8)
    expected, _ = unet.forward(params, (grey / 51).astype(np.float32), ARCH)
    network = Network(params, ARCH, lambda x: (x / 51).astype(np.float32))
    np.testing.assert_array_equal(network.logits(grey), expected)


def test_nothing_is_kept_for_a_backward_pass(monkeypatch):
    kept, forward = [], unet.forward

    def watched(*given, **more):
        logits, activations = forward(*given, **more)
        kept.append(activations)
        return logits, activations

    monkeypatch.setattr(unet, "forward", watched)
    params, tile = draw()
    Network(params, ARCH).logits(tile)
    assert kept == [{}]


@pytest.mark.parametrize("array", [np.arange(3.0), np.ones((2, 2), bool)])
def test_arrays_follow_the_parameters(array):
    params, _ = draw(np.float64)
    assert Network(params, ARCH).to_device(array) is array
    moved = Network(to_device(params), ARCH).to_device(array)
    assert isinstance(moved, StandIn)
    np.testing.assert_array_equal(moved.get(), array)


def test_logits_come_back_to_the_host():
    params, tile = draw(np.float64)
    found = Network(to_device(params), ARCH).logits(tile)
    assert type(found) is np.ndarray
    np.testing.assert_array_equal(found, Network(params, ARCH).logits(tile))
