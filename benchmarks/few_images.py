"""Train on few images, with and without elastic deformation, and draw the scores.

    python benchmarks/few_images.py FOLDER --out RUNS --counts 1 2 4 8 16 --seeds 0 1 2
                                    [any option of minunet.train]
    python benchmarks/few_images.py --again RUNS …

Each network is trained on 1, 2, 4, … of the training slices in FOLDER, and scored on the same
held-out slices. The training slices are evenly spread over the available ones, and each set
contains the smaller ones. All other settings are the same, including the number of steps. The
default compares `--augment paper` (elastic deformation, any rotation, flips, grey values) with
`--augment rigid` (the same without the elastic deformation). Two runs are trained at the same time,
each on one core.

Prints a Markdown table (mean ± sample standard deviation over the seeds), the command of every run
and the commit; writes `few_images.json` and `few_images.png` into RUNS. The script can be stopped
and started again: it resumes runs that were stopped, and does not repeat finished ones. --again
draws the saved numbers of each RUNS as one panel, and writes both files into --out.
"""

import argparse
import json
import sys
from pathlib import Path
from statistics import fmean
from typing import get_args

import seeds
import subsets

from minunet import files, train
from minunet.augmentation import Set
from minunet.data import sources, split
from minunet.data.image_files import Reading
from minunet.errors import InputError
from minunet.metrics.score import deviation, with_spread
from minunet.report import drawing
from minunet.runs import places
from minunet.runs.settings import from_options

NAME = "few_images"
FORMS = {
    "paper": "elastic deformation, any rotation, flips, grey values",
    "later": "elastic deformation of the authors' later code",
    "rigid": "any rotation, flips, grey values",
    "symmetries": "8 symmetries",
    "none": "no augmentation",
}


def read(data, options):
    """Read a data set and split it as `minunet.train` would with these options.

    Also return the options that still apply to the copies, which contain only what was read.
    """
    given = train.parse(["--data", str(data), *options])
    settings = from_options(**places.of_new_run(given.given, given.data))
    reading = Reading(settings.channel, settings.series)
    source = sources.Source(settings.images, settings.labels, reading=reading, truth=settings.truth)
    raw = sources.read(source, settings.validation, settings.test)
    if not raw.frames:
        which = argparse.ArgumentParser(allow_abbrev=False)
        which.add_argument("--channel")
        which.add_argument("--series")
        which.add_argument("--grey", action="store_true")
        options = which.parse_known_args(options)[1]
    return raw, split.split(settings.validation, raw.files, settings.test), options


def write_subsets(out, raw, parts, counts):
    """Write the training slices of every count, and the held-out ones; return options by count."""
    order = subsets.nested(parts.training)
    if not parts.held_out and not parts.test:
        raise InputError("nothing is held out, so nothing can be scored; pass --validation SLICES")
    if not 1 <= min(counts) <= max(counts) <= len(order):
        raise InputError(f"--counts must be from 1 to {len(order)}, the number of training slices")
    held_out = []
    for part, slices in (("validation", parts.held_out), ("test", parts.test)):
        folder = out / subsets.SLICES / part
        if slices:
            subsets.write(folder, slices, raw)
        held_out += [f"--{part}", str(folder) if slices else "none"]
    options = {}
    for count in counts:
        folder = out / subsets.SLICES / str(count)
        subsets.write(folder, order[:count], raw)
        options[count] = ["--data", str(folder), *held_out]
    return options


def panel(args, runs, available):
    """Return the numbers of a data set as JSON values.

    Parameters
    ----------
    args : Namespace
    runs : dict           finished runs by (form, count), in the order of the seeds
    available : int       number of training slices
    """
    first = next(iter(runs.values()))[0]
    key = seeds.headline(first)[0]
    return {
        "data": args.data.resolve().name,
        "score": first.scores[key].name,
        "held_out": len(first.slices),
        "available": available,
        "steps": first.settings.steps,
        "seeds": args.seeds,
        "counts": args.counts,
        "commit": seeds.commit(),
        "values": {
            form: [[run.scores[key].value for run in runs[form, n]] for n in args.counts]
            for form in args.augment
        },
    }


def markdown(one):
    """Return the lines of a panel's table."""
    forms = list(one["values"])
    heads = [f"`--augment {form}`" for form in forms] + (["difference"] if forms[1:] else [])
    lines = [
        f"{one['data']}: {one['score']} on {one['held_out']} held-out slices, mean ± sample "
        f"standard deviation over {len(one['seeds'])} seeds; {one['steps']} steps",
        "",
        f"| training slices | {' | '.join(heads)} |",
        "|---" * (1 + len(heads)) + "|",
    ]
    for count, *values in zip(one["counts"], *one["values"].values(), strict=True):
        if values[1:]:
            values.append([a - b for a, b in zip(*values[:2], strict=True)])
        shown = [with_spread(fmean(each), deviation(each)) for each in values]
        lines.append(f"| {count} | {' | '.join(shown)} |")
    return lines


def draw(path, panels):
    """Draw the scores by number of images, with error bars over the seeds."""
    figure = drawing.figure(0.8 + 4.6 * len(panels), 4)
    for axes, one in zip(figure.subplots(1, len(panels), squeeze=False)[0], panels, strict=True):
        for k, (form, values) in enumerate(one["values"].items()):
            spreads = [deviation(each) or 0 for each in values]
            at = [count * 2 ** (0.06 * k) for count in one["counts"]]  # beside, not on top
            axes.errorbar(
                at, [fmean(each) for each in values], spreads, fmt="o-", capsize=3,
                label=FORMS[form],
            )  # fmt: skip
        axes.set_xscale("log", base=2)
        axes.set_xticks(one["counts"], [str(count) for count in one["counts"]])
        axes.minorticks_off()
        axes.set(xlabel="training slices", ylabel=one["score"])
        axes.set_title(f"{one['data']}, {one['held_out']} held-out slices", fontsize="medium")
        axes.grid(alpha=0.3)
        axes.legend(fontsize="small", loc="lower right")
    drawing.write(figure, path)


def finish(out, panels):
    """Print the tables, and write the numbers and the picture."""
    for one in panels:
        print("", *markdown(one), sep="\n")
    out.mkdir(parents=True, exist_ok=True)
    with files.atomic(out / f"{NAME}.json") as beside:
        beside.write_text(json.dumps(panels, indent=2) + "\n", encoding="utf-8")
    draw(out / f"{NAME}.png", panels)


def measure(args, options):
    """Train every network that is missing, and print, write and draw the scores."""
    raw, parts, options = read(args.data, options)
    subset = write_subsets(args.out, raw, parts, args.counts)
    runs = {(form, count): [] for form in args.augment for count in args.counts}
    for count in args.counts:
        for seed in args.seeds:
            given = [*options, *subset[count], "--seed", str(seed), "--augment"]
            folders = {form: args.out / f"{form}-{count}-{seed}" for form in args.augment}
            seeds.train({folders[form]: [*given, form] for form in folders}, ("--threads", "1"))
            for form, folder in folders.items():
                runs[form, count] += seeds.finished([folder])
    finish(args.out, [panel(args, runs, len(parts.training))])
    seeds.print_commands([run for found in runs.values() for run in found])


def main():
    """Train and score, or draw saved scores."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0], allow_abbrev=False)
    parser.add_argument("data", type=Path, nargs="?", help="data set, as for minunet.train --data")
    parser.add_argument(
        "--counts", type=int, nargs="+", default=[1, 2, 4, 8, 16], metavar="N",
        help="numbers of training slices (default: 1 2 4 8 16)",
    )  # fmt: skip
    parser.add_argument(
        "--augment", nargs="+", choices=get_args(Set), default=["paper", "rigid"],
        help="augmentations to compare (default: paper rigid)",
    )  # fmt: skip
    parser.add_argument("--again", type=Path, nargs="+", metavar="RUNS", help="draw saved numbers")
    seeds.add_options(parser)
    args, options = parser.parse_known_args()
    if bool(args.data) == bool(args.again):
        parser.error("pass a data set, or --again RUNS")
    try:
        if args.again:
            texts = [(runs / f"{NAME}.json").read_text(encoding="utf-8") for runs in args.again]
            finish(args.out, [one for text in texts for one in json.loads(text)])
        else:
            measure(args, options)
    except (InputError, OSError) as error:
        sys.exit(f"few_images.py: {error}")


if __name__ == "__main__":
    main()
