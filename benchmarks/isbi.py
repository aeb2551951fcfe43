"""Score a network on slices it never saw, beside the all-cell answer.

    python -m minunet.train --data FOLDER/isbi2012 --preset laptop --out RUN
    python benchmarks/isbi.py RUN FOLDER/isbi2012

The slices are those that the run held out. Scores at the threshold 0.5 and at the best of ten:

- pixel error: the plain misclassification rate;
- Rand F: the adapted Rand F-score of scikit-image, foreground-restricted (pixels that the truth
  calls membrane are left out), of the 4-connected components of cell, mean over slices; 1 is best.

Needs scikit-image, which the extra `test` installs. Prints a Markdown table.
"""

import argparse
from pathlib import Path

import numpy as np
from skimage.measure import label
from skimage.metrics import adapted_rand_error

from minunet import checkpoint, config, tiling
from minunet.data import dataset, readers

THRESHOLDS = np.round(np.arange(0, 1, 0.1), 1)


def rand_f(truth, cells):
    """Adapted Rand F-score of one slice, foreground-restricted."""
    segments = label(cells, connectivity=1)
    error, _, _ = adapted_rand_error(label(truth, connectivity=1), segments, ignore_labels=(0,))
    return 1 - error


def main():
    """Predict, score, and print the table."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("run", type=Path)
    parser.add_argument("data", type=Path)
    parser.add_argument("--checkpoint", default="best.npz")
    args = parser.parse_args()
    saved = checkpoint.load(args.run / args.checkpoint)
    settings = config.Config.from_json(saved.config)
    images, labels = map(str, readers.find(args.data))
    data = dataset.load(images, labels, settings.validation, settings.scaling)
    slices = [(data.images[k], data.labels[k]) for k in data.held_out]
    p = [
        tiling.probabilities(saved.params, image, settings.architecture, settings.tile)[..., 1]
        for image, _ in slices
    ]
    scores = {}
    for t in THRESHOLDS:
        errors = [np.mean((q > t) != truth) for q, (_, truth) in zip(p, slices, strict=True)]
        rands = [rand_f(truth, q > t) for q, (_, truth) in zip(p, slices, strict=True)]
        scores[t] = float(np.mean(errors)), float(np.mean(rands))
    whole = [np.ones_like(truth) for _, truth in slices]
    all_cell = (
        np.mean([np.mean(a != truth) for a, (_, truth) in zip(whole, slices, strict=True)]),
        np.mean([rand_f(truth, a) for a, (_, truth) in zip(whole, slices, strict=True)]),
    )
    print(f"{args.run} {args.checkpoint}, step {saved.step}; slices {data.held_out}\n")
    print("| answer | pixel error | Rand F |\n|---|---|---|")
    print(f"| all cell | {all_cell[0]:.4f} | {all_cell[1]:.3f} |")
    for t in THRESHOLDS:
        print(f"| p > {t} | {scores[t][0]:.4f} | {scores[t][1]:.3f} |")


if __name__ == "__main__":
    main()
