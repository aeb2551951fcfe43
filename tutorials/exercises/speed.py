"""Checks of chapter 12, speed."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from fractions import Fraction
from typing import Any, ClassVar

import numpy as np

from exercises.diagnosis import same
from exercises.verdict import (
    Unanswered,
    array,
    ask,
    difference,
    drawn,
    exercise,
    kind,
    several,
    trials,
    wholes,
)
from exercises.watching import borrowed, peak
from minunet.array import Array
from minunet.ops import conv2d


@exercise(
    "Computing fourteen useless outputs saves copying nine windows.",
    "The answers are two whole numbers.",
    hints=(
        "The list holds the rows one after the other, 7 pixels each. How many pixels come before "
        "pixel (2, 1) of the map?",
        "Two full rows and one pixel come before it. The result has 9 - 2 rows, and in each of "
        "them the last outputs, where the kernel would cross the end of the row, are thrown away.",
    ),
)
def check_start(answer: Sequence[int]) -> str | None:
    """Check where a window begins, and what is thrown away, by walking through the list.

    Parameters
    ----------
    answer : number of the first pixel, outputs thrown away
    """
    if isinstance(answer, tuple | list) and any(number is ... for number in answer):
        raise Unanswered
    answer = several(("the number of the pixel", "the outputs thrown away"), answer)
    start, thrown = wholes("the numbers", answer)
    rows, columns = 9, 7
    places = [(r, c) for r in range(rows) for c in range(columns)]
    if start != places.index((2, 1)):
        hint = "A row of the list has 7 pixels."
        if start == 2 * (columns - 2) + 1:
            hint = (
                "You used the 5 columns of the result, but a row of the list has the 7 columns "
                "of the input."
            )
        elif start == 1 * rows + 2 or start == 1 * columns + 2:
            hint = (
                "The first index of a tap is its row, and the list holds the rows one after the "
                "other."
            )
        return f"the window of tap (2, 1) does not begin with pixel {start}. {hint}"
    nonsense = sum(c > columns - 3 for r, c in places if r <= rows - 3)
    if thrown != nonsense:
        hint = "In how many rows of the result, and how many in each?"
        if thrown == 2 * rows:
            hint = "The result has 7 rows, not 9."
        elif thrown == columns:
            hint = "A kernel that is 3 wide loses 2 columns, not 1."
        return f"{thrown} is not the number of outputs that are thrown away. {hint}"
    return None


@exercise(
    "That is `direct.py` without its bands: no window was copied.",
    "The function returns y, an array (H-kh+1, W-kw+1, O).",
    hints=(
        "In the list of pixels, pixel (r, c) has the number r·W + c. So every tap reads the same "
        "list, only from a later start.",
        "For each tap, take a slice of the list from i·W + j, multiply it by the matrix of the "
        "tap, and add it to a list of outputs that has W of them per row. The list of outputs ends "
        "kw - 1 early, because the last slice would pass the end. Reshape at the end, and throw "
        "away the last kw - 1 columns.",
    ),
)
def check_by_list(answer: Callable[[Array, Array], Array]) -> str | None:
    """Check a convolution on maps of several shapes against its definition.

    Parameters
    ----------
    answer : x (H, W, C), w (kh, kw, C, O) -> y (H-kh+1, W-kw+1, O)
    """
    cases = [((5, 7, 3), (3, 3, 3, 2)), ((4, 6, 3), (1, 1, 3, 2)), ((6, 5, 3), (2, 3, 3, 2))]
    cases += [((4, 6, 2), (4, 2, 2, 3)), ((5, 4, 1), (1, 4, 1, 1))]
    for rng in trials(4):
        (rows, columns), (kh, kw) = drawn(rng, 2, 1, 7), rng.integers(1, 5, 2).tolist()
        channels, features = drawn(rng, 2, 1, 5)
        size = rows + kh - 1, columns + kw - 1, channels
        cases.append((size, (kh, kw, channels, features)))
    for (map_, kernel), rng in zip(cases, trials(5, len(cases)), strict=True):
        x, w = rng.standard_normal(map_), rng.standard_normal(kernel)
        here = f"on a map {map_[0]} x {map_[1]} with a kernel {kernel[0]} x {kernel[1]}"
        hint = (
            " The last tap begins (kh-1)W + kw-1 pixels late. For whole rows the list is kw-1 "
            "pixels too short, but those outputs are thrown away anyway."
        )
        given = array("y", ask(answer, x.copy(), w.copy(), hint=hint))
        expected = _convolution(x, w)
        wrong = difference("y", given, expected)
        if wrong:
            return f"{here}, {wrong}{_likely(given, expected, x, w)}"
    return _copies(answer)


SHAPED = {np.reshape, np.ravel, np.shape, np.ndim, np.size, np.result_type}
SHAPED |= {np.zeros_like, np.empty_like, np.ones_like}
"""What may be done with a whole map."""


class Watched(np.ndarray):
    """A map that remembers the shapes of the arrays of it that were multiplied by a kernel."""

    factors: ClassVar[list[tuple[int, ...]]] = []

    def __array_ufunc__(self, ufunc: Any, method: str, *inputs: Any, **options: Any) -> Any:
        """Compute on plain arrays, views stay watched."""
        if ufunc is np.matmul:
            Watched.factors += [each.shape for each in inputs if isinstance(each, Watched)]
        plain = [np.asarray(each) if isinstance(each, Watched) else each for each in inputs]
        return getattr(ufunc, method)(*plain, **options)

    def __array_function__(self, function: Any, types: Any, inputs: Any, options: Any) -> Any:
        """Remember what np.dot, np.einsum and others are given."""
        if function not in SHAPED:
            Watched.factors += [each.shape for each in inputs if isinstance(each, Watched)]
        return super().__array_function__(function, types, inputs, options)


def _copies(answer: Callable[[Array, Array], Array]) -> str | None:
    """Say if a right answer copies windows, or takes them from the map; None if from the list."""
    rng = np.random.default_rng(6)
    x, w = rng.standard_normal((40, 50, 32)), rng.standard_normal((3, 3, 32, 1))
    wrong = difference("y", ask(answer, x, w), conv2d.forward(x, w, np.zeros(1)))
    wrong = wrong or borrowed(answer, x, w)
    if wrong:
        return wrong
    window = 38 * 48 * 32 * 8  # bytes
    if peak(answer, x, w) > window / 2:
        return (
            "all numbers are right, but a window or the whole list is copied. A slice of the list, "
            "pixels[start : start + many], is not a copy, and a tap can multiply it directly."
        )
    Watched.factors = []
    ask(answer, x.view(Watched), w)
    if any(len(shape) != 2 for shape in Watched.factors):
        return (
            "all numbers are right, but a window (rows, columns, C) of the map was used. Slice the "
            "list of pixels, x.reshape(-1, C): each tap is one product."
        )
    return None


def _convolution(x: Array, w: Array) -> Array:
    """The definition, one multiplication at a time."""
    (kh, kw, channels, features), (height, width, _) = w.shape, x.shape
    y = np.zeros((height - kh + 1, width - kw + 1, features))
    for r, c, o in np.ndindex(y.shape):
        for i, j, k in np.ndindex(kh, kw, channels):
            y[r, c, o] += x[r + i, c + j, k] * w[i, j, k, o]
    return y


def _likely(given: Array, expected: Array, x: Array, w: Array) -> str:
    """The likeliest slip in the convolution of a list, as a sentence, or nothing."""
    if given.shape[:2] == (x.shape[0] - w.shape[0] + 1, x.shape[1]):
        return " The last kw - 1 outputs of each row read across its end: throw them away."
    if given.shape != expected.shape:
        return ""
    if same(given, _convolution(x, w[::-1, ::-1])):
        return " The kernel is turned: tap (i, j) looks i rows down and j columns to the right."
    if same(given, _convolution(x, w.swapaxes(0, 1))):
        return " Taps (i, j) and (j, i) are exchanged: i counts rows, so it moves by W pixels."
    if np.allclose(given[:, 0], expected[:, 0]) and np.allclose(given[0], expected[0]):
        return " The first row and column are right. Does every row of the list have W pixels?"
    if np.allclose(given[0], expected[0]):
        return (
            " Its first row is right. How many outputs does a row of the list have, W or W - kw "
            "+ 1?"
        )
    return ""


class Number:
    """A number that knows where it comes from, and counts the products of data and taps.

    Parameters
    ----------
    value : Fraction
    kind : "d" of the data, "g" of the taps, "m" a product of both
    products : the list that each product of both is added to
    """

    def __init__(self, value: Fraction, kind: str, products: list[Fraction]) -> None:
        self.value, self.kind, self.products = value, kind, products

    def _linear(self, other: Any, sign: int) -> Number:
        if isinstance(other, Number):
            if other.kind != self.kind:
                names = {"d": "a number of d", "g": "a number of g", "m": "a product"}
                raise ValueError(f"{names[self.kind]} and {names[other.kind]} cannot be added here")
            return Number(self.value + sign * other.value, self.kind, self.products)
        if other == 0:
            return self
        raise ValueError("only numbers made of d and g are added here")

    def __add__(self, other: Any) -> Number:
        """Add."""
        return self._linear(other, 1)

    def __sub__(self, other: Any) -> Number:
        """Subtract."""
        return self._linear(other, -1)

    def __radd__(self, other: Any) -> Number:
        """Begin a sum with 0, as `sum` does."""
        return self._linear(other, 1)

    def __neg__(self) -> Number:
        """Turn the sign."""
        return Number(-self.value, self.kind, self.products)

    def __mul__(self, other: Any) -> Number:
        """Multiply by a constant, or make one of the products that count."""
        if not isinstance(other, Number):
            return Number(self.value * Fraction(other), self.kind, self.products)
        if {self.kind, other.kind} != {"d", "g"}:
            raise ValueError("each product should be of a number made of d and a number made of g")
        value = self.value * other.value
        self.products.append(value)
        return Number(value, "m", self.products)

    __rmul__ = __mul__

    def __truediv__(self, other: Any) -> Number:
        """Divide by a constant."""
        return Number(self.value / Fraction(other), self.kind, self.products)


@exercise(
    "Four products for two outputs. In two dimensions, 16 products replace 36.",
    "The function returns two numbers, y0 and y1, made of d and g.",
    hints=(
        "Each product is a combination of d times a combination of g. The chapter finds them from "
        "the values of two polynomials at four points.",
        "The points are 0, 1, -1 and ∞. At 0 and at ∞, one tap meets a difference of two numbers "
        "of d. At 1 and at -1, half the sum of the three taps, with a minus before g1 at -1, meets "
        "d1 + d2 or d2 - d1. y0 and y1 are sums and differences of the four products.",
    ),
)
def check_four_products(answer: Callable[[Any, Any], Any]) -> str | None:
    """Check the outputs, in exact fractions, and count products.

    Parameters
    ----------
    answer : d (4 numbers), g (3 numbers) -> y0, y1
    """
    cases = [((1, 2, 3, 4), (2, 4, 6)), ((7, -2, 5, 3), (1, -3, 8)), ((0, 1, 0, 0), (5, 2, 9))]
    cases += [tuple(map(tuple, np.split(rng.integers(-9, 10, 7), [4]))) for rng in trials(12)]
    for d, g in cases:
        d, g = tuple(map(int, d)), tuple(map(int, g))
        products: list[Fraction] = []
        data = [Number(Fraction(value), "d", products) for value in d]
        taps = [Number(Fraction(value), "g", products) for value in g]
        given = several(("y0", "y1"), ask(answer, data, taps))
        for name, y in zip(("y0", "y1"), given, strict=True):
            if not isinstance(y, Number):
                return f"{name} should be made of d and g, but it is {kind(y)}."
        for a in range(2):
            right = sum(d[a + k] * g[k] for k in range(3))
            if given[a].value != right:
                return f"for d = {d}, g = {g}, y{a} is {given[a].value}, but it should be {right}."
        if len(products) > 4 >= len(set(products)):
            return (
                f"the outputs are right, but you computed {len(products)} products, some of them "
                "twice. Keep each in a variable: four are enough."
            )
        if len(products) > 4:
            return (
                f"the outputs are right, but you computed {len(products)} products. Four are "
                "enough."
            )
    return None
