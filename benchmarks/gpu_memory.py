"""Compare the estimated GPU memory with the arrays in use, and with what CuPy's pool needs.

    python benchmarks/gpu_memory.py

Needs no GPU: a forward pass and training steps run on the tests' stand-in for CuPy, which records
when each array begins and ends. Prints a Markdown table with the bytes in use at the same time
(with parameters and velocities), the estimate of `minunet.prediction.gpu_memory`, and the size of
the smallest card on which a copy of CuPy's pool (`tests/support/pool.py`) has room for these arrays
in this order, three times in a row.
"""

import argparse
import sys
from pathlib import Path

import gpu_launches
import numpy as np

from minunet import training
from minunet.network import unet
from minunet.prediction import gpu_memory
from minunet.runs.settings import from_options

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "tests" / "support"))
import ledger
import pool
import standin

NETWORKS = (
    *({"preset": "tiny"}, {"preset": "laptop"}, {"preset": "laptop", "variant": "release"}),
    *({"depth": 2, "channels": 8, "tile": 92}, {"depth": 2, "channels": 24, "tile": 140}),
    *({"depth": 3, "channels": 32, "tile": 196}, {"depth": 3, "channels": 64, "tile": 100}),
    *({"depth": 4, "channels": 8, "tile": 300}, {"depth": 4, "channels": 16, "tile": 204}),
)
LIKE = standin.StandIn(np.zeros(1))

TIMES = 3
"""Number of passes in a row."""


def passes(settings):
    """Yield, for a forward pass and a training step, what was measured.

    Yields
    ------
    name : str
    estimate : float     of the arrays, in bytes
    used : int           bytes of the arrays in use at the same time
    card : int           bytes of the smallest card with room for them
    """
    arch, tile, n = settings.architecture, gpu_launches.tile(settings), settings.tile
    state = training.start(settings, "cpu")
    with ledger.kept() as entries:
        params = to_device(state.params)
        for _ in range(TIMES):
            x = np.asarray(tile.x, like=LIKE)
            unet.forward(params, x, arch, remember=False)
            del x
    parameters = 4 * arch.parameters()
    yield "prediction", parameters + gpu_memory.of_forward(arch, n, n), *found(entries)
    with ledger.kept() as entries:
        state.params, state.velocity = to_device(state.params), to_device(state.velocity)
        for _ in range(TIMES):
            training.step(state, tile, arch, 0.01, settings.momentum, settings.clip)
    yield "training step", gpu_memory.of_step(arch, n, n), *found(entries)


def to_device(tensors):
    """Copy tensors to the stand-in, as entries of the ledger."""
    return {name: np.asarray(array, like=LIKE) for name, array in tensors.items()}


def found(entries):
    """Return the bytes in use at the same time, and the size of the smallest card."""
    used = ledger.peak(entries)
    return used, pool.smallest_card(entries, 4 * used)


def main():
    """Print the table."""
    argparse.ArgumentParser(description=__doc__.splitlines()[0]).parse_args()
    print("| network | pass | arrays, MB | estimate ÷ arrays | smallest card ÷ arrays |")
    print("|---|---|---|---|---|")
    for options in NETWORKS:
        settings = from_options(**options)
        name = f"depth {settings.depth}, {settings.channels} channels, tile {settings.tile}"
        name += ", release" * (settings.variant == "release")
        for what, estimate, used, card in passes(settings):
            ratios = f"{estimate / used:.3f} | {card / used:.2f}"
            print(f"| {name} | {what} | {used / 1e6:.1f} | {ratios} |", flush=True)


if __name__ == "__main__":
    main()
