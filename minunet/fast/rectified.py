"""The upstream gradient of a rectified convolution, in bands, laid out for the fast backward.

The ReLU passes the gradient where its output was positive: dz = dy where y > 0, else 0. To compute
dx at a pixel, the backward reads dz at that pixel, up to kh - 1 rows above it and up to kw - 1
columns to its left; beyond the edge, dz is 0. So the pixels of dz are listed row by row with kw - 1
zeros between two rows, which pad the right edge of one and the left edge of the next. The rows of
the list are then as long as those of the input: tap (i, j) pairs pixel q of the input with pixel
q - i·pitch - j of the list, where the pitch is the length of a row.
"""

import numpy as np

from minunet.array import Array
from minunet.fast.threads import scratch


def masked(dy: Array, y: Array, first: int, n: int) -> Array:
    """Compute dz in `n` rows, or fewer where the map ends; the next call overwrites it.

    Parameters
    ----------
    dy, y : (H, W, O)    upstream gradient, and output of the forward
    first, n : int       first row and number of rows

    Returns
    -------
    dz : (≤ n, W, O)
    """
    rows = slice(first, first + n)
    dz = scratch("dz", dy, *dy[rows].shape)
    return np.multiply(dy[rows], y[rows] > 0, out=dz)


def rectified(dy: Array, y: Array, shape: tuple[int, ...], first: int, n: int) -> Array:
    """List the pixels of dz that are needed for dx in `n` rows, from row `first` on.

    Parameters
    ----------
    dy, y : (H-kh+1, W-kw+1, O)    upstream gradient, and output of the forward
    shape : (kh, kw, C, O)         shape of the kernel
    first, n : int                 first row and number of rows; some rows may lie below the input

    Returns
    -------
    ((n+kh-1)·W + kw-1, O)
        Rows first-kh+1 … first+n-1 of dz, with kw-1 zeros before each row and after the last. The
        next call in this thread overwrites the list.
    """
    kh, kw = shape[:2]
    rows, columns, features = dy.shape
    above, pitch = kh - 1, columns + kw - 1
    pixels = scratch("rectified", dy, (n + above) * pitch + kw - 1, features)
    pixels[: kw - 1] = 0
    lines = pixels[kw - 1 :].reshape(n + above, pitch, features)
    inside = slice(max(first - above, 0), max(min(first + n, rows), 0))
    top = inside.start - (first - above)
    bottom = max(top + inside.stop - inside.start, 0)
    lines[:top] = lines[bottom:] = 0
    lines[:, columns:] = 0
    if top < bottom:
        np.multiply(dy[inside], y[inside] > 0, out=lines[top:bottom, :columns])
    return pixels
