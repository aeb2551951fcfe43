"""Winograd's form of a 3x3 convolution: 36 products for 16 outputs instead of 144.

A polynomial of degree n is known from its values at n + 1 points, and at a point the value of a
product is one product. Four outputs of a kernel of three taps are coefficients of such a product,
and the points 0, 1, -1, 2, -2, ∞ give (Winograd 1980; Lavin and Gray 2016, F(4x4, 3x3))

    y = Aᵀ [ (G g) ∘ (Bᵀ d) ]            d: 6 neighbouring inputs, g: 3 taps, y: 4 outputs

with ∘ elementwise. In two dimensions it is done along rows and columns: the map is cut into blocks
of 6x6 inputs, 4 apart, each yielding 4x4 outputs; a block is written as a vector of 36 and the
matrices as Kronecker products with themselves. With C channels the elementwise product becomes 36
matrix products (blocks, C) · (C, O). All of it, the transforms too, is then matrix products.

The price is rounding: the matrices have entries from 1/24 to 8, and in float32 the result has a
largest relative error of about 1e-5 where the tap loop has 3e-7.
"""

import numpy as np

from minunet.array import Array
from minunet.threads import over, scratch

OUT, IN = 4, 6  # pixels along a side of a block: outputs, inputs

BT = np.array(
    [
        [4, 0, -5, 0, 1, 0],
        [0, -4, -4, 1, 1, 0],
        [0, 4, -4, -1, 1, 0],
        [0, -2, -1, 2, 1, 0],
        [0, 2, -1, -2, 1, 0],
        [0, 4, 0, -5, 0, 1],
    ]
)
G = np.array([[6, 0, 0], [-4, -4, -4], [-4, 4, -4], [1, 2, 4], [1, -2, 4], [0, 0, 24]]) / 24
AT = np.array([[1, 1, 1, 1, 1, 0], [0, 1, -1, 2, -2, 0], [0, 1, 1, 4, 4, 0], [0, 1, -1, 8, -8, 1]])

INPUTS, KERNELS, OUTPUTS = (np.kron(m, m).astype(np.float32) for m in (BT, G, AT))
"""Transforms of a block of inputs (36, 36), of a kernel (36, 9), and to outputs (16, 36)."""

BLOCKS = 128
"""Blocks at a time: as many rows as the matrix products have."""


def pays(rows: int, columns: int, w: Array) -> bool:
    """Whether this form is the faster one: wide products, and pixels to share a kernel's cost."""
    narrower = min(w.shape[2:])
    return w.shape[:2] == (3, 3) and narrower >= 64 and rows * columns * narrower >= 2**20


def _blocks(x: Array, first: int, n: int, across: int) -> Array:
    """Cut blocks of 6x6 pixels out of a map, 4 apart; what lies beyond its edge is 0.

    Parameters
    ----------
    x : (H, W, C)
    first, n : int      rows of blocks
    across : int        blocks in a row

    Returns
    -------
    (36, n·across·C)
    """
    blocks = scratch("blocks", x, IN, IN, n, across, x.shape[2])
    rows = x[OUT * first :]
    for i in range(IN):
        for j in range(IN):
            found = rows[i : i + OUT * n : OUT, j : j + OUT * across : OUT]
            h, v = found.shape[:2]
            blocks[i, j, :h, :v] = found
            blocks[i, j, h:] = 0
            blocks[i, j, :, v:] = 0
    return blocks.reshape(IN * IN, -1)


def _kernels(w: Array) -> Array:
    """Transform a kernel (3, 3, C, O) into (36, C, O)."""
    taps = np.ascontiguousarray(w).reshape(9, -1)
    transformed = np.empty_like(w, shape=(IN * IN, *w.shape[2:]))
    flat = transformed.reshape(IN * IN, -1)

    def work(first: int, n: int, _thread: int) -> None:
        np.matmul(KERNELS, taps[:, first : first + n], out=flat[:, first : first + n])

    over(taps.shape[1], 4096, work)
    return transformed


def correlate(x: Array, w: Array, b: Array | None = None, rectify: bool = False) -> Array:
    """Unpadded 3x3 convolution, with a bias and a ReLU on the way if wanted; see `direct`."""
    channels, features = w.shape[2:]
    rows, columns = x.shape[0] - 2, x.shape[1] - 2
    down, across = -(-rows // OUT), -(-columns // OUT)
    kernels = _kernels(w)
    y = np.empty_like(x, shape=(rows, columns, features))

    def work(first: int, n: int, _thread: int) -> None:
        many = n * across
        d = _blocks(x, first, n, across)
        v = np.matmul(INPUTS, d, out=scratch("inputs", x, *d.shape))
        v = v.reshape(IN * IN, many, channels)
        m = np.matmul(v, kernels, out=scratch("products", x, IN * IN, many, features))
        m = m.reshape(IN * IN, -1)
        blocks = np.matmul(OUTPUTS, m, out=scratch("outputs", x, OUT * OUT, m.shape[1]))
        blocks = blocks.reshape(OUT, OUT, n, across, features)
        if b is not None:
            blocks += b
        band = y[OUT * first : OUT * (first + n)]
        for i in range(OUT):
            for j in range(OUT):
                out = band[i::OUT, j::OUT]
                found = blocks[i, j, : out.shape[0], : out.shape[1]]
                if rectify:
                    np.maximum(found, 0, out=out)
                else:
                    out[...] = found

    over(down, max(BLOCKS // across, 1), work)
    return y
