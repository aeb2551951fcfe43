"""Stop tiny trainings at random moments, resume them, and compare them with an uninterrupted one.

    python tests/support/kills.py [TRIALS [SEED [DISKS]]]

Every trial stops a run up to four times: with SIGKILL, SIGINT, SIGTERM, SIGHUP or SIGQUIT, at a
random moment or at the beginning or end of a function of a random phase, or with a full disk. Then
the run is finished. Its checkpoints, its log without the seconds, and its scores must be those of a
run that nobody stopped.

Each training is a fork of this process, so that it need not import minunet again; pictures are not
drawn, because that takes longer than everything else.
"""

import errno
import json
import os
import random
import re
import resource
import signal
import subprocess
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Callable
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from commands import TINY, write_stack

from minunet import cli, files, runs, train
from minunet.report import figure3, run_pictures
from minunet.runs import checkpoint
from minunet.training import journal, loop, pictures, preparation, results, session

SIGNALS = (signal.SIGKILL, signal.SIGINT, signal.SIGTERM, signal.SIGHUP, signal.SIGQUIT)

PHASES = (
    (runs, "write_settings"),  # start
    (preparation, "load"),
    (session, "plan"),
    (loop, "step"),
    (runs, "append"),
    (runs, "flush"),
    (runs, "amend"),
    (runs, "repair"),
    (checkpoint, "save"),
    (os, "fsync"),
    (Path, "replace"),
    (journal, "validate"),
    (run_pictures, "curves"),
    (run_pictures, "preview"),
    (figure3, "figure3"),
    (results, "evaluate"),
    (results, "keep_threshold"),
    (results, "write_report"),
    (results, "write_scores"),
)
"""Functions at whose beginning and end a training can be stopped, from the start to the report."""

PNG = b"\x89PNG\r\n\x1a\n\0\0\0\rIHDR\0\0\0\1\0\0\0\1"


class Ended(NamedTuple):
    """How a training ended."""

    code: int  # negative: the signal that killed it
    out: str
    err: str
    events: int  # beginnings and ends of functions in `PHASES`


def draw_nothing(path: Path, *_: object) -> None:
    """Write a file in place of a picture."""
    with files.atomic(path) as beside:
        beside.write_bytes(PNG)


def hook(event: Callable[[], None]) -> None:
    """Call `event` at the beginning and at the end of every function in `PHASES`."""
    for place, name in (*((run_pictures, n) for n in ("curves", "preview")), (figure3, "figure3")):
        setattr(place, name, draw_nothing)
    pictures.draw_best_and_worst = lambda *_: []
    for place, name in PHASES:
        setattr(place, name, _with_events(getattr(place, name), event))


def _with_events(function: Callable[..., Any], event: Callable[[], None]) -> Callable[..., Any]:
    def wrapped(*args: Any, **kwargs: Any) -> Any:
        event()
        result = function(*args, **kwargs)
        event()
        return result

    return wrapped


def train_in_fork(
    arguments: list[object],
    stop: tuple[int, int] = (0, 0),
    delay: float | None = None,
    prepare: Callable[[], None] = lambda: None,
) -> Ended:
    """Run `train` in a fork of this process.

    Parameters
    ----------
    arguments : list
    stop : (signal, event)     send this signal at this event, or after a delay
    delay : float or None      in seconds
    prepare : callable         called in the fork first
    """
    with tempfile.TemporaryDirectory() as folder:
        streams = [Path(folder, name) for name in ("out", "err", "events")]
        process = os.fork()
        if not process:
            _child(arguments, stop if delay is None else (0, 0), prepare, streams)
        if delay is not None:
            time.sleep(delay)
            os.kill(process, stop[0])
        _, status = os.waitpid(process, 0)
        out, err = (path.read_text(errors="replace") for path in streams[:2])
        events = streams[2].stat().st_size if streams[2].exists() else 0
        return Ended(os.waitstatus_to_exitcode(status), out, err, events)


def _child(
    arguments: list[object], stop: tuple[int, int], prepare: Callable[[], None], streams: list[Path]
) -> None:
    """Run `train`, and end this process."""
    code = 99
    try:
        for descriptor, path in zip((1, 2), streams, strict=False):
            os.dup2(os.open(path, os.O_WRONLY | os.O_CREAT), descriptor)
        tally, count = os.open(streams[2], os.O_WRONLY | os.O_CREAT), [0]

        def event() -> None:
            count[0] += 1
            with suppress(OSError):
                os.write(tally, b".")
            if count[0] == stop[1]:
                os.kill(os.getpid(), stop[0])

        for number in SIGNALS[1:]:  # a shell ignores some of them for a command in the background
            signal.signal(number, signal.SIG_DFL)
        hook(event)
        journal.SAVE_EVERY = random.choice((0.0, 180.0))
        sys.argv = ["train", *map(str, arguments)]
        prepare()
        cli.run(train.main, "train")
    except SystemExit as end:
        code = int(end.code or 0)
    except BaseException:
        import traceback

        traceback.print_exc()
    finally:
        with suppress(Exception):
            sys.stdout.flush()
            sys.stderr.flush()
        os._exit(code)


def contents(folder: Path) -> dict[str, Any]:
    """Return everything that must be the same in two runs of the same settings."""
    found: dict[str, Any] = {}
    for name in ("last.npz", "best.npz"):
        saved = checkpoint.load(folder / name)
        arrays = {
            f"{kind}/{k}": a
            for kind in ("params", "velocity")
            for k, a in getattr(saved, kind).items()
        }
        found[name] = {k: (a.dtype.str, a.tobytes()) for k, a in arrays.items()}
        found[f"{name} meta"] = (saved.step, saved.random_state, saved.best, saved.settings)
    lines = (folder / "log.csv").read_text().splitlines()
    found["log.csv"] = [line.split(",")[:3] + line.split(",")[4:] for line in lines]
    found["scores.json"] = json.loads((folder / "scores.json").read_text())
    found["files"] = sorted(path.name for path in folder.iterdir())
    return found


class Trials:
    """Trainings of the same settings in one folder, with a random generator."""

    def __init__(self, folder: Path, seed: int) -> None:
        self.folder, self.random, self.tally = folder, random.Random(seed), Counter[str]()
        data = write_stack(folder / "data", shape=(3, 20, 21))
        self.options = ["--data", data, *TINY, "--steps", 11, "--validate-every", 4, "--warm-up", 3]
        started = time.monotonic()
        whole = self.start(folder / "whole")
        self.seconds = time.monotonic() - started
        assert whole.code == 0, whole
        self.events, self.expected = whole.events, contents(folder / "whole")

    def start(self, run: Path, *how: Any, **more: Any) -> Ended:
        """Start a run, or resume it if it began."""
        began = any((run / name).exists() for name in ("settings.json", "last.npz"))
        which = ["--resume", run] if began else [*self.options, "--out", run]
        return train_in_fork(which, *how, **more)

    def trial(self, number: int) -> None:
        """Stop a run several times, finish it, and compare it."""
        run = self.folder / f"run{number}"
        history = []
        for _ in range(self.random.randint(1, 4)):
            which = self.random.choice(SIGNALS)
            if self.random.random() < 0.3:
                delay = self.random.uniform(0, self.seconds)
                ended = self.start(run, (which, 0), delay)
                history.append(f"{which.name} after {delay:.3f} s: {ended.code}")
            else:
                event = self.random.randint(1, self.events)
                ended = self.start(run, (which, event))
                history.append(f"{which.name} at {event}: {ended.code}")
            self.check_stop(run, which, ended, history)
            if ended.code == 0:
                break
        self.finish(run, history)

    def full_disk(self, number: int, size: int) -> None:
        """Train on a disk, or in files, of a limited size; then with enough space."""
        disk = self.folder / f"disk{number}"
        disk.mkdir()
        with tmpfs(disk, size) as grow:
            limit = None if grow else lambda: resource.setrlimit(resource.RLIMIT_FSIZE, (size, -1))
            ended = self.start(disk / "run", **({"prepare": limit} if limit else {}))
            self.tally[f"disk: {ended.code}"] += 1
            assert ended.code in (0, 2), ended
            if ended.code:
                assert ended.err.count("\n") == 1, ended
                assert not list((disk / "run").glob("*.part*")), ended
                assert any(os.strerror(n) in ended.err for n in (errno.ENOSPC, errno.EFBIG)), ended
                assert "then continue: python -m minunet.train" in ended.err, ended
            if grow:
                grow()
            self.finish(disk / "run", [f"{size} bytes: {ended.code}"])

    def check_stop(
        self, run: Path, which: signal.Signals, ended: Ended, history: list[str]
    ) -> None:
        """Check what a stopped run says and saves."""
        self.tally[f"{which.name}: {ended.code}"] += 1
        assert "Traceback" not in ended.err, (history, ended)
        if which == signal.SIGKILL:
            assert ended.code in (-which, 0), (history, ended)
            return
        assert ended.code in (128 + which, 0, -which), (history, ended)
        complete = "\nsegment " in ended.out  # stopped after its last line: nothing to continue
        begun = ended.events and (run / "settings.json").exists() and not complete
        if ended.code == 128 + which and begun:
            assert "To continue: python -m minunet.train --" in ended.out, (history, ended)
        found = re.search(r"stopped after step (\d+); everything is saved", ended.out)
        if found:
            rows = [int(row["step"]) for row in runs.read(run)]
            assert rows == list(range(1, int(found[1]) + 1)), (history, ended)
            assert checkpoint.load(run / "last.npz").step == int(found[1]), (history, ended)

    def finish(self, run: Path, history: list[str]) -> None:
        """Finish a run, and compare it with the one that was not stopped."""
        ended = self.start(run)
        assert ended.code == 0, (history, ended)
        found = contents(run)
        for name, value in self.expected.items():
            assert same(found[name], value), (history, name)
        again = {path: path.read_bytes() for path in run.iterdir()}
        ended = self.start(run)
        assert (ended.code, ended.err) == (0, ""), (history, ended)
        assert {path: path.read_bytes() for path in run.iterdir()} == again, history


def same(one: Any, other: Any) -> bool:
    """Compare, without the folder names in settings."""
    return bool(one == other)


@contextmanager
def tmpfs(folder: Path, size: int):
    """Mount a disk in memory; yield a function that enlarges it, or None if that is not allowed."""
    mount = ["mount", "-t", "tmpfs", "-o", f"size={max(size, 4096)}", "none", str(folder)]
    if os.getuid() or subprocess.run(mount, capture_output=True).returncode:
        yield None
        return
    try:
        remount = ["mount", "-o", "remount,size=64M", str(folder)]
        yield lambda: subprocess.run(remount, check=True)
    finally:
        subprocess.run(["umount", str(folder)], check=True)


def main(trials: int = 12, seed: int = 0, disks: int = 5) -> Counter[str]:
    """Run trials; raise an `AssertionError` if a run differs."""
    with tempfile.TemporaryDirectory() as folder:
        all_of_them = Trials(Path(folder), seed)
        for number in range(trials):
            all_of_them.trial(number)
        for number, size in enumerate(np.linspace(0, 120e3, disks)):
            all_of_them.full_disk(number, int(size))
        return all_of_them.tally


if __name__ == "__main__":
    started = time.monotonic()
    given = [int(word) for word in sys.argv[1:]]
    trials, seed, disks = given + [1000, 0, 40][len(given) :]
    for what, count in sorted(main(trials, seed, disks).items()):
        print(f"{count:6} {what}")
    print(f"{time.monotonic() - started:.0f} s")
