"""A picture of the scores of several runs: every slice, every run, and the mean over the runs."""

from collections.abc import Sequence
from typing import TYPE_CHECKING

from minunet.metrics.score import finite, with_spread
from minunet.report import drawing
from minunet.runs.comparison import Compared, FinishedRun, rows

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

COLUMNS = 4
"""Maximum number of panels side by side."""


def draw(runs: Sequence[FinishedRun]) -> "Figure":
    """Draw a panel for every score that is not a count.

    Dots are slices, dashes are runs; the line is the mean over the runs, and the band is one
    standard deviation to either side.
    """
    shown = [row for row in rows(runs) if not row.score.is_count]
    columns = min(len(shown), COLUMNS)
    figure = drawing.figure(3.2 * columns, 2.9 * -(-len(shown) // columns))
    panels = figure.subplots(-(-len(shown) // columns), columns, squeeze=False)
    for ax in panels.flat[len(shown) :]:
        ax.set_axis_off()
    for ax, row in zip(panels.flat, shown, strict=False):
        _panel(ax, row, runs)
    return figure


def _panel(ax: "Axes", row: Compared, runs: Sequence[FinishedRun]) -> None:
    """Draw one score of all runs."""
    for k, (run, value) in enumerate(zip(runs, row.values, strict=True)):
        slices = [one for one in run.scores[row.score.key].slices if finite(one)]
        ax.plot([k] * len(slices), slices, ".", color="0.65", markersize=5)
        if finite(value):
            ax.plot([k - 0.25, k + 0.25], [value, value], color="C0", linewidth=2.5)
    if finite(row.mean):
        ax.axhline(row.mean, color="C1", linewidth=1)
        if row.spread:
            ax.axhspan(row.mean - row.spread, row.mean + row.spread, color="C1", alpha=0.2)
    better = {True: ", higher is better", False: ", lower is better", None: ""}
    ax.set_title(f"{row.score.name}{better[row.score.higher_is_better]}", fontsize="small")
    ax.set_xlabel(f"seed; mean {with_spread(row.mean, row.spread)}", fontsize="small")
    ax.set_xticks(range(len(runs)), [str(run.settings.seed) for run in runs])
    ax.set_xlim(-0.6, len(runs) - 0.4)
    ax.grid(alpha=0.3, axis="y")
