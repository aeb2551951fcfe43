"""Train small networks on 1, 2, 4 and 8 annotated slices, with three kinds of augmentation.

    python benchmarks/annotated_slices.py --out FOLDER [--seeds 0 1 2] [--steps 300] [--jobs 2]

The paper claims that very few annotated images are enough, if they are augmented, above all by
elastic deformation. This script shows how much of that can be seen in a few seconds of training. It
trains without augmentation, with all of the paper's, and with all but the elastic deformation.

A small network (depth 2, 8 channels, tiles of 124 pixels) learns small slices (96×96 pixels) of
synthetic EM. Each slice is from a tissue of its own. Each seed has its own slices, weights and
tiles. Within a seed, the sets of slices contain the smaller ones, and all networks start from the
same weights and take the same number of steps. All are scored on the same eight held-out slices.

The scores are the energy, weighted as in training, and the balanced pixel error, the mean over the
two classes of the share of wrong pixels. A network that gives the same answer everywhere has an
error of ½.

Prints a Markdown table (mean ± sample standard deviation over the seeds), and writes every score
into FOLDER/annotated_slices.json, from which chapter 9 of the tutorials draws its figure. The
script can be stopped and started again: it does not repeat finished runs.
"""

import argparse
import json
from concurrent.futures import ProcessPoolExecutor, as_completed
from functools import cache
from itertools import product
from statistics import fmean

import numpy as np
import seeds
import skips

from minunet import files, training
from minunet.data import weight_map
from minunet.data.synthetic import em_stack
from minunet.fast import threads
from minunet.image import Sample
from minunet.metrics.score import deviation, with_spread
from minunet.ops import cross_entropy
from minunet.prediction import averaging
from minunet.prediction.tiling import Tiling
from minunet.runs.settings import from_options

NAME = "annotated_slices"
COUNTS = (1, 2, 4, 8)
AUGMENTATIONS = ("none", "rigid", "paper")  # keys of `augmentation.SETS`
SIDE, HELD_OUT = 96, 8
SETTINGS = {"depth": 2, "channels": 8, "tile": 124, "learning_rate": 0.1, "warm_up": 20}


@cache
def slices(seed):
    """Return the training slices and the held-out slices of a seed, as samples."""
    count = max(COUNTS) + HELD_OUT
    stacks = [em_stack((1, SIDE, SIDE), rng) for rng in np.random.default_rng(seed).spawn(count)]
    pairs = [(stack.images[0], stack.labels[0]) for stack in stacks]
    w_c = weight_map.class_weights(np.stack([labels for _, labels in pairs[: max(COUNTS)]]), 2)
    samples = [
        Sample(np.float32(image / 255)[..., np.newaxis], labels, w_c[labels])
        for image, labels in pairs
    ]
    return samples[: max(COUNTS)], samples[max(COUNTS) :]


def scores(network, samples):
    """Return the energy and the balanced pixel error, means over slices."""
    energies, errors = [], []
    for x, labels, weights, _ in samples:
        logits = averaging.logits(network, x, Tiling(SETTINGS["tile"]))
        energy, p = cross_entropy.forward(logits, labels, weights / weights.sum())
        answer = p.argmax(axis=-1)
        energies.append(energy)
        errors.append(np.mean([np.mean(answer[labels == k] != k) for k in (0, 1)]))
    return {"energy": float(np.mean(energies)), "error": float(np.mean(errors))}


def run(count, augment, seed, steps):
    """Train a network; return its scores on the slices it was trained on and on held-out ones."""
    threads.use(1)
    settings = from_options(**SETTINGS, steps=steps, seed=seed)
    training_slices, held_out = slices(seed)
    training_slices = training_slices[:count]
    network = skips.take_steps(training.start(settings, "cpu"), training_slices, settings, augment)
    return {"trained_on": scores(network, training_slices), "held_out": scores(network, held_out)}


def save(path, found):
    """Write what was found so far."""
    with files.atomic(path) as beside:
        beside.write_text(json.dumps(found, indent=2) + "\n", encoding="utf-8")


def markdown(found, score):
    """Return the lines of a table: a score of the held-out slices by count and augmentation."""
    lines = [
        f"| annotated slices | {' | '.join(f'`{name}`' for name in AUGMENTATIONS)} |",
        "|---" * (1 + len(AUGMENTATIONS)) + "|",
    ]
    for count in COUNTS:
        shown = []
        for augment in AUGMENTATIONS:
            of_seeds = found["scores"][augment][str(count)].values()
            values = [one["held_out"][score] for one in of_seeds]
            shown.append(with_spread(fmean(values), deviation(values)))
        lines.append(f"| {count} | {' | '.join(shown)} |")
    return lines


def main():
    """Train the networks that are missing, and print the table."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0], allow_abbrev=False)
    seeds.add_options(parser)
    parser.add_argument("--steps", type=int, default=300, help="steps of a run (default: 300)")
    parser.add_argument("--jobs", type=int, default=2, help="runs at the same time (default: 2)")
    args = parser.parse_args()
    args.out.mkdir(parents=True, exist_ok=True)
    path = args.out / f"{NAME}.json"
    if path.exists():
        found = json.loads(path.read_text(encoding="utf-8"))
    else:
        empty = {augment: {str(count): {} for count in COUNTS} for augment in AUGMENTATIONS}
        found = {"steps": args.steps, "commit": seeds.commit(), "scores": empty}
    if found["steps"] != args.steps:
        parser.error(f"{path} has runs of {found['steps']} steps; pass another --out")
    with ProcessPoolExecutor(args.jobs) as pool:
        waiting = {
            pool.submit(run, count, augment, seed, args.steps): (augment, str(count), str(seed))
            for augment, seed, count in product(AUGMENTATIONS, args.seeds, COUNTS)
            if str(seed) not in found["scores"][augment][str(count)]
        }
        for future in as_completed(waiting):
            augment, count, seed = waiting[future]
            found["scores"][augment][count][seed] = future.result()
            save(path, found)
            print(f"seed {seed}, {augment}, {count} slices: {future.result()}", flush=True)
    for score in ("energy", "error"):
        print("", f"{score} of the held-out slices:", "", *markdown(found, score), sep="\n")


if __name__ == "__main__":
    main()
