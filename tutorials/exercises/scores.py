"""Checks of chapter 11, scores."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import cache
from itertools import combinations

import numpy as np
import scipy

from exercises.diagnosis import changed
from exercises.verdict import Unanswered, array, ask, exercise, number, trials, wholes, yes_or_no
from exercises.watching import borrowed
from minunet.array import Array
from minunet.data.synthetic import em_stack
from minunet.metrics import em, segments

TRUTH = (1, 1, 1, 0, 2, 2, 2, 2)
ANSWER = (1, 1, 1, 1, 1, 0, 2, 2)


@exercise(
    "F is 8/16. The answer merges a little and splits a little, and the pairs show both.",
    "The answers are T, P and Q, three whole numbers.",
    hints=(
        "Look only at the pixels where the truth has a cell. A segment of x pixels has x(x-1)/2 "
        "pairs.",
        "For P, add the pairs of the two true cells. For Q, count how many pixels each segment of "
        "the answer has inside true cells, and add their pairs; a wall pixel of the answer is in "
        "no segment. For T, do the same for the pixels that share both a true cell and a segment.",
    ),
)
def check_pairs(answer: Sequence[int]) -> str | None:
    """Check the pairs of a row by looking at all of them.

    Parameters
    ----------
    answer : T, P, Q
    """
    if isinstance(answer, tuple | list) and any(count is ... for count in answer):
        raise Unanswered
    if isinstance(answer, set | frozenset):
        return "a set has no order: give a tuple (T, P, Q)."
    given = wholes("T, P and Q", answer)
    if len(given) != 3:
        return f"your answer has {len(given)} numbers, but it should have three: T, P and Q."
    inside = [(a, b) for a, b in zip(TRUTH, ANSWER, strict=True) if a]
    both = sum(a == c and b == d > 0 for (a, b), (c, d) in combinations(inside, 2))
    true = sum(a == c for (a, _), (c, _) in combinations(inside, 2))
    found = sum(b == d > 0 for (_, b), (_, d) in combinations(inside, 2))
    if given != [both, true, found] and sorted(given) == sorted((both, true, found)):
        return "the three numbers are right, but in another order: give T, then P, then Q."
    for name, count, right in zip("TPQ", given, (both, true, found), strict=True):
        if count == right:
            continue
        if name == "Q" and count == found + 4:
            return "Q counts the pixel of the true wall, but only pixels of true cells count."
        if count in (2 * right, 2 * right + 7):
            return f"{name} counts every pair twice. The first pixel with the second is one pair."
        return (
            f"{name} is not {count}. List the segments with their sizes: x pixels make x(x-1)/2 "
            "pairs."
        )
    return None


@exercise(
    "That is V_Rand of one slice. The score of a stack is the mean over its slices.",
    "The function returns F, one number.",
    hints=(
        "Only pixels of true cells count. A is the sum of the squared sizes of the true cells, B "
        "is that of the answer's segments, and AB is that of their overlaps.",
        "Select the pixels of true cells in both maps. Loop over the numbers of each, without 0 in "
        "the answer. Each selected pixel under the answer's wall is a segment of its own: it adds "
        "1 to B and 1 to AB.",
    ),
)
def check_v_rand(answer: Callable[[Array, Array], float]) -> str | None:
    """Check an F-score by looking at all ordered pairs of pixels.

    Parameters
    ----------
    answer : truth, thinned (H, W) integer -> F
    """
    rng = np.random.default_rng(3)
    truth = np.repeat([[1, 1, 1, 0, 2, 2, 2, 2, 2, 0, 3, 3]], 5, axis=0)
    split = truth * np.array([[1], [1], [0], [4], [4]])
    merged = np.where(truth == 0, 7, 7)
    mixed = rng.integers(0, 4, truth.shape)
    cases = {  # in the second one, no two slips give the same number
        "the truth itself": truth,
        "segments that run over true walls": mixed,
        "every cell split by a line": split,
        "one segment of all": merged,
    }
    pairs = [(name, truth, thinned) for name, thinned in cases.items()]
    for rng in trials(3):
        shape, most = rng.integers(2, 12, 2), rng.integers(2, 9, 2)
        slices = [3 * rng.integers(0, k, shape) for k in most]  # numbers may have gaps
        slices[0][0, 0] = 3  # of at least one pixel of a cell
        pairs.append((f"slices of {shape[0]} x {shape[1]} pixels", *slices))
    for name, truth, thinned in pairs:
        given = number("F", ask(answer, truth.copy(), thinned.copy()))
        expected = _f(truth, thinned)
        if not np.isclose(given, expected, rtol=1e-9):
            return (
                f"for {name}, F is {given:.4g}, but it should be "
                f"{expected:.4g}.{_likely(given, truth, thinned)}"
            )
    wrong = changed(answer, {"truth": truth, "thinned": thinned})
    return wrong or borrowed(answer, truth.copy(), thinned.copy())


def _f(truth: Array, thinned: Array) -> float:
    """F from every ordered pair of pixels of true cells, each with itself too."""
    a, b = truth[truth > 0], thinned[truth > 0]
    in_truth = a[:, np.newaxis] == a
    in_answer = (b[:, np.newaxis] == b) & (b > 0) | np.eye(a.size, dtype=bool)
    return 2 * np.sum(in_truth & in_answer) / (in_truth.sum() + in_answer.sum())


def _likely(given: float, truth: Array, thinned: Array) -> str:
    """The likeliest slip in an F-score, as a sentence, or nothing."""
    inside = truth > 0
    a, b = truth[inside], thinned[inside]
    same, found = a[:, np.newaxis] == a, b[:, np.newaxis] == b
    left_out = (b[:, np.newaxis] > 0) & (b > 0)
    if np.isclose(given, _f(truth, thinned), rtol=1e-3):
        return " It is close: was it rounded, or computed in float32?"
    t, p, q = (np.sum(kind & left_out) for kind in (same & found, same, found))
    if np.isclose(given, 2 * t / max(p + q, 1)):
        return " The pixels under the answer's wall are left out: they count in A, in B and in AB."
    if thinned.any() and np.isclose(given, _f(thinned, truth)):
        return " The truth and the answer are exchanged."
    if np.isclose(given, 2 * np.sum(same & found) / (same.sum() + found.sum())):
        return (
            " You counted the answer's wall as one segment, but each of its pixels is a segment "
            "of its own."
        )
    found &= b > 0
    pair = ~np.eye(a.size, dtype=bool)
    t, p, q = (np.sum(kind & pair) for kind in (same & found, same, found))
    if np.isclose(given, 2 * t / max(p + q, 1)):
        return " Each pixel is also paired with itself: use x² in place of x(x-1)/2."
    if np.isclose(given, 2 * np.sum(same & found) / (same.sum() + found.sum())):
        return " The pixels under the answer's wall are missing: each adds 1 to AB and to B."
    if np.isclose(given, _f(np.where(inside, truth, truth.max() + 1), thinned)):
        return " The true wall is not a cell: leave its pixels out, whatever the answer says there."
    whole = np.eye(a.size, dtype=bool) | found
    if np.isclose(given, np.sum(same & whole) / whole.sum()):
        return " That is precision. F divides by A + B."
    if np.isclose(given, np.sum(same & whole) / same.sum()):
        return " That is recall. F divides by A + B."
    return ""


@exercise(
    "All 512 patches are right. With this test, warping looks at only eight neighbours of a pixel.",
    "The function returns True or False.",
    hints=(
        "The flip must not join, split, create or remove a cell or a wall. The eight neighbours of "
        "the centre decide.",
        "Leave the centre out of both. Label the cell pixels, and count the pieces that share a "
        "side with the centre. Label the wall pixels, which are also connected by corners, and "
        "count the pieces. Both counts must be 1.",
    ),
)
def check_allowed(answer: Callable[[Array], bool]) -> str | None:
    """Check all patches by counting pieces before and after the flip.

    Parameters
    ----------
    answer : patch (3, 3) bool -> bool
    """
    patches = [np.reshape(bits, (3, 3)) > 0 for bits in np.ndindex(9 * (2,))]
    answers = [yes_or_no("the result", ask(answer, patch.copy())) for patch in patches]
    wrong = []
    for patch, given in zip(patches, answers, strict=True):
        flipped = patch.copy()
        flipped[1, 1] ^= True
        expected = _pieces(patch) == _pieces(flipped)
        if bool(given) != expected:
            wrong.append((patch, flipped, expected))
    if not wrong:
        patch = patches[100]
        return changed(answer, {"patch": patch}) or borrowed(answer, patch.copy())
    patch, flipped, expected = wrong[0]
    drawn = " / ".join("".join(".#"[int(pixel)] for pixel in line) for line in patch)
    (cells, walls), (cells_after, walls_after) = _pieces(patch), _pieces(flipped)
    return (
        f"your function is wrong for {len(wrong)} of 512 patches. The first is {drawn}, where # "
        f"is cell: it may {'' if expected else 'not '}be flipped. With wall all around, the "
        f"number of cells is {cells} before the flip and {cells_after} after it, and the number "
        f"of walls is {walls} and {walls_after}."
    )


def _pieces(patch: Array) -> tuple[int, int]:
    """Count 4-connected cells, and 8-connected walls, in a patch with wall around it."""
    padded = np.pad(patch, 1)
    return scipy.ndimage.label(padded)[1], scipy.ndimage.label(~padded, np.ones((3, 3)))[1]


@exercise(
    "Few pixels, much damage: never report a pixel error alone.",
    "The function returns an array (H, W), True where cell.",
    hints=(
        "The pixel error counts pixels, and V_Rand counts pairs of pixels. Which cell has the most "
        "pairs?",
        "Begin with the truth, and split its largest cell with a thin line of wall. A line "
        "through a whole row of the image is still less than 1 % of its pixels. Choose the row "
        "with care.",
    ),
)
def check_sabotage(answer: Callable[[Array], Array]) -> str | None:
    """Check an answer that pixel error praises, on three tissues that the reader has not seen.

    Parameters
    ----------
    answer : truth (H, W) integer -> (H, W) bool
    """
    for seed in (3, 5, 8):
        wrong = _sabotage(answer, _tissue(seed))
        if wrong:
            return wrong
    return None


def _sabotage(answer: Callable[[Array], Array], truth: Array) -> str | None:
    """Say why an answer does not deceive on a tissue; None if it does."""
    given = array("the answer", ask(answer, truth.copy()))
    if given.shape != truth.shape:
        return f"the answer has shape {given.shape}, but the truth has shape {truth.shape}."
    cell = given > 0
    error = float(np.mean(cell != (truth > 0)))
    found = em.v_rand([truth], [cell.astype(np.float64)], [0.5]).value
    if error >= 0.01:
        return f"the pixel error is {error:.4f}, which would be noticed. Stay below 0.01."
    if found >= 0.8:
        hint = "Merge or split the largest cells: V_Rand counts pairs."
        return (
            f"the pixel error is {error:.4f}, which is low enough, but V_Rand is still "
            f"{found:.3f}. {hint}"
        )
    return None


@cache
def _tissue(seed: int) -> Array:
    """Cells (128, 128) of a slice, numbered."""
    return segments.components(em_stack((1, 128, 128), np.random.default_rng(seed)).labels[0])
