"""The weight map w(x) (paper, section 3, equation (2)).

    w(x) = w_c(x) + w0 · exp(-(d1(x) + d2(x))² / (2 σ²))            w0 = 10, σ ≈ 5 pixels

- `separate`: touching cells are first separated by a border of background, which the network must
  learn. The training label is `separate(instances) > 0`.
- w_c balances the class frequencies (`class_weights`): every class has the same total weight in
  the energy, however rare it is. The paper does not give the formula; ours is

      w_c = |Ω| / (K · n_k)            n_k of the |Ω| annotated pixels have class k

  over the K classes that occur. Its mean over all annotated pixels is 1, so that the same
  learning rate works with and without w_c.
- d1 and d2 are the distances to the nearest and to the second nearest *cell* (`distances`), not to
  the two nearest pixels. Their sum is about the width of the gap: narrower gaps get larger weights.
  The border term applies to background only, as in Figure 3d, and is 0 with fewer than two cells.

`paper` computes this equation, `later` the variant in the authors' later plugin. Both expect
the cells as annotated, touching or not, and separate them. For binary labels, number the cells with
`metrics.segments.components`; such cells touch only at corners, if at all.
"""

from collections.abc import Sequence

import numpy as np

from minunet.array import Array
from minunet.data import distances
from minunet.errors import InputError

REACH = 9
"""Distance, in standard deviations, beyond which the border term (< 3e-18 · w0) is set to 0."""


def class_weights(labels: Sequence[Array], classes: int) -> Array:
    """Compute the class weights that balance class frequencies over a training set.

    Frequencies are counted over the whole set, not image by image. Otherwise, each pixel of a class
    that is rare in one image would get a huge weight.

    Parameters
    ----------
    labels : sequence of (H, W)      integer, 0 … K-1
    classes : int                    K

    Returns
    -------
    (K,) float32 : w_c of each class; 0 for a class without pixels
    """
    n = np.sum([np.bincount(np.ravel(image), minlength=classes) for image in labels], axis=0)
    present = np.count_nonzero(n)
    return np.where(n > 0, n.sum() / (present * np.maximum(n, 1)), 0).astype(np.float32)


def separate(instances: Array) -> Array:
    """Separate touching cells: pixels next to another cell become background.

    "Next to" means within the 3x3 neighbourhood. Both cells lose a pixel to the border; a cell too
    thin for that disappears. The paper says only that it used morphological operations; the
    authors' later plugin takes the pixel from only one of the two cells.

    Parameters
    ----------
    instances : (H, W)      integer, k > 0 = cell k, background otherwise

    Returns
    -------
    (H, W) like `instances` : 0 = background; no two cells touch, not even at a corner

    Raises
    ------
    InputError
        If `instances` is not an integer array of shape (H, W).
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
    """Compute equation (2): class weights, plus the border term on the background.

        w = w_c + w0 · exp(-(d1 + d2)² / (2 σ²))        d1, d2 to the cells of `separate(instances)`

    Parameters
    ----------
    instances : (H, W)      integer, k > 0 = cell k, background otherwise; cells may touch
    w_c : (2,)              class weights of background and cell, see `class_weights`
    w0 : float              value of the border term in a gap of width 0
    sigma : float           σ, in pixels
    ignore : (H, W) bool    True where nothing is annotated; the weight there is 0

    Returns
    -------
    (H, W) float32 : w

    Raises
    ------
    InputError
        If the shape or type of an array is wrong, or sigma is not positive.
    """
    if np.shape(w_c) != (2,):
        raise InputError(f"w_c has shape {np.shape(w_c)}; it must be (2,), background and cell")
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
    """Compute the weights of the authors' later plugin: background counts mainly near cells.

        cell           w = 1
        background     w = r + (1 - r) · exp(-d1² / (2 σ1²)) + w0 · exp(-(d1 + d2)² / (2 σ²))

    Here d1 and d2 are measured to the cells as annotated, *before* `separate`: pixels of the
    border between touching cells have d1 = 0. Source: `TrainingSample.addLabelsAndWeightsToBlobs`
    of the plugin (2019), with its default values; only `separate` is ours.

    Parameters
    ----------
    instances, w0, sigma, ignore : see `paper`
    ratio : float       r, weight of background far from any cell
    sigma1 : float      σ1, in pixels

    Returns
    -------
    (H, W) float32 : w

    Raises
    ------
    InputError
        See `paper`.
    """
    d1, d2 = distances.two_nearest(instances, REACH * sigma)
    background = ratio + _gaussian(d1, 1 - ratio, sigma1) + _gaussian(d1 + d2, w0, sigma)
    return _finished(np.where(separate(instances) > 0, 1.0, background), ignore)


def _gaussian(distance: Array, height: float, sigma: float) -> Array:
    """Evaluate a Gaussian of a distance: `height` at 0, and 0 at infinity."""
    if sigma <= 0:
        raise InputError(f"sigma is {sigma} pixels; it must be above 0")
    return height * np.exp(-np.square(distance) / (2 * sigma**2))


def _finished(weights: Array, ignore: Array | None) -> Array:
    """Return weights as float32, 0 where `ignore` is True."""
    if ignore is not None:
        if ignore.shape != weights.shape or ignore.dtype != bool:
            raise InputError(
                f"ignore is {ignore.dtype} of shape {ignore.shape}; it must be bool of shape "
                f"{weights.shape}, like the instances"
            )
        weights = np.where(ignore, 0, weights)
    return weights.astype(np.float32)
