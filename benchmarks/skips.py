"""Train U-Nets with and without skip connections, and score both on slices they have not seen.

    python benchmarks/skips.py --depths 2 3 --seeds 0 1 2 [--steps 600] [--save FILE.npz]

Both networks of a seed see the same tiles and start from the same weights. In the network without
skips, every copied map is replaced by zeros, so it has as many parameters as the other one. Half of
the inputs of a convolution after a copy are then 0; the initial weights of these convolutions are
√2 times as large, so that their outputs are not weaker.

Prints a Markdown table: mean ± sample standard deviation over the seeds. --save writes the weights
of the first seed at the largest depth, in float16, for chapter 7.
"""

import argparse
from contextlib import nullcontext
from pathlib import Path
from statistics import fmean
from unittest import mock

import numpy as np
import scipy
import seeds

from minunet import augmentation, fast, files, training
from minunet.data import weight_map
from minunet.data.synthetic import em_stack
from minunet.fast import threads
from minunet.image import Sample
from minunet.metrics import em
from minunet.metrics.score import THRESHOLDS, deviation, with_spread
from minunet.network import Network, sizes
from minunet.prediction import averaging
from minunet.prediction.tiling import Tiling
from minunet.runs.settings import from_options
from minunet.training import sampling

CHANNELS, OUTPUT, TRAINING, SIDE = 8, 84, 6, 256
"""Channels at level 0, pixels of an output tile, training slices, and the side of a slice."""

FORMS = {True: "with skips", False: "without skips"}

SCORES = ("energy", "balanced pixel error", "best V_Rand")


def slices_of(seed):
    """Return eight slices of a synthetic stack; both classes weigh the same over the first six."""
    stack = em_stack((TRAINING + 2, SIDE, SIDE), np.random.default_rng(seed))
    w_c = weight_map.class_weights(stack.labels[:TRAINING], 2)
    scaled = (stack.images / np.float32(255))[..., np.newaxis]
    return [Sample(x, labels, w_c[labels]) for x, labels in zip(scaled, stack.labels, strict=True)]


def without_skips():
    """Replace the copied maps by zeros, and the gradients that come back along them, too."""
    forward, backward = fast.crop_concat.forward, fast.crop_concat.backward

    def split(dy, skip_shape):
        dup, dskip = backward(dy, skip_shape)
        return dup, np.zeros_like(dskip)

    return mock.patch.multiple(
        fast.crop_concat,
        forward=lambda up, skip: forward(up, np.zeros_like(skip)),
        backward=split,
    )


def take_steps(state, slices, settings, augment):
    """Train on tiles of slices for all steps of the settings, and return the network."""
    arch = settings.architecture
    for step in range(settings.steps):
        rng = sampling.tile_rng(settings.seed, step)
        tile = sampling.sample(slices, settings.tile, arch.depth, augmentation.SETS[augment], rng)
        rate = training.learning_rate(step, settings)
        training.step(state, tile, arch, rate, settings.momentum, settings.clip)
    return Network(state.params, arch)


def train(slices, settings, skips):
    """Train a network, and return it."""
    state = training.start(settings, "cpu")
    if not skips:
        for name in state.params:
            if name.startswith("expand") and name.endswith(".w1"):
                state.params[name] *= np.float32(np.sqrt(2))
    return take_steps(state, slices, settings, "symmetries")


def score(network, slices, tile):
    """Return the scores of a network on whole slices, in the order of `SCORES`."""
    p = [averaging.probabilities(network, one.x, Tiling(tile)) for one in slices]
    truth, w = (np.array([getattr(one, n) for one in slices]) for n in ("labels", "weight_map"))
    p_cell = np.array(p)[..., 1]
    p_true = np.where(truth == 1, p_cell, 1 - p_cell)
    energy = np.average(-np.log(np.maximum(p_true, 1e-7)), weights=w)
    cells = [scipy.ndimage.label(labels)[0] for labels in truth]
    v_rand = em.v_rand(cells, list(p_cell), THRESHOLDS).by_threshold
    return float(energy), float(np.average(p_true <= 0.5, weights=w)), max(v_rand)


def main():
    """Train every network, and print the table."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0], allow_abbrev=False)
    parser.add_argument(
        "--depths", type=int, nargs="+", default=[2, 3], help="depths of the U (default: 2 3)"
    )
    parser.add_argument(
        "--seeds", type=int, nargs="+", default=[0, 1, 2], help="random seeds (default: 0 1 2)"
    )
    parser.add_argument("--steps", type=int, default=600, help="steps of a run (default: 600)")
    parser.add_argument(
        "--save",
        type=Path,
        metavar="FILE.npz",
        help="file for the weights of the first seed at the largest depth",
    )
    args = parser.parse_args()
    threads.use(1)  # the last bits, and so the weights, depend on the number of threads
    print(f"| depth | network | {' | '.join(SCORES)} |", "|---" * 5 + "|", sep="\n")
    for depth in args.depths:
        found = {skips: [] for skips in FORMS}
        for seed in args.seeds:
            slices, tile = slices_of(seed), OUTPUT + 2 * sizes.margin(depth)
            settings = from_options(
                depth=depth, channels=CHANNELS, tile=tile, steps=args.steps, seed=seed, warm_up=50
            )
            saved = {}
            for skips, name in FORMS.items():
                with nullcontext() if skips else without_skips():
                    network = train(slices[:TRAINING], settings, skips)
                    found[skips].append(score(network, slices[TRAINING:], tile))
                for key, w in network.params.items():
                    saved[f"{name}/{key}"] = w.astype(np.float16)
            if args.save and (depth, seed) == (max(args.depths), args.seeds[0]):
                with files.atomic(args.save) as beside, beside.open("wb") as file:
                    np.savez_compressed(file, **saved)
        for skips, name in FORMS.items():
            columns = zip(*found[skips], strict=True)
            shown = [with_spread(fmean(column), deviation(column)) for column in columns]
            print(f"| {depth} | {name} | {' | '.join(shown)} |", flush=True)
    print(f"\ncommit {seeds.commit()}")


if __name__ == "__main__":
    main()
