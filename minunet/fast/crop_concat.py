"""Crop and concatenation as in `ops/crop_concat.py`, with the copying divided among threads."""

import numpy as np

from minunet.array import Array
from minunet.fast.items import items
from minunet.fast.threads import fitting, over
from minunet.ops.crop_concat import centre


def forward(up: Array, skip: Array) -> Array:
    """Crop `skip` to the size of `up` and append its channels; see `ops/crop_concat.py`."""
    y = np.empty_like(up, shape=(*up.shape[:2], up.shape[2] + skip.shape[2]), order="C")
    copies = (
        (items(y[..., : up.shape[2]]), items(up)),
        (items(y[..., up.shape[2] :]), items(skip)[centre(up.shape, skip.shape)]),
    )

    def work(first: int, n: int, _thread: int) -> None:
        for target, source in copies:
            target[first : first + n] = source[first : first + n]

    over(len(y), fitting(2 * y[0].nbytes), work)
    return y


def backward(dy: Array, skip_shape: tuple[int, ...]) -> tuple[Array, Array]:
    """Compute the gradients of crop and concatenation; see `ops/crop_concat.py`."""
    channels = dy.shape[-1] - skip_shape[-1]
    dskip = np.empty_like(dy, shape=skip_shape)
    rows, columns = centre(dy.shape, skip_shape)

    def work(first: int, n: int, _thread: int) -> None:
        band = dskip[first : first + n]
        band[...] = 0
        inside = slice(max(first, rows.start), min(first + n, rows.stop))
        if inside.start < inside.stop:
            source = dy[inside.start - rows.start : inside.stop - rows.start]
            dskip[inside, columns] = source[..., channels:]

    over(len(dskip), fitting(dskip[0].nbytes), work)
    return dy[..., :channels], dskip
