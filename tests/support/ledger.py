"""What a device is asked for: the stand-in notes here what a GPU and its driver would have to do.

| kind   | what it is                                                                      |
|--------|---------------------------------------------------------------------------------|
| launch | a kernel, as a rule one for each call of NumPy that computes or copies          |
| array  | memory asked for: a result or a temporary, but no view                          |
| in     | a copy from the host                                                            |
| out    | a copy to the host, which waits there until all that was launched has been done |
"""

import sys
from contextlib import contextmanager
from typing import NamedTuple

import numpy as np

SIZED_BY_VALUES = ("nonzero", "argwhere", "flatnonzero", "unique", "extract", "compress")
"""What must know how many values are not zero before it can ask for memory: the host waits."""


class Entry(NamedTuple):
    """One thing that was asked for."""

    kind: str
    place: str  # the function of minunet that asked: "conv2d.backward"
    nbytes: int


_open = []  # the ledgers that are kept at present


@contextmanager
def kept():
    """Keep a ledger: a list of entries that grows as things are asked for."""
    entries = []
    _open.append(entries)
    try:
        yield entries
    finally:
        _open.remove(entries)


def note(kind, nbytes=0):
    """Enter one thing into the ledgers that are kept."""
    if _open:
        entry = Entry(kind, _place(), nbytes)
        for entries in _open:
            entries.append(entry)


def of(entries, kind):
    """Bytes of each entry of a kind, in the order in which they were asked for."""
    return [entry.nbytes for entry in entries if entry.kind == kind]


def answer(name, args, kwargs, results):
    """Note what the answer of a function or a method costs; a view costs nothing."""
    given, found = arrays((args, kwargs)), arrays(results)
    new = [one for one in found if not any(np.may_share_memory(one, other) for other in given)]
    for one in new:
        note("array", one.nbytes)
    if name in SIZED_BY_VALUES:
        note("out", np.intp().nbytes)
    if name in ("item", "tolist", "tobytes"):
        note("out", given[0].nbytes)
    written = results is None or "out" in kwargs  # as by copyto: to an argument
    if (new or written) and not name.startswith("empty"):
        note("launch")


def product(a, b):
    """Note what CuPy 14 does before it multiplies matrices.

    An operand whose elements do not follow one another is copied (of two single matrices, one that
    is transposed is not); and where a stack of matrices meets a single one, three kernels list
    where the matrices of both and of the product begin.
    """
    single = a.ndim == b.ndim == 2
    for operand in (a, b):
        flags = operand.flags
        if not (flags.c_contiguous or (single and flags.f_contiguous)):
            note("launch")
            note("array", operand.nbytes)
    if a.ndim != b.ndim:
        for _ in range(3):
            note("launch")
            note("array", max(a, b, key=np.ndim).shape[0] * np.uintp().nbytes)


def arrays(value):
    """List the arrays of a result or an argument."""
    if isinstance(value, dict):
        value = tuple(value.values())
    if isinstance(value, (tuple, list)):
        return [array for part in value for array in arrays(part)]
    return [value] if isinstance(value, (np.ndarray, np.generic)) else []


def _place():
    """Name the innermost function of minunet that is running; `taps` works for an op."""
    frame = sys._getframe(2)
    while frame is not None:
        module = frame.f_globals.get("__name__", "")
        if module.startswith("minunet.") and not module.endswith(".taps"):
            function = frame.f_code.co_qualname.split(".")[0]
            return f"{module.rsplit('.', 1)[-1]}.{function}"
        frame = frame.f_back
    return "elsewhere"
