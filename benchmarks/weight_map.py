"""Seconds of a weight map beside one distance transform and beside a transform for each cell.

    python benchmarks/weight_map.py [--rounds 5] [--largest 4096]

The maps hold as many cells as said, about round and in part touching, scattered at random. "EDT" is
one default `scipy.ndimage.distance_transform_edt` of the label. "map" is `weight_map.paper`, all of
it, with the threads it takes by itself and with one. "loop" is what is usually written instead, a
transform for each cell, kept here to the two smallest; it is left out where it would take minutes.
Its distances are asserted equal to ours before any time is believed. Sides take turns, so that a
machine that changes its speed changes it for all; figures are medians. "peak" is the memory of the
process so far. Prints a Markdown table.
"""

import argparse
import resource
import statistics
import time
from functools import partial

import numpy as np
from scipy import ndimage

from minunet import weight_map

CELLS = ((512, 2), (512, 10), (512, 50), (512, 500), (1024, 2000), (2048, 8000), (4096, 32000))
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


def on_one_thread(instances):
    """Draw the map without help."""
    threads, weight_map.THREADS = weight_map.THREADS, 1
    weight_map.paper(instances, W_C)
    weight_map.THREADS = threads


def measure(instances, rounds):
    """Run all sides in turn; return the median seconds of each."""
    sides = {
        "edt": partial(ndimage.distance_transform_edt, instances),
        "map": partial(weight_map.paper, instances, W_C),
        "one": partial(on_one_thread, instances),
    }
    if int(instances.max()) * instances.size <= LOOP:
        sides["loop"] = partial(loop, weight_map.separate(instances))
        ours = weight_map.two_nearest(weight_map.separate(instances))
        np.testing.assert_array_equal(ours, sides["loop"]())
    seconds = {side: [] for side in sides}
    for _ in range(rounds):
        for side, run in sides.items():
            started = time.perf_counter()
            run()
            seconds[side].append(time.perf_counter() - started)
    return {side: statistics.median(taken) for side, taken in seconds.items()}


def main():
    """Measure and print the table."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--largest", type=int, default=4096)
    args = parser.parse_args()
    rng = np.random.default_rng(0)
    print(f"{weight_map.THREADS} threads\n")
    print("| pixels | cells | EDT, s | map, s | ÷ EDT | one thread ÷ EDT | loop, s | peak, MiB |")
    print("|---|---|---|---|---|---|---|---|")
    for size, n in (*CELLS, (4096, 2)):
        if size > args.largest:
            continue
        s = measure(draw(size, n, rng), args.rounds)
        ratios = f"{s['map'] / s['edt']:.1f} | {s['one'] / s['edt']:.1f}"
        slow = f"{s['loop']:.3f}" if "loop" in s else "–"
        peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
        row = f"{size}² | {n:,} | {s['edt']:.4f} | {s['map']:.4f} | {ratios} | {slow} | {peak:.0f}"
        print(f"| {row} |", flush=True)


if __name__ == "__main__":
    main()
