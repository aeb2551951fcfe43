"""The weight map w(x) (paper, section 3, equation (2)), all of it.

    w(x) = w_c(x) + w0 · exp(-(d1(x) + d2(x))² / (2 σ²))            w0 = 10, σ ≈ 5 pixels

- `separate`: touching cells are first set apart by a border of background, which the network has
  to learn. The training label is `separate(instances) > 0`.
- w_c balances the class frequencies (`class_weights`): every class weighs the same in the energy,
  however few its pixels. The paper does not print the formula; ours is

      w_c = |Ω| / (K · n_k)            n_k of the |Ω| annotated pixels are of class k

  over the K classes that occur. Its mean over all annotated pixels is 1, so that a learning rate
  means the same with and without.
- d1 and d2 are the distances to the nearest and to the second nearest *cell* (`distances`), not
  pixel: their sum is about the width of the gap, and the narrower the gap, the more it weighs. The
  border term is on the background only, as in Figure 3d, and 0 with fewer than two cells.

`paper` is this equation, `later` the variant of the authors' later plugin. Both take the cells as
annotated, touching or not, and separate them themselves. A binary label has no cells that touch:
`metrics.segments.components` numbers its cells.
"""

from collections.abc import Sequence

import numpy as np

from minunet.array import Array
from minunet.data import distances
from minunet.errors import InputError

REACH = 9
"""Standard deviations beyond which the border term, below 3e-18 · w0, is left out."""


def class_weights(labels: Sequence[Array], classes: int) -> Array:
    """Weight of every class that balances their frequencies over a whole training set.

    Frequencies are counted over the set and not image by image: an image with three pixels of
    membrane would otherwise give each of them the weight of thousands.

    Parameters
    ----------
    labels : sequence of (H, W)      integer, 0 … K-1
    classes : int                    K

    Returns
    -------
    (K,) float32 : w_c of each class; 0 for a class that no pixel has
    """
    n = np.sum([np.bincount(np.ravel(image), minlength=classes) for image in labels], axis=0)
    present = np.count_nonzero(n)
    return np.where(n > 0, n.sum() / (present * np.maximum(n, 1)), 0).astype(np.float32)


def separate(instances: Array) -> Array:
    """Set touching cells apart: a pixel beside another cell becomes background.

    Beside means in the 3x3 neighbourhood. Both cells give a pixel to the border; one that is too
    thin for that is left with nothing. The paper says only that it used morphological operations;
    the authors' later plugin takes the pixel from one of the two.

    Parameters
    ----------
    instances : (H, W)      integer: a positive number for each cell, all else is background

    Returns
    -------
    (H, W) like `instances` : 0 is background; no two cells touch, not even at a corner

    Raises
    ------
    InputError
        If `instances` is no map of integers.
    """
    distances.check(instances)
    height, width = instances.shape
    padded = np.pad(instances, 1)
    alone = instances > 0
    for i, j in np.ndindex(3, 3):
        near = padded[i : i + height, j : j + width]
        alone &= (near == instances) | (near <= 0)
    return np.where(alone, instances, 0)


def paper(
    instances: Array,
    w_c: Array,
    w0: float = 10.0,
    sigma: float = 5.0,
    ignore: Array | None = None,
) -> Array:
    """Equation (2): class weight, and the border term on the background of separated cells.

        w = w_c + w0 · exp(-(d1 + d2)² / (2 σ²))        d1, d2 to the cells of `separate(instances)`

    Parameters
    ----------
    instances : (H, W)      integer: a positive number for each cell, all else is background
    w_c : (2,)              of background and of cell, from `class_weights`
    w0 : float              border term of a gap without width
    sigma : float           pixels
    ignore : (H, W) bool    pixels that nobody annotated: they weigh 0

    Returns
    -------
    (H, W) float32 : w

    Raises
    ------
    InputError
        If an array has another shape or type, or sigma is not above 0.
    """
    if np.shape(w_c) != (2,):
        raise InputError(f"w_c has the shape {np.shape(w_c)}; legal: (2,), background and cell")
    separated = separate(instances)
    d1, d2 = distances.two_nearest(separated, REACH * sigma)
    background = w_c[0] + _gaussian(d1 + d2, w0, sigma)
    return _finished(np.where(separated > 0, w_c[1], background), ignore)


def later(
    instances: Array,
    ratio: float = 0.1,
    sigma1: float = 10.0,
    w0: float = 50.0,
    sigma: float = 6.0,
    ignore: Array | None = None,
) -> Array:
    """Variant of the authors' later plugin: background counts near cells, and most in a gap.

        cell           w = 1
        background     w = r + (1 - r) · exp(-d1² / (2 σ1²)) + w0 · exp(-(d1 + d2)² / (2 σ²))

    Here d1 and d2 are measured to the cells as annotated, *before* they are set apart: a pixel of
    the border between them has d1 = 0. Source: `TrainingSample.addLabelsAndWeightsToBlobs` of the
    plugin (2019) and its defaults; only the border itself is ours.

    Parameters
    ----------
    instances, w0, sigma, ignore : as for `paper`
    ratio : float       r: weight of background far from any cell
    sigma1 : float      pixels

    Returns
    -------
    (H, W) float32 : w

    Raises
    ------
    InputError
        As for `paper`.
    """
    d1, d2 = distances.two_nearest(instances, REACH * sigma)
    background = ratio + _gaussian(d1, 1 - ratio, sigma1) + _gaussian(d1 + d2, w0, sigma)
    return _finished(np.where(separate(instances) > 0, 1.0, background), ignore)


def _gaussian(distance: Array, height: float, sigma: float) -> Array:
    """Bell curve over a distance: `height` at 0, and 0 at inf."""
    if sigma <= 0:
        raise InputError(f"sigma is {sigma} pixels; legal: above 0")
    return height * np.exp(-np.square(distance) / (2 * sigma**2))


def _finished(weights: Array, ignore: Array | None) -> Array:
    """Weights as float32, 0 where `ignore` is set."""
    if ignore is not None:
        if ignore.shape != weights.shape or ignore.dtype != bool:
            raise InputError(
                f"ignore is {ignore.dtype} of the shape {ignore.shape}; "
                f"legal: bool of the shape {weights.shape}, as the instances"
            )
        weights = np.where(ignore, 0, weights)
    return weights.astype(np.float32)
