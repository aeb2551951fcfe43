"""Pixel scores match hand-computed values and loops; a constant answer scores as expected."""

import numpy as np
import pytest

from minunet.metrics import pixel

TRUTH = np.array([[0, 0, 1], [1, 1, 2]], np.uint8)
PREDICTED = np.array([[0, 1, 1], [1, 0, 1]], np.int64)


def test_by_hand():
    matrix = pixel.confusion(TRUTH, PREDICTED, classes=3)
    np.testing.assert_array_equal(matrix, [[1, 1, 0], [1, 2, 0], [0, 1, 0]])
    assert pixel.pixel_error(matrix) == pytest.approx(3 / 6)
    # IoU of class 0: 1/3; class 1: 2/5; class 2: 0/1.
    assert pixel.mean_iou(matrix) == pytest.approx((1 / 3 + 2 / 5 + 0) / 3)


def test_confusion_against_a_loop():
    rng = np.random.default_rng(0)
    truth, predicted = rng.integers(0, 4, (2, 31, 17)).astype(np.uint8)
    expected = np.zeros((5, 5), int)
    for t, p in zip(truth.flat, predicted.flat, strict=True):
        expected[t, p] += 1
    matrix = pixel.confusion(truth, predicted, classes=5)
    assert matrix.dtype == np.int64
    np.testing.assert_array_equal(matrix, expected)


def test_scores_against_masks():
    rng = np.random.default_rng(1)
    truth, predicted = rng.integers(0, 3, (2, 31, 17))
    matrix = pixel.confusion(truth, predicted, classes=3)
    ious = [
        np.sum((truth == k) & (predicted == k)) / np.sum((truth == k) | (predicted == k))
        for k in range(3)
    ]
    assert pixel.mean_iou(matrix) == pytest.approx(np.mean(ious), rel=1e-14)
    assert pixel.pixel_error(matrix) == pytest.approx(np.mean(truth != predicted), rel=1e-14)


def test_sixteen_classes_do_not_overflow_the_labels_dtype():
    labels = np.full((2, 3), 15, np.uint8)  # 15·16 + 15 = 255; one more class would wrap around
    assert pixel.confusion(labels, labels, classes=16)[15, 15] == 6
    labels += 4
    assert pixel.confusion(labels, labels, classes=20)[19, 19] == 6


def test_a_perfect_answer():
    matrix = pixel.confusion(TRUTH, TRUTH, classes=3)
    assert pixel.pixel_error(matrix) == 0
    assert pixel.mean_iou(matrix) == 1


def test_a_constant_answer_has_a_low_iou_even_for_a_common_class():
    truth = np.zeros((10, 10), int)
    truth[0, :5] = 1
    matrix = pixel.confusion(truth, np.zeros_like(truth), classes=2)
    assert pixel.pixel_error(matrix) == pytest.approx(0.05)
    assert pixel.mean_iou(matrix) == pytest.approx(0.95 / 2)


def test_a_class_that_does_not_occur_does_not_count():
    truth = np.array([[0, 0, 1, 1]])
    matrix = pixel.confusion(truth, truth, classes=5)
    assert pixel.mean_iou(matrix) == 1
    # A class that is only predicted does count, with an IoU of 0; class 1 then has 1/2.
    matrix = pixel.confusion(truth, np.array([[0, 0, 1, 4]]), classes=5)
    assert pixel.mean_iou(matrix) == pytest.approx((1 + 1 / 2 + 0) / 3)


def test_matrices_add_up():
    rng = np.random.default_rng(2)
    truth, predicted = rng.integers(0, 3, (2, 4, 9))
    parts = pixel.confusion(truth[:2], predicted[:2], 3) + pixel.confusion(
        truth[2:], predicted[2:], 3
    )
    np.testing.assert_array_equal(parts, pixel.confusion(truth, predicted, 3))


def test_iou_and_dice_of_a_class_by_hand():
    # Pixels in the truth, the prediction and both: class 0: 2, 2, 1; class 1: 3, 4, 2;
    # class 2: 1, 0, 0.
    matrix = pixel.confusion(TRUTH, PREDICTED, classes=3)
    assert [pixel.iou(matrix, k) for k in range(3)] == pytest.approx([1 / 3, 2 / 5, 0])
    assert [pixel.dice(matrix, k) for k in range(3)] == pytest.approx([2 / 4, 4 / 7, 0])


def test_iou_and_dice_against_masks_precision_and_recall():
    rng = np.random.default_rng(3)
    truth, predicted = rng.choice(3, (2, 31, 17), p=[0.6, 0.3, 0.1])
    predicted[:20] = truth[:20]
    matrix = pixel.confusion(truth, predicted, classes=3)
    for k in range(3):
        hits = np.sum((truth == k) & (predicted == k))
        precision, recall = hits / np.sum(predicted == k), hits / np.sum(truth == k)
        harmonic = 2 * precision * recall / (precision + recall)
        assert pixel.dice(matrix, k) == pytest.approx(harmonic, rel=1e-14)
        assert pixel.challenge_error(matrix, k) == pytest.approx(1 - harmonic, rel=1e-14)
        either = np.sum((truth == k) | (predicted == k))
        assert pixel.iou(matrix, k) == pytest.approx(hits / either, rel=1e-14)


def test_a_class_absent_from_truth_and_answer_scores_perfectly():
    matrix = pixel.confusion(TRUTH, TRUTH, classes=5)
    assert (pixel.iou(matrix, 4), pixel.dice(matrix, 4)) == (1, 1)
    assert pixel.challenge_error(matrix, 4) == 0
    # A class that is only predicted, or only in the truth, scores 0.
    matrix = pixel.confusion(np.array([[0, 0, 1]]), np.array([[0, 0, 2]]), classes=3)
    assert [pixel.iou(matrix, k) for k in range(3)] == [1, 0, 0]
    assert [pixel.dice(matrix, k) for k in range(3)] == [1, 0, 0]


def test_the_challenges_error_is_not_the_misclassification_rate():
    # 6 cell pixels, 4 predicted, 3 of them correct: precision 3/4, recall 1/2, F-score 3/5.
    truth = np.array([[1, 1, 1, 1, 1], [1, 0, 0, 0, 0]])
    predicted = np.array([[1, 1, 1, 0, 0], [0, 1, 0, 0, 0]])
    matrix = pixel.confusion(truth, predicted, classes=2)
    assert pixel.challenge_error(matrix, cell=1) == pytest.approx(2 / 5)
    assert pixel.challenge_error(matrix, cell=0) == pytest.approx(1 - 2 * 3 / (4 + 6))
    assert pixel.pixel_error(matrix) == pytest.approx(4 / 10)
