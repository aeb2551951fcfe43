"""Image, labels and weights of an augmented tile move together; each motion is correct alone."""

from dataclasses import replace
from itertools import product

import numpy as np
import pytest

from minunet import augmentation
from minunet.augmentation import deformation, interpolation
from minunet.augmentation.tile import SETS, Augmentation, sample
from minunet.image import SYMMETRIES, Sample, cut, symmetry
from minunet.runs.settings import PRESETS, from_options

ALL = range(SYMMETRIES)
MOVING = [
    *("paper", "later", "rigid", "symmetries", "none"),
    Augmentation(sigma=4.0, rotation="quarter", flip=True),
]


def coordinates(height, width):
    """Return an image, labels and weights that encode the coordinates of their pixels.

    Linear interpolation of coordinates gives the coordinate of the position, mirrored beyond an
    edge.
    """
    rows, columns = np.indices((height, width))
    image = np.stack([rows, columns], axis=-1).astype(np.float32)
    weights = (rows + columns / 1024).astype(np.float32)
    return image, rows * width + columns, weights


def tile(whole, pixel, size, margin, augmentation, seed):
    if isinstance(augmentation, str):
        augmentation = SETS[augmentation]
    rng = np.random.default_rng(seed)
    return sample(Sample(*whole), pixel, size, margin, augmentation, rng)[: len(whole)]


def without_grey(name):
    return replace(SETS[name], grey=False) if isinstance(name, str) else name


@pytest.mark.parametrize("name", MOVING)
@pytest.mark.parametrize("shape", [(70, 91), (9, 13), (1, 6)])
def test_labels_and_weights_go_where_the_grey_values_go(name, shape):
    whole, rng = coordinates(*shape), np.random.default_rng(0)
    for seed, margin in product(range(6), (0, 3, 8)):
        pixel = (int(rng.integers(shape[0])), int(rng.integers(shape[1])))
        x, labels, weights = tile(whole, pixel, 30, margin, without_grey(name), seed)
        assert x.shape == (30, 30, 2)
        assert labels.shape == weights.shape == (30 - 2 * margin, 30 - 2 * margin)
        row, column = np.moveaxis(x[margin : 30 - margin, margin : 30 - margin], -1, 0)
        label_row, label_column = np.divmod(labels, shape[1])
        # The nearest pixel is no farther than half a pixel, in both directions.
        assert np.abs(label_row - row).max() <= 0.5 + 1e-5
        assert np.abs(label_column - column).max() <= 0.5 + 1e-5
        expected = row + column / 1024
        np.testing.assert_allclose(weights, expected, rtol=0, atol=2e-5)  # measured: 8e-6


@pytest.mark.parametrize("which", ALL)
@pytest.mark.parametrize("size", [24, 25])
def test_undeformed_quarter_turns_are_symmetries_of_a_cut(which, size):
    image = np.random.default_rng(0).random((30, 41, 2)).astype(np.float32)
    labels = np.arange(30 * 41).reshape(30, 41)
    top, left = -5, 20
    middle = top + (size - 1) / 2, left + (size - 1) / 2
    for bend in (deformation.interpolating, deformation.b_spline):
        spline = bend(size)
        still = np.zeros((2, *2 * spline.points.shape))
        motion = deformation.rigid(which % 4 * np.pi / 2, flipped=which >= 4)
        at = deformation.source(size, spline, still, motion, middle)
        turned = symmetry(cut(image, top, left, size, size), which)
        found = interpolation.linear(image, at)
        np.testing.assert_allclose(found, turned, rtol=0, atol=1e-6)  # measured: 6e-8
        turned = symmetry(cut(labels, top, left, size, size), which)
        np.testing.assert_array_equal(interpolation.nearest(labels, at), turned)


@pytest.mark.parametrize(("shape", "pixel"), [((40, 51), (0, 50)), ((6, 5), (3, 0))])
def test_the_set_none_cuts_from_the_mirrored_image(shape, pixel):
    rng = np.random.default_rng(0)
    image = rng.random((*shape, 3)).astype(np.float32)
    labels, weights = rng.integers(0, 3, shape), rng.random(shape).astype(np.float32)
    x, *central = tile((image, labels, weights), pixel, 20, 6, "none", seed=0)
    padded = np.pad(image, [(30, 30), (30, 30), (0, 0)], mode="reflect")
    top, left = pixel[0] + 30 - 10, pixel[1] + 30 - 10
    np.testing.assert_array_equal(x, padded[top : top + 20, left : left + 20])
    for found, array in zip(central, (labels, weights), strict=True):
        padded = np.pad(array, 30, mode="reflect")[top + 6 : top + 14, left + 6 : left + 14]
        np.testing.assert_array_equal(found, padded)


def test_all_eight_symmetries_are_drawn_and_exact():
    rng = np.random.default_rng(0)
    image = rng.random((40, 51, 1)).astype(np.float32)
    cut = image[10:30, 20:40]  # around pixel (20, 30)
    views = [np.rot90(flip, k) for flip in (cut, cut[:, ::-1]) for k in range(4)]
    counts = np.zeros(8)
    for seed in range(400):
        x, _, _ = tile((image, image[..., 0], image[..., 0]), (20, 30), 20, 2, "symmetries", seed)
        counts += [np.array_equal(x, view) for view in views]
    assert counts.sum() == 400
    assert np.abs(counts - 50).max() < 4 * 6.6  # binomial, 50 ± 6.6 each; measured: 10


def rigid_part(x):
    """Fit A and the centre to a tile of coordinates: x = centre + A (pixel - middle)."""
    size = len(x)
    pixels = (np.indices((size, size)) - (size - 1) / 2).reshape(2, -1)
    found = x.reshape(-1, 2).T.astype(np.float64)
    centre = found.mean(axis=1)
    matrix = (found - centre[:, None]) @ np.linalg.pinv(pixels)
    residual = matrix @ pixels + centre[:, None] - found
    return matrix, centre, np.abs(residual).max()


def test_rotations_and_shifts_are_uniform_and_half_are_flipped():
    whole = coordinates(60, 80)
    turning = Augmentation(rotation="any", flip=True)
    angles, flips, shifts = [], [], []
    for seed in range(800):
        x, _, _ = tile(whole, (30, 40), 20, 4, turning, seed)
        matrix, centre, residual = rigid_part(x)
        assert residual < 2e-5  # measured: 4e-6
        np.testing.assert_allclose(matrix @ matrix.T, np.eye(2), rtol=0, atol=1e-6)  # 1.4e-7
        flips.append(np.linalg.det(matrix) < 0)
        angles.append(np.arctan2(-matrix[1, 0], matrix[0, 0]) % (2 * np.pi))
        shifts.append(centre - (30, 40))
    octants = np.bincount((np.array(angles) / (np.pi / 4)).astype(int), minlength=8)
    assert np.sum((octants - 100) ** 2) / 100 < 7 + 4 * 14**0.5  # chi², 7 ± √14; measured: 6
    assert abs(np.mean(flips) - 0.5) < 4 * 0.5 / 800**0.5  # measured: 0.004
    assert np.abs(shifts).max() < 0.5 + 1e-4
    # Uniform over a pixel: standard deviation 1/√12.
    np.testing.assert_allclose(np.std(shifts, axis=0), 12**-0.5, rtol=0.08)  # measured: 1.5 %
    np.testing.assert_allclose(np.mean(shifts, axis=0), 0, atol=4 * 12**-0.5 / 800**0.5)
    assert abs(np.corrcoef(np.transpose(shifts))[0, 1]) < 4 / 800**0.5
    unflipped = Augmentation(rotation="any")
    for seed in range(20):
        x, _, _ = tile(whole, (30, 40), 20, 4, unflipped, seed)
        assert np.linalg.det(rigid_part(x)[0]) == pytest.approx(1, abs=1e-5)


@pytest.mark.parametrize(
    ("augmentation", "factor"),
    [
        # The interpolating spline has the standard deviation σ at its grid points.
        (Augmentation(sigma=10.0), 1.0),
        (Augmentation(sigma=3.0), 1.0),
        # The B-spline at its knot has σ times the sum of (1, 4, 1)²/36, once for each axis: σ/2.
        (Augmentation(sigma=10.0, spline="b-spline"), 0.5),
    ],
)
def test_displacements_have_the_standard_deviation_of_the_set(augmentation, factor):
    whole = coordinates(180, 190)
    size, drawn = 41, []
    for seed in range(600):
        x, _, _ = tile(whole, (90, 95), size, 0, augmentation, seed)
        still = np.indices((size, size)) - np.reshape([20 - 90, 20 - 95], (2, 1, 1))
        u = np.moveaxis(x, -1, 0) - still
        corners = [(0, 0)] if factor == 0.5 else list(product((0, 20, 40), repeat=2))
        drawn.append([u[:, r, c] for r, c in corners])
    drawn = np.array(drawn)  # (600, grid points, 2)
    expected = np.hypot(factor * augmentation.sigma, 12**-0.5)  # and the shift's 1/√12
    # The standard error of a standard deviation of 600 draws is 1/√1200 = 3 %.
    np.testing.assert_allclose(drawn.std(axis=0), expected, rtol=4 / 1200**0.5)  # measured: 7 %
    np.testing.assert_allclose(drawn.mean(axis=0), 0, atol=4 * expected / 600**0.5)
    both = np.corrcoef(drawn.reshape(600, -1).T) - np.eye(drawn[0].size)
    if augmentation.sigma == 10:  # grid points and axes are independent, except for the shift
        assert np.abs(both).max() < 4 / 600**0.5 + 0.01  # measured: 0.11


def test_fields_of_the_augmentation_sets():
    paper, later = SETS["paper"], SETS["later"]
    assert list(SETS) == ["paper", "later", "rigid", "symmetries", "none"]
    assert (paper.sigma, paper.spline, paper.rotation, paper.flip) == (
        *(10, "interpolating", "any", True),
    )
    assert (later.sigma, later.spline, later.rotation, later.flip) == (
        *(10, "b-spline", "any", False),
    )
    assert SETS["rigid"] == replace(paper, sigma=0)
    assert [name for name, chosen in SETS.items() if chosen.grey] == ["paper", "later", "rigid"]
    assert [name for name, chosen in SETS.items() if chosen.exact] == ["symmetries", "none"]
    assert {chosen.order for chosen in SETS.values()} == {1}
    assert not Augmentation(sigma=1.0).exact
    assert not Augmentation(rotation="any").exact


@pytest.mark.parametrize("name", SETS)
@pytest.mark.parametrize("shape", [(40, 51, 1), (8, 5, 3)])
def test_tile_contract(name, shape):
    rng = np.random.default_rng(0)
    image = rng.random(shape).astype(np.float32)
    labels = rng.choice(np.array([0, 3, 200], np.uint8), shape[:2])
    whole = image, labels, rng.random(shape[:2]).astype(np.float32)
    before = [array.copy() for array in whole]
    for array in whole:
        array.flags.writeable = False
    first, again, other = (tile(whole, (7, 4), 24, 8, name, seed) for seed in (5, 5, 11))
    assert [array.shape for array in first] == [(24, 24, shape[2]), (8, 8), (8, 8)]
    assert [array.dtype for array in first] == [np.float32, np.uint8, np.float32]
    assert set(np.unique(first[1])) <= {0, 3, 200}
    for array, same in zip(first, again, strict=True):
        np.testing.assert_array_equal(array, same)
    assert (first[0] != other[0]).any() == (name != "none")
    for array, was in zip(whole, before, strict=True):
        np.testing.assert_array_equal(array, was)
        assert not any(np.shares_memory(array, result) for result in first)


@pytest.mark.parametrize("scale", [(0.0, 1.0), (-2.5, 6.0)])
def test_grey_values_vary_over_the_range_of_the_whole_image(scale):
    low, high = scale
    image = np.random.default_rng(0).random((50, 60, 2)).astype(np.float32) * 0.2 + 0.4
    image[0, 0], image[0, 1] = 0, 1  # far from the tile; its own range must not be used
    image = (low + (high - low) * image).astype(np.float32)
    whole, farthest = (image, image[..., 0], image[..., 0]), []
    for seed in range(5):
        plain = tile(whole, (35, 40), 20, 4, without_grey("paper"), seed)
        varied = tile(whole, (35, 40), 20, 4, "paper", seed)
        np.testing.assert_array_equal(plain[1], varied[1])  # labels and weights do not change
        np.testing.assert_array_equal(plain[2], varied[2])
        for c in range(2):
            before, after = ((v[0][..., c].ravel() - low) / (high - low) for v in (plain, varied))
            order = np.argsort(before)
            slope = np.ptp(after) / np.ptp(before)
            assert (np.diff(after[order]) > -1e-6).all()
            assert 0.79 < slope < 1.21
            # At 0.4 … 0.6 of the range the curve lies between slopes of 0.8 and 1.2 from both ends.
            assert (after > 0.8 * before - 1e-6).all()
            assert (after < 0.1 + 1.2 * before + 1e-6).all()
            farthest.append(np.abs(after - before).max())
    # Over its own fifth of the range, a tile's grey values could move by 0.2 · (0.1 + 0.1) at most.
    assert max(farthest) > 0.05  # measured: 0.089


def test_order_3_reads_the_image_with_the_cubic_spline():
    rng = np.random.default_rng(0)
    image = rng.random((40, 51, 1)).astype(np.float32)
    whole = image, rng.integers(0, 2, (40, 51)), rng.random((40, 51)).astype(np.float32)
    linear, cubic = (
        tile(whole, (20, 30), 24, 4, Augmentation(sigma=5.0, rotation="any", order=order), 1)
        for order in (1, 3)
    )
    where = tile(
        (coordinates(40, 51)[0], *whole[1:]),
        (20, 30),
        24,
        4,
        Augmentation(sigma=5.0, rotation="any"),
        1,
    )[0]
    expected = interpolation.cubic(image, np.moveaxis(where, -1, 0).astype(np.float64))
    np.testing.assert_allclose(cubic[0], expected, rtol=0, atol=1e-5)  # measured: 2e-6
    assert np.abs(cubic[0] - linear[0]).max() > 0.05
    np.testing.assert_array_equal(cubic[1], linear[1])
    np.testing.assert_array_equal(cubic[2], linear[2])


@pytest.mark.parametrize("name", SETS)
def test_pixels_that_are_not_annotated_have_no_weight_after_deformation(name):
    image, labels, weights = coordinates(70, 91)
    annotated = np.random.default_rng(1).random(labels.shape) < 0.5
    whole = (image, labels, (weights + 1) * annotated, annotated)
    for seed in range(4):
        _, label, weight, known = tile(whole, (30, 40), 30, 3, SETS[name], seed)
        np.testing.assert_array_equal(known, annotated.ravel()[label])
        assert known.dtype == bool
        assert (weight[~known] == 0).all()
        assert (weight[known] > 0).all()
        assert 0.2 < known.mean() < 0.8


def test_a_tile_that_folds_is_warned_of():
    (line,) = augmentation.warnings("paper", 138)
    assert line == (
        "warning   --augment paper folds parts of the image in more than 1 % of tiles of 138 "
        "pixels; pass --tile 139 or more, or --augment symmetries"
    )
    assert augmentation.warnings("paper", 139) == []
    for name in ("later", "rigid", "symmetries", "none"):
        assert augmentation.warnings(name, 24) == []


def test_no_preset_folds_its_tiles():
    for preset in PRESETS:
        settings = from_options(preset=preset)
        assert augmentation.warnings(settings.augment, settings.tile) == []
