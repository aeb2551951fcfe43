"""Numbers of the README and the documentation that are cheap to compute are computed again."""

import json
import re
import shutil
import statistics
import subprocess
from pathlib import Path

import numpy as np
import pytest
import real_data
import tifffile

from minunet.augmentation import deformation
from minunet.network import Architecture
from minunet.prediction.tile_choice import overhead
from minunet.prediction.tiling import aligned_step

ROOT = Path(__file__).resolve().parents[1]
README = (ROOT / "README.md").read_text("utf-8")
BENCHMARKS = (ROOT / "benchmarks/README.md").read_text("utf-8")
DEPARTURES = (ROOT / "tutorials/pages/departures.md").read_text("utf-8")
MEASURED = json.loads((ROOT / "benchmarks/pictures/beside_torch.json").read_text("utf-8"))
SECTIONS = re.split(r"^## ", BENCHMARKS, flags=re.MULTILINE)[1:]
WITH_NUMBERS = [text for text in SECTIONS if re.search(r"^\|.*\| [^|]*\d[^|]* \|", text, re.M)]


def rows(text, head):
    """Return the cells of the table whose first line starts with `head`, row by row."""
    lines = text[text.index(head) :].split("\n\n")[0].splitlines()[2:]
    return [[cell.strip() for cell in line.strip("|").split("|")] for line in lines]


def measured(section, channels):
    """Return the medians of time and the peaks of memory of a network, minunet's first."""
    (entry,) = [
        one
        for one in MEASURED["entries"]
        if one["section"] == section
        and one["job"]["kind"] == "Network"
        and one["job"]["channels"] == channels
    ]
    sides = entry["sides"]
    torch = min(
        (side for name, side in sides.items() if name != "minunet"),
        key=lambda side: statistics.median(side["seconds"]),
    )
    seconds = [statistics.median(side["seconds"]) for side in (sides["minunet"], torch)]
    peaks = [sides["minunet"]["peak"], min(s["peak"] for n, s in sides.items() if n != "minunet")]
    return seconds, peaks


@pytest.mark.parametrize(("row", "channels"), [(0, 64), (1, 16)])
def test_the_speeds_of_the_readme_are_those_that_were_saved(row, channels):
    _, step, memory, inference = rows(README, "| network | time of a training step")[row]
    (mine, torch), (peak, other) = measured("step", channels)
    ratio, seconds = re.fullmatch(r"([\d.]+) × \(([\d.]+) s\)", step).groups()
    assert float(ratio) == pytest.approx(mine / torch, abs=0.006)
    assert float(seconds) == pytest.approx(mine, rel=0.03)
    assert float(memory.removesuffix(" ×")) == pytest.approx(peak / other, abs=0.006)
    (mine, torch), _ = measured("forward", channels)
    assert float(inference.removesuffix(" ×")) == pytest.approx(mine / torch, abs=0.006)


def test_the_costs_of_the_margins():
    laptop = Architecture(channels=16, depth=3)
    table = rows(BENCHMARKS, "| tile | computation, paper | computation, laptop |")
    assert len(table) == 12
    for tile, paper, thin, *_ in table:
        size = int(tile.split(",")[0])
        assert float(paper) == pytest.approx(overhead(Architecture(), size), abs=0.006)
        assert float(thin) == pytest.approx(overhead(laptop, size), abs=0.006)


def test_the_numbers_of_the_departures():
    assert aligned_step(572, 4) == 384
    assert "multiple of 2^depth (384 for a tile of 572)" in DEPARTURES
    assert f"{571 / 195:.0f}" == "3"
    assert "about three times (571 / 195) as sharply" in DEPARTURES
    # Below this many pixels, the half side of a tile is less than FOLDS / 2 times 10 pixels.
    assert round(10 * deformation.FOLDS) + 1 == 139
    assert DEPARTURES.count("below 139 pixels") == 2


def test_means_and_spreads_over_the_seeds():
    shown = []
    for head in ("| headline: `last.npz`", "| optimistic: `best.npz`"):
        for _, *values, mean in rows(BENCHMARKS, head):
            seeds = [float(value) for value in values]
            value, spread = map(float, mean.split(" ± "))
            assert value == pytest.approx(statistics.mean(seeds), abs=spread / 20)
            assert spread == pytest.approx(statistics.stdev(seeds), rel=0.05)
            shown.append(mean)
    honest, optimistic = shown[:3], shown[3:]
    table = [[a, b] for a, b in zip(honest, optimistic, strict=True)]
    assert [row[1:] for row in rows(README, "| score | honest")] == table


def test_the_trivial_baseline_of_isbi():
    labels = tifffile.imread(real_data.folder("isbi2012") / "train-labels.tif")[19:24]
    wrong = np.mean(labels == 0)
    assert f"trivial baseline, all cell: {wrong:.3f}" in README


def git(*arguments):
    """Run git in the repository."""
    return subprocess.run(["git", *arguments], cwd=ROOT, capture_output=True, text=True)


@pytest.fixture(scope="module")
def history():
    """Skip where git or the whole history of this repository is missing."""
    if shutil.which("git") is None or not (ROOT / ".git").exists():
        pytest.skip("no git, or not a clone")
    if git("rev-parse", "--is-shallow-repository").stdout.strip() != "false":
        pytest.skip("git cannot read the whole history")


def test_most_sections_of_the_benchmarks_have_numbers():
    assert len(WITH_NUMBERS) >= 10


@pytest.mark.parametrize("text", WITH_NUMBERS, ids=lambda text: text.splitlines()[0])
def test_a_section_with_numbers_names_its_command_and_commit(text, history):
    assert re.search(r"^python (-m minunet|benchmarks/)", text, re.M)
    # A word such as "defaced" is not a commit, unless it is said to be one.
    commits = re.findall(r"(?<![\w.,])(?:(?<=commit )|(?=\w*\d))[0-9a-f]{7}(?!\w)", text)
    assert commits
    for commit in commits:
        assert git("cat-file", "-e", f"{commit}^{{commit}}").returncode == 0, commit
