"""Compare the time of a weight map with that of one distance transform, and of one per cell.

    python benchmarks/weight_map.py [--rounds 9] [--largest 4096]

The label maps contain roughly round cells at random positions; some of them touch. "EDT" is one
call of `scipy.ndimage.distance_transform_edt` on the label map, with its defaults. "map" is one
call of `weight_map.paper`. "loop" is the usual code: one transform per cell, keeping only the two
smallest distances of each pixel. It runs once, and is omitted where it would take minutes. Its
distances are asserted to equal ours before EDT and map are timed. These two are timed alternately,
so that a change in the machine's speed affects both; the table shows their medians. "peak" is the
peak memory of the process so far. Prints a Markdown table.
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
"""Largest number of cells times number of pixels for which the loop runs."""


def label_map(size, n, rng):
    """Draw n cells around random pixels, with a radius a little over half the typical spacing."""
    seeds = np.zeros((size, size), np.int32)
    seeds.flat[rng.choice(size**2, n, replace=False)] = np.arange(1, n + 1)
    away, at = ndimage.distance_transform_edt(seeds == 0, return_indices=True)
    return np.where(away < 0.55 * size / n**0.5, seeds[tuple(at)], 0)


def loop(instances):
    """Compute the two smallest distances with one transform per cell."""
    d1 = d2 = np.full(instances.shape, np.inf)
    for k in np.unique(instances[instances > 0]):
        d = ndimage.distance_transform_edt(instances != k)
        d1, d2 = np.minimum(d1, d), np.minimum(d2, np.maximum(d1, d))
    return d1, d2


def seconds(run, *args):
    """Return the seconds that a call takes, and its result."""
    started = time.perf_counter()
    result = run(*args)
    return time.perf_counter() - started, result


def measure(instances, rounds):
    """Return the median seconds of EDT and map, and the seconds of the loop, or None."""
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
    parser.add_argument("--rounds", type=int, default=9, help="number of timed rounds (default: 9)")
    parser.add_argument(
        "--largest",
        type=int,
        default=4096,
        help="side of the largest map, in pixels (default: 4096)",
    )
    args = parser.parse_args()
    rng = np.random.default_rng(0)
    print("| pixels | cells | EDT, s | map, s | ÷ EDT | loop, s | ÷ EDT | peak, MiB |")
    print("|---|---|---|---|---|---|---|---|")
    for size, n in CELLS:
        if size > args.largest:
            continue
        edt, ours, slow = measure(label_map(size, n, rng), args.rounds)
        others = "– | –" if slow is None else f"{slow:.3f} | {slow / edt:.1f}"
        peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
        row = f"{size}² | {n:,} | {edt:.4f} | {ours:.4f} | {ours / edt:.1f} | {others} | {peak:.0f}"
        print(f"| {row} |", flush=True)


if __name__ == "__main__":
    main()
