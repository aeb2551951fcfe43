"""Plausible wrong answers to the exercises of chapter 3, each with words of its message."""

import numpy as np
from special import only

from minunet.ops import maxpool


def _scattered(dy, argmax, place):
    dx = np.zeros((2 * dy.shape[0], 2 * dy.shape[1], dy.shape[2]))
    for tap in range(4):
        i, j = place(tap)
        dx[i::2, j::2] += dy * (argmax == tap)
    return dx


def _near(dy, argmax):
    dx = np.zeros((2 * dy.shape[0], 2 * dy.shape[1], dy.shape[2]))
    for r, c, k in np.ndindex(dy.shape):
        dx[r + argmax[r, c, k] // 2, c + argmax[r, c, k] % 2, k] = dy[r, c, k]
    return dx


def _quarters(dy, argmax):
    rows = [[dy * (argmax == 2 * i + j) for j in range(2)] for i in range(2)]
    return np.concatenate([np.concatenate(row, axis=1) for row in rows])


def _not_filled(dy, argmax):
    dx = np.empty((2 * dy.shape[0], 2 * dy.shape[1], dy.shape[2]))
    for r, c, k in np.ndindex(dy.shape):
        dx[2 * r + argmax[r, c, k] // 2, 2 * c + argmax[r, c, k] % 2, k] = dy[r, c, k]
    return dx


WRONG = {
    "pooled_by_hand": {
        "a ReLU too many": (([9, 0], [2, 0]), "no ReLU"),
        "the last of equals wins": (([9, -1], [3, 3]), "first in reading order"),
        "taps counted from 1": (([9, -1], [3, 1]), "counted from 0"),
        "columns before rows": (([9, -1], [1, 0]), "0 1 in the upper row"),
        "taps as pairs": (([9, -1], [(1, 0), (0, 0)]), "A tap is one number"),
        "the smallest": (([4, -3], [0, 2]), "largest"),
    },
    "order": {
        "the output differs": ((False, True), "outputs are equal"),
        "the gradient differs": ((True, False), "gradients are equal"),
        "half an answer": ((True, ...), "should be True or False"),
    },
    "leaky_backward": {
        "plain ReLU": (lambda dy, y: dy * (y > 0), "slope 1/10"),
        "the forward": (lambda dy, y: np.where(y > 0, dy, y / 10), "slope multiplies dy"),
        "slope 1/100": (lambda dy, y: np.where(y > 0, dy, dy / 100), "should be"),
        "wrong side": (lambda dy, y: np.where(y > 0, dy / 10, dy), "sides are exchanged"),
        "wrong sign": (lambda dy, y: np.where(y > 0, dy, -dy / 10), "other sign"),
        "upside down": (
            lambda dy, y: np.where(y > 0, dy, 10 * dy),
            "not that of x with respect to y",
        ),
    },
    "maxpool_backward": {
        "rows and columns exchanged": (
            lambda dy, argmax: _scattered(dy, argmax, lambda tap: (tap % 2, tap // 2)),
            "exchanged",
        ),
        "everybody gets dy": (
            lambda dy, argmax: dy.repeat(2, axis=0).repeat(2, axis=1),
            "only the winner",
        ),
        "shared like a mean": (
            lambda dy, argmax: dy.repeat(2, axis=0).repeat(2, axis=1) / 4,
            "winner takes all",
        ),
        "blocks not twice as far apart": (_near, "begins at (2r, 2c)"),
        "a slice without a step": (_quarters, "dx[i::2, j::2]"),
        "np.empty": (_not_filled, "need a 0"),
        "shapes that do not fit": (lambda dy, argmax: np.zeros((2, 2)) + dy, "dx is (6, 10, 2)"),
        "the package's own": (maxpool.backward, "Write it yourself"),
        "not scattered at all": (lambda dy, argmax: dy * (argmax == 0), "shape"),
    },
}


def _leaky(dy, y):
    return np.where(y > 0, dy, dy / 10)


WRONG["pooled_by_hand"] |= {
    "half an answer": (([9, -1],), "the answer has two parts, y and argmax"),
    "a list for each block": (([9, 2], [-1, 0]), "one list for each block"),
    "the absolute value": (([9, -3], [2, 2]), "including its sign"),
}
WRONG["order"] |= {
    "neither": ((False, False), "outputs are equal"),
    "text": (("True", "True"), "should be True or False, but it is text"),
    "one of them": (True, "the answer has two parts"),
    "three": ((True, True, True), "you gave 3"),
    "numbers": ((1, 2), "should be True or False"),
}
WRONG["leaky_backward"] |= {
    "right for three axes": (only(_leaky, lambda dy, y: y.ndim == 3, lambda dy, y: dy), "dx["),
    "right for maps, not for a row": (
        only(_leaky, lambda dy, y: y.ndim > 1, lambda dy, y: dy * (y > 0)),
        "plain ReLU",
    ),
    "right for large gradients": (
        lambda dy, y: np.where((y > 0) | (abs(dy) < 0.1), dy, dy / 10),
        "dx[",
    ),
    "dy changed": (
        lambda dy, y: np.multiply(dy, np.where(y > 0, 1, 0.1), out=dy),
        "writes to an argument",
    ),
}
WRONG["maxpool_backward"] |= {
    "a lambda around the package's own": (
        lambda dy, argmax: maxpool.backward(dy, argmax),
        "`maxpool.backward` of minunet computed it",
    ),
    "right for the first size": (
        only(maxpool.backward, lambda dy, argmax: dy.shape == (3, 5, 2), lambda dy, argmax: dy),
        "dx has shape",
    ),
    "right for more than one pixel": (
        only(
            maxpool.backward,
            lambda dy, argmax: dy.size > 1,
            lambda dy, argmax: dy.repeat(2, axis=0).repeat(2, axis=1),
        ),
        "only the winner",
    ),
    "right for oblong maps": (
        only(
            maxpool.backward,
            lambda dy, argmax: dy.shape[0] != dy.shape[1] or dy.size == 1,
            lambda dy, argmax: -maxpool.backward(dy, argmax),
        ),
        "with the other sign",
    ),
}
