"""Sizes and costs along the U match Figure 1, and brute force at any depth."""

from itertools import islice

import numpy as np
import pytest

from minunet.errors import InputError
from minunet.network import initialization, sizes, unet
from minunet.network.architecture import Architecture
from minunet.ops import crop_concat

ARCHITECTURES = [
    Architecture(depth=2, channels=3, in_channels=2, classes=3),
    Architecture.release(depth=2, channels=3, in_channels=2, classes=3),
    Architecture(depth=3, channels=2, dropout=0.0),
    Architecture.release(depth=1, channels=4, in_channels=3, classes=2),
]


# Figure 1, as printed

FIGURE1 = [
    ("contract0", (572, 570, 568)),
    ("contract1", (284, 282, 280)),
    ("contract2", (140, 138, 136)),
    ("contract3", (68, 66, 64)),
    ("bottom", (32, 30, 28)),
    ("expand3", (56, 54, 52)),
    ("expand2", (104, 102, 100)),
    ("expand1", (200, 198, 196)),
    ("expand0", (392, 390, 388)),
]


def test_the_sizes_of_figure_1():
    assert sizes.stages(572, depth=4) == FIGURE1


@pytest.mark.parametrize(("tile", "output"), [(572, 388), (700, 516), (188, 4)])
def test_the_papers_and_other_known_outputs(tile, output):
    assert sizes.output_size(tile, depth=4) == output


def test_valid_sizes_of_the_paper():
    assert list(islice(sizes.valid_sizes(4), 4)) == [188, 204, 220, 236]
    assert 572 in islice(sizes.valid_sizes(4), 30)
    assert sizes.is_valid(572, 4)
    assert not sizes.is_valid(512, 4)
    assert not sizes.is_valid(172, 4)  # even at every pooling, but the output is empty


def test_margins():
    assert sizes.margin(4) == 92
    assert sizes.margin(3) == 44
    assert sizes.output_size(348, depth=3) == 260


def test_crop_of_each_skip_connection():
    walk = dict(sizes.stages(572, depth=4))
    offsets = []
    for level in (3, 2, 1, 0):
        skip, up = walk[f"contract{level}"][2], walk[f"expand{level}"][0]
        rows, columns = crop_concat.centre((up, up - 2, 1), (skip, skip + 14, 1))
        assert rows == slice((skip - up) // 2, (skip + up) // 2)
        assert columns.start == (skip - up) // 2 + 8
        offsets.append(rows.start)
    assert offsets == [4, 16, 40, 88]


# Any depth, against brute force


def brute_force(size, depth):
    """Compute the output size of a tile step by step; return None if the tile is not valid."""
    s = size
    for _ in range(depth):
        s = s - 2 - 2
        if s <= 0 or s % 2 == 1:
            return None
        s = s // 2
    for _ in range(depth):
        s = (s - 2 - 2) * 2
        if s <= 0:
            return None
    return s - 2 - 2 if s > 4 else None


@pytest.mark.parametrize("depth", [1, 2, 3, 4, 5])
def test_sizes_against_brute_force_at_every_depth(depth):
    valid = [size for size in range(1, 700) if brute_force(size, depth)]
    assert list(islice(sizes.valid_sizes(depth), len(valid))) == valid
    for size in range(-3, 700):
        assert sizes.is_valid(size, depth) == (size in valid)
        below = max((n for n in valid if n <= size), default=None)
        if size <= valid[-1]:
            above = min(n for n in valid if n >= size)
            assert sizes.nearest_valid(size, depth) == (below, above)
        if size in valid:
            assert sizes.output_size(size, depth) == brute_force(size, depth)
            assert size - 2 * sizes.margin(depth) == brute_force(size, depth)
        else:
            with pytest.raises(InputError):
                sizes.output_size(size, depth)


def test_the_error_names_the_nearest_valid_sizes():
    with pytest.raises(InputError, match=r"512 pixels.*depth 4.*508 and 524"):
        sizes.stages(512, depth=4)
    with pytest.raises(InputError, match=r"100 pixels.*the smallest valid size is 188"):
        sizes.stages(100, depth=4)
    with pytest.raises(InputError, match=r"0 pixels.*188"):
        sizes.stages(0, depth=4)


def test_both_sides_and_the_channels_of_a_tile_are_checked():
    arch = Architecture(depth=1, in_channels=3)
    sizes.check_tile((18, 24, 3), arch)
    for shape, message in [
        ((18, 25, 3), "25 pixels.*24 and 26"),
        ((17, 24, 3), "17 pixels.*18"),
        ((18, 24, 1), r"\(18, 24, 1\).*\(H, W, 3\)"),
        ((18, 24), r"\(18, 24\).*\(H, W, 3\)"),
        ((1, 18, 24, 3), r"\(H, W, 3\)"),
    ]:
        with pytest.raises(InputError, match=message):
            sizes.check_tile(shape, arch)


# The cost of every arrow

# (side of the result, taps for each of its pixels, channels in, channels out), read off Figure 1
LAYERS = [
    *[(570, 9, 1, 64), (568, 9, 64, 64)],
    *[(282, 9, 64, 128), (280, 9, 128, 128)],
    *[(138, 9, 128, 256), (136, 9, 256, 256)],
    *[(66, 9, 256, 512), (64, 9, 512, 512)],
    *[(30, 9, 512, 1024), (28, 9, 1024, 1024)],
    *[(56, 1, 1024, 512), (54, 9, 1024, 512), (52, 9, 512, 512)],
    *[(104, 1, 512, 256), (102, 9, 512, 256), (100, 9, 256, 256)],
    *[(200, 1, 256, 128), (198, 9, 256, 128), (196, 9, 128, 128)],
    *[(392, 1, 128, 64), (390, 9, 128, 64), (388, 9, 64, 64)],
    (388, 1, 64, 2),
]


def test_flop_of_the_papers_forward_pass():
    rows = sizes.figure1(Architecture(), 572)
    flop = [2 * side * side * taps * c * o for side, taps, c, o in LAYERS]
    assert [row.flop for row in rows if row.parameters] == flop
    assert sum(row.flop for row in rows) == sum(flop)
    assert round(sum(flop) / 1e9) == 301
    assert f"{sum(flop) / 1e9:.2f}" == "300.86"  # as printed by the command `geometry`


@pytest.mark.parametrize("arch", [Architecture(), Architecture.release()], ids=["paper", "release"])
def test_the_table_of_figure_1(arch):
    rows = sizes.figure1(arch, 572)
    assert sum(row.parameters for row in rows) == arch.parameters()
    assert sum(row.parameters > 0 for row in rows) == 23
    printed = [size for _, sizes in FIGURE1 for size in sizes]
    # The first size of a stage is that of the tile, the pooled map or the up-convolution; the
    # concatenation repeats it.
    repeats = [row for row in rows if row.arrow.startswith("copy")]
    assert [row.size for row in repeats] == [56, 104, 200, 392]
    assert [row.size for row in rows if row not in repeats] == [*printed, 388]
    assert (rows[0].size, rows[0].channels) == (572, 1)
    assert (rows[-1].size, rows[-1].channels) == (388, 2)


def test_channels_of_figure_1():
    by_stage = {}
    for row in sizes.figure1(Architecture(), 572):
        by_stage.setdefault(row.stage, []).append(row.channels)
    assert by_stage == {
        "": [1],
        "contract0": [64, 64, 64],
        "contract1": [128, 128, 128],
        "contract2": [256, 256, 256],
        "contract3": [512, 512, 512],
        "bottom": [1024, 1024],
        "expand3": [512, 1024, 512, 512],
        "expand2": [256, 512, 256, 256],
        "expand1": [128, 256, 128, 128],
        "expand0": [64, 128, 64, 64],
        "out": [2],
    }


@pytest.mark.parametrize("arch", ARCHITECTURES)
def test_memory_matches_what_a_training_pass_keeps(arch):
    size = list(islice(sizes.valid_sizes(arch.depth), 2))[1]
    rng = np.random.default_rng(0)
    x = rng.random((size, size, arch.in_channels), dtype=np.float32)
    _, activations = unet.forward(initialization.gaussian(arch, rng), x, arch, rng=rng)
    # Views and maps with two names share the memory of their owner, which counts once.
    owners = [a if a.base is None else a.base for a in activations.values()]
    kept = sum(owner.nbytes for owner in {id(owner): owner for owner in owners}.values())
    assert sum(row.memory for row in sizes.figure1(arch, size)) == kept


@pytest.mark.parametrize("arch", ARCHITECTURES)
def test_flop_and_parameters_of_any_network(arch):
    size = next(sizes.valid_sizes(arch.depth))
    rows = [row for row in sizes.figure1(arch, size) if row.parameters]
    for row, (name, w) in zip(
        rows, ((n, s) for n, s in arch.shapes().items() if len(s) == 4), strict=True
    ):
        assert row.stage == name.split(".")[0]
        assert row.channels == w[3]
        assert row.parameters == np.prod(w) + w[3]
        # In both kinds of convolution, each weight is used once per pixel of the smaller map.
        pixels = row.size**2 // (4 if w[0] == 2 else 1)
        assert row.flop == 2 * np.prod(w) * pixels


def test_a_tile_that_is_not_valid_is_refused():
    with pytest.raises(InputError, match="508 and 524"):
        sizes.figure1(Architecture(), 512)
