"""Augmented training tiles (paper, section 3.1).

Rotation, flip, elastic deformation and shift are combined into one interpolation of the whole
image. A deformed tile can therefore reach beyond its original square: there it contains the real
pixels of the image or, beyond the edges of the image, mirrored ones. Labels and weights move with
the grey values.
"""

from dataclasses import dataclass
from math import ceil
from typing import Literal

import numpy as np

from minunet.array import Array
from minunet.augmentation import deformation, grey_values, interpolation
from minunet.image import Sample, cut, symmetry


@dataclass(frozen=True, kw_only=True)
class Augmentation:
    """Random changes applied to a tile; the default is a shift only."""

    sigma: float = 0.0  # standard deviation of the displacement at the grid points, in pixels
    spline: Literal["interpolating", "b-spline"] = "interpolating"  # see `deformation`
    rotation: Literal["none", "quarter", "any"] = "none"  # any: any angle
    flip: bool = False
    grey: bool = False  # see `grey_values`
    order: Literal[1, 3] = 1  # interpolation of grey values: linear or cubic

    @property
    def exact(self) -> bool:
        """True if pixels map onto pixels, so that nothing is interpolated."""
        return self.sigma == 0 and self.rotation != "any"


Set = Literal["paper", "later", "rigid", "symmetries", "none"]

SETS: dict[Set, Augmentation] = {
    "paper": Augmentation(sigma=10.0, rotation="any", flip=True, grey=True),
    "later": Augmentation(sigma=10.0, spline="b-spline", rotation="any", grey=True),
    "rigid": Augmentation(rotation="any", flip=True, grey=True),
    "symmetries": Augmentation(rotation="quarter", flip=True),
    "none": Augmentation(),
}
"""Augmentations by name.

paper: as described in the paper. later: as in the authors' later code, which never flips.
rigid: as `paper`, without the elastic deformation. symmetries: the 8 symmetries of the square,
because an EM section has no natural orientation. none: shift only."""


def warnings(name: Set, size: int) -> list[str]:
    """List the line that warns of folded tiles, if this augmentation folds tiles of this size."""
    augmentation = SETS[name]
    if augmentation.spline != "interpolating" or not deformation.folds(size, augmentation.sigma):
        return []
    least = ceil(1 + deformation.FOLDS * augmentation.sigma)
    return [
        f"warning   --augment {name} folds parts of the image in more than 1 % of tiles of {size} "
        f"pixels; pass --tile {least} or more, or --augment symmetries"
    ]


def sample(
    whole: Sample,
    pixel: tuple[int, int],
    size: int,
    margin: int,
    augmentation: Augmentation,
    rng: np.random.Generator,
) -> Sample:
    """Cut a randomly augmented tile out of an image, with its labels and weights.

    Parameters
    ----------
    whole : Sample                    the whole image (H, W, C), its labels and weights (H, W)
    pixel : (row, column)             place of the tile's pixel (n // 2, n // 2) before augmentation
    size : int                        side n of the tile, in pixels
    margin : int                      m; labels and weights cover the central square of side n-2m
    augmentation : Augmentation
    rng : numpy Generator             used for the motion first, then for the grey values

    Returns
    -------
    Sample : x (n, n, C); labels and annotated (n-2m, n-2m), not interpolated; weight_map
        (n-2m, n-2m), which is 0 wherever a label was read from a pixel that is not annotated
    """
    image, labels, weight_map, annotated = whole
    turns, flipped = _sample_turns(augmentation, rng)
    if augmentation.exact:
        which = int(turns) + 4 * flipped

        def move(array: Array, m: int) -> Array:
            return symmetry(_cut_around(pixel, array, size - 2 * m), which)

        x, label, weights = move(image, 0), move(labels, margin), move(weight_map, margin)
        known = None if annotated is None else move(annotated, margin)
    else:
        motion = deformation.rigid(turns * np.pi / 2, flipped)
        at = _sample_source(pixel, size, augmentation, motion, rng)
        central = at[:, margin : size - margin, margin : size - margin]
        read = interpolation.cubic if augmentation.order == 3 else interpolation.linear
        x, weights = read(image, at), interpolation.linear(weight_map, central)
        label = interpolation.nearest(labels, central)
        known = None if annotated is None else interpolation.nearest(annotated, central)
        if known is not None:  # else some weight of annotated neighbours would remain
            weights = np.where(known, weights, 0)
    if augmentation.grey:
        x = grey_values.vary(x, float(image.min()), float(image.max()), rng)
    return Sample(x, label, weights, known)


def _sample_turns(augmentation: Augmentation, rng: np.random.Generator) -> tuple[float, bool]:
    """Sample the rotation, in quarter turns (not always whole ones), and then the flip."""
    turns = 0.0
    if augmentation.rotation == "quarter":
        turns = float(rng.integers(4))
    elif augmentation.rotation == "any":
        turns = rng.uniform(0, 4)
    return turns, augmentation.flip and bool(rng.integers(2))


def _cut_around(pixel: tuple[int, int], array: Array, size: int) -> Array:
    """Cut a tile around a pixel, which becomes pixel (`size` // 2, `size` // 2) of the tile."""
    return cut(array, pixel[0] - size // 2, pixel[1] - size // 2, size, size)


def _sample_source(
    pixel: tuple[int, int],
    size: int,
    augmentation: Augmentation,
    motion: Array,
    rng: np.random.Generator,
) -> Array:
    """Sample the shift and the displacements; return the source position of every pixel."""
    row, column = pixel + rng.uniform(-0.5, 0.5, 2)  # anywhere within that pixel
    smooth = augmentation.spline == "b-spline"
    spline = deformation.b_spline(size) if smooth else deformation.interpolating(size)
    displacement = augmentation.sigma * rng.standard_normal((2, *2 * spline.points.shape))
    return deformation.source(size, spline, displacement, motion, (row, column))
