"""Model how a training step scales with the number of threads, and what limits it.

    python benchmarks/scaling.py [--channels 8 16 32 64] [--seconds 20]

Times a step in one thread, and in it every call of `threads.over`, the only function that uses
several threads. From these times it predicts a step with p threads:

    T(p) = (time outside of the bands) + Σ over calls (time · largest share) + calls · start

The largest share is the part of the rows that the busiest thread gets: 1/p, or more where a map has
too few rows. `start` is the time of a call whose bands do nothing, with two threads. Threads also
share memory bandwidth, cache and power. Their cost is measured with two processes of one thread
each, which share no Python lock: the factor by which a step takes longer than in one process alone.
The prediction for two threads is multiplied by this factor, and stands beside a measured step with
two threads; what differs is left to Python's lock and to threads that wait for each other.

Predictions for more threads do not include the factor: they are upper limits. Prints one Markdown
table. Nothing else should run.
"""

import argparse
import subprocess
import sys
import time
from contextlib import contextmanager
from pathlib import Path
from statistics import median

import numpy as np
import seeds

from minunet import training
from minunet.fast import crop_concat, direct, maxpool, narrow, threads, upconv, winograd
from minunet.image import Sample
from minunet.network import sizes
from minunet.runs.settings import from_options

THREADS = (2, 4, 8, 16)
"""Numbers of threads for which a step is predicted."""

PAPER = 64
"""From so many channels on, a network has the depth and the tile of the paper's."""


class Network:
    """A network and a tile of noise, to time steps on."""

    def __init__(self, channels):
        shape = {"depth": 4, "tile": 572} if channels >= PAPER else {"depth": 3, "tile": 348}
        self.settings = from_options(channels=channels, dropout=0.0, **shape)
        self.state = training.start(self.settings, "cpu")
        rng, arch = np.random.default_rng(0), self.settings.architecture
        n, m = shape["tile"], sizes.output_size(shape["tile"], shape["depth"])
        labels = rng.integers(arch.classes, size=(m, m), dtype=np.uint8)
        x = rng.random((n, n, arch.in_channels), dtype=np.float32)
        self.tile = Sample(x, labels, np.ones((m, m), np.float32))

    def step(self):
        """Train one step, and return the seconds that it took."""
        settings, began = self.settings, time.perf_counter()
        training.step(
            self.state, self.tile, settings.architecture, 1e-4, settings.momentum, settings.clip
        )
        return time.perf_counter() - began

    def steps(self, seconds):
        """Return the seconds of the steps that fit into this time, of which there are two or more.

        One more step comes first, which allocates memory.
        """
        self.step()
        found = [self.step(), self.step()]
        while sum(found) < seconds:
            found.append(self.step())
        return found


@contextmanager
def recorded():
    """Yield a list of the calls of `threads.over`: rows, longest band and seconds of each."""
    calls = []

    def over(rows, most, work):
        began = time.perf_counter()
        threads.over(rows, most, work)
        calls.append((rows, most, time.perf_counter() - began))

    modules = (crop_concat, direct, maxpool, narrow, upconv, winograd)
    for module in modules:
        module.over = over
    try:
        yield calls
    finally:
        for module in modules:
            module.over = threads.over


def median_step(network, seconds):
    """Time steps with their calls of `threads.over`; return the median one: seconds and calls."""
    found = []
    with recorded() as calls:
        network.step()
        while len(found) < 3 or sum(step[0] for step in found) < seconds:
            calls.clear()
            found.append((network.step(), [*calls]))
    return sorted(found)[len(found) // 2]


def largest_share(rows, most, count):
    """Return the part of the rows that the busiest of `count` threads works on."""
    threads.use(count)
    cuts, count = threads.edges(rows, most), min(count, rows)
    first = [cuts[k * (len(cuts) - 1) // count] for k in range(count + 1)]
    return max(np.diff(first)) / rows


def predicted(outside, calls, start, count):
    """Return the seconds of a step with `count` threads, on cores that share nothing."""
    inside = sum(seconds * largest_share(rows, most, count) for rows, most, seconds in calls)
    return outside + inside + len(calls) * start


def empty_call():
    """Return the seconds of a call with two threads whose bands do nothing."""
    threads.use(2)
    found = []
    for _ in range(200):
        began = time.perf_counter()
        threads.over(2, 1, lambda first, n, thread: None)
        found.append(time.perf_counter() - began)
    return median(found)


def slowed(channels, seconds):
    """Return how much longer a step takes while another process does the same."""
    command = [sys.executable, __file__, "--channels", str(channels), "--seconds", str(seconds)]
    command.append("--alone")

    def together(count):
        running = [
            subprocess.Popen(command, stdout=subprocess.PIPE, text=True, cwd=Path.cwd())
            for _ in range(count)
        ]
        return median(float(one.communicate()[0]) for one in running)

    return together(2) / together(1)


def line(channels, seconds, start):
    """Measure and model one network; return a row of the table."""
    network = Network(channels)
    threads.use(1)
    alone, calls = median_step(network, seconds)
    outside = alone - sum(one[2] for one in calls)
    factor = slowed(channels, seconds)
    ups = [alone / predicted(outside, calls, start, count) for count in THREADS]
    threads.use(2)
    measured = median(network.steps(seconds))
    cells = [
        channels,
        f"{1000 * alone:.0f}",
        f"{outside / alone:.0%}",
        len(calls),
        *(f"{up:.2f}" for up in ups),
        f"{factor:.2f}",
        f"{ups[0] / factor:.2f}",
        f"{alone / measured:.2f}",
    ]
    return f"| {' | '.join(map(str, cells))} |"


def main():
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0], allow_abbrev=False)
    parser.add_argument("--channels", type=int, nargs="+", default=[8, 16, 32, 64], metavar="N")
    parser.add_argument("--seconds", type=float, default=20, help="for each measurement")
    parser.add_argument("--alone", action="store_true", help=argparse.SUPPRESS)
    args = parser.parse_args()
    if args.alone:
        threads.use(1)
        print(median(Network(args.channels[0]).steps(args.seconds)))
        return
    start = empty_call()
    ups = [f"{count} threads" for count in THREADS]
    head = ["channels", "1 thread, ms", "outside of bands", "calls", *ups]
    head += ["two processes: factor", "2 threads ÷ factor", "2 threads, measured"]
    print(f"| {' | '.join(head)} |\n|{'---|' * len(head)}", flush=True)
    for channels in args.channels:
        print(line(channels, args.seconds, start), flush=True)
    print(f"\nA call with empty bands takes {1e6 * start:.0f} µs.\ncommit {seeds.commit()}")


if __name__ == "__main__":
    main()
