"""Measure the time to compute all scores of a stack, by number of processes.

    python benchmarks/scores.py FOLDER/isbi2012 [--slices 30] [--processes 1 2] [--rounds 3]

The ground truth consists of the slices of train-labels.tif, repeated if there are too few. The
probability maps are these slices shifted by two pixels and blurred, with smooth noise added. Scores
are computed at ten thresholds. Every round times each number of processes once, so that a change in
the machine's speed affects all of them. The scores are asserted not to depend on the number of
processes. Prints one Markdown table, and the scores.
"""

import argparse
import os
import platform
import statistics
import time
from pathlib import Path

import numpy as np
from scipy import ndimage

from minunet.data import image_files, pairs
from minunet.metrics import em, segments


def probability(cells, seed):
    """Make a probability map from the ground truth, about as good as that of a small network."""
    noise = ndimage.gaussian_filter(np.random.default_rng(seed).normal(size=cells.shape), 1.5)
    moved = ndimage.gaussian_filter(np.roll(cells > 0, 2, axis=1).astype(float), 2)
    return np.clip(moved + 0.12 * noise / noise.std(), 0, 1).astype(np.float32)


def main():
    """Measure and print the table."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("data", type=Path, help="folder with the ISBI 2012 stacks")
    parser.add_argument(
        "--slices", type=int, default=30, help="number of slices to score (default: 30)"
    )
    parser.add_argument(
        "--processes",
        type=int,
        nargs="+",
        default=[1, 2],
        help="numbers of processes to compare (default: 1 2)",
    )
    parser.add_argument("--rounds", type=int, default=3, help="number of timed rounds (default: 3)")
    args = parser.parse_args()
    masks = image_files.read(pairs.find(args.data)[1])
    truth = [segments.components(masks[k % len(masks)][..., 0]) for k in range(args.slices)]
    answers = [probability(cells, seed) for seed, cells in enumerate(truth)]
    seconds, results = {n: [] for n in args.processes}, {}
    for _ in range(args.rounds):
        for n in args.processes:
            started = time.perf_counter()
            results[n] = em.scores(truth, answers, processes=n)
            seconds[n].append(time.perf_counter() - started)
            assert results[n] == results[args.processes[0]]
    started = time.perf_counter()
    em.v_rand(truth, answers)
    alone = time.perf_counter() - started
    height, width = truth[0].shape
    print(f"{platform.machine()}, {os.cpu_count()} cores, NumPy {np.__version__}\n")
    print(f"{len(truth)} slices of {height} x {width} pixels, ten thresholds.\n")
    print("| scores | processes | seconds: median (min – max) |\n|---|---|---|")
    for n, times in seconds.items():
        middle = statistics.median(times)
        print(f"| all | {n} | {middle:.1f} ({min(times):.1f} – {max(times):.1f}) |")
    print(f"| V_Rand alone | 1 | {alone:.1f} |\n")
    scores = results[args.processes[0]]
    print(", ".join(f"{s.name} {s.value:.6f} at {s.threshold:g}" for s in scores))


if __name__ == "__main__":
    main()
