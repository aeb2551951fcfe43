"""Plausible wrong answers to the exercises of chapter 12, each with words of its message."""

import numpy as np
from special import only

from minunet.ops import conv2d


def _runs(x, w, pitch=None, cut=True, turned=False):
    (kh, kw, channels, features), (height, width, _) = w.shape, x.shape
    pitch = pitch or width
    rows = height - kh + 1
    pixels, y = x.reshape(-1, channels), np.zeros((rows * width, features))
    many = rows * width - (kw - 1)
    for i, j in np.ndindex(kh, kw):
        start = i * pitch + j
        y[:many] += pixels[start : start + many] @ (w[-1 - i, -1 - j] if turned else w[i, j])
    y = y.reshape(rows, width, features)
    return y[:, : width - kw + 1] if cut else y


def _rows_too_short(x, w):
    (kh, kw, channels, features), (height, width, _) = w.shape, x.shape
    rows, columns = height - kh + 1, width - kw + 1
    pixels, y = x.reshape(-1, channels), np.zeros((rows * columns, features))
    for i, j in np.ndindex(kh, kw):
        start = i * width + j
        y += pixels[start : start + rows * columns] @ w[i, j]
    return y.reshape(rows, columns, features)


def _past_the_end(x, w):
    (kh, kw, channels, features), (height, width, _) = w.shape, x.shape
    many, pixels = (height - kh + 1) * width, x.reshape(-1, channels)
    y = np.zeros((many, features))
    for i, j in np.ndindex(kh, kw):
        y += pixels[i * width + j : i * width + j + many] @ w[i, j]
    return y.reshape(-1, width, features)[:, : width - kw + 1]


def _pitch_of_the_result(x, w):
    return _runs(x, w, pitch=x.shape[1] - w.shape[1] + 1)


def _six(d, g):
    return [sum((d[a + k] * g[k] for k in range(3)), start=0) for a in range(2)]


def _no_halves(d, g):
    d0, d1, d2, d3 = d
    g0, g1, g2 = g
    m0, m1 = (d0 - d2) * g0, (d1 + d2) * (g0 + g1 + g2)
    m2, m3 = (d2 - d1) * (g0 - g1 + g2), (d3 - d1) * g2
    return m0 + m1 + m2, m1 - m2 + m3


def _sign(d, g):
    d0, d1, d2, d3 = d
    g0, g1, g2 = g
    m0, m1 = (d0 - d2) * g0, (d1 + d2) * ((g0 + g1 + g2) / 2)
    m2, m3 = (d2 - d1) * ((g0 - g1 + g2) / 2), (d1 - d3) * g2
    return m0 + m1 + m2, m1 - m2 + m3


WRONG = {
    "start": {
        "columns of the result": ((11, 14), "5 columns of the result"),
        "row and column exchanged": ((9, 14), "first index of a tap is its row"),
        "rows of the input": ((15, 18), "7 rows, not 9"),
        "one column": ((15, 7), "2 columns"),
    },
    "by_list": {
        "nonsense kept": (lambda x, w: _runs(x, w, cut=False), "throw them away"),
        "rows too short": (_rows_too_short, "first row is right"),
        "a pitch of the result": (_pitch_of_the_result, "y["),
        "turned": (lambda x, w: _runs(x, w, turned=True), "kernel is turned"),
        "row for column": (
            lambda x, w: _runs(x, w if w.shape[0] != w.shape[1] else w.swapaxes(0, 1)),
            "i counts rows",
        ),
        "past the end": (_past_the_end, "kw-1 pixels too short"),
    },
    "four_products": {
        "the definition": (_six, "you computed 6 products"),
        "no halves": (_no_halves, "should be 28"),
        "a sign": (_sign, "y1"),
        "one output": (lambda d, g: [d[0] * g[0]], "the answer has two parts, y0 and y1"),
    },
}


def _fours(d, g):
    d0, d1, d2, d3 = d
    g0, g1, g2 = g
    m0, m1 = (d0 - d2) * g0, (d1 + d2) * ((g0 + g1 + g2) / 2)
    m2, m3 = (d2 - d1) * ((g0 - g1 + g2) / 2), (d3 - d1) * g2
    return m0 + m1 + m2, m1 - m2 + m3


def _twice(d, g):
    d0, d1, d2, d3 = d
    g0, g1, g2 = g

    def m1():
        return (d1 + d2) * ((g0 + g1 + g2) / 2)

    def m2():
        return (d2 - d1) * ((g0 - g1 + g2) / 2)

    return (d0 - d2) * g0 + m1() + m2(), m1() - m2() + (d3 - d1) * g2


def _windows(x, w):
    rows, columns = x.shape[0] - w.shape[0] + 1, x.shape[1] - w.shape[1] + 1
    y = np.zeros((rows, columns, w.shape[3]))
    for i, j in np.ndindex(w.shape[:2]):
        y += x[i : i + rows, j : j + columns] @ w[i, j]
    return y


def _im2col(x, w):
    rows, columns = x.shape[0] - w.shape[0] + 1, x.shape[1] - w.shape[1] + 1
    windows = [x[i : i + rows, j : j + columns] for i, j in np.ndindex(w.shape[:2])]
    return np.concatenate(windows, axis=2) @ w.reshape(-1, w.shape[3])


def _copied_slices(x, w):
    (kh, kw, channels, features), (height, width, _) = w.shape, x.shape
    rows, pixels = height - kh + 1, x.reshape(-1, channels)
    y = np.zeros((rows * width, features))
    many = rows * width - (kw - 1)
    for i, j in np.ndindex(kh, kw):
        y[:many] += pixels[i * width + j : i * width + j + many].copy() @ w[i, j]
    return y.reshape(rows, width, features)[:, : width - kw + 1]


WRONG["start"] |= {
    "not whole": ((15.5, 14), "whole number"),
    "text": ("15, 14", "the answer has two parts"),
    "one of two": ((15,), "you gave 1"),
    "counted from 1": ((16, 14), "does not begin with pixel 16"),
}
WRONG["by_list"] |= {
    "the package's own": (
        lambda x, w: conv2d.forward(x, w, np.zeros(w.shape[3])),
        "`conv2d.forward` of minunet computed it",
    ),
    "all windows in one matrix": (_im2col, "a window or the whole list is copied"),
    "copies of slices": (_copied_slices, "a window or the whole list is copied"),
    "windows of the map": (_windows, "Slice the list of pixels"),
    "right for three channels": (
        only(_runs, lambda x, w: x.shape[2] == 3, lambda x, w: -_runs(x, w)),
        "with the other sign",
    ),
    "right for kernels of up to three": (
        only(_runs, lambda x, w: max(w.shape[:2]) <= 3, lambda x, w: _runs(x, w, turned=True)),
        "kernel is turned",
    ),
    "right for more than one row": (
        only(_runs, lambda x, w: x.shape[0] > w.shape[0], lambda x, w: 2 * _runs(x, w)),
        "0.5 times",
    ),
}
WRONG["four_products"] |= {
    "m1 and m2 computed twice": (_twice, "Keep each in a variable"),
    "right for the first numbers": (
        only(_fours, lambda d, g: d[0].value == 1, lambda d, g: _fours(d, g)[::-1]),
        "should be",
    ),
    "right where d0 is 0 or d1 is not": (
        only(_fours, lambda d, g: d[0].value >= 0, lambda d, g: _sign(d, g)),
        "y1 is",
    ),
    "right for positive taps": (
        only(_fours, lambda d, g: min(t.value for t in g) >= -5, _no_halves),
        "should be",
    ),
    "text": (lambda d, g: "y0, y1", "you gave text"),
}
