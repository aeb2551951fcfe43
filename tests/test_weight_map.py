"""The weight map: class frequencies are balanced over the whole training set."""

import numpy as np
import pytest

from minunet import weight_map


def test_by_hand():
    # 12 pixels: nine of class 0, two of class 1, one of class 2. 12/(3·9), 12/(3·2), 12/(3·1).
    labels = np.array([[0, 0, 1, 0], [0, 2, 1, 0], [0, 0, 0, 0]])
    weights = weight_map.class_weights([labels], classes=3)
    np.testing.assert_allclose(weights, [4 / 9, 2, 4], rtol=1e-6)
    assert weights.dtype == np.float32
    assert weights.shape == (3,)


def test_counts_over_the_set_not_image_by_image():
    # Together 4 + 6 pixels, three of class 1; one image alone has nearly none, the other half.
    images = [np.array([[0, 0, 0, 1]]), np.array([[0, 1, 0], [0, 0, 1]])]
    weights = weight_map.class_weights(images, classes=2)
    np.testing.assert_allclose(weights, [10 / 14, 10 / 6], rtol=1e-6)


def test_balanced_classes_weigh_one():
    weights = weight_map.class_weights([np.array([[0, 1, 2], [2, 1, 0]])], classes=3)
    np.testing.assert_array_equal(weights, [1, 1, 1])


@pytest.mark.parametrize("classes", [2, 3, 5])
def test_mean_over_the_set_is_one_and_classes_weigh_the_same(classes):
    rng = np.random.default_rng(classes)
    frequencies = rng.dirichlet(np.ones(classes))
    images = [rng.choice(classes, shape, p=frequencies) for shape in ((31, 17), (8, 40), (5, 3))]
    weights = weight_map.class_weights(images, classes).astype(np.float64)
    pixels = np.concatenate([weights[image].ravel() for image in images])
    assert pixels.mean() == pytest.approx(1, rel=1e-6)  # float32 weights; measured: 5e-8 at most
    for k in range(classes):
        share = sum(weights[k] * np.sum(image == k) for image in images)
        assert share == pytest.approx(pixels.size / classes, rel=1e-6)


@pytest.mark.parametrize("missing", [0, 1, 2])
def test_a_missing_class_weighs_nothing_and_the_mean_stays_one(missing):
    there, also = (k for k in range(3) if k != missing)
    labels = np.array([[there, also, there], [there, there, there]])
    weights = weight_map.class_weights([labels], classes=3)
    assert weights[missing] == 0
    np.testing.assert_allclose(weights[[there, also]], [6 / 10, 6 / 2], rtol=1e-6)
    assert weights[labels].mean() == pytest.approx(1)


def test_a_set_of_one_class():
    weights = weight_map.class_weights([np.ones((4, 7), np.uint8)], classes=2)
    np.testing.assert_array_equal(weights, [0, 1])


@pytest.mark.parametrize("dtype", [np.uint8, np.int64, np.uint16])
def test_takes_labels_of_any_integer_type_and_does_not_write_them(dtype):
    labels = np.array([[0, 1, 1], [1, 1, 1]], dtype)
    labels.flags.writeable = False
    np.testing.assert_allclose(
        weight_map.class_weights([labels], classes=2), [6 / 2, 6 / 10], rtol=1e-6
    )
