"""Checks of chapter 12, speed."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from fractions import Fraction
from typing import Any

import numpy as np

from exercises.verdict import Unanswered, ask, difference, exercise
from minunet.array import Array


@exercise("Fourteen outputs of nonsense buy nine windows without a copy.")
def check_start(answer: Sequence[int]) -> str | None:
    """Check where a window begins, and what is thrown away, by walking through the list.

    Parameters
    ----------
    answer : number of the first pixel, outputs thrown away
    """
    if any(number is ... for number in answer):
        raise Unanswered
    if len(answer) != 2:
        return f"{len(answer)} numbers are given; the number and the outputs are asked for."
    start, thrown = (int(number) for number in answer)
    rows, columns = 9, 7
    places = [(r, c) for r in range(rows) for c in range(columns)]
    if start != places.index((2, 1)):
        hint = "A row of the list has 7 pixels."
        if start == 2 * (columns - 2) + 1:
            hint = "You took the 5 columns of the result; the list is of the input, 7 a row."
        elif start == 1 * rows + 2 or start == 1 * columns + 2:
            hint = "The first index of a tap is its row, and rows follow each other."
        return f"the window of tap (2, 1) does not begin with pixel {start}. {hint}"
    nonsense = sum(c > columns - 3 for r, c in places if r <= rows - 3)
    if thrown != nonsense:
        hint = "In how many rows of the result, and how many in each?"
        if thrown == 2 * rows:
            hint = "The result has 7 rows, not 9."
        elif thrown == columns:
            hint = "A kernel 3 wide loses 2 columns, not 1."
        return f"{thrown} outputs are not it. {hint}"
    return None


@exercise("That is `direct.py` without its bands: no window was copied.")
def check_by_list(answer: Callable[[Array, Array], Array]) -> str | None:
    """Check a convolution on maps of several shapes against its definition.

    Parameters
    ----------
    answer : x (H, W, C), w (kh, kw, C, O) -> y (H-kh+1, W-kw+1, O)
    """
    rng = np.random.default_rng(4)
    for (height, width), (kh, kw) in (((5, 7), (3, 3)), ((4, 6), (1, 1)), ((6, 5), (2, 3))):
        x, w = rng.standard_normal((height, width, 3)), rng.standard_normal((kh, kw, 3, 2))
        here = f"on a map {height} x {width} with a kernel {kh} x {kw}"
        try:
            given = np.asarray(ask(answer, x.copy(), w.copy()))
        except ValueError as error:
            return (
                f"{here}, {error}. The last tap begins (kh-1)W + kw-1 pixels late: for whole rows "
                "the list is kw-1 pixels too short, and those outputs are nonsense anyway."
            )
        expected = _convolution(x, w)
        wrong = difference("y", given, expected)
        if wrong:
            return f"{here}, {wrong}{_likely(given, expected, x, w)}"
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
    if np.allclose(given, _convolution(x, w[::-1, ::-1])):
        return " The kernel is turned: tap (i, j) looks i rows down and j columns to the right."
    if np.allclose(given, _convolution(x, w.swapaxes(0, 1))):
        return " Tap (i, j) is taken for tap (j, i): i counts rows, so it moves by W pixels."
    if np.allclose(given[:, 0], expected[:, 0]) and np.allclose(given[0], expected[0]):
        return " The first row and column are right: does every row of the list have W pixels?"
    if np.allclose(given[0], expected[0]):
        return " Its first row is right: how many outputs has a row of the list, W or W - kw + 1?"
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
                raise ValueError(f"a sum of {self.kind} and {other.kind} is of no use here")
            return Number(self.value + sign * other.value, self.kind, self.products)
        if other == 0:
            return self
        raise ValueError("only numbers of d or of g are added up here")

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
            raise ValueError("a product is of a number of d and a number of g")
        value = self.value * other.value
        self.products.append(value)
        return Number(value, "m", self.products)

    __rmul__ = __mul__

    def __truediv__(self, other: Any) -> Number:
        """Divide by a constant."""
        return Number(self.value / Fraction(other), self.kind, self.products)


@exercise("Four products for two outputs. In two dimensions that is 16 for 36.")
def check_four_products(answer: Callable[[Any, Any], Any]) -> str | None:
    """Check the outputs, in exact fractions, and count products.

    Parameters
    ----------
    answer : d (4 numbers), g (3 numbers) -> y0, y1
    """
    for d, g in (((1, 2, 3, 4), (2, 4, 6)), ((7, -2, 5, 3), (1, -3, 8)), ((0, 1, 0, 0), (5, 2, 9))):
        products: list[Fraction] = []
        data = [Number(Fraction(value), "d", products) for value in d]
        taps = [Number(Fraction(value), "g", products) for value in g]
        given = ask(answer, data, taps)
        if len(given) != 2 or not all(isinstance(y, Number) for y in given):
            return "it should return two numbers, y0 and y1, made of d and g."
        for a in range(2):
            right = sum(d[a + k] * g[k] for k in range(3))
            if given[a].value != right:
                return f"for d = {d}, g = {g}, y{a} is {given[a].value} and should be {right}."
        if len(products) > 4:
            return f"the outputs are right, but took {len(products)} products; four are enough."
    return None
