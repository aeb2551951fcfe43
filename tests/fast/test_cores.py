"""The default number of threads: affinity, CPU quotas of both versions, and the environment."""

import os
import sys

import pytest

from minunet.fast import cores


@pytest.fixture(autouse=True)
def machine(monkeypatch):
    """Return a machine of 16 cores without quotas and without limits in the environment."""
    monkeypatch.setattr(os, "cpu_count", lambda: 16)
    monkeypatch.setattr(os, "sched_getaffinity", lambda pid: set(range(16)), raising=False)
    monkeypatch.setattr(cores, "quotas", lambda: [])
    for name in cores.LIMITS:
        monkeypatch.delenv(name, raising=False)
    return monkeypatch


QUOTAS = cores.quotas  # before `machine` replaces it


def read(tmp_path, own, files):
    """Write the files of control groups, and return the quotas found."""
    (tmp_path / "own").write_text(own)
    for name, text in files.items():
        path = tmp_path / "fs" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    return QUOTAS(str(tmp_path / "fs"), str(tmp_path / "own"))


@pytest.mark.parametrize(
    ("own", "files", "expected"),
    [
        ("0::/\n", {"cpu.max": "250000 100000\n"}, [2.5]),
        ("0::/\n", {"cpu.max": "max 100000\n"}, []),
        ("0::/\n", {}, []),
        ("", {"cpu.max": "100000 100000\n"}, []),
        ("nonsense\n0::/\n", {"cpu.max": "nonsense\n"}, []),
        ("0::/\n", {"cpu.max": "100000 0\n"}, []),
        # Groups around this one count; of a path outside the container, only the root is visible.
        (
            "0::/a/b\n",
            {"cpu.max": "max 1", "a/cpu.max": "3000 1000", "a/b/cpu.max": "max 1"},
            [3],
        ),
        ("0::/../../job\n", {"cpu.max": "2000 1000\n"}, [2]),
        (
            "5:cpuset:/\n4:cpu,cpuacct:/docker/7f\n0::/x\n",
            {"cpu/cpu.cfs_quota_us": "150000\n", "cpu/cpu.cfs_period_us": "100000\n"},
            [1.5],
        ),
        (
            "4:cpu:/job\n",
            {
                "cpu/cpu.cfs_quota_us": "-1\n",
                "cpu/cpu.cfs_period_us": "100000\n",
                "cpu/job/cpu.cfs_quota_us": "400000\n",
                "cpu/job/cpu.cfs_period_us": "100000\n",
            },
            [4],
        ),
    ],
)
def test_quotas_of_control_groups(tmp_path, own, files, expected):
    assert read(tmp_path, own, files) == expected


def test_a_system_without_control_groups_has_no_quota(tmp_path):
    assert QUOTAS(str(tmp_path / "none"), str(tmp_path / "none")) == []


@pytest.mark.parametrize(("quotas", "expected"), [([], 16), ([2.5], 3), ([0.2], 1), ([20, 4], 4)])
def test_a_quota_is_rounded_up(machine, quotas, expected):
    machine.setattr(cores, "quotas", lambda: quotas)
    assert cores.cores() == expected
    assert cores.default() == expected


def test_the_affinity_limits_the_cores(machine):
    machine.setattr(os, "sched_getaffinity", lambda pid: {3, 5})
    assert cores.cores() == 2
    machine.delattr(os, "sched_getaffinity")
    assert cores.cores() == 16


@pytest.mark.parametrize(
    ("given", "expected"),
    [
        ({"OMP_NUM_THREADS": "3"}, 3),
        ({"OPENBLAS_NUM_THREADS": "2", "OMP_NUM_THREADS": "5"}, 2),
        ({"MKL_NUM_THREADS": "6"}, 6),
        ({"OMP_NUM_THREADS": "4,2"}, 4),
        ({"OMP_NUM_THREADS": "64"}, 16),
        *[({"OMP_NUM_THREADS": text}, 16) for text in ("", "0", "-1", "many", "1e3", "9" * 5000)],
    ],
)
def test_the_environment_limits_the_threads_but_not_the_cores(machine, given, expected):
    for name, text in given.items():
        machine.setenv(name, text)
    assert cores.default() == expected
    assert cores.cores() == 16


def test_where_no_thread_can_start_there_is_one_core(machine):
    assert cores.cores() == 16
    machine.setattr(sys, "platform", "emscripten")
    assert cores.cores() == cores.default() == 1
