"""A pretended GPU of a given size, whose arrays are stand-ins."""

import sys
from contextlib import contextmanager
from types import SimpleNamespace

import ledger
import numpy as np
from standin import StandIn

from minunet.prediction import gpu_memory

LIKE = StandIn(np.zeros(1))


class OutOfMemoryError(MemoryError):
    """CuPy's error, as far as its name and its base go."""


OutOfMemoryError.__module__ = "cupy.cuda.memory"


@contextmanager
def gpu(monkeypatch, size):
    """Pretend CuPy with a GPU that has room for arrays of `size` bytes; yield its `ledger.Card`.

    Another process can take some of this memory: set the `size` of the card.
    """
    card = ledger.Card(size, OutOfMemoryError)
    runtime = SimpleNamespace(
        getDeviceCount=lambda: 1,
        getDeviceProperties=lambda number: {"name": b"Pretended 1000"},
        CUDARuntimeError=RuntimeError,
    )
    memory = lambda: (int(card.size - card.used + gpu_memory.KERNELS), 2 * 10**9)  # noqa: E731
    cuda = SimpleNamespace(runtime=runtime, Device=lambda: SimpleNamespace(mem_info=memory()))
    pool = SimpleNamespace(total_bytes=lambda: card.used, get_limit=lambda: 0)
    cupy = SimpleNamespace(
        __version__="14.2.0",
        asarray=lambda array: np.asarray(array, like=LIKE),
        ones=lambda shape, dtype: StandIn(np.ones(shape, dtype)),
        cuda=cuda,
        get_default_memory_pool=lambda: pool,
    )
    monkeypatch.setitem(sys.modules, "cupy", cupy)
    with ledger.kept_by(card):
        yield card
