"""List the commands, or print the versions that a bug report needs.

python -m minunet [--version]
"""

import platform
import shlex
import sys
from difflib import get_close_matches
from importlib import metadata
from typing import NoReturn

from minunet import __version__
from minunet.cli import COMMANDS

OPTIONS = ["--help", "--version"]


def overview() -> str:
    """Return the list of commands."""
    lines = [f"  python -m minunet.{name:<10}{text}" for name, text in COMMANDS.items()]
    head = f"minunet {__version__}: the U-Net of Ronneberger, Fischer and Brox (2015) in NumPy."
    foot = [
        "Add --help to a command to list its options.",
        "A bug report needs the versions: python -m minunet --version",
    ]
    return "\n".join([head, "", *lines, "", *foot])


def installed(package: str) -> str:
    """Return the version of an installed package, without importing it.

    The distribution is named too where its name differs: CuPy comes as `cupy-cuda12x` and others.
    """
    for name in metadata.packages_distributions().get(package, []):
        version = metadata.version(name)
        return version if name.lower() == package else f"{version} ({name})"
    return "not installed"


def blas() -> str:
    """Return name, version and architecture of NumPy's BLAS."""
    import numpy as np  # loads its BLAS: threadpoolctl sees only what is loaded
    from threadpoolctl import threadpool_info

    found = [library for library in threadpool_info() if library["user_api"] == "blas"]
    if not found:  # such as Apple's Accelerate
        return f"{np.show_config(mode='dicts')['Build Dependencies']['blas']['name']}"
    parts = ((b["internal_api"], b["version"], b.get("architecture")) for b in found)
    return ", ".join(" ".join(str(part) for part in three if part) for three in parts)


def versions() -> list[str]:
    """Return the versions of minunet, Python, libraries and platform, one line each."""
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
    """Print in one sentence what to type instead of `word`, and exit with 2."""
    near = get_close_matches(word.removeprefix("minunet."), [*COMMANDS, *OPTIONS], n=1)
    if word in COMMANDS:
        typed = shlex.join([f"minunet.{word}", *arguments])
        advice = f"{word} is not an argument; run python -m {typed}"
    elif word in OPTIONS:
        advice = f"{word} takes no arguments; pass it alone"
    elif near and near[0] in COMMANDS:
        advice = f"{word!r} is not a command; did you mean python -m minunet.{near[0]}?"
    elif near:
        advice = f"{word!r} is not an option; did you mean {near[0]}?"
    else:
        advice = f"{word!r} is not a command; the commands are {', '.join(COMMANDS)}"
    print(f"python -m minunet: {advice}", file=sys.stderr)
    sys.exit(2)


def main() -> None:
    """Answer the command line."""
    match sys.argv[1:]:
        case [] | ["-h" | "--help"]:
            print(overview())
        case ["--version"]:
            print("\n".join(versions()))
        case [word, *arguments]:
            refuse(word, arguments)


if __name__ == "__main__":
    main()
