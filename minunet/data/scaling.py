"""Scaling grey values: the whole stack at once, so that slices stay comparable, or each image.

What is larger than memory is scaled by the same two numbers, found band by band and put to use on
each tile that is cut out of it.
"""

from collections.abc import Callable, Iterator, Sequence
from typing import Literal, NamedTuple

import numpy as np

from minunet.array import Array
from minunet.image import bands

Scaling = Literal["minmax", "standard", "image", "none"]


class Scale(NamedTuple):
    """The two numbers: `offset` becomes 0, `offset + spread` 1."""

    offset: float
    spread: float  # not 0

    def apply(self, x: Array) -> Array:
        """Scale an image, or any part of it, to float32."""
        # Subtracted in float64: neighbouring values of a 32-bit file may be one in float32.
        return ((x.astype(np.float64) - self.offset) / self.spread).astype(np.float32)


def scale_of(images: Sequence[Array], how: Scaling) -> Scale:
    """Find the scale of a stack, holding no more than a band of it in memory.

    Parameters
    ----------
    images : sequence of (H, W, C)     any real dtype
    how : {"minmax", "standard", "image", "none"}
        as of `scale`; of images that are scaled each by itself, give one

    Returns
    -------
    Scale
    """

    def total(of: Callable[[Array], Array]) -> float:
        return sum(float(of(band).sum(dtype=np.float64)) for band in _bands(images))

    offset, spread = 0.0, 1.0
    if how in ("minmax", "image"):
        ends = [(band.min(), band.max()) for band in _bands(images)]
        offset = float(min(low for low, _ in ends))
        spread = float(max(high for _, high in ends)) - offset
    elif how == "standard":
        pixels = sum(image.size for image in images)
        offset = total(np.asarray) / pixels
        spread = (total(lambda x: np.square(x.astype(np.float64) - offset)) / pixels) ** 0.5
    return Scale(offset, spread or 1.0)


def _bands(images: Sequence[Array]) -> Iterator[Array]:
    """Walk through a stack; a slice that is loaded when it is asked for is asked for once."""
    for image in images:
        for rows in bands(image.shape):
            yield image[rows]


def scale(images: Sequence[Array], how: Scaling) -> list[Array]:
    """Scale a stack, or all images of a folder, with the same two numbers.

    Parameters
    ----------
    images : sequence of (H, W, C)     any real dtype
    how : {"minmax", "standard", "image", "none"}
        minmax: the smallest value becomes 0, the largest 1; standard: mean 0 and standard
        deviation 1; image: minmax of every image by itself; none: as it is. What is constant
        becomes 0.

    Returns
    -------
    list of (H, W, C) float32
    """
    if how == "image":
        return [scale_of([image], how).apply(image) for image in images]
    whole = scale_of(images, how)
    return [whole.apply(image) for image in images]
