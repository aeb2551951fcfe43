"""A training step frees the activations of a tile stage by stage."""

import weakref

import numpy as np
import pytest
from networks import VARIANTS

from minunet.fast import conv_relu
from minunet.image import Sample
from minunet.network import initialization, unet
from minunet.network.architecture import Architecture
from minunet.training import loop, sgd

STAGES = ["expand0", "expand1", "bottom", "contract1", "contract0"]  # in the backward's order


@pytest.fixture
def alive_at_each_convolution(monkeypatch):
    """List the activations in memory at each backward pass of a convolution."""
    forward, backward, gradients = (
        unet.forward,
        conv_relu.backward,
        conv_relu.parameter_gradients,
    )
    references, found = {}, []

    def watched_forward(*arguments, **options):
        logits, activations = forward(*arguments, **options)
        references.update({name: weakref.ref(a) for name, a in activations.items()})
        return logits, activations

    def watched_backward(*arguments):
        found.append([name for name, reference in references.items() if reference() is not None])
        return backward(*arguments)

    def watched_gradients(*arguments):  # of the first layer
        found.append([name for name, reference in references.items() if reference() is not None])
        return gradients(*arguments)

    monkeypatch.setattr(unet, "forward", watched_forward)
    monkeypatch.setattr(conv_relu, "backward", watched_backward)
    monkeypatch.setattr(conv_relu, "parameter_gradients", watched_gradients)
    return found


def start(variant):
    """Make the state and the tile for a training step in float32."""
    arch = Architecture(depth=2, channels=3, variant=variant)
    rng = np.random.default_rng(0)
    params = initialization.gaussian(arch, rng)
    x = rng.random((44, 48, 1), np.float32)
    tile = Sample(x, rng.integers(0, 2, (4, 8)), np.ones((4, 8), np.float32))
    return loop.State(params, sgd.start(params), rng), tile, arch


def stages(names):
    """Return the stages that the names of activations belong to, in the backward's order."""
    found = {name.split(".")[0] for name in names}
    return [stage for stage in STAGES if stage in found]


@VARIANTS
def test_a_training_step_frees_each_stage_after_its_gradients(variant, alive_at_each_convolution):
    loop.step(*start(variant), learning_rate=0.01, momentum=0.9)
    each_stage = alive_at_each_convolution[::2]  # a stage has two convolutions
    assert [stages(names) for names in each_stage] == [STAGES[k:] for k in range(len(STAGES))]


def test_a_backward_keeps_all_activations_by_default(alive_at_each_convolution):
    state, tile, arch = start("paper")
    logits, activations = unet.forward(state.params, tile.x, arch)
    unet.backward(state.params, activations, np.ones_like(logits), arch)
    assert alive_at_each_convolution == [list(activations)] * 2 * len(STAGES)


@pytest.mark.parametrize("remember", [True, False])
def test_the_map_from_below_is_freed_before_the_convolutions_above_it(monkeypatch, remember):
    from_below, alive = [], []
    upconv, convolve = unet.fast.upconv.forward, conv_relu.forward

    def watched_upconv(*given):
        y = upconv(*given)
        from_below.append(weakref.ref(y))
        return y

    def watched_convolution(*given):
        alive.append(sum(reference() is not None for reference in from_below))
        return convolve(*given)

    monkeypatch.setattr(unet.fast.upconv, "forward", watched_upconv)
    monkeypatch.setattr(conv_relu, "forward", watched_convolution)
    state, tile, arch = start("paper")
    unet.forward(state.params, tile.x, arch, remember=remember)
    assert len(from_below) == 2
    assert alive == [0] * 2 * len(STAGES)
