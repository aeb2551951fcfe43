"""Sides that take turns: each in a process of its own, one call after the other's.

A process does its job once to warm up and hands in the result; only if the results of all sides
agree is any time taken. Then the sides take turns, in another order every round, so that a machine
that changes its speed changes it for all. Processes choose kernels and threads themselves: what the
shell says of OpenBLAS, OpenMP and MKL is kept from them, unless that is asked for.
"""

import json
import os
import resource
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import work

from minunet.fast.allocator import keep_memory

TURN = 0.06
"""Seconds that a side calls its job for, at least once; short calls need several."""

PAUSE = 0.03
"""Seconds between turns: threads of BLAS and OpenMP wait awake for more work before they sleep."""

CLOSE = dict.fromkeys(("product", "y", "dx", "dw", "db", "logits"), 1e-4) | {"energy": 1e-5}
"""How far results may differ, relative to their largest magnitude."""

CLOSE_GRADIENT = 1e-3
"""How far a gradient of a whole network may be off, norm of the difference over norm.

Rounding sends some value past the kink of a ReLU, or makes another pixel the largest of four, and a
few entries change by much more than the rest: PyTorch's own two layouts differ by more than 1e-3 of
the largest magnitude, but by 2e-4 in the norm.
"""


class Options(NamedTuple):
    """How to measure."""

    rounds: int  # turns of each side, at least
    patience: float  # seconds in which it may have up to four times as many
    threads: int
    device: str = "cpu"
    as_is: bool = False  # in the environment of the shell


def environment(as_is: bool) -> dict[str, str]:
    """Environment of a process: without what would choose its kernels and threads for it."""
    chosen = () if as_is else ("OPENBLAS_", "OMP_", "MKL_", "GOTO_")
    return {name: value for name, value in os.environ.items() if not name.startswith(chosen)}


class Worker:
    """A process that works for one side, seen from outside."""

    def __init__(self, side: str, options: Options) -> None:
        self.side = side
        self.process = subprocess.Popen(
            [sys.executable, __file__, side, options.device, str(options.threads)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            env=environment(options.as_is),
        )

    def ask(self, do: str, argument: Any = None) -> Any:
        """Have it do something, and wait for the answer."""
        assert self.process.stdin is not None
        assert self.process.stdout is not None
        try:
            print(json.dumps([do, argument]), file=self.process.stdin, flush=True)
        except BrokenPipeError:
            pass  # it has ended, and so has what it says
        answer = self.process.stdout.readline()
        if not answer:
            raise RuntimeError(f"the process of {self.side} ended; it says why above")
        return json.loads(answer)

    def __enter__(self) -> "Worker":
        """Lend the process for the length of a `with`."""
        return self

    def __exit__(self, *_: object) -> None:
        """Let the process end."""
        self.process.communicate()


def take_turns(workers: Iterable[Worker], job: work.Job, options: Options) -> dict[str, Any]:
    """Measure all sides on a job.

    Parameters
    ----------
    workers : iterable of Worker     what the first one computes is what the others must, too
    job : Job
    options : Options

    Returns
    -------
    dict : side → "seconds" of each turn, and how far the worst result is off, "error"

    Raises
    ------
    AssertionError
        If two sides do not compute the same.
    """
    workers = list(workers)
    with tempfile.TemporaryDirectory() as folder:
        paths = {worker.side: Path(folder) / f"{k}.npz" for k, worker in enumerate(workers)}
        for worker in workers:
            worker.ask("prepare", work.to_json(job))
            worker.ask("save", str(paths[worker.side]))
        first = paths[workers[0].side]
        errors = {side: differences(path, first) for side, path in paths.items()}
    for side, error in errors.items():
        for name, value in error.items():
            assert value <= CLOSE.get(name, CLOSE_GRADIENT), f"{side}: {name} is {value:.1e} off"
    seconds: dict[str, list[float]] = {worker.side: [] for worker in workers}
    started = time.monotonic()
    for turn in range(4 * options.rounds):
        if turn >= options.rounds and time.monotonic() - started > options.patience:
            break
        k = turn % len(workers)
        for worker in workers[k:] + workers[:k]:
            time.sleep(PAUSE)
            seconds[worker.side].append(worker.ask("turn"))
    return {s: {"seconds": seconds[s], "error": max(errors[s].values())} for s in seconds}


def differences(path: Path, reference: Path) -> dict[str, float]:
    """Compare two files of results; return how far each is off, by name: see `CLOSE`."""
    with np.load(path) as found, np.load(reference) as expected:
        assert set(found) == set(expected), f"{sorted(found)} beside {sorted(expected)}"
        return {
            name: difference(found[name], expected[name], np.inf if name in CLOSE else 2)
            for name in expected
        }


def difference(found: np.ndarray, expected: np.ndarray, order: float) -> float:
    """Norm of the difference of two arrays, relative to that of the second.

    Parameters
    ----------
    found, expected : arrays
    order : float      of the norm, over all entries; infinite: the largest magnitude

    Raises
    ------
    AssertionError
        If their shapes differ; an entry that is not a number makes the difference infinite.
    """
    assert found.shape == expected.shape, f"{found.shape} beside {expected.shape}"
    norm = np.linalg.norm(expected.ravel(), order)
    value = float(np.linalg.norm((found - expected).ravel(), order) / norm)
    return value if np.isfinite(value) else float("inf")


def once(call: Callable[[], Any], wait: Callable[[], None]) -> float:
    """Seconds of one call; what it returns is let go before the clock is stopped."""
    started = time.perf_counter()
    call()
    wait()
    return time.perf_counter() - started


def turn(call: Callable[[], Any], wait: Callable[[], None]) -> float:
    """Median seconds of calls for as long as a turn lasts; the first of several is not counted."""
    seconds, started = [once(call, wait)], time.perf_counter()
    while seconds[0] < TURN and (len(seconds) < 2 or time.perf_counter() - started < TURN):
        seconds.append(once(call, wait))
    return statistics.median(seconds[1:] or seconds)


def peak() -> int:
    """Peak of this process's memory, in bytes.

    Linux counts a process that started another into what `getrusage` says of that one, so there
    its own file is read.
    """
    status = Path("/proc/self/status")
    if status.exists():
        lines = dict(line.split(":", 1) for line in status.read_text().splitlines())
        return 1024 * int(lines["VmHWM"].split()[0])
    unit = 1 if sys.platform == "darwin" else 1024
    return unit * resource.getrusage(resource.RUSAGE_SELF).ru_maxrss


def serve(name: str, device: str, threads: int) -> None:
    """Work for a side: read what to do from standard input, line by line, and answer each."""
    answers = os.fdopen(os.dup(1), "w")
    os.dup2(2, 1)  # what libraries print is no answer
    if name.startswith("torch"):
        from torch_side import Side
    else:
        from minunet_side import Side

        keep_memory()  # as the commands do
    side = Side(name, device, threads)
    call = None
    for line in sys.stdin:
        do, argument = json.loads(line)
        answer: Any = None
        if do == "prepare":
            call = None  # before the next is made, its arrays are let go
            call = side.prepare(work.from_json(argument))
        elif do == "save":
            results = side.to_numpy(call())
            np.savez(argument, **{k: np.ascontiguousarray(a) for k, a in results.items()})
            del results
        elif do == "turn":
            answer = turn(call, side.wait)
        elif do == "peak":
            answer = side.device_peak() or peak()
        elif do == "about":
            answer = side.about() | {"start": peak()}
        print(json.dumps(answer), file=answers, flush=True)


if __name__ == "__main__":
    serve(sys.argv[1], sys.argv[2], int(sys.argv[3]))
