"""The cost of a tile matches hand counts, and the best tile is found as by trying all."""

from itertools import islice, pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st
from networks import DEPTHS
from networks import flop_by_hand as by_hand

from minunet.errors import InputError
from minunet.network import sizes
from minunet.network.architecture import Architecture
from minunet.prediction import tile_choice, tiling
from minunet.prediction.memory import parse_bytes
from minunet.prediction.tiling import Tiling

SMALL = Architecture(depth=1, channels=2)


@pytest.mark.parametrize(("rows", "columns"), [(18, 18), (24, 40), (100, 22)])
def test_operations_by_hand(rows, columns):
    assert tile_choice.flop(SMALL, rows, columns) == by_hand(rows, columns)


def test_operations_of_the_papers_tile():
    assert tile_choice.flop(Architecture(), 572, 572) == pytest.approx(301e9, rel=0.005)


def test_operations_of_an_infinitely_large_tile_by_hand():
    # Weights per output pixel: 9·2 + 9·4 on the way down, 4·2 + 9·8 + 9·4 + 4 on the way up, and
    # 9·8 + 9·16 at the bottom, shared by four pixels.
    assert tile_choice.endless(SMALL) == 2 * (54 + 120 + 216 / 4)


@DEPTHS
@pytest.mark.parametrize("variant", ["paper", "release"])
def test_an_infinitely_large_tile_is_the_limit_of_large_tiles(depth, variant):
    arch = Architecture(depth=depth, channels=3, variant=variant)
    _, large = sizes.nearest_valid(10**6, depth)
    each = tile_choice.flop(arch, large, large) / large**2
    assert tile_choice.endless(arch) == pytest.approx(each, rel=1e-3)


def test_the_overhead_by_hand_and_decreasing():
    # A tile of 24 pixels segments 8 pixels, a multiple of 2.
    assert tile_choice.overhead(SMALL, 24) == by_hand(24, 24) / 64 / 456
    tiles = list(islice(sizes.valid_sizes(4), 1, 60))
    overheads = [tile_choice.overhead(Architecture(channels=2), tile) for tile in tiles]
    assert all(one > other > 1 for one, other in pairwise(overheads))


def test_computation_by_hand():
    # Outputs of 8 pixels: two for 13 rows, three for 21 columns; no smaller outputs suffice.
    assert tile_choice.computation(SMALL, (13, 21), Tiling(24)) == 6 * by_hand(24, 24)
    # One output of 14 pixels for 13 rows; two of 12 for 21 columns.
    assert tile_choice.computation(SMALL, (13, 21), Tiling(30)) == 2 * by_hand(30, 28)
    assert tile_choice.computation(SMALL, (13, 21), Tiling(30, paper_step=True)) == 2 * by_hand(
        30, 30
    )


@given(
    st.integers(1, 120),
    st.integers(1, 120),
    st.sampled_from([1, 2, 3]),
    st.booleans(),
    st.integers(1, 300),
)
def test_the_best_tile_against_trying_all(height, width, depth, paper_step, largest):
    arch, size = Architecture(depth=depth, channels=2), (height, width)

    def needs(rows, columns):
        return rows * columns

    def covered(tile):
        return [tiling.cover(n, depth, tile, paper_step).tile for n in size]

    least = 2**depth if not paper_step else 1
    valid = [
        tile
        for tile in islice(sizes.valid_sizes(depth), 200)
        if sizes.output_size(tile, depth) >= least
    ]
    limit = max(largest**2, needs(*covered(valid[0])))
    fitting = [tile for tile in valid if needs(*covered(tile)) <= limit]
    best = min(tile_choice.computation(arch, size, Tiling(tile, paper_step)) for tile in fitting)
    chosen = tile_choice.best(arch, size, limit, needs, paper_step)
    assert needs(*covered(chosen)) <= limit
    assert tile_choice.computation(arch, size, Tiling(chosen, paper_step)) == best


@pytest.mark.parametrize("paper_step", [False, True])
def test_too_little_memory_is_refused_with_a_sufficient_amount(paper_step):
    arch = Architecture()
    size = (3000, 5000)

    def needs(rows, columns):
        return 1e5 * rows * columns

    with pytest.raises(InputError) as refused:
        tile_choice.best(arch, size, 10**9, needs, paper_step)
    smallest = 188 if paper_step else 204
    message = str(refused.value)
    assert message.startswith("1.00GB")
    assert f"{smallest} x {smallest}" in message
    enough = parse_bytes(message.split("--memory ")[1].split()[0])
    assert tile_choice.best(arch, size, enough, needs, paper_step) == smallest
    assert enough < 1.02 * 1e5 * smallest**2


def test_the_aligned_step_is_the_default_of_the_choice():
    # A tile of 188 pixels has an output of 4, which is enough only for the paper's step.
    arch = Architecture()

    def needs(rows, columns):
        return rows * columns

    assert tile_choice.best(arch, (300, 300), 190**2, needs, paper_step=True) == 188
    with pytest.raises(InputError, match="204 x 204 pixels"):
        tile_choice.best(arch, (300, 300), 190**2, needs)
