"""Measure what each variation of the synthetic EM is worth on real stacks.

    python benchmarks/generator.py --out RUNS --seeds 0 1 2 [any option of minunet.train]
        --real isbi2012/train-volume.tif isbi2012/train-labels.tif
        --real vnc-sstem/raw-00-15.tif vnc-sstem/membranes-00-15.tif

Trains `--experiment em` on synthetic slices only (`synthetic.varied_slices`): with all groups of
parameters varied, with each group of `look.RANGES` left out in turn, and with none varied. All runs
of a seed grow the tissue of their slices from the same random numbers; it differs only where the
group `size` or `cells` differs. Then segments real stacks
with `last.npz`, and scores them at the threshold in the checkpoint, which synthetic slices chose,
and at the best one. Two runs are trained at the same time, each on one core.

Prints a Markdown table for each stack (mean ± sample standard deviation over the seeds), the
command of every run and the commit. The script can be stopped and started again: it resumes runs
that were stopped, and does not repeat finished ones or their scores. The rarer of the
two values in LABELS is membrane.
"""

import argparse
import json
import sys
import tempfile
from pathlib import Path
from statistics import fmean

import numpy as np
import seeds
import tifffile
import transfer

import minunet
from minunet import files
from minunet.data.look import RANGES
from minunet.data.synthetic import varied_slices
from minunet.errors import InputError
from minunet.metrics import em
from minunet.metrics.score import THRESHOLDS, deviation, with_spread
from minunet.metrics.warping import proposed_cells

FORMS = {
    "all": tuple(RANGES),
    **{f"all but {one}": tuple(group for group in RANGES if group != one) for one in RANGES},
    "none": (),
}
"""Groups of parameters that vary, by the name of the row in the table."""

SHOWN = ("V_Rand", "pixel error")


def slug(form, seed):
    """Return the name of a run, which its folder, its slices and its scores share."""
    return f"{form.replace(' ', '-')}-{seed}"


def write_slices(folder, shape, seed, groups):
    """Write synthetic slices in the layout of ISBI 2012; a folder that exists is kept."""
    if folder.exists():
        return
    stack = varied_slices(shape, np.random.default_rng(seed), groups)
    folder.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=folder.parent) as beside:
        part = Path(beside) / "part"
        part.mkdir()
        for name, array in (("volume", stack.images), ("labels", stack.labels * np.uint8(255))):
            tifffile.imwrite(part / f"train-{name}.tif", array, photometric="minisblack")
        part.rename(folder)  # complete, or not there at all


def measure(model, images, truth):
    """Return V_Rand and pixel error of a model on a stack, {score: [stored, best]}.

    `stored` is the value at the threshold in the checkpoint, `best` that at the best threshold.
    """
    thresholds = sorted({*THRESHOLDS, model.settings.threshold})
    p = [model.segment(image)[..., 1] for image in images]
    cells = np.array(truth) > 0
    v_rand = em.v_rand(truth, p, thresholds).by_threshold
    errors = [float(np.mean(proposed_cells(np.array(p), t) != cells)) for t in thresholds]
    stored = thresholds.index(model.settings.threshold)
    return {
        "V_Rand": [v_rand[stored], max(v_rand)],
        "pixel error": [errors[stored], min(errors)],
    }


def scored(path, run, real):
    """Return the scores of a run on all stacks, from `path` if they are already there."""
    known = json.loads(path.read_text(encoding="utf-8")) if path.exists() else {}
    missing = {name: stack for name, stack in real.items() if name not in known}
    if missing:
        model = minunet.load(run / "last.npz")
        known |= {name: measure(model, *stack) for name, stack in missing.items()}
        path.parent.mkdir(parents=True, exist_ok=True)
        with files.atomic(path) as beside:
            beside.write_text(json.dumps(known, indent=2) + "\n", encoding="utf-8")
    return known


def markdown(name, scores):
    """Return the lines of the table of a stack.

    Parameters
    ----------
    name : str
    scores : dict     by form: for each seed, the scores by stack, see `measure`
    """
    heads = [f"{score}, {at}" for score in SHOWN for at in ("stored threshold", "best")]
    lines = [f"{name}:", "", f"| varied | {' | '.join(heads)} |", "|---" * 5 + "|"]
    for form, found in scores.items():
        columns = [[one[name][score][k] for one in found] for score in SHOWN for k in (0, 1)]
        shown = [with_spread(fmean(each), deviation(each)) for each in columns]
        lines.append(f"| {form} | {' | '.join(shown)} |")
    return lines


def run_all(args, options):
    """Train every network that is missing, score it, and print the tables."""
    real = {Path(images).resolve().parent.name: (images, labels) for images, labels in args.real}
    if len(real) < len(args.real):
        raise InputError("two stacks of --real are in folders of the same name; rename one of them")
    real = {name: transfer.read(*map(Path, paths)) for name, paths in real.items()}
    wanted = [(form, seed) for seed in args.seeds for form in FORMS]
    given = {}
    for form, seed in wanted:
        folder = args.out / "slices" / slug(form, seed)
        write_slices(folder, (args.slices, args.side, args.side), seed, FORMS[form])
        chosen = ["--experiment", "em", "--data", str(folder), "--seed", str(seed)]
        given[args.out / slug(form, seed)] = [*chosen, *options]
    seeds.train(given, ("--threads", "1"))
    scores = {form: [] for form in FORMS}
    for form, seed in wanted:
        path = args.out / "scores" / f"{slug(form, seed)}.json"
        scores[form].append(scored(path, args.out / slug(form, seed), real))
    for name in real:
        print("", *markdown(name, scores), sep="\n")
    seeds.print_commands(seeds.finished(given))


def main():
    """Train, score, and print the tables."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0], allow_abbrev=False)
    parser.add_argument(
        "--real", nargs=2, action="append", required=True, metavar=("IMAGES", "LABELS"),
        help="real stack to score and its labels, cells or membranes; may be given several times",
    )  # fmt: skip
    parser.add_argument("--slices", type=int, default=40, help="synthetic slices (default: 40)")
    parser.add_argument("--side", type=int, default=512, help="side in pixels (default: 512)")
    seeds.add_options(parser)
    args, options = parser.parse_known_args()
    try:
        run_all(args, options)
    except (InputError, OSError) as error:
        sys.exit(f"generator.py: {error}")


if __name__ == "__main__":
    main()
