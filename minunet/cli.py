"""What the commands share: help with defaults, and one clear sentence for bad input.

A command that is given something illegal prints one sentence to standard error and exits with 2,
without a traceback; a traceback means a mistake of ours.
"""

import argparse
import sys
from collections.abc import Callable
from math import inf, nan
from typing import NoReturn

from minunet.errors import InputError
from minunet.fast.allocator import keep_memory


class Parser(argparse.ArgumentParser):
    """An argument parser that reports a mistake in one sentence."""

    def __init__(self, module: str, description: str) -> None:
        super().__init__(
            prog=f"python -m minunet.{module}",
            description=description,
            allow_abbrev=False,
        )

    def error(self, message: str) -> NoReturn:
        """Print the mistake and where to read on; exit with 2."""
        self.exit(2, f"{self.prog}: {message} (--help lists what is legal)\n")


def at_least(least: float, kind: type = int, below: float = inf) -> Callable[[str], float]:
    """Make an argument type: a number of a kind, not below `least` and below `below`."""
    legal = f"{'a whole number' if kind is int else 'a number'} ≥ {least}"
    legal += "" if below == inf else f" and < {below}"

    def parse(text: str) -> float:
        try:
            value = kind(text)
        except ValueError:
            value = nan
        if not least <= value < below:
            raise argparse.ArgumentTypeError(f"{text!r} is not {legal}")
        return value

    return parse


def add_threads(parser: argparse.ArgumentParser) -> None:
    """Add the option --threads; its value is for `threads.use`."""
    parser.add_argument(
        "--threads",
        type=at_least(1),
        metavar="N",
        help="cores to compute on (default: all that this process may use)",
    )


def run(main: Callable[[], None], module: str) -> NoReturn:
    """Run a command's `main`: bad input ends in one sentence and exit code 2."""
    keep_memory()
    try:
        main()
    except (InputError, OSError) as error:
        print(f"python -m minunet.{module}: {error}", file=sys.stderr)
        sys.exit(2)
    except KeyboardInterrupt:
        print(f"python -m minunet.{module}: interrupted", file=sys.stderr)
        sys.exit(130)
    sys.exit(0)
