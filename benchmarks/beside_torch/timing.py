"""Time several sides alternately, each in its own process.

Each process does its job once to warm up and saves the result. If the results of all sides agree,
the sides are timed alternately, in a different order every round, so that a change in the machine's
speed affects all of them. The shell does not choose the kernels and threads of the libraries:
unless `Options.as_is` is True, the variables of OpenBLAS, OpenMP and MKL are removed from the
environment.
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
"""Minimum length of a turn, in seconds; shorter calls are repeated."""

PAUSE = 0.03
"""Seconds between turns, because BLAS and OpenMP threads spin for a while before they sleep."""

CLOSE = dict.fromkeys(("product", "y", "dx", "dw", "db", "logits"), 1e-4) | {"energy": 1e-5}
"""Maximum allowed difference between results, relative to their largest magnitude."""

CLOSE_GRADIENT = 1e-3
"""Maximum allowed error of a gradient of a whole network, by norm, relative to its norm.

Rounding can move a value across the kink of a ReLU, or make another pixel the largest of four; a
few entries then change much more than the rest. PyTorch's own two layouts differ by more than 1e-3
of the largest magnitude, but only by 2e-4 in the norm.
"""


TF32 = os.environ.get("CUPY_TF32") == "1"
"""Whether a GPU may round the factors of float32 products to 10 bits; CuPy reads this variable."""

COARSER = 2.0**13 if TF32 else 1.0
"""Factor by which TF32 is coarser than float32, and by which results may differ more."""


class Options(NamedTuple):
    """How to measure."""

    rounds: int  # minimum number of turns per side
    patience: float  # seconds after which no turns are added to `rounds`; at most 4 · `rounds`
    threads: int
    device: str = "cpu"
    as_is: bool = False  # keep all variables of the shell


def environment(as_is: bool) -> dict[str, str]:
    """Return the shell's environment, without variables that choose kernels or threads."""
    chosen = () if as_is else ("OPENBLAS_", "OMP_", "MKL_", "GOTO_")
    return {name: value for name, value in os.environ.items() if not name.startswith(chosen)}


class Worker:
    """A process that does the jobs of one side."""

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
        """Send a request to the process, and wait for the answer."""
        assert self.process.stdin is not None
        assert self.process.stdout is not None
        try:
            print(json.dumps([do, argument]), file=self.process.stdin, flush=True)
        except BrokenPipeError:
            pass  # the process has ended: there is no answer to read
        answer = self.process.stdout.readline()
        if not answer:
            raise RuntimeError(f"the process of {self.side} has ended; its error is above")
        return json.loads(answer)

    def __enter__(self) -> "Worker":
        """Return the worker itself."""
        return self

    def __exit__(self, *_: object) -> None:
        """End the process."""
        self.process.communicate()


def take_turns(workers: Iterable[Worker], job: work.Job, options: Options) -> dict[str, Any]:
    """Time all sides on a job, after comparing their results.

    Parameters
    ----------
    workers : iterable of Worker     the first one's results are the reference
    job : Job
    options : Options

    Returns
    -------
    dict : side → {"seconds": list with one entry per turn, "error": largest error of its results}

    Raises
    ------
    AssertionError
        If the results of two sides disagree.
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
            allowed = min(COARSER * CLOSE.get(name, CLOSE_GRADIENT), 0.1)
            assert value <= allowed, f"{side}: {name} is {value:.1e} off; {allowed:.0e} is allowed"
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
    """Compare two files of results; return the error of each result by name."""
    with np.load(path) as found, np.load(reference) as expected:
        assert set(found) == set(expected), f"results {sorted(found)}, expected {sorted(expected)}"
        return {
            name: difference(found[name], expected[name], np.inf if name in CLOSE else 2)
            for name in expected
        }


def difference(found: np.ndarray, expected: np.ndarray, order: float) -> float:
    """Return the norm of the difference of two arrays, relative to the norm of the second.

    A nan makes the difference infinite.

    Parameters
    ----------
    found, expected : arrays
    order : float      order of the norm over all entries; for infinity, the largest magnitude

    Raises
    ------
    AssertionError
        If the shapes differ.
    """
    assert found.shape == expected.shape, f"shape {found.shape}, expected {expected.shape}"
    norm = np.linalg.norm(expected.ravel(), order)
    value = float(np.linalg.norm((found - expected).ravel(), order) / norm)
    return value if np.isfinite(value) else float("inf")


def once(call: Callable[[], Any], wait: Callable[[], None]) -> float:
    """Return the seconds that one call takes, including freeing its result."""
    started = time.perf_counter()
    call()
    wait()
    return time.perf_counter() - started


def turn(call: Callable[[], Any], wait: Callable[[], None]) -> float:
    """Return the median seconds of the calls in one turn; if there are several, omit the first."""
    seconds, started = [once(call, wait)], time.perf_counter()
    while seconds[0] < TURN and (len(seconds) < 2 or time.perf_counter() - started < TURN):
        seconds.append(once(call, wait))
    return statistics.median(seconds[1:] or seconds)


def peak() -> int:
    """Return the peak memory of this process, in bytes.

    On Linux, `getrusage` includes the peak of the process that started this one, so /proc is read
    instead.
    """
    status = Path("/proc/self/status")
    if status.exists():
        lines = dict(line.split(":", 1) for line in status.read_text().splitlines())
        return 1024 * int(lines["VmHWM"].split()[0])
    unit = 1 if sys.platform == "darwin" else 1024
    return unit * resource.getrusage(resource.RUSAGE_SELF).ru_maxrss


def serve(name: str, device: str, threads: int) -> None:
    """Do the jobs of a side: read requests from standard input, one per line, and answer each."""
    answers = os.fdopen(os.dup(1), "w")
    os.dup2(2, 1)  # so that whatever libraries print goes to standard error
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
            call = None  # frees its arrays before the next job is prepared
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
