"""Valid tile sizes, the size of the map at every arrow, and Figure 1 as a table.

A 3x3 convolution removes two pixels, a pooling halves the size, and an up-convolution doubles it.
With d poolings and a map of m pixels at the bottom:

    input size     n = 2^d m + 4 (2^d - 1)        the size is even at every pooling
    output size    2^d (m - 8) + 4 = n - 2·margin,        margin = 6·2^d - 4

For the paper's d = 4, n = 16 m + 60 and the margin is 92: the smallest tile has a side of
188 pixels and an output of 4; the tile of Figure 1 has a side of 572 and an output of 388.
"""

from collections.abc import Iterator
from itertools import count
from typing import NamedTuple

from minunet.errors import InputError
from minunet.network.architecture import Architecture

LARGEST = 100_000
"""Largest tile size that commands accept, in pixels; its image alone would need 40 GB."""

Stages = list[tuple[str, tuple[int, ...]]]


def margin(depth: int) -> int:
    """Return how many pixels a tile loses on each side: 92 for the paper's four poolings."""
    return 6 * 2**depth - 4


def output_size(size: int, depth: int) -> int:
    """Return the output size of a tile: 388 for the paper's 572.

    Raises
    ------
    InputError
        If the size is not valid at this depth.
    """
    stages(size, depth)
    return size - 2 * margin(depth)


def stages(size: int, depth: int) -> Stages:
    """Compute the size of the map at every arrow of Figure 1, stage by stage.

    Parameters
    ----------
    size : int      side of the input tile, in pixels
    depth : int     number of poolings

    Returns
    -------
    list of (stage, (s0, s1, s2))
        Sizes of the input of a stage, and of the outputs of its two convolutions, in pixels.

    Raises
    ------
    InputError
        If the size is not valid at this depth; the message names the nearest valid sizes.

    Examples
    --------
    >>> stages(572, depth=4)[4]
    ('bottom', (32, 30, 28))
    """
    walk = _walk(size, depth)
    if walk is None:
        below, above = nearest_valid(size, depth)
        valid = (
            f"the nearest valid sizes are {below} and {above}"
            if below
            else f"the smallest valid size is {above}"
        )
        raise InputError(f"a tile of {size} pixels is not valid at depth {depth}; {valid}")
    return walk


def _walk(size: int, depth: int) -> Stages | None:
    """Return the sizes along the U; None if the size is odd at a pooling or the output is empty."""
    walk: Stages = []
    s = size
    for level in range(depth):
        walk.append((f"contract{level}", (s, s - 2, s - 4)))
        s -= 4
        if s % 2:
            return None
        s //= 2
    walk.append(("bottom", (s, s - 2, s - 4)))
    for level in reversed(range(depth)):
        s = 2 * (s - 4)
        walk.append((f"expand{level}", (s, s - 2, s - 4)))
    return walk if all(left > 0 for _, (_, _, left) in walk) else None


def is_valid(size: int, depth: int) -> bool:
    """Return True if the size is even at every pooling and the output is not empty."""
    return _walk(size, depth) is not None


def valid_sizes(depth: int) -> Iterator[int]:
    """Yield all valid tile sizes, from the smallest up; they are 2^depth pixels apart.

    Examples
    --------
    >>> from itertools import islice
    >>> list(islice(valid_sizes(4), 3))
    [188, 204, 220]
    """
    bottom = 7 if depth == 1 else 8  # pixels at the bottom for the smallest output, 2 or 4 pixels
    return count(bottom * 2**depth + 4 * (2**depth - 1), 2**depth)


def nearest_valid(size: int, depth: int) -> tuple[int | None, int]:
    """Return the largest valid size ≤ `size` (None if there is none) and the smallest ≥ `size`.

    Examples
    --------
    >>> nearest_valid(512, depth=4)
    (508, 524)
    """
    smallest = next(valid_sizes(depth))
    if size < smallest:
        return None, smallest
    above = smallest + -(-(size - smallest) // 2**depth) * 2**depth
    return (above if above == size else above - 2**depth), above


def check_tile(shape: tuple[int, ...], arch: Architecture) -> None:
    """Raise an `InputError` unless the network accepts a tile of this shape."""
    if len(shape) != 3 or shape[2] != arch.in_channels:
        raise InputError(
            f"the tile has the shape {shape}; this network needs (H, W, {arch.in_channels})"
        )
    for size in shape[:2]:
        stages(size, arch.depth)


class Row(NamedTuple):
    """One arrow of Figure 1: the map it produces, and its cost."""

    stage: str
    arrow: str
    size: int  # side of the resulting map, in pixels
    channels: int
    parameters: int
    flop: int  # floating-point operations of the forward pass; a multiply-add counts as two
    memory: int  # bytes kept for the backward pass, for a float32 tile


def figure1(arch: Architecture, size: int) -> list[Row]:
    """Return Figure 1 as a table, for a square tile in training.

    Parameters
    ----------
    arch : Architecture
    size : int      side of the tile, in pixels

    Returns
    -------
    list of Row, from the input to the output of the U

    Raises
    ------
    InputError
        If the size is not valid at this depth.
    """
    shapes, rows = arch.shapes(), []

    def conv(stage: str, name: str, arrow: str, s: int, memory: int) -> None:
        kh, kw, c, o = shapes[f"{stage}.w{name}"]
        # An output pixel of an up-convolution uses one tap; one of a convolution uses all taps.
        seen = 1 if name == "u" else kh * kw
        flop = 2 * s * s * seen * c * o
        rows.append(Row(stage, arrow, s, o, kh * kw * c * o + o, flop, memory * s * s * o))

    rows.append(Row("", "tile", size, arch.in_channels, 0, 0, 4 * size**2 * arch.in_channels))
    for stage, (s0, s1, s2) in stages(size, arch.depth):
        if stage.startswith("expand"):
            conv(stage, "u", "up-conv 2x2", s0, 4 if arch.relu_after_upconv else 0)
            c = shapes[f"{stage}.w1"][2]
            rows.append(Row(stage, "copy, crop, concat", s0, c, 0, 0, 4 * s0**2 * c))
        masked = arch.dropout > 0 and stage in arch.dropout_stages
        conv(stage, "1", "conv 3x3, ReLU", s1, 4)
        conv(stage, "2", "conv 3x3, ReLU", s2, 8 if masked else 4)
        if stage.startswith("contract"):
            c = shapes[f"{stage}.w2"][3]  # the pooled map, and one byte per pixel for the argmax
            rows.append(Row(stage, "max pool 2x2", s2 // 2, c, 0, 0, 5 * (s2 // 2) ** 2 * c))
    conv("out", "", "conv 1x1", size - 2 * margin(arch.depth), 0)
    return rows
