"""Solutions of chapter 6, border weights."""

from __future__ import annotations

import numpy as np
import scipy

gap_term = 10 * np.exp(-((1 + 3) ** 2) / (2 * 5**2))
"""Beside one wall d1 = 1; the other wall is 3 + 1 - 1 = 3 away. Together 4: 7.26."""


def sigma_for(gap: float) -> float:
    """σ at which the border term is half of w0.

    exp(-(g + 1)² / 2σ²) = 1/2  ⇔  (g + 1)² = 2σ² log 2  ⇔  σ = (g + 1) / √(2 log 2)

    Parameters
    ----------
    gap : pixels of background between two cells
    """
    return (gap + 1) / np.sqrt(2 * np.log(2))


def weights(apart: np.ndarray, w_c: np.ndarray, w0: float, sigma: float) -> np.ndarray:
    """Equation (2). Two layers of inf stand for the cells that a map may lack: exp(-inf) is 0.

    Parameters
    ----------
    apart : (H, W)     integer, 0 = background, cells do not touch
    w_c : (2,)         of background and of cell
    w0 : of a gap without width
    sigma : pixels

    Returns
    -------
    (H, W)
    """
    never = np.full(apart.shape, np.inf)
    each = [scipy.ndimage.distance_transform_edt(apart != k) for k in np.unique(apart[apart > 0])]
    d1, d2 = np.sort([*each, never, never], axis=0)[:2]
    border = w0 * np.exp(-((d1 + d2) ** 2) / (2 * sigma**2))
    return np.where(apart > 0, w_c[1], w_c[0] + border)


def threshold(w_cell: float, w_background: float) -> float:
    """p* of the derivation at q = 1/2, where both halves cancel: 0.097 at weights 1 and 9.35."""
    return w_cell / (w_cell + w_background)
