"""In the benchmark against PyTorch both sides compute the same, and the tables are correct.

No time is asserted.
"""

import importlib
import os
import sys
from types import SimpleNamespace

import minunet_side
import numpy as np
import pytest
import tables
import timing
import work
from standin import StandIn

from minunet.fast import threads
from minunet.network import sizes
from minunet.network.architecture import Architecture

NETWORK = work.Network(channels=4, depth=2, tile=60)
LAYERS = [
    work.Layer("a", "conv_relu", 11, 3, 5),
    work.Layer("b", "upconv", 7, 4, 3),
    work.Layer("c", "maxpool", 8, 3, 3),
]


pytestmark = pytest.mark.usefixtures("threads_as_before")


@pytest.fixture
def torch_side(torch):
    return importlib.import_module("torch_side")


JOBS = [
    work.Product(23),
    *(layer._replace(backward=backward) for layer in LAYERS for backward in (False, True)),
    LAYERS[0]._replace(backward=True, of_image=True),
    NETWORK,
    NETWORK._replace(step=True),
]


def results(side, job):
    return side.to_numpy(side.prepare(job)())


@pytest.mark.parametrize("name", ["torch", "torch channels-last"])
@pytest.mark.parametrize("job", JOBS, ids=tables.named)
def test_both_sides_compute_the_same(torch_side, name, job):
    ours = results(minunet_side.Side("minunet", "cpu", 1), job)
    theirs = results(torch_side.Side(name, "cpu", 1), job)
    assert set(theirs) == set(ours)
    assert ("dx" in ours) == (getattr(job, "backward", False) and not job.of_image)
    for key in ours:  # measured: 1e-6
        assert timing.difference(theirs[key], ours[key], np.inf) < 1e-5


@pytest.mark.parametrize("name", minunet_side.FORMS)
def test_all_forms_of_a_convolution_compute_the_same(name):
    job = work.Layer("d", "conv_relu", 11, 3, 5)
    expected = results(minunet_side.Side("taps", "cpu", 2), job)["y"]
    found = results(minunet_side.Side(name, "cpu", 2), job)["y"]
    assert timing.difference(found, expected, np.inf) < 6e-6  # Winograd 1e-6


def test_a_single_threaded_form_uses_one_thread():
    minunet_side.Side("bands", "cpu", 3)
    assert threads.count() == 3
    minunet_side.Side("bands, one thread", "cpu", 3)
    assert threads.count() == 1


def test_both_sides_take_the_same_steps(torch_side):
    job = NETWORK._replace(step=True)
    sides = minunet_side.Side("minunet", "cpu", 1), torch_side.Side("torch", "cpu", 1)
    steps = [side.prepare(job) for side in sides]
    for _ in range(3):
        ours, theirs = (
            side.to_numpy(step())["energy"] for side, step in zip(sides, steps, strict=True)
        )
        np.testing.assert_allclose(theirs, ours, rtol=1e-5)


def test_the_gpu_side_runs_on_the_stand_in(monkeypatch):
    waited = []
    cupy = SimpleNamespace(
        asarray=lambda array: StandIn(array.copy()),
        cuda=SimpleNamespace(
            Device=lambda: SimpleNamespace(synchronize=lambda: waited.append(1)),
        ),
        get_default_memory_pool=lambda: SimpleNamespace(total_bytes=lambda: 77),
    )
    monkeypatch.setitem(sys.modules, "cupy", cupy)
    side = minunet_side.Side("minunet", "cuda", 1)
    assert side.device_peak() == 77
    for job in (NETWORK, NETWORK._replace(step=True)):
        call = side.prepare(job)
        found = side.to_numpy(call())
        assert all(type(array) is np.ndarray for array in found.values())
        assert timing.turn(call, side.wait) > 0
        assert waited
        waited.clear()


def test_operation_counts_match_figure_1():
    network = work.Network.of_width(64)
    rows = [row for row in sizes.figure1(Architecture(), 572) if row.arrow != "conv 1x1"]
    forward = [layer for layer in network.layers() if not layer.backward]
    assert sum(layer.flop for layer in forward) == sum(row.flop for row in rows)
    assert network.flop == sum(row.flop for row in sizes.figure1(Architecture(), 572))
    backward = [layer for layer in network.layers() if layer.backward]
    first = forward[0].flop  # needs no dx
    assert sum(layer.flop for layer in backward) == 2 * sum(f.flop for f in forward) - first
    assert work.Network.of_width(16, step=True) == work.Network(16, 3, 348, True)


def test_job_json_round_trip():
    for job in JOBS:
        assert work.from_json(work.to_json(job)) == job


def test_a_difference_is_relative_to_the_norm():
    expected = np.array([[2.0, -4], [1, 2]])
    found = np.array([[2.0, -4], [1, 1]])
    assert timing.difference(found, expected, np.inf) == 0.25  # 1 of 4
    assert timing.difference(found, expected, 2) == 0.2  # 1 of √25
    assert timing.difference(found * np.nan, expected, np.inf) == np.inf
    with pytest.raises(AssertionError, match=r"shape .* expected"):
        timing.difference(expected[:1], expected, 2)


def test_shell_variables_do_not_reach_the_workers(monkeypatch):
    for name in ("OPENBLAS_CORETYPE", "OMP_NUM_THREADS", "MKL_NUM_THREADS", "GOTO_NUM_THREADS"):
        monkeypatch.setenv(name, "1")
    assert set(os.environ) - set(timing.environment(as_is=False)) >= {"OPENBLAS_CORETYPE"}
    assert not [k for k in timing.environment(False) if k.startswith(("OMP_", "MKL_", "GOTO_"))]
    assert timing.environment(as_is=True) == dict(os.environ)


class Answering:
    """A worker without a process: it saves the given arrays and counts its turns."""

    def __init__(self, side, **arrays):
        self.side, self.arrays, self.turns = side, arrays, 0

    def ask(self, do, argument=None):
        """Answer like a worker process."""
        if do == "save":
            np.savez(argument, **self.arrays)
        if do == "turn":
            self.turns += 1
            return 0.5


def test_sides_take_turns_if_they_agree():
    y = np.array([1.0, 2])
    gradient = {"out.w": np.full(100, 3.0)}
    off = {"out.w": np.r_[np.full(99, 3.0), 3.02]}  # 7e-3 of the largest, 7e-4 in the norm
    workers = Answering("a", y=y, **gradient), Answering("b", y=y * (1 + 5e-5), **off)
    options = timing.Options(rounds=3, patience=0, threads=1)
    found = timing.take_turns(workers, NETWORK, options)
    assert [worker.turns for worker in workers] == [3, 3]
    assert found["a"] == {"seconds": [0.5] * 3, "error": 0}
    assert found["b"]["error"] == pytest.approx(2 / 3000)


@pytest.mark.parametrize(
    "wrong", [{"y": [1, 2.001]}, {"dw": [1, 2.001]}, {"out.w": [1, 2.005]}, {"y": [1, np.nan]}]
)
def test_nothing_is_timed_if_sides_disagree(wrong):
    y = np.array([1.0, 2])
    right = {"y": y, "dw": y, "out.w": y}
    arrays = right | {name: np.array(a) for name, a in wrong.items()}
    workers = Answering("a", **right), Answering("b", **arrays)
    with pytest.raises(AssertionError, match=f"b: {next(iter(wrong))} is .* off"):
        timing.take_turns(workers, NETWORK, timing.Options(3, 0, 1))
    assert [worker.turns for worker in workers] == [0, 0]
    with pytest.raises(AssertionError, match=r"results .* expected"):
        timing.take_turns([workers[0], Answering("c", y=y)], NETWORK, timing.Options(3, 0, 1))


def entry(section, job, **seconds):
    sides = {
        side.replace("_", " "): {"seconds": s, "error": 1e-6, "peak": int(s[0] * 2**20)}
        for side, s in seconds.items()
    }
    return {"section": section, "job": work.to_json(job), "sides": sides}


def test_the_tables_show_what_was_measured():
    measured = {
        "entries": [
            entry("product", work.Product(1000), minunet=[0.25, 0.2], torch=[0.3]),
            entry("step", NETWORK, minunet=[3, 2, 4], torch=[6, 6, 7], torch_last=[2, 5, 9]),
        ]
    }
    assert tables.product_rate(measured) == 1e10  # 2·1000³ in 0.2 s
    lines = tables.networks(measured, "step").splitlines()
    # Medians 3, 6 and 5 s, minima 2, 6 and 2; memory as many MiB as the first turn took seconds.
    assert "| 3.00 (2.00 – 4.00) |" in lines[2]
    assert lines[2].endswith("| 0.60 | 1.00 | 3 | 1.50 |")
    assert lines[3].endswith("| 1.20 | 3.00 | 6 | 3.00 |")
    assert tables.spread([0.0123, 0.01, 0.12], 1e-3) == "12.3 (10.0 – 120)"
