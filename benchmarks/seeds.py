"""Train with several seeds, and print the scores of each run with their mean and their spread.

    python benchmarks/seeds.py --out RUNS --seeds 0 1 2 [any option of minunet.train]

Each run has its own folder, RUNS/seed-0 and so on. The script can be stopped and started again: it
resumes a run that was stopped, and does not repeat a finished one. Prints a Markdown table, the
command of every run, and the commit. The picture and the JSON file of `minunet.evaluate` are made
by `python -m minunet.evaluate RUNS/seed-*`.
"""

import argparse
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from pathlib import Path

from minunet.cli import command
from minunet.metrics.score import with_spread
from minunet.runs import comparison
from minunet.runs.options import command_line
from minunet.training.results import HEADLINES


def is_finished(folder):
    """Return whether a run is finished: the report is its last file."""
    return (folder / "report.html").is_file()


def arguments(folder, options):
    """List the arguments of minunet.train that begin or resume the run in a folder."""
    begun = folder.exists() and any(folder.iterdir())
    return ["--resume", str(folder)] if begun else ["--out", str(folder), *options]


def start(words):
    """Start minunet.train."""
    return subprocess.Popen([sys.executable, "-m", "minunet.train", *words])


def wait_for(starts, at_once):
    """Run processes, at most some of them at the same time; return their exit codes.

    Parameters
    ----------
    starts : sequence of callable     each starts a process, and returns it
    at_once : int
    """
    with ThreadPoolExecutor(at_once) as pool:
        return list(pool.map(lambda begin: begin().wait(), starts))


def train_some(runs, more=(), at_once=2):
    """Train all runs that are not finished; return the exit codes of those that were trained.

    Parameters
    ----------
    runs : dict          options of minunet.train by folder
    more : sequence      options that a resumed run may have, too, such as --threads
    at_once : int        number of runs at the same time
    """
    left = {folder: options for folder, options in runs.items() if not is_finished(folder)}
    for folder in runs.keys() - left.keys():
        print(f"{folder} is finished", flush=True)
    starts = [partial(start, [*arguments(folder, left[folder]), *more]) for folder in left]
    return wait_for(starts, at_once)


def train(runs, more=(), at_once=2):
    """Do the same as `train_some`, but stop the script if a run fails."""
    if any(train_some(runs, more, at_once)):
        sys.exit("a run was stopped or failed, see above; run the same command again to continue")


def add_options(parser):
    """Add the options --out and --seeds."""
    parser.add_argument("--out", type=Path, required=True, help="folder for the runs")
    parser.add_argument(
        "--seeds", type=int, nargs="+", default=[0, 1, 2], help="random seeds (default: 0 1 2)"
    )


def finished(folders):
    """Read finished runs, which may differ in their settings, such as the number of steps."""
    return [comparison.read([folder])[0] for folder in folders]


def headline(run):
    """Return the keys of the most important scores of a run, by the kind of its data."""
    return next(keys for keys in HEADLINES.values() if keys[0] in run.scores)


def commit():
    """Return the commit of this working copy, marked if it has changes."""
    here = Path(__file__).parent
    words = ["git", "-C", here, "describe", "--always", "--dirty", "--exclude=*"]
    done = subprocess.run(words, capture_output=True, text=True, check=False)
    return done.stdout.strip() or "unknown"


def markdown(runs):
    """Return the lines of a Markdown table: each score of every run, the mean and the spreads."""
    heads = [f"seed {run.settings.seed}" for run in runs]
    lines = [
        f"| score | {' | '.join(heads)} | mean ± over seeds | ± over slices |",
        "|---" * (len(runs) + 3) + "|",
    ]
    for row in comparison.rows(runs):
        values = [with_spread(value, row.spread).partition(" ")[0] for value in row.values]
        mean = with_spread(row.mean, row.spread)
        slices = "" if row.score.is_count else comparison.two_digits(row.over_slices)
        lines.append(f"| {' | '.join([row.score.name, *values, mean, slices])} |")
    return lines


def print_commands(runs):
    """Print the command of every run, and the commit."""
    print()
    for run in runs:
        print(command("train", *command_line(run.settings)))
    print(f"commit {commit()}")


def main():
    """Train with every seed, and print the table."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0], allow_abbrev=False)
    add_options(parser)
    args, options = parser.parse_known_args()
    folders = {seed: args.out / f"seed-{seed}" for seed in args.seeds}
    for seed, folder in folders.items():  # one after the other: each uses all cores
        train({folder: [*options, "--seed", str(seed)]})
    runs = comparison.read(list(folders.values()))
    print("", *markdown(runs), sep="\n")
    print_commands(runs)


if __name__ == "__main__":
    main()
