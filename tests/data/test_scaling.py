"""Images are scaled with one offset and one spread for the whole stack."""

import tracemalloc

import numpy as np
import pytest

from minunet.data.scaling import Scale, scale, scale_of


def assert_scaled(scaled, expected, atol=0.0):
    for image, wanted in zip(scaled, expected, strict=True):
        assert image.dtype == np.float32
        assert image.shape == np.shape(wanted)
        np.testing.assert_allclose(image, wanted, rtol=0, atol=atol)


STACK = [np.array([[[10], [20]]], np.uint8), np.array([[[30]], [[50]], [[20]]], np.uint8)]


def test_minmax_over_the_whole_stack_by_hand():
    # Values 10 … 50. If slices were scaled separately, the 20 of the first would become 1.
    expected = [[[[0], [0.25]]], [[[0.5]], [[1]], [[0.25]]]]
    assert_scaled(scale(STACK, "minmax"), expected)


@pytest.mark.parametrize("how", ["minmax", "standard"])
def test_a_given_scale_is_used_instead_of_that_of_the_stack(how):
    expected = [[[[0], [0.5]]], [[[1]], [[2]], [[0.5]]]]
    assert_scaled(scale(STACK, how, Scale(10, 20)), expected)


def test_standard_by_hand():
    # Mean 26, deviations -16, -6, 4, 24, -6; the sum of their squares is 920, the mean 184.
    d = 184**0.5
    expected = [[[[-16 / d], [-6 / d]]], [[[4 / d]], [[24 / d]], [[-6 / d]]]]
    assert_scaled(scale(STACK, "standard"), expected, atol=2e-7)  # measured: 3e-8


def test_none_does_not_change_the_values():
    assert_scaled(scale(STACK, "none"), STACK)


@pytest.mark.parametrize("how", ["minmax", "standard"])
@pytest.mark.parametrize("value", [0, 7, 65535])
def test_a_constant_stack_becomes_0(how, value):
    stack = [np.full((2, 3, 1), value, np.uint16), np.full((4, 2, 1), value, np.uint16)]
    assert_scaled(scale(stack, how), [np.zeros((2, 3, 1)), np.zeros((4, 2, 1))])


def test_channels_are_scaled_together():
    image = np.array([[[0, 100, 200]]], np.uint8)
    assert_scaled(scale([image], "minmax"), [[[[0, 0.5, 1]]]])


@pytest.mark.parametrize(
    ("dtype", "offset", "unit"),
    [(np.uint16, 65000, 1), (np.int32, 2**30, 1), (np.float32, 2.0**20, 0.125), (float, 1e12, 1)],
)
@pytest.mark.parametrize("how", ["minmax", "standard"])
def test_a_large_offset_loses_no_precision(dtype, offset, unit, how):
    # 0 … 100 units above the offset; for the larger offsets, most are equal in float32.
    steps = np.arange(101).reshape(1, 101, 1)
    expected = steps / 100 if how == "minmax" else (steps - 50) / 850**0.5  # (101² - 1) / 12
    (scaled,) = scale([(offset + unit * steps).astype(dtype)], how)
    assert_scaled([scaled], [expected], atol=2e-7)  # measured: 6e-8


@pytest.mark.parametrize("how", ["minmax", "standard", "none"])
@pytest.mark.parametrize("dtype", [np.uint8, np.uint16, np.float32, np.float64])
def test_the_arguments_are_not_modified(how, dtype):
    stack = [image.astype(dtype) for image in STACK]
    for image in stack:
        image.flags.writeable = False
    for scaled, image in zip(scale(stack, how), stack, strict=True):
        assert not np.shares_memory(scaled, image)
    assert_scaled([image.astype(np.float32) for image in stack], STACK)


# In bands


def whole(images, how):
    """Scale each image in one piece, in float64."""
    if how == "image":
        return [whole([image], "minmax")[0] for image in images]
    stacked = np.concatenate([image.astype(np.float64).ravel() for image in images])
    offset, spread = 0.0, 1.0
    if how == "minmax":
        offset, spread = stacked.min(), np.ptp(stacked)
    elif how == "standard":
        offset = sum(image.astype(np.float64).sum() for image in images) / stacked.size
        squares = (np.square(image.astype(np.float64) - offset).sum() for image in images)
        spread = (sum(squares) / stacked.size) ** 0.5
    return [((image - offset) / spread).astype(np.float32) for image in images]


@pytest.mark.parametrize("most", [1, 50, 2**20])
@pytest.mark.parametrize("how", ["minmax", "standard", "image", "none"])
@pytest.mark.parametrize("dtype", [np.uint8, np.uint16, ">u2", np.int16, np.float32])
def test_scaling_in_bands_gives_the_same_bits(monkeypatch, dtype, how, most):
    monkeypatch.setattr("minunet.image.MOST", most)
    rng = np.random.default_rng(0)
    stack = [(rng.random(shape) * 255).astype(dtype) for shape in ((23, 17, 1), (9, 31, 1))]
    for one, expected in zip(scale(stack, how), whole(stack, how), strict=True):
        assert one.dtype == np.float32
        np.testing.assert_array_equal(one, expected)


@pytest.mark.parametrize("how", ["minmax", "standard", "none"])
def test_a_part_is_scaled_like_the_whole(how):
    rng = np.random.default_rng(1)
    stack = [rng.random((19, 23, 2)), rng.random((11, 13, 2))]
    found = scale_of(stack, how)
    for image, scaled in zip(stack, scale(stack, how), strict=True):
        np.testing.assert_array_equal(found.apply(image[3:8, 2:13]), scaled[3:8, 2:13])


def test_the_scale_by_hand():
    assert scale_of(STACK, "minmax") == Scale(10.0, 40.0)
    assert scale_of(STACK[1:], "image") == Scale(20.0, 30.0)
    assert scale_of(STACK, "none") == Scale(0.0, 1.0)
    assert scale_of([np.full((2, 3, 1), 7)], "minmax") == Scale(7.0, 1.0)


@pytest.mark.parametrize("how", ["minmax", "standard"])
def test_finding_the_scale_does_not_copy_the_image(how):
    image = np.zeros((4096, 1500, 1), np.uint8)
    tracemalloc.start()
    scale_of([image], how)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 0.7 * 8 * image.size  # of a copy in float64; measured: 0.34
