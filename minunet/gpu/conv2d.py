"""Unpadded convolution with one matrix product for each row of the kernel.

    y[r, c, :] = b + Σ_i [x[r+i, c], x[r+i, c+1], …] · w[i]

`beside` puts each pixel and its neighbours to the right into one row of kw·C numbers, and w[i] is a
matrix with kw·C rows. The map becomes kw times as large, but every product is one of two plain
matrices, which CuPy neither copies nor splits.
"""

import numpy as np

from minunet.array import Array


def forward(x: Array, w: Array, b: Array) -> Array:
    """Compute an unpadded convolution.

    Parameters
    ----------
    x : (H, W, C)          feature map
    w : (kh, kw, C, O)     kernel
    b : (O,)               bias

    Returns
    -------
    y : (H-kh+1, W-kw+1, O)
    """
    kh, kw, _, features = w.shape
    rows, columns = x.shape[0] - kh + 1, x.shape[1] - kw + 1
    neighbours = beside(x, kw)
    y = np.empty_like(x, shape=(rows * columns, features))
    y[...] = b
    for i in range(kh):
        y += flat(neighbours[i : i + rows]) @ w[i].reshape(-1, features)
    return y.reshape(rows, columns, features)


def backward(dy: Array, x: Array, w: Array) -> tuple[Array, Array, Array]:
    """Compute the gradients of an unpadded convolution, with the same loop over kernel rows.

    Parameters
    ----------
    dy : (H-kh+1, W-kw+1, O)   gradient of the energy with respect to `y`
    x : (H, W, C)              input of `forward`
    w : (kh, kw, C, O)         kernel

    Returns
    -------
    dx, dw, db : gradients, shaped like `x`, `w`, `b`
    """
    dw, db = parameter_gradients(dy, x, w)  # first: its neighbours are freed before those of dx
    return input_gradient(dy, x, w), dw, db


def parameter_gradients(dy: Array, x: Array, w: Array) -> tuple[Array, Array]:
    """Compute dw and db only; see `backward`."""
    (kh, kw, channels, features), rows = w.shape, len(dy)
    neighbours, dy = beside(x, kw), flat(dy)
    dw = np.empty_like(w, shape=(kh, kw * channels, features))
    for i in range(kh):
        np.matmul(flat(neighbours[i : i + rows]).T, dy, out=dw[i])
    return dw.reshape(w.shape), over_pixels(dy)


def input_gradient(dy: Array, x: Array, w: Array) -> Array:
    """Compute dx only; see `backward`."""
    (kh, kw, channels, features), (rows, columns, _) = w.shape, dy.shape
    dneighbours = np.zeros_like(x, shape=(x.shape[0], columns, kw * channels))
    for i in range(kh):
        window = flat(dneighbours[i : i + rows])
        window += flat(dy) @ w[i].reshape(-1, features).T
    if kw == 1:
        return dneighbours
    dx = np.zeros_like(x)
    for j in range(kw):
        dx[:, j : j + columns] += dneighbours[..., j * channels : (j + 1) * channels]
    return dx


def beside(x: Array, kw: int) -> Array:
    """Join the channels of each pixel with those of its kw - 1 neighbours to the right.

    Parameters
    ----------
    x : (H, W, C)
    kw : int     width of the kernel

    Returns
    -------
    (H, W-kw+1, kw·C) : numbers j·C … (j+1)·C-1 are the channels of the j-th pixel to the right
    """
    if kw == 1:
        return x
    columns = x.shape[1] - kw + 1
    return np.concatenate([x[:, j : j + columns] for j in range(kw)], axis=-1)


def flat(x: Array) -> Array:
    """Return a map (H, W, C) as a matrix (H·W, C), one row per pixel."""
    return x.reshape(-1, x.shape[-1])


def over_pixels(dy: Array) -> Array:
    """Sum a matrix (H·W, O) over its rows; as a product with ones, this is faster in CuPy."""
    return (np.ones_like(dy, shape=(1, len(dy))) @ dy)[0]
