"""Count the GPU work of a training step: kernel launches, new arrays and copies, by function.

    python benchmarks/gpu_launches.py [--presets tiny laptop]

Needs no GPU: the step runs on the tests' stand-in for CuPy, which records what CuPy would do
(see `tests/support/ledger.py` for what it counts). Prints one Markdown table per preset. New arrays
are results and temporaries. CuPy takes their memory from a pool and returns it to the pool when
they are freed, so their total measures memory traffic, not the memory that a step needs.
"""

import argparse
import sys
from pathlib import Path

import numpy as np

from minunet import training
from minunet.image import Sample
from minunet.network import sizes
from minunet.runs.settings import PRESETS, from_options

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "tests" / "support"))
import ledger
import standin


def tile(settings):
    """Return a tile of noise, on the host."""
    arch, n = settings.architecture, settings.tile
    rng = np.random.default_rng(0)
    m = sizes.output_size(n, arch.depth)
    labels = rng.integers(arch.classes, size=(m, m), dtype=np.uint8)
    x = rng.random((n, n, arch.in_channels), dtype=np.float32)
    return Sample(x, labels, np.ones((m, m), np.float32))


def step(settings):
    """Train one step on a tile of noise; return the entries of the ledger."""
    state = training.start(settings, "cpu")
    state.params, state.velocity = map(standin.to_device, (state.params, state.velocity))
    with ledger.kept() as entries:
        training.step(
            state, tile(settings), settings.architecture, 0.01, settings.momentum, settings.clip
        )
    return entries


def line(name, entries):
    """Format a row of the table."""
    new = ledger.of(entries, "array")
    return (
        f"| {name} | {len(ledger.of(entries, 'launch'))} | {len(new)} | {sum(new) / 2**20:,.1f} |"
    )


def table(preset):
    """Print the table of one step of a preset."""
    settings = from_options(preset=preset)
    entries = step(settings)
    sent, back = ledger.of(entries, "in"), ledger.of(entries, "out")
    print(f"\n{preset}: depth {settings.depth}, {settings.channels} channels, tile {settings.tile}")
    print(f"(copies to the GPU: {len(sent)}, with {sum(sent):,} bytes; ", end="")
    print(f"copies back: {len(back)}, with {sum(back)} bytes)\n")
    print("| function | kernels | new arrays | MiB |\n|---|---|---|---|")
    for place in sorted({entry.place for entry in entries if entry.place}):
        print(line(f"`{place}`", [entry for entry in entries if entry.place == place]))
    print(line("the step", entries))


def main():
    """Print the tables."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument(
        "--presets",
        nargs="+",
        choices=PRESETS,
        default=["tiny", "laptop"],
        help="presets; one step of each is counted (default: tiny laptop)",
    )
    for preset in parser.parse_args().presets:
        table(preset)


if __name__ == "__main__":
    main()
