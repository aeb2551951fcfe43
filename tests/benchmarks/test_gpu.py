"""The benchmark for a GPU runs all parts, whatever some of them do. Here, none meets a GPU."""

import json
import sys

import gpu
import gpu_launches
import ledger
import pytest
from gpu import Part

from minunet.network import device
from minunet.runs.settings import from_options


@pytest.fixture
def pretended_gpu(monkeypatch):
    monkeypatch.setattr(device, "choose", lambda wanted: ("cuda", "Pretended 1000"))


def run(monkeypatch, *arguments):
    monkeypatch.setattr(sys, "argv", ["gpu.py", *map(str, arguments)])
    gpu.main()


def python(code, limit=20.0, **environment):
    return Part("part", [sys.executable, "-c", code], limit, environment)


def test_the_output_and_the_exit_code_of_a_part():
    found = gpu.run(python("import os; print(os.environ['A']); exit(3)", A="b c"))
    assert found["code"] == 3
    assert found["output"].strip() == "b c"
    assert found["command"].startswith("'A=b c' ")


def test_a_part_that_takes_too_long_is_stopped_and_keeps_its_output():
    found = gpu.run(python("import time; print('so far', flush=True); time.sleep(60)", 2.0))
    assert found["code"] == 124
    assert found["output"].strip() == "so far"
    assert 2 <= found["seconds"] < 20


def test_a_failing_part_does_not_stop_the_others(tmp_path, monkeypatch, pretended_gpu, capsys):
    good, bad = "print('| a |'); print('|---|'); print('| 1 |')", "raise ValueError('no kernel')"
    some = [python(bad)._replace(name="first"), python(good)._replace(name="second")]
    monkeypatch.setattr(gpu, "parts", lambda out, data: some)
    run(monkeypatch, "--out", tmp_path / "r")
    report = json.loads((tmp_path / "r/gpu.json").read_text())
    assert [part["code"] for part in report["parts"].values()] == [1, 0]
    text = (tmp_path / "r/gpu.md").read_text()
    assert "Pretended 1000" in text
    assert "ValueError: no kernel" in text
    assert "| a |\n|---|\n| 1 |" in text
    with pytest.raises(SystemExit) as end:
        run(monkeypatch, "--out", tmp_path / "r")
    assert end.value.code == 2
    assert json.loads((tmp_path / "r/gpu.json").read_text()) == report
    assert "already exists" in capsys.readouterr().err


def test_the_parts_take_less_than_eight_minutes_and_exist(tmp_path):
    without, with_data = gpu.parts(tmp_path, None), gpu.parts(tmp_path, tmp_path / "isbi2012")
    assert sum(part.limit for part in without) < sum(part.limit for part in with_data) <= 480
    for part in with_data:
        script = part.command[1]
        assert script == "-m" or gpu.Path(script).exists()


def test_without_a_gpu_it_says_so(tmp_path, monkeypatch, capsys):
    monkeypatch.setattr(device, "_missing", lambda: "no CUDA GPU or driver was found")
    with pytest.raises(SystemExit) as end:
        run(monkeypatch, "--out", tmp_path / "r")
    assert end.value.code == 2
    assert "no CUDA GPU" in capsys.readouterr().err
    assert not (tmp_path / "r").exists()


def test_a_step_needs_at_most_500_launches():
    entries = gpu_launches.step(from_options(preset="tiny", channels=2, tile=100))
    assert len(ledger.of(entries, "launch")) <= 500  # 491, at any width and tile
