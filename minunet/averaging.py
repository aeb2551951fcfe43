"""The average of rotated versions (paper, section 4), the scores of an image turned and flipped.

The network is not equivariant to a quarter turn or a flip, and what it makes of them differs. The
whole image is turned, mirrored beyond its edges and segmented; the scores are turned back and
averaged, before the soft-max. A tile is never turned by itself: what it sees beyond its edge would
not turn with it.

The paper averages "7 rotated versions" and says no more. The release averages the 4 flips.
"""

from collections.abc import Callable, Sequence
from functools import partial
from typing import Any, Literal

import numpy as np

from minunet import tiling
from minunet.architecture import Architecture
from minunet.array import Array
from minunet.augment import symmetry
from minunet.ops import cross_entropy
from minunet.progress import Progress

Average = Literal["none", "flips", "rotations", "symmetries"]

VERSIONS: dict[Average, tuple[int, ...]] = {
    "none": (0,),
    "flips": (0, 2, 4, 6),
    "rotations": (0, 1, 2, 3),
    "symmetries": tuple(range(8)),
}
"""The symmetries, as `augment.symmetry` counts them, that are averaged over."""


def inverse(which: int) -> int:
    """Symmetry that undoes another: a reflection undoes itself, a turn is undone by turning on."""
    return which if which >= 4 else -which % 4


def scores(
    params: dict[str, Array],
    image: Array,
    arch: Architecture,
    tile: int,
    *,
    paper_step: bool = False,
    average: Average = "none",
    advance: Callable[[], None] = lambda: None,
) -> Array:
    """Scores of an image of any size.

    Parameters
    ----------
    params : dict                    of the network, on any device
    image : (H, W, C)                on the host, scaled as in training
    arch : Architecture
    tile : int                       largest tile, legal for `arch.depth`, pixels
    paper_step : bool                see `tiling.cover`
    average : {"none", "flips", "rotations", "symmetries"}
    advance : callable               called after every tile

    Returns
    -------
    (H, W, K) : activations a_k before the soft-max, averaged, on the host
    """
    versions = VERSIONS[average]
    turned_back = []
    for which in versions:
        turned = symmetry(image, which)
        windows = []
        for window in tiling.segment(params, turned, arch, tile, paper_step):
            windows.append(window)
            advance()
        turned_back.append(symmetry(tiling.whole(windows, turned), inverse(which)))
    return np.mean(turned_back, axis=0)


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
    return len(VERSIONS[average]) * tiling.tile_count(image_shape, depth, tile, paper_step)
