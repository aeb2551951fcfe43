"""Seconds and memory of a training step beside PyTorch's, on the CPU.

    python benchmarks/step.py [--presets laptop paper] [--rounds 3]

Every figure comes from a process of its own, so that peak memory is its own too; the processes take
turns, so that a machine that changes its speed changes it for all. A step is forward, energy,
backward and update on one tile of noise, without dropout (PyTorch draws another). All sides start
from the same weights and the same tile, and their energies are asserted equal before any time is
believed. The processes choose kernels and threads themselves: what the shell says of OpenBLAS,
OpenMP and MKL is left out, unless --as-is. Prints one Markdown table.
"""

import argparse
import json
import os
import platform
import resource
import statistics
import subprocess
import sys
import time
from pathlib import Path

import numpy as np

from minunet import geometry, initialization, sgd, unet
from minunet.config import PRESETS, from_options
from minunet.ops import cross_entropy

sys.path.insert(0, str(Path(__file__).parents[1] / "tests"))  # for the PyTorch twin

SIDES = ("minunet", "torch", "torch channels-last")
MOMENTUM, RATE = 0.99, 1e-4


def workload(preset):
    """Architecture, parameters, tile, labels and weight map of a preset."""
    settings = from_options(preset=preset)
    arch, n = settings.architecture, settings.tile
    rng = np.random.default_rng(0)
    params = initialization.gaussian(arch, rng)
    x = rng.random((n, n, arch.in_channels), dtype=np.float32)
    m = geometry.output_size(n, arch.depth)
    labels = rng.integers(arch.classes, size=(m, m))
    weights = (rng.random((m, m), dtype=np.float32) + np.float32(0.5)) / np.float32(m * m)
    return arch, params, x, labels, weights


def minunet_steps(preset, count):
    """Yield the energy of each step of ours."""
    arch, params, x, labels, weights = workload(preset)
    velocity = sgd.start(params)
    for _ in range(count):
        logits, activations = unet.forward(params, x, arch)
        energy, p = cross_entropy.forward(logits, labels, weights)
        grads = unet.backward(params, activations, cross_entropy.backward(p, labels, weights), arch)
        params, velocity = sgd.step(params, grads, velocity, RATE, MOMENTUM)
        yield float(energy)


def torch_steps(preset, count, channels_last):
    """Yield the energy of each step of PyTorch's."""
    import torch
    import torch_unet

    arch, params, x, labels, weights = workload(preset)
    form = torch.channels_last if channels_last else torch.contiguous_format
    tile = torch_unet.map_to_torch(x).contiguous(memory_format=form)
    tensors = torch_unet.to_torch(params)
    for name, w in tensors.items():
        if w.ndim == 4:
            tensors[name] = w.detach().contiguous(memory_format=form).requires_grad_()
    labels, weights = torch.from_numpy(labels)[None], torch.from_numpy(weights)
    optimizer = torch.optim.SGD(tensors.values(), lr=RATE, momentum=MOMENTUM)
    for _ in range(count):
        optimizer.zero_grad()
        logits = torch_unet.forward(tensors, tile, arch)
        loss = torch.nn.functional.cross_entropy(logits, labels, reduction="none")[0]
        energy = (weights * loss).sum()
        energy.backward()
        optimizer.step()
        yield float(energy.detach())


def child(side, preset, count):
    """Print one line of JSON: energies, seconds of each step, and peak memory in bytes."""
    if side == "minunet":
        steps = minunet_steps(preset, count)
    else:
        steps = torch_steps(preset, count, side == "torch channels-last")
    energies, seconds, started = [], [], time.perf_counter()
    for energy in steps:
        now = time.perf_counter()
        energies.append(energy)
        seconds.append(now - started)
        started = now
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024
    print(json.dumps({"energies": energies, "seconds": seconds[1:], "peak": peak}))


def environment(as_is):
    """Environment of a process: without what would choose its kernels and threads for it."""
    chosen = () if as_is else ("OPENBLAS_", "OMP_", "MKL_", "GOTO_")
    return {name: value for name, value in os.environ.items() if not name.startswith(chosen)}


def measure(preset, rounds, count, as_is):
    """Run all sides in turn; return for each its seconds, its peak and its energies."""
    results = {side: {"seconds": [], "peak": 0, "energies": None} for side in SIDES}
    for _ in range(rounds):
        for side in SIDES:
            command = [sys.executable, __file__, "--child", side, preset, str(count)]
            done = subprocess.run(command, check=True, capture_output=True, env=environment(as_is))
            out = json.loads(done.stdout)
            mine = results[side]
            mine["seconds"] += out["seconds"]
            mine["peak"] = max(mine["peak"], out["peak"])
            mine["energies"] = out["energies"]
    ours = results["minunet"]["energies"]
    for side in SIDES[1:]:
        np.testing.assert_allclose(results[side]["energies"], ours, rtol=1e-4)
    return results


def main():
    """Measure, and print the table."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--presets", nargs="+", choices=PRESETS, default=["laptop", "paper"])
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--steps", type=int, default=3, help="in a process, the first not counted")
    parser.add_argument("--as-is", action="store_true", help="in the environment of the shell")
    parser.add_argument("--child", nargs=3, help=argparse.SUPPRESS)
    args = parser.parse_args()
    if args.child:
        side, preset, count = args.child
        return child(side, preset, int(count))
    import torch

    print(
        f"{platform.machine()}, {os.cpu_count()} cores, NumPy {np.__version__}, "
        f"PyTorch {torch.__version__}\n"
    )
    print("| preset | side | seconds a step: median (min – max) | ÷ best PyTorch | peak MiB | ÷ |")
    print("|---|---|---|---|---|---|")
    for preset in args.presets:
        results = measure(preset, args.rounds, args.steps, args.as_is)
        medians = {side: statistics.median(results[side]["seconds"]) for side in SIDES}
        best = min(SIDES[1:], key=medians.get)
        for side in SIDES:
            times, peak = results[side]["seconds"], results[side]["peak"]
            print(
                f"| {preset} | {side} | {medians[side]:.3f} ({min(times):.3f} – {max(times):.3f}) "
                f"| {medians[side] / medians[best]:.2f} | {peak / 2**20:.0f} "
                f"| {peak / results[best]['peak']:.2f} |"
            )


if __name__ == "__main__":
    main()
