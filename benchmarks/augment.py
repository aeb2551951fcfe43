"""Measure the time of a training sample by augmentation, compared with that of a training step.

    python benchmarks/augment.py [--rounds 15]

A sample consists of the grey values, labels and weights that `sampling.sample` cuts from a 512 x
512 image of noise with one channel. The training step is that of the preset `laptop`, not counting
the time to make its sample. (Training makes samples in another thread, ahead of the step.) Every
round times each kind of sample and the step once, so that a change in the machine's speed affects
all of them; the first round is not counted. Prints one Markdown table.
"""

import argparse
import os
import platform
import statistics
import time
from dataclasses import replace
from functools import partial

import numpy as np

from minunet import augmentation, training
from minunet.image import Sample
from minunet.runs.settings import from_options
from minunet.training import sampling

PAPER_TILE = 572


def measure(work, rounds):
    """Time each piece of work once per round; return lists of seconds by name."""
    seconds = {name: [] for name in work}
    for _ in range(rounds + 1):
        for name, call in work.items():
            started = time.perf_counter()
            call()
            seconds[name].append(time.perf_counter() - started)
    return {name: times[1:] for name, times in seconds.items()}


def main():
    """Measure and print the table."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument(
        "--rounds", type=int, default=15, help="number of timed rounds (default: 15)"
    )
    args = parser.parse_args()
    rng = np.random.default_rng(0)
    image, weights = rng.random((2, 512, 512), dtype=np.float32)
    labels = rng.integers(2, size=image.shape, dtype=np.uint8)
    data = [Sample(image[..., np.newaxis], labels, weights)]
    settings = from_options(preset="laptop", device="cpu")
    arch, sizes = settings.architecture, {PAPER_TILE: 4, settings.tile: settings.depth}
    sets = augmentation.SETS | {"paper, cubic": replace(augmentation.SETS["paper"], order=3)}
    work = {
        (name, size): partial(sampling.sample, data, size, depth, chosen, rng)
        for name, chosen in sets.items()
        for size, depth in sizes.items()
    }
    tile, state = work["none", settings.tile](), training.start(settings, "cpu")
    work["step"] = partial(training.step, state, tile, arch, 0.0, 0.0)
    seconds = measure(work, args.rounds)
    step = statistics.median(seconds["step"])
    print(f"{platform.machine()}, {os.cpu_count()} cores, NumPy {np.__version__}\n")
    print(f"A training step of `laptop` takes {step * 1e3:.0f} ms (median).\n")
    heads = "".join(f" {size}² pixels, ms: median (min – max) | ÷ step |" for size in sizes)
    print(f"| sample |{heads}\n|---|{'---|---|' * len(sizes)}")
    for name in sets:
        row = f"| {name} |"
        for size in sizes:
            times = np.array(seconds[name, size]) * 1e3
            middle = statistics.median(times)
            row += f" {middle:.1f} ({times.min():.1f} – {times.max():.1f}) "
            row += f"| {middle / step / 1e3:.1%} |"
        print(row)


if __name__ == "__main__":
    main()
