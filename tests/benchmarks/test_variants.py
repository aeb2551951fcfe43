"""Variants of the settings, and twins trained with Adam: tables by hand, and one real twin."""

import subprocess
import sys
from dataclasses import replace
from types import SimpleNamespace

import numpy as np
import pytest
import seeds
import tifffile
import variants
from finished_runs import write_run

from minunet import runs
from minunet.runs import checkpoint, comparison

RATE = {"0.1": 0.0, "0.2": 0.2}  # how much SEG gains over 0.5


@pytest.fixture
def trained(monkeypatch):
    """List what a script starts; each run of minunet.train and each twin becomes finished."""
    words = []

    def finish(folder, seed, seg, seconds):
        write_run(folder, seed, (seg, seg))
        for step in range(1, 7):
            row = {"step": step, "energy": 1.0, "learning_rate": 0.1, "seconds": seconds}
            runs.append(folder, row)
        (folder / "report.html").touch()
        return SimpleNamespace(wait=lambda: 0)

    def start(given):
        words.append(given)
        seed = int(given[given.index("--seed") + 1])
        rate = given[given.index("--learning-rate") + 1]
        if rate == "9":
            return SimpleNamespace(wait=lambda: 1)  # diverged
        return finish(seeds.Path(given[1]), seed, 0.5 + RATE[rate] + 0.1 * seed, 10.0)

    def start_twin(base, folder, rate):
        words.append(["twin", base, folder, rate])
        return finish(folder, int(base.name[-1]), 0.8, 20.0)

    monkeypatch.setattr(seeds, "start", start)
    monkeypatch.setattr(variants, "start_twin", start_twin)
    return words


def call(monkeypatch, *arguments):
    monkeypatch.setattr(sys, "argv", ["variants.py", *map(str, arguments)])
    variants.main()


def test_the_table_by_hand(tmp_path, trained, monkeypatch, capsys):
    monkeypatch.setitem(seeds.HEADLINES, "cells", ("seg", "cells_merged"))
    given = ("--variants", "--learning-rate 0.1", "--learning-rate 0.2", "--learning-rate 9")
    arguments = ("DATA", "--out", tmp_path, "--seeds", 0, 1, *given, "--adam", 0.001)
    call(monkeypatch, *arguments)
    folder = str(tmp_path / "learning-rate-0.1-0")
    options = ["--data", "DATA", "--learning-rate", "0.1", "--seed", "0", "--threads", "1"]
    assert ["--out", folder, *options] in trained
    assert len(trained) == 6 + 4  # no twins of the runs that failed
    lines = capsys.readouterr().out.splitlines()
    assert "| settings | optimizer | SEG | cells merged | steps | minutes |" in lines
    # Minutes: 6 steps of 10 and of 20 seconds.
    rows = [line for line in lines if line.startswith("| `")]
    assert rows == [
        "| `--learning-rate 0.1` | SGD | 0.550 ± 0.071 | 7 ± 0 | 6 ± 0 | 1 ± 0 |",
        "| `--learning-rate 0.2` | SGD | 0.750 ± 0.071 | 7 ± 0 | 6 ± 0 | 1 ± 0 |",
        "| `--learning-rate 9` (0 of 2 runs) | SGD | – | – | – | – |",
        "| `--learning-rate 0.1` | Adam 0.001 | 0.8000 ± 0 | 7 ± 0 | 6 ± 0 | 2 ± 0 |",
        "| `--learning-rate 0.2` | Adam 0.001 | 0.8000 ± 0 | 7 ± 0 | 6 ± 0 | 2 ± 0 |",
        "| `--learning-rate 9` (0 of 2 runs) | Adam 0.001 | – | – | – | – |",
    ]
    call(monkeypatch, *arguments)
    assert len(trained) == 10 + 2  # only those that failed are tried again


def test_a_stopped_run_stops_the_script(tmp_path, monkeypatch):
    monkeypatch.setattr(seeds, "start", lambda words: SimpleNamespace(wait=lambda: 143))
    with pytest.raises(SystemExit, match="run the same command again to continue"):
        call(monkeypatch, "DATA", "--out", tmp_path, "--variants", "")


def test_equal_variants_are_refused(tmp_path, monkeypatch, capsys):
    with pytest.raises(SystemExit, match="2"):
        call(monkeypatch, "DATA", "--out", tmp_path, "--variants", "--depth 2", "--depth  2")
    assert "the same" in capsys.readouterr().err


@pytest.fixture(scope="module")
def run(tmp_path_factory):
    """Train for 6 steps on small noise whose labels are its bright pixels."""
    folder = tmp_path_factory.mktemp("twin")
    images = np.random.default_rng(0).integers(0, 255, (4, 40, 44)).astype(np.uint8)
    (folder / "data").mkdir()
    labels = 255 * (images > 99).astype(np.uint8)
    for name, array in (("volume", images), ("labels", labels)):
        path = folder / f"data/train-{name}.tif"
        tifffile.imwrite(path, array, photometric="minisblack")
    small = ("--depth", "1", "--channels", "4", "--tile", "32", "--steps", "6", "--threads", "1")
    words = ("-m", "minunet.train", "--data", folder / "data", "--out", folder / "run", *small)
    subprocess.run([sys.executable, *words], check=True, capture_output=True)
    return folder / "run"


def test_a_twin_differs_only_in_the_optimizer(run, tmp_path):
    pytest.importorskip("torch", exc_type=ImportError)
    script, twin = variants.__file__.replace("variants.py", "adam.py"), tmp_path / "twin"
    words = [script, run, "--out", twin, "--same", "steps", "--rate", "0.01"]
    subprocess.run([sys.executable, *words], check=True, capture_output=True)
    assert seeds.is_finished(twin)
    ours, theirs = (runs.read(folder) for folder in (run, twin))
    # The energy of step 1 comes before any update: same weights, same tile, same weights of pixels.
    assert theirs[0]["energy"] == pytest.approx(ours[0]["energy"], rel=1e-5)
    assert theirs[5]["energy"] != pytest.approx(ours[5]["energy"], rel=1e-5)
    # The schedule has the same shape: warm-up and half a cosine.
    for a, b in zip(ours, theirs, strict=True):
        assert b["learning_rate"] == pytest.approx(a["learning_rate"] * 0.01 / 0.2)
    one, other = comparison.read([run])[0], comparison.read([twin])[0]
    assert one.scores.keys() == other.scores.keys()
    assert one.fingerprint == other.fingerprint
    assert checkpoint.load(twin / "last.npz").step == 6


def test_a_twin_of_equal_time(run, monkeypatch):
    adam = pytest.importorskip("adam", exc_type=ImportError)
    clock = SimpleNamespace(monotonic=iter(range(99)).__next__)  # a second for each step
    monkeypatch.setattr(adam, "time", clock)
    settings = replace(runs.read_settings(run), warm_up=0)
    state, log = adam.train(settings, adam.preparation.load(settings), 0.01, seconds=3.5)
    assert state.step == len(log) == 4
    # Half a cosine, after 0, 2/7, 4/7 and 6/7 of the time.
    rates = [0.005 * (1 + np.cos(np.pi * k / 7)) for k in (0, 2, 4, 6)]
    assert [row["learning_rate"] for row in log] == pytest.approx(rates)
