"""The slices, pixel size and position of napari layers.

The code takes the data of a layer and the names of its units, so it does not need napari. The last
two axes of a layer are the rows and columns of a slice; all other axes number the slices.
"""

from collections.abc import Sequence
from functools import cached_property
from math import prod
from typing import Any, overload

import numpy as np

from minunet.array import Array
from minunet.data.calibration import METRES
from minunet.data.object_size import PixelSize
from minunet.data.volumes import UNITS
from minunet.errors import InputError
from minunet.image import all_finite

LayerData = tuple[Any, dict[str, Any], str]
"""Data, metadata and type of a layer, in the form that napari's readers and writers use."""

PLACED = ("scale", "translate", "rotate", "shear", "affine", "units")
"""Attributes that determine the position of a layer in the viewer."""


class LayerSlices(Sequence[Array]):
    """The slices (H, W, C) of an image layer, loaded on access because the data may be on disk.

    Parameters
    ----------
    data : array or pyramid     (…, H, W), or (…, H, W, C) if `rgb`; of a pyramid, level 0 is read
    rgb : bool                  whether the last axis is colour; an alpha channel is ignored, and
                                equal channels are read as one

    Raises
    ------
    InputError
        On access, if a slice contains values that are not finite real numbers.
    """

    def __init__(self, data: Any, rgb: bool = False) -> None:
        self.data, self.rgb = full_resolution(data), rgb
        self.leading: tuple[int, ...] = tuple(self.data.shape[: -3 if rgb else -2])
        self.height, self.width = map(int, self.data.shape[len(self.leading) :][:2])

    @cached_property
    def channels(self) -> int:
        """Number of channels; 1 for a grey image stored in colour, which training reads as grey."""
        if not self.rgb:
            return 1
        colours = (self._pixels(k) for k in range(len(self)))
        return 1 if all((one == one[..., :1]).all() for one in colours) else 3

    def __len__(self) -> int:
        """Return the number of slices."""
        return prod(self.leading)

    @overload
    def __getitem__(self, k: int) -> Array: ...
    @overload
    def __getitem__(self, k: slice) -> list[Array]: ...
    def __getitem__(self, k: int | slice) -> Array | list[Array]:
        """Load one slice, or a list of slices."""
        if isinstance(k, slice):
            return [self[i] for i in range(*k.indices(len(self)))]
        if not 0 <= k < len(self):
            raise IndexError(k)
        pixels = self._pixels(k)[..., : self.channels]
        if pixels.dtype.kind not in "buif" or not all_finite(pixels):
            raise InputError(
                f"slice {k} of the image ({pixels.dtype}) contains values that are not finite real "
                "numbers; choose another layer"
            )
        return pixels

    def _pixels(self, k: int) -> Array:
        """Load a slice (H, W, C) with all of its colours, but without its alpha channel."""
        pixels = np.asarray(self.data[np.unravel_index(k, self.leading)])
        return pixels[..., :3] if self.rgb else pixels[..., np.newaxis]


def full_resolution(data: Any) -> Any:
    """Return level 0 of a pyramid; return other data unchanged."""
    return data if hasattr(data, "dtype") else data[0]


def pixel_size(scale: Sequence[float], units: Sequence[object]) -> PixelSize | None:
    """Return the height and width of a pixel in micrometres; None if the units are not lengths.

    Parameters
    ----------
    scale : sequence of float     scale of a layer, one value per axis
    units : sequence              units of the axes, with the names that OME-Zarr uses

    Examples
    --------
    >>> pixel_size((50, 4, 4), ("nanometer", "nanometer", "nanometer"))
    (0.004, 0.004)
    >>> pixel_size((1, 1), ("pixel", "pixel"))
    """
    metres = [METRES.get(UNITS.get(str(unit), "")) for unit in units[-2:]]
    if len(metres) < 2 or None in metres:
        return None
    height, width = (
        float(f"{abs(float(n)) * (m or 0) / METRES['um']:.12g}")
        for n, m in zip(scale[-2:], metres, strict=True)
    )
    return height, width
