"""Measure block-by-block predictions of volumes: time, memory, and whether the bytes are equal.

    python benchmarks/volumes.py [--shapes 4x4000x4000 64x1024x1024] [--rounds 1]
    python benchmarks/volumes.py --kills 20 --shapes 4x1000x1000
    python benchmarks/volumes.py --scheduler-memory 100000

The script segments Zarr arrays of synthetic EM with `python -m minunet.predict em` in four ways:
one process with one thread, one process with a thread per core, a worker per core, and three parts
one after another. With several rounds, the ways alternate, so that a change in the machine's speed
affects all of them. The table says whether the chunks equal those of one thread, byte for byte;
with several threads, they may differ. The largest difference of the first and the last slice from
`Model.segment` is printed below it. Other options are passed to `predict`.

Memory is the peak anonymous memory of any single process, sampled while it runs (Linux only).

With --kills N, the script predicts on a Dask cluster, and kills the command, a worker or the
scheduler, N times in all, at random moments. A killed worker is replaced, and the prediction goes
on; otherwise the command is repeated. The script prints how many chunks were written twice, and
whether the results equal those of one process.

With --scheduler-memory, it submits empty tasks to a local cluster, and prints the memory of the
process that contains the scheduler after every 10,000 tasks.

Tables are in Markdown. With the defaults, the script needs about 15 minutes on 2 cores.
"""

import argparse
import hashlib
import json
import os
import platform
import random
import shlex
import signal
import socket
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from statistics import median

import large_images
import numpy as np
import seeds

import minunet
from minunet.data.synthetic import em_stack
from minunet.prediction import engines
from minunet.prediction.memory import format_bytes

SIDE = 512
"""Side of the synthetic slices of which a volume consists, in pixels."""

POLL = 0.05
"""Seconds between two readings of memory, or of what is done."""

START = 3.0
"""Seconds in which a process of a cluster starts."""


def parse_shape(text):
    """Parse a shape such as 4x4000x4000, an argparse type."""
    return tuple(map(int, text.split("x")))


def write_volume(path, shape):
    """Write a Zarr array of synthetic EM: one stack, repeated as mirrored copies."""
    import zarr

    depth, height, width = shape
    stack = em_stack((min(depth, 4), SIDE, SIDE), np.random.default_rng(0)).images
    array = zarr.create_array(
        path, shape=shape, chunks=(1, 512, 512), dtype="u1", dimension_names=[*"zyx"]
    )
    reach = [(0, max(n - SIDE, 0)) for n in (height, width)]
    for k in range(depth):
        array[k] = np.pad(stack[k % len(stack)], reach, mode="symmetric")[:height, :width]
    return array


def start(image, out, *options):
    """Start a prediction; return its process."""
    command = [sys.executable, "-m", "minunet.predict", "em", image, "-o", out, *options]
    return subprocess.Popen(
        [*map(str, command)], stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True
    )


def anonymous(pid):
    """Return the anonymous memory of a process in bytes; 0 if it has ended."""
    return large_images.memory(pid)["RssAnon"]


def family(pid):
    """Return a process and all processes that it started."""
    found = [pid]
    for one in found:
        for children in Path(f"/proc/{one}/task").glob("*/children"):
            try:
                found += map(int, children.read_text().split())
            except (FileNotFoundError, ProcessLookupError):
                continue
    return found


def watched(process):
    """Wait for a process; return the largest memory of one of its family, and its output."""
    peak = 0
    while process.poll() is None:
        peak = max([peak, *map(anonymous, family(process.pid))])
        time.sleep(POLL)
    output, _ = process.communicate()
    if process.returncode:
        sys.exit(output)
    return peak, output


def chunks(out):
    """Return the files of the arrays of a result, by their names, without partial ones."""
    files = (one for one in out.rglob("*") if one.is_file() and "notes" not in one.parts)
    return {
        str(one.relative_to(out)): one
        for one in files
        if one.name != "plan.json" and ".partial" not in one.name
    }


def digest(out):
    """Return the SHA-256 of all chunks of a result."""
    found = hashlib.sha256()
    for name, path in sorted(chunks(out).items()):
        found.update(name.encode() + path.read_bytes())
    return found.hexdigest()


def ways(cores):
    """Return the options of each way, as a list of commands that run one after another."""
    return {
        "1 process, 1 thread": [("--threads", 1)],
        f"1 process, {cores} threads": [("--threads", cores)],
        f"{cores} workers": [("--workers", cores)],
        "3 parts": [("--part", f"{k}/3") for k in (1, 2, 3)],
    }


def largest_difference(out, array):
    """Return the largest difference of the first and the last slice from `Model.segment`."""
    import zarr

    model, p = minunet.load("em", device="cpu"), zarr.open_array(out / "0", mode="r")
    pairs = [(p[k], model.segment(array[k])[..., 1]) for k in (0, p.shape[0] - 1)]
    return max(float(np.abs(a - b).max()) for a, b in pairs)


def measure(folder, shape, rounds, options):
    """Segment a volume in all ways; print a row for each."""
    image = folder / "in.zarr"
    array = write_volume(image, shape)
    megapixels, found, digests = array.size / 1e6, {}, {}
    for turn in range(rounds):
        for name, commands in ways(os.cpu_count()).items():
            out = folder / f"{turn}-{name.replace(' ', '-')}.zarr"
            started, peak = time.perf_counter(), 0
            for command in commands:
                peak = max(peak, watched(start(image, out, *command, *options))[0])
            found.setdefault(name, []).append((time.perf_counter() - started, peak))
            digests.setdefault(name, set()).add(digest(out))
    first = next(iter(digests.values()))
    count = len(chunks(out))
    for name, runs in found.items():
        seconds = median(one for one, _ in runs)
        equal = "yes" if digests[name] == first and len(first) == 1 else "no"
        print(
            f"| {'x'.join(map(str, shape))} | {name} | {seconds:.0f} | {seconds / megapixels:.2f} "
            f"| {format_bytes(max(peak for _, peak in runs))} | {count} | {equal} |",
            flush=True,
        )
    largest = largest_difference(out, array)
    print(f"\nLargest difference from `Model.segment`: {largest:.1e}.\n", flush=True)


class Cluster:
    """A Dask scheduler and two workers, each a process of its own."""

    def __enter__(self):
        """Start all processes."""
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            self.port = str(free.getsockname()[1])
        self.address = f"tcp://127.0.0.1:{self.port}"
        self.processes = {}
        for name in ("scheduler", "worker", "other worker"):
            self.start(name)
        return self

    def start(self, name):
        """Start one of the processes."""
        own = ["--host", "127.0.0.1", "--port", self.port]
        if name != "scheduler":
            own = [self.address, "--nthreads", "1", "--no-nanny"]
        module = f"distributed.cli.dask_{name.split()[-1]}"
        command = [sys.executable, "-m", module, *own, "--no-dashboard"]
        self.processes[name] = subprocess.Popen(command, stderr=subprocess.DEVNULL)
        time.sleep(START)

    def kill(self, name):
        """Kill one of the processes; a worker is replaced."""
        self.processes[name].kill()
        self.processes[name].wait()
        if name == "worker":
            self.start(name)

    def restart(self):
        """Kill all processes, and start them again, at another address."""
        self.__exit__()
        self.__enter__()

    def __exit__(self, *error):
        """Kill all processes."""
        for process in self.processes.values():
            process.kill()
            process.wait()


def kill(folder, shape, kills, options, cluster):
    """Kill predictions at random moments, and continue them; print what was written twice."""
    rng, image = random.Random(0), folder / "in.zarr"
    write_volume(image, shape)
    whole, out = folder / "whole.zarr", folder / "out.zarr"
    started = time.perf_counter()
    watched(start(image, whole, "--threads", 1, *options))
    longest = time.perf_counter() - started
    killed = {"client": 0, "worker": 0, "scheduler": 0}
    twice = runs = 0
    while sum(killed.values()) < kills:
        if out.exists() and chunks(out).keys() == chunks(whole).keys():
            out.rename(folder / f"done-{runs}.zarr")
        runs += 1
        process = start(image, out, "--scheduler", cluster.address, *options)
        begun, wait = time.perf_counter(), rng.uniform(0, longest)
        while process.poll() is None and time.perf_counter() - begun < wait:
            time.sleep(POLL)
        if process.poll() is not None:
            continue
        there = {name: one.stat().st_mtime_ns for name, one in chunks(out).items()}
        who = rng.choice(list(killed))
        process.kill() if who == "client" else cluster.kill(who)
        killed[who] += 1
        output, _ = process.communicate()
        code = process.returncode
        if (who, code) not in (("client", -signal.SIGKILL), ("worker", 0), ("scheduler", 2)):
            sys.exit(f"{who} killed, exit code {code}: {output}")
        if who == "scheduler":
            cluster.restart()
        after = chunks(out)
        twice += sum(after[name].stat().st_mtime_ns != when for name, when in there.items())
    watched(start(image, out, "--scheduler", cluster.address, *options))
    results = [out, *folder.glob("done-*.zarr")]
    equal = all(digest(one) == digest(whole) for one in results)
    print(f"killed: {json.dumps(killed)}, in {runs} runs of {len(results)} predictions")
    print(f"chunks that were there and were written again: {twice}")
    print(f"all results equal that of one process, byte for byte: {'yes' if equal else 'no'}")


def nothing(number):
    """Do nothing; a task."""
    return number


def scheduler_memory(tasks):
    """Submit tasks that do nothing; print the memory of this process, which has the scheduler."""
    print("| tasks | memory of the process with the scheduler | since the last row |")
    print("|---|---|---|")
    with engines.start(2, None) as run:
        before = None
        for done in range(0, tasks + 1, 10_000):
            now = anonymous(os.getpid())
            grown = "" if before is None else f"{(now - before) / 1e6:+.1f} MB"
            print(f"| {done:,} | {now / 1e6:.1f} MB | {grown} |", flush=True)
            before = now
            for _ in run(nothing, range(10_000)):
                pass


def main():
    """Measure, and print tables."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0], allow_abbrev=False)
    add = parser.add_argument
    add("--shapes", nargs="+", type=parse_shape, default=[(4, 4000, 4000), (64, 1024, 1024)])
    add("--rounds", type=int, default=1, help="number of runs of each way (default: 1)")
    add("--kills", type=int, metavar="N", help="kill predictions N times instead")
    add("--scheduler-memory", type=int, metavar="TASKS", help="measure the scheduler instead")
    args, options = parser.parse_known_args()
    if args.scheduler_memory:
        scheduler_memory(args.scheduler_memory)
    elif args.kills:
        with tempfile.TemporaryDirectory() as name:
            with Cluster() as cluster:
                kill(Path(name), args.shapes[0], args.kills, options, cluster)
    else:
        print(f"{platform.machine()}, {os.cpu_count()} cores, NumPy {np.__version__}\n")
        print("| volume | way | seconds | s/megapixel | largest process | files | same bytes |")
        print("|---|---|---|---|---|---|---|")
        for shape in args.shapes:
            with tempfile.TemporaryDirectory() as name:
                measure(Path(name), shape, args.rounds, options)
    print(f"\npython benchmarks/volumes.py {shlex.join(sys.argv[1:])}\ncommit {seeds.commit()}")


if __name__ == "__main__":
    main()
