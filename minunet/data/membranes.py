"""Which of two label values is membrane.

In ISBI 2012, membranes are 0 and cells 255; in other data sets, it is the opposite. `--labels-are
membranes` says so. Without it, minunet would take the membranes for cells.
"""

from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

import numpy as np
import scipy

from minunet.array import Array
from minunet.data.label_kind import MOST_SLICES
from minunet.data.label_messages import few
from minunet.errors import InputError

SHARE, NET, LARGEST = 0.4, 0.8, 0.5
"""Limits of `Net`: membranes have a smaller share and a larger net, and the largest region between
them is smaller."""

SQUARE = np.ones((3, 3), bool)
"""Neighbours within a membrane; those within a cell are the 4 that share a side."""


class Net(NamedTuple):
    """How much class 1 looks like a net around regions of class 0: medians over the slices.

    Ranges over the slices of several data sets, two of them also inverted:

    | class 1                   | share       | net         | largest     |
    |---------------------------|-------------|-------------|-------------|
    | VNC, membranes            | 0.19 … 0.22 | 0.96 … 1    | 0.05 … 0.08 |
    | ISBI 2012, inverted       | 0.19 … 0.27 | 0.97 … 1    | 0.06 … 0.16 |
    | synthetic EM, inverted    | 0.20 … 0.24 | 0.94 … 1    | 0.13 … 0.30 |
    | ISBI 2012                 | 0.73 … 0.81 | 0.06 … 0.16 | 0.97 … 1    |
    | synthetic EM              | 0.76 … 0.80 | 0.13 … 0.30 | 0.94 … 1    |
    | VNC, mitochondria         | 0.04 … 0.07 | 0.12 … 0.30 | 1           |
    | nuclei                    | 0.03 … 0.33 | 0.02 … 0.19 | 1           |
    | HeLa cells, silver truth  | 0.38 … 0.48 | 0.21 … 0.85 | 0.52 … 1    |
    """

    share: float  # fraction of the pixels that are class 1
    net: float  # fraction of class 1 in its largest 8-connected piece
    largest: float  # fraction of class 0 in its largest 4-connected piece


def looks_inverted(labels: Sequence[Array]) -> bool:
    """Return whether class 1 of label maps (H, W) looks like membranes around class 0."""
    share, net, largest = net_of(labels)
    return share < SHARE and net > NET and largest < LARGEST


def net_of(labels: Sequence[Array]) -> Net:
    """Compute the statistics of label maps (H, W); each is nan without a slice of two classes."""
    slices = labels[:: max(-(-len(labels) // MOST_SLICES), 1)]
    found = [
        (float((one == 1).mean()), _main(one == 1, SQUARE), _main(one == 0, None))
        for one in slices
        if (one == 1).any() and (one == 0).any()
    ]
    return Net(*map(float, np.median(found, axis=0))) if found else Net(*[float("nan")] * 3)


def _main(mask: Array, neighbours: Array | None) -> float:
    """Return the fraction of a mask (H, W) in its largest connected piece."""
    pieces, _ = scipy.ndimage.label(mask, neighbours)
    return float(np.bincount(pieces[mask]).max() / np.count_nonzero(mask))


def two_values(values: Sequence[float], source: Path | str) -> list[float]:
    """Return the value of membranes and the value of cells.

    Parameters
    ----------
    values : sequence of float     distinct and sorted
    source : Path or str           where they come from, for error messages

    Raises
    ------
    InputError
        Unless there are exactly two values.
    """
    if len(values) == 2:
        return [values[1], values[0]]
    found = f"{len(values)} values ({few(values)})" if len(values) > 1 else f"only {few(values)}"
    raise InputError(
        f"{source} has {found}, but --labels-are membranes needs two, the larger of which is "
        "membrane; pass --label-threshold V to make values of at least V membrane"
    )
