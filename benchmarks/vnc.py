"""Score a model trained on ISBI 2012 on a stack of another animal, VNC.

    python benchmarks/vnc.py MODEL.npz FOLDER/vnc-sstem [--slices 4] [--average none]

The stack shows another larval stage at 4.6 nm per pixel (ISBI 2012: 4 nm), and its label files
mark membranes with 255. The script segments the last slices and scores them like `minunet.evaluate
--labels-are membranes`. Prints one Markdown table: each score at its best threshold, which is
optimistic, because these slices choose it, and at the threshold that is stored in the checkpoint.
The command and the commit follow.
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
from minunet.image import Average
from minunet.metrics import em, segments
from minunet.metrics.score import THRESHOLDS

SHOWN = ("v_rand", "v_info", "pixel_error")


def read(folder, count):
    """Return the last slices (N, H, W) of the VNC stack, and their true cells, (H, W) each."""
    raw, path = (folder / f"{name}-00-15.tif" for name in ("raw", "membranes"))
    images = image_files.grey(image_files.read(raw)[-count:], raw)
    found = label_files.annotate(image_files.read(path)[-count:], Meaning("membranes"), path)
    return np.stack(images), [segments.components(one) for one in found.labels]


def at(score, threshold):
    """Return the value of a score at a threshold as text; – if it was not tried."""
    tried = dict(zip(THRESHOLDS, score.by_threshold, strict=True))
    return f"{tried[threshold]:.4f}" if threshold in tried else "–"


def markdown(scores, threshold):
    """Return the lines of the table; `threshold` is the one in the checkpoint, or None."""
    stored = "no threshold stored" if threshold is None else f"at the stored threshold {threshold}"
    lines = [f"| score | best | at threshold | {stored} |", "|---|---|---|---|"]
    return lines + [
        f"| {one.name} | {one.value:.4f} | {one.threshold} | {at(one, threshold)} |"
        for one in scores
        if one.key in SHOWN
    ]


def main():
    """Segment, score, and print the table."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0], allow_abbrev=False)
    parser.add_argument("model", type=Path, help="checkpoint of a run on ISBI 2012")
    parser.add_argument("data", type=Path, help="folder with the VNC stack")
    parser.add_argument("--slices", type=int, default=4, help="number of slices (default: 4)")
    parser.add_argument(
        "--average", choices=get_args(Average), default="none", help="as in predict (default: none)"
    )
    args = parser.parse_args()
    model = minunet.load(args.model)
    images, truth = read(args.data, args.slices)
    tiling = model.tiling()._replace(average=args.average)
    scores = em.scores(truth, list(model.segment(images, tiling)[..., 1]))
    print("\n".join(markdown(scores, model.settings.threshold)))
    print(f"\npython benchmarks/vnc.py {shlex.join(sys.argv[1:])}\ncommit {seeds.commit()}")


if __name__ == "__main__":
    main()
