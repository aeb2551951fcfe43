"""The ablation of the generator: which slices it trains on, what it scores, and the table."""

import json
import sys
from types import SimpleNamespace

import generator
import numpy as np
import pytest
import seeds
import tifffile
from commands import TINY
from finished_runs import write_run

from minunet.data.look import RANGES
from minunet.data.synthetic import varied_slices


def test_every_group_is_left_out_once():
    assert generator.FORMS["all"] == tuple(RANGES)
    assert generator.FORMS["none"] == ()
    assert len(generator.FORMS) == len(RANGES) + 2
    for group in RANGES:
        kept = generator.FORMS[f"all but {group}"]
        assert set(kept) == set(RANGES) - {group}


@pytest.fixture
def stacks(tmp_path):
    """Write a real stack of cells and one of membranes; return the options."""
    rng, options = np.random.default_rng(0), []
    cells = np.ones((2, 48, 60), np.uint8)
    cells[:, ::12], cells[:, :, ::12] = 0, 0
    for name, labels in (("cells", cells), ("nets", 1 - cells)):
        (tmp_path / name).mkdir()
        paths = [tmp_path / name / "images.tif", tmp_path / name / "labels.tif"]
        noisy = (150 * cells + rng.integers(0, 50, cells.shape)).astype(np.uint8)
        for path, array in zip(paths, (noisy, 255 * labels), strict=True):
            tifffile.imwrite(path, array, photometric="minisblack")
        options += ["--real", *paths]
    return options


def test_scores_by_hand():
    # Two cells of 3 x 4 pixels; above the threshold 0.5 they are one, above 0.85 they are apart.
    p = np.full((5, 9), 0.05)
    p[1:4, 1:8], p[1:4, 4] = 0.95, 0.8
    truth = np.zeros((5, 9), int)
    truth[1:4, 1:4], truth[1:4, 5:8] = 1, 2
    model = SimpleNamespace(
        settings=SimpleNamespace(threshold=0.85),
        segment=lambda image: np.stack([1 - p, p], axis=-1),
    )
    assert generator.measure(model, [p], [truth]) == {"V_Rand": [1, 1], "pixel error": [0, 0]}
    model.settings.threshold = 0.5
    (low, best), (worst, least) = generator.measure(model, [p], [truth]).values()
    assert low < 0.8 < best == 1
    assert (worst, least) == (3 / 45, 0)


def call(monkeypatch, *arguments):
    monkeypatch.setattr(sys, "argv", ["generator.py", *map(str, arguments)])
    generator.main()


@pytest.fixture
def trained(monkeypatch):
    """List the arguments of every training that a script starts; each writes a finished run."""
    words = []

    def start(given):
        words.append(given)
        folder = seeds.Path(given[1])
        write_run(folder, int(folder.name.rpartition("-")[2]))
        (folder / "report.html").touch()
        return SimpleNamespace(wait=lambda: 0)

    monkeypatch.setattr(seeds, "start", start)
    return words


def test_the_ablation_by_hand(tmp_path, stacks, trained, monkeypatch, capsys):
    measured = []

    def measure(model, images, truth):
        measured.append(model)
        value = 0.9 if len(measured) % 4 in (1, 2) else 0.8  # two stacks, then the next seed
        return {"V_Rand": [value - 0.1, value], "pixel error": [0.2, 0.1]}

    monkeypatch.setattr(generator, "measure", measure)
    monkeypatch.setattr(generator, "FORMS", {"all": tuple(RANGES), "none": ()})
    monkeypatch.setattr(generator.minunet, "load", lambda path: path)
    runs = tmp_path / "runs"
    arguments = ["--out", runs, "--seeds", 0, 1, "--slices", 2, "--side", 24, *stacks]
    call(monkeypatch, *arguments, "--steps", 6)
    data = ["--data", str(runs / "slices/all-0"), "--seed", "0", "--steps", "6", "--threads", "1"]
    assert ["--out", str(runs / "all-0"), "--experiment", "em", *data] in trained
    assert len(trained) == 4
    assert measured[0] == runs / "all-0" / "last.npz"
    for name, groups, seed in (("all-1", tuple(RANGES), 1), ("none-0", (), 0)):
        expected = varied_slices((2, 24, 24), np.random.default_rng(seed), groups)
        volume, labels = (
            tifffile.imread(runs / "slices" / name / f"train-{kind}.tif")
            for kind in ("volume", "labels")
        )
        np.testing.assert_array_equal(volume, expected.images)
        np.testing.assert_array_equal(labels, 255 * expected.labels)
    printed = capsys.readouterr().out
    head = "| varied | V_Rand, stored threshold | V_Rand, best | pixel error, stored threshold |"
    assert f"cells:\n\n{head} pixel error, best |\n|---|---|---|---|---|\n| all |" in printed
    assert "\nnets:\n" in printed
    # Measured in the order all-0, none-0, all-1, none-1; each on both stacks.
    assert printed.count("| all | 0.8000 ± 0 | 0.9000 ± 0 | 0.2000 ± 0 | 0.1000 ± 0 |") == 2
    assert printed.count("| none | 0.7000 ± 0 | 0.8000 ± 0 | 0.2000 ± 0 | 0.1000 ± 0 |") == 2
    assert "\ncommit " in printed
    saved = json.loads((runs / "scores/none-1.json").read_text())
    assert saved["nets"]["V_Rand"] == pytest.approx([0.7, 0.8])
    call(monkeypatch, *arguments)  # nothing is trained or scored again
    assert (len(trained), len(measured)) == (4, 8)
    assert printed.split("\n\n")[0] in capsys.readouterr().out


def test_mean_and_spread_over_the_seeds():
    values = ([0.7, 0.8], [0.8, 0.9], [0.9, 1.0])
    found = [{"x": {"V_Rand": v, "pixel error": [0.1, 0.1]}} for v in values]
    row = generator.markdown("x", {"all but size": found})[-1]
    assert row.startswith("| all but size | 0.80 ± 0.10 | 0.90 ± 0.10 | 0.1000 ± 0 |")


def test_a_run_that_fails_stops_the_script(tmp_path, stacks, monkeypatch):
    monkeypatch.setattr(seeds, "start", lambda given: SimpleNamespace(wait=lambda: 130))
    monkeypatch.setattr(generator, "FORMS", {"none": ()})
    arguments = ["--out", tmp_path / "runs", "--seeds", 0, "--slices", 1, "--side", 16]
    with pytest.raises(SystemExit, match="run the same command again to continue"):
        call(monkeypatch, *arguments, *stacks)


def test_labels_of_another_size_are_refused(tmp_path, stacks, monkeypatch):
    images, labels = stacks[1:3]
    tifffile.imwrite(labels, np.zeros((2, 48, 59), np.uint8), photometric="minisblack")
    with pytest.raises(SystemExit, match="differ in the number or the size of their slices"):
        call(monkeypatch, "--out", tmp_path / "runs", "--real", images, labels)


def test_a_short_run_from_end_to_end(tmp_path, stacks, monkeypatch, capsys):
    monkeypatch.setattr(generator, "FORMS", {"none": ()})
    arguments = ["--out", tmp_path / "runs", "--seeds", 0, "--slices", 4, "--side", 40]
    call(monkeypatch, *arguments, *stacks, *TINY, "--steps", 1)
    printed = capsys.readouterr().out
    assert printed.count("| none | 0.") == 2
    assert "python -m minunet.train --experiment em" in printed
