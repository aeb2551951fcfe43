"""Measure the effect of the border term of equation (2) on touching cells.

    python benchmarks/border_term.py FOLDER --out RUNS --seeds 0 1 2 [any option of minunet.train]

Runs `minunet.train --experiment cells` on FOLDER twice for every seed: once with the weight map of
equation (2), and once with the first term of this equation, w_c, alone. All other settings are the
same, including the number of steps. The two runs of a seed are trained at the same time, each on
one core. The script can be stopped and started again: it resumes a run that was stopped, and does
not repeat a finished one. Prints a Markdown table: the mean of each score over the seeds, its
sample standard deviation, and the same for the difference between the two runs of each seed.
"""

import argparse
from pathlib import Path

import seeds

from minunet.metrics.score import deviation, with_spread
from minunet.runs import comparison

FORMS = {"paper": "w_c and border term", "balance": "w_c alone"}
SHOWN = ("seg", "iou", "cells_truth", "cells_found", "cells_missed", "cells_merged", "cells_extra")


def folder(out, form, seed):
    """Return the folder of a run."""
    return out / f"{form}-{seed}"


def differences(rows):
    """Return the mean and the spread of (with border term - w_c alone), over the seeds."""
    with_term, alone = (row.values for row in rows)
    each = [a - b for a, b in zip(with_term, alone, strict=True)]
    return sum(each) / len(each), deviation(each)


def markdown(runs):
    """Return the lines of the table.

    Parameters
    ----------
    runs : dict     the finished runs of each form, in the same order of seeds
    """
    rows = {form: {r.score.key: r for r in comparison.rows(found)} for form, found in runs.items()}
    names = [rows["paper"][key].score.name for key in SHOWN]
    lines = [f"| | {' | '.join(names)} |", "|---" * (1 + len(SHOWN)) + "|"]
    for form, words in FORMS.items():
        values = [with_spread(rows[form][key].mean, rows[form][key].spread) for key in SHOWN]
        lines.append(f"| {words} | {' | '.join(values)} |")
    both = [[rows[form][key] for form in FORMS] for key in SHOWN]
    values = [with_spread(*differences(pair)) for pair in both]
    return [*lines, f"| difference | {' | '.join(values)} |"]


def main():
    """Train with both weight maps and every seed, and print the table."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0], allow_abbrev=False)
    parser.add_argument("data", type=Path, help="data set, as for minunet.train --data")
    seeds.add_options(parser)
    args, more = parser.parse_known_args()
    options = ["--experiment", "cells", "--data", str(args.data), *more]
    for seed in args.seeds:
        seeds.train(
            {
                folder(args.out, form, seed): [
                    *(*options, "--weight-map", form, "--seed", str(seed))
                ]
                for form in FORMS
            },
            ("--threads", "1"),
        )
    runs = {
        form: comparison.read([folder(args.out, form, seed) for seed in args.seeds])
        for form in FORMS
    }
    print("", *markdown(runs), sep="\n")
    seeds.print_commands([run for found in runs.values() for run in found])


if __name__ == "__main__":
    main()
