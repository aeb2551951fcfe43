"""Threads process every row once, with reproducible bits and single-threaded BLAS."""

import os
import subprocess
import sys
import threading

import numpy as np
import pytest
import threadpoolctl
from hypothesis import given
from hypothesis import strategies as st

from minunet import ops
from minunet.fast import threads
from minunet.network import initialization, unet
from minunet.network.architecture import Architecture

pytestmark = pytest.mark.usefixtures("threads_as_before")


@given(rows=st.integers(1, 200), most=st.integers(1, 50), count=st.integers(1, 5))
def test_every_row_is_processed_exactly_once(rows, most, count):
    threads.use(count)
    times = np.zeros(rows, int)
    found = []

    def work(first, n, thread):
        times[first : first + n] += 1
        found.append((first, n, thread))

    threads.over(rows, most, work)
    assert sorted({first for first, _, _ in found} | {rows}) == threads.edges(rows, most)
    assert (times == 1).all()
    assert all(0 <= thread < count and 1 <= n <= most for _, n, thread in found)


@given(rows=st.integers(1, 200), most=st.integers(1, 50), count=st.integers(1, 5))
def test_every_thread_has_the_same_number_of_bands(rows, most, count):
    threads.use(count)
    bands = np.diff(threads.edges(rows, most))
    assert bands.max() <= bands.min() + 1
    assert len(bands) == rows or len(bands) % count == 0
    assert len(bands) < rows / most + count  # no more than necessary


def test_the_threads_share_the_work():
    threads.use(3)
    meeting = threading.Barrier(3, timeout=20)  # needs three threads at once
    threads.over(3, 1, lambda first, n, thread: meeting.wait())


def blas_threads():
    """Return the number of threads of every BLAS that minunet calls."""
    return {
        pool["num_threads"]
        for pool in threadpoolctl.threadpool_info()
        # OpenCV, a peer in other tests, brings a BLAS of its own, which minunet does not call.
        if "blas" in pool["user_api"] and "opencv" not in pool["filepath"]
    }


def test_blas_runs_on_one_thread_during_the_work_only():
    threads.use(2)
    with threadpoolctl.threadpool_limits(3, "blas"):  # as in a program that never calls `use`
        during = []
        threads.over(2, 1, lambda first, n, thread: during.append(blas_threads()))
        assert during == [{1}, {1}]
        assert blas_threads() == {3}


def test_use_limits_blas_to_one_thread_for_good():
    with threadpoolctl.threadpool_limits(3, "blas"):
        threads.use(2)
        assert blas_threads() == {1}


def test_blas_runs_on_one_thread_in_a_pass_through_the_network(monkeypatch):
    # The last layer is one of the products between the bands, which would start threads of BLAS.
    during = []

    def watched(compute):
        return lambda *args: during.append(blas_threads()) or compute(*args)

    for name in ("forward", "backward"):
        monkeypatch.setattr(ops.conv2d, name, watched(getattr(ops.conv2d, name)))
    with threadpoolctl.threadpool_limits(3, "blas"):
        gradients(ARCH, np.float32)
        assert during == [{1}, {1}]
        assert blas_threads() == {3}


def test_blas_is_restored_after_an_error():
    with threadpoolctl.threadpool_limits(3, "blas"):
        with pytest.raises(ZeroDivisionError):
            threads.over(2, 1, lambda first, n, thread: 1 // 0)
        assert blas_threads() == {3}


def test_an_error_in_a_thread_is_raised():
    threads.use(2)

    def work(first, n, thread):
        if thread == 1:
            raise ValueError("in the second thread")

    with pytest.raises(ValueError, match="in the second thread"):
        threads.over(2, 1, work)


def test_each_thread_has_its_own_scratch():
    threads.use(2)
    meeting = threading.Barrier(2, timeout=20)
    held = {}

    def work(first, n, thread):
        held[thread] = threads.scratch("here", np.empty(0, np.float32), 5, 7)
        meeting.wait()

    threads.over(2, 1, work)
    assert not np.shares_memory(held[0], held[1])
    assert {array.shape for array in held.values()} == {(5, 7)}


def gradients(arch, dtype):
    rng = np.random.default_rng(3)
    params = {
        name: (w + 0.1 * rng.standard_normal(w.shape) * (w.ndim == 1)).astype(dtype)
        for name, w in initialization.gaussian(arch, rng, np.float64).items()
    }
    x = rng.standard_normal((92, 108, 1)).astype(dtype)
    logits, activations = unet.forward(params, x, arch)
    dlogits = rng.standard_normal(logits.shape).astype(dtype)
    return logits, unet.backward(params, activations, dlogits, arch)


ARCH = Architecture(depth=3, channels=8)


@pytest.mark.parametrize("count", [1, 2, 3])
def test_the_same_number_of_threads_gives_the_same_bits(count):
    threads.use(count)
    logits, grads = gradients(ARCH, np.float32)
    again, grads_again = gradients(ARCH, np.float32)
    np.testing.assert_array_equal(logits, again)
    for name, g in grads.items():
        np.testing.assert_array_equal(g, grads_again[name])


def test_the_whole_network_in_float32_agrees_with_float64():
    logits, grads = gradients(ARCH, np.float32)
    exact, exact_grads = gradients(ARCH, np.float64)
    # Measured: 6e-7; for the gradients at most 3e-6.
    assert np.abs(logits - exact).max() < 5e-6 * np.abs(exact).max()
    for name, g in grads.items():
        assert np.linalg.norm(g - exact_grads[name]) < 3e-5 * np.linalg.norm(exact_grads[name])


@pytest.mark.parametrize("name", ["OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS"])
def test_the_environment_sets_the_default(name):
    code = "from minunet.fast import threads; print(threads.count())"
    done = subprocess.run(
        [sys.executable, "-c", code],
        capture_output=True,
        text=True,
        check=True,
        env=os.environ | {name: "1"},
    )
    assert done.stdout == "1\n"


def test_everything_runs_on_one_thread_where_no_other_can_start(monkeypatch):
    def refused(thread):
        raise RuntimeError("can't start new thread")

    monkeypatch.setattr(sys, "platform", "emscripten")
    monkeypatch.setattr(threading.Thread, "start", refused)
    threads.use(4)
    done = []
    threads.over(10, 2, lambda first, n, thread: done.append((first, n, thread)))
    assert done == [(0, 2, 0), (2, 2, 0), (4, 2, 0), (6, 2, 0), (8, 2, 0)]
    assert threads.count() == 1
