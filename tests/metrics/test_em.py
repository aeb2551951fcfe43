"""EM scores match hand-computed values and loops that follow each score's convention."""

import json
from collections import Counter
from math import log
from unittest import mock

import numpy as np
import pytest
from scipy import ndimage

from minunet.metrics import em
from minunet.metrics.score import THRESHOLDS, Score

KEYS = (
    *("v_rand", "v_info", "adapted_rand", "rand_2012", "warping_splits_mergers", "warping"),
    *("pixel_error", "challenge_pixel_error", "iou", "dice"),
)
HIGHER = ("v_rand", "v_info", "iou", "dice")


def by_key(scores):
    assert tuple(score.key for score in scores) == KEYS
    return {score.key: score for score in scores}


def wall_with_a_gap():
    """Make two cells of 9 pixels; one pixel of the wall between them looks more like cell."""
    truth = np.array([[1, 1, 1, 0, 2, 2, 2]] * 3)
    p = np.where(truth > 0, 0.95, 0.05)
    p[1, 3] = 0.45
    return truth, p


def cell_with_a_wall():
    """Make one cell of 10 pixels; the two in its middle look more like wall."""
    p = np.full((2, 5), 0.95)
    p[:, 2] = 0.35
    return np.full((2, 5), 4), p


def tiny():
    return tuple(zip(wall_with_a_gap(), cell_with_a_wall(), strict=True))


# At 0.2 the first two cells merge; at 0.5 the third is split; at 0.97 everything is membrane, and
# warping shrinks each cell to one pixel, which counts as deleted.
BY_HAND = {
    "pixel_error": (1 / 31, 2 / 31, 28 / 31),
    "challenge_pixel_error": (1 / 57, 2 / 54, 1),  # TP, FP, FN: 28, 1, 0; 26, 0, 2; 0, 0, 28
    "iou": (28 / 29, 26 / 28, 0),
    "dice": (56 / 57, 52 / 54, 0),
    # Pairs in the first slice: 36 + 36 in the truth, 153 if merged; second: 45, 6 + 6 if split.
    "rand_2012": (
        1 - 2 * (72 + 45) / (72 + 45 + 153 + 45),
        1 - 2 * (72 + 12) / (72 + 45 + 72 + 12),
        1,
    ),
    # Squares: 81 + 81 of 324; 16 + 16 + 1 + 1 of 100; 18 and 10 single pixels.
    "adapted_rand": (1 / 6, 1 - (1 + 68 / 134) / 2, 1 - (36 / 180 + 20 / 110) / 2),
    # Thinning does not change one-pixel walls and closes no gaps.
    "v_rand": (5 / 6, (1 + 68 / 134) / 2, (36 / 180 + 20 / 110) / 2),
    # One segment says nothing about two cells, nor do two about one; single pixels give ln 2.
    "v_info": (1 / 2, 1 / 2, (2 * log(2) / (log(2) + log(18)) + 0) / 2),
    "warping": (1 / 31, 1 / 31, 3 / 31),
    "warping_splits_mergers": (1 / 31, 1 / 31, 0),
}
SLICES = {  # at the best of the three thresholds; the lowest if several are equal
    "pixel_error": (0.2, (1 / 21, 0)),
    "challenge_pixel_error": (0.2, (1 / 37, 0)),
    "iou": (0.2, (18 / 19, 1)),
    "dice": (0.2, (36 / 37, 1)),
    "rand_2012": (0.5, (0, 1 - 24 / 57)),
    "adapted_rand": (0.2, (1 / 3, 0)),
    "v_rand": (0.2, (2 / 3, 1)),
    "v_info": (0.2, (0, 1)),
    "warping": (0.2, (1 / 21, 0)),
    "warping_splits_mergers": (0.97, (0, 0)),
}


@pytest.mark.parametrize("key", KEYS)
def test_a_stack_of_two_sizes_by_hand(key):
    score = by_key(em.scores(*tiny(), (0.2, 0.5, 0.97)))[key]
    threshold, slices = SLICES[key]
    assert score.by_threshold == pytest.approx(BY_HAND[key], rel=1e-12, abs=1e-15)
    assert score.value == (max if key in HIGHER else min)(score.by_threshold)
    assert score.higher_is_better == (key in HIGHER)
    assert score.threshold == threshold
    assert score.slices == pytest.approx(slices, rel=1e-12, abs=1e-15)


# Recomputed from their conventions, with loops over pixels


def regions(cells):
    from skimage.measure import label

    return label(cells, connectivity=1)


def grown(cells, known):
    """Grow cells until only lines are left, pixel by pixel in raster order within each layer."""
    basins = {at: int(n) for at, n in np.ndenumerate(regions(cells)) if n}
    lines, grown_from = set(), list(basins)
    inside = {at for at in np.ndindex(cells.shape) if known[at]}
    steps = ((-1, 0), (0, -1), (0, 1), (1, 0))
    while grown_from:
        near = [{(y + dy, x + dx) for dy, dx in steps} for y, x in grown_from]
        layer = sorted(set().union(*near) & inside - basins.keys() - lines)
        grown_from = []
        for y, x in layer:
            touched = {basins.get((y + dy, x + dx)) for dy, dx in steps} - {None}
            if len(touched) == 1:
                basins[y, x] = touched.pop()
                grown_from.append((y, x))
            else:
                lines.add((y, x))
    result = np.zeros(cells.shape, int)
    for at, n in basins.items():
        result[at] = n
    return result


def segments_of(truth, proposal):
    """List the segments of all true cell pixels; proposed membrane counts as single pixels."""
    here = [at for at in np.ndindex(truth.shape) if truth[at]]
    return [truth[at] for at in here], [(int(proposal[at]) or ("alone", at)) for at in here]


def sums(a, b, of):
    """Sum a function of the size over the segments of the overlap, the truth and the proposal."""
    groups = (Counter(zip(a, b, strict=True)), Counter(a), Counter(b))
    return np.array([sum(of(n) for n in group.values()) for group in groups])


def f_of_squares(truth, proposal):
    both, a, b = sums(*segments_of(truth, proposal), lambda n: n * n)
    return 2 * both / (a + b)


def f_of_information(truth, proposal):
    a, b = segments_of(truth, proposal)
    h_both, h_a, h_b = sums(a, b, lambda n: -n / len(a) * log(n / len(a)))
    return 2 * (h_a + h_b - h_both) / (h_a + h_b)


def is_simple(patch):
    from skimage.measure import label

    foreground, background = patch.copy(), ~patch
    foreground[1, 1] = background[1, 1] = False
    parts = label(foreground, connectivity=1)
    touching = {parts[0, 1], parts[1, 0], parts[1, 2], parts[2, 1]} - {0}
    return len(touching) == 1 and label(background, connectivity=2).max() == 1


def warped(truth, p, t):
    """Flip all flippable pixels, farthest from t first and column by column among equals."""
    source, target = np.pad(truth > 0, 1), np.pad(p > t, 1)
    distance = np.pad(np.abs(p - t).astype(np.float32), 1)
    while True:
        differ = [(x, y) for y, x in zip(*np.nonzero(source != target), strict=True)]
        flipped = 0
        for x, y in sorted(differ, key=lambda at: (-distance[at[::-1]], at)):
            if is_simple(source[y - 1 : y + 2, x - 1 : x + 2]):
                source[y, x] ^= True
                flipped += 1
        if not flipped:
            return source[1:-1, 1:-1]


def splits_and_mergers(source, target):
    """Count the pixels that split or merge cells, directly from the definition."""
    ids = np.pad(regions(source), 1)
    count = 0
    for y, x in zip(*np.nonzero(source != target), strict=True):
        around = set(ids[y : y + 3, x : x + 3].ravel().tolist()) - {0}
        others = np.delete(ids[y : y + 3, x : x + 3].ravel(), 4)
        cells = set(others.tolist()) - {0}
        if not source[y, x]:
            count += len(around) > 1
        elif len(cells) == 1 and 0 in others:
            without = source.copy()
            without[y, x] = False
            parts = np.pad(regions(without), 1)[y : y + 3, x : x + 3]
            count += len(set(parts.ravel().tolist()) - {0}) > 1
        else:
            count += len(cells) > 1
    return count


def recomputed(truth, p, t, known=None):
    """Compute the counts and means that the scores need from one slice at one threshold."""
    known = np.ones(truth.shape, bool) if known is None else known
    truth, p = regions(truth * known), np.where(known, p, -1)
    cell = p > t
    pairs = sums(*segments_of(truth, regions(cell)), lambda n: n * (n - 1) // 2)
    source = warped(truth, p, t)
    return {
        "tp": np.sum(cell & (truth > 0)),
        "wrong": np.sum(cell != (truth > 0)),
        "pixels": np.sum(known),
        "pairs": pairs,
        "warping": np.sum(source != cell),
        "warping_splits_mergers": splits_and_mergers(source, cell),
        "adapted_rand": f_of_squares(truth, regions(cell)),
        "v_rand": f_of_squares(truth, grown(cell, known)),
        "v_info": f_of_information(truth, grown(cell, known)),
    }


def expected(slices):
    """Compute the scores of these slices at one threshold."""
    total = {key: sum(one[key] for one in slices) for key in slices[0]}
    mean = {key: total[key] / len(slices) for key in ("v_rand", "v_info", "adapted_rand")}
    tp, wrong, pixels = total["tp"], total["wrong"], total["pixels"]
    both, a, b = total["pairs"]
    return mean | {
        "adapted_rand": 1 - mean["adapted_rand"],
        "rand_2012": 1 - 2 * both / (a + b),
        "warping": total["warping"] / pixels,
        "warping_splits_mergers": total["warping_splits_mergers"] / pixels,
        "pixel_error": wrong / pixels,
        "challenge_pixel_error": 1 - 2 * tp / (2 * tp + wrong),
        "iou": tp / (tp + wrong),
        "dice": 2 * tp / (2 * tp + wrong),
    }


def draw(seed, shape, dtype=np.float32):
    """Draw cells between curved walls, and a blurred and noisy answer to them."""
    rng = np.random.default_rng(seed)
    walls = np.abs(ndimage.gaussian_filter(rng.normal(size=shape), 2.5))
    cells = walls > np.quantile(walls, 0.3)
    truth, _ = ndimage.label(cells)
    noise = ndimage.gaussian_filter(rng.normal(size=shape), 0.7)
    p = ndimage.gaussian_filter(np.roll(cells, 1, axis=1).astype(float), 0.8) + 0.3 * noise
    # Rounded values hit thresholds: float32(0.1) is above 0.1, and float32(0.7) is below 0.7.
    return truth, np.clip(p.round(1), 0, 1).astype(dtype)


def draw_stack(seed=0, shapes=((17, 24), (15, 28), (21, 19))):
    return tuple(zip(*(draw(seed + k, shape) for k, shape in enumerate(shapes)), strict=True))


@pytest.mark.parametrize("seed", [0, 10, 20])
def test_every_score_recomputed(seed):
    pytest.importorskip("skimage")
    truth, probabilities = draw_stack(seed)
    found = by_key(em.scores(truth, probabilities))
    rows = [
        [
            recomputed(cells, p.astype(float), t)
            for cells, p in zip(truth, probabilities, strict=True)
        ]
        for t in THRESHOLDS
    ]
    stack = [expected(row) for row in rows]
    for key, score in found.items():
        values = [at[key] for at in stack]
        np.testing.assert_allclose(score.by_threshold, values, rtol=0, atol=1e-12)
        best = int((np.argmax if key in HIGHER else np.argmin)(score.by_threshold))
        assert score.value == score.by_threshold[best]
        assert score.threshold == THRESHOLDS[best] == best / 10
        each = [expected([one])[key] for one in rows[best]]
        np.testing.assert_allclose(score.slices, each, rtol=0, atol=1e-12)
    # The answer is neither perfect nor useless; otherwise the comparison would prove little.
    assert 0 < found["warping_splits_mergers"].value < found["warping"].value < 0.2
    assert 0.2 < found["v_rand"].value < 1
    assert found["v_rand"].value != pytest.approx(1 - found["adapted_rand"].value, rel=1e-3)


# Pixels that are not annotated


@pytest.mark.parametrize("seed", [0, 10])
def test_every_score_of_annotated_pixels_recomputed(seed):
    pytest.importorskip("skimage")
    truth, probabilities = draw_stack(seed)
    rng = np.random.default_rng(seed)
    masks = [ndimage.gaussian_filter(rng.normal(size=cells.shape), 2) > -0.1 for cells in truth]
    found = by_key(em.scores(truth, probabilities, (0.3, 0.5), annotated=masks))
    for k, t in enumerate((0.3, 0.5)):
        slices = zip(truth, probabilities, masks, strict=True)
        stack = expected([recomputed(cells, p.astype(float), t, m) for cells, p, m in slices])
        for key, score in found.items():
            assert score.by_threshold[k] == pytest.approx(stack[key], abs=1e-12)
    assert found["v_rand"] == em.v_rand(truth, probabilities, (0.3, 0.5), masks)
    assert 0 < found["warping_splits_mergers"].value < found["warping"].value
    assert found["v_rand"].value < 1


def test_a_mask_scores_like_a_crop():
    truth, probabilities = draw_stack()
    inside = slice(2, -3), slice(4, -1)
    masks = [np.zeros(cells.shape, bool) for cells in truth]
    for mask in masks:
        mask[inside] = True
    found = em.scores(truth, probabilities, annotated=masks)
    crops = [ndimage.label(cells[inside])[0] for cells in truth], [p[inside] for p in probabilities]
    assert found == em.scores(*crops)


def test_scores_do_not_depend_on_pixels_that_are_not_annotated():
    truth, probabilities = draw_stack()
    rng = np.random.default_rng(0)
    masks = [rng.random(cells.shape) < 0.9 for cells in truth]
    found = em.scores(truth, probabilities, annotated=masks)
    changed = [
        np.where(m, p, rng.random(p.shape)) for m, p in zip(masks, probabilities, strict=True)
    ]
    unknown = [np.where(m, cells, 7) for m, cells in zip(masks, truth, strict=True)]
    assert em.scores(unknown, changed, annotated=masks) == found


def test_a_perfect_answer_stays_perfect_if_a_strip_is_not_annotated():
    # The strip cuts a cell in two. Numbers tell that both parts are one cell, regions do not.
    truth, annotated = np.array([[3, 3, 0, 3, 3, 0, 9]] * 2), np.ones((2, 7), bool)
    annotated[:, 2] = False
    for p in (truth > 0, (truth > 0) | ~annotated):
        for score in em.scores([truth], [p.astype(np.float32)], annotated=[annotated]):
            assert score.value == (1 if score.key in HIGHER else 0)


def test_a_slice_without_annotated_pixels_has_no_score():
    truth, probabilities = draw_stack()
    masks = [np.full(cells.shape, k != 1) for k, cells in enumerate(truth)]
    found = em.scores(truth, probabilities, annotated=masks)
    without = em.scores(truth[::2], probabilities[::2])
    for one, other in zip(found, without, strict=True):
        assert one.value == other.value
        assert one.slices[::2] == other.slices
        assert np.isnan(one.slices[1])
    assert em.v_rand(truth, probabilities, annotated=masks).value == found[0].value
    nothing = [np.zeros(cells.shape, bool) for cells in truth]
    for score in em.scores(truth, probabilities, annotated=nothing):
        assert score.to_json()["value"] is None
        assert score.to_json()["by_threshold"] == [None] * 10
    assert np.isnan(em.v_rand(truth, probabilities, annotated=nothing).value)


def test_everything_annotated_changes_nothing():
    truth, probabilities = draw_stack()
    everywhere = [np.ones(cells.shape, bool) for cells in truth]
    assert em.scores(truth, probabilities, annotated=everywhere) == em.scores(truth, probabilities)


# Properties


def test_a_perfect_answer():
    truth, _ = draw_stack()
    perfect = [(cells > 0).astype(np.float32) for cells in truth]
    for key, score in by_key(em.scores(truth, perfect)).items():
        assert score.value == (1 if key in HIGHER else 0)
        assert score.slices == 3 * (score.value,)
        assert score.by_threshold == 10 * (score.value,)
        assert score.threshold == 0


def test_scores_do_not_depend_on_cell_numbers():
    truth, probabilities = draw_stack()
    rng = np.random.default_rng(0)
    renamed = []
    for cells in truth:
        cells = np.concatenate([[0], 7 + rng.permutation(900)[: cells.max()]])[cells]
        cells.flags.writeable = False
        renamed.append(cells.astype(np.uint16))
    for p in probabilities:
        p.flags.writeable = False
    for one, other in zip(
        em.scores(truth, probabilities), em.scores(renamed, probabilities), strict=True
    ):
        np.testing.assert_allclose(one.by_threshold, other.by_threshold, rtol=1e-12)
        assert one.threshold == other.threshold


def test_touching_cells_with_different_numbers_stay_separate():
    # For two touching cells, one common segment is a merger in Rand scores but not in the others.
    scores = by_key(em.scores([np.array([[1, 1, 2, 2, 2]])], [np.ones((1, 5))], (0.5,)))
    assert scores["v_rand"].value == pytest.approx(2 * 13 / (13 + 25))
    assert scores["warping"].value == scores["pixel_error"].value == 0


def test_thresholds_are_compared_in_double_precision():
    # float32(0.1) is above 0.1, and float32(0.7) is below 0.7.
    truth, p = np.array([[1, 1, 1, 0, 2]]), np.full((1, 5), 0.1, np.float32)
    score = by_key(em.scores([truth], [p], (0.1,)))["pixel_error"]
    assert score.value == pytest.approx(1 / 5)
    score = by_key(em.scores([truth], [p * 7], (0.7,)))["pixel_error"]
    assert np.float64(p[0, 0] * 7) < 0.7
    assert score.value == pytest.approx(4 / 5)


def test_v_rand_alone_matches_the_full_scores():
    truth, probabilities = draw_stack()
    assert em.v_rand(truth, probabilities) == by_key(em.scores(truth, probabilities))["v_rand"]
    assert em.v_rand(truth, probabilities, (0.3, 0.6)).by_threshold == (
        em.v_rand(truth, probabilities).by_threshold[3],
        em.v_rand(truth, probabilities).by_threshold[6],
    )


def test_json_round_trip():
    for score in em.scores(*tiny()):
        read = json.loads(json.dumps(score.to_json(), allow_nan=False))
        assert Score.from_json(read) == score
        assert read["spread"] == score.spread
        assert all(type(x) is float for x in (score.value, *score.slices, *score.by_threshold))


def test_conventions_say_how_the_threshold_is_chosen():
    for score in em.scores(*tiny()):
        assert score.convention.endswith(
            f"; the value is the {'highest' if score.higher_is_better else 'lowest'} of 10 "
            "thresholds t, chosen on these slices."
        )
    for score in em.scores(*tiny(), thresholds=(0.3,)):
        assert score.convention.endswith(" Proposed cells: probability > t, in float64.")


# Processes


def test_the_number_of_processes_does_not_matter():
    truth, probabilities = draw_stack()
    calls = []
    here = em.scores(truth, probabilities, (0.3, 0.6), 1, lambda: calls.append(1))
    assert len(calls) == 6
    there = em.scores(truth, probabilities, (0.3, 0.6), 2, lambda: calls.append(2))
    assert calls == 6 * [1] + 6 * [2]
    assert here == there


def test_an_error_in_another_process_is_raised_here():
    truth, probabilities = draw_stack()
    probabilities = (*probabilities[:2], np.array([["no", "numbers"]]))
    with pytest.raises(ValueError, match="could not convert string"):
        em.scores(truth, probabilities, (0.5,), processes=2)


class Pool:
    """A stand-in for a pool of processes that records its arguments."""

    asked = None

    def __init__(self, processes, context, initializer):
        Pool.asked = processes, context.get_start_method()

    def __enter__(self):
        """Enter like a pool."""
        return self

    def __exit__(self, *_):
        """Leave like a pool."""

    map = staticmethod(map)


@pytest.mark.parametrize(
    ("worth", "cores", "asked"),
    [(10**9, 8, None), (2000, 8, (3, "spawn")), (2000, 2, (2, "spawn")), (1, 1, None)],
)
def test_processes_are_started_only_when_there_is_enough_work(worth, cores, asked):
    truth, probabilities = draw_stack()  # of 1227 pixels, at four thresholds
    Pool.asked = None
    with (
        mock.patch("concurrent.futures.ProcessPoolExecutor", Pool),
        mock.patch.object(em, "PIXELS_PER_PROCESS", worth),
        mock.patch.object(em.os, "cpu_count", lambda: cores),
    ):
        scores = em.scores(truth, probabilities, THRESHOLDS[:4])
    assert Pool.asked == asked
    assert scores == em.scores(truth, probabilities, THRESHOLDS[:4])
