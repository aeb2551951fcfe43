"""List the commands, or print the versions to include in a bug report.

python -m minunet [--version]
"""

import platform
import shlex
import sys
from difflib import get_close_matches
from importlib import metadata
from typing import NoReturn

from minunet import __version__, console
from minunet.cli import COMMANDS, say

OPTIONS = ["--help", "--version"]


def overview() -> str:
    """Return the text that lists the commands."""
    lines = [f"  python -m minunet.{name:<10}{text}" for name, text in COMMANDS.items()]
    head = f"minunet {__version__}: the U-Net of Ronneberger, Fischer and Brox (2015) in NumPy."
    foot = [
        "Add --help to a command to list its options.",
        "Include the versions in a bug report: python -m minunet --version",
    ]
    return "\n".join([head, "", *lines, "", *foot])


def installed(package: str) -> str:
    """Return the version of an installed package, without importing it.

    If the name of the distribution differs from that of the package, it is added: CuPy is
    distributed as `cupy-cuda12x`, among others.
    """
    for name in metadata.packages_distributions().get(package, []):
        version = metadata.version(name)
        return version if name.lower() == package else f"{version} ({name})"
    return "not installed"


def blas() -> str:
    """Return the name, the version and the architecture of NumPy's BLAS."""
    import numpy as np  # loads its BLAS; threadpoolctl finds only loaded libraries
    from threadpoolctl import threadpool_info

    found = [library for library in threadpool_info() if library["user_api"] == "blas"]
    if not found:  # a BLAS that threadpoolctl does not know, such as Apple's Accelerate
        return f"{np.show_config(mode='dicts')['Build Dependencies']['blas']['name']}"
    parts = ((b["internal_api"], b["version"], b.get("architecture")) for b in found)
    return ", ".join(" ".join(str(part) for part in three if part) for three in parts)


def versions() -> list[str]:
    """Return the versions of minunet, Python, the libraries and the platform, one per line."""
    from minunet.fast import threads

    items = {
        "minunet": __version__,
        "Python": platform.python_version(),
        "NumPy": installed("numpy"),
        "BLAS": blas(),
        "SciPy": installed("scipy"),
        "CuPy": installed("cupy"),
        "platform": platform.platform(),
        "cores": f"{threads.cores()} available to this process",
    }
    return [f"{name:<10}{value}" for name, value in items.items()]


def refuse(word: str, arguments: list[str]) -> NoReturn:
    """Print one sentence that says what to type instead of `word`, and exit with 2."""
    near = get_close_matches(word.removeprefix("minunet."), [*COMMANDS, *OPTIONS], n=1)
    if word in COMMANDS:
        typed = shlex.join([f"minunet.{word}", *arguments])
        advice = f"{word} is a command, not an argument; run python -m {typed}"
    elif word in OPTIONS:
        advice = f"{word} takes no arguments; pass it alone"
    elif near and near[0] in COMMANDS:
        advice = f"{word!r} is not a command; did you mean python -m minunet.{near[0]}?"
    elif near:
        advice = f"{word!r} is not an option; did you mean {near[0]}?"
    else:
        advice = f"{word!r} is not a command; the commands are {', '.join(COMMANDS)}"
    say(f"python -m minunet: {advice}", file=sys.stderr)
    sys.exit(2)


def main() -> None:
    """Print the commands or the versions; refuse any other argument."""
    console.accept_any_text()
    match sys.argv[1:]:
        case [] | ["-h" | "--help"]:
            say(*overview().splitlines())
        case ["--version"]:
            say(*versions())
        case [word, *arguments]:
            refuse(word, arguments)


if __name__ == "__main__":
    main()
