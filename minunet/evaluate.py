"""Score a prediction against the ground truth, or compare finished runs.

    python -m minunet.evaluate OUT train-labels.tif        a folder written by `minunet.predict`
    python -m minunet.evaluate probability.tif truth.tif   probabilities of the class cell
    python -m minunet.evaluate labels.tif truth.tif        numbered cells, or classes
    python -m minunet.evaluate OUT/01_RES 01_GT/SEG        masks of the Cell Tracking Challenge
    python -m minunet.evaluate OUT.zarr/labels/cells T.zarr --volume     labels of whole volumes
    python -m minunet.evaluate RUN1 RUN2 RUN3              finished runs that differ in their seed

`metrics.em` scores probabilities, `metrics.cells` numbered cells, and `metrics.classes` classes.
The command prints every score with its spread over the slices and its conventions; `scores.json`
also lists the scores of each slice and threshold. Given several runs, the command prints the score
of each, with the mean and the spread over the runs (`runs.comparison`).
"""

import argparse
import json
import re
from collections.abc import Sequence
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any, get_args

import numpy as np

from minunet import __version__, files
from minunet.array import Array
from minunet.cli import Parser, at_least, parse_path, run, say
from minunet.data import annotation, file_names, prediction_kind, predictions
from minunet.data.annotation import Meaning
from minunet.data.image_files import counted, parse_axes
from minunet.data.predictions import Pair
from minunet.data.volume_pairs import VolumePair
from minunet.errors import InputError
from minunet.metrics import cells, classes, em, score, segments, volume
from minunet.metrics.score import Score
from minunet.progress import Progress
from minunet.runs.options import flag

if TYPE_CHECKING:
    from matplotlib.figure import Figure


def parse() -> argparse.Namespace:
    """Parse the command line."""
    parser = Parser("evaluate")
    add = parser.add_argument
    add(
        "prediction",
        type=parse_path,
        metavar="PREDICTION",
        help="folder written by predict; or a TIFF stack, image or folder of images: floats are "
        "probabilities of the class cell, images with one value besides 0 are masks of all cells, "
        "other integers are cell numbers, classes or probabilities (see --prediction-is); or a "
        "folder 01_RES with mask000.tif …",
    )
    add(
        "truth",
        type=parse_path,
        metavar="TRUTH",
        help="stack, image or folder of images: if there is only one value besides 0, such as 255, "
        "each 4-connected region is a cell, otherwise each number is a cell or a class (see "
        "--labels-are); or a folder 01_GT/SEG with man_seg000.tif …, in which case only the frames "
        "that it contains are scored",
    )
    add(
        "more",
        type=parse_path,
        nargs="*",
        metavar="RUN",
        help="instead of a prediction and its truth: two or more folders of finished runs that "
        "differ only in --seed",
    )
    add(
        "-o",
        "--out",
        type=parse_path,
        metavar="PICTURE.png",
        help="PNG file for a picture of the best and the worst slice, or of the scores of the "
        "runs; it must not exist yet",
    )
    add(
        "--scores",
        type=parse_path,
        metavar="FILE.json",
        help="file for the scores of each slice and each threshold; it must not exist yet "
        "(default: scores.json next to the prediction; none for runs)",
    )
    add("--slices", action="store_true", help="also print the scores of every slice")
    add_volumes(parser)
    add_meaning(parser)
    args = parser.parse_args()
    tell_runs_apart(args, parser)
    if args.volume:
        check_volume(args, parser)
    return args


def add_volumes(parser: Parser) -> None:
    """Add the options for volumes."""
    add = parser.add_argument_group("volumes").add_argument
    add(
        "--volume",
        action="store_true",
        help="score the labels of a volume part by part; it may be larger than memory; each number "
        "is one cell of the whole volume (a class, with --labels-are or --prediction-is classes)",
    )
    add(
        "--axes",
        type=parse_axes,
        metavar="AXES",
        help="axes of both volumes, one letter each, slowest first, such as zyx, with t (time) and "
        "c (channel) (default: as in their metadata)",
    )


def check_volume(args: argparse.Namespace, parser: Parser) -> None:
    """Refuse what does not go with --volume."""
    wrong = [name for name in ("out", "slices", "label_threshold") if getattr(args, name)]
    wrong += ["labels_are"] if args.labels_are == "membranes" else []
    wrong += [] if args.prediction_is in ("auto", "cells", "classes") else ["prediction_is"]
    if args.runs or wrong:
        option = f" with {flag(wrong[0])}" if wrong else " with runs"
        parser.error(f"--volume scores numbered cells or classes, and does not go{option}")


def tell_runs_apart(args: argparse.Namespace, parser: Parser) -> None:
    """Set `args.runs` to the given runs, or to [] if a prediction and its truth are given."""
    from minunet.runs import comparison  # here: it slows down --help

    args.runs = [args.prediction, args.truth, *args.more]
    if not comparison.are_runs(args.runs):
        args.runs = []
    elif args.slices or unused(args):
        parser.error(
            f"{'--slices' if args.slices else unused(args)[0]} is for a prediction and its truth, "
            "not for runs; leave it out"
        )


def unused(args: argparse.Namespace) -> list[str]:
    """List the options given about the meaning of values, which the scores of runs do not need."""
    defaults = {"labels_are": "auto", "label_threshold": None, "ignore": None}
    defaults |= {"prediction_is": "auto", "axes": None}
    return [flag(name) for name, value in defaults.items() if getattr(args, name) != value]


def add_meaning(parser: Parser) -> None:
    """Add the options that say what the values of the truth and of the prediction mean."""
    add = parser.add_argument_group("meaning of the values").add_argument
    add(
        "--labels-are",
        choices=get_args(annotation.Kind),
        default="auto",
        help="meaning of the values of the truth; membranes: two values, the larger of which is "
        "membrane; auto: judged from the values (default: auto)",
    )
    add(
        "--label-threshold",
        type=at_least(-1e308, float, most=1e308),
        metavar="V",
        help="smallest value of the truth that counts as cell (with --labels-are membranes, as "
        "membrane), such as 128 for masks with soft edges (default: none)",
    )
    add(
        "--ignore",
        type=parse_value,
        metavar="V",
        help="value of the truth for pixels that are not annotated, such as 255 or -1; they are "
        "left out of all scores (default: none)",
    )
    add(
        "--prediction-is",
        choices=get_args(prediction_kind.Wanted),
        default="auto",
        help="meaning of the values of the prediction; membranes: two values, the larger of "
        "which is membrane, or the probability of membrane; auto: judged from the values (default: "
        "auto)",
    )


def parse_value(text: str) -> float:
    """Parse a value of the truth, an argparse type: integers exactly, also above 2^53."""
    if re.fullmatch(r"-?[0-9]{1,20}", text):
        return int(text)
    return float(at_least(-1e308, float, most=1e308)(text))


def compute(pair: Pair) -> list[Score]:
    """Compute the scores for this kind of prediction, with a progress bar for the slow ones."""
    maps, annotated = (pair.truth, pair.prediction), pair.annotated
    if pair.kind == "cells":
        return cells.scores(*maps, annotated=annotated)
    if pair.kind == "classes":
        names = pair.classes
        return classes.scores(*maps, len(names), annotated=annotated, names=names)
    with Progress(len(pair.truth) * len(pair.thresholds), "score") as progress:
        advance = partial(progress.advance, "one per slice and threshold")
        return em.scores(*maps, pair.thresholds, advance=advance, annotated=annotated)


def confusion(pair: Pair) -> Array:
    """Count the pixels by true and predicted class (K, K)."""
    return classes.confusion(
        pair.truth, pair.prediction, len(pair.classes), annotated=pair.annotated
    )


def describe(pair: Pair, truth: Path) -> list[str]:
    """Return lines that describe the prediction and the truth."""
    sizes = {f"{height} x {width} pixels" for height, width in (one.shape for one in pair.truth)}
    size = sizes.pop() if len(sizes) == 1 else "different sizes"
    slices = counted(len(pair.truth))
    if pair.kind == "classes":
        contents = f"{len(pair.classes)} classes ({', '.join(pair.classes)})"
    else:
        contents = f"{sum(np.unique(one[one > 0]).size for one in pair.truth)} cells"
    lines = [
        f"prediction  {pair.source}: {pair.reading}, {slices} of {size}",
        f"truth       {truth}: {contents}",
    ]
    if pair.annotated:
        share = np.mean(np.concatenate([one.ravel() for one in pair.annotated]))
        lines += [f"annotated   {share:.2%} of the pixels; the others count in no score"]
    return [*lines, *(f"warning     {doubt}" for doubt in pair.doubts)]


def to_json(pair: Pair, truth: Path, scores: Sequence[Score]) -> dict[str, Any]:
    """Return the contents of `scores.json`."""
    contents: dict[str, Any] = {
        "minunet": __version__,
        "prediction": str(pair.source),
        "truth": str(truth),
        "kind": pair.kind,
        "thresholds": list(pair.thresholds),
        "slices": pair.names,
        "scores": {one.key: one.to_json() for one in scores},
    }
    if pair.kind == "classes":
        # A row for each true class, a column for each predicted class, in the order of `classes`.
        contents |= {"classes": list(pair.classes), "confusion": confusion(pair).tolist()}
    return contents


def picture(pair: Pair, scores: Sequence[Score]) -> "Figure":
    """Draw the best and the worst slice by V_Rand, SEG or pixel error."""
    from minunet.report import score_pictures  # here: it slows down --help

    ranking = {"probability": "v_rand", "cells": "seg", "classes": "pixel_error"}[pair.kind]
    by = next(one for one in scores if one.key == ranking)
    rows, titles = [], []
    for k in score.best_and_worst(by):
        maps = None, pair.truth[k], pair.prediction[k]
        annotated = pair.annotated[k] if pair.annotated else None
        if pair.kind == "classes":
            rows.append(score_pictures.classes_panels(*maps, pair.classes, annotated))
        elif by.threshold is None:
            rows.append(score_pictures.cells_panels(*maps, annotated))
        else:
            rows.append(score_pictures.em_panels(*maps, by.threshold, annotated))
        titles.append(f"slice {pair.names[k]}: {by.name.split(',')[0]} {by.slices[k]:.3f}")
    return score_pictures.draw(rows, titles)


def compare(args: argparse.Namespace) -> None:
    """Print the scores of several runs, and write and draw them if that is asked."""
    from minunet.runs import comparison

    for path, option in ((args.scores, "--scores"), (args.out, "-o")):
        if path:
            files.check_new_file(path, option)
    runs = comparison.read(args.runs)
    say(*(f"run         {one.folder}: seed {one.settings.seed}" for one in runs))
    where = f" ({runs[0].scored})" if runs[0].scored else ""
    count = counted(len(runs[0].slices))
    say(f"scored      {count}{where}; same data, and same settings except the seed", "")
    say(*comparison.table(runs))
    contents = {"minunet": __version__} | comparison.to_json(runs)
    if args.scores:
        write_json(args.scores, contents)
        say("", f"wrote       {args.scores}")
    if args.out:
        from minunet.report import drawing, run_scores  # here: it slows down --help

        with files.new(args.out) as (beside,):
            drawing.write(run_scores.draw(runs), beside)
        say("", f"wrote       {args.out}")


def scores_file(args: argparse.Namespace, source: Path) -> Path:
    """Return the file for the scores, which does not exist yet: next to the prediction."""
    source, _ = file_names.split_path(source)
    while file_names.is_volume(source.parent):  # nothing is written into an image of others
        source = source.parent
    path: Path = args.scores or source.parent / "scores.json"
    for given, option in ((args.scores, "--scores"), (args.out, "-o")):
        if given:
            file_names.check_outside_volumes(given, option)
    file_names.check_for_volumes((args.prediction, args.truth), ["--axes"] if args.axes else [])
    files.check_new_file(path, "--scores")
    return path


def refuse_masks(whole: segments.Table, args: argparse.Namespace) -> None:
    """Raise an `InputError` if a volume is a mask of all cells, which parts cannot tell apart."""
    cells = [np.unique(labels[labels > 0]).size for labels in (whole.truth, whole.proposal)]
    for path, option, meaning, count, other in (
        (args.truth, "--labels-are", args.labels_are, cells[0], cells[1]),
        (args.prediction, "--prediction-is", args.prediction_is, cells[1], cells[0]),
    ):
        if count == 1 < other and meaning == "auto":
            raise InputError(
                f"{path} has only one value besides 0, and looks like a mask of all cells; number "
                f"its cells first, or pass {option} cells if it is one cell"
            )


def write_json(path: Path, contents: dict[str, Any]) -> None:
    """Write a new JSON file."""
    written = json.dumps(contents, indent=2, ensure_ascii=False)
    with files.new(path) as (beside,):
        beside.write_text(written + "\n", encoding="utf-8", errors="backslashreplace")


def score_volume(args: argparse.Namespace) -> None:
    """Score the labels of a volume part by part."""
    pair = VolumePair(args.prediction, args.truth, args.axes, args.ignore)
    path = scores_file(args, args.prediction)
    tables = []
    with Progress(len(pair), "slice") as progress:
        for k in range(len(pair)):
            tables.append(volume.table(pair.parts(k)))
            progress.advance("pixels of every pair of labels")
    whole = segments.together(tables)
    if not whole.truth.any():
        raise InputError(
            f"{args.truth} is 0 wherever it is annotated; scoring needs labels above 0"
        )
    of_classes = "classes" in (args.labels_are, args.prediction_is)
    if not of_classes:
        refuse_masks(whole, args)
    if of_classes:
        values = sorted({*whole.truth.tolist(), *whole.proposal.tolist()})
        matrices = [volume.confusion(one, values) for one in tables]
        what = f"{len(values)} classes"
        scores = classes.of_confusions(matrices, [*map(str, values)])
    else:
        count = np.count_nonzero(np.unique(whole.truth))
        what, scores = f"{count} cell{'' if count == 1 else 's'}", volume.scores(whole)
    contents = {
        "minunet": __version__,
        "prediction": str(args.prediction),
        "truth": str(args.truth),
        "kind": "classes" if of_classes else "cells of a volume",
        "scores": {one.key: one.to_json() for one in scores},
    }
    height, width, _ = pair.truth.shape
    say(
        f"prediction  {args.prediction}: {len(pair)} slices of {height} x {width} pixels",
        f"truth       {args.truth}: {what}",
    )
    write_json(path, contents)
    say("", *score.table(scores), "", f"wrote       {path}")


def main() -> None:
    """Score the prediction, or compare the runs, given on the command line."""
    args = parse()
    if args.runs:
        compare(args)
        return
    if args.volume:
        score_volume(args)
        return
    meaning = Meaning(args.labels_are, args.label_threshold, args.ignore)
    pair = predictions.read(args.prediction, args.truth, meaning, args.prediction_is, args.axes)
    path = scores_file(args, pair.source)
    if args.out:
        files.check_new_file(args.out, "-o")
    say(*describe(pair, args.truth))
    scores = compute(pair)
    write_json(path, to_json(pair, args.truth, scores))
    say("", *score.table(scores), "")
    if pair.kind == "classes":
        say(*classes.confusion_table(confusion(pair), pair.classes), "")
    if args.slices:
        say(*score.slices_table(scores, pair.names), "")
    say(f"wrote       {path}")
    if args.out:
        from minunet.report import drawing

        with files.new(args.out) as (beside,):
            drawing.write(picture(pair, scores), beside)
        say(f"            {args.out}")


if __name__ == "__main__":
    run(main, "evaluate")
