"""However `predict` is stopped, `--resume` gives the bits of a run that was never interrupted.

A short form runs with the other tests. For a longer one, set MINUNET_STOPS to a number of seconds:

    MINUNET_STOPS=600 python -m pytest tests/test_predict_stops.py
"""

import copy
import os
import random
import shutil
import subprocess
import sys
import time
from collections import Counter

import numpy as np
import pytest
import tifffile
from commands import one_line

from minunet import lock
from minunet.network import initialization
from minunet.runs import checkpoint
from minunet.runs.checkpoint import Checkpoint
from minunet.runs.settings import from_options

if sys.platform != "linux":
    pytest.skip("the tests fork, and need /proc and limits of Linux", allow_module_level=True)

from interrupted import Server

SECONDS = float(os.environ.get("MINUNET_STOPS", "5"))

SIZES = 20 if "MINUNET_STOPS" in os.environ else 6
"""Number of disks that are full at different moments."""

WHAT = ("SIGKILL", "SIGKILL", "SIGINT", "SIGTERM", "SIGHUP", "SIGQUIT", "ENOSPC")
CODES = {"SIGKILL": -9, "SIGINT": 130, "SIGTERM": 143, "SIGHUP": 129, "SIGQUIT": 131, "ENOSPC": 2}


def write_model(path):
    """Write a checkpoint of an untrained network."""
    rng = np.random.default_rng(0)
    config = from_options(depth=1, channels=3, tile=24, device="cpu", label_values=(0, 1))
    params = initialization.gaussian(config.architecture, rng)
    state = rng.bit_generator.state
    checkpoint.save(path, Checkpoint(params, params, 5, state, 0.5, config.to_json()))


def draw(shape, seed=0):
    return np.random.default_rng(seed).integers(0, 256, shape).astype(np.uint8)


def tree(folder):
    """Return the contents of all files below a folder, by their names."""
    return {str(p.relative_to(folder)): p.read_bytes() for p in folder.rglob("*") if p.is_file()}


class Case:
    """A prediction, its result without interruption, and the calls it makes."""

    def __init__(self, server, folder, image, *options):
        self.server, self.folder, self.out = server, folder, folder / "out"
        self.words = (folder / "m.npz", folder / image, "-o", self.out, "--device", "cpu")
        self.words += ("--threads", 1, *options)
        whole = server.run("predict", *self.words, count=True)
        assert whole.code == 0, whole.err
        self.whole, self.calls = tree(self.out), whole.calls
        self.kinds = sorted(set(self.calls))
        self.clear()

    def clear(self):
        """Remove all results."""
        shutil.rmtree(self.out, ignore_errors=True)

    def run(self, *options, **how):
        """Run the prediction; `how` are arguments of `Server.run`."""
        return self.server.run("predict", *self.words, *options, **how)

    def draw_call(self, rng):
        """Draw a kind of call, and one of its occurrences, so that all phases are hit."""
        kind = rng.choice(self.kinds)
        return rng.choice([k for k, name in enumerate(self.calls) if name == kind])

    def finish(self):
        """Resume to the end, and compare."""
        last = self.run("--resume")
        if last.code:  # the last interruption came after the results were moved
            assert "already contains" in one_line(last.err), last
        found = tree(self.out)
        found.pop("lock", None)  # which a killed process leaves, and the next one removes
        assert found.keys() == self.whole.keys()
        assert found == self.whole

    def interrupt(self, rng, tally):
        """Interrupt a prediction up to three times, at random calls; then finish it."""
        self.clear()
        options = ()
        for _ in range(rng.randint(1, 3)):
            what = rng.choice(WHAT)
            ended = self.run(*options, at=self.draw_call(rng), what=what)
            tally[what] += 1
            finished = (self.out / "probability.tif").exists() or ended.code == 0
            if ended.code != CODES[what]:
                # A resumed run has fewer calls, and an error while something is removed is no harm.
                assert ended.code in (0, 2), (what, ended)
            if ended.code not in (0, -9):
                one_line(ended.err)
            if finished and not (self.out / "unfinished").exists():
                break
            self.check_left(what, ended, not options, tally)
            options = ("--resume",)
        self.finish()

    def check_left(self, what, ended, first, tally):
        """Check that what an interruption leaves is named, and by the next run as well."""
        folder = self.out / "unfinished"
        if not folder.exists() or not any(folder.iterdir()):
            tally["nothing left"] += 1
            return
        tally["resumed"] += 1
        if what != "SIGKILL" and first:  # a later run may have been stopped before it found this
            assert "--resume" in ended.err, ended
        before = tree(folder)
        again = self.run()
        assert again.code == 2
        said = one_line(again.err)
        assert "--resume" in said or "remove that folder" in said
        leftovers = {name for name in before if name.endswith(".part")}
        assert {k: v for k, v in before.items() if k not in leftovers} == tree(folder)


@pytest.fixture(scope="module")
def cases(tmp_path_factory):
    folder = tmp_path_factory.mktemp("stops")
    write_model(folder / "m.npz")
    tifffile.imwrite(folder / "stack.tif", draw((4, 20, 31)), photometric="minisblack")
    (folder / "several").mkdir()
    for name, shape in {"a": (20, 31), "b": (2, 12, 9), "c": (33, 8)}.items():
        tifffile.imwrite(folder / "several" / f"{name}.tif", draw(shape), photometric="minisblack")
    (folder / "01").mkdir()
    for k in range(3):
        tifffile.imwrite(folder / "01" / f"t{k:03}.tif", draw((20, 31), seed=k))
    with Server() as server:
        yield [
            Case(server, folder, "stack.tif"),
            Case(server, folder, "stack.tif", "--average", "flips"),
            Case(server, folder, "several"),
            Case(server, folder, "01", "--labels", "cells", "--smallest", "1"),
        ]


def test_stopped_at_random_calls(cases):
    seed = int(os.environ.get("MINUNET_SEED", "0"))
    rng, tally, until = random.Random(seed), Counter(), time.monotonic() + SECONDS
    while time.monotonic() < until:
        case = rng.choice(cases)
        state = rng.getstate()
        try:
            case.interrupt(rng, tally)
        except AssertionError:
            print("state", hash(state), case.words)
            raise
    print(dict(tally))
    assert sum(tally[what] for what in set(WHAT)) > SECONDS / 2
    assert tally["resumed"]


@pytest.fixture
def disk(tmp_path):
    """Make a small disk, or skip the test; return its folder and a function to set its size."""
    folder = tmp_path / "disk"
    folder.mkdir()

    def size(count, *words):
        options = ",".join([*words, f"size={count}"])
        return subprocess.run(["mount", "-t", "tmpfs", "-o", options, "none", folder]).returncode

    if os.geteuid() or size(10**6):
        pytest.skip("only root can mount disks")
    yield folder, lambda count: size(count, "remount")
    subprocess.run(["umount", folder], check=True)


def check_full(case, ended):
    """Check what is said about a full disk, and resume with enough space."""
    if ended.code:
        assert ended.code == 2, ended
        one_line(ended.err)
        left = case.out / "unfinished"
        assert left.exists() == ("--resume" in ended.err), (ended, tree(case.out).keys())
    return ended.code


def test_disks_that_are_full_at_different_moments(cases, disk):
    folder, resize = disk
    case = copy.copy(cases[2])
    case.out = folder / "out"
    case.words = tuple(case.out if word == cases[2].out else word for word in case.words)
    needed, failed, kept = sum(map(len, case.whole.values())), 0, 0
    for size in np.linspace(4096, 2 * needed + 40_000, SIZES).astype(int) // 4096 * 4096:
        case.clear()
        assert resize(size) == 0
        ended = case.run(blind=True)
        failed += bool(check_full(case, ended))
        kept += "are kept in" in ended.err
        assert resize(10**7) == 0
        if ended.code:
            case.finish()
        assert tree(case.out) == case.whole
    assert 0 < kept < failed < SIZES


def test_limits_of_the_size_of_a_file(cases):
    case, failed = cases[0], 0
    for largest in np.linspace(0, max(map(len, case.whole.values())), SIZES).astype(int).tolist():
        case.clear()
        failed += bool(check_full(case, case.run(largest=largest)))
    assert SIZES / 2 < failed < SIZES
    case.finish()


def test_a_second_prediction_into_the_folder_writes_nothing(cases):
    case = cases[0]
    case.clear()
    case.out.mkdir()
    with lock.owned(case.out):
        for options in ((), ("--resume",)):
            ended = case.run(*options)
            assert ended.code == 2
            assert f"is in use by process {os.getpid()}" in one_line(ended.err)
            assert tree(case.out).keys() == {"lock"}
