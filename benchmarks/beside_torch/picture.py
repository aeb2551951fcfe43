"""The picture: time and memory ratios by width, and the speed of all forms of a convolution."""

import statistics
from pathlib import Path
from typing import TYPE_CHECKING, Any

import tables
import work

from minunet.report import drawing

if TYPE_CHECKING:
    from matplotlib.axes import Axes

LABELS = {"forward": "inference", "step": "training step"}
OVER = {"facecolor": "white", "edgecolor": "none", "pad": 0.8}
"""Box of the numbers at the bars, which hides the dashed line behind them."""


def draw(path: Path, measured: dict[str, Any]) -> None:
    """Draw the measurements: networks above, forms of a convolution below."""
    figure = drawing.figure(5.4, 10)
    above, below = figure.subplots(2, 1, height_ratios=(4, 6))
    if any(tables.section_of(measured, "forward")) or any(tables.section_of(measured, "step")):
        _ratios(above, measured)
    if any(tables.section_of(measured, "road")):
        _road(below, measured)
    drawing.write(figure, path)


def _ratios(axes: "Axes", measured: dict[str, Any]) -> None:
    """Draw minunet's seconds and memory divided by those of the fastest PyTorch, by width."""
    ticks: set[int] = set()
    for color, (section, label) in zip(("C0", "C3"), LABELS.items(), strict=True):
        entries = sorted(tables.section_of(measured, section), key=lambda e: e["job"]["channels"])
        widths = [entry["job"]["channels"] for entry in entries]
        sides = [(e["sides"]["minunet"], e["sides"][tables.best_torch(e)]) for e in entries]
        memory = [ours["peak"] / theirs["peak"] for ours, theirs in sides]
        times = [tables.ratio(entry) for entry in entries]
        axes.plot(widths, times, "o-", color=color, label=f"{label}: seconds")
        axes.plot(widths, memory, "s:", color=color, label=f"{label}: peak memory", alpha=0.6)
        ticks.update(widths)
    axes.axhline(1, color="0.4", linewidth=1)
    axes.set_xscale("log", base=2)
    axes.set_xticks(sorted(ticks), [str(width) for width in sorted(ticks)])
    axes.set(xlabel="channels of level 0", ylabel="minunet ÷ fastest PyTorch", ylim=(0, None))
    axes.set_title("whole networks (below 1: minunet needs less)", fontsize="medium")
    axes.grid(alpha=0.3)
    axes.legend(fontsize="small", loc="upper right")


def _road(axes: "Axes", measured: dict[str, Any]) -> None:
    """Draw the GFLOP/s of every form, for each layer."""
    rates: dict[int, dict[str, float]] = {}
    for entry in tables.section_of(measured, "road"):
        job = work.from_json(entry["job"])
        mine = rates.setdefault(entry["job"]["channels"], {})
        corner = "naive loop" in entry["sides"]
        for side, found in entry["sides"].items():
            if not (corner and side == "taps"):
                mine[side] = job.flop / statistics.median(found["seconds"]) / 1e9
    names = list(next(iter(rates.values()), {}))
    height = 0.8 / max(len(rates), 1)
    for k, (channels, mine) in enumerate(rates.items()):
        places = [row + k * height for row in range(len(names))]
        bars = axes.barh(places, list(mine.values()), height, label=f"{channels} channels")
        texts = [f"{rate:.3g}" for rate in mine.values()]
        axes.bar_label(bars, texts, fontsize="small", padding=3, bbox=OVER)
    product = tables.product_rate(measured) / 1e9
    axes.axvline(product, color="0.3", linestyle="--", label=f"a matrix product: {product:.0f}")
    middle = height * (len(rates) - 1) / 2
    axes.set_yticks([row + middle for row in range(len(names))], names)
    axes.invert_yaxis()
    axes.set(xscale="log", xlabel="GFLOP/s of the direct form, logarithmic")
    axes.set_title("one 3×3 convolution, form by form", fontsize="medium")
    axes.margins(x=0.15)
    axes.legend(fontsize="small", loc="upper right")
