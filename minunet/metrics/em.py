"""The scores of electron microscopy: a probability of cell beside the true cells.

All of them look at slices one by one, and at the same answer: cell is where the probability is
above a threshold, compared in double precision (`warping.answer`). One threshold holds for the
whole stack; a score is the best that any of the thresholds reaches.

The challenge of 2012 ranked by warping error, Rand error and its own pixel error, later by V_Rand
and V_Info.
"""

import os
import signal
from collections.abc import Callable, Iterable, Sequence
from concurrent.futures import ProcessPoolExecutor
from multiprocessing import get_context
from typing import NamedTuple

import numpy as np

from minunet.array import Array
from minunet.metrics import information, pixel, rand, segments, thinning, warping
from minunet.metrics.score import THRESHOLDS, Score
from minunet.metrics.warping import Warping

WORTH_A_PROCESS = 2**24
"""Pixels times thresholds: about 5 seconds of work, where to start a process takes about one."""

WORDS = {
    "v_rand": (
        "V_Rand, thinned",
        True,
        "F = 2 AB / (A + B), mean over slices: sums of squared sizes, inside true cells, of true "
        "segments (A), of proposed ones (B) and of what they have in common (AB). The proposal is "
        "thinned: its 4-connected cells grow until the lines between them are one pixel wide; a "
        "pixel of line is a segment of its own.",
    ),
    "v_info": (
        "V_Info, thinned",
        True,
        "F = 2 I / (H(A) + H(B)), mean over slices: mutual information and entropies of the "
        "segments that a pixel of the true cells lies in, in the truth (A) and in the proposal "
        "(B), which is thinned as for V_Rand.",
    ),
    "adapted_rand": (
        "adapted Rand error",
        False,
        "1 - 2 AB / (A + B), mean over slices: A, B and AB as of V_Rand, but the proposal is not "
        "thinned. Its segments are the 4-connected regions of cell; a pixel of its membrane inside "
        "a true cell is a segment of its own.",
    ),
    "rand_2012": (
        "Rand error of 2012",
        False,
        "1 - 2 TP / (P + Q): pairs of pixels of true cells in one segment of the truth (P), of the "
        "proposal (Q), of both (TP), each summed over slices. Segments of the proposal are its "
        "4-connected cells, not thinned; a pixel of its membrane is in no pair of Q and TP.",
    ),
    "warping_splits_mergers": (
        "warping error, splits + mergers",
        False,
        "Pixels that split or merge cells / all pixels, both summed over slices: of those that "
        "count in the warping error of all kinds, below. The value of the challenge's table.",
    ),
    "warping": (
        "warping error, all kinds",
        False,
        "Pixels that still differ / all pixels, both summed over slices, after the truth was "
        "warped: of the pixels where it differs from the proposal, those farthest from t first, "
        "all are flipped in it that do not change its topology at that moment, until none is left "
        "(4-connected cells, 8-connected membrane).",
    ),
    "pixel_error": (
        "pixel error",
        False,
        "Share of the pixels of all slices where one of truth and proposal is cell and the other "
        "is not.",
    ),
    "challenge_pixel_error": (
        "pixel error of 2012",
        False,
        "1 - 2 TP / (2 TP + FP + FN), the F-score of cell, with the pixels of all slices counted "
        "together.",
    ),
    "iou": (
        "IoU of cell",
        True,
        "TP / (TP + FP + FN) of cell, with the pixels of all slices counted together.",
    ),
    "dice": (
        "Dice of cell",
        True,
        "2 TP / (2 TP + FP + FN) of cell, with the pixels of all slices counted together.",
    ),
}
"""By key: name, whether higher is better, and the convention."""

RULE = {
    True: "Proposed cell is probability > t, in float64; the highest over all t.",
    False: "Proposed cell is probability > t, in float64; the lowest over all t.",
}


class Counts(NamedTuple):
    """All that the scores need to know of one slice at one threshold."""

    confusion: Array  # (2, 2) pixels, see `pixel.confusion`; class 1 is cell
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
) -> list[Score]:
    """Compute every score of a stack.

    Cells of the truth that touch are one to the scores of pixels and of warping.

    Parameters
    ----------
    truth : sequence of (H, W)             integer; 0 = membrane, k = cell k
    probabilities : sequence of (H, W)     of cell
    thresholds : sequence of float
    processes : int or None     to work in; None: this one, or for much work as many as there are
                                cores. More than one are started anew: a script that calls this has
                                to do so under ``if __name__ == "__main__":``
    advance : callable          called whenever a slice is done at a threshold

    Returns
    -------
    list of Score : in the order of `WORDS`
    """
    slices = list(zip(truth, probabilities, strict=True))
    jobs = [(cells, p, threshold) for threshold in thresholds for cells, p in slices]
    if processes is None:
        work = sum(cells.size for cells, _, _ in jobs)
        processes = min(os.cpu_count() or 1, 1 + work // WORTH_A_PROCESS)
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
        for key in WORDS
    ]


def v_rand(
    truth: Sequence[Array],
    probabilities: Sequence[Array],
    thresholds: Sequence[float] = THRESHOLDS,
) -> Score:
    """Compute V_Rand of a stack alone, in this process; parameters as of `scores`."""
    each = [
        [
            rand.adapted(_thinned(cells, warping.answer(p, threshold))).f
            for cells, p in zip(truth, probabilities, strict=True)
        ]
        for threshold in thresholds
    ]
    return _best("v_rand", [float(np.mean(row)) for row in each], each, thresholds)


def _thinned(truth: Array, proposal: Array) -> segments.Table:
    return segments.contingency(truth, thinning.thin(proposal))


def _count(truth: Array, probability: Array, threshold: float) -> Counts:
    """Look at one slice at one threshold."""
    proposal = warping.answer(probability, threshold)
    table = segments.contingency(truth, segments.components(proposal))
    thinned = _thinned(truth, proposal)
    return Counts(
        pixel.confusion(truth > 0, proposal, 2),
        rand.pairs(table),
        warping.errors(truth, probability, threshold),
        rand.adapted(table).f,
        rand.adapted(thinned).f,
        information.v_info(thinned).f,
    )


def _count_all(
    jobs: Sequence[tuple[Array, Array, float]], processes: int, advance: Callable[[], None]
) -> list[Counts]:
    """Do all jobs, in this process or in several new ones."""

    def gather(counts: Iterable[Counts]) -> list[Counts]:
        done = []
        for one in counts:
            done.append(one)
            advance()
        return done

    columns = zip(*jobs, strict=True)
    if processes == 1:
        return gather(map(_count, *columns))
    # Never forked: the caller may have threads, and a lock held by one would be held for good.
    with ProcessPoolExecutor(processes, get_context("spawn"), _leave_interrupts) as pool:
        return gather(pool.map(_count, *columns))


def _leave_interrupts() -> None:
    """Leave Ctrl-C, which a terminal sends to all processes, to the one that started this."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)


def _values(slices: Sequence[Counts]) -> dict[str, float]:
    """Score some slices at one threshold, by the keys of `WORDS`."""
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
    """Make the score at the best threshold of values (T,) of the stack and (T, Z) of its slices."""
    name, higher, convention = WORDS[key]
    best = max(range(len(stack)), key=lambda t: stack[t] if higher else -stack[t])
    return Score(
        key,
        name,
        stack[best],
        tuple(slices[best]),
        f"{convention} {RULE[higher]}",
        higher,
        thresholds[best],
        tuple(stack),
    )
