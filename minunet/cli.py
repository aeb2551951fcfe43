"""What all commands share: their descriptions, the format of their help, and error messages.

Given invalid input, a command prints one sentence to standard error and exits with 2, without a
traceback. A traceback means a bug in minunet. Everything is printed by `say` or by `run`, so that
it is readable on any console (see `minunet.console`).
"""

import argparse
import atexit
import re
import shutil
import sys
from collections.abc import Callable
from math import inf, nan
from pathlib import Path
from typing import NoReturn, Protocol, TextIO

from minunet import console, output, stopping
from minunet.console import printable
from minunet.errors import InputError, needed
from minunet.stopping import Stopped

COMMANDS = {
    "train": "Train a U-Net; without arguments, on built-in synthetic EM.",
    "predict": "Segment an image or a stack of any size in overlapping tiles.",
    "evaluate": "Score a prediction against the truth: membranes, cells, or classes.",
    "export": "Export a model to ONNX, PyTorch, bioimage.io or Hugging Face.",
    "convert": "Convert a PyTorch model (safetensors) or the authors' Caffe model.",
    "augment": "Draw what augmentation does to a tile of an image.",
    "geometry": "Print Figure 1 as a table: the size and the cost of every arrow.",
    "data": "Write a synthetic EM stack with its labels.",
    "models": "List the trained models that come with minunet.",
}
"""Description of each command, by its NAME in `python -m minunet.NAME`."""

SMALLER = {
    "train": "pass a smaller --tile or --channels, or cut the images into smaller ones",
    "predict": "pass a smaller --tile, or the amount of free memory with --memory",
    "evaluate": "score fewer or smaller slices at a time",
    "export": "close other programs",
    "convert": "close other programs",
    "augment": "pass a smaller --tile or fewer --samples",
    "geometry": "pass a smaller tile or fewer --channels",
    "data": "pass fewer --slices, or a smaller --height and --width",
    "models": "close other programs",
}
"""What to do if the memory is not enough, by command."""

SEEDS = 2**63 - 1
"""Largest random seed."""

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
        self.exit(2, printable(f"{self.prog}: {message} (see --help)") + "\n")


class OptionGroup(Protocol):
    """A parser, or a group of its options, for which argparse has no public type."""

    @property
    def add_argument(self) -> Callable[..., argparse.Action]:
        """Add an option, as `ArgumentParser.add_argument` does."""


def parse_path(text: str) -> Path:
    """Parse a path; an argparse type. An empty one would be the working directory."""
    if not text:
        raise argparse.ArgumentTypeError("'' is not a path")
    return Path(text)


def at_least(
    least: float, kind: type = int, below: float = inf, most: float | None = None
) -> Callable[[str], float]:
    """Return an argparse type for an int or a float from `least` to `most`, and < `below`.

    Numbers are written in the digits 0 to 9. By default, `most` is 10^9 for an int, and 1e30, which
    float32 can still represent, for a float.
    """
    words, digits, largest = KINDS[kind]
    largest = largest if most is None else most
    valid = f"{words} ≥ {least} and < {below}"
    if below == inf:
        valid = f"{words} from {_number(least)} to {_number(largest)}"

    def parse(text: str) -> float:
        value = kind(text) if re.fullmatch(digits, text) and len(text) <= LONGEST else nan
        if not (least <= value <= largest and value < below):
            shown = text if len(text) <= LONGEST else text[: LONGEST - 1] + "…"
            raise argparse.ArgumentTypeError(f"{shown!r} is not {valid}")
        return value

    return parse


KINDS: dict[type, tuple[str, str, float]] = {
    int: ("a whole number", r"[+-]?[0-9]+", 10**9),
    float: ("a number", r"[+-]?([0-9]+\.?[0-9]*|\.[0-9]+)([eE][+-]?[0-9]+)?", 1e30),
}
"""Kinds of numbers: in words, as a pattern, and the largest one unless another is given."""

LONGEST = 40
"""Maximum length of a number on the command line, in characters."""


def _number(value: float) -> str:
    return f"{value:,}" if isinstance(value, int) else f"{value:g}"


def add_threads(parser: OptionGroup) -> None:
    """Add the option --threads, whose value is passed to `threads.use`."""
    parser.add_argument(
        "--threads",
        type=at_least(1, most=1024),
        metavar="N",
        help="number of CPU cores to use (default: all that the affinity and the CPU quota of this "
        "process allow, or fewer if OMP_NUM_THREADS, OPENBLAS_NUM_THREADS or MKL_NUM_THREADS is "
        "smaller)",
    )


def shell(*words: object) -> str:
    r"""Join the words of a command line, quoted where the shell of this system needs it.

    A path that begins with a dash gets a leading `./`, so that it is not taken for an option.

    Examples
    --------
    >>> shell("--out", "my run"), shell(Path("-x")), shell("a\nb")
    ("--out 'my run'", './-x', "$'a\\nb'")
    """
    texts = [f"./{w}" if isinstance(w, Path) and str(w)[0] == "-" else str(w) for w in words]
    if sys.platform == "win32":
        return " ".join(map(_windows, texts))
    return " ".join(map(_posix, texts))


def _posix(word: str) -> str:
    """Quote a word for a POSIX shell; characters that no terminal should get are escaped."""
    import shlex

    if word.isprintable():
        return shlex.quote(word)
    escaped = (_bytes(c) if not c.isprintable() or c in "\\'" else c for c in word)
    return f"$'{''.join(escaped)}'"  # bash, zsh, ksh and POSIX since 2024


def _bytes(character: str) -> str:
    r"""Return the escapes of a character between $' and ', such as \n or \351."""
    known = {"\n": r"\n", "\t": r"\t", "\\": r"\\", "'": r"\'"}
    octal = (f"\\{byte:03o}" for byte in character.encode(errors="surrogateescape"))
    return known.get(character) or "".join(octal)


def _windows(word: str) -> str:
    """Quote a word for cmd and PowerShell, which also need quotes around characters such as &."""
    from subprocess import list2cmdline

    quoted = list2cmdline([word])
    plain = quoted.startswith('"') or re.fullmatch(r"[\w.:\\/=+,-]*", quoted)
    return quoted if plain else f'"{quoted}"'


def command(module: str, *words: object) -> str:
    """Return the command line that runs a command with these arguments, to be typed in a shell."""
    return shell("python", "-m", f"minunet.{module}", *words)


def say(*lines: str, file: TextIO | None = None) -> None:
    """Print lines at once, by default to standard output; control characters are escaped."""
    print(*map(printable, lines), sep="\n", file=file, flush=True)


def run(main: Callable[[], None], module: str) -> NoReturn:
    """Run a command's `main` and exit: 0, 2 after invalid input, 130 after Ctrl-C."""
    # Imported here because it loads NumPy, which `python -m minunet` does not need.
    from minunet.fast.allocator import keep_memory

    keep_memory()
    console.accept_any_text()
    atexit.register(stopping.ignore)
    with stopping.installed(), output.lasting():
        try:
            try:
                main()
            finally:
                stopping.ignore()  # a second signal must not stop what says how it ended
        except (InputError, OSError) as error:
            message, code = str(error), 2
        except MemoryError as error:
            message, code = f"there is not enough memory{needed(error)}; {SMALLER[module]}", 2
        except KeyboardInterrupt as error:
            message = f"stopped by {error or 'SIGINT'}"
            code = error.code if isinstance(error, Stopped) else 130
        except SystemExit as end:
            if not isinstance(end.code, str):
                raise
            say(end.code, file=sys.stderr)
            sys.exit(1)
        else:
            sys.exit(0)
        say(f"python -m minunet.{module}: {message}", file=sys.stderr)
        sys.exit(code)
