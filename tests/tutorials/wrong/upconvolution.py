"""Plausible wrong answers to the exercises of chapter 4, each with words of its message."""

import numpy as np
from special import only

from minunet.ops import conv2d, upconv


def _changed(position, change):
    def backward(dy, x, w):
        gradients = list(upconv.backward(dy, x, w))
        gradients[position] = change(gradients[position], dy)
        return tuple(gradients)

    return backward


def _one_tap(dy, x, w):
    _, dw, db = upconv.backward(dy, x, w)
    return dy[0::2, 0::2] @ w[0, 0].T, dw, db


def _by_zeros(before, after, turn):
    def as_convolution(x, w, b):
        between = np.zeros((2 * x.shape[0] + 2, 2 * x.shape[1] + 2, x.shape[2]))
        between[1:-1:2, 1:-1:2] = x
        rows, columns = 2 * x.shape[0] + after, 2 * x.shape[1] + after
        return conv2d.forward(between[before:rows, before:columns], w[::turn, ::turn], b)

    return as_convolution


def _one_of_four(channels):
    w = np.zeros((2, 2, channels, channels))
    w[0, 0] = np.eye(channels)
    return w


def _windows(dy, x, w):
    rows, columns, _ = x.shape
    dx = sum(dy[i : i + rows, j : j + columns] @ w[i, j].T for i, j in np.ndindex(2, 2))
    return (dx, *upconv.backward(dy, x, w)[1:])


WRONG = {
    "stamped": {
        "no bias": ([[2, 0, -1, 0], [6, 4, -3, -2]], "bias is missing"),
        "bias not at the zeros": ([[3, 0, 0, 0], [7, 5, -2, -1]], "also where"),
        "kernel transposed": ([[3, 7, 0, -2], [1, 5, 1, -1]], "transposed"),
        "kernel turned": ([[5, 7, -1, -2], [1, 3, 1, 0]], "180°"),
        "a sign lost": ([[3, 1, 0, 1], [7, 5, 4, 3]], "should be"),
        "pooled, not stamped": ([[3, 1], [7, 5]], "shape"),
    },
    "nearest_kernel": {
        "all ones": (lambda channels: np.ones((2, 2, channels, channels)), "mixes"),
        "shared by the taps": (
            lambda channels: np.broadcast_to(np.eye(channels) / 4, (2, 2, channels, channels)),
            "quarter",
        ),
        "no channels": (lambda channels: np.ones((2, 2)), "shape"),
        "one tap of four": (_one_of_four, "with C = 1, the upsampled map["),
    },
    "upconv_backward": {
        "one tap only": (_one_tap, "one tap"),
        "windows as in a convolution": (_windows, "the pixels of a tap are dy[i::2, j::2]"),
        "mean of the taps": (_changed(0, lambda dx, dy: dx / 4), "by the chain rule it is the sum"),
        "taps turned": (
            lambda dy, x, w: (
                upconv.backward(dy, x, w[::-1, ::-1])[0],
                *upconv.backward(dy, x, w)[1:],
            ),
            "belongs to w[i, j]",
        ),
        "dw not transposed": (_changed(1, lambda dw, dy: dw.swapaxes(2, 3)), "last two axes"),
        "dw flipped": (_changed(1, lambda dw, dy: dw[::-1, ::-1]), "180°"),
        "db over everything": (_changed(2, lambda db, dy: dy.sum()), "own bias"),
        "db a mean": (_changed(2, lambda db, dy: dy.mean(axis=(0, 1))), "24 times"),
    },
    "as_convolution": {
        "kernel not turned": (_by_zeros(0, 1, 1), "180°"),
        "zeros behind only": (_by_zeros(1, 2, -1), "moved by one pixel"),
        "no zeros around": (_by_zeros(1, 1, -1), "one row and one column too small"),
        "nearest upsampling": (
            lambda x, w, b: conv2d.forward(
                np.pad(x.repeat(2, axis=0).repeat(2, axis=1), ((1, 0), (1, 0), (0, 0))), w, b
            ),
            "not copies",
        ),
    },
}


def _identities(channels):
    return np.broadcast_to(np.eye(channels), (2, 2, channels, channels))


def _convolved(x, w, b):
    return _by_zeros(0, 1, -1)(x, w, b)


def _twice(x, w, b):
    half = _convolved(x, w, b / 2)
    return half + conv2d.forward(np.zeros((*np.add(half.shape[:2], 1), 1)), w[:, :, :1], b / 2)


WRONG["stamped"] |= {
    "ragged": ([[3, 1, 0, 1], [7, 5, -2]], "differ in length"),
    "text": ("3 1 0 1 7 5 -2 -1", "is text"),
}
WRONG["nearest_kernel"] |= {
    "one tap": (lambda channels: np.eye(channels)[np.newaxis, np.newaxis], "shape"),
    "the order of channels reversed": (lambda channels: _identities(channels)[..., ::-1], "C = 3"),
    "right for one channel": (
        only(
            _identities, lambda channels: channels == 1, lambda channels: -1 * _identities(channels)
        ),
        "C = 3",
    ),
    "right for one and three": (
        only(_identities, lambda channels: channels in (1, 3), lambda c: np.ones((2, 2, c, c))),
        "mixes",
    ),
    "right up to four": (
        lambda channels: np.broadcast_to(
            np.diag((np.arange(channels) < 4) * 1.0), (2, 2, channels, channels)
        ),
        "C = 7",
    ),
}


def _begins_empty(dy, x, w):
    _, dw, db = upconv.backward(dy, x, w)
    dx = np.empty_like(x)
    for i, j in np.ndindex(2, 2):
        dx += dy[i::2, j::2] @ w[i, j].T
    return dx, dw, db


WRONG["upconv_backward"] |= {
    "dx begins empty": (_begins_empty, "np.empty contains whatever"),
    "db None": (
        lambda dy, x, w: (*upconv.backward(dy, x, w)[:2], None),
        "db should be real numbers, but it is None",
    ),
    "the package's own": (
        lambda dy, x, w: upconv.backward(dy, x, w),
        "`upconv.backward` of minunet computed it",
    ),
    "right for the first size": (
        only(
            upconv.backward,
            lambda dy, x, w: w.shape == (2, 2, 4, 5),
            lambda dy, x, w: (x, -w, dy.sum((0, 1))),
        ),
        "dx",
    ),
    "right for more than one feature": (
        only(
            upconv.backward,
            lambda dy, x, w: w.shape[3] > 1,
            lambda dy, x, w: (*upconv.backward(dy, x, w)[:2], 2 * dy.sum((0, 1))),
        ),
        "0.5 times",
    ),
    "right where C is not O": (
        only(
            upconv.backward,
            lambda dy, x, w: w.shape[2] != w.shape[3] or w.size == 4,
            _changed(1, lambda dw, dy: dw.swapaxes(2, 3)),
        ),
        "last two axes",
    ),
}
WRONG["as_convolution"] |= {
    "no bias": (lambda x, w, b: _convolved(x, w, 0 * b), "the bias is missing"),
    "the package's upconv": (
        lambda x, w, b: upconv.forward(x, w, b),
        "`upconv.forward` computed it. Use one call of conv2d.forward",
    ),
    "no call at all": (
        lambda x, w, b: np.einsum("rcm,ijmo->ricjo", x, w).reshape(2 * len(x), -1, len(b)) + b,
        "conv2d.forward is not called",
    ),
    "two calls": (_twice, "is called 2 times"),
    "right for the first size": (
        only(_convolved, lambda x, w, b: x.shape == (3, 4, 2), lambda x, w, b: x),
        "one row and one column too small",
    ),
    "right for more than one pixel": (
        only(_convolved, lambda x, w, b: x.size > 1, lambda x, w, b: _convolved(x, w, 0 * b)),
        "the bias is missing",
    ),
    "right for maps that are not square": (
        only(
            _convolved,
            lambda x, w, b: x.shape[0] != x.shape[1] or x.size == 1,
            lambda x, w, b: _convolved(x, w, 2 * b),
        ),
        "y[",
    ),
}
