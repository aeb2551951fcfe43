"""Winograd's algorithm for a 3x3 convolution: 36 products for 16 outputs instead of 144.

A polynomial of degree n is determined by its values at n + 1 points, and the value of a product of
two polynomials at a point costs one multiplication. Four outputs of a kernel with three taps are
coefficients of such a product, and the points 0, 1, -1, 2, -2, ∞ give (Winograd 1980; Lavin and
Gray 2016, F(4x4, 3x3))

    y = Aᵀ [ (G g) ∘ (Bᵀ d) ]            d: 6 neighbouring inputs, g: 3 taps, y: 4 outputs

where ∘ is the elementwise product. In two dimensions, this is applied along rows and columns: the
map is cut into blocks of 6x6 inputs, 4 pixels apart, each of which gives 4x4 outputs. A block is
written as a vector of 36 numbers, and each matrix as its Kronecker product with itself. With C
channels, the elementwise product becomes 36 matrix products (blocks, C) · (C, O), so the whole
computation, including the transforms, consists of matrix products.

The disadvantage is rounding: the matrices have entries from 1/24 to 8, and the largest relative
error in float32 is about 1e-5, compared with 3e-7 for the tap loop.
"""

from collections.abc import Callable

import numpy as np
from numpy.lib.stride_tricks import as_strided

from minunet.array import Array
from minunet.fast.rectified import rectified
from minunet.fast.threads import over, scratch

OUT, IN = 4, 6  # pixels along a side of a block, in the output and in the input

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
"""Transforms of a block of inputs (36, 36), of a kernel (36, 9), and back to outputs (16, 36)."""

BLOCKS = 128
"""Number of blocks processed at a time, which is the number of rows in the matrix products."""


def pays(rows: int, columns: int, w: Array) -> bool:
    """Return True if this form is faster, that is, for many channels and a large map."""
    narrower = min(w.shape[2:])
    return w.shape[:2] == (3, 3) and narrower >= 64 and rows * columns * narrower >= 2**20


def forward(x: Array, w: Array, b: Array) -> Array:
    """Compute an unpadded 3x3 convolution, followed by a ReLU; see `direct.forward`."""
    shape = (x.shape[0] - 2, x.shape[1] - 2, w.shape[3])

    def finish(blocks: Array) -> None:
        blocks += b
        np.maximum(blocks, np.zeros_like(blocks[0, 0, 0]), out=blocks)

    return _correlate(lambda first, n: x[first : first + n + 2], shape, w, finish)


def input_gradient(dy: Array, y: Array, w: Array) -> Array:
    """Compute dx, the gradient at the input of a convolution with ReLU; see `direct.backward`.

    dx[r, c, :] = Σ_{i,j} dz[r-i, c-j, :] · w[i, j]ᵀ is the convolution of dz, padded with two zeros
    on each side, with the kernel rotated by 180°.
    """
    rows, columns, features = dy.shape

    def source(first: int, n: int) -> Array:
        pixels = rectified(dy, y, w.shape, first, n)
        pitch = (columns + 2) * pixels.strides[0]
        return as_strided(pixels, (n + 2, columns + 4, features), (pitch, *pixels.strides))

    turned = w[::-1, ::-1].swapaxes(2, 3)
    return _correlate(source, (rows + 2, columns + 2, w.shape[2]), turned)


def _correlate(
    source: Callable[[int, int], Array],
    shape: tuple[int, ...],
    w: Array,
    finish: Callable[[Array], None] = lambda blocks: None,
) -> Array:
    """Compute an unpadded 3x3 convolution of the map that `source` returns in bands.

    Parameters
    ----------
    source : callable
        (first, n) → the n + 2 rows of the map, from row `first` on, that n output rows need; fewer
        where the map ends
    shape : (H, W, O)      shape of the result
    w : (3, 3, C, O)       kernel
    finish : callable      modifies blocks of outputs (4, 4, n, across, O) in place

    Returns
    -------
    array of that shape
    """
    channels, features = w.shape[2:]
    down, across = -(-shape[0] // OUT), -(-shape[1] // OUT)
    kernels = _kernels(w)
    y = np.empty_like(w, shape=shape)

    def work(first: int, n: int, _thread: int) -> None:
        d = _blocks(source(OUT * first, OUT * n), n, across)
        v = np.matmul(INPUTS, d, out=scratch("inputs", w, *d.shape))
        v = v.reshape(IN * IN, n * across, channels)
        m = np.matmul(v, kernels, out=scratch("products", w, IN * IN, n * across, features))
        m = m.reshape(IN * IN, -1)
        blocks = np.matmul(OUTPUTS, m, out=scratch("outputs", w, OUT * OUT, m.shape[1]))
        blocks = blocks.reshape(OUT, OUT, n, across, features)
        finish(blocks)
        band = y[OUT * first : OUT * (first + n)]
        for i in range(OUT):
            for j in range(OUT):
                out = band[i::OUT, j::OUT]
                out[...] = blocks[i, j, : out.shape[0], : out.shape[1]]

    over(down, max(BLOCKS // across, 1), work)
    return y


def _blocks(rows: Array, n: int, across: int) -> Array:
    """Cut a band into blocks of 6x6 pixels, 4 apart; pixels beyond its edge are 0.

    Parameters
    ----------
    rows : (≤ 4n + 2, W, C)
    n : int             number of rows of blocks
    across : int        number of blocks per row

    Returns
    -------
    (36, n·across·C)
    """
    blocks = scratch("blocks", rows, IN, IN, n, across, rows.shape[2])
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
