"""Plausible wrong answers to the exercises of chapter 6, each with words of its message."""

import numpy as np
import scipy
from special import only

from minunet.data import weight_map


def _distances(apart):
    numbers = np.unique(apart[apart > 0])
    never = np.full(apart.shape, np.inf)
    each = [scipy.ndimage.distance_transform_edt(apart != k) for k in numbers]
    return np.sort([*each, never, never], axis=0)[:2]


def _to_pixels(apart, w_c, w0, sigma):
    places = np.argwhere(apart > 0)
    term = np.zeros(apart.shape)
    for r, c in np.argwhere(apart == 0):
        each = np.sort([np.hypot(r - i, c - j) for i, j in places] + 2 * [np.inf])
        term[r, c] = w0 * np.exp(-((each[0] + each[1]) ** 2) / (2 * sigma**2))
    return np.where(apart > 0, w_c[1], w_c[0] + term)


def _everywhere(apart, w_c, w0, sigma):
    d1, d2 = _distances(apart)
    return np.where(apart > 0, w_c[1], w_c[0]) + w0 * np.exp(-((d1 + d2) ** 2) / (2 * sigma**2))


def _one_cell_alone(apart, w_c, w0, sigma):
    d1, d2 = _distances(apart)
    d2 = np.where(np.isinf(d2), 0, d2)
    return np.where(apart > 0, w_c[1], w_c[0] + w0 * np.exp(-((d1 + d2) ** 2) / (2 * sigma**2)))


def _with_background(apart, w_c, w0, sigma):
    each = [scipy.ndimage.distance_transform_edt(apart != k) for k in np.unique(apart)]
    d1, d2 = np.sort([*each, np.full(apart.shape, np.inf)], axis=0)[:2]
    return np.where(apart > 0, w_c[1], w_c[0] + w0 * np.exp(-((d1 + d2) ** 2) / (2 * sigma**2)))


def _swapped_classes(apart, w_c, w0, sigma):
    d1, d2 = _distances(apart)
    return np.where(apart > 0, w_c[0], w_c[1] + w0 * np.exp(-((d1 + d2) ** 2) / (2 * sigma**2)))


WRONG = {
    "gap_term": {
        "d1 + d2 = g": (10 * np.exp(-9 / 50), "g + 1"),
        "d1 alone": (10 * np.exp(-1 / 50), "d1 alone"),
        "no factor 2": (10 * np.exp(-16 / 25), "σ²"),
        "no w0": (np.exp(-16 / 50), "w0 = 10"),
        "squared one by one": (10 * np.exp(-(1**2 + 3**2) / 50), "added first"),
        "with w_c": (1 + 10 * np.exp(-16 / 50), "second term alone"),
    },
    "sigma_for": {
        "g for d1 + d2": (lambda gap: gap / np.sqrt(2 * np.log(2)), "g + 1"),
        "no factor 2": (lambda gap: (gap + 1) / np.sqrt(np.log(2)), "2σ²"),
        "full width of a bell": (lambda gap: (gap + 1) / 2.355, "not half"),
    },
    "weights": {
        "to pixels": (_to_pixels, "not to another pixel"),
        "no border term": (lambda apart, w_c, w0, sigma: w_c[1 * (apart > 0)], "term is missing"),
        "in cells too": (_everywhere, "background alone"),
        "d2 = 0 without a second cell": (_one_cell_alone, "fewer than two cells"),
        "classes swapped": (_swapped_classes, "Cells have w_c[1]"),
    },
    "threshold": {
        "of background": (lambda cell, background: background / (cell + background), "background"),
        "one half": (lambda cell, background: 0.5, "1/2"),
        "ratio": (lambda cell, background: cell / background, "least at p"),
    },
}


def _sigma(gap):
    return (gap + 1) / np.sqrt(2 * np.log(2))


def _paper(apart, w_c, w0, sigma):
    return weight_map.paper(apart, w_c, w0, sigma)


def _right(apart, w_c, w0, sigma):
    d1, d2 = _distances(apart)
    border = w0 * np.exp(-((d1 + d2) ** 2) / (2 * sigma**2))
    return np.where(apart > 0, w_c[1], w_c[0] + border)


WRONG["gap_term"] |= {
    "d1 + 1 for d2": (10 * np.exp(-4 / 50), "that uses d1 + d2 = 2"),
    "not squared": (10 * np.exp(-(1 + 3) / 50), "or does not square d1 + d2"),
    "to the far wall": (10 * np.exp(-25 / 50), "first pixel of the other wall"),
    "no minus": (10 * np.exp(16 / 50), "minus sign"),
    "no brackets": (10 * np.exp(-16 / 2 * 5**2), "multiplies by σ²"),
    "text": ("7.26", "is text"),
}
WRONG["sigma_for"] |= {
    "right for a gap of two": (
        only(_sigma, lambda gap: gap == 2, lambda gap: 2.55),
        "for a gap of 5",
    ),
    "right for the first three": (
        only(_sigma, lambda gap: gap in (2, 5, 11), lambda gap: 5.0),
        "not half",
    ),
    "right for narrow gaps": (lambda gap: _sigma(min(gap, 20)), "not half"),
    "squared": (lambda gap: _sigma(gap) ** 2, "take the square root"),
    "below 0": (lambda gap: -_sigma(gap), "above 0"),
}
WRONG["weights"] |= {
    "the package's own": (_paper, "`weight_map.paper` of minunet computed it"),
    "right for the numbers 2, 5 and 256": (
        only(_right, lambda apart, *_: set(np.unique(apart)) <= {0, 2, 5, 256}, _everywhere),
        "cells, w[",
    ),
    "right but for cell 1": (
        lambda apart, *others: _right(np.where(apart == 1, 0, apart), *others),
        "cells, w[",
    ),
    "right with the paper's w0 and sigma": (
        lambda apart, w_c, w0, sigma: _right(apart, w_c, 10, 5),
        "Use the arguments w0 and sigma",
    ),
    "no brackets": (
        lambda apart, w_c, w0, sigma: _right(apart, w_c, w0, 1 / sigma),
        "multiplies by σ²",
    ),
    "no minus": (
        lambda apart, w_c, w0, sigma: _right(apart, w_c, w0, 1j * sigma).real,
        "minus sign",
    ),
    "background counted as a cell": (_with_background, "It is the background"),
    "distances inside the cells": (
        lambda apart, w_c, w0, sigma: _right(apart, w_c, w0, 1e9),
        "0 on the background",
    ),
    "no w_c beside a gap": (
        lambda apart, w_c, w0, sigma: _right(apart, w_c * [0, 1], w0, sigma),
        "added to w_c[0]",
    ),
    "the pieces numbered anew": (
        lambda apart, *others: _right(scipy.ndimage.label(apart)[0], *others),
        "in two pieces of the same number",
    ),
    "right for three cells at most": (
        only(_right, lambda apart, *_: len(np.unique(apart)) <= 4, _to_pixels),
        "w[",
    ),
}
WRONG["threshold"] |= {
    "right for the weights of the text": (
        only(lambda u, v: u / (u + v), lambda u, v: u == 1, lambda u, v: 0.149),
        "least at p",
    ),
    "right where cell weighs less": (lambda u, v: min(u, v) / (u + v), "probability of background"),
    "rounded": (lambda u, v: round(u / (u + v), 2), "least at p"),
    "a logarithm": (lambda u, v: np.log(u / v), "least at p"),
    "text": (lambda u, v: "0.1", "p should be one number, but it is text"),
}
