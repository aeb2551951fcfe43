"""Scores of numbered cells match hand-computed values and loops over cells."""

import json
from math import isnan

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from minunet.metrics import cells

KEYS = ("seg", "iou", "dice")
COUNTS = ("cells_truth", "cells_found", "cells_missed", "cells_merged", "cells_extra")


def picture(rows):
    """Read a map: a dot is background, a digit is the number of a cell."""
    return np.array([[0 if p == "." else int(p) for p in row] for row in rows.split()], np.uint16)


TRUTH = [picture("11.33 11.33 11... ..777"), picture("....55 ......"), picture("... ...")]
PROPOSALS = [picture("22444 22.44 2..6. ...9."), picture("....11 ....11"), picture(".3. ...")]


def by_key(scores):
    assert tuple(score.key for score in scores) == (*KEYS, *COUNTS)
    return {score.key: score for score in scores}


def test_by_hand():
    # Cell 1: IoU 5/6 with segment 2; cell 3: 4/5 with segment 4; cell 7: no match, as only 1 of its
    # 3 pixels is in segment 9. Cell 5, in the second slice: 2/4.
    found = by_key(cells.scores(TRUTH, PROPOSALS))
    assert found["seg"].value == pytest.approx((5 / 6 + 4 / 5 + 0 + 2 / 4) / 4)
    assert found["seg"].slices[:2] == pytest.approx(((5 / 6 + 4 / 5) / 3, 1 / 2))
    assert isnan(found["seg"].slices[2])
    # Pixels of cell in both maps and in either, by slice: 10 and 15, 2 and 4, 0 and 1.
    assert found["iou"].value == pytest.approx(12 / 20)
    assert found["iou"].slices == pytest.approx((10 / 15, 2 / 4, 0))
    assert found["dice"].value == pytest.approx(24 / 32)
    assert found["dice"].slices == pytest.approx((20 / 25, 4 / 6, 0))
    counted = {key: (found[key].value, found[key].slices) for key in COUNTS}
    assert counted == {
        "cells_truth": (4, (3, 1, 0)),
        "cells_found": (6, (4, 1, 1)),
        "cells_missed": (1, (1, 0, 0)),
        "cells_merged": (0, (0, 0, 0)),
        "cells_extra": (3, (2, 0, 1)),
    }
    assert {key for key, score in found.items() if score.higher_is_better} == set(KEYS)
    neither = {key for key, score in found.items() if score.higher_is_better is None}
    assert neither == {"cells_truth", "cells_found"}


def test_merged_cells_share_a_segment():
    truth, proposal = picture("11.22.33.4.5"), picture("6666677.888.")
    found = by_key(cells.scores([truth], [proposal]))
    # 6 matches 1 and 2; exactly half of 3 is in 7, which is no match; 8 matches only 4.
    assert found["cells_merged"].value == 2
    assert found["cells_missed"].value == 2
    assert found["cells_extra"].value == 1
    assert cells.partners(truth, proposal).tolist() == [6, 6, 0, 8, 0]


def test_a_stack_without_cells():
    found = by_key(cells.scores(TRUTH[2:], TRUTH[2:]))
    assert isnan(found["seg"].value)
    assert found["iou"].value == found["dice"].value == 1
    assert all(found[key].value == 0 for key in COUNTS)


def draw(seed, shape):
    """Draw cells and an answer that agrees with them in most pixels."""
    rng = np.random.default_rng(seed)
    truth = np.kron(rng.integers(0, 6, shape), np.ones((3, 2), int)).astype(np.uint16) * 11
    names = rng.permutation(99)[:56]
    names[0] = 0
    changed = rng.random(truth.shape) < 0.3
    merged = np.where(truth == 22, 11, truth)
    return truth, np.where(changed, rng.integers(0, 99, truth.shape), names[merged])


shapes = st.tuples(st.integers(1, 5), st.integers(1, 7))
seeds = st.integers(0, 2**32 - 1)


@given(seeds, st.lists(shapes, min_size=1, max_size=3))
def test_recomputed_by_loops(seed, stack):
    frames = [draw(seed + k, shape) for k, shape in enumerate(stack)]
    indices, counts, pixels = [], np.zeros(5, int), np.zeros(2, int)
    for truth, proposal in frames:
        truth.flags.writeable = proposal.flags.writeable = False
        numbers, found = (set(x.ravel().tolist()) - {0} for x in (truth, proposal))
        match = {
            i: [j for j in found if 2 * np.sum((truth == i) & (proposal == j)) > np.sum(truth == i)]
            for i in numbers
        }
        assert all(len(js) < 2 for js in match.values())
        for i, js in match.items():
            both = [np.sum((truth == i) & (proposal == j)) for j in js]
            either = [np.sum((truth == i) | (proposal == j)) for j in js]
            indices.append(both[0] / either[0] if js else 0)
        used = [j for js in match.values() for j in js]
        merged = sum(used.count(j) > 1 for j in used)
        missed = len(numbers) - len(used)
        counts += len(numbers), len(found), missed, merged, len(found - set(used))
        pixels += np.sum((truth > 0) & (proposal > 0)), np.sum((truth > 0) | (proposal > 0))
    result = by_key(cells.scores(*zip(*frames, strict=True)))
    expected = np.mean(indices) if indices else np.nan
    np.testing.assert_allclose(result["seg"].value, expected, rtol=1e-12)
    both, either = pixels
    assert result["iou"].value == pytest.approx(both / either if either else 1, rel=1e-12)
    dice = 2 * both / (both + either) if either else 1
    assert result["dice"].value == pytest.approx(dice, rel=1e-12)
    assert [result[key].value for key in COUNTS] == counts.tolist()
    for key in COUNTS:
        assert sum(result[key].slices) == result[key].value


def test_pixels_that_are_not_annotated_count_nowhere():
    # Two of the four pixels of cell 1 are annotated, and both are found. Cell 2 and segment 8 are
    # not annotated. Of cell 3, each half is in another segment, so neither matches.
    truth = picture("11112.... 33......4")
    proposal = picture("55..2..88 63.9.9..4")
    annotated = picture("11....... 111111..1") > 0
    found = by_key(cells.scores([truth], [proposal], annotated=[annotated]))
    assert found["seg"].value == pytest.approx((1 + 0 + 1) / 3)
    assert [found[key].value for key in COUNTS] == [3, 5, 1, 0, 3]
    # Cell in both maps: 2 + 2 + 1 pixels; in either: two more of segment 9.
    assert found["iou"].value == pytest.approx(5 / 7)
    assert found["dice"].value == pytest.approx(10 / 12)


@given(seeds, shapes)
def test_a_mask_scores_like_a_crop(seed, shape):
    truth, proposal = draw(seed, shape)
    annotated = np.zeros(truth.shape, bool)
    annotated[1:-1, : truth.shape[1] // 2 + 1] = True
    whole = cells.scores([truth, truth], [proposal] * 2, annotated=[annotated, ~annotated & False])
    inside = (slice(1, -1), slice(truth.shape[1] // 2 + 1))
    crop = cells.scores([truth[inside]], [proposal[inside]])
    for one, other in zip(whole, crop, strict=True):
        np.testing.assert_equal(one.value, other.value)
        np.testing.assert_equal(one.slices[0], other.value)
        # Nothing is known of the second slice.
        np.testing.assert_equal(one.slices[1], 0 if one.key in COUNTS else np.nan)


def test_everything_annotated_changes_nothing():
    everywhere = [np.ones_like(one, bool) for one in TRUTH[:2]]
    assert cells.scores(TRUTH[:2], PROPOSALS[:2], annotated=everywhere) == cells.scores(
        TRUTH[:2], PROPOSALS[:2]
    )


def test_a_perfect_answer_with_other_numbers():
    renamed = [np.array([0, 9, 0, 4, 0, 1, 0, 300])[truth] for truth in TRUTH]
    found = by_key(cells.scores(TRUTH, renamed))
    assert [found[key].value for key in (*KEYS, *COUNTS)] == [1, 1, 1, 4, 4, 0, 0, 0]
    again = by_key(cells.scores(renamed, PROPOSALS))
    for key, score in by_key(cells.scores(TRUTH, PROPOSALS)).items():
        assert score.value == again[key].value


@pytest.mark.parametrize(("dtype", "first"), [(np.uint32, 2**31), (np.uint64, 2**63)])
def test_numbers_of_any_size(dtype, first):
    large = [np.where(one > 0, one + dtype(first), dtype(0)) for one in TRUTH]
    found = [np.where(one > 0, one + dtype(first), dtype(0)) for one in PROPOSALS]
    for score, expected in zip(
        cells.scores(large, found), cells.scores(TRUTH, PROPOSALS), strict=True
    ):
        np.testing.assert_equal((score.value, score.slices), (expected.value, expected.slices))


def test_json_has_null_for_nan_and_whole_numbers_for_counts():
    for score in cells.scores(TRUTH, PROPOSALS):
        read = json.loads(json.dumps(score.to_json(), allow_nan=False))
        assert read["slices"] == [None if isnan(x) else x for x in score.slices]
        assert (read["value"], read["key"]) == (score.value, score.key)
        assert read["threshold"] is None
        assert read["by_threshold"] == []
        kind = int if score.key in COUNTS else float
        assert all(type(x) is kind for x in (score.value, *score.slices))
    assert cells.scores(TRUTH[2:], PROPOSALS[2:])[0].to_json()["value"] is None
