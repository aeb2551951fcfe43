"""Plausible wrong answers to the exercises of chapter 1, each with words of its message."""

import numpy as np
from special import only

from minunet.ops import conv2d


def windows(x, w):
    """List the taps (i, j) of a kernel, each with its window of the map."""
    oh, ow = x.shape[0] - w.shape[0] + 1, x.shape[1] - w.shape[1] + 1
    for i, j in np.ndindex(w.shape[:2]):
        yield i, j, x[i : i + oh, j : j + ow]


def no_bias(x, w, b):
    return sum(window @ w[i, j] for i, j, window in windows(x, w))


def bias_of_every_tap(x, w, b):
    return sum(window @ w[i, j] + b for i, j, window in windows(x, w))


def flipped(x, w, b):
    return no_bias(x, w[::-1, ::-1], b) + b


def overwritten(x, w, b):
    for i, j, window in windows(x, w):
        y = window @ w[i, j] + b
    return y


def early_return(x, w, b):
    for i, j, window in windows(x, w):
        return window @ w[i, j] + b


def transposed(x, w, b):
    return sum(window @ w[i, j].T for i, j, window in windows(x, w)) + b


def exchanged(x, w, b):
    return no_bias(x, w.swapaxes(0, 1), b) + b


def exchanged_sizes(x, w, b):
    y = np.zeros((x.shape[1] - w.shape[1] + 1, x.shape[0] - w.shape[0] + 1, w.shape[3])) + b
    y += no_bias(x, w, b)
    return y


def padded(x, w, b):
    x = np.pad(x, ((1, 1), (1, 1), (0, 0)))
    return no_bias(x, w, b) + b


def off_by_one(x, w, b):
    return (no_bias(x, w, b) + b)[:-1, :-1]


def only_3x3(x, w, b):
    h, v = x.shape[0] - 2, x.shape[1] - 2
    return sum(x[i : i + h, j : j + v] @ w[i, j] for i in range(3) for j in range(3)) + b


def in_place(x, w, b):
    y = no_bias(x, w, b) + b
    x *= 0
    return y


def float64(x, w, b):
    return (no_bias(x, w, b) + b).astype(float)


def one_tap_kernel(i, j):
    kernel = np.zeros((3, 3))
    kernel[i, j] = 1
    return kernel


def replaced(v, w):
    u = np.zeros((5, 5, v.shape[2], w.shape[3]))
    for i, j, p, q in np.ndindex(3, 3, 3, 3):
        u[i + p, j + q] = v[i, j] @ w[p, q]
    return u


def correlated(v, w):
    u = np.zeros((5, 5, v.shape[2], w.shape[3]))
    for i, j, p, q in np.ndindex(3, 3, 3, 3):
        u[i + p, j + q] += v[i, j] @ w[2 - p, 2 - q]
    return u


def tap_by_tap(v, w):
    return v @ w


def solved(v, w):
    u = np.zeros((5, 5, v.shape[2], w.shape[3]))
    for i, j, p, q in np.ndindex(3, 3, 3, 3):
        u[i + p, j + q] += v[i, j] @ w[p, q]
    return u


WRONG = {
    "by_hand": {
        "the kernel turned": ([[12, 1, 8], [8, 14, 3]], "Do not turn"),
        "the bias forgotten": ([[10, -1, 0], [-1, 8, -1]], "the bias is missing"),
        "rows and columns of the kernel exchanged": ([[14, 1, 8], [8, 12, 3]], "exchanged"),
        "a result as large as the map": (np.ones((3, 4)), "its shape should be (2, 3)"),
        "columns for rows": ([[15, 4], [4, 13], [5, 4]], "three from left to right"),
        "one slip of the pencil": ([[15, 4, 5], [4, 13, 5]], "y[1, 2] is 5, but it should be 4"),
    },
    "pixel_below": {
        "the pixel above": (one_tap_kernel(0, 1), "above the middle"),
        "the pixel to the right": (one_tap_kernel(1, 2), "to the right of the middle"),
        "the pixel itself": (one_tap_kernel(1, 1), "in the middle"),
        "one to the right": (one_tap_kernel(2, 2), "to the lower right of the middle"),
        "all ones": (np.ones((3, 3)), "your kernel has 9 such numbers"),
        "another factor": (2 * one_tap_kernel(2, 1), "by a factor"),
    },
    "convolution": {
        "no bias": (no_bias, "lacks the bias"),
        "a bias for every tap": (bias_of_every_tap, "outside the loop"),
        "the kernel turned": (flipped, "true convolution"),
        "= for +=": (overwritten, "Use `+=`"),
        "an early return": (early_return, "return too early"),
        "w[i, j] transposed": (transposed, "Where C = O: w[i, j] was transposed"),
        "i and j exchanged in w": (exchanged, "i counts rows, j columns"),
        "rows and columns exchanged in y": (
            exchanged_sizes,
            "It is right where the maps are square",
        ),
        "a border of zeros": (padded, "should be (9, 7, 5)"),
        "a row and a column too few": (off_by_one, "should be (9, 7, 5)"),
        "a kernel of 3×3 written in": (only_3x3, "right where the kernel is 3×3"),
        "x changed": (in_place, "x was changed"),
        "float32 lost": (float64, "y is float64"),
    },
    "two_in_one": {
        "= for +=": (replaced, "Use `+=`"),
        "the second kernel turned": (correlated, "turned by 180°"),
        "tap by tap": (tap_by_tap, "should be (5, 5, 2, 4)"),
        "a product number by number": (lambda v, w: v * w, "they are v[i, j] @ w[p, q]"),
    },
}

WRONG["by_hand"] |= {
    "a map of zeros": (np.zeros((2, 3)), "y[0, 0] is 0, but it should be 15"),
    "text": ("15 4 5 / 4 13 4", "y should be real numbers, but it is text"),
    "rows of two lengths": ([[15, 4, 5], [4, 13]], "its rows differ in length"),
}
WRONG["pixel_below"] |= {
    "counted from the bottom": (one_tap_kernel(0, 2), "to the upper right of the middle"),
    "a smaller kernel": (np.array([[0, 0], [0, 1]]), "should be (3, 3), but it is (2, 2)"),
    "no tap": (np.zeros((3, 3)), "your kernel has 0 such numbers"),
}


def _begins_empty(x, w, b):
    oh, ow = x.shape[0] - w.shape[0] + 1, x.shape[1] - w.shape[1] + 1
    y = np.empty((oh, ow, w.shape[3]), x.dtype)
    for i, j in np.ndindex(*w.shape[:2]):
        y += x[i : i + oh, j : j + ow] @ w[i, j]
    return y + b


WRONG["convolution"] |= {
    "y begins empty": (_begins_empty, "np.empty contains whatever"),
    "a lambda around the package's own": (
        lambda x, w, b: conv2d.forward(x, w, b),
        "`conv2d.forward` of minunet computed it",
    ),
    "right but for kernels of one pixel": (
        only(conv2d.forward, lambda x, w, b: w.shape[:2] != (1, 1), no_bias),
        "y lacks the bias",
    ),
    "right for the first size alone": (
        only(conv2d.forward, lambda x, w, b: w.shape == (3, 2, 4, 5), lambda x, w, b: None),
        "it returned None",
    ),
    "right for whole numbers": (
        lambda x, w, b: np.round(conv2d.forward(x, w, b)).astype(x.dtype),
        "it is right for other arrays, but with",
    ),
    "right for more than one channel": (
        only(conv2d.forward, lambda x, w, b: w.shape[2] > 1, no_bias),
        "y lacks the bias",
    ),
}
WRONG["two_in_one"] |= {
    "the first kernel turned": (lambda v, w: correlated(w[::-1, ::-1], v), "they are v[i, j]"),
    "channels mixed": (lambda v, w: np.zeros((5, 5, 2, 4)), "u[2, 2, 1, 0] is 0"),
    "right for whole numbers": (
        lambda v, w: np.round(solved(v, w)),
        "u[",
    ),
    "right where C is not O": (
        only(solved, lambda v, w: v.shape[2] != w.shape[3], replaced),
        "Use `+=`",
    ),
    "right for two channels": (
        only(solved, lambda v, w: v.shape[2] == 2, correlated),
        "turned by 180°",
    ),
    "v changed": (lambda v, w: (solved(v, w), v.fill(0))[0], "v was changed"),
}
