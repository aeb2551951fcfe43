"""Threads over bands: every core works on a band of rows that fits into its cache.

NumPy and BLAS release the interpreter's lock while they compute, so plain threads do. A map is cut
into bands of a few rows, and each thread takes an equal number of neighbouring ones. BLAS, which
has threads of its own, is held to one of them meanwhile: two pools on the same cores would only
stand in each other's way.

Which thread computes which band depends on nothing but the sizes and the number of threads, and
what threads sum up is added in their order: the same number of threads gives the same bits. Another
number cuts other bands, and sums that BLAS takes in another order differ in the last bits.
"""

import importlib
import math
import os
import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextvars import copy_context
from functools import cache

import numpy as np
from threadpoolctl import ThreadpoolController

from minunet.array import Array

CACHE = 2**22
"""Bytes that a band should not exceed by much: about the second-level cache of a core."""


def cores() -> int:
    """Count the cores that this process may use."""
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


_wanted = cores()
_own = threading.local()


def use(threads: int) -> None:
    """Set the number of threads, of ours and of BLAS, for the whole process."""
    global _wanted
    _wanted = threads
    _blas().limit(limits=threads)


def count() -> int:
    """Tell the number of threads that bands are spread over."""
    return _wanted


@cache
def _blas() -> ThreadpoolController:
    """Find the BLAS libraries: NumPy's and, since `fast.blas` calls it, SciPy's."""
    importlib.import_module("scipy.linalg")  # only what is loaded is found
    return ThreadpoolController()


@cache
def _helpers(count: int) -> ThreadPoolExecutor:
    return ThreadPoolExecutor(count, thread_name_prefix="band")


def fitting(row_bytes: int, least: int = 1) -> int:
    """Rows of a band, of `row_bytes` each, that fit into the cache; at least `least`."""
    return max(CACHE // row_bytes, least, 1)


def edges(rows: int, most: int) -> list[int]:
    """Cut rows into bands of at most `most`, every thread getting the same number of them.

    Returns
    -------
    first row of each band, and behind the last one `rows`
    """
    threads = min(count(), rows)
    bands = min(threads * math.ceil(rows / (most * threads)), rows)
    return [band * rows // bands for band in range(bands + 1)]


def over(rows: int, most: int, work: Callable[[int, int, int], None]) -> None:
    """Call `work(first, n, thread)` for bands that cover `rows` rows, on all threads at once.

    Parameters
    ----------
    rows : int      of the map
    most : int      rows in a band, at most
    work : callable
        Works on rows `first` to `first + n`; `thread`, 0 … count() - 1, names who does. The bands
        of a thread come one after the other, first row first.
    """
    threads = min(count(), rows)
    cuts = edges(rows, most)
    many = len(cuts) - 1

    def share(thread: int) -> None:
        for band in range(thread * many // threads, (thread + 1) * many // threads):
            work(cuts[band], cuts[band + 1] - cuts[band], thread)

    with _blas().limit(limits=1, user_api="blas"):
        others = [
            _helpers(threads - 1).submit(copy_context().run, share, k)  # np.errstate, for one
            for k in range(1, threads)
        ]
        share(0)
        for other in others:
            other.result()


def scratch(name: str, like: Array, *shape: int) -> Array:
    """Memory of this thread to work in: what it holds is overwritten by the next to ask for `name`.

    A new array costs more than a small computation: the system hands out its pages one by one.

    Parameters
    ----------
    name : str          so that one piece of work can hold several
    like : array        of the dtype wanted
    shape : ints

    Returns
    -------
    array of that shape, not cleared
    """
    size = math.prod(shape)
    memory = _own.__dict__.setdefault(like.dtype.str, {})
    if name not in memory or memory[name].size < size:
        memory[name] = np.empty_like(like, shape=size)
    return memory[name][:size].reshape(shape)
