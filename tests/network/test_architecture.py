"""The default architecture is exactly the paper's, and every field can be changed."""

import dataclasses
import math

import pytest

from minunet.network.architecture import Architecture

# The numbers above the bars in Figure 1, from input to output: (kernel side, channels in, channels
# out). Side 2 is an up-convolution.
FIGURE1 = [
    *[(3, 1, 64), (3, 64, 64)],
    *[(3, 64, 128), (3, 128, 128)],
    *[(3, 128, 256), (3, 256, 256)],
    *[(3, 256, 512), (3, 512, 512)],
    *[(3, 512, 1024), (3, 1024, 1024)],
    *[(2, 1024, 512), (3, 1024, 512), (3, 512, 512)],
    *[(2, 512, 256), (3, 512, 256), (3, 256, 256)],
    *[(2, 256, 128), (3, 256, 128), (3, 128, 128)],
    *[(2, 128, 64), (3, 128, 64), (3, 64, 64)],
    (1, 64, 2),
]


def kernels(arch):
    return [shape for name, shape in arch.shapes().items() if len(shape) == 4]


def test_the_papers_channels():
    assert kernels(Architecture()) == [(k, k, c, o) for k, c, o in FIGURE1]


def test_the_release_keeps_128_channels_in_the_last_upconvolution():
    release = FIGURE1.copy()
    release[19], release[20] = (2, 128, 128), (3, 128 + 64, 64)
    assert kernels(Architecture.release()) == [(k, k, c, o) for k, c, o in release]


def test_number_of_parameters():
    for arch, count in ((Architecture(), 31_030_658), (Architecture.release(), 31_100_354)):
        assert sum(math.prod(shape) for shape in arch.shapes().values()) == count
        assert arch.parameters() == count


def test_23_convolutional_layers():
    # "In total the network has 23 convolutional layers": 18 of 3x3, 4 up-convolutions, the 1x1.
    sides = [kernel[0] for kernel in kernels(Architecture())]
    assert len(sides) == 23
    assert (sides.count(3), sides.count(2), sides.count(1)) == (18, 4, 1)


def test_every_kernel_is_followed_by_its_bias():
    names, shapes = zip(*Architecture().shapes().items(), strict=True)
    assert len(names) == 46
    for kernel, bias, w, b in zip(names[::2], names[1::2], shapes[::2], shapes[1::2], strict=True):
        stage, name = kernel.split(".w")
        assert bias == f"{stage}.b{name}"
        assert b == w[3:]


def test_parameters_are_listed_in_forward_order():
    assert list(Architecture(depth=2).shapes()) == [
        *["contract0.w1", "contract0.b1", "contract0.w2", "contract0.b2"],
        *["contract1.w1", "contract1.b1", "contract1.w2", "contract1.b2"],
        *["bottom.w1", "bottom.b1", "bottom.w2", "bottom.b2"],
        *["expand1.wu", "expand1.bu"],
        *["expand1.w1", "expand1.b1", "expand1.w2", "expand1.b2"],
        *["expand0.wu", "expand0.bu"],
        *["expand0.w1", "expand0.b1", "expand0.w2", "expand0.b2"],
        *["out.w", "out.b"],
    ]


def test_the_defaults_are_the_papers():
    assert dataclasses.asdict(Architecture()) == {
        "depth": 4,
        "channels": 64,
        "in_channels": 1,
        "classes": 2,
        "dropout": 0.5,
        "variant": "paper",
    }
    assert not Architecture().relu_after_upconv
    assert Architecture.release().relu_after_upconv
    assert Architecture.release(depth=3, classes=5) == Architecture(
        depth=3, classes=5, variant="release"
    )


def test_dropout_is_at_the_end_of_the_contracting_path():
    # The 512- and the 1024-channel stage of the paper.
    assert Architecture().dropout_stages == ("contract3", "bottom")
    assert Architecture(depth=1).dropout_stages == ("contract0", "bottom")


def test_the_smallest_network_by_hand():
    # 1 channel, depth 1, 1 channel in, 2 classes: 3x3 kernels 1→1, 1→1, 1→2, 2→2; 2x2 2→1;
    # 3x3 2→1, 1→1; 1x1 1→2.
    kernels_only = 9 + 9 + 18 + 36 + 8 + 18 + 9 + 2
    biases = 1 + 1 + 2 + 2 + 1 + 1 + 1 + 2
    assert Architecture(depth=1, channels=1).parameters() == kernels_only + biases == 120
    # The release: 2x2 2→2 and 3x3 3→1.
    assert Architecture.release(depth=1, channels=1).parameters() == 120 + 9 + 9


@pytest.mark.parametrize("depth", [1, 2, 3, 5])
@pytest.mark.parametrize(("channels", "in_channels", "classes"), [(5, 3, 4), (8, 1, 7)])
def test_number_of_parameters_of_other_networks(depth, channels, in_channels, classes):
    # By hand, summed over the levels: a contracting stage or the bottom, with o channels from o/2,
    # has 9(o/2)o + 9oo = 13.5 oo weights and 2o biases; an expanding stage with o channels has
    # 4(2o)o + 9(2o)o + 9oo = 35 oo weights and 3o biases.
    widths = [channels * 2**level for level in range(depth + 1)]
    down = 13.5 * sum(o * o for o in widths[1:]) + 2 * sum(widths[1:])
    up = 35 * sum(o * o for o in widths[:-1]) + 3 * sum(widths[:-1])
    first = 9 * in_channels * channels + 9 * channels * channels + 2 * channels
    last = channels * classes + classes
    arch = Architecture(depth, channels, in_channels, classes)
    assert arch.parameters() == first + down + up + last
    # The release: c more channels from the last up-convolution into the following 3x3.
    release = Architecture.release(
        depth=depth, channels=channels, in_channels=in_channels, classes=classes
    )
    more = 4 * 2 * channels * channels + channels + 9 * channels * channels
    assert release.parameters() == arch.parameters() + more


@pytest.mark.parametrize(
    ("fields", "message"),
    [
        ({"depth": 0}, "depth is 0.* at least 1"),
        ({"channels": 0}, "channels is 0.* at least 1"),
        ({"in_channels": -1}, "in_channels is -1.* at least 1"),
        ({"classes": 1}, "classes is 1.* at least 2"),
        ({"dropout": 1.0}, r"dropout is 1.0.*below 1"),
        ({"dropout": -0.1}, r"dropout is -0.1.*at least 0"),
        ({"dropout": float("nan")}, "dropout is nan"),
        ({"variant": "keras"}, "'keras'.*'paper' or 'release'"),
    ],
)
def test_an_invalid_field_is_refused(fields, message):
    with pytest.raises(ValueError, match=message):
        Architecture(**fields)


def test_equal_fields_make_equal_architectures():
    assert Architecture() == Architecture(4, 64, 1, 2)
    assert hash(Architecture()) == hash(Architecture(4, 64, 1, 2))
    with pytest.raises(dataclasses.FrozenInstanceError):
        Architecture().depth = 3
