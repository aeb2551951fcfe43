"""Checks of chapter 9, elastic deformation."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import numpy as np

from exercises.diagnosis import changed
from exercises.verdict import (
    array,
    ask,
    difference,
    exercise,
    imprecise,
    number,
    several,
    trials,
    yes_or_no,
)
from exercises.watching import borrowed


@exercise(
    "It is a little less than 4, the value on the straight line: the curve falls fast at first "
    "and then levels out.",
    "The answer is one number.",
    hints=(
        "Only the first of the three values is not 0. So the displacement is 8 times the curve of "
        "the first point, S_0, at t = 1/2.",
        "Compute S_1 at t = 1/2 first: between the first two points it is (3t - t³) / 2. Then S_0 "
        "is 1 - (t + S_1) / 2.",
    ),
)
def check_halfway(answer: float) -> str | None:
    """Check the displacement half-way between the first two of the values 8, 0, 0.

    Parameters
    ----------
    answer : pixels
    """
    slips = {
        4: "that is the straight line. The curve is S_0 = 1 - (t + S_1) / 2.",
        5.5: "that is 8 S_1, but the value 8 belongs to the first point, so the curve is S_0.",
        -0.75: "that is 8 S_2, but the value 8 belongs to the first point, so the curve is S_0.",
        0.40625: "that is S_0(1/2). Multiply it by the value at the first point.",
    }
    answer = number("the displacement", answer)
    expected = 8 * np.linalg.solve(*_natural_spline())[0]
    if abs(answer - expected) < 1e-6:
        return None
    for value, slip in slips.items():
        if abs(answer - value) < 1e-6:
            return slip
    if abs(answer - expected) <= 0.05:
        return f"{answer:.6g} is close, but rounded: give the exact number."
    return f"{answer:.6g} is not right. What is S_1 at t = 1/2? And S_0 there?"


def _natural_spline() -> tuple[np.ndarray, np.ndarray]:
    """Conditions on 8 coefficients of S_0, after the unknown S_0(1/2): a matrix, a right side."""
    # Unknowns: S_0(1/2), then a0 … a3 of the cubic on [0, 1] and b0 … b3 of that on [1, 2].
    conditions = np.zeros((9, 9))
    right = np.zeros(9)
    value, slope, curvature = (
        lambda t: [1, t, t**2, t**3],
        lambda t: [0, 1, 2 * t, 3 * t**2],
        lambda t: [0, 0, 2, 6 * t],
    )
    conditions[0, 0], conditions[0, 1:5] = 1, np.negative(value(0.5))
    conditions[1, 1:5], right[1] = value(0), 1
    conditions[2, 1:5] = value(1)
    conditions[3, 5:9] = value(1)
    conditions[4, 5:9] = value(2)
    for row, of in ((5, slope), (6, curvature)):
        conditions[row, 1:5], conditions[row, 5:9] = of(1), np.negative(of(1))
    conditions[7, 1:5] = curvature(0)
    conditions[8, 5:9] = curvature(2)
    return conditions, right


@exercise(
    "The middle is (n - 1) / 2: it lies between pixels when n is even.",
    "The function returns an array (2, n, n), rows and columns.",
    hints=(
        "Measure rows and columns from the middle of the tile, turn, and add the middle again. The "
        "middle is (n - 1) / 2.",
        "The new row and the new column are sums of the old ones with the factors cos and ±sin. To "
        "find the signs, compare with np.rot90: at π/2, the new row is the old column, and the new "
        "column is minus the old row.",
    ),
)
def check_turned(answer: Callable[[int, float], Any]) -> str | None:
    """Check the places of a turned tile by quarter turns, and by how far they are from the middle.

    Parameters
    ----------
    answer : size n, angle in radians -> (2, n, n) rows and columns
    """
    for n in (4, 5):
        at = array("the result", ask(answer, n, np.pi / 2)).astype(float)
        if at.shape != (2, n, n):
            return (
                f"for n = {n} the result has shape {at.shape}, but its shape should be {(2, n, n)}."
            )
        expected = np.rot90(np.indices((n, n)), axes=(1, 2))
        if np.allclose(at, np.rot90(np.indices((n, n)), -1, axes=(1, 2))):
            return (
                "at π/2 it turns clockwise, but np.rot90 turns the other way: exchange sin and "
                "-sin."
            )
        if np.allclose(at - at.mean(axis=(1, 2), keepdims=True) + (n - 1) / 2, expected):
            off = at.mean(axis=(1, 2)) - (n - 1) / 2
            if np.any(np.abs(off) > 1e-9):
                return (
                    f"the angle is right, but for n = {n} the tile is shifted by {off[0]:.3g} "
                    f"rows and {off[1]:.3g} columns: turn about the middle, (n - 1) / 2, and add "
                    "it again."
                )
        if np.allclose(at, expected[::-1]):
            return "rows and columns are exchanged: rows come first."
        if np.allclose(at, np.indices((n, n)), atol=0.1):
            return "at π/2 it hardly turns: the angle is in radians."
        wrong = difference(f"at π/2 and n = {n}, the array", at, expected)
        if wrong:
            return wrong
    for rng in trials(9, 8):
        wrong = _turned(answer, int(rng.integers(1, 10)), rng.uniform(-np.pi, np.pi))
        if wrong:
            return wrong
    return borrowed(answer, 4, np.pi / 2)


def _turned(answer: Callable[[int, float], Any], n: int, angle: float) -> str | None:
    """Say what is wrong with the places of a tile at any angle; None if nothing is."""
    middle, expected = (n - 1) / 2, np.zeros((2, n, n))
    for r, c in np.ndindex(n, n):  # in the plane, where turning is a product; rows go down
        place = complex(c - middle, -(r - middle)) * complex(math.cos(angle), -math.sin(angle))
        expected[:, r, c] = middle - place.imag, middle + place.real
    here = f"at an angle of {angle:.3g}, n = {n}"
    at = array("the result", ask(answer, n, angle)).astype(float)
    wrong = difference("the array", at, expected)
    if wrong is None:
        return None
    if at.shape != expected.shape or imprecise("the array", at, expected):
        return f"{here}, {wrong}"
    off = at.mean(axis=(1, 2)) - middle
    if np.any(np.abs(off) > 1e-9):
        return (
            f"{here}, the middle of the tile is off by {off[0]:.3g} rows and {off[1]:.3g} "
            "columns: turn about the middle, (n - 1) / 2, and add it again."
        )
    if not np.allclose(np.hypot(*(at - middle)), np.hypot(*(expected - middle))):
        return f"{here}, pixels change their distance from the middle, but a turn keeps it: {wrong}"
    if n > 1 and np.linalg.det(np.stack([at[:, -1, 0], at[:, 0, -1]]) - at[:, 0, 0]) < 0:
        return f"{here}, the tile is mirrored: {wrong}"
    return f"{here}, {wrong}"


@exercise(
    "One field for both: a label stays on its tissue, however the tissue bends.",
    "The function returns two arrays (n, n), the image and the labels.",
    hints=(
        "The image and the labels are read at the same places, x + u. The field is u = S v Sᵀ.",
        "np.indices gives the places x, and @ works on both parts of v at once. Read the image by "
        "linear interpolation, and read the labels at the nearest pixel. `interpolation` has a "
        "function for each.",
    ),
)
def check_deform(answer: Callable[..., Any]) -> str | None:
    """Check a bent image and its labels against loops.

    Parameters
    ----------
    answer : image (n, n), labels (n, n), S (n, 3), v (2, 3, 3) -> both, bent
    """
    for n, rng in zip((14, 9, 6, 17), trials(5), strict=False):
        t = np.linspace(0, 2, n)
        s1 = (3 * np.minimum(t, 2 - t) - np.minimum(t, 2 - t) ** 3) / 2
        spline = np.stack([1 - (t + s1) / 2, s1, (t - s1) / 2], axis=1)
        if n != 14:  # S is an argument: another one is another field
            spline = rng.dirichlet([1, 1, 1], n)
        image, labels = rng.random((n, n)), rng.integers(0, 4, (n, n)) * 3
        wrong = _deform(answer, image, labels, spline, 2 * rng.standard_normal((2, 3, 3)))
        if wrong:
            return wrong
    v = np.ones((2, 3, 3))
    return changed(answer, {"image": image, "labels": labels, "S": spline, "v": v})


def _deform(
    answer: Callable[..., Any],
    image: np.ndarray,
    labels: np.ndarray,
    spline: np.ndarray,
    v: np.ndarray,
) -> str | None:
    """Say what is wrong with a bent image and its labels; None if nothing is."""
    both = ask(answer, image.copy(), labels.copy(), spline.copy(), v.copy())
    given, label = several(("the image", "the labels"), both)
    given, label = array("the image", given), array("the labels", label)
    expected, expected_label = _bent(image, labels, spline, v)
    if given.shape == image.shape and np.array_equal(given, image):
        return "the image comes back unchanged: read it at x + u."
    if given.dtype == labels.dtype and given.shape == labels.shape:
        return "the image should come first, then the labels."
    slips = {
        "it reads at x - u, but it should read at x + u: each new pixel looks up where it comes "
        "from": -v,
        "rows are displaced by the vectors of the columns": v[::-1],
        "the grid is transposed: u is S v Sᵀ, with rows first": v.swapaxes(1, 2),
    }
    wrong = difference("the image", given, expected, 1e-6)
    if wrong:
        for slip, other in slips.items():
            if given.shape == expected.shape and np.allclose(
                given, _bent(image, labels, spline, other)[0]
            ):
                return f"{slip}."
        if given.shape == expected.shape and np.isin(given, image).all():
            return (
                "the image was read at the nearest pixel, but grey values are interpolated "
                "linearly."
            )
        return (
            f"{wrong} Places lie at x + u; grey values are interpolated linearly, and mirrored at "
            "the edges."
        )
    if label.shape == labels.shape and not np.isin(label, labels).all():
        return "the result contains labels that nobody drew: read labels at the nearest pixel."
    wrong = difference("the label map", label, expected_label)
    return wrong and f"{wrong} The image is right. Are the labels read at the same places?"


def _bent(
    image: np.ndarray, labels: np.ndarray, spline: np.ndarray, v: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """Image and labels, (n, n) each, one pixel after the other."""
    n = len(image)
    new, new_labels = np.zeros((n, n)), np.zeros_like(labels)
    for r, c in np.ndindex(n, n):
        row, column = (
            x + sum(spline[r, i] * spline[c, j] * part[i, j] for i in range(3) for j in range(3))
            for x, part in ((r, v[0]), (c, v[1]))
        )
        new_labels[r, c] = labels[_mirror(round(row), n), _mirror(round(column), n)]
        i, j = int(np.floor(row)), int(np.floor(column))
        for a, b in np.ndindex(2, 2):
            share = (1 - abs(row - i - a)) * (1 - abs(column - j - b))
            new[r, c] += share * image[_mirror(i + a, n), _mirror(j + b, n)]
    return new, new_labels


def _mirror(k: int, n: int) -> int:
    k = abs(k) % (2 * n - 2)
    return min(k, 2 * n - 2 - k)


@exercise(
    "Now you can tell, before training, whether 10 pixels are too many for your tiles.",
    "The function returns True or False.",
    hints=(
        "A tile folds where the determinant of the derivative of x + u(x) is 0 or negative. Look "
        "at every pixel.",
        "u is S v Sᵀ. For its derivative along rows, replace the left S with the derivative of S; "
        "for that along columns, the right one. np.gradient along axis 0 gives the derivative. The "
        "determinant is (1 + ∂u_r/∂r)(1 + ∂u_c/∂c) - ∂u_r/∂c · ∂u_c/∂r.",
    ),
)
def check_folds(answer: Callable[[np.ndarray, int], Any]) -> str | None:
    """Check on fields whose determinant is known.

    Parameters
    ----------
    answer : v (2, 3, 3), size -> True or False
    """
    cases = (
        ((0, 0, 0, 0), False, "nothing moves, and the determinant is 1 everywhere"),
        ((-1.5, 0, 0, 0), True, "rows are read in reverse order, because a slope is -1.5"),
        ((0, 0, 0, -1.5), True, "columns are read in reverse order, because a slope is -1.5"),
        ((0, 3, 0, 0), False, "∂u_r/∂c = 3 alone is a shear, of determinant 1"),
        ((0, 1.5, 1.5, 0), True, "∂u_r/∂c = ∂u_c/∂r = 1.5, and 1 - 1.5² is below 0"),
        ((-0.5, 0.8, -0.8, -0.5), False, "(1 - 0.5)² + 0.8² is above 0"),
        ((-0.7, 0, 0, -0.7), False, "slopes of -0.7 only shrink the tile"),
        ((-1.5, 0, 0, -1.5), False, "(1 - 1.5)² is above 0: turned by 180°, and not folded"),
    )
    for n in (61, 31, 121):  # a value that rises by (n - 1) / 2 from point to point has slope 1
        down, across = np.mgrid[-1:2, -1:2] * (n - 1) / 2
        for (rr, rc, cr, cc), expected, why in cases:
            v = np.stack([rr * down + rc * across, cr * down + cc * across])
            wrong = _folds(answer, v, n, expected, f"here {why}")
            if wrong:
                return wrong
    for rng in trials(9, 12):  # one vector or all of them, of a length that makes it clear
        n = int(rng.integers(30, 130))
        v = rng.standard_normal((2, 3, 3)) * (rng.random((3, 3)) < rng.choice([0.3, 1]))
        lengths = n / 10 * 1.2 ** np.arange(20) / 4
        least = np.array([_least_determinant(length * v, n) for length in lengths])
        for sign in (1, -1):
            clear = lengths[sign * least > 0.2]
            if clear.size:
                length, folds = clear[-1] if sign > 0 else clear[0], sign < 0
                found = "below 0 somewhere, if only in one place: look at every pixel"
                why = f"the determinant is {found if folds else 'above 0 everywhere'}"
                wrong = _folds(answer, length * v, n, folds, f"in a tile of {n} pixels {why}")
                if wrong:
                    return wrong
    return changed(lambda v: answer(v, 61), {"v": v})


def _folds(
    answer: Callable[[np.ndarray, int], Any], v: np.ndarray, n: int, expected: bool, why: str
) -> str | None:
    """Say that a field is judged wrongly, and why; None if it is not."""
    given = yes_or_no("the result", ask(answer, v.copy(), n))
    return None if given == expected else f"it says {given}, but {why}."


def _least_determinant(v: np.ndarray, n: int) -> float:
    """The least determinant of a tile of n pixels, by the derivatives of the natural spline."""
    t = np.linspace(0, 2, n)
    near, sign = np.minimum(t, 2 - t), np.where(t < 1, 1, -1)
    middle, slope = (3 * near - near**3) / 2, sign * (3 - 3 * near**2) / 2
    s = np.stack([1 - (t + middle) / 2, middle, (t - middle) / 2])
    ds = np.stack([-(1 + slope) / 2, slope, (1 - slope) / 2]) * 2 / (n - 1)
    (rr, cr), (rc, cc) = (np.einsum("ir,kij,jc->krc", *f) for f in ((ds, v, s), (s, v, ds)))
    return float(np.min((1 + rr) * (1 + cc) - rc * cr))
