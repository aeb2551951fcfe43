"""What all commands share: their descriptions, the format of their help, and error messages.

Given invalid input, a command prints one sentence to standard error and exits with 2, without a
traceback. A traceback means a bug in minunet.
"""

import argparse
import re
import shutil
import sys
from collections.abc import Callable
from math import inf, nan
from typing import NoReturn, Protocol

from minunet import stopping
from minunet.errors import InputError
from minunet.stopping import Stopped

COMMANDS = {
    "train": "Train a U-Net; without arguments, on built-in synthetic EM.",
    "predict": "Segment an image or a stack of any size in overlapping tiles.",
    "evaluate": "Score a prediction against the truth: membranes, cells, or classes.",
    "augment": "Draw what augmentation does to a tile of an image.",
    "geometry": "Print Figure 1 as a table: the size and the cost of every arrow.",
    "data": "Write a synthetic EM stack with its labels.",
}
"""Description of each command, by its NAME in `python -m minunet.NAME`."""

WIDTH = 100
"""Maximum width of a help text, in characters."""


class Formatter(argparse.HelpFormatter):
    """A help formatter that is no wider than the terminal, and never wider than `WIDTH`."""

    def __init__(self, prog: str) -> None:
        width = min(shutil.get_terminal_size().columns - 2, WIDTH)
        super().__init__(prog, max_help_position=28, width=width)


class Parser(argparse.ArgumentParser):
    """An argument parser that reports a mistake in one sentence, without the usage message.

    Parameters
    ----------
    module : str             name of the command
    description : str        default: the one in `COMMANDS`
    """

    def __init__(self, module: str, description: str | None = None) -> None:
        super().__init__(
            prog=f"python -m minunet.{module}",
            description=description or COMMANDS[module],
            formatter_class=Formatter,
            allow_abbrev=False,
        )

    def error(self, message: str) -> NoReturn:
        """Print the message and exit with 2."""
        self.exit(2, f"{self.prog}: {message} (see --help)\n")


class OptionGroup(Protocol):
    """A parser, or a group of its options, for which argparse has no public type."""

    @property
    def add_argument(self) -> Callable[..., argparse.Action]:
        """Add an option, as `ArgumentParser.add_argument` does."""


def at_least(least: float, kind: type = int, below: float = inf) -> Callable[[str], float]:
    """Return an argparse type for an int or a float ≥ `least` and < `below`."""
    valid = f"{'a whole number' if kind is int else 'a number'} ≥ {least}"
    valid += "" if below == inf else f" and < {below}"

    def parse(text: str) -> float:
        try:
            value = kind(text)
        except ValueError:
            value = nan
        if not least <= value < below:
            raise argparse.ArgumentTypeError(f"{text!r} is not {valid}")
        return value

    return parse


def add_threads(parser: OptionGroup) -> None:
    """Add the option --threads, whose value is passed to `threads.use`."""
    parser.add_argument(
        "--threads",
        type=at_least(1),
        metavar="N",
        help="number of CPU cores to use (default: all that are available to this process)",
    )


def shell(*words: object) -> str:
    """Join the words of a command line, quoted where the shell of this system needs it.

    Examples
    --------
    >>> shell("--out", "my run")
    "--out 'my run'"
    """
    if sys.platform == "win32":
        return " ".join(map(_windows, words))
    import shlex

    return shlex.join(map(str, words))


def _windows(word: object) -> str:
    """Quote a word for cmd and PowerShell, which also need quotes around characters such as &."""
    from subprocess import list2cmdline

    quoted = list2cmdline([str(word)])
    plain = quoted.startswith('"') or re.fullmatch(r"[\w.:\\/=+,-]*", quoted)
    return quoted if plain else f'"{quoted}"'


def command(module: str, *words: object) -> str:
    """Return the command line that runs a command with these arguments, to be typed in a shell."""
    return shell("python", "-m", f"minunet.{module}", *words)


def run(main: Callable[[], None], module: str) -> NoReturn:
    """Run a command's `main` and exit: 0, 2 after invalid input, 130 after Ctrl-C."""
    # Imported here because it loads NumPy, which `python -m minunet` does not need.
    from minunet.fast.allocator import keep_memory

    keep_memory()
    stopping.install()
    try:
        main()
    except (InputError, OSError) as error:
        print(f"python -m minunet.{module}: {error}", file=sys.stderr)
        sys.exit(2)
    except KeyboardInterrupt as error:
        print(f"python -m minunet.{module}: stopped by {error or 'SIGINT'}", file=sys.stderr)
        sys.exit(error.code if isinstance(error, Stopped) else 130)
    sys.exit(0)
