"""Class weights, the separation of touching cells and both weight maps match their definitions.

`test_distances.py` compares the distances to the two nearest cells with brute force.
"""

from itertools import pairwise

import numpy as np
import pytest
from cell_maps import brute_force, discs, label_maps, real
from hypothesis import given

from minunet.data import weight_map
from minunet.errors import InputError

W_C = np.array([1.75, 0.5], np.float32)


def separated_naively(instances):
    result = instances.copy()
    for r, c in np.ndindex(instances.shape):
        near = instances[max(r - 1, 0) : r + 2, max(c - 1, 0) : c + 2]
        if instances[r, c] <= 0 or any(k > 0 and k != instances[r, c] for k in near.ravel()):
            result[r, c] = 0
    return result


def test_class_weights_by_hand():
    # 12 pixels: nine of class 0, two of class 1, one of class 2. 12/(3·9), 12/(3·2), 12/(3·1).
    labels = np.array([[0, 0, 1, 0], [0, 2, 1, 0], [0, 0, 0, 0]])
    weights = weight_map.class_weights([labels], classes=3)
    np.testing.assert_allclose(weights, [4 / 9, 2, 4], rtol=1e-6)
    assert weights.dtype == np.float32
    assert weights.shape == (3,)


def test_class_weights_count_over_the_whole_set():
    # 4 + 6 pixels, three of them of class 1; its share differs between the two images.
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
def test_accepts_labels_of_any_integer_type_and_does_not_modify_them(dtype):
    labels = np.array([[0, 1, 1], [1, 1, 1]], dtype)
    labels.flags.writeable = False
    np.testing.assert_allclose(
        weight_map.class_weights([labels], classes=2), [6 / 2, 6 / 10], rtol=1e-6
    )


def test_separation_by_hand():
    # 1 and 2 share a side, 2 and 3 a corner; 4 has a gap of one pixel to 2.
    instances = np.array(
        [
            [1, 1, 1, 2, 2, 2, 0, 4],
            [1, 1, 1, 2, 2, 2, 0, 4],
            [0, 0, 0, 2, 2, 2, 0, 4],
            [0, 0, 0, 0, 0, 0, 3, 0],
            [0, 0, 0, 0, 0, 0, 3, 0],
        ]
    )
    expected = [
        [1, 1, 0, 0, 2, 2, 0, 4],
        [1, 1, 0, 0, 2, 2, 0, 4],
        [0, 0, 0, 0, 2, 0, 0, 0],  # 2 and 4 lose a pixel to 3; 2 loses one more to 1
        [0, 0, 0, 0, 0, 0, 0, 0],
        [0, 0, 0, 0, 0, 0, 3, 0],
    ]
    np.testing.assert_array_equal(weight_map.separate(instances), expected)


@given(label_maps())
def test_separation_against_a_loop(instances):
    separated = weight_map.separate(instances)
    np.testing.assert_array_equal(separated, separated_naively(instances))
    assert separated.dtype == instances.dtype
    np.testing.assert_array_equal(weight_map.separate(separated), separated)  # already apart


@pytest.mark.parametrize("dtype", [np.int8, np.uint8, np.int32, np.uint16, np.int64])
def test_separation_of_the_extreme_numbers_of_a_dtype(dtype):
    info = np.iinfo(dtype)
    most = info.max
    instances = np.array([[1, 1, 1, most, most, most, info.min, info.min]], dtype)
    separated = weight_map.separate(instances)
    np.testing.assert_array_equal(separated, [[1, 1, 0, 0, most, most, 0, 0]])
    assert separated.dtype == dtype


def test_64_bit_numbers_too_close_for_a_float():
    # Large volumes have 64-bit segment numbers.
    a, b = 2**60, 2**60 + 1
    for dtype in (np.int64, np.uint64):
        instances = np.array([[a, a, a, b, b, b, 0, a]], dtype)
        separated = weight_map.separate(instances)
        np.testing.assert_array_equal(separated, [[a, a, 0, 0, b, b, 0, a]])


def test_numbers_that_are_not_positive_are_background():
    instances = np.array([[-1, 4, -1, -5, 9, 0]])
    np.testing.assert_array_equal(weight_map.separate(instances), [[0, 4, 0, 0, 9, 0]])


def test_paper_by_hand():
    # A gap of 3 pixels has d1 + d2 = 4, a gap of 1 pixel has d1 + d2 = 2; σ = 5, 2σ² = 50.
    weights = weight_map.paper(np.array([[1, 1, 0, 0, 0, 2, 0, 7]]), W_C)
    wide, narrow = 1.75 + 10 * np.exp(-16 / 50), 1.75 + 10 * np.exp(-4 / 50)
    expected = [[0.5, 0.5, wide, wide, wide, 0.5, narrow, 0.5]]
    np.testing.assert_allclose(weights, expected, rtol=1e-7)  # float32; measured: 5e-8
    assert weights.dtype == np.float32


def test_paper_separates_first_and_measures_to_the_remaining_pixels():
    # The cells touch at columns 2 and 3, which become background: d1 + d2 = 1 + 2.
    weights = weight_map.paper(np.array([[1, 1, 1, 2, 2, 2]]), W_C, w0=3, sigma=2)
    border = 1.75 + 3 * np.exp(-9 / 8)
    np.testing.assert_allclose(weights, [[0.5, 0.5, border, border, 0.5, 0.5]], rtol=1e-7)


def test_later_by_hand():
    # Columns 2 and 3 become background, with d1 = 0 and d2 = 1 to the cells before separation.
    # Column 6 is 1 and 4 pixels away from the two cells, column 7 is 2 and 5 pixels away.
    weights = weight_map.later(np.array([[1, 1, 1, 2, 2, 2, 0, 0]]))
    expected = [
        *(1, 1),
        *[0.1 + 0.9 + 50 * np.exp(-1 / 72)] * 2,
        *(1, 1),
        0.1 + 0.9 * np.exp(-1 / 200) + 50 * np.exp(-25 / 72),
        0.1 + 0.9 * np.exp(-4 / 200) + 50 * np.exp(-49 / 72),
    ]
    np.testing.assert_allclose(weights, [expected], rtol=1e-7)  # float32; measured: 4e-8
    assert weights.dtype == np.float32


def test_later_with_other_constants_by_hand():
    weights = weight_map.later(np.array([[1, 0, 2]]), ratio=0.25, sigma1=2, w0=3, sigma=4)
    gap = 0.25 + 0.75 * np.exp(-1 / 8) + 3 * np.exp(-4 / 32)
    np.testing.assert_allclose(weights, [[1, gap, 1]], rtol=1e-7)


@given(label_maps())
def test_maps_against_the_equations_pixel_by_pixel(instances):
    separated = separated_naively(instances)
    d1, d2 = brute_force(separated)
    expected = np.where(separated > 0, 0.5, 1.75 + 4 * np.exp(-((d1 + d2) ** 2) / (2 * 3.0**2)))
    paper = weight_map.paper(instances, W_C, w0=4, sigma=3)
    np.testing.assert_allclose(paper, expected, rtol=1e-6)  # float32; measured: 6e-8
    d1, d2 = brute_force(instances)
    near = 0.9 * np.exp(-(d1**2) / (2 * 10.0**2))
    border = 50 * np.exp(-((d1 + d2) ** 2) / (2 * 6.0**2))
    expected = np.where(separated > 0, 1, 0.1 + near + border)
    np.testing.assert_allclose(weight_map.later(instances), expected, rtol=1e-6)  # measured: 6e-8


@given(label_maps())
def test_the_border_term_is_left_out_only_where_it_is_negligible(instances):
    separated = separated_naively(instances)
    d1, d2 = brute_force(separated)
    border = 1e6 * np.exp(-((d1 + d2) ** 2) / (2 * 0.7**2))  # below 1e-9 from 6 pixels on
    expected = np.where(separated > 0, 0.5, 1.75 + border)
    paper = weight_map.paper(instances, W_C, w0=1e6, sigma=0.7)
    np.testing.assert_allclose(paper, expected, rtol=1e-7)  # float32; measured: 4e-8


def test_fewer_than_two_cells_have_no_border_term():
    none, one = np.zeros((2, 3), int), np.array([[0, 4, 4], [0, 0, 4]])
    np.testing.assert_array_equal(weight_map.paper(none, W_C), np.full((2, 3), 1.75))
    expected = [[1.75, 0.5, 0.5], [1.75, 1.75, 0.5]]
    np.testing.assert_array_equal(weight_map.paper(one, W_C), expected)
    np.testing.assert_array_equal(weight_map.later(none), np.full((2, 3), 0.1, np.float32))
    near, far = (0.1 + 0.9 * np.exp(-d / 200) for d in (1, 2))
    np.testing.assert_allclose(weight_map.later(one), [[near, 1, 1], [far, near, 1]], rtol=1e-7)


def test_narrower_gaps_weigh_more():
    highest = [
        weight_map.paper(np.array([[1] * 4 + [0] * gap + [2] * 4]), W_C).max()
        for gap in range(1, 30)
    ]
    assert all(narrow > wide for narrow, wide in pairwise(highest))
    # A border between touching cells weighs as much as a gap of two pixels.
    touching = weight_map.paper(np.array([[1] * 5 + [2] * 5]), W_C).max()
    assert touching == highest[1]


@pytest.mark.parametrize("draw", [lambda *a, **k: weight_map.paper(*a, W_C, **k), weight_map.later])
def test_ignored_pixels_weigh_0_and_do_not_affect_others(draw):
    instances = discs()
    ignore = np.random.default_rng(1).random(instances.shape) < 0.3
    assert (instances[ignore] > 0).any()
    assert (instances[ignore] == 0).any()
    weights = draw(instances, ignore=ignore)
    assert weights.dtype == np.float32
    np.testing.assert_array_equal(weights, np.where(ignore, 0, draw(instances)))


def test_arguments_are_not_modified():
    instances, ignore, w_c = discs(), np.zeros((60, 83), bool), W_C.copy()
    before = instances.copy()
    for a in (instances, ignore, w_c):
        a.flags.writeable = False
    weight_map.separate(instances)
    weight_map.paper(instances, w_c, ignore=ignore)
    weight_map.later(instances, ignore=ignore)
    np.testing.assert_array_equal(instances, before)


@pytest.mark.parametrize("map_", [weight_map.separate, weight_map.later])
@pytest.mark.parametrize(
    "bad", [np.zeros((3, 4)), np.zeros((3, 4), bool), np.zeros((3, 4, 1), int)]
)
def test_instances_that_are_not_a_map_of_integers_are_refused(map_, bad):
    with pytest.raises(InputError, match=r"must be integers of shape \(H, W\)") as error:
        map_(bad)
    assert str(bad.dtype) in str(error.value)
    assert str(bad.shape) in str(error.value)


def test_other_bad_arguments_are_refused():
    instances = np.array([[1, 0, 2]])
    with pytest.raises(InputError, match=r"w_c has shape \(3,\); it must be \(2,\)"):
        weight_map.paper(instances, np.ones(3))
    for ignore in (np.zeros((3, 1), bool), np.zeros((1, 3), np.uint8)):
        with pytest.raises(InputError, match=r"must be bool of shape \(1, 3\)"):
            weight_map.later(instances, ignore=ignore)
    for sigmas in ({"sigma": 0}, {"sigma": -1}, {"sigma1": 0}):
        with pytest.raises(InputError, match=r"must be above 0"):
            weight_map.later(instances, **sigmas)
    with pytest.raises(InputError, match="sigma is 0 pixels"):
        weight_map.paper(instances, W_C, sigma=0)


def test_real_nuclei_that_touch():
    instances = real("nuclei-dsb2018/masks/0ea221716cf1.tif")[:200, :260]
    assert instances.dtype == np.uint16
    separated = weight_map.separate(instances)
    np.testing.assert_array_equal(separated, separated_naively(instances))
    lost = (instances > 0) & (separated == 0)
    assert lost.any()


def test_the_default_constants_of_equation_2_are_those_of_the_paper():
    # One pixel of background between two cells: d1 = d2 = 1.
    weights = weight_map.paper(np.array([[1, 0, 2]]), W_C)
    assert weights[0, 1] == pytest.approx(W_C[0] + 10 * np.exp(-4 / 50), rel=1e-6)
