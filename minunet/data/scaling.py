"""Scaling grey values: the whole stack at once, so that slices stay comparable, or each image."""

from collections.abc import Sequence
from typing import Literal

import numpy as np

from minunet.array import Array

Scaling = Literal["minmax", "standard", "image", "none"]


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
        return [scale([image], "minmax")[0] for image in images]
    offset, spread = 0.0, 1.0
    if how == "minmax":
        offset = float(min(image.min() for image in images))
        spread = float(max(image.max() for image in images)) - offset
    elif how == "standard":
        pixels = sum(image.size for image in images)
        offset = sum(float(image.sum(dtype=np.float64)) for image in images) / pixels
        centred = (image.astype(np.float64) - offset for image in images)
        square = sum(float(np.square(image).sum()) for image in centred) / pixels
        spread = square**0.5
    # Subtracted in float64: neighbouring values of a 32-bit file may be one in float32.
    return [
        ((image.astype(np.float64) - offset) / (spread or 1.0)).astype(np.float32)
        for image in images
    ]
