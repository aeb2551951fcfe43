"""Score a prediction against the ground truth.

    python -m minunet.evaluate OUT train-labels.tif        a folder written by `minunet.predict`
    python -m minunet.evaluate probability.tif truth.tif   probabilities of the class cell
    python -m minunet.evaluate labels.tif truth.tif        numbered cells
    python -m minunet.evaluate OUT/01_RES 01_GT/SEG        masks of the Cell Tracking Challenge

`metrics.em` scores probabilities, and `metrics.cells` scores numbered cells. The command prints
every score with its conventions; `scores.json` also lists the scores of each slice and threshold.
"""

import argparse
import json
from collections.abc import Sequence
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from minunet import __version__, files
from minunet.cli import Parser, run
from minunet.data import predictions
from minunet.data.predictions import Pair
from minunet.metrics import cells, em, score
from minunet.metrics.score import Score
from minunet.progress import Progress
from minunet.report import drawing, score_pictures

if TYPE_CHECKING:
    from matplotlib.figure import Figure


def parse() -> argparse.Namespace:
    """Parse the command line."""
    parser = Parser("evaluate")
    add = parser.add_argument
    add(
        "prediction",
        type=Path,
        metavar="PREDICTION",
        help="folder written by predict; or a TIFF stack, image or folder of images: floats are "
        "probabilities of the class cell, 8-bit images with one value besides 0 are masks of all "
        "cells, other integers are cell numbers; or a folder 01_RES with mask000.tif …",
    )
    add(
        "truth",
        type=Path,
        metavar="TRUTH",
        help="stack, image or folder of images: if there is only one value besides 0, such as 255, "
        "each 4-connected region is a cell, otherwise each number is a cell; or a folder 01_GT/SEG "
        "with man_seg000.tif …, in which case only the frames that it contains are scored",
    )
    add(
        "-o",
        "--out",
        type=Path,
        metavar="PICTURE.png",
        help="PNG file for a picture of the best and the worst slice; it must not exist yet",
    )
    add(
        "--scores",
        type=Path,
        metavar="FILE.json",
        help="file for the scores of each slice and each threshold; it must not exist yet "
        "(default: scores.json next to the prediction)",
    )
    add("--slices", action="store_true", help="also print the scores of every slice")
    return parser.parse_args()


def compute(pair: Pair) -> list[Score]:
    """Compute the scores for this kind of prediction, with a progress bar for the slow ones."""
    if not pair.thresholds:
        return cells.scores(pair.truth, pair.prediction)
    with Progress(len(pair.truth) * len(pair.thresholds), "score") as progress:
        advance = partial(progress.advance, "one per slice and threshold")
        return em.scores(pair.truth, pair.prediction, pair.thresholds, advance=advance)


def describe(pair: Pair, truth: Path) -> list[str]:
    """Return two lines that describe the prediction and the truth."""
    sizes = {f"{height} x {width} pixels" for height, width in (one.shape for one in pair.truth)}
    size = sizes.pop() if len(sizes) == 1 else "different sizes"
    slices = f"{len(pair.truth)} slice{'s' * (len(pair.truth) != 1)}"
    kind = "probability of cell" if pair.thresholds else "numbered cells"
    count = sum(np.unique(one[one > 0]).size for one in pair.truth)
    return [
        f"prediction  {pair.source}: {kind}, {slices} of {size}",
        f"truth       {truth}: {count} cells",
    ]


def to_json(pair: Pair, truth: Path, scores: Sequence[Score]) -> dict[str, Any]:
    """Return the contents of `scores.json`."""
    return {
        "minunet": __version__,
        "prediction": str(pair.source),
        "truth": str(truth),
        "kind": "probability" if pair.thresholds else "cells",
        "thresholds": list(pair.thresholds),
        "slices": pair.names,
        "scores": {one.key: one.to_json() for one in scores},
    }


def picture(pair: Pair, scores: Sequence[Score]) -> "Figure":
    """Draw the best and the worst slice by V_Rand or SEG."""
    by = next(one for one in scores if one.key in ("v_rand", "seg"))
    rows, titles = [], []
    for k in score.best_and_worst(by):
        truth, found = pair.truth[k], pair.prediction[k]
        rows.append(
            score_pictures.cells_panels(None, truth, found)
            if by.threshold is None
            else score_pictures.em_panels(None, truth, found, by.threshold)
        )
        titles.append(f"slice {pair.names[k]}: {by.name.split(',')[0]} {by.slices[k]:.3f}")
    return score_pictures.draw(rows, titles)


def main() -> None:
    """Score the prediction given on the command line."""
    args = parse()
    pair = predictions.read(args.prediction, args.truth)
    path = args.scores or pair.source.parent / "scores.json"
    files.check_new_file(path, "--scores")
    if args.out:
        files.check_new_file(args.out, "-o")
    print("\n".join(describe(pair, args.truth)), flush=True)
    scores = compute(pair)
    written = json.dumps(to_json(pair, args.truth, scores), indent=2, ensure_ascii=False)
    path.write_text(written + "\n")
    print("", *score.table(scores), "", sep="\n")
    if args.slices:
        print(*score.slices_table(scores, pair.names), "", sep="\n")
    print(f"wrote       {path}")
    if args.out:
        drawing.write(picture(pair, scores), args.out)
        print(f"            {args.out}")


if __name__ == "__main__":
    run(main, "evaluate")
