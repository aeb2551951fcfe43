"""Plausible wrong answers to the exercises of chapter 4, each with words of its message."""

import numpy as np

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
    },
    "upconv_backward": {
        "one tap only": (_one_tap, "one tap"),
        "mean of the taps": (_changed(0, lambda dx, dy: dx / 4), "chain rule sums"),
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
        "zeros behind only": (_by_zeros(1, 2, -1), "moved by a pixel"),
        "no zeros around": (_by_zeros(1, 1, -1), "short"),
        "nearest upsampling": (
            lambda x, w, b: conv2d.forward(
                np.pad(x.repeat(2, axis=0).repeat(2, axis=1), ((1, 0), (1, 0), (0, 0))), w, b
            ),
            "not copies",
        ),
    },
}
