"""Threads for bands: each core works on one band of rows at a time, small enough for its cache.

NumPy and BLAS release Python's global interpreter lock while they compute, so ordinary threads are
enough. A map is cut into bands of a few rows, and each thread works on the same number of adjacent
bands. Meanwhile BLAS, which has its own threads, is limited to one: two thread pools on the same
cores slow each other down. For some milliseconds after a product, the threads of BLAS even wait for
the next one in a loop, on the cores that ours then share. A few products are computed between the
bands, so `one_blas_thread` limits BLAS during a whole pass through the network, and `use` for good.

The sizes and the number of threads determine which thread computes which band, and the sums of the
threads are added in a fixed order. Results are therefore identical for the same number of threads.
With a different number, the bands differ, BLAS adds in another order, and the last bits may change.
"""

import importlib
import math
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from contextvars import copy_context
from functools import cache

import numpy as np
from threadpoolctl import ThreadpoolController

from minunet.array import Array
from minunet.fast.cores import can_start_threads, cores, default

__all__ = [
    "CACHE",
    "cores",
    "count",
    "edges",
    "fitting",
    "one_blas_thread",
    "over",
    "scratch",
    "use",
]

CACHE = 2**22
"""Approximate maximum size of a band in bytes: about the second-level cache of a core."""


_wanted = default()
_own = threading.local()


def use(threads: int) -> None:
    """Set the number of threads of this module, and limit BLAS to one, in the whole process.

    Where threads cannot start, the number stays 1.
    """
    global _wanted
    _wanted = threads if can_start_threads() else 1
    _blas().limit(limits=1)


@contextmanager
def one_blas_thread() -> Iterator[None]:
    """Limit BLAS to one thread inside a `with` block or a decorated function."""
    with _blas().limit(limits=1, user_api="blas"):
        yield


def count() -> int:
    """Return the number of threads that work on the bands."""
    return _wanted


@cache
def _blas() -> ThreadpoolController:
    """Return a controller of NumPy's BLAS and of SciPy's, which `fast/blas.py` calls."""
    importlib.import_module("scipy.linalg")  # threadpoolctl finds only loaded libraries
    return ThreadpoolController()


@cache
def _helpers(count: int) -> ThreadPoolExecutor:
    return ThreadPoolExecutor(count, thread_name_prefix="band")


def fitting(row_bytes: int, least: int = 1) -> int:
    """Return how many rows of `row_bytes` bytes fit into the cache, but no fewer than `least`."""
    return max(CACHE // row_bytes, least, 1)


def edges(rows: int, most: int) -> list[int]:
    """Cut rows into bands of at most `most` rows, with the same number of bands for every thread.

    Returns
    -------
    list of int : first row of each band, then `rows`
    """
    threads = min(count(), rows)
    bands = min(threads * math.ceil(rows / (most * threads)), rows)
    return [band * rows // bands for band in range(bands + 1)]


def over(rows: int, most: int, work: Callable[[int, int, int], None]) -> None:
    """Call `work(first, n, thread)` for bands that cover `rows` rows, on all threads at once.

    Parameters
    ----------
    rows : int      number of rows in the map
    most : int      maximum number of rows in a band
    work : callable
        Processes `n` rows, from row `first` on, in thread number `thread`, 0 … count() - 1. Each
        thread works on its bands one after another, from top to bottom.
    """
    threads = min(count(), rows)
    cuts = edges(rows, most)
    many = len(cuts) - 1

    def share(thread: int) -> None:
        for band in range(thread * many // threads, (thread + 1) * many // threads):
            work(cuts[band], cuts[band + 1] - cuts[band], thread)

    with one_blas_thread():
        others = [
            _helpers(threads - 1).submit(copy_context().run, share, k)  # keeps np.errstate
            for k in range(1, threads)
        ]
        share(0)
        for other in others:
            other.result()


def scratch(name: str, like: Array, *shape: int) -> Array:
    """Return working memory for this thread; the next call with the same `name` reuses it.

    Allocating a new array can take longer than a small computation, because the system provides its
    memory page by page.

    Parameters
    ----------
    name : str          distinguishes arrays that are in use at the same time
    like : array        an array with the dtype of the result
    shape : ints        shape of the result

    Returns
    -------
    array of that shape, not initialized
    """
    size = math.prod(shape)
    memory = _own.__dict__.setdefault(like.dtype.str, {})
    if name not in memory or memory[name].size < size:
        memory[name] = np.empty_like(like, shape=size)
    return memory[name][:size].reshape(shape)
