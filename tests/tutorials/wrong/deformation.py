"""Plausible wrong answers to the exercises of chapter 9, each with words of its message."""

import numpy as np
from special import only

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
        "the share": (0.40625, "Multiply it by the value"),
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
            "read at the same places",
        ),
        "nothing moved": (lambda x, y, S, v: (x, y), "comes back unchanged"),
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


def _right(size, angle):
    return _turned(size, angle, (size - 1) / 2, 1)


def _wrong_sign(size, angle):
    r, c = np.indices((size, size)) - (size - 1) / 2
    sin, cos = np.sin(angle), np.cos(angle)
    return np.stack([-cos * r + sin * c, -sin * r + cos * c]) + (size - 1) / 2


def _no_cosine(size, angle):
    r, c = np.indices((size, size)) - (size - 1) / 2
    sin, cos = np.sin(angle), np.cos(angle)
    return np.stack([sin * c, -r + cos * c]) + (size - 1) / 2


def _bends(image, labels, S, v):
    return _deformed(image, labels, _where(image, S, v))


def _folds(v, size):
    (rr, cr), (rc, cc) = _slopes(v, size)
    return bool(np.any((1 + rr) * (1 + cc) - rc * cr <= 0))


WRONG["halfway"] |= {
    "on the other side": (-3.25, "is not right"),
    "S_2 for S_0": (-0.75, "8 S_2"),
    "a quarter of the way": (5.58, "is not right"),
    "text": ("3.25", "is text"),
    "two numbers": ((3.25, 0), "should be one number"),
}
WRONG["turned"] |= {
    "a sign": (_wrong_sign, "change their distance"),
    "a mirror image but at the angle of the task": (
        only(_right, lambda n, a: np.isclose(a, np.pi / 2), lambda n, a: _right(n, a)[..., ::-1]),
        "the tile is mirrored",
    ),
    "a cosine missing": (_no_cosine, "change their distance"),
    "a centre that moves with the angle": (
        lambda n, a: _right(n, a) + 7 * np.cos(a),
        "turn about the middle",
    ),
    "right at the angle of the task": (
        only(_right, lambda n, a: np.isclose(a, np.pi / 2), lambda n, a: _turned(n, a, n / 2, 1)),
        "turn about the middle",
    ),
    "right for turns of less than a half": (
        lambda n, a: _right(n, np.clip(a, -np.pi / 2, np.pi / 2)),
        "the array[",
    ),
    "right for positive angles": (lambda n, a: _right(n, abs(a)), "the array["),
    "right for even sizes": (
        only(_right, lambda n, a: n % 2 == 0, lambda n, a: _turned(n, a, n // 2 + 0.5, 1)),
        "turn about the middle",
    ),
    "quarter turns": (
        lambda n, a: np.rot90(np.indices((n, n)), round(2 * a / np.pi), axes=(1, 2)),
        "the array[",
    ),
}
WRONG["deform"] |= {
    "right for the first size": (
        only(_bends, lambda x, *_: len(x) == 14, lambda x, y, S, v: (x, y)),
        "comes back unchanged",
    ),
    "right for the spline of the chapter": (
        lambda x, y, S, v: _bends(x, y, deformation.interpolating(len(x))[0], v),
        "the image",
    ),
    "right for large tiles": (
        only(_bends, lambda x, *_: len(x) > 6, lambda x, y, S, v: _bends(x, y, S, -v)),
        "x - u",
    ),
    "labels changed": (lambda x, y, S, v: (_bends(x, y, S, v), y.fill(0))[0], "labels was changed"),
}
WRONG["folds"] |= {
    "right for one size": (lambda v, size: _folds(v, 61), "but"),
    "right for large tiles": (lambda v, size: _folds(v, max(size, 60)), "but"),
    "right for slopes along an axis": (
        lambda v, size: bool(np.any(np.stack(_slopes(v, size))[[0, 1], [0, 1]] <= -1)),
        "but",
    ),
    "the first pixel": (
        lambda v, size: bool(np.linalg.det(np.eye(2) + np.stack(_slopes(v, size))[..., 0, 0]) <= 0),
        "every pixel",
    ),
    "a sign": (
        lambda v, size: bool(
            np.any(
                (1 + _slopes(v, size)[0][0]) * (1 + _slopes(v, size)[1][1])
                + _slopes(v, size)[0][1] * _slopes(v, size)[1][0]
                <= 0
            )
        ),
        "1.5²",
    ),
    "always": (lambda v, size: True, "nothing moves"),
    "never": (lambda v, size: False, "reverse order"),
    "a number": (lambda v, size: 0.5, "True or False, but it is one number"),
}
