"""The architecture and the place of every kernel follow from shapes, and only then from names."""

import random

import pytest

from minunet.errors import InputError
from minunet.exchange import layers
from minunet.network.architecture import Architecture

ARCHITECTURES = [
    Architecture(),
    Architecture.release(),
    Architecture(1, 1),  # three kernels of 3x3 with one channel
    Architecture(1, 2, 2, 5),
    Architecture(3, 2, 8, 3),  # as many input channels as the bottom's neighbour has
    Architecture.release(1, 2, 4, 2),  # the first kernel is like that of the expansive path
    Architecture.release(2, 4, 4, 7),
    Architecture(5, 1, 3),
    Architecture(16, 1),
]


def kernels(arch, rename=str):
    """Return the shapes of the kernels under other names, in another order."""
    shapes = [(rename(name), shape) for name, shape in arch.shapes().items() if len(shape) == 4]
    return dict(random.Random(0).sample(shapes, len(shapes)))


@pytest.mark.parametrize("arch", ARCHITECTURES, ids=str)
def test_the_shapes_determine_the_architecture(arch):
    found = layers.architecture(kernels(arch))
    assert found.shapes() == arch.shapes()
    assert found.variant == arch.variant


def unet_names(arch, style):
    """Name the kernels as other programs do: ours → theirs."""
    depth, names = arch.depth, {}
    order = [name for name in arch.shapes() if ".w" in name]
    for k in range(depth):
        up = depth - 1 - k  # decoders count from the bottom
        names |= {
            "encoder": {
                f"contract{k}.w1": f"encoder.{k}.conv.0.weight",
                f"contract{k}.w2": f"encoder.{k}.conv.2.weight",
                "bottom.w1": "bottleneck.conv.0.weight",
                "bottom.w2": "bottleneck.conv.2.weight",
                f"expand{k}.wu": f"decoder.{up}.up.weight",
                f"expand{k}.w1": f"decoder.{up}.conv.0.weight",
                f"expand{k}.w2": f"decoder.{up}.conv.2.weight",
                "out.w": "head.weight",
            },
            "down-up": {
                f"contract{k}.w1": f"down{k + 1}.0.weight",
                f"contract{k}.w2": f"down{k + 1}.2.weight",
                "bottom.w1": f"down{depth + 1}.0.weight",
                "bottom.w2": f"down{depth + 1}.2.weight",
                f"expand{k}.wu": f"up{up + 1}.up.weight",
                f"expand{k}.w1": f"up{up + 1}.0.weight",
                f"expand{k}.w2": f"up{up + 1}.2.weight",
                "out.w": "outc.weight",
            },
            "lists": {  # the up-convolutions are in a list of their own
                f"contract{k}.w1": f"downs.{k}.first.weight",
                f"contract{k}.w2": f"downs.{k}.second.weight",
                "bottom.w1": "mid.first.weight",
                "bottom.w2": "mid.second.weight",
                f"expand{k}.wu": f"transposed.{up}.weight",
                f"expand{k}.w1": f"ups.{up}.first.weight",
                f"expand{k}.w2": f"ups.{up}.second.weight",
                "out.w": "last.weight",
            },
            "type first": {
                f"contract{k}.w1": f"conv1_enc.{k}.weight",
                f"contract{k}.w2": f"conv2_enc.{k}.weight",
                "bottom.w1": f"conv1_enc.{depth}.weight",
                "bottom.w2": f"conv2_enc.{depth}.weight",
                f"expand{k}.wu": f"up.{k}.weight",
                f"expand{k}.w1": f"conv1_dec.{k}.weight",
                f"expand{k}.w2": f"conv2_dec.{k}.weight",
                "out.w": "head.weight",
            },
            "two lists": {
                f"contract{k}.w1": f"first.{k}.weight",
                f"contract{k}.w2": f"second.{k}.weight",
                "bottom.w1": f"first.{depth}.weight",
                "bottom.w2": f"second.{depth}.weight",
                f"expand{k}.wu": f"conv_transpose.{up}.weight",
                f"expand{k}.w1": f"first.{2 * depth - k}.weight",
                f"expand{k}.w2": f"second.{2 * depth - k}.weight",
                "out.w": "head.weight",
            },
            "flat": {name: f"{number}.weight" for number, name in enumerate(order)},
            "flat from 1": {name: f"{number}.weight" for number, name in enumerate(order, 1)},
            "flat from 5": {name: f"{number}.weight" for number, name in enumerate(order, 5)},
            "every other": {name: f"net.{2 * number}.weight" for number, name in enumerate(order)},
            "conv": {name: f"conv{number}.weight" for number, name in enumerate(order, 1)},
            "keras": {
                name: f"conv2d_{number}.weight" if number else "conv2d.weight"
                for number, name in enumerate(order)
            },
        }[style]
    return names


STYLES = (
    *("encoder", "down-up", "lists", "flat", "flat from 1", "flat from 5", "every other", "conv"),
    *("keras", "type first", "two lists"),
)


@pytest.mark.parametrize("style", STYLES)
@pytest.mark.parametrize("variant", ["paper", "release"])
def test_names_of_other_programs_are_understood(style, variant):
    for depth in (*range(1, 8), 12):
        arch = Architecture(depth, 2, 1, 2, 0.0, variant)
        names = unet_names(arch, style)
        assert len(set(names.values())) == len(names) == 5 * depth + 3
        found = layers.by_name(kernels(arch, names.__getitem__), arch)
        assert found == names, depth


@pytest.mark.parametrize("offset", range(0, 120))
def test_numbers_are_compared_by_value_wherever_they_gain_a_digit(offset):
    arch = Architecture(4, 2)
    order = [name for name in arch.shapes() if ".w" in name]
    names = {name: f"{number}.weight" for number, name in enumerate(order, offset)}
    assert layers.by_name(kernels(arch, names.__getitem__), arch) == names


def test_names_that_do_not_tell_are_refused():
    arch = Architecture(1, 4)
    # c (of contract0) and the middle of a and e (of expand0) are as far from b as from d.
    names = {
        **{"expand0.wu": "a", "contract0.w2": "b", "contract0.w1": "c", "expand0.w2": "d"},
        **{"expand0.w1": "e", "bottom.w1": "f", "bottom.w2": "g", "out.w": "h"},
    }
    words = r"^b, d have the same shape, and their names do not tell which is contract0\.w2 and "
    with pytest.raises(InputError, match=words):
        layers.by_name(kernels(arch, names.__getitem__), arch)


def changed(arch, **shapes):
    """Return the kernels with other shapes; None leaves one out."""
    found = {k: v for k, v in arch.shapes().items() if len(v) == 4}
    found |= {name.replace("_", "."): shape for name, shape in shapes.items()}
    return {name: shape for name, shape in found.items() if shape is not None}


@pytest.mark.parametrize(
    ("shapes", "words"),
    [
        ({"out_w": None}, "3 of 2x2 and 0 of 1x1"),
        ({"also": (1, 1, 4, 2)}, "3 of 2x2 and 2 of 1x1"),
        ({"bottom_w1": (3, 3, 16, 33)}, "bottom.w1 has the shape (3, 3, 16, 33)"),
        ({"bottom_w1": (5, 5, 16, 32)}, "bottom.w1 has the shape (5, 5, 16, 32)"),
        ({"expand1_wu": (2, 2, 8, 16)}, "expand1.wu has the shape (2, 2, 8, 16)"),
        ({"also": (3, 3, 4, 4)}, "also has the shape (3, 3, 4, 4)"),
        ({"bottom_w2": None}, "it lacks a kernel of shape (3, 3, 32, 32)"),
        ({"out_w": (1, 1, 4, 1)}, "has 1 output channel; a minunet U-Net has at least 2"),
        ({"out_w": (1, 1, 4, 0)}, "has 0 output channels; a minunet U-Net has at least 2"),
    ],
)
def test_a_kernel_that_does_not_fit_is_named(shapes, words):
    with pytest.raises(InputError) as refused:
        layers.architecture(changed(Architecture(3, 4), **shapes))
    assert words in str(refused.value)


def test_nothing_is_refused():
    with pytest.raises(InputError, match="it has 0 kernels, 0 of 2x2 and 0 of 1x1"):
        layers.architecture({})


@pytest.mark.parametrize(
    ("count", "last", "words"),
    [
        (17, (1, 1, 4, 2), "depth is 17; it must be at most 16"),
        (1, (1, 1, 10**12, 2), "channels is 1000000000000; it must be at most 10000"),
        (1, (1, 1, 0, 2), "channels is 0; it must be at least 1"),
        (1, (1, 1, 4, 10**12), "classes is 1000000000000; it must be at most 10000"),
    ],
)
def test_numbers_beyond_any_use_are_refused(count, last, words):
    with pytest.raises(InputError, match=words):
        layers.architecture({"last": last} | {f"up{k}": (2, 2, 8, 4) for k in range(count)})


def named(arch):
    """Return the shapes of all parameters under the names of the PyTorch module."""
    return {layers.torch_name(name): shape for name, shape in arch.shapes().items()}


@pytest.mark.parametrize("arch", ARCHITECTURES, ids=str)
@pytest.mark.parametrize("placed", [layers.in_order, layers.by_name])
def test_our_own_names_are_recognized(arch, placed):
    found, names = layers.recognize(named(arch), ("weight", "bias"), placed)
    assert found.shapes() == arch.shapes()
    assert names == {name: layers.torch_name(name) for name in arch.shapes()}
    assert list(names) == list(arch.shapes())


def test_only_in_order_does_the_order_decide():
    given = named(Architecture.release(1, 2))
    names = list(given)
    names[2], names[8] = names[8], names[2]
    moved = {name: given[name] for name in names}
    layers.recognize(moved, ("weight", "bias"), layers.by_name)
    words = r"^expand0\.upconv\.weight has the shape \(2, 2, 4, 4\), but its place, contract0\.w2, "
    with pytest.raises(InputError, match=words):
        layers.recognize(moved, ("weight", "bias"), layers.in_order)


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"bottom.conv1.bias": None}, "bottom.conv1.bias is missing, but its place, bottom.b1, "),
        ({"bottom.conv1.bias": (3,)}, "bottom.conv1.bias has the shape (3,), but its place, "),
        ({"more.bias": (4,)}, "more.bias has the shape (4,); the paper's network has only"),
    ],
)
def test_there_is_one_bias_for_each_kernel(changes, words):
    given = named(Architecture(1, 2)) | changes
    given = {name: shape for name, shape in given.items() if shape}
    for placed in (layers.in_order, layers.by_name):
        with pytest.raises(InputError) as refused:
            layers.recognize(given, ("weight", "bias"), placed)
        assert str(refused.value).startswith(words)
