"""Solutions of chapter 12, speed."""

from __future__ import annotations

from typing import Any

import numpy as np

start = (15, 14)
"""Two rows of 7 and one pixel: 2 · 7 + 1 = 15. The result has 7 rows, and of each the last two
outputs are nonsense."""


def by_list(x: np.ndarray, w: np.ndarray) -> np.ndarray:
    """Tap (i, j) reads the list i·W + j pixels later than tap (0, 0).

    The last taps would read past the end for the last outputs. Those are nonsense anyway, so the
    list of outputs ends kw - 1 short; room for whole rows is made first, and cut afterwards.

    Parameters
    ----------
    x : (H, W, C)
    w : (kh, kw, C, O)

    Returns
    -------
    (H-kh+1, W-kw+1, O)
    """
    (kh, kw, channels, features), (height, width, _) = w.shape, x.shape
    rows = height - kh + 1
    pixels, y = x.reshape(-1, channels), np.zeros((rows * width, features), x.dtype)
    many = rows * width - (kw - 1)
    for i in range(kh):
        for j in range(kw):
            start = i * width + j
            y[:many] += pixels[start : start + many] @ w[i, j]
    return y.reshape(rows, width, features)[:, : width - kw + 1]


def four_products(d: Any, g: Any) -> tuple[Any, Any]:
    """F(2, 3): values of two polynomials at 0, 1, -1 and ∞, multiplied there.

    Parameters
    ----------
    d : four numbers
    g : three numbers
    """
    d0, d1, d2, d3 = d
    g0, g1, g2 = g
    m0 = (d0 - d2) * g0
    m1 = (d1 + d2) * ((g0 + g1 + g2) / 2)
    m2 = (d2 - d1) * ((g0 - g1 + g2) / 2)
    m3 = (d3 - d1) * g2
    return m0 + m1 + m2, m1 - m2 + m3
