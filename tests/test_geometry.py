"""Sizes along the U: Figure 1 number for number, brute force for any depth, and their cost."""

import re
import subprocess
import sys
from itertools import islice
from pathlib import Path

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


def test_legal_sizes_of_the_paper():
    assert list(islice(sizes.valid_sizes(4), 4)) == [188, 204, 220, 236]
    assert 572 in islice(sizes.valid_sizes(4), 30)
    assert sizes.is_valid(572, 4)
    assert not sizes.is_valid(512, 4)
    assert not sizes.is_valid(172, 4)  # even at every pooling, but nothing is left at the end


def test_margins():
    assert sizes.margin(4) == 92
    assert sizes.margin(3) == 44
    assert sizes.output_size(348, depth=3) == 260


def test_what_is_cropped_from_each_skip():
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
    """Output size of a tile: shrink, halve and double one number; None where that fails."""
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
def test_the_rule_is_brute_force_at_every_depth(depth):
    legal = [size for size in range(1, 700) if brute_force(size, depth)]
    assert list(islice(sizes.valid_sizes(depth), len(legal))) == legal
    for size in range(-3, 700):
        assert sizes.is_valid(size, depth) == (size in legal)
        below = max((n for n in legal if n <= size), default=None)
        if size <= legal[-1]:
            above = min(n for n in legal if n >= size)
            assert sizes.nearest_valid(size, depth) == (below, above)
        if size in legal:
            assert sizes.output_size(size, depth) == brute_force(size, depth)
            assert size - 2 * sizes.margin(depth) == brute_force(size, depth)
        else:
            with pytest.raises(InputError):
                sizes.output_size(size, depth)


def test_an_illegal_size_is_told_the_two_nearest():
    with pytest.raises(InputError, match=r"512 pixels.*depth 4.*508 and 524"):
        sizes.stages(512, depth=4)
    with pytest.raises(InputError, match=r"100 pixels.*188, the smallest"):
        sizes.stages(100, depth=4)
    with pytest.raises(InputError, match=r"0 pixels.*188"):
        sizes.stages(0, depth=4)


def test_the_door_checks_each_side_and_the_channels():
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

# (side of the result, taps that each pixel of it sees, channels in, channels out): Figure 1, by eye
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


@pytest.mark.parametrize("arch", [Architecture(), Architecture.release()], ids=["paper", "release"])
def test_the_table_of_figure_1(arch):
    rows = sizes.figure1(arch, 572)
    assert sum(row.parameters for row in rows) == arch.parameters()
    assert sum(row.parameters > 0 for row in rows) == 23
    printed = [size for _, sizes in FIGURE1 for size in sizes]
    # A stage's first size is that of the tile, of the pooled map or of the up-convolution, which
    # the concatenation repeats.
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
def test_memory_is_what_a_training_pass_keeps(arch):
    size = list(islice(sizes.valid_sizes(arch.depth), 2))[1]
    rng = np.random.default_rng(0)
    x = rng.random((size, size, arch.in_channels), dtype=np.float32)
    _, activations = unet.forward(initialization.gaussian(arch, rng), x, arch, rng=rng)
    # A map that two names share, or a window of another, keeps the memory of its owner, once.
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
        # Convolution or up-convolution: each weight is used at each pixel of the smaller map.
        pixels = row.size**2 // (4 if w[0] == 2 else 1)
        assert row.flop == 2 * np.prod(w) * pixels


def test_an_illegal_tile_has_no_figure():
    with pytest.raises(InputError, match="508 and 524"):
        sizes.figure1(Architecture(), 512)


# The command


def command(*arguments):
    return subprocess.run(
        [sys.executable, "-m", "minunet.geometry", *arguments],
        cwd=Path(__file__).parents[1],
        capture_output=True,
        text=True,
        check=False,
    )


def test_command_prints_the_paper():
    result = command()
    assert result.returncode == 0
    assert result.stderr == ""
    assert result.stdout == command("572").stdout
    for printed in ("572² x 1", "388² x 2", "28² x 1024", "31,030,658", "572 → 388", "margin 92"):
        assert printed in result.stdout
    # Totals: 301.4 GFLOP.
    assert f"{sum(2 * s * s * t * c * o for s, t, c, o in LAYERS) / 1e9:.2f}" in result.stdout


def test_command_prints_other_networks():
    result = command("348", "--depth", "3", "--variant", "release", "--classes", "5")
    assert result.returncode == 0
    assert "348 → 260, margin 44" in result.stdout
    assert "260² x 5" in result.stdout
    assert "multiple of 8 pixels" in result.stdout


@pytest.mark.parametrize(
    ("arguments", "named"),
    [
        (["512"], "512 pixels.* depth 4.* 508 and 524"),
        (["100"], "100 pixels.* 188"),
        (["garbage"], "garbage"),
        (["-572"], "-572"),
        (["57.2"], "57.2"),
        (["572", "--depth", "0"], "--depth.*0.* 1"),
        (["572", "--classes", "1"], "--classes.*1.* 2"),
        (["572", "--variant", "keras"], "keras.*paper.*release"),
    ],
)
def test_command_answers_bad_input_with_one_sentence(arguments, named):
    result = command(*arguments)
    assert result.returncode == 2
    assert result.stdout == ""
    assert len(result.stderr.splitlines()) == 1
    assert re.search(named, result.stderr)
    assert "Traceback" not in result.stderr
