"""Information scores match hand-computed values, the paper's formulas and scikit-image."""

from decimal import Decimal, localcontext
from math import log

import numpy as np
import pytest
from cell_maps import two_maps
from hypothesis import assume, given
from hypothesis import strategies as st

from minunet.metrics import information, segments


def v_info(truth, proposal):
    return information.v_info(segments.contingency(np.asarray(truth), np.asarray(proposal)))


def test_a_row_by_hand():
    # Of four pixels, the truth has two and two, and the proposal has three and one.
    truth, proposal = [[1, 1, 2, 2]], [[5, 5, 5, 6]]
    h_a, h_b = log(2), 3 / 4 * log(4 / 3) + 1 / 4 * log(4)
    a_given_b = 2 / 4 * log(3 / 2) + 1 / 4 * log(3)
    b_given_a = 2 / 4 * log(2)
    assert v_info(truth, proposal) == pytest.approx(
        (1 - a_given_b / h_a, 1 - b_given_a / h_b, 1 - (a_given_b + b_given_a) / (h_a + h_b)),
        rel=1e-14,
    )


def test_background_by_hand():
    # Four pixels are left without true background: one in segment 3, one alone, two in segment 4.
    truth, proposal = [[1, 0, 1, 2, 0, 2]], [[3, 3, 0, 4, 4, 4]]
    # H(A) = ln 2. Proposed segments of 1, 1 and 2 pixels: H(B) = 2/4 ln 4 + 2/4 ln 2 = 3/2 ln 2.
    # No segment spans two cells; cell 1 is split in half: H(B|A) = 1/2 ln 2.
    assert v_info(truth, proposal) == pytest.approx((1, 1 - 1 / 3, 1 - 1 / 5), rel=1e-14)


def as_printed(truth, proposal):
    """Compute I / H(A), I / H(B) and F from the p_ij term by term (Arganda-Carreras 2015)."""
    n = np.count_nonzero(truth)
    p = np.zeros((truth.max() + 1, proposal.max() + 1))
    np.add.at(p, (truth.ravel(), proposal.ravel()), 1 / n)
    p = p[1:]
    s0 = p[:, 0].sum()
    a, b, both = p.sum(axis=1), p[:, 1:].sum(axis=0), p[:, 1:]
    h_a, h_b, h_ab = (-sum(x * log(x) for x in q.flat if x > 0) for q in (a, b, both))
    h_b, h_ab = h_b + s0 * log(n), h_ab + s0 * log(n)
    mutual = h_a + h_b - h_ab
    precision, recall = mutual / h_a, mutual / h_b
    return precision, recall, 2 * precision * recall / (precision + recall)


@given(two_maps())
def test_against_the_formulas_of_the_paper(maps):
    truth, proposal = maps
    cells = truth > 0
    assume(len(np.unique(truth[cells])) > 1)
    assume(len(np.unique(proposal[cells])) > 1)
    scores = v_info(truth, proposal)
    assume(scores.f > 1e-6)  # the harmonic mean of two zeros is undefined
    assert scores == pytest.approx(as_printed(truth, proposal), abs=1e-12)  # measured: 2e-15


@pytest.mark.parametrize("seed", range(5))
def test_against_scikit_image(seed):
    metrics = pytest.importorskip("skimage.metrics")
    rng = np.random.default_rng(seed)
    truth, proposal = rng.integers(0, 9, (2, 31, 43)).repeat(2, axis=1)
    # scikit-image treats proposed background as one segment, so split it into single pixels.
    singles = np.where(
        proposal > 0, proposal, 10 + np.arange(proposal.size).reshape(proposal.shape)
    )
    splits, mergers = metrics.variation_of_information(truth, singles, ignore_labels=(0,))  # bits
    cells = truth > 0
    h_a, h_b = (
        -sum(n / cells.sum() * np.log2(n / cells.sum()) for n in np.bincount(x[cells]) if n)
        for x in (truth, singles)
    )
    assert v_info(truth, proposal) == pytest.approx(
        (1 - mergers / h_a, 1 - splits / h_b, 1 - (mergers + splits) / (h_a + h_b)), rel=1e-12
    )


@given(two_maps())
def test_a_perfect_proposal_scores_exactly_1(maps):
    truth, anywhere = maps
    assert v_info(truth, np.where(truth > 0, truth + 3, anywhere)) == (1, 1, 1)


@given(two_maps(), st.integers(0, 2**32 - 1))
def test_scores_do_not_depend_on_the_numbers(maps, seed):
    rng = np.random.default_rng(seed)
    names = [np.concatenate([[0], 1 + rng.permutation(40)[:6]]) for _ in maps]
    renamed = [name[labels] for name, labels in zip(names, maps, strict=True)]
    assert v_info(*renamed) == pytest.approx(v_info(*maps), abs=1e-14)


@given(two_maps(background=1))
def test_swapping_truth_and_proposal_swaps_the_scores_without_background(maps):
    precision, recall, f = v_info(*maps)
    assert v_info(*maps[::-1]) == pytest.approx((recall, precision, f), abs=1e-14)


@given(two_maps())
def test_scores_are_in_0_to_1_and_f_is_between_the_others(maps):
    precision, recall, f = v_info(*maps)
    assert 0 <= min(precision, recall) <= f + 1e-14
    assert f - 1e-14 <= max(precision, recall) <= 1


TRUTH = np.array([[1, 1, 1, 0, 2], [1, 1, 1, 0, 2], [0, 0, 0, 0, 2], [3, 3, 3, 0, 2]])


def test_a_split_lowers_recall_alone_and_a_merger_precision_alone():
    split = np.where(TRUTH == 1, np.where(np.arange(5) == 0, 8, 1), TRUTH)
    scores = v_info(TRUTH, split)
    assert scores.precision == 1 > scores.recall > 0
    scores = v_info(TRUTH, np.where(TRUTH == 3, 2, TRUTH))
    assert scores.recall == 1 > scores.precision > 0


def test_independent_segmentations_score_0():
    # All true cells have the same mixture of segments. Rounding must not make the scores negative.
    rows, columns = np.indices((3, 7))
    assert v_info(rows + 1, columns + 1) == (0, 0, 0)
    assert v_info(rows // 2 + 1, columns // 3 + 1) == (0, 0, 0)


def test_one_cell():
    one = np.array([[1, 1, 1, 0, 1]])
    assert v_info(one, 5 * one) == (1, 1, 1)
    assert v_info(one, [[1, 1, 2, 0, 2]]) == (1, 0, 0)  # no merger is possible
    assert v_info([[1, 1, 2, 0, 2]], one) == (0, 1, 0)  # no split is possible


def test_a_cell_of_nearly_all_pixels():
    # Entropies of 3e-6 are accurate to the last digits.
    n = 12_345_679
    table = segments.Table(*np.array([[1, 2, 3], [1, 1, 3], [n - 2, 1, 1]], np.int64))
    with localcontext(
        prec=50
    ):  # two cells of one pixel each, one of them merged with the large one
        h_a = (n - 2) * (Decimal(n) / (n - 2)).ln() + 2 * Decimal(n).ln()
        a_given_b = (n - 2) * (Decimal(n - 1) / (n - 2)).ln() + Decimal(n - 1).ln()
        expected = float(1 - a_given_b / h_a)
    precision, recall, _ = information.v_info(table)
    assert recall == 1
    assert precision == pytest.approx(expected, rel=1e-14)  # measured: 0


def test_a_proposal_of_only_background_is_single_pixels():
    # H(A|B) = 0, H(B) = ln 13, H(B|A) = mean of ln a over 6, 4 and 3 pixels.
    left_open = (6 * log(6) + 4 * log(4) + 3 * log(3)) / 13
    scores = v_info(TRUTH, np.zeros_like(TRUTH))
    assert scores.precision == 1
    assert scores.recall == pytest.approx(1 - left_open / log(13), rel=1e-14)


def test_no_true_cell():
    assert v_info(np.zeros_like(TRUTH), TRUTH) == (1, 1, 1)
