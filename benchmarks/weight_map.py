"""Seconds of a weight map beside one distance transform and beside a transform for each cell.

    python benchmarks/weight_map.py [--rounds 5] [--largest 4096]

The maps hold as many cells as said, about round and in part touching, scattered at random. "EDT" is
one default `scipy.ndimage.distance_transform_edt` of the label. "map" is `weight_map.paper`, all of
it. "loop" is what is usually written instead, a transform for each cell, kept here to the two
smallest distances and to one round; it is left out where it would take minutes. Its distances are
asserted equal to ours before any time is believed. Sides take turns, so that a machine that changes
its speed changes it for all; figures are medians. "peak" is the memory of the process so far.
Prints a Markdown table.
"""

import argparse
import resource
import statistics
import time

import numpy as np
from scipy import ndimage

from minunet.data import weight_map
from minunet.data.distances import two_nearest

CELLS = (
    *((512, 2), (512, 10), (512, 50), (512, 500)),
    *((1024, 2000), (2048, 8000), (4096, 32000), (4096, 2)),
)
W_C = np.array([1.5, 0.75], np.float32)
LOOP = 2**28
"""Most cells times pixels that the loop is given."""


def draw(size, n, rng):
    """Cells around n random pixels, each as far as half the usual distance and a little more."""
    seeds = np.zeros((size, size), np.int32)
    seeds.flat[rng.choice(size**2, n, replace=False)] = np.arange(1, n + 1)
    away, at = ndimage.distance_transform_edt(seeds == 0, return_indices=True)
    return np.where(away < 0.55 * size / n**0.5, seeds[tuple(at)], 0)


def loop(instances):
    """Two smallest distances, by a transform for each cell."""
    d1 = d2 = np.full(instances.shape, np.inf)
    for k in np.unique(instances[instances > 0]):
        d = ndimage.distance_transform_edt(instances != k)
        d1, d2 = np.minimum(d1, d), np.minimum(d2, np.maximum(d1, d))
    return d1, d2


def seconds(run, *args):
    """Seconds that a call takes, and what it returns."""
    started = time.perf_counter()
    result = run(*args)
    return time.perf_counter() - started, result


def measure(instances, rounds):
    """Median seconds of a transform and of a map, and seconds of the loop or None."""
    slow = None
    if int(instances.max()) * instances.size <= LOOP:
        separated = weight_map.separate(instances)
        slow, distances = seconds(loop, separated)
        np.testing.assert_array_equal(two_nearest(separated), distances)
    edt, ours = [], []
    for _ in range(rounds):
        edt.append(seconds(ndimage.distance_transform_edt, instances)[0])
        ours.append(seconds(weight_map.paper, instances, W_C)[0])
    return statistics.median(edt), statistics.median(ours), slow


def main():
    """Measure and print the table."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--rounds", type=int, default=9)
    args = parser.parse_args()
    rng = np.random.default_rng(0)
    print("| pixels | cells | EDT, s | map, s | ÷ EDT | loop, s | ÷ EDT | peak, MiB |")
    print("|---|---|---|---|---|---|---|---|")
    for size, n in CELLS:
        edt, ours, slow = measure(draw(size, n, rng), args.rounds)
        others = "– | –" if slow is None else f"{slow:.3f} | {slow / edt:.1f}"
        peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
        row = f"{size}² | {n:,} | {edt:.4f} | {ours:.4f} | {ours / edt:.1f} | {others} | {peak:.0f}"
        print(f"| {row} |", flush=True)


if __name__ == "__main__":
    main()
