"""Scores of several classes match hand-computed values and loops over pixels."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from minunet.metrics import classes

TRUTH = [np.array([[0, 0, 1], [1, 1, 2]]), np.array([[0, 0, 0, 1]])]
PREDICTED = [np.array([[0, 1, 1], [1, 0, 2]]), np.array([[0, 0, 0, 0]])]


def by_key(truth, predicted, k=3):
    return {score.key: score for score in classes.scores(truth, predicted, k)}


def test_by_hand():
    # 3 of 10 pixels are wrong. IoU of class 0: 4/(4 + 1 + 2); class 1: 2/(2 + 1 + 2); class 2: 1/1.
    scores = by_key(TRUTH, PREDICTED)
    of_each = ("iou_0", "iou_1", "iou_2", "dice_0", "dice_1", "dice_2")
    assert tuple(scores) == ("pixel_error", "mean_iou", *of_each)
    expected = {
        "pixel_error": (3 / 10, (2 / 6, 1 / 4)),
        "iou_0": (4 / 7, (1 / 3, 3 / 4)),
        "iou_1": (2 / 5, (2 / 4, 0)),
        "iou_2": (1, (1, 1)),  # neither in the truth nor predicted in the second slice
        "dice_0": (8 / 11, (1 / 2, 6 / 7)),
        "dice_1": (4 / 7, (2 / 3, 0)),
        "dice_2": (1, (1, 1)),
        # The mean is over the classes that occur: two of them in the second slice.
        "mean_iou": ((4 / 7 + 2 / 5 + 1) / 3, ((1 / 3 + 2 / 4 + 1) / 3, (3 / 4 + 0) / 2)),
    }
    for key, (value, slices) in expected.items():
        assert scores[key].value == pytest.approx(value, rel=1e-12)
        assert scores[key].slices == pytest.approx(slices, rel=1e-12)


def test_a_perfect_segmentation():
    for key, score in by_key(TRUTH, TRUTH).items():
        assert score.value == (0 if key == "pixel_error" else 1)


def test_lower_is_better_for_the_error_only():
    for key, score in by_key(TRUTH, PREDICTED).items():
        assert score.higher_is_better == (key != "pixel_error")
        assert score.threshold is None
        assert score.by_threshold == ()


def test_each_class_is_named_and_the_convention_is_a_sentence():
    scores = by_key(TRUTH, PREDICTED)
    for k in range(3):
        assert scores[f"iou_{k}"].name == f"IoU of class {k}"
        assert scores[f"dice_{k}"].name == f"Dice of class {k}"
        assert f"of class {k}," in scores[f"iou_{k}"].convention
    for score in scores.values():
        assert score.convention.endswith(".")


def looped(truth, predicted, k):
    """Compute (pixel error, IoU of class k) of a list of slices pixel by pixel."""
    wrong = pixels = both = either = 0
    for labels, found in zip(truth, predicted, strict=True):
        for a, b in zip(labels.flat, found.flat, strict=True):
            pixels += 1
            wrong += a != b
            both += a == b == k
            either += k in (a, b)
    return wrong / pixels, both / either if either else None


@given(count=st.integers(2, 5), slices=st.integers(1, 3), seed=st.integers(0, 2**32))
def test_scores_against_loops_over_pixels(count, slices, seed):
    rng = np.random.default_rng(seed)
    shapes = [(int(rng.integers(1, 5)), int(rng.integers(5, 9))) for _ in range(slices)]
    truth = [rng.integers(count, size=shape).astype(np.uint8) for shape in shapes]
    predicted = [rng.integers(count, size=shape) for shape in shapes]
    scores = by_key(truth, predicted, count)
    ious = []
    for k in range(count):
        error, iou = looped(truth, predicted, k)
        ious += [] if iou is None else [iou]
        assert scores["pixel_error"].value == pytest.approx(error, abs=1e-12)
        assert scores[f"iou_{k}"].value == pytest.approx(1 if iou is None else iou, abs=1e-12)
        for i in range(slices):
            error, iou = looped(truth[i : i + 1], predicted[i : i + 1], k)
            found = scores["pixel_error"].slices[i], scores[f"iou_{k}"].slices[i]
            assert found == pytest.approx((error, 1 if iou is None else iou), abs=1e-12)
    assert scores["mean_iou"].value == pytest.approx(np.mean(ious), abs=1e-12)


@given(seed=st.integers(0, 2**32))
def test_pixels_that_are_not_annotated_count_nowhere(seed):
    rng = np.random.default_rng(seed)
    truth, predicted = rng.integers(3, size=(2, 3, 4, 7))
    annotated = rng.random((3, 4, 7)) < 0.6
    annotated[1] = False
    scores = {
        one.key: one for one in classes.scores(truth, predicted, 3, annotated=list(annotated))
    }
    error, iou = looped(truth[annotated][np.newaxis], predicted[annotated][np.newaxis], 1)
    assert scores["pixel_error"].value == pytest.approx(error, abs=1e-12)
    assert scores["iou_1"].value == pytest.approx(1 if iou is None else iou, abs=1e-12)
    assert scores["dice_1"].value == pytest.approx(
        1 if iou is None else 2 * iou / (1 + iou), abs=1e-12
    )
    for score in scores.values():
        assert np.isnan(score.slices[1])
        assert np.isfinite([score.slices[0], score.slices[2]]).all()
    changed = np.where(annotated, predicted, rng.integers(3, size=truth.shape))
    again = classes.scores(truth, changed, 3, annotated=annotated)
    assert [one.value for one in again] == [one.value for one in scores.values()]


def test_confusion_by_hand():
    # Rows are true classes; in the second slice, the last pixel of class 1 is taken for class 0.
    matrix = classes.confusion(TRUTH, PREDICTED, 3)
    np.testing.assert_array_equal(matrix, [[4, 1, 0], [2, 2, 0], [0, 0, 1]])
    annotated = [np.ones((2, 3), bool), np.array([[1, 0, 1, 0]], bool)]
    matrix = classes.confusion(TRUTH, PREDICTED, 3, annotated=annotated)
    np.testing.assert_array_equal(matrix, [[3, 1, 0], [1, 2, 0], [0, 0, 1]])
    lines = classes.confusion_table(matrix, ["0", "100", "200"])
    assert [line.split() for line in lines[1:]] == [
        ["0", "100", "200", "pixels"],
        ["0", "75.00", "25.00", "0.00", "4"],
        ["100", "33.33", "66.67", "0.00", "3"],
        ["200", "0.00", "0.00", "100.00", "1"],
    ]


def test_classes_are_named_by_their_values():
    scores = classes.scores(TRUTH, PREDICTED, 3, names=["0", "100", "200"])
    assert [(one.key, one.name) for one in scores[-2:]] == [
        ("dice_100", "Dice of class 100"),
        ("dice_200", "Dice of class 200"),
    ]
    assert [one.value for one in scores] == [
        one.value for one in classes.scores(TRUTH, PREDICTED, 3)
    ]


def test_everything_annotated_changes_nothing():
    everywhere = [np.ones_like(one, bool) for one in TRUTH]
    assert classes.scores(TRUTH, PREDICTED, 3, annotated=everywhere) == classes.scores(
        TRUTH, PREDICTED, 3
    )


def test_stacks_of_different_lengths_are_refused():
    with pytest.raises(ValueError, match="shorter"):
        classes.scores(TRUTH, PREDICTED[:1], 3)
