"""Winograd's algorithm for a 3x3 convolution: 36 products for 16 outputs instead of 144.

A polynomial of degree n is determined by its values at n + 1 points, and the value of a product of
two polynomials at a point costs one multiplication. Four outputs of a kernel with three taps are
coefficients of such a product, so six points give (Winograd 1980; Lavin and Gray 2016, F(4x4, 3x3))

    y = Aᵀ [ (G g) ∘ (Bᵀ d) ]            d: 6 neighbouring inputs, g: 3 taps, y: 4 outputs

where ∘ is the elementwise product. In two dimensions, this is applied along rows and columns: the
map is cut into blocks of 6x6 inputs, 4 pixels apart, each of which gives 4x4 outputs. A block is
written as a vector of 36 numbers, and each matrix as its Kronecker product with itself. With C
channels, the elementwise product becomes 36 matrix products (blocks, C) · (C, O), so the whole
computation, including the transforms, consists of matrix products.

The disadvantage is rounding. It depends on the points: with 0, ±2/3, ±3/2 and ∞, the largest
relative error in float32 is about 2e-6, compared with 7e-6 for the usual 0, ±1, ±2 and ∞, and with
3e-7 for the tap loop. Barabasz et al. 2020 (arXiv:1803.10986) compare points.
"""

from collections.abc import Callable

import numpy as np
from numpy.lib.stride_tricks import as_strided

from minunet.array import Array
from minunet.fast.blas import add_product
from minunet.fast.items import items
from minunet.fast.rectified import masked, rectified
from minunet.fast.threads import count, over, scratch

OUT, IN = 4, 6  # pixels along a side of a block, in the output and in the input

POINTS = (0, 2 / 3, -2 / 3, 3 / 2, -3 / 2)
"""The points at which the polynomials are multiplied, besides infinity."""


def _powers(count: int) -> Array:
    """Return powers 0, 1, … of the points, (6, count); at infinity, only the last one counts."""
    return np.vstack([np.vander(POINTS, count, increasing=True), np.eye(count)[-1]])


BT, G, AT = np.linalg.inv(_powers(IN)).T, _powers(3), _powers(OUT).T
"""Transforms of 6 inputs (6, 6), of 3 taps (6, 3), and back to 4 outputs (4, 6); see chapter 12."""

INPUTS, KERNELS, OUTPUTS = (np.kron(m, m).astype(np.float32) for m in (BT, G, AT))
"""Transforms of a block of inputs (36, 36), of a kernel (36, 9), and back to outputs (16, 36)."""

WITH_BIAS = np.concatenate([OUTPUTS, np.ones_like(OUTPUTS[:, :1])], axis=1)
"""`OUTPUTS` for blocks with a 37th number, which is added to every output."""

BLOCKS = 128
"""Number of blocks processed at a time, which is the number of rows in the matrix products."""

SMALL = 2**15
"""Size of a product below which one call computes all 36, and another one adds them."""

SUMS = 2**23
"""Maximum size of the 36 sums of all threads for the gradient of a kernel, in numbers."""


def pays(rows: int, columns: int, w: Array) -> bool:
    """Return True if this form is faster, that is, for many channels and not too small a map."""
    return w.shape[:2] == (3, 3) and min(w.shape[2:]) >= 64 and rows * columns >= 2**9


def forward(x: Array, w: Array, b: Array) -> Array:
    """Compute an unpadded 3x3 convolution, followed by a ReLU; see `direct.forward`."""
    shape = (x.shape[0] - 2, x.shape[1] - 2, w.shape[3])
    return _correlate(lambda first, n: x[first : first + n + 2], shape, w, b)


def backward(dy: Array, y: Array, x: Array, w: Array) -> tuple[Array, Array, Array]:
    """Compute all gradients of a 3x3 convolution with ReLU; see `direct.backward`."""
    return input_gradient(dy, y, w), *parameter_gradients(dy, y, x, w)


def input_gradient(dy: Array, y: Array, w: Array) -> Array:
    """Compute dx, the gradient at the input of a convolution with ReLU; see `direct.backward`.

    dx[r, c, :] = Σ_{i,j} dz[r-i, c-j, :] · w[i, j]ᵀ is the convolution of dz, padded with two zeros
    on each side, with the kernel rotated by 180°.
    """
    rows, columns, features = dy.shape

    def source(first: int, n: int) -> Array:
        dz = rectified(dy, y, w.shape, first, n)
        pitch = (columns + 2) * dz.strides[0]
        return as_strided(dz, (n + 2, columns + 4, features), (pitch, *dz.strides))

    turned = w[::-1, ::-1].swapaxes(2, 3)
    return _correlate(source, (rows + 2, columns + 2, w.shape[2]), turned)


def parameter_gradients(dy: Array, y: Array, x: Array, w: Array) -> tuple[Array, Array]:
    """Compute dw and db, for a few channels of x at a time, so that the sums stay small.

    The transforms are linear, so their transposes take gradients back: with dz in blocks of 4x4,

        dg = Gᵀ [ Σ (Bᵀ d) ⊗ (A dz) ]        the sum is over all blocks

    See `direct.parameter_gradients`.
    """
    channels, features = w.shape[2:]
    many = max(SUMS // (count() * IN * IN * features), 32)
    dw = np.empty_like(w)
    for first in range(0, channels, many):
        some = np.s_[..., first : first + many]
        dw[:, :, first : first + many], db = _gradients(dy, y, x[some], features)
    return dw, db


def _gradients(dy: Array, y: Array, x: Array, features: int) -> tuple[Array, Array]:
    """Compute dw (3, 3, C, O) and db (O,) for some of the channels of x, as (H, W, C)."""
    channels = x.shape[2]
    down, across = -(-len(dy) // OUT), -(-dy.shape[1] // OUT)
    sums = scratch("gradients", x, count(), IN * IN, channels, features)
    sums[...] = 0
    db = np.zeros_like(x, shape=(count(), features))

    def work(first: int, n: int, thread: int) -> None:
        d = _blocks(x[OUT * first : OUT * (first + n) + 2], n, across)
        v = np.matmul(INPUTS, d, out=scratch("inputs", x, *d.shape)).reshape(IN * IN, -1, channels)
        dz = masked(dy, y, OUT * first, OUT * n)
        db[thread] += dz.sum(axis=(0, 1))
        e = _blocks(dz, n, across, OUT)
        dm = np.matmul(OUTPUTS.T, e, out=scratch("outputs", x, IN * IN, e.shape[1]))
        dm = dm.reshape(IN * IN, -1, features)
        if channels * features < SMALL:
            sums[thread] += np.matmul(v.swapaxes(1, 2), dm, out=scratch("sums", x, *sums[0].shape))
        else:
            for point in range(IN * IN):
                add_product(sums[thread, point], v[point].T, dm[point])

    over(down, max(BLOCKS // across, 1), work)
    for thread in range(1, count()):
        sums[0] += sums[thread]
    dw = KERNELS.T @ sums[0].reshape(IN * IN, -1)
    return dw.reshape(3, 3, channels, features), db.sum(axis=0)


def _correlate(
    source: Callable[[int, int], Array],
    shape: tuple[int, ...],
    w: Array,
    bias: Array | None = None,
) -> Array:
    """Compute an unpadded 3x3 convolution of the map that `source` returns in bands.

    Parameters
    ----------
    source : callable
        (first, n) → the n + 2 rows of the map, from row `first` on, that n output rows need; fewer
        where the map ends
    shape : (H, W, O)      shape of the result
    w : (3, 3, C, O)       kernel
    bias : (O,) or None    is added, followed by a ReLU; None for neither

    Returns
    -------
    array of that shape
    """
    channels, features = w.shape[2:]
    down, across = -(-shape[0] // OUT), -(-shape[1] // OUT)
    kernels = _kernels(w)
    y = np.empty_like(w, shape=shape)
    targets = items(y)

    def work(first: int, n: int, _thread: int) -> None:
        d = _blocks(source(OUT * first, OUT * n), n, across)
        v = np.matmul(INPUTS, d, out=scratch("inputs", w, *d.shape))
        v = v.reshape(IN * IN, n * across, channels)
        m = scratch("products", w, IN * IN + 1, n * across, features)
        np.matmul(v, kernels, out=m[:-1])
        m[-1] = 0 if bias is None else bias  # as a 37th product, it is added by the transform
        m = m.reshape(len(m), -1)
        outputs = np.matmul(WITH_BIAS, m, out=scratch("outputs", w, OUT * OUT, m.shape[1]))
        if bias is not None:
            np.maximum(outputs, 0, out=outputs)
        blocks = items(outputs.reshape(OUT, OUT, n, across, features))
        band = targets[OUT * first : OUT * (first + n)]
        for i in range(OUT):
            for j in range(OUT):
                out = band[i::OUT, j::OUT]
                out[...] = blocks[i, j, : out.shape[0], : out.shape[1]]

    over(down, max(BLOCKS // across, 1), work)
    return y


def _blocks(rows: Array, n: int, across: int, side: int = IN) -> Array:
    """Cut a band into square blocks of pixels, 4 apart; pixels beyond its edge are 0.

    Parameters
    ----------
    rows : (≤ 4n + side - 4, W, C)
    n : int             number of rows of blocks
    across : int        number of blocks per row
    side : int          pixels along a side of a block

    Returns
    -------
    (side², n·across·C)
    """
    blocks = scratch("blocks", rows, side, side, n, across, rows.shape[2])
    sources, targets = items(rows), items(blocks)
    for i in range(side):
        for j in range(side):
            found = sources[i : i + OUT * n : OUT, j : j + OUT * across : OUT]
            h, v = found.shape
            targets[i, j, :h, :v] = found
            if h < n or v < across:
                blocks[i, j, h:] = 0
                blocks[i, j, :, v:] = 0
    return blocks.reshape(side * side, -1)


def _kernels(w: Array) -> Array:
    """Transform a kernel (3, 3, C, O) into (36, C, O)."""
    taps = np.ascontiguousarray(w).reshape(9, -1)
    transformed = np.empty_like(w, shape=(IN * IN, *w.shape[2:]))
    flat = transformed.reshape(IN * IN, -1)

    def work(first: int, n: int, _thread: int) -> None:
        np.matmul(KERNELS, taps[:, first : first + n], out=flat[:, first : first + n])

    over(taps.shape[1], 4096, work)
    return transformed
