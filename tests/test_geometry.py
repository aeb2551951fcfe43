"""`python -m minunet.geometry` prints a table and a summary, and refuses invalid input."""

import re
import subprocess
import sys
from pathlib import Path

import pytest


def command(*arguments):
    return subprocess.run(
        [sys.executable, "-m", "minunet.geometry", *arguments],
        cwd=Path(__file__).parents[1],
        capture_output=True,
        text=True,
        check=False,
    )


def test_prints_figure_1_by_default():
    result = command()
    assert result.returncode == 0
    assert result.stderr == ""
    assert result.stdout == command("572").stdout
    for printed in ("572² x 1", "388² x 2", "28² x 1024", "31,030,658", "572 → 388", "margin 92"):
        assert printed in result.stdout
    assert "300.86" in result.stdout  # GFLOP in total; tests/network/test_sizes.py sums LAYERS


def test_prints_other_networks():
    result = command("348", "--depth", "3", "--variant", "release", "--classes", "5")
    assert result.returncode == 0
    assert "348 → 260, margin 44" in result.stdout
    assert "260² x 5" in result.stdout
    assert "multiple of 8 pixels" in result.stdout


@pytest.mark.parametrize(
    ("arguments", "named"),
    [
        (["512"], "512 pixels.* depth 4.* 508 and 524"),
        (["100"], "100 pixels.* 188"),
        (["garbage"], "garbage"),
        (["-572"], "-572"),
        (["57.2"], "57.2"),
        (["572", "--depth", "64"], "--depth.*64.* 1 to 16"),
        (["572", "--depth", "1000000000"], "--depth.* 1 to 16"),
        (["99999999999999999999"], "from 1 to 100,000"),
        (["572", "--depth", "16"], "depth 16; the smallest valid size is 786428"),
        (["572", "--depth", "0"], "--depth.*0.* 1"),
        (["572", "--classes", "1"], "--classes.*1.* 2"),
        (["572", "--variant", "keras"], "keras.*paper.*release"),
    ],
)
def test_invalid_input_is_refused_in_one_sentence(arguments, named):
    result = command(*arguments)
    assert result.returncode == 2
    assert result.stdout == ""
    assert len(result.stderr.splitlines()) == 1
    assert re.search(named, result.stderr)
    assert "Traceback" not in result.stderr
