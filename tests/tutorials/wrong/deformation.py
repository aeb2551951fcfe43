"""Plausible wrong answers to the exercises of chapter 9, each with words of its message."""

import numpy as np

from minunet.augmentation import deformation, interpolation


def _turned(size, angle, middle, sign):
    r, c = np.indices((size, size)) - middle
    sin, cos = sign * np.sin(angle), np.cos(angle)
    return np.stack([cos * r + sin * c, -sin * r + cos * c]) + middle


def _deformed(image, labels, at, at_labels=None, read_image=interpolation.linear):
    at_labels = at if at_labels is None else at_labels
    return read_image(image, at), interpolation.nearest(labels, at_labels)


def _where(image, S, v):
    return np.indices(image.shape) + S @ v @ S.T


def _slopes(v, size):
    S, _ = deformation.interpolating(size)
    slope = np.gradient(S, axis=0)
    return slope @ v @ S.T, S @ v @ slope.T


def _folds_on_the_diagonal(v, size):
    (rr, _), (_, cc) = _slopes(v, size)
    return bool(np.any(1 + rr <= 0) or np.any(1 + cc <= 0))


def _folds_without_one(v, size):
    (rr, cr), (rc, cc) = _slopes(v, size)
    return bool(np.any(rr * cc - rc * cr <= 0))


def _folds_in_the_middle(v, size):
    (rr, cr), (rc, cc) = _slopes(v, size)
    return bool(((1 + rr) * (1 + cc) - rc * cr)[size // 2, size // 2] <= 0)


def _folds_where_steep(v, size):
    return bool(np.abs(_slopes(v, size)).max() > 1)


WRONG = {
    "halfway": {
        "straight": (4, "straight line"),
        "the middle curve": (5.5, "S_1"),
        "the share": (0.40625, "multiply"),
    },
    "turned": {
        "the other way": (lambda n, a: _turned(n, a, (n - 1) / 2, -1), "clockwise"),
        "about a corner": (lambda n, a: _turned(n, a, 0, 1), "(n - 1) / 2"),
        "columns first": (lambda n, a: _turned(n, a, (n - 1) / 2, 1)[::-1], "rows come first"),
        "degrees": (lambda n, a: _turned(n, np.deg2rad(a), (n - 1) / 2, 1), "radians"),
        "about n / 2": (lambda n, a: _turned(n, a, n / 2, 1), "(n - 1) / 2"),
    },
    "deform": {
        "forward": (lambda x, y, S, v: _deformed(x, y, _where(x, S, -v)), "x - u"),
        "rows for columns": (lambda x, y, S, v: _deformed(x, y, _where(x, S, v[::-1])), "columns"),
        "transposed grid": (
            lambda x, y, S, v: _deformed(x, y, _where(x, S, v.swapaxes(1, 2))),
            "transposed",
        ),
        "labels interpolated": (
            lambda x, y, S, v: (
                interpolation.linear(x, _where(x, S, v)),
                interpolation.linear(y.astype(float), _where(x, S, v)),
            ),
            "nobody drew",
        ),
        "labels where they were": (
            lambda x, y, S, v: _deformed(x, y, _where(x, S, v), np.indices(x.shape) * 1.0),
            "same field",
        ),
        "nothing moved": (lambda x, y, S, v: (x, y), "as it was"),
        "labels first": (lambda x, y, S, v: _deformed(x, y, _where(x, S, v))[::-1], "first"),
        "image at the nearest pixel": (
            lambda x, y, S, v: _deformed(x, y, _where(x, S, v), None, interpolation.nearest),
            "linearly",
        ),
    },
    "folds": {
        "diagonal alone": (_folds_on_the_diagonal, "1.5²"),
        "without 1 +": (_folds_without_one, "nothing moves"),
        "one pixel": (_folds_in_the_middle, "every pixel"),
        "where steep": (_folds_where_steep, "shear"),
    },
}
