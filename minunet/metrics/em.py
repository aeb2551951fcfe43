"""Scores for electron microscopy: compare a probability map with the true cells.

Slices are scored one by one. For all scores, a pixel is proposed as cell if its probability of
cell is above a threshold, compared in double precision (`warping.proposed_cells`). The threshold is
the same for the whole stack, and each score is the best value over all thresholds.

Pixels that are not annotated count nowhere: they are membrane in the truth and in the proposal, as
beyond the edge of the image, and no score counts them as pixels. So a cell that they cut in two is
two cells in both. Slices without annotated pixels have no score (nan) and do not enter a mean.

The 2012 challenge first ranked entries by the warping error, the Rand error and its own pixel
error, and later by V_Rand and V_Info.
"""

import os
import signal
from collections.abc import Callable, Iterable, Sequence
from itertools import repeat
from math import inf, isnan, nan
from typing import NamedTuple

import numpy as np

from minunet.array import Array
from minunet.metrics import information, pixel, rand, segments, thinning, warping
from minunet.metrics.score import THRESHOLDS, Score
from minunet.metrics.warping import Warping

PIXELS_PER_PROCESS = 2**24
"""Pixels times thresholds for each further process: 5 s of work; starting a process takes 1 s."""

CONVENTIONS = {
    "v_rand": (
        "V_Rand, thinned",
        True,
        "F = 2 AB / (A + B), mean over slices. A, B and AB are sums of squared sizes, counted "
        "inside true cells: the sizes of true segments (A), of proposed segments (B) and of their "
        "overlaps (AB). The proposal is thinned first: its 4-connected cells grow until the lines "
        "between them are one pixel wide. Each line pixel is a segment of its own.",
    ),
    "v_info": (
        "V_Info, thinned",
        True,
        "F = 2 I / (H(A) + H(B)), mean over slices. A and B are the segments of the truth and of "
        "the proposal that contain a random pixel of the true cells; I is their mutual "
        "information, and H is the entropy. The proposal is thinned as in V_Rand.",
    ),
    "adapted_rand": (
        "adapted Rand error",
        False,
        "1 - 2 AB / (A + B), mean over slices, with A, B and AB as in V_Rand, but the proposal is "
        "not thinned. Its segments are its 4-connected cells; inside true cells, each pixel of its "
        "membrane is a segment of its own.",
    ),
    "rand_2012": (
        "Rand error of 2012",
        False,
        "1 - 2 TP / (P + Q), each count summed over slices. P, Q and TP count the pairs of pixels "
        "in true cells that share a segment in the truth (P), in the proposal (Q) or in both (TP). "
        "The segments of the proposal are its 4-connected cells, not thinned; the pixels of its "
        "membrane belong to no pair in Q or TP.",
    ),
    "warping_splits_mergers": (
        "warping error, splits + mergers",
        False,
        "(pixels that split or merge cells) / (all pixels), both summed over slices. This part of "
        "the warping error is the one that the challenge's table shows.",
    ),
    "warping": (
        "warping error, all kinds",
        False,
        "(pixels that still differ after warping the truth) / (all pixels), both summed over "
        "slices. Warping visits the pixels where truth and proposal differ, starting with those "
        "whose probability is farthest from t. It flips a pixel in the truth if the flip does not "
        "change the topology at that moment, and repeats until no pixel can be flipped "
        "(4-connected cells, 8-connected membrane).",
    ),
    "pixel_error": (
        "pixel error",
        False,
        "Fraction of the pixels of all slices that are cell in the truth or in the proposal, but "
        "not in both.",
    ),
    "challenge_pixel_error": (
        "pixel error of 2012",
        False,
        "1 - F-score of the class cell = 1 - 2 TP / (2 TP + FP + FN), over the pixels of all "
        "slices together.",
    ),
    "iou": (
        "IoU of cell",
        True,
        "TP / (TP + FP + FN) of the class cell, over the pixels of all slices together.",
    ),
    "dice": (
        "Dice of cell",
        True,
        "2 TP / (2 TP + FP + FN) of the class cell, over the pixels of all slices together.",
    ),
}
"""For each key: the name of the score, whether higher is better, and the convention."""

RULE = "Proposed cells: probability > t, in float64"
"""Convention of the threshold; if several were tried, `_best` says how one was chosen."""


class Slice(NamedTuple):
    """The truth and the prediction for one slice; both are membrane where nothing is annotated."""

    truth: Array  # (H, W) integer; 0 = membrane, k = cell k
    probability: Array  # (H, W) probability of cell
    annotated: Array | None  # (H, W) bool; None: all pixels are annotated


class Counts(NamedTuple):
    """Everything that the scores need from one slice at one threshold."""

    confusion: Array  # (2, 2) numbers of annotated pixels, see `pixel.confusion`; class 1 is cell
    pairs: Array  # (3,) see `rand.pairs`
    remaining: Warping
    adapted_rand: float  # F
    v_rand: float
    v_info: float


def scores(
    truth: Sequence[Array],
    probabilities: Sequence[Array],
    thresholds: Sequence[float] = THRESHOLDS,
    processes: int | None = None,
    advance: Callable[[], None] = lambda: None,
    annotated: Sequence[Array] | None = None,
) -> list[Score]:
    """Compute all scores of a stack.

    Pixel scores and warping errors treat touching cells of the truth as one cell.

    Parameters
    ----------
    truth : sequence of (H, W)             integer; 0 = membrane, k = cell k
    probabilities : sequence of (H, W)     probability of cell
    thresholds : sequence of float
    processes : int or None     number of processes; None: 1, or up to the number of cores if there
                                is enough work. Several processes are started with "spawn", so a
                                script must call this function under ``if __name__ == "__main__":``
    advance : callable          called after each slice has been scored at one threshold
    annotated : sequence of (H, W) bool, or None     pixels that count; None: all

    Returns
    -------
    list of Score : in the order of `CONVENTIONS`
    """
    slices = _slices(truth, probabilities, annotated)
    jobs = [(one, threshold) for threshold in thresholds for one in slices]
    if processes is None:
        work = sum(one.truth.size for one, _ in jobs)
        processes = min(os.cpu_count() or 1, 1 + work // PIXELS_PER_PROCESS)
    done = _count_all(jobs, processes, advance)
    rows = [done[k : k + len(slices)] for k in range(0, len(done), len(slices))]
    stack = [_values(row) for row in rows]
    each = [[_values([counts]) for counts in row] for row in rows]
    return [
        _best(
            key,
            [values[key] for values in stack],
            [[values[key] for values in row] for row in each],
            thresholds,
        )
        for key in CONVENTIONS
    ]


def v_rand(
    truth: Sequence[Array],
    probabilities: Sequence[Array],
    thresholds: Sequence[float] = THRESHOLDS,
    annotated: Sequence[Array] | None = None,
) -> Score:
    """Compute only V_Rand of a stack, in this process; parameters as in `scores`."""

    def f(one: Slice, threshold: float) -> float:
        if one.annotated is not None and not one.annotated.any():
            return nan
        return rand.adapted(_thinned(one, warping.proposed_cells(one.probability, threshold))).f

    slices = _slices(truth, probabilities, annotated)
    each = [[f(one, threshold) for one in slices] for threshold in thresholds]
    known = [[value for value in row if not isnan(value)] for row in each]
    stack = [float(np.mean(row)) if row else nan for row in known]
    return _best("v_rand", stack, each, thresholds)


def _slices(
    truth: Sequence[Array], probabilities: Sequence[Array], annotated: Sequence[Array] | None
) -> list[Slice]:
    """Pair truth and prediction; make pixels that are not annotated membrane in both."""
    slices = []
    masks = repeat(None, len(truth)) if annotated is None else annotated
    for (cells, p), known in zip(zip(truth, probabilities, strict=True), masks, strict=True):
        if known is None or known.all():
            slices.append(Slice(cells, p, None))
        else:
            cells = segments.pieces(np.where(known, cells, 0))
            slices.append(Slice(cells, np.where(known, p, -inf), known))
    return slices


def _thinned(one: Slice, proposal: Array) -> segments.Table:
    return segments.contingency(one.truth, thinning.thin(proposal, one.annotated))


def _count(one: Slice, threshold: float) -> Counts:
    """Compute the counts of one slice at one threshold."""
    truth, probability, annotated = one
    proposal = warping.proposed_cells(probability, threshold)
    table = segments.contingency(truth, segments.components(proposal))
    thinned = _thinned(one, proposal)
    counted = ... if annotated is None else annotated
    return Counts(
        pixel.confusion(truth[counted] > 0, proposal[counted], 2),
        rand.pairs(table),
        warping.errors(truth, probability, threshold),
        rand.adapted(table).f,
        rand.adapted(thinned).f,
        information.v_info(thinned).f,
    )


def _count_all(
    jobs: Sequence[tuple[Slice, float]], processes: int, advance: Callable[[], None]
) -> list[Counts]:
    """Count all jobs (slice, threshold), in this process or in new ones."""

    def gather(counts: Iterable[Counts]) -> list[Counts]:
        done = []
        for one in counts:
            done.append(one)
            advance()
        return done

    columns = zip(*jobs, strict=True)
    if processes == 1:
        return gather(map(_count, *columns))
    from concurrent.futures import ProcessPoolExecutor  # here: these slow down --help
    from multiprocessing import get_context

    # Never fork: a lock held by a thread of the caller would stay locked in the new process.
    with ProcessPoolExecutor(processes, get_context("spawn"), _leave_interrupts) as pool:
        return gather(pool.map(_count, *columns))


def _leave_interrupts() -> None:
    """Ignore Ctrl-C, which a terminal sends to all processes; only the parent handles it."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)


def _values(slices: Sequence[Counts]) -> dict[str, float]:
    """Compute the scores of these slices at one threshold, by the keys of `CONVENTIONS`."""
    slices = [counts for counts in slices if counts.confusion.any()]
    if not slices:
        return dict.fromkeys(CONVENTIONS, nan)
    matrix = np.sum([counts.confusion for counts in slices], axis=0)
    pairs = np.sum([counts.pairs for counts in slices], axis=0)
    remaining = Warping(*np.sum([counts.remaining for counts in slices], axis=0).tolist())
    pixels = int(matrix.sum())
    return {
        "v_rand": float(np.mean([counts.v_rand for counts in slices])),
        "v_info": float(np.mean([counts.v_info for counts in slices])),
        "adapted_rand": 1 - float(np.mean([counts.adapted_rand for counts in slices])),
        "rand_2012": 1 - rand.scores(pairs).f,
        "warping_splits_mergers": (remaining.splits + remaining.mergers) / pixels,
        "warping": remaining.mismatches / pixels,
        "pixel_error": pixel.pixel_error(matrix),
        "challenge_pixel_error": pixel.challenge_error(matrix, 1),
        "iou": pixel.iou(matrix, 1),
        "dice": pixel.dice(matrix, 1),
    }


def _best(
    key: str,
    stack: Sequence[float],
    slices: Sequence[Sequence[float]],
    thresholds: Sequence[float],
) -> Score:
    """Return the score at the best threshold; `stack` has T values, and `slices` is (T, Z)."""
    name, higher, convention = CONVENTIONS[key]
    best = max(range(len(stack)), key=lambda t: stack[t] if higher else -stack[t])
    rule = RULE
    if len(thresholds) > 1:
        extreme = "highest" if higher else "lowest"
        rule += f"; the value is the {extreme} of {len(thresholds)} thresholds t, chosen on these "
        rule += "slices"
    return Score(
        key,
        name,
        stack[best],
        tuple(slices[best]),
        f"{convention} {rule}.",
        higher,
        thresholds[best],
        tuple(stack),
    )
