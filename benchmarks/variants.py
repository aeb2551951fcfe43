"""Train with several variants of the settings, with SGD in minunet and with Adam in PyTorch.

    python benchmarks/variants.py FOLDER --out RUNS --seeds 0 1 2
        --variants "" "--learning-rate 0.2" "--depth 4 --tile 252" [--adam 0.001 0.0003]
        [any option of minunet.train, for all variants]

A variant is a string of options of `minunet.train`; the empty one stands for the defaults. Every
variant is trained once with each seed. With --adam, each of these runs is trained again with Adam,
once for each learning rate, for as long as its own steps took (see `adam.py`), and scored by the
same code. At most two runs are trained at the same time, each on one core.

Prints a Markdown table: the most important scores, the number of steps and the minutes that these
took, each as mean ± sample standard deviation over the seeds; then the command of every run and the
commit. A run that fails does not stop the others; the table says how many are missing. The script
can be stopped and started again: it resumes runs that were stopped, and does not repeat finished
ones. Only a twin that is stopped before its last step starts over.
"""

import argparse
import re
import shlex
import subprocess
import sys
from functools import partial
from pathlib import Path
from statistics import fmean

import seeds

from minunet import runs
from minunet.metrics.score import deviation, with_spread
from minunet.runs import comparison

STOPPED = (130, 143)
"""Exit codes after SIGINT and SIGTERM; those of processes that were killed are negative."""


def slug(variant):
    """Return a name for the folders of a variant.

    Examples
    --------
    >>> slug("--depth 4 --learning-rate 0.1"), slug("")
    ('depth-4-learning-rate-0.1', 'defaults')
    """
    return re.sub(r"[^\w.]+", "-", variant).strip("-") or "defaults"


def start_twin(base, folder, rate):
    """Start `adam.py`."""
    script = Path(__file__).with_name("adam.py")
    words = [sys.executable, script, base, "--out", folder, "--rate", str(rate)]
    return subprocess.Popen(words)


def check(codes):
    """Stop the script if a run was stopped; one that failed has printed why."""
    if any(code < 0 or code in STOPPED for code in codes):
        sys.exit("a run was stopped, see above; run the same command again to continue")


def train(args, options):
    """Train every run that is missing; return the folders by (variant, optimizer).

    Parameters
    ----------
    args : Namespace
    options : list of str     options of minunet.train for all variants
    """
    folders = {(v, "SGD"): [args.out / f"{slug(v)}-{s}" for s in args.seeds] for v in args.variants}
    given = {
        folder: [*options, *shlex.split(variant), "--seed", str(seed)]
        for (variant, _), found in folders.items()
        for seed, folder in zip(args.seeds, found, strict=True)
    }
    check(seeds.train_some(given, ("--threads", "1")))
    twins = []
    for variant in args.variants:
        bases = folders[variant, "SGD"]
        for rate in args.adam:
            found = [base.with_name(f"{base.name}-adam-{rate:g}") for base in bases]
            folders[variant, f"Adam {rate:g}"] = found
            twins += [
                partial(start_twin, base, twin, rate)
                for base, twin in zip(bases, found, strict=True)
                if seeds.is_finished(base) and not seeds.is_finished(twin)
            ]
    check(seeds.wait_for(twins, 2))
    return folders


def mean(values):
    """Format the mean of some values and their spread."""
    return with_spread(fmean(values), deviation(values))


def row(variant, optimizer, folders, keys):
    """Return the line of a table: the scores with these keys, the steps and the minutes."""
    done = list(filter(seeds.is_finished, folders))
    missing = f" ({len(done)} of {len(folders)} runs)" if len(done) < len(folders) else ""
    shown = ["–"] * (len(keys) + 2)
    if done:
        finished = seeds.finished(done)
        scores = {one.score.key: one for one in comparison.rows(finished)}
        seconds = [sum(step["seconds"] for step in runs.read(run.folder)) for run in finished]
        shown = [with_spread(scores[key].mean, scores[key].spread) for key in keys]
        shown.append(mean([run.settings.steps for run in finished]))
        shown.append(mean([value / 60 for value in seconds]))
    name = f"`{variant}`" if variant else "defaults"
    return f"| {name}{missing} | {optimizer} | {' | '.join(shown)} |"


def markdown(folders):
    """Return the lines of the table, given the folders by (variant, optimizer)."""
    done = [folder for found in folders.values() for folder in found if seeds.is_finished(folder)]
    if not done:
        sys.exit("no run is finished, see above")
    (first,) = seeds.finished(done[:1])
    keys = seeds.headline(first)
    names = [first.scores[key].name for key in keys]
    return [
        f"| settings | optimizer | {' | '.join(names)} | steps | minutes |",
        "|---" * (4 + len(keys)) + "|",
        *(row(*which, found, keys) for which, found in folders.items()),
    ]


def main():
    """Train all variants, and print the table."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0], allow_abbrev=False)
    parser.add_argument("data", type=Path, help="data set, as for minunet.train --data")
    parser.add_argument("--variants", nargs="+", required=True, metavar="OPTIONS")
    parser.add_argument(
        "--adam", type=float, nargs="+", default=[], metavar="RATE", help="learning rates of Adam"
    )
    seeds.add_options(parser)
    args, options = parser.parse_known_args()
    if len(set(map(slug, args.variants))) < len(args.variants):
        parser.error("two of the --variants are the same")
    folders = train(args, ["--data", str(args.data), *options])
    print("", *markdown(folders), sep="\n")
    trained = [folder for (_, by), found in folders.items() if by == "SGD" for folder in found]
    seeds.print_commands(seeds.finished(filter(seeds.is_finished, trained)))


if __name__ == "__main__":
    main()
