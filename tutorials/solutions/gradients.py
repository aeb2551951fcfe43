"""Solutions of chapter 2: which way is downhill?"""

import numpy as np

from minunet.array import Array
from minunet.ops import conv2d

by_hand = ([[1, -1, 0], [0, 4, -2], [0, 0, 4]], [[3, 6], [5, 9]], 3)
"""dx: the kernel, laid at the upper left once and at the lower right twice, and added.

dw: the upper left window of x and twice the lower right one. db: 1 + 0 + 0 + 2.
"""

best_step = 1e-4
"""h² is as small as ε / h² where h⁴ = ε = 2·10⁻¹⁶: at h = 1.2·10⁻⁴."""


def backward(dy: Array, x: Array, w: Array) -> tuple[Array, Array, Array]:
    """Gradients of an unpadded convolution: the forward's loop over taps, read backwards.

    Parameters
    ----------
    dy : (H-kh+1, W-kw+1, O)
    x : (H, W, C)
    w : (kh, kw, C, O)

    Returns
    -------
    dx, dw, db : shaped like `x`, `w` and the bias (O,)
    """
    oh, ow, features = dy.shape
    dx, dw, db = np.zeros_like(x), np.zeros_like(w), dy.sum(axis=(0, 1))
    pixels = dy.reshape(-1, features)
    for i, j in np.ndindex(w.shape[:2]):
        window = x[i : i + oh, j : j + ow]
        dx[i : i + oh, j : j + ow] += dy @ w[i, j].T  # windows overlap, and collect
        dw[i, j] = window.reshape(-1, x.shape[2]).T @ pixels  # each tap's own: nothing to add to
    return dx, dw, db


def dx_as_convolution(dy: Array, w: Array) -> Array:
    """dx as a forward convolution of `dy`, with a border of zeros, by the turned kernel.

    The minus signs of dx[p, q] = Σ dy[p-i, q-j] · w[i, j]ᵀ turn the kernel; the border stands for
    the places off `dy`; C and O change places.

    Parameters
    ----------
    dy : (oh, ow, O)
    w : (kh, kw, C, O)

    Returns
    -------
    dx : (oh+kh-1, ow+kw-1, C)
    """
    kh, kw, channels, _ = w.shape
    padded = np.pad(dy, ((kh - 1, kh - 1), (kw - 1, kw - 1), (0, 0)))
    turned = w[::-1, ::-1].swapaxes(2, 3)
    return conv2d.forward(padded, turned, np.zeros_like(w, shape=(channels,)))
