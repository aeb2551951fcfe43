"""Solutions of chapter 7."""

from __future__ import annotations

from minunet.array import Array
from minunet.network import sizes
from minunet.ops import conv2d, crop_concat, maxpool, upconv

three_numbers = (12, 36, (2 / 1024) ** 0.5)
"""124 → 60 → 28 → 12 on the way down; 12 - 4 = 8, then 12, 20, 36 on the way up. Each output pixel
of an up-convolution adds up one tap of every input channel, so N is 1024."""


def backward(
    dy: Array,
    a: Array,
    argmax: Array,
    pooled: Array,
    bottom: Array,
    w: Array,
    wu: Array,
) -> tuple[Array, Array, Array]:
    """Gradients of the smallest U: the forward's lines, last one first, and a plus for the copy.

    Parameters
    ----------
    dy : (2h, 2v, O+C)          gradient of the energy with respect to the output
    a : (H, W, C)               what went down and across
    argmax, pooled : (H/2, W/2, C)
    bottom : (h, v, D)          h = H/2 - 2, v = W/2 - 2
    w : (3, 3, C, D)
    wu : (2, 2, D, O)

    Returns
    -------
    da, dw, dwu : gradients, shaped like `a`, `w`, `wu`
    """
    dup, dskip = crop_concat.backward(dy, a.shape)
    dbottom, dwu, _ = upconv.backward(dup, bottom, wu)
    dpooled, dw, _ = conv2d.backward(dbottom, pooled, w)
    da = maxpool.backward(dpooled, argmax) + dskip  # copied, so add
    return da, dw, dwu


def through_skip(r: int, level: int, depth: int) -> tuple[int, int]:
    """First and last input pixel that output pixel r sees through the copy of one level.

    Back from the output through the stages above the level, across with the crop, and back to the
    image through the stages on the left. The crop is the same for every tile.

    Parameters
    ----------
    r : int          output pixel, along one axis
    level : int      of the copy
    depth : int      of the network

    Returns
    -------
    first, last : int
    """
    first, last = r, r + 4
    for _ in range(level):
        first, last = first // 2, last // 2 + 4
    size = dict(sizes.stages(next(sizes.valid_sizes(depth)), depth))
    crop = (size[f"contract{level}"][2] - size[f"expand{level}"][0]) // 2
    first, last = first + crop, last + crop + 4
    for _ in range(level):
        first, last = 2 * first, 2 * last + 1 + 4
    return first, last
