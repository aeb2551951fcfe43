"""Train a U-Net from the command line.

    python -m minunet.train                                  on built-in synthetic EM
    python -m minunet.train --data FOLDER --preset laptop    on your own stack
    python -m minunet.train --resume RUN                     continue a stopped run

The algorithm is in `minunet.training`, the settings are in `minunet.runs.settings`.
"""

import sys

from minunet.cli import Parser, add_threads, at_least, command, parse_path, run
from minunet.errors import InputError
from minunet.runs.options import Arguments, add_options, chosen_defaults, flag
from minunet.runs.settings import CHANGEABLE


def make_parser(arguments: list[str]) -> Parser:
    """Make the parser; its help lists the defaults of the preset named in `arguments`."""
    parser = Parser("train")
    groups = add_options(parser, chosen_defaults(arguments))
    groups["data"].add_argument(
        "--data",
        type=parse_path,
        metavar="FOLDER",
        help="folder with train-volume.tif and train-labels.tif; or with images/ and labels/ (or "
        "masks/), or these in train/; or with 01/ and 01_GT/SEG/ (or 01_ST/SEG/). If it contains "
        "val/ or test/ in the same layout, these are held out (default: synthetic EM)",
    )
    groups["run"].add_argument(
        "--out",
        type=parse_path,
        metavar="RUN",
        help="folder for the run, new or empty (default: the first unused name in runs/)",
    )
    groups["run"].add_argument(
        "--resume",
        type=parse_path,
        metavar="RUN",
        help="folder of a run to resume exactly where it stopped; only "
        + ", ".join(flag(name) for name in CHANGEABLE)
        + " may change, and --data if the data have moved",
    )
    groups["training"].add_argument(
        "--minutes",
        type=at_least(0.1, float, most=10**6),
        metavar="N",
        help="minutes that the run may take, with validations and final scores; replaces --steps "
        "by the number of steps that fit on this machine, which is then fixed",
    )
    add_threads(groups["run"])
    return parser


def parse(arguments: list[str]) -> Arguments:
    """Parse the command line."""
    parsed = vars(make_parser(arguments).parse_args(arguments))
    given = {name: value for name, value in parsed.items() if value is not None}
    own = ("data", "out", "resume", "threads", "minutes")
    data, out, resume, wanted, minutes = (given.pop(name, None) for name in own)
    if resume and out:
        raise InputError("--resume continues in the folder of the run; leave out --out")
    if data and ("images" in given or "labels" in given):
        raise InputError("--data replaces --images and --labels; pass one or the other")
    if minutes and ("steps" in given or resume):
        other = "--resume continues with the planned steps" if resume else "--minutes sets --steps"
        raise InputError(f"{other}; leave out {'--minutes' if resume else 'one of them'}")
    return Arguments(given, data, out, resume, wanted, minutes)


def main() -> None:
    """Start or resume a run."""
    arguments = parse(sys.argv[1:])
    from minunet.training import session  # here: it slows down --help

    if arguments.resume:
        session.resume(arguments, arguments.resume, command("train", *sys.argv[1:]))
    else:
        session.begin(arguments, command("train", *sys.argv[1:]))


if __name__ == "__main__":
    run(main, "train")
