"""The overlap-tile strategy (paper, section 2 and Figure 2): images of any size, without seams.

A tile of n pixels yields the segmentation of its central n - 2·margin. Beyond the edge of the image
the missing data is mirrored (the edge pixel is not repeated), once on the whole image, so that a
tile never mirrors what a neighbour could have shown it.

Seamless in the paper means that the outputs join edge to edge. They are the values that one pass
over the whole mirrored image would give only where the origins of the tiles differ by multiples of
2^depth: d poolings make the network equivariant to such shifts and to no others. The output of a
legal tile is 4 pixels more than such a multiple (388 = 24·16 + 4), so from three poolings on it is
no multiple itself. Hence two steps: `aligned_step`, 384 for the tile of 572, is exact and the
default; the size of the output, 388, is the paper's.
"""

from collections.abc import Callable, Iterable, Iterator
from typing import NamedTuple, TypeAlias

import numpy as np

from minunet.array import Array
from minunet.errors import InputError
from minunet.image import cut
from minunet.network import device, sizes, unet
from minunet.network.architecture import Architecture
from minunet.ops import cross_entropy

Window: TypeAlias = tuple[tuple[slice, slice], Array]
"""Rows and columns of an image, and the scores (h, w, K) there."""


def aligned_step(tile: int, depth: int) -> int:
    """Largest step at which tiles join exactly as one pass: 384 for the paper's 572.

    Raises
    ------
    InputError
        If the tile is illegal, or its output smaller than one such step.
    """
    step = sizes.output_size(tile, depth) // 2**depth * 2**depth
    if step == 0:
        _, least = sizes.nearest_valid(2 * sizes.margin(depth) + 2**depth, depth)
        raise InputError(
            f"a tile of {tile} pixels segments {sizes.output_size(tile, depth)}, and tiles join "
            f"exactly only at multiples of {2**depth}; the smallest tile for that: {least}"
        )
    return step


class Axis(NamedTuple):
    """How one axis of an image is covered by tiles; `origins` are those of their outputs."""

    tile: int
    output: int
    origins: list[int]


def cover(size: int, depth: int, tile: int, paper_step: bool = False) -> Axis:
    """Cover an axis of an image with tiles.

    At the aligned step the answer is that of one pass, whatever the tile: so of the tiles of which
    no more are needed, the smallest is taken. The paper's step keeps to the tile that is given.

    Parameters
    ----------
    size : int            of the image, pixels
    depth : int           of the network
    tile : int            largest tile; a smaller one is taken where that covers the axis at once
    paper_step : bool     lay outputs edge to edge, as the paper does; else at the aligned step
    """
    margin, unit = sizes.margin(depth), 2**depth
    _, whole = sizes.nearest_valid(size + 2 * margin, depth)
    if whole <= tile:
        return Axis(whole, whole - 2 * margin, [0])
    output = sizes.output_size(tile, depth)
    step = output if paper_step else aligned_step(tile, depth)
    # The last tile is the one that reaches the end; what it shows beyond is thrown away.
    count = 1 + -(-(size - output) // step)
    if not paper_step:
        overlap = output - step
        least = -(-(size - overlap) // (count * unit)) * unit  # step at which as many reach the end
        step, output = least, least + overlap
    return Axis(output + 2 * margin, output, [k * step for k in range(count)])


def segment(
    params: dict[str, Array],
    image: Array,
    arch: Architecture,
    tile: int,
    paper_step: bool = False,
    scaled: Callable[[Array], Array] = np.asarray,
) -> Iterator[Window]:
    """Segment an image of any size, tile by tile; nothing of a tile is kept.

    Parameters
    ----------
    params : dict               of the network, on any device
    image : (H, W, C)           on the host, in memory or mapped
    arch : Architecture
    tile : int                  largest tile, legal for `arch.depth`, pixels
    paper_step : bool           see `cover`
    scaled : callable           scales a tile as in training; the default: the image is scaled

    Yields
    ------
    window : (slice, slice)     rows and columns of the image
    scores : (h, w, K)          activations a_k there, before the soft-max, on the host
    """
    height, width = image.shape[:2]
    margin = sizes.margin(arch.depth)
    down = cover(height, arch.depth, tile, paper_step)
    across = cover(width, arch.depth, tile, paper_step)
    for top in down.origins:
        for left in across.origins:
            x = scaled(cut(image, top - margin, left - margin, down.tile, across.tile))
            logits, _ = unet.forward(
                params, np.asarray(x, like=params["out.b"]), arch, remember=False
            )
            scores = device.to_host(logits)[: height - top, : width - left]
            yield np.s_[top : top + scores.shape[0], left : left + scores.shape[1]], scores


def tile_count(
    image_shape: tuple[int, ...], depth: int, tile: int, paper_step: bool = False
) -> int:
    """Count the tiles that `segment` cuts an image (H, W, C) into."""
    down, across = (cover(size, depth, tile, paper_step) for size in image_shape[:2])
    return len(down.origins) * len(across.origins)


def whole(windows: Iterable[Window], image: Array) -> Array:
    """Put the scores of `segment` together to one map (H, W, K)."""
    scores: Array | None = None
    for window, part in windows:
        if scores is None:
            scores = np.empty_like(part, shape=(*image.shape[:2], part.shape[-1]))
        scores[window] = part
    assert scores is not None  # an image has at least one tile
    return scores


def probabilities(
    params: dict[str, Array],
    image: Array,
    arch: Architecture,
    tile: int,
    paper_step: bool = False,
) -> Array:
    """Class probabilities (H, W, K) of an image (H, W, C); parameters as of `segment`."""
    scores = whole(segment(params, image, arch, tile, paper_step), image)
    return np.exp(cross_entropy.log_softmax(scores))
