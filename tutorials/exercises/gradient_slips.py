"""What well-known slips in the backward of a convolution make of its gradients."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from exercises.diagnosis import Problem, Slips
from minunet.array import Array


def scatter(case: Problem, w: Array, *, overwrite: bool = False, ones: bool = False) -> Array:
    """dx (H, W, C), tap by tap, of a kernel that may be changed; or with `=`, or without dy."""
    _, _, x, _, _, dy = case
    dx = np.zeros_like(x)
    for i, j in np.ndindex(w.shape[:2]):
        window = dx[i : i + dy.shape[0], j : j + dy.shape[1]]
        share = np.einsum("rco,ko->rck", np.ones_like(dy) if ones else dy, w[i, j])
        window[...] = share if overwrite else window + share
    return dx


def gather(case: Problem, sign: int, *, wrap: bool = False) -> Array:
    """dx (H, W, C) by its formula, with another sign of i and j; `wrap`: negative places, too."""
    _, _, x, w, _, dy = case
    oh, ow, _ = dy.shape
    dx = np.zeros_like(x)
    for p, q, i, j in np.ndindex(*x.shape[:2], *w.shape[:2]):
        r, c = p + sign * i, q + sign * j
        least = (-oh, -ow) if wrap else (0, 0)
        if least[0] <= r < oh and least[1] <= c < ow:
            dx[p, q] += w[i, j] @ dy[r, c]
    return dx


def last_pixel_wins(case: Problem) -> Array:
    """dx (H, W, C), pixel by pixel of dy, each replacing what the one before has left."""
    _, _, x, w, _, dy = case
    dx = np.zeros_like(x)
    for r, c in np.ndindex(dy.shape[:2]):
        dx[r : r + w.shape[0], c : c + w.shape[1]] = w @ dy[r, c]
    return dx


def dx_slips(case: Problem) -> Slips:
    """What well-known slips make of dx."""
    _, _, x, w, _, dy = case
    kh, kw, channels, features = w.shape
    oh, ow, _ = dy.shape

    def first_window() -> Array:
        dx = np.zeros_like(x)
        dx[:oh, :ow] = dy @ w.sum((0, 1)).T
        return dx

    def one_tap(i: int, j: int) -> Array:
        one = np.zeros_like(w)
        one[i, j] = w[i, j]
        return scatter(case, one)

    slips: Slips = {
        "dx was overwritten: the windows of the taps overlap, and a pixel must collect from each. "
        "Use `+=`.": lambda: scatter(case, w, overwrite=True),
        "dx was overwritten: each pixel of dy adds to a window of dx as large as the kernel, and "
        "these overlap. Use `+=`.": lambda: last_pixel_wins(case),
        "dx[p, q] reads dy[p + i, q + j], but the signs are minus: dy[p - i, q - j].": (
            lambda: gather(case, +1)
        ),
        "dx reads outside dy: a negative index counts from the end. Where p - i or q - j is "
        "negative, nothing is added.": lambda: gather(case, -1, wrap=True),
        "dx has the kernel turned by 180°. As in the forward, w[i, j] belongs to the window that "
        "begins at row i and column j.": lambda: scatter(case, w[::-1, ::-1]),
        "dx has dy turned by 180°: leave it as it is.": (
            lambda: scatter(case._replace(dy=dy[::-1, ::-1]), w)
        ),
        "dx collects every tap in one window. It should begin at row i and column j.": first_window,
        "dx begins with x, so x is added to every number. Begin with zeros.": lambda: (
            x + scatter(case, w)
        ),
        "dx begins with ones: begin with zeros.": lambda: 1 + scatter(case, w),
        "dx does not depend on dy: each tap adds dy @ w[i, j].T, not w[i, j] alone.": (
            lambda: scatter(case, w, ones=True)
        ),
        "dx contains only the last tap. Is it set to zeros inside the loop?": (
            lambda: one_tap(-1, -1)
        ),
        "dx contains only the first tap. Does the loop return too early?": (lambda: one_tap(0, 0)),
        "dx was divided by the number of taps: it is a sum, not a mean.": (
            lambda: scatter(case, w) / (kh * kw)
        ),
        "dx was divided by the number of pixels: it is a sum, not a mean.": (
            lambda: scatter(case, w) / (oh * ow)
        ),
        "dx has the shape of dy. It should have the shape of x: each tap adds to a window of it.": (
            lambda: sum(dy @ w[i, j].T for i, j in np.ndindex(kh, kw))
        ),
    }
    if kh == kw:
        slips["dx has i and j exchanged: i counts rows, j columns."] = lambda: scatter(
            case, w.swapaxes(0, 1)
        )
    if channels == features:
        slips[
            "dx lacks the transpose of w[i, j]. w[i, j] takes C numbers to O numbers, and its "
            "transpose takes them back: dy @ w[i, j].T."
        ] = lambda: scatter(case, w.swapaxes(2, 3))
    return slips


def dw_slips(case: Problem) -> Slips:
    """What well-known slips make of dw."""
    _, _, x, w, _, dy = case
    kh, kw, channels, features = w.shape
    oh, ow, _ = dy.shape

    def windows(rule: Callable[[Array], Array], *, shifted: bool = True) -> Array:
        """dw of which each tap is some rule of its window (oh, ow, C)."""
        dw = np.zeros_like(w)
        for i, j in np.ndindex(kh, kw):
            top, left = (i, j) if shifted else (0, 0)
            dw[i, j] = rule(x[top : top + oh, left : left + ow])
        return dw

    def outer(window: Array, dy: Array = dy) -> Array:
        return np.einsum("rck,rco->ko", window, dy)

    slips: Slips = {
        "dw has its taps turned by 180°: dw[i, j] belongs to the window that begins at row i and "
        "column j.": lambda: windows(outer)[::-1, ::-1],
        "dw reads the same window for every tap. It should begin at row i and column j.": (
            lambda: windows(outer, shifted=False)
        ),
        "dw has dy turned by 180°: leave it as it is.": (
            lambda: windows(lambda window: outer(window, dy[::-1, ::-1]))
        ),
        "dw contains only the last pixel. It must add up all pixels. Use `+=`.": (
            lambda: windows(lambda window: np.outer(window[-1, -1], dy[-1, -1]))
        ),
        "dw contains only the last row. It must add up all rows. Use `+=`.": (
            lambda: windows(lambda window: window[-1].T @ dy[-1])
        ),
        "dw contains only the last column. It must add up all columns. Use `+=`.": (
            lambda: windows(lambda window: window[:, -1].T @ dy[:, -1])
        ),
        "dw is the product of two sums over pixels. It should be the sum of the products: X.T @ D "
        "with a row for each pixel.": (
            lambda: windows(lambda window: np.outer(window.sum((0, 1)), dy.sum((0, 1))))
        ),
        "dw was also summed over k, so all input channels are equal. Sum over the pixels r and "
        "c only.": lambda: windows(lambda window: outer(window).sum(0)),
        "dw was also summed over o, so all features are equal. Sum over the pixels r and c only.": (
            lambda: windows(lambda window: outer(window).sum(1, keepdims=True))
        ),
        "dw is the sum of x over the pixels: dy is missing.": (
            lambda: windows(lambda window: window.sum((0, 1))[:, np.newaxis])
        ),
        "dw is the sum of dy over the pixels: x is missing.": (
            lambda: windows(lambda window: dy.sum((0, 1)))
        ),
        "dw was divided by the number of pixels: it is a sum, not a mean.": (
            lambda: windows(outer) / (oh * ow)
        ),
        "dw begins with w. Begin with zeros.": lambda: w + windows(outer),
        "dw begins with ones: begin with zeros.": lambda: 1 + windows(outer),
        "dw has k and o exchanged: it should be (kh, kw, C, O), so X.T @ D, not D.T @ X.": (
            lambda: windows(outer).swapaxes(2, 3)
        ),
        "dw has equal taps, because each is the sum over all taps. Index dw by i and j.": (
            lambda: np.broadcast_to(windows(outer).sum((0, 1)), w.shape)
        ),
        "dw mixes up the pixels: `.reshape(C, -1)` does not transpose. First `.reshape(-1, C)`, "
        "then `.T`.": lambda: windows(
            lambda window: window.reshape(channels, -1) @ dy.reshape(-1, features)
        ),
        "dw has no axes for the taps: index it by i and j.": lambda: windows(outer).sum((0, 1)),
    }
    if kh == kw:
        turned = windows(outer).swapaxes(0, 1)
        slips["dw has i and j exchanged: i counts rows, j columns."] = lambda: turned
    if channels == features:
        slips[
            "dw was multiplied channel by channel. Each of C channels meets each of O features: "
            "that is the product X.T @ D, summed over pixels."
        ] = lambda: windows(lambda window: np.einsum("rco,rco->o", window, dy))
        slips["dw[i, j] is one number, summed over the channels too. Sum over r and c only."] = (
            lambda: windows(lambda window: np.full(w.shape[2:], np.sum(window * dy)))
        )
    if oh == ow:
        slips[
            "dw pairs the pixel (r, c) of x with (c, r) of dy. Lay out both in the same order, "
            "with `.reshape(-1, C)` and `.reshape(-1, O)`."
        ] = lambda: windows(lambda window: outer(window, dy.swapaxes(0, 1)))
    return slips


def db_slips(case: Problem) -> Slips:
    """What well-known slips make of db."""
    _, _, _, w, _, dy = case
    oh, ow, features = dy.shape
    return {
        "db is one number, because it was also summed over the features. b has one number for "
        "each feature: sum over axes 0 and 1 only.": lambda: dy.sum(),
        "db has one number for all features: sum over axes 0 and 1 only.": (
            lambda: np.full(features, dy.sum())
        ),
        "db was summed over rows, but not over columns. Sum over axes (0, 1).": (lambda: dy.sum(0)),
        "db was summed over columns, but not over rows. Sum over axes (0, 1).": (lambda: dy.sum(1)),
        "db was summed over the features, not over the pixels. Sum over axes (0, 1).": (
            lambda: dy.sum(2)
        ),
        "db was summed over the last two axes. Sum over axes (0, 1): features stay.": (
            lambda: dy.sum((1, 2))
        ),
        "db was summed over axes (0, 2). Sum over axes (0, 1): features stay.": (
            lambda: dy.sum((0, 2))
        ),
        "db was not summed. b is added at every pixel, so db is the sum over all pixels.": lambda: (
            dy
        ),
        "db has axes of size 1 left over: it should be (O,), without keepdims.": (
            lambda: dy.sum((0, 1), keepdims=True)
        ),
        "db is a mean over the pixels. It should be a sum.": lambda: dy.mean((0, 1)),
        "db counts the pixels: it should add up their dy.": lambda: np.full(
            features, float(oh * ow)
        ),
        "db was added up once for each tap: it belongs outside the loop over taps.": (
            lambda: w.shape[0] * w.shape[1] * dy.sum((0, 1))
        ),
        "db is the dy of the last pixel: it must add up over all pixels. Use `+=`.": (
            lambda: dy[-1, -1]
        ),
        "db is the dy of the first pixel: it must add up over all pixels.": lambda: dy[0, 0],
        "db begins with ones: begin with zeros.": lambda: 1 + dy.sum((0, 1)),
    }
