"""How many cores this process may use: its affinity, CPU quotas, and what the environment asks for.

A container with a quota of two cores shows all cores of its machine; with a thread for each, all of
them would wait most of the time.
"""

import math
import os
import sys
from collections.abc import Iterator

LIMITS = ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS")
"""Environment variables that limit the threads of numerical programs."""


def can_start_threads() -> bool:
    """Return whether this Python can start threads; Pyodide, the Python of browsers, cannot."""
    return sys.platform != "emscripten"


def cores() -> int:
    """Count the cores that this process may use: by its affinity and its CPU quotas.

    A process that cannot start threads can use one.
    """
    if not can_start_threads():
        return 1
    count = os.cpu_count() or 1
    if hasattr(os, "sched_getaffinity"):
        count = len(os.sched_getaffinity(0))
    return min([count, *map(math.ceil, quotas())])


def default() -> int:
    """Return the number of threads to use by default: all cores, or fewer if `LIMITS` say so."""
    texts = (os.environ.get(name, "").split(",")[0].strip() for name in LIMITS)  # "4,2" is nested
    limits = [int(text) for text in texts if text.isdecimal() and len(text) < 10]
    return min([cores(), *filter(None, limits)])


def quotas(root: str = "/sys/fs/cgroup", own: str = "/proc/self/cgroup") -> list[float]:
    """List the CPU quotas, in cores, of the control groups of this process and of those around it.

    Parameters
    ----------
    root : str      where the groups are mounted: those of version 2, or a folder `cpu` of version 1
    own : str       file that names the groups of this process
    """
    found = []
    for folder, names in _groups(root, own):
        words = [word for name in names for word in _read(os.path.join(folder, name)).split()]
        # Without a limit, the quota is "max" or -1.
        if len(words) == 2 and all(word.isdecimal() and int(word) > 0 for word in words):
            found.append(int(words[0]) / int(words[1]))
    return found


def _groups(root: str, own: str) -> Iterator[tuple[str, tuple[str, ...]]]:
    """Yield the folder of every group, and the files that contain its quota and its period."""
    for line in _read(own).splitlines():
        _, _, line = line.partition(":")
        controllers, _, path = line.partition(":")
        if controllers and "cpu" not in controllers.split(","):
            continue
        mounted = os.path.join(root, "cpu") if controllers else root
        names = ("cpu.cfs_quota_us", "cpu.cfs_period_us") if controllers else ("cpu.max",)
        parts = [part for part in path.split("/") if part not in ("", "..")]
        for depth in range(len(parts) + 1):  # in a container, perhaps only the root is visible
            yield os.path.join(mounted, *parts[:depth]), names


def _read(path: str) -> str:
    """Read a small file of the system; return nothing if there is none."""
    try:
        with open(path, encoding="utf-8", errors="replace") as file:
            return file.read()
    except OSError:
        return ""
