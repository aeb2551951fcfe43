"""The average over rotated versions (paper, section 4): logits of the image turned and flipped.

The network is not equivariant to a quarter turn or a flip, so each version gives another answer.
The whole image is turned, mirrored beyond its edges and segmented; the logits are turned back and
averaged, before the soft-max. Turning each tile by itself would be wrong: the pixels beyond its
edge would not turn with it.

The paper averages "7 rotated versions" and says no more. The release averages the 4 flips.
"""

from collections.abc import Callable, Iterator

import numpy as np

from minunet.array import Array
from minunet.image import AVERAGED, bands, symmetry
from minunet.network import Network
from minunet.ops import cross_entropy
from minunet.prediction import tiling as tiles
from minunet.prediction.tiling import Tiling, Window


def windows(
    network: Network,
    image: Array,
    tiling: Tiling,
    total: Array | None = None,
    advance: Callable[[], None] = lambda: None,
) -> Iterator[Window]:
    """Segment an image part by part, as `tiling.windows` does, but averaged over its symmetries.

    The tiles of a turned image do not coincide with those of the upright one, so no average is
    known before the last version is done: until then, all versions are added up in one map.

    Parameters
    ----------
    network : Network
    image : (H, W, C)             on the host, in memory or mapped
    tiling : Tiling
    total : (H, W, K) or None     array to add up in, such as a mapped file; None: in memory
    advance : callable            called after every tile

    Yields
    ------
    window : (slice, slice)       rows and columns of the image
    logits : (h, w, K)            averaged activations a_k there, before the soft-max
    """
    versions = AVERAGED[tiling.average]
    if len(versions) == 1:
        for window in tiles.windows(network, image, tiling):
            advance()
            yield window
        return
    if total is None:
        shape = (*image.shape[:2], network.arch.classes)
        total = np.empty(shape, network.params["out.b"].dtype)
    total[...] = 0
    for which in versions:
        turned, turned_total = symmetry(image, which), symmetry(total, which)  # views
        for at, logits in tiles.windows(network, turned, tiling):
            turned_total[at] += logits
            advance()
    for rows in bands(total.shape):
        yield np.s_[rows, : total.shape[1]], total[rows] / len(versions)


def logits(
    network: Network, image: Array, tiling: Tiling, advance: Callable[[], None] = lambda: None
) -> Array:
    """Logits (H, W, K) of a whole image; the parameters are those of `windows`."""
    return tiles.assemble(windows(network, image, tiling, advance=advance), image)


def probabilities(
    network: Network, image: Array, tiling: Tiling, advance: Callable[[], None] = lambda: None
) -> Array:
    """Class probabilities (H, W, K) of a whole image; the parameters are those of `windows`."""
    return cross_entropy.softmax(logits(network, image, tiling, advance))
