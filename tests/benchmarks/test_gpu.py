"""The benchmark for a GPU runs all parts, whatever some of them do. Here, none meets a GPU."""

import importlib
import json
import sys
import time
from types import SimpleNamespace

import gpu
import gpu_launches
import ledger
import pretended
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


def test_what_a_part_has_started_ends_with_it(tmp_path):
    late = tmp_path / "late"
    child = f"import time; time.sleep(4); open({str(late)!r}, 'w')"
    code = f"import subprocess, sys; subprocess.run([sys.executable, '-c', {child!r}])"
    assert gpu.run(python(code, 1.0))["code"] == 124
    time.sleep(4)
    assert not late.exists()


def test_kernels_are_told_from_calls_on_the_host():
    def one(name, kind, seconds):
        return SimpleNamespace(key=name, device_type=kind, self_device_time_total=seconds)

    found = gpu.of_device([one("a", 1, 2.0), one("cudaLaunchKernel", 0, 9.0), one("b", 1, 3.0)], 1)
    assert [kernel.key for kernel in found] == ["b", "a"]


def test_the_profiler_of_pytorch_has_these_names():
    averages = pytest.importorskip("torch.autograd.profiler_util").FunctionEventAvg()
    kinds = importlib.import_module("torch.autograd").DeviceType
    assert averages.device_type == kinds.CPU != kinds.CUDA
    assert averages.self_device_time_total == averages.count == 0


def test_the_peak_of_the_memory_follows_the_pool():
    cupy = pytest.importorskip("cupy")
    hooks = []

    class Hook(cupy.cuda.MemoryHook):
        def __enter__(self):
            hooks.append(self)

        def __exit__(self, *_):
            pass

    pool = SimpleNamespace(free_all_blocks=lambda: None, used_bytes=lambda: 100)
    fake = SimpleNamespace(
        cuda=SimpleNamespace(MemoryHook=Hook), get_default_memory_pool=lambda: pool
    )

    def call():
        hook = hooks[0]
        hook.malloc_postprocess(device_id=0, size=1, mem_size=512, mem_ptr=7, pmem_id=1)
        hook.malloc_postprocess(device_id=0, size=900, mem_size=1024, mem_ptr=9, pmem_id=2)
        hook.free_postprocess(device_id=0, mem_size=1024, mem_ptr=9, pmem_id=2)
        hook.malloc_postprocess(device_id=0, size=9, mem_size=512, mem_ptr=9, pmem_id=3)
        hook.malloc_postprocess(device_id=0, size=9, mem_size=10**9, mem_ptr=0, pmem_id=0)

    assert gpu.peak(fake, call) == 100 + 512 + 1024


def test_the_estimates_beside_which_the_memory_is_measured(monkeypatch):
    settings = from_options(preset="tiny", channels=8, tile=100)
    with pretended.gpu(monkeypatch, 10**9) as card:
        for name, counted, estimate, call in gpu.passes(settings):
            for _ in range(2):  # a step replaces the first parameters
                began, used = len(card), card.used
                call()
            assert counted == pytest.approx(used + ledger.peak(card[began:]), rel=0.03), name
            assert estimate > counted
            del call


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
