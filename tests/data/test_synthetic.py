"""Synthetic EM stacks have exact labels and are as difficult as real ones.

Where a measured quantity is bounded, a comment gives its range over seeds 0-19 for this shape and
its value for the ISBI 2012 training stack.
"""

import numpy as np
import pytest
from scipy import ndimage

from minunet.data.synthetic import EMStack, em_stack

SHAPE = (4, 200, 232)


@pytest.fixture(scope="module")
def stack() -> EMStack:
    return em_stack(SHAPE, np.random.default_rng(2012))


def smoothed(images: np.ndarray) -> np.ndarray:
    """Smooth images, so that shot noise makes no pixel dark."""
    return np.stack([ndimage.gaussian_filter(image.astype(float), 1.5) for image in images])


def touching(a: np.ndarray, b: np.ndarray) -> int:
    """Count the pairs of neighbouring pixels that belong to different cells."""
    return int(np.count_nonzero((a != b) & (a > 0) & (b > 0)))


def best_threshold_error(grey: np.ndarray, cell: np.ndarray) -> float:
    """Return the smallest error of any grey-level threshold, as a fraction of the pixels."""
    errors = [np.mean((grey > level) != cell) for level in range(256)]
    return float(min(errors))


def test_same_seed_same_stack_bit_for_bit() -> None:
    first, again, other = (em_stack((2, 48, 64), np.random.default_rng(s)) for s in (5, 5, 6))
    for a, b in zip(first, again, strict=True):
        np.testing.assert_array_equal(a, b)
    assert (first.images != other.images).any()
    assert (first.labels != other.labels).any()


def test_the_generator_is_the_only_source_of_randomness() -> None:
    rng = np.random.default_rng(5)
    first, second = (em_stack((1, 48, 64), rng) for _ in range(2))
    assert (first.images != second.images).any()


@pytest.mark.parametrize("shape", [(1, 16, 16), (2, 17, 83), (5, 70, 16)])
@pytest.mark.parametrize("seed", range(3))
def test_shape_dtype_and_values(shape: tuple[int, int, int], seed: int) -> None:
    images, labels, instances = em_stack(shape, np.random.default_rng(seed))
    assert images.shape == labels.shape == instances.shape == shape
    assert images.dtype == labels.dtype == np.uint8
    assert instances.dtype == np.uint16
    assert set(np.unique(labels)) <= {0, 1}
    assert images.std() > 10  # not a blank image


def test_labels_are_one_exactly_where_there_is_an_instance(stack: EMStack) -> None:
    np.testing.assert_array_equal(stack.labels, stack.instances > 0)


def test_instances_never_touch_even_at_a_corner(stack: EMStack) -> None:
    i = stack.instances
    assert touching(i[:, 1:], i[:, :-1]) == 0
    assert touching(i[:, :, 1:], i[:, :, :-1]) == 0
    assert touching(i[:, 1:, 1:], i[:, :-1, :-1]) == 0
    assert touching(i[:, 1:, :-1], i[:, :-1, 1:]) == 0


def test_membrane_fraction_matches_real_tissue(stack: EMStack) -> None:
    assert 0.15 < np.mean(stack.labels == 0) < 0.33  # 0.20-0.31; ISBI 0.225


def test_connected_components_roughly_match_the_cells(stack: EMStack) -> None:
    for labels, instances in zip(stack.labels, stack.instances, strict=True):
        _, components = ndimage.label(labels)
        cells = np.unique(instances[instances > 0]).size
        # A tube that bends passes through a section more than once.
        assert cells <= components <= 1.4 * cells  # 1.0-1.23


def test_cells_come_in_many_sizes(stack: EMStack) -> None:
    areas = np.concatenate([np.bincount(ndimage.label(m)[0].ravel())[1:] for m in stack.labels])
    middling, large = np.percentile(areas, [50, 97])
    # 4-21; 10 for this seed, and 3-5 if all tubes are equally wide; ISBI 18.
    assert large > 6 * middling


def test_cells_persist_from_slice_to_slice_but_move(stack: EMStack) -> None:
    for upper, lower in zip(stack.instances[:-1], stack.instances[1:], strict=True):
        both = (upper > 0) & (lower > 0)
        same = np.mean(upper[both] == lower[both])
        p, q = (np.bincount(s[both], minlength=2**16) / both.sum() for s in (upper, lower))
        chance = p @ q
        kappa = (same - chance) / (1 - chance)  # Cohen's: 0 by chance, 1 if nothing moves
        assert 0.6 < kappa < 0.97  # 0.70-0.94


def test_adjacent_images_are_as_loosely_correlated_as_real_sections(stack: EMStack) -> None:
    for upper, lower in zip(stack.images[:-1], stack.images[1:], strict=True):
        r = np.corrcoef(upper.ravel(), lower.ravel())[0, 1]
        assert 0.05 < r < 0.45  # 0.10-0.37; ISBI 0.05-0.34


def test_membrane_is_darker_but_grey_alone_does_not_find_it(stack: EMStack) -> None:
    cell = stack.labels == 1
    darker = stack.images[cell].mean() - stack.images[~cell].mean()
    assert darker > 30  # 41-61; ISBI 52
    # For comparison: labelling every pixel as cell has an error of 0.20-0.31.
    assert best_threshold_error(stack.images, cell) > 0.12  # 0.147-0.199; ISBI 0.186
    assert best_threshold_error(smoothed(stack.images), cell) > 0.11  # 0.128-0.200; ISBI 0.180


def test_cells_hold_organelles_as_dark_as_membrane(stack: EMStack) -> None:
    grey = smoothed(stack.images)
    membrane = np.median(grey[stack.labels == 0])
    deep = np.stack([ndimage.distance_transform_edt(m) for m in stack.labels]) > 8
    # 0.01-0.17; 0.090 for this seed, and 0.002 without organelles; ISBI 0.074 (slices 0-7).
    assert np.mean(grey[deep] < membrane) > 0.03


def test_some_membranes_are_faint(stack: EMStack) -> None:
    grey = smoothed(stack.images)
    cytoplasm = np.median(grey[stack.labels == 1])
    middle = np.stack([ndimage.distance_transform_edt(m == 0) for m in stack.labels]) >= 2
    assert np.mean(grey[middle] > 0.85 * cytoplasm) > 0.04  # 0.054-0.155; ISBI 0.039 (slices 0-7)


@pytest.mark.parametrize(
    ("shape", "message"),
    [
        ((0, 32, 32), r"Z >= 1 .* got \(0, 32, 32\)"),
        ((1, 15, 32), r"H, W >= 16, got \(1, 15, 32\)"),
        ((1, 32, 15), r"H, W >= 16, got \(1, 32, 15\)"),
        ((32, 32), r"integers \(Z, H, W\)"),
        ((1, 32.0, 32), r"integers \(Z, H, W\)"),
        ((10**6, 10**4, 10**4), "several smaller stacks"),
    ],
)
def test_impossible_shapes_are_refused(shape: tuple[int, int, int], message: str) -> None:
    with pytest.raises(ValueError, match=message) as error:
        em_stack(shape, np.random.default_rng(0))
    assert "\n" not in str(error.value)
