"""Score a model on a stack that it was not trained on.

    python benchmarks/transfer.py MODEL IMAGES LABELS [--slices 12:16] [--pixel-size 0.0046]
                                  [--average none]

MODEL is a checkpoint or a built-in model, such as em. Segments the slices and scores their
membranes like `minunet.evaluate`; the rarer of the two values in LABELS is membrane. With
--pixel-size, in micrometres, the images are shrunk or enlarged to the pixel size of the model.
Prints one Markdown table: each score at its best threshold and at the threshold in the checkpoint,
with the spread over the slices. The former is optimistic, because the best threshold is chosen on
the scored slices. The command and the commit follow.
"""

import argparse
import shlex
import sys
from pathlib import Path
from typing import get_args

import numpy as np
import seeds

import minunet
from minunet.data import image_files, label_files
from minunet.data.annotation import Meaning
from minunet.errors import InputError
from minunet.image import Average
from minunet.metrics import em, segments
from minunet.metrics.score import THRESHOLDS, value_and_spread

SHOWN = ("v_rand", "v_info", "pixel_error")


def read(images, labels):
    """Return the slices of a stack (N, H, W), and their true cells, (H, W) each."""
    raw = np.stack(image_files.grey(image_files.read(images), images))
    masks = image_files.read(labels)
    if len(masks) != len(raw) or masks[0].shape[:2] != raw.shape[1:]:
        raise InputError(f"{images} and {labels} differ in the number or the size of their slices")
    found = label_files.annotate(masks, Meaning("classes"), labels)
    if np.mean(found.labels) < 0.5:
        found = label_files.annotate(masks, Meaning("membranes"), labels)
    return raw, [segments.components(one) for one in found.labels]


def block(text):
    """Parse FIRST:END, an argparse type."""
    first, end = text.split(":")
    return slice(int(first), int(end))


def markdown(best, stored, threshold):
    """Return the lines of the table.

    Parameters
    ----------
    best, stored : sequence of Score     at the best threshold of each, and at the stored one
    threshold : float or None            stored in the checkpoint
    """
    at = "no threshold stored" if threshold is None else f"at the stored threshold {threshold}"
    lines = [f"| score | best | at threshold | {at} |", "|---|---|---|---|"]
    found = {one.key: value_and_spread(one) for one in stored}
    return lines + [
        f"| {one.name} | {value_and_spread(one)} | {one.threshold} | {found.get(one.key, '–')} |"
        for one in best
        if one.key in SHOWN
    ]


def main():
    """Segment, score, and print the table."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0], allow_abbrev=False)
    parser.add_argument("model", type=Path, help="checkpoint, or name of a built-in model")
    parser.add_argument("images", type=Path, help="stack, or folder of images")
    parser.add_argument("labels", type=Path, help="labels of the images, membranes or cells")
    parser.add_argument(
        "--slices",
        type=block,
        default=slice(None),
        metavar="FIRST:END",
        help="slices to score (default: all)",
    )
    parser.add_argument(
        "--pixel-size", type=float, metavar="UM", help="pixel size of the images, in micrometres"
    )
    parser.add_argument(
        "--average", choices=get_args(Average), default="none", help="as in predict (default: none)"
    )
    args = parser.parse_args()
    model = minunet.load(args.model)
    try:
        images, truth = read(args.images, args.labels)
    except (InputError, OSError) as error:
        sys.exit(f"transfer.py: {error}")
    images, truth = images[args.slices], truth[args.slices]
    size = None if args.pixel_size is None else (args.pixel_size, args.pixel_size)
    tiling = model.tiling(size)._replace(average=args.average)
    p = [model.segment(image, tiling)[..., 1] for image in images]
    threshold = model.settings.threshold
    stored = [] if threshold is None else em.scores(truth, p, (threshold,))
    print("\n".join(markdown(em.scores(truth, p, THRESHOLDS), stored, threshold)))
    print(f"\npython benchmarks/transfer.py {shlex.join(sys.argv[1:])}\ncommit {seeds.commit()}")


if __name__ == "__main__":
    main()
