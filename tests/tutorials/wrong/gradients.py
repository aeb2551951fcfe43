"""Plausible wrong answers to the exercises of chapter 2, each with words of its message."""

import numpy as np
from special import only

from minunet.ops import conv2d


def taps(dy, x, w):
    """List the taps (i, j) of a kernel, each with the slices of its window."""
    for i, j in np.ndindex(w.shape[:2]):
        yield i, j, np.s_[i : i + dy.shape[0], j : j + dy.shape[1]]


def rows(array):
    """Return the pixels of a map as the rows of a matrix."""
    return array.reshape(-1, array.shape[-1])


def with_dx(rule):
    """Make a backward that is wrong only in dx."""
    return lambda dy, x, w: (rule(dy, x, w), *conv2d.backward(dy, x, w)[1:])


def with_dw(rule):
    """Make a backward that computes each dw[i, j] by a rule from its window and dy."""

    def backward(dy, x, w):
        dx, _, db = conv2d.backward(dy, x, w)
        dw = np.zeros_like(w)
        for i, j, window in taps(dy, x, w):
            dw[i, j] = rule(x[window], dy)
        return dx, dw, db

    return backward


def with_db(rule):
    """Make a backward that is wrong only in db."""
    return lambda dy, x, w: (*conv2d.backward(dy, x, w)[:2], rule(dy))


def dx_overwritten(dy, x, w):
    dx = np.zeros_like(x)
    for i, j, window in taps(dy, x, w):
        dx[window] = dy @ w[i, j].T
    return dx


def dx_untransposed(dy, x, w):
    dx = np.zeros_like(x)
    for i, j, window in taps(dy, x, w):
        dx[window] += dy @ w[i, j]
    return dx


def dx_shaped_like_dy(dy, x, w):
    return sum(dy @ w[i, j].T for i, j, _ in taps(dy, x, w))


def dx_valid(dy, x, w):
    no_bias = np.zeros(w.shape[2])
    return conv2d.forward(dy, w[::-1, ::-1].swapaxes(2, 3), no_bias)


def dx_exchanged(dy, x, w):
    dx = np.zeros_like(x)
    for i, j in np.ndindex(w.shape[:2]):
        dx[j : j + dy.shape[0], i : i + dy.shape[1]] += dy @ w[i, j].T
    return dx


def dx_from_x(dy, x, w):
    dx = x
    for i, j, window in taps(dy, x, w):
        dx[window] += dy @ w[i, j].T
    return dx


def dx_same_window(dy, x, w):
    dx = np.zeros_like(x)
    for i, j, _ in taps(dy, x, w):
        dx[: dy.shape[0], : dy.shape[1]] += dy @ w[i, j].T
    return dx


def dx_last_pixel(dy, x, w):
    dx = np.zeros_like(x)
    for r, c in np.ndindex(dy.shape[:2]):
        dx[r : r + w.shape[0], c : c + w.shape[1]] = w @ dy[r, c]
    return dx


def dx_gathered(sign, least):
    """Make a dx from its formula, with a sign for i and j and a lowest index of dy."""

    def gathered(dy, x, w):
        dx = np.zeros_like(x)
        for p, q, i, j in np.ndindex(*x.shape[:2], *w.shape[:2]):
            r, c = p + sign * i, q + sign * j
            if least <= r < dy.shape[0] and least <= c < dy.shape[1]:
                dx[p, q] += w[i, j] @ dy[r, c]
        return dx

    return gathered


def dx_off_dy(dy, x, w):
    dx = np.zeros_like(x)
    for p, q, i, j in np.ndindex(*x.shape[:2], *w.shape[:2]):
        dx[p, q] += w[i, j] @ dy[p - i, q - j]
    return dx


def dw_all_taps(dy, x, w):
    dx, dw, db = conv2d.backward(dy, x, w)
    return dx, np.zeros_like(w) + dw.sum((0, 1)), db


def dx_without_dy(dy, x, w):
    dx = np.zeros_like(x)
    for i, j, window in taps(dy, x, w):
        dx[window] += w[i, j].sum(1)
    return dx


def dx_turned(dy, x, w):
    return conv2d.backward(dy, x, w[::-1, ::-1])[0]


def dw_turned(dy, x, w):
    dx, dw, db = conv2d.backward(dy, x, w)
    return dx, dw[::-1, ::-1], db


def dw_exchanged(dy, x, w):
    dx, dw, db = conv2d.backward(dy, x, w)
    return dx, dw.swapaxes(2, 3), db


def dw_same_window(dy, x, w):
    dx, dw, db = conv2d.backward(dy, x, w)
    dw[:] = rows(x[: dy.shape[0], : dy.shape[1]]).T @ rows(dy)
    return dx, dw, db


def dw_last_pixel(dy, x, w):
    dx, dw, db = conv2d.backward(dy, x, w)
    for r, c in np.ndindex(dy.shape[:2]):
        for i, j in np.ndindex(w.shape[:2]):
            dw[i, j] = np.outer(x[r + i, c + j], dy[r, c])
    return dx, dw, db


def db_in_the_loop(dy, x, w):
    dx, dw, db = conv2d.backward(dy, x, w)
    return dx, dw, db * w.shape[0] * w.shape[1]


def another_order(dy, x, w):
    dx, dw, db = conv2d.backward(dy, x, w)
    return dw, dx, db


def dx_alone(dy, x, w):
    return conv2d.backward(dy, x, w)[0]


def dx_so_far(dy, x, w):
    return conv2d.backward(dy, x, w)[0], None, None


def only_3x3(dy, x, w):
    dx, dw = np.zeros_like(x), np.zeros_like(w)
    oh, ow = x.shape[0] - 2, x.shape[1] - 2
    for i in range(3):
        for j in range(3):
            dx[i : i + oh, j : j + ow] += dy @ w[i, j].T
            dw[i, j] = rows(x[i : i + oh, j : j + ow]).T @ rows(dy)
    return dx, dw, dy.sum((0, 1))


def square_maps(dy, x, w):
    columns, lines, _ = dy.shape  # the mistake
    dx, dw = np.zeros_like(x), np.zeros_like(w)
    for i, j in np.ndindex(w.shape[:2]):
        dx[i : i + lines, j : j + columns] += dy @ w[i, j].T
        dw[i, j] = rows(x[i : i + lines, j : j + columns]).T @ rows(dy)
    return dx, dw, dy.sum((0, 1))


def float64(dy, x, w):
    dx = np.zeros(x.shape)
    for i, j, window in taps(dy, x, w):
        dx[window] += dy @ w[i, j].T
    return (dx, *conv2d.backward(dy, x, w)[1:])


def changed_dy(dy, x, w):
    gradients = conv2d.backward(dy, x, w)
    dy *= 0
    return gradients


def two_slips(dy, x, w):
    return dx_overwritten(dy, x, w), conv2d.backward(dy, x, w)[1], dy.sum(0)


def dx_on_x(dy, x, w):
    return x + conv2d.backward(dy, x, w)[0]


def dx_empty(dy, x, w):
    dx = np.empty_like(x)
    for i, j, window in taps(dy, x, w):
        dx[window] += dy @ w[i, j].T
    return dx


def negative(dy, x, w):
    return tuple(-gradient for gradient in conv2d.backward(dy, x, w))


def missing_border(dy, x, w):
    dx = conv2d.backward(dy, x, w)[0]
    dx[-1] = 0
    return dx


def as_convolution(rule):
    """Make a dx from a border and a kernel that a rule derives from the kernel."""

    def dx_as_convolution(dy, w):
        (rows, columns), kernel = rule(w)
        border = ((rows, rows), (columns, columns), (0, 0))
        return conv2d.forward(np.pad(dy, border), kernel, np.zeros(w.shape[2]))

    return dx_as_convolution


def full(w):
    return w.shape[0] - 1, w.shape[1] - 1


WRONG = {
    "by_hand": {
        "the kernel turned": (
            ([[2, 0, 0], [-1, 5, 0], [0, -2, 2]], [[3, 6], [5, 9]], 3),
            "dw and db are right. dx has the kernel turned",
        ),
        "= for +=": (
            ([[1, -1, 0], [0, 2, -2], [0, 0, 4]], [[3, 6], [5, 9]], 3),
            "replaced the first where they meet",
        ),
        "a mean for db": (
            ([[1, -1, 0], [0, 4, -2], [0, 0, 4]], [[3, 6], [5, 9]], 0.75),
            "db is a mean",
        ),
        "dy left out of dw": (
            ([[1, -1, 0], [0, 4, -2], [0, 0, 4]], [[2, 4], [4, 5]], 3),
            "dw lacks the factors dy",
        ),
        "db left out": (
            ([[1, -1, 0], [0, 4, -2], [0, 0, 4]], [[3, 6], [5, 9]]),
            "the answer has three parts",
        ),
        "half an answer": (
            ([[1, -1, 0], [0, 4, -2], [0, 0, 4]], ..., ...),
            "dx is right. dw is still open. db is still open.",
        ),
    },
    "best_step": {
        "that of the first derivative": (1e-5, "not ε / h²"),
        "that of a one-sided difference": (
            1e-8,
            "A larger step makes the rounding error ε / h² smaller",
        ),
        "a large one": (1e-1, "smaller step"),
        "the exponent": (-4, "If you gave the exponent"),
    },
    "backward": {
        "dx: = for +=": (with_dx(dx_overwritten), "dw and db are right. dx was overwritten"),
        "dx: the kernel turned": (with_dx(dx_turned), "dx has the kernel turned by 180°"),
        "dx: the transpose forgotten": (
            with_dx(dx_untransposed),
            "Where C = O it runs, and there: dw and db are right. dx lacks the transpose",
        ),
        "dx: shaped like dy": (with_dx(dx_shaped_like_dy), "It should have the shape of x"),
        "dx: without a border": (with_dx(dx_valid), "should be (11, 8, 4)"),
        "dx: i and j exchanged": (with_dx(dx_exchanged), "dx has i and j exchanged"),
        "dx: begins as x": (with_dx(dx_from_x), "x was changed: begin dx with"),
        "dx: begins as a copy of x": (with_dx(dx_on_x), "dx begins with x"),
        "dx: begins empty": (with_dx(dx_empty), "np.empty contains whatever"),
        "dx: = for += over pixels": (with_dx(dx_last_pixel), "each pixel of dy adds to a window"),
        "dx: plus for minus": (with_dx(dx_gathered(+1, 0)), "the signs are minus"),
        "dx: negative places": (with_dx(dx_gathered(-1, -9)), "a negative index counts from"),
        "dx: places off dy": (with_dx(dx_off_dy), "Outside dy, where p - i"),
        "dx: always the same window": (with_dx(dx_same_window), "every tap in one window"),
        "dx: without dy": (with_dx(dx_without_dy), "dx does not depend on dy"),
        "dx: the last row forgotten": (with_dx(missing_border), "All wrong entries have p = 10"),
        "dw: the taps turned": (dw_turned, "dw has its taps turned"),
        "dw: all taps in one": (dw_all_taps, "Index dw by i and j"),
        "dw: reshape for a transpose": (
            with_dw(lambda window, dy: window.reshape(window.shape[2], -1) @ rows(dy)),
            "does not transpose",
        ),
        "dw: k and o exchanged": (dw_exchanged, "dw has k and o exchanged"),
        "dw: always the same window": (dw_same_window, "the same window for every tap"),
        "dw: = for += over pixels": (dw_last_pixel, "dw contains only the last pixel"),
        "dw: also summed over k": (
            with_dw(lambda window, dy: np.einsum("rck,rco->o", window, dy)),
            "also summed over k",
        ),
        "dw: also summed over o": (
            with_dw(lambda window, dy: np.einsum("rck,rco->k", window, dy)[:, np.newaxis]),
            "also summed over o",
        ),
        "dw: sums before the product": (
            with_dw(lambda window, dy: np.outer(window.sum((0, 1)), dy.sum((0, 1)))),
            "product of two sums",
        ),
        "dw: rows against columns": (
            with_dw(lambda window, dy: np.tensordot(window, dy, axes=([0, 1], [1, 0]))),
            "dw pairs the pixel (r, c) of x with (c, r) of dy",
        ),
        "dw: channel by channel": (
            with_dw(lambda window, dy: np.sum(window * dy, axis=(0, 1))),
            "multiplied channel by channel",
        ),
        "dw: one number a tap": (
            with_dw(lambda window, dy: np.sum(window * dy)),
            "dw[i, j] is one number",
        ),
        "dw: a mean": (
            with_dw(lambda window, dy: rows(window).T @ rows(dy) / len(rows(dy))),
            "divided by the number of pixels",
        ),
        "dw: matrices that do not fit": (
            with_dw(lambda window, dy: window.T @ dy),
            "The shapes that fit",
        ),
        "db: columns not summed": (
            with_db(lambda dy: dy.sum(0)),
            "over rows, but not over columns",
        ),
        "db: rows not summed": (with_db(lambda dy: dy.sum(1)), "over columns, but not over rows"),
        "db: everything summed": (with_db(np.sum), "db is one number"),
        "db: a mean": (with_db(lambda dy: dy.mean((0, 1))), "db is a mean"),
        "db: not summed": (with_db(lambda dy: dy), "db was not summed"),
        "db: axes kept": (with_db(lambda dy: dy.sum((0, 1), keepdims=True)), "without keepdims"),
        "db: in the loop over taps": (db_in_the_loop, "outside the loop over taps"),
        "another order": (another_order, "return dx, dw, db"),
        "dx alone": (dx_alone, "it should return three arrays"),
        "dx so far": (dx_so_far, "dx is right. dw is still open."),
        "two slips": (two_slips, "dw is right. dx was overwritten"),
        "the other sign": (negative, "with the other sign"),
        "a kernel of 3×3 written in": (only_3x3, "It is right where the kernel is 3×3"),
        "rows taken for columns": (square_maps, "It is right where the maps are square"),
        "float32 lost": (float64, "dx is float64"),
        "dy changed": (changed_dy, "dy was changed"),
        "the package's own": (conv2d.backward, "Write the loop yourself"),
    },
    "dx_as_convolution": {
        "the kernel not turned": (
            as_convolution(lambda w: (full(w), w.swapaxes(2, 3))),
            "the kernel is not turned",
        ),
        "rows of the kernel not turned": (
            as_convolution(lambda w: (full(w), w[:, ::-1].swapaxes(2, 3))),
            "from left to right only",
        ),
        "a border of one": (
            as_convolution(lambda w: ((1, 1), w[::-1, ::-1].swapaxes(2, 3))),
            "The border has kh - 1 = 2 rows",
        ),
        "C and O not exchanged": (
            as_convolution(lambda w: (full(w), w[::-1, ::-1])),
            "has the shape (kh, kw, O, C)",
        ),
    },
}


WRONG["by_hand"] |= {
    "another order": (
        ([[3, 6], [5, 9]], [[1, -1, 0], [0, 4, -2], [0, 0, 4]], 3),
        "db is right. dx has shape (2, 2)",
    ),
    "an array for db": (
        ([[1, -1, 0], [0, 4, -2], [0, 0, 4]], [[3, 6], [5, 9]], [[1, 0], [0, 2]]),
        "db has shape (2, 2), but it should be one number",
    ),
    "text for db": (([[1, -1, 0], [0, 4, -2], [0, 0, 4]], [[3, 6], [5, 9]], "3"), "is text"),
}
WRONG["best_step"] |= {
    "ten times too large": (1e-3, "A smaller step makes the error h² smaller"),
    "the best, but no power of ten": (1.2e-4, "is not a power of ten"),
    "near the best": (5e-4, "is not a power of ten"),
    "nearer": (0.99e-4, "is not a power of ten"),
    "nothing": (0, "between 0 and 1"),
    "text": ("1e-4", "is text"),
}
WRONG["backward"] |= {
    "a lambda around the package's own": (
        lambda dy, x, w: conv2d.backward(dy, x, w),
        "`conv2d.backward` of minunet computed it",
    ),
    "right but for maps of one column": (
        only(conv2d.backward, lambda dy, x, w: dy.shape[1] > 1, two_slips),
        "it is right for other arrays, but with",
    ),
    "right for whole numbers": (
        lambda dy, x, w: tuple(g.round() for g in conv2d.backward(dy, x, w)),
        "it is right for other arrays, but with",
    ),
    "right for the first size alone": (
        only(conv2d.backward, lambda dy, x, w: w.shape == (3, 2, 4, 5), negative),
        "it is right for other arrays, but with",
    ),
}


def _right(dy, w):
    return as_convolution(lambda w: (full(w), w[::-1, ::-1].swapaxes(2, 3)))(dy, w)


def _by_taps(dy, w):
    dx = np.zeros((dy.shape[0] + w.shape[0] - 1, dy.shape[1] + w.shape[1] - 1, w.shape[2]))
    for i, j in np.ndindex(w.shape[:2]):
        dx[i : i + dy.shape[0], j : j + dy.shape[1]] += dy @ w[i, j].T
    return dx


def _x_like(dy, w):
    return np.zeros((dy.shape[0] + w.shape[0] - 1, dy.shape[1] + w.shape[1] - 1, w.shape[2]))


WRONG["dx_as_convolution"] |= {
    "the package's backward": (
        lambda dy, w: conv2d.backward(dy, _x_like(dy, w), w)[0],
        "`conv2d.backward` computed it. Use one call of conv2d.forward",
    ),
    "a loop of one's own": (_by_taps, "conv2d.forward is not called"),
    "one call for each feature": (
        lambda dy, w: sum(_right(dy[..., o : o + 1], w[..., o : o + 1]) for o in range(w.shape[3])),
        "is called",
    ),
    "a border of two": (
        as_convolution(lambda w: ((2, 1), w[::-1, ::-1].swapaxes(2, 3))),
        "its shape should be",
    ),
    "right for the first kernel": (
        only(_right, lambda dy, w: w.shape[:2] == (3, 2), lambda dy, w: -_right(dy, w)),
        "with the other sign",
    ),
    "right for more than one channel": (
        only(_right, lambda dy, w: w.shape[2] > 1, lambda dy, w: _right(dy, w)[::-1]),
        "with w (",
    ),
    "right for whole numbers": (lambda dy, w: np.round(_right(dy, w)), "with w ("),
}
