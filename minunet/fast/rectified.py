"""The upstream gradient of a rectified convolution, band by band, as its gradients need it.

The ReLU passes the gradient on where it was positive: dz = dy where y > 0, else 0. The gradient of
the convolution before it looks from an input pixel up to kh - 1 rows and kw - 1 columns back; what
lies beyond the edge is 0. Row by row, with kw - 1 zeros between two rows (those to the right of one
are those to the left of the next), the pixels become a list whose rows are as long as the input's:
what a tap (i, j) pairs with the input's pixel q is pixel q - i·pitch - j of it.
"""

import numpy as np

from minunet.array import Array
from minunet.fast.threads import scratch


def rectified(dy: Array, y: Array, shape: tuple[int, ...], first: int, n: int) -> Array:
    """List the pixels of dz that rows `first` to `first + n` of the input meet.

    Parameters
    ----------
    dy, y : (H-kh+1, W-kw+1, O)    upstream gradient, and result of the forward
    shape : (kh, kw, C, O)         of the kernel
    first, n : int                 rows of the input, some of which may lie beyond its last

    Returns
    -------
    ((n+kh-1)·W + kw-1, O)
        Rows first-kh+1 … first+n-1 of dz, the zeros before each, and those after the last; memory
        of this thread, overwritten by the next call.
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
