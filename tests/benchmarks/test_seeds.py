"""Benchmarks over seeds train what is missing, resume what was stopped, and add up by hand."""

import sys
from types import SimpleNamespace

import border_term
import pytest
import seeds
from finished_runs import write_run

SEG = {0: (0.5, 0.7), 1: (0.6, 0.8), 2: (0.7, 0.9)}  # means 0.6, 0.7, 0.8: 0.7 ± 0.1


@pytest.fixture
def trained(monkeypatch):
    """List the arguments of every training that a script starts; each writes a finished run."""
    words = []

    def start(given):
        words.append(given)
        folder = seeds.Path(given[1])
        if given[0] == "--out":
            seed = int(given[given.index("--seed") + 1])
            form = given[given.index("--weight-map") + 1] if "--weight-map" in given else "paper"
            less = 0.0 if form == "paper" else 0.1 * (1 + seed)
            seg = tuple(value - less for value in SEG[seed])
            write_run(folder, seed, seg, weight_map=form)
        (folder / "report.html").touch()
        return SimpleNamespace(wait=lambda: 0)

    monkeypatch.setattr(seeds, "start", start)
    return words


def call(main, monkeypatch, *arguments):
    monkeypatch.setattr(sys, "argv", ["script", *map(str, arguments)])
    main()


def test_every_seed_is_trained_once(tmp_path, trained, monkeypatch, capsys):
    arguments = ("--out", tmp_path, "--seeds", 0, 1, 2, "--experiment", "em")
    call(seeds.main, monkeypatch, *arguments)
    assert trained == [
        ["--out", str(tmp_path / f"seed-{seed}"), "--experiment", "em", "--seed", str(seed)]
        for seed in (0, 1, 2)
    ]
    printed = capsys.readouterr().out
    # Over the slices: each run 0.1·√2.
    assert "| score | seed 0 | seed 1 | seed 2 | mean ± over seeds | ± over slices |" in printed
    assert "| SEG | 0.60 | 0.70 | 0.80 | 0.70 ± 0.10 | 0.14 |" in printed
    assert "| cells merged | 7 | 7 | 7 | 7 ± 0 |  |" in printed
    assert "--seed 2" in printed
    call(seeds.main, monkeypatch, *arguments)
    assert len(trained) == 3
    assert f"{tmp_path / 'seed-1'} is finished" in capsys.readouterr().out


def test_a_stopped_run_is_resumed(tmp_path, trained, monkeypatch, capsys):
    write_run(tmp_path / "seed-1", 1, SEG[1])  # without a report
    call(seeds.main, monkeypatch, "--out", tmp_path, "--seeds", 0, 1)
    assert trained[1] == ["--resume", str(tmp_path / "seed-1")]


def test_a_failure_ends_the_script(tmp_path, monkeypatch):
    monkeypatch.setattr(seeds, "start", lambda words: SimpleNamespace(wait=lambda: 2))
    with pytest.raises(SystemExit, match="run the same command again to continue"):
        call(seeds.main, monkeypatch, "--out", tmp_path)


def test_the_border_term_by_hand(tmp_path, trained, monkeypatch, capsys):
    arguments = ("DATA", "--out", tmp_path, "--seeds", 0, 1, 2, "--steps", 6)
    monkeypatch.setattr(border_term, "SHOWN", ("seg", "cells_merged"))
    call(border_term.main, monkeypatch, *arguments)
    shared = ["--experiment", "cells", "--data", "DATA", "--steps", "6"]
    assert trained[:2] == [
        [
            *("--out", str(tmp_path / f"{form}-0"), *shared),
            *("--weight-map", form, "--seed", "0", "--threads", "1"),
        ]
        for form in ("paper", "balance")
    ]
    assert len(trained) == 6
    printed = capsys.readouterr().out
    # Alone: 0.5, 0.5 and 0.5. Differences: 0.1, 0.2 and 0.3.
    assert "| w_c and border term | 0.70 ± 0.10 | 7 ± 0 |" in printed
    assert "| w_c alone | 0.5000 ± 0 | 7 ± 0 |" in printed
    assert "| difference | 0.20 ± 0.10 | 0 ± 0 |" in printed
    call(border_term.main, monkeypatch, *arguments)
    assert len(trained) == 6
