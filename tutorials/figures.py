"""Figures of the tutorials: PNGs of moderate size that carry their alternative text."""

from __future__ import annotations

import base64
import io

import matplotlib.pyplot as plt
from IPython.display import display
from matplotlib.figure import Figure


def show(figure: Figure, alt: str) -> None:
    """Display a figure with its alternative text, and close it.

    Parameters
    ----------
    figure : the figure
    alt : what somebody who cannot see it should know: what is drawn, and what it shows
    """
    png = io.BytesIO()
    figure.savefig(
        png,
        format="png",
        dpi=90,
        bbox_inches="tight",
        facecolor="white",
        metadata={"Software": None},  # a notebook is the same wherever it ran
    )
    plt.close(figure)
    display(
        {"image/png": base64.b64encode(png.getvalue()).decode(), "text/plain": alt},
        metadata={"image/png": {"alt": alt}},
        raw=True,
    )
