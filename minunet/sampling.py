"""Tiles to train on: drawn from the mirrored images, in any of the eight symmetries."""

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from minunet import augment, geometry, tiling
from minunet.array import Array


class Tile(NamedTuple):
    """One training sample; the batch of the paper is one such tile."""

    x: Array  # (n, n, C) float32
    labels: Array  # (n-2m, n-2m) of its central pixels
    weight_map: Array  # (n-2m, n-2m) float32


def draw(
    images: Sequence[Array],
    labels: Sequence[Array],
    class_weights: Array,
    size: int,
    depth: int,
    rng: np.random.Generator,
) -> Tile:
    """Draw a tile whose centre is any pixel of any image with equal chance.

    The centre may lie at the very edge: what the tile then sees beyond, image and labels, is
    mirrored. So the corners of an image are learnt as well as its middle.

    Parameters
    ----------
    images : sequence of (H, W, C) float32
    labels : sequence of (H, W)
    class_weights : (K,) float32
    size : int                     n, legal for `depth`
    depth : int                    of the network
    rng : numpy Generator
    """
    ends = np.cumsum([label.size for label in labels])
    pixel = int(rng.integers(ends[-1]))
    k = int(np.searchsorted(ends, pixel, side="right"))
    row, column = divmod(pixel - int(ends[k]) + labels[k].size, labels[k].shape[1])
    output, margin = geometry.output_size(size, depth), geometry.margin(depth)
    top, left = row - output // 2, column - output // 2
    which = int(rng.integers(augment.SYMMETRIES))
    x = tiling.cut(images[k], top - margin, left - margin, size, size)
    label = augment.symmetry(tiling.cut(labels[k], top, left, output, output), which)
    return Tile(augment.symmetry(x, which), label, class_weights[label])
