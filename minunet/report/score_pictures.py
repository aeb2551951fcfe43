"""Pictures of the errors that a score counts: splits, mergers, missed and extra cells, classes."""

from collections.abc import Sequence
from textwrap import fill
from typing import TYPE_CHECKING, NamedTuple

import numpy as np
import scipy

from minunet.array import Array
from minunet.metrics import cells, seg, warping
from minunet.metrics.warping import Kind
from minunet.report import drawing
from minunet.report.run_pictures import TOO_HIGH, TOO_LOW

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

SPLIT, MERGER = TOO_LOW, TOO_HIGH
"""Colours of errors: membrane inside a cell, and a gap in the membrane between cells."""

MISSED, EXTRA = TOO_LOW, TOO_HIGH
"""Colours of cells that no segment matches, and of segments that match no cell."""

WRONG = TOO_LOW
"""Colour of pixels of another class than the true one."""

UNKNOWN = (0.55, 0.5, 0.6)
"""Colour of pixels that are not annotated, where nothing counts as an error."""

IOU = "summer_r"
"""Colour map of the matched cells: from yellow (IoU 0) to green (IoU 1)."""

FAINT = 0.4
"""Grey value of the darkest pixels of an image that colours are painted over."""

CROSS = np.array([[0, 1, 0], [1, 1, 1], [0, 1, 0]], bool)
SQUARE = np.ones((3, 3), bool)

TITLE, NOTE = 28, 44
"""Characters per line: in the title above a panel, and in the note below it."""

INCHES = 5.0
"""Width of a panel, in inches: about one dot per pixel for 512-pixel slices at 100 dots an inch."""


class Panel(NamedTuple):
    """One panel of the picture of a slice."""

    title: str
    pixels: Array  # (H, W) grey or (H, W, 3), in [0, 1]
    note: str = ""  # below the panel
    rings: Sequence[tuple[Array, tuple[float, float, float]]] = ()  # centres (N, 2) y, x; colour
    colours: str | None = None  # colour map of the colour bar, from 0 to 1; None: no bar
    legend: Sequence[tuple[str, str]] = ()  # colours as #rrggbb, and what they stand for


def em_slice(
    image: Array | None,
    truth: Array,
    probability: Array,
    threshold: float,
    annotated: Array | None = None,
) -> "Figure":
    """Draw a slice, its true cells, the probability, and the splits and mergers.

    Parameters
    ----------
    image : (H, W) or None       grey values, if known
    truth : (H, W)               integer; 0 = membrane, k = cell k
    probability : (H, W)         probability of cell
    threshold : float            pixels with a higher probability count as cell
    annotated : (H, W) bool or None     pixels that count; None: all

    Returns
    -------
    Figure
    """
    return draw([em_panels(image, truth, probability, threshold, annotated)])


def cells_slice(
    image: Array | None, truth: Array, proposal: Array, annotated: Array | None = None
) -> "Figure":
    """Draw a slice, its true cells, the proposed cells, and how well they match.

    Parameters
    ----------
    image : (H, W) or None         grey values, if known
    truth, proposal : (H, W)       integer; 0 = background, k = cell k
    annotated : (H, W) bool or None     pixels that count; None: all

    Returns
    -------
    Figure
    """
    return draw([cells_panels(image, truth, proposal, annotated)])


def draw(rows: Sequence[Sequence[Panel]], titles: Sequence[str] = ()) -> "Figure":
    """Draw one row of panels per slice, with the title of the slice, if any, on the left."""
    shapes = [panels[0].pixels.shape for panels in rows]
    heights = [INCHES * min(max(shape[0] / shape[1], 0.3), 3) + 0.6 for shape in shapes]
    figure = drawing.figure(INCHES * len(rows[0]), sum(heights))
    grid = figure.subplots(len(rows), len(rows[0]), squeeze=False, height_ratios=heights)
    for axes, panels in zip(grid, rows, strict=True):
        for ax, panel in zip(axes, panels, strict=True):
            _draw(ax, panel)
    for axes, title in zip(grid, titles, strict=False):
        axes[0].set_ylabel(title)
    return figure


def _draw(ax: "Axes", panel: Panel) -> None:
    from matplotlib.cm import ScalarMappable
    from matplotlib.patches import Patch

    ax.imshow(panel.pixels, cmap="gray", vmin=0, vmax=1, interpolation_stage="rgba")
    for places, colour in panel.rings:
        y, x = places.T
        ax.scatter(x, y, s=120, facecolors="none", edgecolors=[colour], linewidths=1)
    ax.set(title=fill(panel.title, TITLE), xticks=[], yticks=[])
    ax.set_xlabel(fill(panel.note, NOTE), fontsize="small")
    if panel.legend:
        handles = [Patch(facecolor=colour, edgecolor="0.5", label=s) for colour, s in panel.legend]
        ax.legend(
            handles=handles,
            loc="upper center",
            bbox_to_anchor=(0.5, -0.02),
            ncols=4,
            fontsize="small",
            frameon=False,
        )
    if panel.colours and ax.figure:
        ax.figure.colorbar(ScalarMappable(cmap=panel.colours), ax=ax, label="IoU", shrink=0.6)


def em_panels(
    image: Array | None,
    truth: Array,
    probability: Array,
    threshold: float,
    annotated: Array | None = None,
) -> list[Panel]:
    """Make the panels of `em_slice`; without an image, omit the first panel."""
    if annotated is not None:
        truth = np.where(annotated, truth, 0)
        probability = np.where(annotated, probability, 0)
    proposal = warping.proposed_cells(probability, threshold)
    kinds = warping.classify(warping.warp(truth, probability, threshold), proposal)
    painted = drawing.grey(probability if image is None else image, FAINT)
    _paint_unknown(painted, annotated)
    rings, counted = [], []
    for kind, colour in ((Kind.SPLIT, SPLIT), (Kind.MERGER, MERGER)):
        wrong = kinds == kind
        thick = scipy.ndimage.binary_dilation(wrong, SQUARE)
        painted[thick] = colour
        groups, count = scipy.ndimage.label(thick, SQUARE)
        places = np.array(scipy.ndimage.center_of_mass(thick, groups, range(1, count + 1)))
        rings.append((places.reshape(-1, 2), colour))
        counted.append(f"{np.count_nonzero(wrong)} px in {count} place{'s' * (count != 1)}")
    return [
        *_image(image),
        Panel("truth", _paint_unknown(drawing.coloured(truth), annotated)),
        Panel("probability of cell", probability),
        Panel(
            f"splits and mergers at threshold {threshold:g}",
            painted,
            f"splits (red): {counted[0]}; mergers (blue): {counted[1]}",
            rings,
        ),
    ]


def cells_panels(
    image: Array | None, truth: Array, proposal: Array, annotated: Array | None = None
) -> list[Panel]:
    """Make the panels of `cells_slice`; without an image, omit the first panel."""
    from matplotlib import colormaps

    if annotated is not None:
        truth, proposal = (np.where(annotated, one, 0) for one in (truth, proposal))
    index, partner = seg.jaccard(truth, proposal), cells.partners(truth, proposal)
    cell, extra = truth > 0, (proposal > 0) & ~np.isin(proposal, partner)
    colours = np.where(partner[:, np.newaxis] > 0, colormaps[IOU](index)[:, :3], MISSED)
    numbers, which = np.unique(truth[cell], return_inverse=True)
    painted = np.ones((*truth.shape, 3)) if image is None else drawing.grey(image, FAINT)
    _paint_unknown(painted, annotated)
    painted[extra] = EXTRA
    painted[cell] = colours[which]
    edge = _edges(proposal)
    painted[edge] = np.where(extra[edge, np.newaxis], EXTRA, 0.0)
    counts = cells.count(truth, proposal)
    return [
        *_image(image),
        Panel("truth", _paint_unknown(drawing.coloured(truth), annotated)),
        Panel(
            "proposal, coloured by matching cell",
            drawing.coloured(_renumbered(proposal, partner, numbers)),
        ),
        Panel(
            "IoU of the true cells, proposal outlined",
            painted,
            f"{counts.truth} cells: {counts.missed} missed (red), {counts.merged} merged; "
            f"{counts.found} segments: {counts.extra} unmatched (blue)",
            colours=IOU,
        ),
    ]


def classes_panels(
    image: Array | None,
    truth: Array,
    predicted: Array,
    names: Sequence[str],
    annotated: Array | None = None,
) -> list[Panel]:
    """Make panels of a slice, its true and its predicted classes, and the pixels that are wrong.

    Parameters
    ----------
    image : (H, W) or None              grey values, if known; otherwise, omit the first panel
    truth, predicted : (H, W)           integer, 0 … K-1
    names : K strings                   names of the classes
    annotated : (H, W) bool or None     pixels that count; None: all
    """
    from matplotlib.colors import to_hex

    known = np.ones(truth.shape, bool) if annotated is None else annotated
    wrong = known & (truth != predicted)
    painted = np.ones((*truth.shape, 3)) if image is None else drawing.grey(image, FAINT)
    _paint_unknown(painted, annotated)
    painted[wrong] = WRONG
    colours = [to_hex(colour) for colour in drawing.coloured(np.arange(len(names)))]
    legend = list(zip(colours, names, strict=True))
    count = int(np.count_nonzero(wrong))
    fraction = count / max(int(np.count_nonzero(known)), 1)
    return [
        *_image(image),
        Panel("truth", _paint_unknown(drawing.coloured(truth), annotated), legend=legend),
        Panel("prediction", drawing.coloured(predicted), legend=legend),
        Panel("errors", painted, f"wrong class (red): {count} px, {fraction:.2%}"),
    ]


def _paint_unknown(painted: Array, annotated: Array | None) -> Array:
    """Paint the pixels of an image (H, W, 3) that are not annotated, in place; return the image."""
    if annotated is not None:
        painted[~annotated] = UNKNOWN
    return painted


def _renumbered(proposal: Array, partner: Array, numbers: Array) -> Array:
    """Give each matching segment the number of a cell it matches, and the others larger numbers."""
    segments, which = np.unique(proposal, return_inverse=True)
    name = numbers.max(initial=0) + np.arange(segments.size)
    name[np.searchsorted(segments, partner[partner > 0])] = numbers[partner > 0]
    return np.where(proposal > 0, name[which.reshape(proposal.shape)], 0)


def _edges(segments: Array) -> Array:
    """Return a mask (H, W): True at pixels of segments that have a neighbour of another number."""
    lowest, highest = (
        of(segments, footprint=CROSS)
        for of in (scipy.ndimage.minimum_filter, scipy.ndimage.maximum_filter)
    )
    return (segments > 0) & (lowest < highest)


def _image(image: Array | None) -> list[Panel]:
    return [] if image is None else [Panel("image", drawing.grey(image))]
