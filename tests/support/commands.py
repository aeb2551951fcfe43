"""Helpers for the tests of commands: running one, tiny settings, and data for it."""

import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager, redirect_stderr, redirect_stdout
from importlib import import_module
from io import StringIO
from pathlib import Path
from typing import NamedTuple
from unittest import mock

import numpy as np
import pytest
import tifffile

from minunet import cli

TINY = (
    *("--device", "cpu", "--depth", "1", "--channels", "2", "--tile", "24"),
    *("--dropout", "0.5", "--learning-rate", "0.01", "--augment", "symmetries"),
    *("--weight-map", "balance"),
)
"""Options for a network of 434 parameters; a tile of 24 pixels segments the central 8."""


class Result(NamedTuple):
    """Exit code and output of a command."""

    code: int
    out: str
    err: str


def call(module: str, *arguments: object) -> Result:
    """Run a command in this process, as `python -m` would."""
    main = import_module(f"minunet.{module}").main
    out, err = StringIO(), StringIO()
    with (
        mock.patch.object(sys, "argv", [module, *map(str, arguments)]),
        redirect_stdout(out),
        redirect_stderr(err),
    ):
        try:
            cli.run(main, module.removesuffix(".__main__"))
        except SystemExit as end:
            code = end.code
    if isinstance(code, str):  # a message that the interpreter prints before it exits with 1
        err.write(f"{code}\n")
        code = 1
    return Result(code or 0, out.getvalue(), err.getvalue())


def start(module: str, *arguments: object) -> subprocess.Popen:
    """Start a command in its own process; the caller must wait for it or stop it."""
    return subprocess.Popen(
        [sys.executable, "-m", f"minunet.{module}", *map(str, arguments)],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


def finish(process: subprocess.Popen) -> Result:
    """Wait for a command started with `start`."""
    out, err = process.communicate(timeout=120)
    return Result(process.returncode, out, err)


@contextmanager
def largest_file(size: int) -> Iterator[None]:
    """Let writing fail beyond `size` bytes of a file, as on a full disk; otherwise, skip."""
    resource = pytest.importorskip("resource")
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (size, before[1]))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)


def one_line(text: str) -> str:
    """Return a message after checking that it is one line and not a traceback."""
    assert text.endswith("\n")
    assert text.count("\n") == 1, text
    assert "Traceback" not in text
    return text[:-1]


def refused(result: Result) -> str:
    """Return the one-line message of a command that refused its input."""
    assert result.code == 2, result
    return one_line(result.err)


def draw_stack(shape: tuple[int, int, int] = (4, 30, 41), classes: int = 2, seed: int = 0):
    """Make random images (uint8) and labels 0 … K-1 that follow the grey values; no rare class."""
    rng = np.random.default_rng(seed)
    images = rng.integers(0, 200, shape).astype(np.uint8)
    labels = (images.astype(int) * classes // 200).astype(np.uint8)
    images += rng.integers(0, 50, shape).astype(np.uint8)
    return images, labels


def write_stack(folder: Path, **drawn) -> Path:
    """Write a random stack in the layout of the ISBI 2012 challenge; return the folder."""
    images, labels = draw_stack(**drawn)
    folder.mkdir(parents=True, exist_ok=True)
    tifffile.imwrite(folder / "train-volume.tif", images, photometric="minisblack")
    tifffile.imwrite(folder / "train-labels.tif", labels, photometric="minisblack")
    return folder
