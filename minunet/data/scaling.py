"""Scale grey values: the whole stack at once, so that slices stay comparable, or image by image.

A scale consists of two numbers. For images larger than memory, these are computed band by band and
applied tile by tile.
"""

from collections.abc import Callable, Sequence
from typing import Any, Literal, NamedTuple

import numpy as np

from minunet.array import Array
from minunet.image import bands

Scaling = Literal["minmax", "standard", "image", "none"]
"""Ways to scale, see `scale`."""


class Scale(NamedTuple):
    """The two numbers of a scale: `offset` becomes 0, `offset + spread` becomes 1."""

    offset: float
    spread: float  # not 0

    def apply(self, x: Array) -> Array:
        """Scale an image or a part of it; return float32."""
        # Subtract in float64: distinct 32-bit integers may be equal in float32.
        return ((x.astype(np.float64) - self.offset) / self.spread).astype(np.float32)


def gather(images: Sequence[Array], function: Callable[[Array], Any]) -> list[Any]:
    """Apply a function to every band of all images, accessing every image only once."""
    return [function(image[rows]) for image in images for rows in bands(image.shape)]


def scale_of(
    images: Sequence[Array], how: Scaling, gather: Callable[..., list[Any]] = gather
) -> Scale:
    """Compute the scale of a stack, with at most one band of it in memory.

    Parameters
    ----------
    images : sequence of (H, W, C)     any real dtype; a single image if `how` is "image"
    how : {"minmax", "standard", "image", "none"}     see `scale`
    gather : callable                  see `gather`
    """
    offset, spread = 0.0, 1.0
    if how in ("minmax", "image"):
        ends = gather(images, lambda band: (band.min(), band.max()))
        offset = float(min(low for low, _ in ends))
        spread = float(max(high for _, high in ends)) - offset
    elif how == "standard":
        sums = gather(images, lambda band: (band.size, float(band.sum(dtype=np.float64))))
        pixels = sum(size for size, _ in sums)
        offset = sum(total for _, total in sums) / pixels
        squares = gather(images, lambda band: _squares(band, offset))
        spread = (sum(squares) / pixels) ** 0.5
    return Scale(offset, spread or 1.0)


def _squares(band: Array, offset: float) -> float:
    """Sum the squared deviations from `offset`."""
    return float(np.square(band.astype(np.float64) - offset).sum(dtype=np.float64))


def scale(images: Sequence[Array], how: Scaling, whole: Scale | None = None) -> list[Array]:
    """Scale a stack, or all images of a folder.

    Parameters
    ----------
    images : sequence of (H, W, C)     any real dtype
    how : {"minmax", "standard", "image", "none"}
        minmax: the smallest value of the stack becomes 0, the largest 1; standard: mean 0 and
        standard deviation 1; image: minmax for every image separately; none: unchanged.
        Constant images become 0, unless `how` is "none".
    whole : Scale or None     of a part of the stack that determines it, such as the training
        slices; None: of the stack itself

    Returns
    -------
    list of (H, W, C) float32
    """
    if how == "image":
        return [scale_of([image], how).apply(image) for image in images]
    whole = whole or scale_of(images, how)
    return [whole.apply(image) for image in images]
