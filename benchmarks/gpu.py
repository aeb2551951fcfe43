"""Test and measure minunet on a GPU, with one command that takes less than 8 minutes.

    python benchmarks/gpu.py --out FOLDER [--data FOLDER/isbi2012]
    python benchmarks/gpu.py --profile laptop
    python benchmarks/gpu.py --memory laptop paper

The script needs CuPy, PyTorch with CUDA, pytest and hypothesis, but no internet access. It runs the
tests marked `gpu`, compares inference and training steps with PyTorch (`beside_torch`), without and
with TF32, lists the kernels of a training step, sorted by time, and compares the memory with its
estimate. With --data, it also trains `--experiment em` on ISBI 2012. Each part is a process with a
time limit; if one fails, the others still run. The script writes `gpu.json` and `gpu.md`, a report
for `benchmarks/README.md`, into FOLDER, and the numbers of the comparison with PyTorch into folders
there.

**We have never run this on a GPU.**
"""

import argparse
import json
import os
import shlex
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import suppress
from functools import partial
from pathlib import Path
from types import MappingProxyType
from typing import Any, NamedTuple

import gpu_launches
import numpy as np
import seeds

from minunet import files, training
from minunet.errors import InputError
from minunet.network import Network, device
from minunet.prediction import gpu_memory
from minunet.runs.settings import from_options

HERE = Path(__file__).resolve().parent

STEPS = 20
"""Number of training steps in each round: to warm up, to time and to profile."""

SHOWN = 15
"""Number of kernels in the table of a profile."""

LONGEST = 20_000
"""Maximum number of characters to keep from the output of a part."""


class Part(NamedTuple):
    """A part of the benchmark: a command with a time limit."""

    name: str
    command: list[str]
    limit: float  # seconds
    environment: Mapping[str, str] = MappingProxyType({})


def parts(out: Path, data: Path | None) -> list[Part]:
    """List the parts, the most important ones first."""
    python = [sys.executable]
    tests = str(HERE.parent / "tests" / "network" / "test_device.py")  # all that need a GPU
    # Every network and direction starts three processes, each of which initializes CUDA.
    beside = [*python, str(HERE / "beside_torch"), "--device", "cuda", "--widths", "16", "64"]
    beside += ["--rounds", "3", "--patience", "2", "--save"]
    found = [
        Part("tests", [*python, "-m", "pytest", "-q", "-m", "gpu", tests], 70),
        Part("memory", [*python, __file__, "--memory", "laptop", "paper"], 40),
        Part("beside PyTorch, float32", [*beside, str(out / "float32")], 80),
        Part("beside PyTorch, TF32", [*beside, str(out / "tf32")], 70, {"CUPY_TF32": "1"}),
        *(
            Part(f"kernels of a step, {preset}", [*python, __file__, "--profile", preset], 40)
            for preset in ("laptop", "paper")
        ),
    ]
    if data:
        train = [*python, str(HERE / "seeds.py"), "--out", str(out / "runs"), "--seeds", "0"]
        train += ["--experiment", "em", "--data", str(data), "--device", "cuda"]
        found.append(Part("ISBI 2012", train, 140))
    return found


def run(part: Part) -> dict:
    """Run a part; return its exit code (124 after its time limit), its time and its output.

    After the time limit, the processes that the part has started end, too: they use the GPU.
    """
    started = time.monotonic()
    process = subprocess.Popen(
        part.command,
        env={**os.environ, "PYTHONUNBUFFERED": "1", **part.environment},
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        start_new_session=True,
    )
    try:
        output, _ = process.communicate(timeout=part.limit)
        code = process.returncode
    except subprocess.TimeoutExpired:
        os.killpg(process.pid, signal.SIGKILL)
        output, _ = process.communicate()
        code = 124
    finally:
        with suppress(ProcessLookupError):  # after Ctrl-C
            os.killpg(process.pid, signal.SIGKILL)
    return {
        "command": shlex.join([*(f"{k}={v}" for k, v in part.environment.items()), *part.command]),
        "code": code,
        "seconds": round(time.monotonic() - started, 1),
        "output": output.decode(errors="replace")[-LONGEST:],
    }


def markdown(report: dict) -> str:
    """Format the report: a table of the parts, then the tables or the last lines of each part."""
    lines = [f"GPU: {report['device']}; commit {report['commit']}.", ""]
    lines += ["| part | exit code | seconds |", "|---|---|---|"]
    for name, part in report["parts"].items():
        lines.append(f"| {name} | {part['code']} | {part['seconds']} |")
    for name, part in report["parts"].items():
        output = part["output"].splitlines()
        tables = [line for line in output if line.startswith(("|", "#"))]
        lines += ["", f"### {name}", "", f"`{part['command']}`", ""]
        lines += tables if tables and not part["code"] else ["```", *output[-30:], "```"]
    return "\n".join(lines) + "\n"


def profile(preset: str) -> None:
    """Print the kernels of a training step by time; PyTorch's profiler sees those of CuPy."""
    import cupy
    from torch.autograd import DeviceType
    from torch.profiler import ProfilerActivity
    from torch.profiler import profile as profiled

    settings = from_options(preset=preset)
    state, tile = training.start(settings, "cuda"), gpu_launches.tile(settings)
    fixed = settings.architecture, 0.001, settings.momentum, settings.clip

    def steps() -> float:
        started = time.perf_counter()
        for _ in range(STEPS):
            training.step(state, tile, *fixed)
        cupy.cuda.Device().synchronize()  # a step itself waits only for its energy
        return (time.perf_counter() - started) / STEPS

    steps()
    seconds = steps()
    with profiled(activities=[ProfilerActivity.CUDA]) as found:
        steps()
    kernels = of_device(found.key_averages(), DeviceType.CUDA)
    if not kernels:
        sys.exit("PyTorch's profiler has seen no kernels; is this a CUDA build of PyTorch?")
    busy = sum(one.self_device_time_total for one in kernels) / STEPS / 1e3
    print(f"{preset}: {1e3 * seconds:.2f} ms a step, of which the GPU computes {busy:.2f} ms\n")
    print("| kernel | calls a step | ms a step |\n|---|---|---|")
    for one in kernels[:SHOWN]:
        name = one.key.replace("|", "/")[:80]
        each = one.self_device_time_total / STEPS / 1e3
        print(f"| `{name}` | {one.count / STEPS:g} | {each:.3f} |")


def of_device(averages: Any, kind: Any) -> list[Any]:
    """Return the events that ran on the device, by time; calls on the host have times of theirs."""
    kernels = [one for one in averages if one.device_type == kind]
    return sorted(kernels, key=lambda one: -one.self_device_time_total)


def memory(presets: list[str]) -> None:
    """Print the peak memory of a prediction and of a training step, and the estimates."""
    import cupy

    print("| preset | pass | arrays: estimate, MB | arrays: measured, MB | ratio ", end="")
    print("| pool, MB | estimate of all, MB | CUDA, besides the pool, MB |")
    print("|---|---|---|---|---|---|---|---|")
    for preset in presets:
        settings = from_options(preset=preset)
        for name, counted, estimate, call in passes(settings):
            call()  # loads the kernels
            used = peak(cupy, call)
            pool = cupy.get_default_memory_pool().total_bytes()
            free, total = cupy.cuda.Device().mem_info
            parts = [counted, used], [pool, estimate, total - free - pool]
            before, after = (" | ".join(f"{n / 1e6:.0f}" for n in part) for part in parts)
            print(f"| {preset} | {name} | {before} | {counted / used:.3f} | {after} |")
            del call


def passes(settings: Any) -> Iterator[tuple[str, float, float, Callable[[], Any]]]:
    """Yield a prediction and a training step on the GPU, with their estimates.

    Yields
    ------
    name : str
    counted : float      bytes of the arrays, with the parameters and velocities
    estimate : float     bytes of all that the pass needs
    call : callable
    """
    arch, n, tile = settings.architecture, settings.tile, gpu_launches.tile(settings)
    network = Network(training.start(settings, "cuda").params, arch)
    counted = gpu_memory.FLOAT * arch.parameters() + gpu_memory.of_forward(arch, n, n)
    estimate = gpu_memory.of_prediction(arch, n, n)
    yield "prediction", counted, estimate, partial(network.logits, tile.x)
    del network
    state = training.start(settings, "cuda")
    fixed = arch, 0.001, settings.momentum, settings.clip
    counted = gpu_memory.of_step(arch, n, n)
    estimate = gpu_memory.of_training(arch, n, n)
    yield "training step", counted, estimate, partial(training.step, state, tile, *fixed)


def peak(cupy: Any, call: Callable[[], Any]) -> int:
    """Return the bytes of CuPy's arrays that are in use at the same time during a call."""

    class Peak(cupy.cuda.MemoryHook):
        """Follow what the pool hands out and gets back."""

        name = "peak"
        used = most = 0

        def malloc_postprocess(self, **given: Any) -> None:
            self.used += given["mem_size"] if given["mem_ptr"] else 0
            self.most = max(self.most, self.used)

        def free_postprocess(self, **given: Any) -> None:
            self.used -= given["mem_size"]

    pool = cupy.get_default_memory_pool()
    pool.free_all_blocks()
    hook = Peak()
    hook.used = hook.most = pool.used_bytes()
    with hook:
        call()
    return hook.most


def main() -> None:
    """Run all parts and write the report, or profile a preset."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0], allow_abbrev=False)
    parser.add_argument("--out", type=Path, help="folder for gpu.json and gpu.md")
    parser.add_argument("--data", type=Path, help="folder with the ISBI 2012 stack, to train on it")
    presets = ("tiny", "laptop", "paper")
    parser.add_argument("--profile", choices=presets, help="only profile steps")
    parser.add_argument("--memory", choices=presets, nargs="+", help="only measure the memory")
    args = parser.parse_args()
    if not args.profile and not args.memory and not args.out:
        parser.error("pass --out FOLDER")
    try:
        _, name = device.choose("cuda")
    except InputError as error:
        parser.error(str(error))
    if args.profile:
        return profile(args.profile)
    if args.memory:
        return memory(args.memory)
    for file in ("gpu.json", "gpu.md"):
        if (args.out / file).exists():
            parser.error(f"{args.out / file} already exists; pass another folder with --out")
    args.out.mkdir(parents=True, exist_ok=True)
    report = {"device": name, "commit": seeds.commit(), "NumPy": np.__version__, "parts": {}}
    for part in parts(args.out, args.data):
        print(f"{part.name} (at most {part.limit:g} s) …", flush=True)
        report["parts"][part.name] = run(part)
        with files.atomic(args.out / "gpu.json") as beside:  # if interrupted, only one part is lost
            beside.write_text(json.dumps(report, indent=1), encoding="utf-8")
        with files.atomic(args.out / "gpu.md") as beside:
            beside.write_text(markdown(report), encoding="utf-8")
    print(markdown(report))


if __name__ == "__main__":
    main()
