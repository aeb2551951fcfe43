"""Copy and crop, then concatenate: the grey arrows of Figure 1.

    y = [up, centre of skip]        along the channels, upsampled map first

Unpadded convolutions make `up` smaller than `skip`, the map of the contracting path at the same
level, so `skip` is cropped to its centre. For every valid tile the difference in size is even, so
the margin is the same on both sides.
"""

import numpy as np

from minunet.array import Array


def centre(shape: tuple[int, ...], inside: tuple[int, ...]) -> tuple[slice, slice]:
    """Return the row and column slices of the central window of `shape` in a map `inside`."""
    top, left = (inside[0] - shape[0]) // 2, (inside[1] - shape[1]) // 2
    return slice(top, top + shape[0]), slice(left, left + shape[1])


def forward(up: Array, skip: Array) -> Array:
    """Crop `skip` to the size of `up` and append its channels.

    Parameters
    ----------
    up : (H, W, C)          up-convolved map
    skip : (H', W', C')     map of the contracting path, H' ≥ H and W' ≥ W

    Returns
    -------
    y : (H, W, C + C')
    """
    return np.concatenate([up, skip[centre(up.shape, skip.shape)]], axis=-1)


def backward(dy: Array, skip_shape: tuple[int, ...]) -> tuple[Array, Array]:
    """Compute the gradients: split the channels, and pad with zeros where `skip` was cropped.

    Parameters
    ----------
    dy : (H, W, C + C')     gradient of the energy with respect to `y`
    skip_shape : tuple      (H', W', C'), shape of `skip`

    Returns
    -------
    dup : (H, W, C)         a view of `dy`
    dskip : (H', W', C')
    """
    channels = dy.shape[-1] - skip_shape[-1]
    dskip = np.zeros_like(dy, shape=skip_shape)
    dskip[centre(dy.shape, skip_shape)] = dy[..., channels:]
    return dy[..., :channels], dskip
