"""The average of rotated versions (paper, section 4), the scores of an image turned and flipped.

The network is not equivariant to a quarter turn or a flip, and what it makes of them differs. The
whole image is turned, mirrored beyond its edges and segmented; the scores are turned back and
averaged, before the soft-max. A tile is never turned by itself: what it sees beyond its edge would
not turn with it.

The paper averages "7 rotated versions" and says no more. The release averages the 4 flips.
"""

from collections.abc import Callable, Iterator, Sequence
from functools import partial
from typing import Any

import numpy as np

from minunet.array import Array
from minunet.image import AVERAGED, Average, bands, symmetry
from minunet.network.architecture import Architecture
from minunet.ops import cross_entropy
from minunet.prediction import tiling
from minunet.prediction.tiling import Window
from minunet.progress import Progress


def segment(
    params: dict[str, Array],
    image: Array,
    arch: Architecture,
    tile: int,
    *,
    paper_step: bool = False,
    average: Average = "none",
    scaled: Callable[[Array], Array] = np.asarray,
    total: Array | None = None,
    advance: Callable[[], None] = lambda: None,
) -> Iterator[Window]:
    """Segment an image of any size, part by part, as `tiling.segment` does without averaging.

    Tiles of a turned image do not lie on those of the upright one, so that no average is known
    before the last version is through: until then all add up in one map.

    Parameters
    ----------
    params : dict                    of the network, on any device
    image : (H, W, C)                on the host, in memory or mapped
    arch : Architecture
    tile : int                       largest tile, legal for `arch.depth`, pixels
    paper_step : bool                see `tiling.cover`
    average : {"none", "flips", "rotations", "symmetries"}
    scaled : callable                scales a tile as in training; the default: the image is scaled
    total : (H, W, K) or None        where to add up, such as a mapped file; None: in memory
    advance : callable               called after every tile

    Yields
    ------
    window : (slice, slice)          rows and columns of the image
    scores : (h, w, K)               activations a_k there, averaged, before the soft-max
    """
    versions = AVERAGED[average]
    if len(versions) == 1:
        for window in tiling.segment(params, image, arch, tile, paper_step, scaled):
            advance()
            yield window
        return
    if total is None:
        total = np.empty((*image.shape[:2], arch.classes), params["out.b"].dtype)
    total[...] = 0
    for which in versions:
        turned, turned_total = symmetry(image, which), symmetry(total, which)  # views
        for at, scores in tiling.segment(params, turned, arch, tile, paper_step, scaled):
            turned_total[at] += scores
            advance()
    for rows in bands(total.shape):
        yield np.s_[rows, : total.shape[1]], total[rows] / len(versions)


def scores(
    params: dict[str, Array], image: Array, arch: Architecture, tile: int, **how: Any
) -> Array:
    """Scores (H, W, K) of an image of any size; parameters as of `segment`."""
    return tiling.whole(segment(params, image, arch, tile, **how), image)


def probabilities(
    params: dict[str, Array],
    images: Sequence[Array],
    arch: Architecture,
    tile: int,
    *,
    paper_step: bool = False,
    average: Average = "none",
) -> list[Array]:
    """Class probabilities (H, W, K) of images, with a progress bar; parameters as of `scores`."""
    how: dict[str, Any] = {"paper_step": paper_step, "average": average}
    tiles = sum(tile_count(image.shape, arch.depth, tile, **how) for image in images)
    found = []
    with Progress(tiles, "tile") as progress:
        for k, image in enumerate(images):
            advance = partial(progress.advance, f"slice {k}")
            a = scores(params, image, arch, tile, **how, advance=advance)
            found.append(np.exp(cross_entropy.log_softmax(a)))
    return found


def tile_count(
    image_shape: tuple[int, ...],
    depth: int,
    tile: int,
    *,
    paper_step: bool = False,
    average: Average = "none",
) -> int:
    """Count the tiles that `scores` cuts an image (H, W, C) into."""
    return len(AVERAGED[average]) * tiling.tile_count(image_shape, depth, tile, paper_step)
