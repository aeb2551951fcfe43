"""Test and measure minunet on a GPU, with one command that takes less than 8 minutes.

    python benchmarks/gpu.py --out FOLDER [--data FOLDER/isbi2012]
    python benchmarks/gpu.py --profile laptop

The script needs CuPy, PyTorch with CUDA, pytest and hypothesis, but no internet access. It runs the
tests marked `gpu`, compares inference and training steps with PyTorch (`beside_torch`), without and
with TF32, and lists the kernels of a training step, sorted by time. With --data, it also trains
`--experiment em` on ISBI 2012. Each part is a process with a time limit; if one fails, the others
still run. The script writes `gpu.json` and `gpu.md`, a report for `benchmarks/README.md`, into
FOLDER.

**We have never run this on a GPU.**
"""

import argparse
import json
import os
import shlex
import subprocess
import sys
import time
from collections.abc import Mapping
from pathlib import Path
from types import MappingProxyType
from typing import NamedTuple

import gpu_launches
import numpy as np
import seeds

from minunet import files, training
from minunet.errors import InputError
from minunet.network import device
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
    beside = [*python, str(HERE / "beside_torch"), "--device", "cuda", "--patience", "3"]
    found = [
        Part("tests", [*python, "-m", "pytest", "-q", "-m", "gpu", str(HERE.parent / "tests")], 80),
        Part("beside PyTorch, float32", beside, 90),
        Part("beside PyTorch, TF32", beside, 90, {"CUPY_TF32": "1"}),
        *(
            Part(f"kernels of a step, {preset}", [*python, __file__, "--profile", preset], 30)
            for preset in ("laptop", "paper")
        ),
    ]
    if data:
        train = [*python, str(HERE / "seeds.py"), "--out", str(out / "runs"), "--seeds", "0"]
        train += ["--experiment", "em", "--data", str(data), "--device", "cuda"]
        found.append(Part("ISBI 2012", train, 150))
    return found


def run(part: Part) -> dict:
    """Run a part; return its exit code (124 after its time limit), its time and its output."""
    started = time.monotonic()
    try:
        done = subprocess.run(
            part.command,
            env={**os.environ, **part.environment},
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            timeout=part.limit,
        )
        code, output = done.returncode, done.stdout
    except subprocess.TimeoutExpired as error:
        code, output = 124, error.stdout or b""
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
    from torch.profiler import ProfilerActivity
    from torch.profiler import profile as profiled

    settings = from_options(preset=preset)
    state, tile = training.start(settings, "cuda"), gpu_launches.tile(settings)
    fixed = settings.architecture, 0.001, settings.momentum, settings.clip

    def steps() -> float:
        started = time.perf_counter()
        for _ in range(STEPS):
            training.step(state, tile, *fixed)  # waits for the energy
        return (time.perf_counter() - started) / STEPS

    steps()
    seconds = steps()
    with profiled(activities=[ProfilerActivity.CUDA]) as found:
        steps()
    kernels = sorted(found.key_averages(), key=lambda one: -one.device_time_total)
    busy = sum(one.device_time_total for one in kernels) / STEPS / 1e3
    print(f"{preset}: {1e3 * seconds:.2f} ms a step, of which the GPU computes {busy:.2f} ms\n")
    print("| kernel | calls a step | ms a step |\n|---|---|---|")
    for one in kernels[:SHOWN]:
        name = one.key.replace("|", "/")[:80]
        print(f"| `{name}` | {one.count / STEPS:g} | {one.device_time_total / STEPS / 1e3:.3f} |")


def main() -> None:
    """Run all parts and write the report, or profile a preset."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0], allow_abbrev=False)
    parser.add_argument("--out", type=Path, help="folder for gpu.json and gpu.md")
    parser.add_argument("--data", type=Path, help="folder with the ISBI 2012 stack, to train on it")
    parser.add_argument("--profile", choices=("tiny", "laptop", "paper"), help="only profile steps")
    args = parser.parse_args()
    if not args.profile and not args.out:
        parser.error("pass --out FOLDER")
    try:
        _, name = device.choose("cuda")
    except InputError as error:
        parser.error(str(error))
    if args.profile:
        return profile(args.profile)
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
