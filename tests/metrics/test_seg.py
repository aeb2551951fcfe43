"""SEG matches hand-computed values, a loop and the challenge's own program."""

import numpy as np
import pytest
import tifffile
from hypothesis import given
from hypothesis import strategies as st

from minunet.metrics import seg


def picture(rows):
    """Read a map: a dot is background, a digit is the number of a cell."""
    return np.array([[0 if p == "." else int(p) for p in row] for row in rows.split()], np.uint16)


TRUTH = picture("111..33 111..33 111.... ....777")
PROPOSAL = picture("2222.44 222..4. ...5... ....8..")


def test_by_hand():
    # Cell 1: 6 of its 9 pixels are in segment 2, which has 7. Cell 3: 3 of 4 in 4, which has 3.
    # Cell 7: only 1 of 3 in 8, so no match. Segment 5 lies in no cell and is not penalized.
    np.testing.assert_allclose(seg.jaccard(TRUTH, PROPOSAL), [6 / 10, 3 / 4, 0], rtol=1e-15)


def test_half_of_a_cell_does_not_match():
    # 2 of 4 pixels do not match; 3 of 4 would.
    assert seg.jaccard(picture("1111"), picture("22..")).tolist() == [0]
    assert seg.jaccard(picture("1111"), picture("222.")).tolist() == [3 / 4]


def test_the_matching_segment_may_be_far_too_large():
    # More than half of the cell must be covered, not of the segment: both cells match the segment.
    np.testing.assert_allclose(
        seg.jaccard(picture("11..2222"), picture("33333333")), [1 / 4, 1 / 2]
    )


def test_a_perfect_answer_with_other_numbers():
    renamed = np.array([0, 500, 0, 7, 0, 0, 0, 1])[TRUTH]
    assert seg.jaccard(TRUTH, renamed).tolist() == [1, 1, 1]
    assert seg.jaccard(renamed, TRUTH).tolist() == [1, 1, 1]


def test_background_is_neither_a_cell_nor_a_segment():
    nothing = np.zeros_like(TRUTH)
    assert seg.jaccard(TRUTH, nothing).tolist() == [0, 0, 0]
    assert seg.jaccard(nothing, PROPOSAL).shape == (0,)
    assert seg.jaccard(nothing, nothing).shape == (0,)
    # Background does not have to occur.
    assert seg.jaccard(picture("1122"), picture("3344")).tolist() == [1, 1]


def draw(seed, shape):
    """Draw cells and an answer that agrees with them in most pixels."""
    rng = np.random.default_rng(seed)
    truth = np.kron(rng.integers(0, 6, shape), np.ones((3, 2), int)).astype(np.uint16) * 11
    changed = rng.random(truth.shape) < 0.3
    renamed = rng.permutation(67)[truth]
    renamed[truth == 0] = 0
    proposal = np.where(changed, rng.integers(0, 67, truth.shape), renamed)
    return truth, proposal.astype(np.uint16)


shapes = st.tuples(st.integers(1, 9), st.integers(1, 9))
seeds = st.integers(0, 2**32 - 1)


@given(shapes, seeds)
def test_against_a_loop(shape, seed):
    truth, proposal = draw(seed, shape)
    truth.flags.writeable = proposal.flags.writeable = False
    expected = []
    for k in sorted(set(truth.ravel().tolist()) - {0}):
        cell = truth == k
        expected.append(0.0)
        for s in set(proposal.ravel().tolist()) - {0}:
            segment = proposal == s
            if np.sum(cell & segment) > 0.5 * np.sum(cell):
                expected[-1] = np.sum(cell & segment) / np.sum(cell | segment)
    indices = seg.jaccard(truth, proposal)
    assert indices.dtype == np.float64
    np.testing.assert_allclose(indices, expected, rtol=1e-15)


def test_against_the_program_of_the_challenge(tmp_path):
    pytest.importorskip("ctc_metrics")
    from ctc_metrics.metrics.technical.seg import seg as score
    from ctc_metrics.utils.representations import match

    cells, overlaps, indices = [], [], []
    for seed in range(5):
        frame = draw(seed, (8, 5 + seed))
        for name, mask in zip(["truth.tif", "proposal.tif"], frame, strict=True):
            tifffile.imwrite(tmp_path / name, mask)
        of_truth, _, _, _, iou = match(str(tmp_path / "truth.tif"), str(tmp_path / "proposal.tif"))
        cells.append(of_truth)
        overlaps.append(iou)
        indices.append(seg.jaccard(*frame))
    expected = score(cells, overlaps)
    assert np.concatenate(indices).mean() == pytest.approx(expected, rel=1e-14)
