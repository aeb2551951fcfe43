"""The overlap-tile strategy (paper, section 2 and Figure 2): images of any size, without seams.

A tile of n pixels yields the segmentation of its central n - 2·margin pixels. Pixels missing
beyond the edge of the image are filled by mirroring (without repeating the edge pixel). The whole
image is mirrored, not each tile, so that a tile sees real pixels wherever the image has any.

In the paper, seamless means that the outputs join edge to edge. They equal one pass over the whole
mirrored image only if the origins of the tiles differ by multiples of 2^depth: with `depth`
poolings, the network is equivariant to these shifts and to no others. The output size of a valid
tile is such a multiple plus 4 pixels (388 = 24·16 + 4), so at depth 3 or more it is not a multiple
itself. There is therefore a choice of two steps: `aligned_step` (384 for a tile of 572) is exact
and the default; the paper's step is the size of the output (388).
"""

from collections.abc import Iterable, Iterator
from itertools import pairwise
from typing import NamedTuple, TypeAlias

import numpy as np

from minunet.array import Array
from minunet.errors import InputError
from minunet.image import AVERAGED, Average, cut
from minunet.network import Network, sizes
from minunet.prediction import gpu_memory
from minunet.resampling import NONE, Factors, in_one_line, pair, small_shape

Window: TypeAlias = tuple[tuple[slice, slice], Array]
"""A window: rows and columns of an image, and their values (h, w, K), logits or probabilities."""


def aligned_step(tile: int, depth: int) -> int:
    """Return the largest step at which tiles give the result of one pass: 384 for a tile of 572.

    Raises
    ------
    InputError
        If the tile is not valid, or its output is smaller than one such step.
    """
    unit = 2**depth
    _, least = sizes.nearest_valid(2 * sizes.margin(depth) + unit, depth)
    if tile < least:
        raise InputError(
            f"a tile of {tile} pixels is too small: tiles join exactly only at multiples of {unit} "
            f"pixels; use a tile of {least} pixels or more"
        )
    return sizes.output_size(tile, depth) // unit * unit


class Axis(NamedTuple):
    """How tiles cover one axis of an image."""

    tile: int  # size of a tile, in pixels
    output: int  # size of its output, in pixels
    origins: list[int]  # first pixel of each output


def cover(size: int, depth: int, tile: int, paper_step: bool = False) -> Axis:
    """Cover an axis of an image with tiles.

    At the aligned step, every tile size gives the result of one pass, so the smallest tile that
    does not increase the number of tiles is used. At the paper's step, `tile` itself is used.

    Parameters
    ----------
    size : int            size of the image along this axis, in pixels
    depth : int           depth of the network
    tile : int            maximum tile size; a smaller tile is used if it covers the axis by itself
    paper_step : bool     True: lay outputs edge to edge, as the paper does; False: aligned step
    """
    margin, unit = sizes.margin(depth), 2**depth
    _, whole = sizes.nearest_valid(size + 2 * margin, depth)
    if whole <= tile:
        return Axis(whole, whole - 2 * margin, [0])
    output = sizes.output_size(tile, depth)
    step = output if paper_step else aligned_step(tile, depth)
    # The last tile may reach beyond the end; its output there is discarded.
    count = 1 + -(-(size - output) // step)
    if not paper_step:
        overlap = output - step
        # The smallest step at which the same number of tiles reaches the end.
        step = -(-(size - overlap) // (count * unit)) * unit
        output = step + overlap
    return Axis(output + 2 * margin, output, [k * step for k in range(count)])


class Tiling(NamedTuple):
    """How an image is cut into tiles, and over which symmetries the logits are averaged."""

    tile: int  # maximum tile size, in pixels; valid for the depth of the network
    paper_step: bool = False  # see `cover`
    average: Average = "none"  # see `minunet.prediction.averaging`
    shrink: Factors = NONE  # image pixels per pixel of the tiles, see `averaging.windows`

    def check(self, depth: int) -> None:
        """Raise an `InputError` unless the tiling is valid, however small the image."""
        if self.average not in AVERAGED:
            valid = ", ".join(AVERAGED)
            raise InputError(f"average is {self.average!r}; it must be one of {valid}")
        if pair(self.shrink) is None:
            raise InputError(
                f"shrink is {in_one_line(self.shrink)}; it must be two positive numbers, the image "
                "pixels per network pixel along y and x, such as (2, 2)"
            )
        check = sizes.stages if self.paper_step else aligned_step
        check(self.tile, depth)

    def cover(self, shape: tuple[int, ...], depth: int) -> tuple[Axis, Axis]:
        """Cover the rows and the columns of an image (H, W, …) with tiles, after shrinking it."""
        small = small_shape(shape, self.shrink)
        down, across = (cover(size, depth, self.tile, self.paper_step) for size in small)
        return down, across

    def tile_count(self, shape: tuple[int, ...], depth: int) -> int:
        """Count the tiles of an image (H, W, …), over all the versions that are averaged."""
        down, across = self.cover(shape, depth)
        return len(AVERAGED[self.average]) * len(down.origins) * len(across.origins)


def windows(network: Network, image: Array, tiling: Tiling) -> Iterator[Window]:
    """Segment an image tile by tile, without averaging, into windows that do not overlap.

    The image consists of network pixels: `tiling.shrink` is not applied.

    At the aligned step, outputs may overlap by a few pixels, for which two tiles give the same
    logits. They belong to the window of the later tile.

    Parameters
    ----------
    network : Network
    image : (H, W, C)           on the host, in memory or mapped
    tiling : Tiling

    Yields
    ------
    window : (slice, slice)     rows and columns of the image
    logits : (h, w, K)          activations a_k in the window, before the soft-max, on the host

    Raises
    ------
    GpuMemoryError
        If the network is on a GPU whose memory is not enough for a tile.
    """
    height, width = image.shape[:2]
    depth, margin = network.arch.depth, sizes.margin(network.arch.depth)
    down = cover(height, depth, tiling.tile, tiling.paper_step)
    across = cover(width, depth, tiling.tile, tiling.paper_step)
    for top, bottom in pairwise([*down.origins, height]):
        for left, right in pairwise([*across.origins, width]):
            tile = cut(image, top - margin, left - margin, down.tile, across.tile)
            with gpu_memory.explained(network.arch, down.tile, across.tile):
                logits = network.logits(tile)
            logits = logits[: bottom - top, : right - left]
            yield np.s_[top : top + logits.shape[0], left : left + logits.shape[1]], logits


def assemble(parts: Iterable[Window], image: Array) -> Array:
    """Assemble windows into one map (H, W, K) of the whole image (H, W, C)."""
    whole: Array | None = None
    for window, part in parts:
        if whole is None:
            whole = np.empty_like(part, shape=(*image.shape[:2], part.shape[-1]))
        whole[window] = part
    assert whole is not None  # an image has at least one tile
    return whole
