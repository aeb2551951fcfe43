"""Rand scores match hand-computed values, loops over all pairs of pixels and scikit-image."""

from fractions import Fraction

import numpy as np
import pytest
from cell_maps import two_maps
from hypothesis import assume, given
from hypothesis import strategies as st

from minunet.metrics import rand, segments

ROW = np.array([[1, 1, 1, 2, 2, 0]]), np.array([[1, 1, 2, 2, 0, 2]])

TRUTH = np.array([[1, 1, 1, 0, 2], [1, 1, 1, 0, 2], [0, 0, 0, 0, 2], [3, 3, 3, 0, 2]])
PROPOSAL = np.array([[7, 7, 0, 4, 4], [7, 7, 0, 4, 4], [0, 0, 4, 4, 4], [4, 4, 4, 0, 0]])


def table(truth, proposal):
    return segments.contingency(truth, proposal)


def test_a_row_by_hand():
    # True cells of 3 and 2 pixels. Segment 1 has 2 pixels in them; segment 2 has one pixel in each
    # cell and one on true background. The pixel of proposed background is a segment of its own.
    counts = rand.pairs(table(*ROW))
    assert counts.tolist() == [1, 3 + 1, 1 + 1]
    assert counts.dtype == np.int64
    assert rand.scores(counts) == (1 / 2, 1 / 4, 2 / (4 + 2))
    # Squares: in common 4 + 1 + 1 + 1, in the truth 9 + 4, in the proposal 4 + 4 + 1.
    assert rand.adapted(table(*ROW)) == (7 / 9, 7 / 13, 14 / 22)


def test_a_map_by_hand():
    # Cells of 6, 4 and 3 pixels. Segment 7 has 4 pixels of the first, segment 4 has 3 + 3 of the
    # others, and 3 pixels are segments of their own.
    assert rand.pairs(table(TRUTH, PROPOSAL)).tolist() == [6 + 3 + 3, 15 + 6 + 3, 6 + 15]
    together, truth, proposal = 16 + 9 + 9 + 3, 36 + 16 + 9, 16 + 36 + 3
    assert rand.adapted(table(TRUTH, PROPOSAL)) == (
        together / proposal,
        together / truth,
        2 * together / (truth + proposal),
    )


def every_pair(truth, proposal, itself):
    """Count the pairs of true cell pixels in the same segment of both maps and of each map."""
    pixels = [(t, p) for t, p in zip(truth.flat, proposal.flat, strict=True) if t]
    counts = np.zeros(3, int)
    for k, (t, p) in enumerate(pixels):
        for m, (u, q) in enumerate(pixels):
            if k == m and not itself:
                continue
            same_truth, same_proposal = t == u, k == m or (p == q and p > 0)
            counts += (same_truth and same_proposal, same_truth, same_proposal)
    return counts if itself else counts // 2


@given(two_maps())
def test_pairs_are_all_pairs_of_pixels(maps):
    assert rand.pairs(table(*maps)).tolist() == every_pair(*maps, itself=False).tolist()


@given(two_maps())
def test_adapted_counts_ordered_pairs_including_a_pixel_with_itself(maps):
    both, truth, proposal = (int(count) for count in every_pair(*maps, itself=True))
    assume(truth)
    expected = (
        Fraction(both, proposal),
        Fraction(both, truth),
        Fraction(2 * both, truth + proposal),
    )
    assert rand.adapted(table(*maps)) == tuple(float(score) for score in expected)


@pytest.mark.parametrize("seed", range(5))
def test_pairs_against_scikit_image(seed):
    metrics = pytest.importorskip("skimage.metrics")
    rng = np.random.default_rng(seed)
    truth, proposal = rng.integers(0, 9, (2, 31, 43)).repeat(2, axis=1)
    # scikit-image treats proposed background as one segment, so split it into single pixels.
    singles = np.where(
        proposal > 0, proposal, 10 + np.arange(proposal.size).reshape(proposal.shape)
    )
    error, *others = metrics.adapted_rand_error(truth, singles, ignore_labels=(0,))
    precision, recall, f = rand.scores(rand.pairs(table(truth, proposal)))
    assert f == pytest.approx(1 - error, rel=1e-12)
    # Releases of scikit-image differ in which value they call precision and which recall.
    assert sorted([precision, recall]) == pytest.approx(sorted(others), rel=1e-12)


def test_slices_score_like_one_slice_with_all_their_cells():
    rng = np.random.default_rng(0)
    truth, proposal = rng.integers(0, 4, (2, 3, 6, 5))
    counts = sum(rand.pairs(table(t, p)) for t, p in zip(truth, proposal, strict=True))
    apart = 10 * np.arange(3)[:, None, None]  # no segment extends into the next slice
    whole = rand.pairs(table(*(np.where(x > 0, x + apart, 0) for x in (truth, proposal))))
    assert counts.tolist() == whole.tolist()
    each = [rand.scores(rand.pairs(table(t, p))).f for t, p in zip(truth, proposal, strict=True)]
    assert rand.scores(counts).f != pytest.approx(np.mean(each), rel=1e-3)


def both_forms(maps):
    return rand.scores(rand.pairs(table(*maps))), rand.adapted(table(*maps))


@given(two_maps())
def test_a_perfect_proposal_scores_exactly_1(maps):
    truth, anywhere = maps
    proposal = np.where(truth > 0, truth + 3, anywhere)  # other numbers, and anything on background
    assert both_forms((truth, proposal)) == ((1, 1, 1), (1, 1, 1))


@given(two_maps(), st.integers(0, 2**32 - 1))
def test_scores_do_not_depend_on_the_numbers(maps, seed):
    rng = np.random.default_rng(seed)
    names = [np.concatenate([[0], 1 + rng.permutation(40)[:6]]) for _ in maps]
    renamed = [name[labels] for name, labels in zip(names, maps, strict=True)]
    assert both_forms(renamed) == both_forms(maps)


@given(two_maps(background=1))
def test_swapping_truth_and_proposal_swaps_the_scores_without_background(maps):
    for there, back in zip(both_forms(maps), both_forms(maps[::-1]), strict=True):
        assert there == (back.recall, back.precision, back.f)


def test_a_split_lowers_recall_alone_and_a_merger_precision_alone():
    split = np.where(TRUTH == 1, np.where(np.arange(5) == 0, 8, 1), TRUTH)
    for scores in both_forms((TRUTH, split)):
        assert scores.precision == 1 > scores.recall
    for scores in both_forms((TRUTH, np.where(TRUTH == 3, 2, TRUTH))):
        assert scores.recall == 1 > scores.precision


def test_a_proposal_of_only_background_is_single_pixels():
    # 13 single pixels form no pair, so no pair is wrong; as squares, 13 of 13 and of 36 + 16 + 9.
    nothing = np.zeros_like(TRUTH)
    pairs, squares = both_forms((TRUTH, nothing))
    assert pairs == (1, 0, 0)
    assert squares == (1, 13 / 61, 26 / 74)


def test_maps_without_pairs():
    nothing = np.zeros_like(TRUTH)
    assert both_forms((nothing, PROPOSAL)) == ((1, 1, 1), (1, 1, 1))
    one_pixel = nothing.copy()
    one_pixel[2, 1] = 1
    assert both_forms((one_pixel, nothing)) == ((1, 1, 1), (1, 1, 1))


def test_counts_are_exact_on_the_largest_images():
    size = 4096**2
    one_cell = segments.Table(*(np.array([[1], [1], [size - 1]], np.int64)))
    assert rand.pairs(one_cell).tolist() == [(size - 1) * (size - 2) // 2] * 3
    # Counts of a stack are not rounded to floats before division.
    counts = np.array([2**53 + 1, 3 * 2**53 + 1, 3 * 2**53 + 1])
    assert rand.scores(counts).f == float(Fraction(2**53 + 1, 3 * 2**53 + 1))
