"""Parse and format amounts of memory, and estimate how much a prediction needs."""

import argparse
import re

import numpy as np

from minunet.fast import conv_relu, direct, threads, winograd
from minunet.network import sizes
from minunet.network.architecture import Architecture

UNITS = {
    **{"": 1, "B": 1, "KB": 10**3, "MB": 10**6, "GB": 10**9, "TB": 10**12},
    **{"KIB": 2**10, "MIB": 2**20, "GIB": 2**30, "TIB": 2**40},
}

LARGEST = 10**16
"""Largest memory size on the command line, in bytes."""

LIBRARIES = 1e8
"""Bytes for Python, its libraries, and everything else that is not counted."""

SPARE = 1.25
"""Ratio of the memory that a forward pass uses to the size of its arrays: the allocator cannot
reuse all of the memory that is freed in small pieces."""

LABELLING = 28
"""Bytes per pixel that finding the cells of a slice needs (`instances.Rule.cells`)."""

FLOAT = 4  # bytes


def parse_bytes(text: str) -> int:
    """Parse an amount of memory and return it in bytes; an argparse type.

    Examples
    --------
    >>> [parse_bytes(text) for text in ("2GB", "1.5 GiB", "800000000")]
    [2000000000, 1610612736, 800000000]
    """
    match = re.fullmatch(
        r"([0-9]{1,30}(?:\.[0-9]{1,30})?)\s*((?:[KMGT]I?)?B)?", text.strip().upper()
    )
    size = round(float(match[1]) * UNITS[match[2] or ""]) if match else LARGEST + 1
    if size > LARGEST:
        shown = text if len(text) <= 40 else text[:39] + "…"
        raise argparse.ArgumentTypeError(
            f"{shown!r} is not a memory size up to 10,000TB; pass e.g. 500MB, 2GB, 1.5GiB or "
            "2000000000"
        )
    return size


def format_bytes(size: float) -> str:
    """Format a number of bytes, rounded up, in a form that `parse_bytes` can read.

    Examples
    --------
    >>> [format_bytes(size) for size in (2e9, 345.2e6, 12)]
    ['2.00GB', '346MB', '1MB']
    """
    if size >= 1e9:
        return f"{-(-size // 1e7) / 100:.2f}GB"
    return f"{int(-(-size // 1e6))}MB"


def of_prediction(
    arch: Architecture, rows: int, columns: int, held: int = 0, labelled: int = 0
) -> float:
    """Estimate the peak memory of a prediction in bytes, not counting memory-mapped files.

    Parameters
    ----------
    arch : Architecture
    rows, columns : int     size of a tile, in pixels
    held : int              size of a slice in bytes; 0 if it is memory-mapped
    labelled : int          number of pixels of a slice; 0 if its cells are not numbered
    """
    # While a slice is read, the previous one may still be in memory.
    busy = max(SPARE * of_forward(arch, rows, columns), LABELLING * labelled, held)
    return LIBRARIES + FLOAT * arch.parameters() + held + busy


def of_forward(arch: Architecture, rows: int, columns: int) -> float:
    """Estimate the peak memory, in bytes, of a float32 forward pass without a backward pass.

    This is the maximum over the arrows of Figure 1 of the following sum: the maps waiting to be
    copied across the U, the input of the stage, the input and the output of the arrow, and the
    workspace of its fast form, part of which every thread keeps.
    """
    shapes = iter(shape for shape in arch.shapes().values() if shape[:2] == (3, 3))
    waiting: list[int] = []
    stage, began, into, peak, kept, largest = "", 0, 0, 0, 0, 0
    down, across = sizes.figure1(arch, rows), sizes.figure1(arch, columns)
    for row, column in zip(down, across, strict=True):
        out = FLOAT * row.size * column.size * row.channels
        working, first = 0, row.arrow.startswith("conv 3x3") and row.stage != stage
        if row.arrow.startswith("conv 3x3"):
            shape = next(shapes)
            form = conv_relu.form(row.size, column.size, np.broadcast_to(np.float32(0), shape))
            if form is winograd:
                working, thread = _working(shape, row.size, column.size)
                kept = max(kept, thread)
            elif form is direct:
                largest = max(largest, out)  # the tap loop in bands
        elif row.arrow.startswith("copy"):
            into += waiting.pop()
        if first:  # the input of the previous stage is no longer needed
            stage, began = row.stage, 0
        peak = max(peak, sum(waiting) + began + into + out + working)
        if first:
            began = into
        if row.arrow.startswith("max pool"):
            waiting.append(into)
        into = out
    bands = min(threads.count() * threads.CACHE, largest)
    return peak + bands + threads.count() * kept


def _working(shape: tuple[int, ...], rows: int, columns: int) -> tuple[int, int]:
    """Return the size in bytes of Winograd's workspace, shared and per thread."""
    c, o = shape[2:]
    down, across = -(-rows // winograd.OUT), -(-columns // winograd.OUT)
    blocks = across * int(np.diff(threads.edges(down, max(winograd.BLOCKS // across, 1))).max())
    inputs, outputs = winograd.IN**2, winograd.OUT**2
    return FLOAT * inputs * c * o, FLOAT * blocks * (2 * inputs * c + (inputs + outputs) * o)
