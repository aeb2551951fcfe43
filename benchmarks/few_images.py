"""Train on few images in several ways, and draw the scores.

    python benchmarks/few_images.py FOLDER --out RUNS --counts 1 2 4 8 16 --seeds 0 1 2
        [--variants "--augment paper" "--augment rigid"] [any option of minunet.train]
    python benchmarks/few_images.py FOLDER --out RUNS --counts 0 1 2 4 8 19
        --variants "" "--start-from em" --steps 600
    python benchmarks/few_images.py --again RUNS …

Each network is trained on 1, 2, 4, … of the training slices in FOLDER, and scored on the same
held-out slices. The training slices are evenly spread over the available ones, and each set
contains the smaller ones. A variant is a string of options of `minunet.train`; with the same count
and seed, runs differ in nothing else. By default, the variants are `--augment paper` (elastic
deformation, any rotation, flips, grey values) and `--augment rigid` (the same without the elastic
deformation). A count of 0 scores the model that
a variant starts from, as it is, at its own threshold. Two runs are trained at the same time, each
on one core.

Prints a Markdown table (mean ± sample standard deviation over the seeds), the command of every run
and the commit; writes `few_images.json` and `few_images.png` into RUNS. The script can be stopped
and started again: it resumes runs that were stopped, and does not repeat finished ones. --again
draws the saved numbers of each RUNS as one panel, and writes both files into --out.
"""

import argparse
import json
import shlex
import sys
from math import log2
from pathlib import Path
from statistics import fmean

import seeds
import subsets
from variants import slug

import minunet
from minunet import files, train
from minunet.data import sources, split
from minunet.data.image_files import Reading
from minunet.errors import InputError
from minunet.metrics.score import deviation, with_spread
from minunet.network import Network
from minunet.report import drawing
from minunet.runs import checkpoint, places
from minunet.runs.settings import Settings, from_options
from minunet.training import preparation, scoring, validation

NAME = "few_images"
ZERO = -1.5  # place of a count of 0 on the axis, whose unit is a factor of 2
SHOWN = {
    "--augment paper": "with elastic deformation",
    "--augment rigid": "without elastic deformation",
    "": "from scratch",
    "--start-from em": "fine-tuned from em",
    "--start-from nuclei": "fine-tuned from nuclei",
}
"""Names of variants in the picture; others are shown as they are."""


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
    if not 0 <= min(counts) <= max(counts) <= len(order) or max(counts) == 0:
        raise InputError(
            f"--counts must be from 0 to {len(order)}, the number of training slices, and not "
            "only 0"
        )
    held_out = []
    for part, slices in (("validation", parts.held_out), ("test", parts.test)):
        folder = out / subsets.SLICES / part
        if slices:
            subsets.write(folder, slices, raw)
        held_out += [f"--{part}", str(folder) if slices else "none"]
    options = {}
    for count in filter(None, counts):
        folder = out / subsets.SLICES / str(count)
        subsets.write(folder, order[:count], raw)
        options[count] = ["--data", str(folder), *held_out]
    return options


def untrained(run):
    """Score the model that a run started from, as it is: at its own threshold, before any step."""
    settings = Settings.from_json(checkpoint.load(run.folder / "last.npz").settings)
    data, model = preparation.load(settings), minunet.load(settings.start_from, "cpu")
    slices = validation.validation_slices(data)
    if data.test:
        slices = data.scored(data.test)
    network = Network(model.params, model.architecture)
    p = scoring.probabilities(network, data, slices, settings)
    rule = model.rule((settings.shrink, settings.shrink))
    scores = scoring.score(data, slices, p, settings, (rule.threshold,), rule)
    return next(one.value for one in scores if one.key == seeds.headline(run)[0])


def panel(args, runs, available):
    """Return the numbers of a data set as JSON values.

    Parameters
    ----------
    args : Namespace
    runs : dict           finished runs by (variant, count), in the order of the seeds
    available : int       number of training slices
    """
    first = next(iter(runs.values()))[0]
    key = seeds.headline(first)[0]
    counts = [count for count in args.counts if count]
    values = {
        variant: {n: [run.scores[key].value for run in runs[variant, n]] for n in counts}
        for variant in args.variants
    }
    if 0 in args.counts:
        for variant in args.variants:
            run = runs[variant, counts[0]][0]
            values[variant][0] = [untrained(run)] if run.settings.start_from else []
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
            variant: [of_count[n] for n in args.counts] for variant, of_count in values.items()
        },
    }


def markdown(one):
    """Return the lines of a panel's table."""
    variants = list(one["values"])
    heads = [f"`{variant}`" if variant else SHOWN[""] for variant in variants]
    heads += ["difference"] if len(variants) == 2 else []
    lines = [
        f"{one['data']}: {one['score']} on {one['held_out']} held-out slices, mean ± sample "
        f"standard deviation over {len(one['seeds'])} seeds; {one['steps']} steps",
        "",
        f"| training slices | {' | '.join(heads)} |",
        "|---" * (1 + len(heads)) + "|",
    ]
    for count, *values in zip(one["counts"], *one["values"].values(), strict=True):
        if len(values) == 2:
            same = len(values[0]) == len(values[1])
            values.append([a - b for a, b in zip(*values, strict=True)] if same else [])
        shown = [with_spread(fmean(each), deviation(each)) if each else "–" for each in values]
        lines.append(f"| {count} | {' | '.join(shown)} |")
    return lines


def draw(path, panels):
    """Draw the scores by number of images, with error bars over the seeds."""
    figure = drawing.figure(5.4, 4.2 * len(panels))
    grid = figure.subplots(len(panels), 1, squeeze=False)[:, 0]
    for axes, one in zip(grid, panels, strict=True):
        places = {count: log2(count) if count else ZERO for count in one["counts"]}
        for k, (variant, by_count) in enumerate(one["values"].items()):
            known = [
                (place, each) for place, each in zip(places.values(), by_count, strict=True) if each
            ]
            axes.errorbar(
                [place + 0.06 * k for place, _ in known],  # beside, not on top of each other
                [fmean(each) for _, each in known],
                [deviation(each) or 0 for _, each in known],
                fmt="o-", capsize=3, label=SHOWN.get(variant, variant),
            )  # fmt: skip
        axes.set_xticks(list(places.values()), list(map(str, places)))
        axes.minorticks_off()
        axes.set(xlabel="training slices", ylabel=one["score"])
        title = f"{one['data']}, {one['held_out']} held-out slices"
        axes.set_title(title, fontsize="medium", pad=26)
        axes.grid(alpha=0.3)
        legend = axes.legend(loc="lower center", bbox_to_anchor=(0.5, 1), ncols=2, frameon=False)
        legend.set_in_layout(False)  # it may be wider than the axes; the title leaves it room
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
    runs = {(variant, count): [] for variant in args.variants for count in subset}
    for count in subset:
        for seed in args.seeds:
            given = [*options, *subset[count], "--seed", str(seed)]
            folders = {v: args.out / f"{slug(v)}-{count}-{seed}" for v in args.variants}
            each = {folders[v]: [*given, *shlex.split(v)] for v in folders}
            seeds.train(each, ("--threads", "1"))
            for variant, folder in folders.items():
                runs[variant, count] += seeds.finished([folder])
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
        "--variants", nargs="+", default=["--augment paper", "--augment rigid"], metavar="OPTIONS",
        help="options of minunet.train to compare (default: '--augment paper' '--augment rigid')",
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
