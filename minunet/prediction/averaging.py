"""Averaging over rotated and flipped versions of an image (paper, section 4).

The network is not equivariant to rotations and flips, so each version gives a different result.
The whole image is rotated or flipped, extended by mirroring and segmented; the logits are
transformed back and averaged before the soft-max. Transforming each tile by itself would be wrong,
because the pixels around it would not be transformed with it.

The paper averages "7 rotated versions" without saying which. The release averages the 4 flips.

If images were shrunk in training, this module shrinks an image for the network, and interpolates
the logits back to the size of the image; see `resampling`.
"""

from collections.abc import Callable, Iterator

import numpy as np
from numpy.typing import DTypeLike

from minunet.array import Array
from minunet.image import AVERAGED, bands, symmetry
from minunet.network import Network
from minunet.ops import cross_entropy
from minunet.prediction import tiling as tiles
from minunet.prediction.tiling import Tiling, Window
from minunet.resampling import NONE, enlarge, shrink, small_dtype, small_shape

Empty = Callable[[tuple[int, ...], DTypeLike], Array]
"""A function that makes an array of a given shape and dtype, in memory or mapped."""


def windows(
    network: Network,
    image: Array,
    tiling: Tiling,
    empty: Empty = np.empty,
    advance: Callable[[], None] = lambda: None,
) -> Iterator[Window]:
    """Segment an image window by window, as `tiling.windows` does, averaged over symmetries.

    An image that is shrunk is segmented as a whole before its logits are interpolated.

    Parameters
    ----------
    network : Network
    image : (H, W, C)       on the host, in memory or mapped
    tiling : Tiling
    empty : callable        makes arrays for whole images: for the sums, and for a small image
                            and its logits
    advance : callable      called after every tile

    Yields
    ------
    window : (slice, slice)       rows and columns of the image
    logits : (h, w, K)            averaged activations a_k in the window, before the soft-max
    """
    if tiling.shrink == NONE:
        yield from averaged(network, image, tiling, empty, advance)
        return
    shape = (*small_shape(image.shape, tiling.shrink), image.shape[2])
    small = shrink(image, tiling.shrink, empty(shape, small_dtype(image)))
    logits = empty((*shape[:2], network.arch.classes), network.params["out.b"].dtype)
    for at, part in averaged(network, small, tiling, empty, advance):
        logits[at] = part
    for rows in bands((*image.shape[:2], network.arch.classes)):
        yield np.s_[rows, : image.shape[1]], enlarge(logits, tiling.shrink, image.shape, rows)


def averaged(
    network: Network, image: Array, tiling: Tiling, empty: Empty, advance: Callable[[], None]
) -> Iterator[Window]:
    """Segment an image of network pixels, averaged over symmetries.

    The tiles of a rotated image do not coincide with those of the original, so no window is final
    before the last version is done. Until then, the logits of all versions are summed in one map.
    The parameters and windows are those of `windows`.
    """
    versions = AVERAGED[tiling.average]
    if len(versions) == 1:
        for window in tiles.windows(network, image, tiling):
            advance()
            yield window
        return
    total = empty((*image.shape[:2], network.arch.classes), network.params["out.b"].dtype)
    total[...] = 0
    for which in versions:
        version, version_total = symmetry(image, which), symmetry(total, which)  # views
        for at, logits in tiles.windows(network, version, tiling):
            version_total[at] += logits
            advance()
    for rows in bands(total.shape):
        yield np.s_[rows, : total.shape[1]], total[rows] / len(versions)


def logits(
    network: Network, image: Array, tiling: Tiling, advance: Callable[[], None] = lambda: None
) -> Array:
    """Compute the logits (H, W, K) of a whole image; the parameters are those of `windows`."""
    return tiles.assemble(windows(network, image, tiling, advance=advance), image)


def probabilities(
    network: Network, image: Array, tiling: Tiling, advance: Callable[[], None] = lambda: None
) -> Array:
    """Compute the class probabilities (H, W, K) of a whole image; parameters as in `windows`."""
    return cross_entropy.softmax(logits(network, image, tiling, advance))
