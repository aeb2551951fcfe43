"""The estimates for a GPU match the arrays on the stand-in, and CuPy's pool has room for them."""

import tracemalloc
from itertools import islice

import ledger
import numpy as np
import pool
import pytest
from pretended import OutOfMemoryError, gpu
from standin import StandIn

from minunet.image import Sample
from minunet.network import initialization, sizes, unet
from minunet.network.architecture import Architecture
from minunet.prediction import gpu_memory
from minunet.prediction.gpu_memory import GpuMemoryError
from minunet.prediction.memory import format_bytes, parse_bytes
from minunet.training import loop, sgd
from minunet.training.state import State

# Depth, channels, classes, rows and columns, variant
CASES = [
    *[(1, 8, 2, 40, 62, "paper"), (2, 8, 2, 92, 92, "paper"), (2, 16, 3, 132, 100, "paper")],
    *[(3, 12, 2, 196, 196, "paper"), (3, 16, 5, 116, 164, "release")],
    *[(2, 24, 2, 140, 68, "release"), (4, 8, 2, 204, 236, "paper")],
    (2, 32, 2, 60, 60, "paper"),  # the update of the parameters needs more than the maps
]


def start(arch):
    """Copy initial parameters to the stand-in."""
    params = initialization.gaussian(arch, np.random.default_rng(0))
    return {name: np.asarray(w, like=StandIn(np.zeros(1))) for name, w in params.items()}


def forward(arch, rows, columns, count=1):
    """Run a tile through a network some times, and return the entries of the ledger."""
    tile = np.random.default_rng(0).random((rows, columns, 1), np.float32)
    with ledger.kept() as entries:
        params = start(arch)
        for _ in range(count):
            x = np.asarray(tile, like=params["out.b"])
            unet.forward(params, x, arch, remember=False)
            del x
    return entries


def steps(arch, rows, columns, count=1):
    """Train some steps on a tile, and return the entries of the ledger."""
    rng = np.random.default_rng(1)
    out = [sizes.output_size(n, arch.depth) for n in (rows, columns)]
    labels = rng.integers(arch.classes, size=out, dtype=np.uint8)
    tile = Sample(rng.random((rows, columns, 1), np.float32), labels, np.ones(out, np.float32))
    with ledger.kept() as entries:
        params = start(arch)
        state = State(params, sgd.start(params), rng)
        del params
        for _ in range(count):
            loop.step(state, tile, arch, 0.01, 0.9, 1.0)
    return entries


@pytest.mark.parametrize(("depth", "channels", "classes", "rows", "columns", "variant"), CASES)
def test_the_estimate_of_a_forward_pass(depth, channels, classes, rows, columns, variant):
    arch = Architecture(depth, channels, 1, classes, 0.5, variant)
    peak = ledger.peak(forward(arch, rows, columns))
    found = 4 * arch.parameters() + gpu_memory.of_forward(arch, rows, columns)
    assert found == pytest.approx(peak, rel=0.02)


@pytest.mark.parametrize(("depth", "channels", "classes", "rows", "columns", "variant"), CASES)
def test_the_estimate_of_a_training_step(depth, channels, classes, rows, columns, variant):
    arch = Architecture(depth, channels, 1, classes, 0.5, variant)
    peak = ledger.peak(steps(arch, rows, columns, count=2))
    # Measured: up to 2 % too much, for small tiles.
    assert gpu_memory.of_step(arch, rows, columns) == pytest.approx(peak, rel=0.03)


def test_the_estimate_of_a_training_step_without_dropout():
    arch = Architecture(2, 12, dropout=0.0)
    peak = ledger.peak(steps(arch, 92, 76))
    assert gpu_memory.of_step(arch, 92, 76) == pytest.approx(peak, rel=0.03)


def test_the_ledger_matches_the_memory_of_numpy():
    arch = Architecture(3, 16)
    forward(arch, 92, 92)  # imports are not traced
    tracemalloc.start()
    entries = forward(arch, 140, 140)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    # NumPy also copies the map of which it takes the argmax, but not at the peak.
    assert ledger.peak(entries) == pytest.approx(peak, rel=0.05)


@pytest.mark.parametrize(("depth", "channels", "classes", "rows", "columns", "variant"), CASES[3:6])
def test_the_pool_has_room_for_what_is_estimated(depth, channels, classes, rows, columns, variant):
    arch = Architecture(depth, channels, 1, classes, 0.5, variant)
    estimate = gpu_memory.of_prediction(arch, rows, columns) - gpu_memory.KERNELS
    assert pool.fits(forward(arch, rows, columns, count=3), estimate)
    estimate = gpu_memory.of_training(arch, rows, columns) - gpu_memory.KERNELS
    assert pool.fits(steps(arch, rows, columns, count=3), estimate)


# What is said if the memory is not enough


ARCH = Architecture(depth=2, channels=4)
TILES = [*islice(sizes.valid_sizes(2), 12)]  # 44, 48, …


def shortage(monkeypatch, size, rows, columns, error=None, **how):
    """Return the error for a tile, on a GPU with room for `size` bytes."""
    with (
        gpu(monkeypatch, size),
        pytest.raises(GpuMemoryError) as refused,
        gpu_memory.explained(ARCH, rows, columns, **how),
    ):
        raise error or OutOfMemoryError("Out of memory allocating 512 bytes")
    return refused.value


@pytest.mark.parametrize("training", [False, True])
def test_the_error_names_what_is_needed_what_there_is_and_the_largest_tile(monkeypatch, training):
    needs = gpu_memory.of_training if training else gpu_memory.of_prediction
    size = int(needs(ARCH, TILES[5], TILES[5]) - gpu_memory.KERNELS) + 1
    error = shortage(monkeypatch, size, TILES[9], TILES[7], training=training)
    what = "a training step on a tile" if training else "a tile"
    assert str(error) == (
        f"the GPU does not have enough memory: {what} of {TILES[9]} x {TILES[7]} pixels needs "
        f"about {format_bytes(needs(ARCH, TILES[9], TILES[7]))}, but minunet can use "
        f"{format_bytes(size + gpu_memory.KERNELS)} of 2.00GB; pass --tile {TILES[5]} or less, or "
        "--device cpu"
    )
    assert error.tile == TILES[5]


def test_if_no_tile_fits_only_the_cpu_is_left(monkeypatch):
    error = shortage(monkeypatch, 1000, TILES[3], TILES[3])
    assert error.tile is None
    assert str(error).endswith("; pass --device cpu")


def test_a_tile_that_should_fit_but_does_not_is_replaced_by_a_smaller_one(monkeypatch):
    assert shortage(monkeypatch, 10**12, TILES[3], TILES[5]).tile == TILES[4]


def test_the_smallest_tile_suits_the_aligned_step():
    tiles = []
    gpu_memory.largest(
        Architecture(depth=4), lambda arch, rows, columns: tiles.append(rows) or 0, 1, 300
    )
    assert tiles[0] == 204  # the output of a tile of 188 is smaller than one step


@pytest.mark.parametrize("error", [MemoryError, RuntimeError, ValueError])
def test_other_errors_stay_as_they_are(error):
    with pytest.raises(error) as raised, gpu_memory.explained(ARCH, 44, 44):
        raise error("of the host")
    assert type(raised.value) is error


def test_sizes_in_the_message_can_be_passed_on():
    needed = gpu_memory.of_prediction(ARCH, 44, 44)
    assert parse_bytes(format_bytes(needed)) >= needed


def test_the_card_of_these_tests_is_full_when_its_arrays_fill_it(monkeypatch):
    with gpu(monkeypatch, 250) as card:
        x = StandIn(np.zeros(10))
        y = x + x  # 80 bytes
        z = y + y
        with pytest.raises(OutOfMemoryError):
            _ = np.concatenate([y, z])
        assert card.used == 160
        del z
        assert card.used == 80
        _ = np.concatenate([y, y])
