"""The ledger of the stand-in: what a GPU and its driver would have to do.

| kind   | what it is                                                                    |
|--------|-------------------------------------------------------------------------------|
| launch | a kernel launch, usually one for each NumPy call that computes or copies      |
| array  | a memory allocation: a result or a temporary, but not a view                  |
| free   | the end of an array that was made while the ledger was kept                   |
| in     | a copy from the host                                                          |
| out    | a copy to the host, which waits until all launched kernels are done           |
"""

import itertools
import sys
import weakref
from contextlib import contextmanager
from typing import NamedTuple

import numpy as np

SIZED_BY_VALUES = ("nonzero", "argwhere", "flatnonzero", "unique", "extract", "compress")
"""Functions whose result size depends on values, so that the host waits for it."""


class Entry(NamedTuple):
    """One launch, allocation or copy."""

    kind: str
    place: str  # the function of minunet that caused it: "conv2d.backward"
    nbytes: int
    number: int = 0  # of an array; its end has the same


_open = []  # the ledgers being kept
_numbers = itertools.count(1)


@contextmanager
def kept():
    """Keep a ledger while the block runs: a list of entries."""
    entries = []
    _open.append(entries)
    try:
        yield entries
    finally:
        _open[:] = [one for one in _open if one is not entries]


class Card(list):
    """A ledger of a card that has room for arrays of `size` bytes; an array too many raises."""

    def __init__(self, size, error):
        self.size, self.error, self.used = size, error, 0

    def append(self, entry):
        """Add an entry, unless it is an array that has no room."""
        if entry.kind == "array":
            if self.used + entry.nbytes > self.size:
                raise self.error(f"no room for {entry.nbytes} bytes")
            self.used += entry.nbytes
        elif entry.kind == "free":
            self.used -= entry.nbytes
        super().append(entry)


@contextmanager
def kept_by(card):
    """Let a card keep its ledger while the block runs."""
    _open.append(card)
    try:
        yield card
    finally:
        _open[:] = [one for one in _open if one is not card]


def note(kind, nbytes=0, number=0):
    """Add an entry to all ledgers that are kept."""
    if _open:
        add(Entry(kind, _place(), nbytes, number))


def add(entry):
    """Add this entry to all ledgers that are kept."""
    for entries in _open:
        entries.append(entry)


def of(entries, kind):
    """List the bytes of each entry of a kind, in order."""
    return [entry.nbytes for entry in entries if entry.kind == kind]


def allocated(nbytes):
    """Record an allocation; return the entry for its end."""
    number = next(_numbers)
    note("array", nbytes, number)
    return Entry("free", "", nbytes, number)


def made(array):
    """Record an allocation, and its end when no array refers to this memory any more."""
    end, owner = allocated(array.nbytes), array
    while isinstance(owner.base, np.ndarray):
        owner = owner.base
    if isinstance(owner, np.ndarray):  # a scalar has no end: it is only a few bytes
        for entries in _open:
            weakref.finalize(owner, entries.append, end).atexit = False


def peak(entries):
    """Return the bytes of the arrays that are in use at the same time, at most."""
    signs = {"array": 1, "free": -1}
    return max(itertools.accumulate(signs.get(e.kind, 0) * e.nbytes for e in entries))


def answer(name, args, kwargs, results):
    """Record the cost of a function's or method's result; a view costs nothing."""
    given, found = arrays((args, kwargs)), arrays(results)
    new = [one for one in found if not any(np.may_share_memory(one, other) for other in given)]
    for one in new:
        made(one)
    if name in SIZED_BY_VALUES:
        note("out", np.intp().nbytes)
    if name in ("item", "tolist", "tobytes"):
        note("out", given[0].nbytes)
    written = results is None or "out" in kwargs  # to an argument, as in np.copyto
    if (new or written) and not name.startswith("empty"):
        note("launch")


def product(a, b):
    """Record what CuPy 14 does before it multiplies matrices; return the ends of its arrays.

    It copies an operand that is not contiguous; in a product of two single matrices, a transposed
    one counts as contiguous. For a stack of matrices with a single one, three kernels list the
    addresses of the matrices of both operands and of the product.
    """
    single, needed = a.ndim == b.ndim == 2, []
    for operand in (a, b):
        flags = operand.flags
        if not (flags.c_contiguous or (single and flags.f_contiguous)):
            needed.append(operand.nbytes)
    if a.ndim != b.ndim:
        needed += 3 * [max(a, b, key=np.ndim).shape[0] * np.uintp().nbytes]
    ends = []
    for nbytes in needed:
        note("launch")
        ends.append(allocated(nbytes))
    return ends


def arrays(value):
    """List the arrays of a result or an argument."""
    if isinstance(value, dict):
        value = tuple(value.values())
    if isinstance(value, (tuple, list)):
        return [array for part in value for array in arrays(part)]
    return [value] if isinstance(value, (np.ndarray, np.generic)) else []


def _place():
    """Name the innermost function of minunet that is running; `taps` counts as its caller."""
    frame = sys._getframe(2)
    while frame is not None:
        module = frame.f_globals.get("__name__", "")
        if module.startswith("minunet.") and not module.endswith(".taps"):
            function = frame.f_code.co_qualname.split(".")[0]
            return f"{module.rsplit('.', 1)[-1]}.{function}"
        frame = frame.f_back
    return "elsewhere"
