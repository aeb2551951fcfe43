"""By how much images are shrunk: chosen, given, or from pixel sizes; and their labels."""

import argparse
from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from minunet.data import object_size
from minunet.data.annotation import Annotation, LabelValues
from minunet.data.calibration import Calibration
from minunet.data.targets import Weighting, separated
from minunet.errors import InputError
from minunet.resampling import NONE


def squares(*sides, gap=2):
    """Draw square cells side by side, with a gap of background."""
    cells, left = np.zeros((max(sides), sum(sides) + gap * len(sides)), np.int32), 0
    for number, side in enumerate(sides, 1):
        cells[:side, left : left + side] = number
        left += side + gap
    return cells


def annotation(labels, cells=None, annotated=None, values=(0, 1)):
    known = np.ones(labels.shape, bool) if annotated is None else annotated
    numbered = None if cells is None else [cells]
    return Annotation(
        [labels.astype(np.uint8)], LabelValues(values, ()), [known], numbered, ("doubt",)
    )


# Choice


@pytest.mark.parametrize(
    ("sides", "receptive_field", "expected"),
    [
        # A square of side a has the area of a disc of diameter 1.128 a.
        ((100, 100, 100), 92, 4),  # 3 · 112.8 / 92 = 3.68
        ((20, 20), 92, 1),  # 0.74: images are never enlarged by choice
        ((40, 60, 400), 92, 2),  # the median, 60: 2.21
        ((40, 60), 30, 6),  # the median of diameters, 56.4: 5.64
        ((60,), 1, 64),  # no more than 64
    ],
)
def test_three_median_cells_fit_into_the_receptive_field(sides, receptive_field, expected):
    shrink, reason = object_size.choose([squares(*sides)], receptive_field)
    assert shrink == expected
    assert f"{receptive_field} pixels that the network sees" in reason


def test_the_reason_names_the_diameter():
    _, reason = object_size.choose([squares(100), squares(100, 100)], 92)
    assert reason == (
        "the median diameter of the training cells is 113 pixels, and 3 of them should fit into "
        "the 92 pixels that the network sees"
    )


def test_pixels_that_are_not_square_count_their_longer_side():
    # 100 x 100 pixels of 1 x 4 µm are 100 x 25 squares of the longer side: a diameter of 56.4.
    shrink, reason = object_size.choose([squares(100)], 42, (1.0, 4.0))
    assert (shrink, "is 56 pixels" in reason) == (4, True)
    assert object_size.choose([squares(100)], 42, (4.0, 4.0)) == (
        object_size.choose([squares(100)], 42)
    )


@pytest.mark.parametrize("cells", [None, [], [np.zeros((4, 5), int)]])
def test_without_cells_nothing_is_averaged_down(cells):
    assert object_size.choose(cells, 92) == (1.0, "the training labels have no cells")


@pytest.mark.parametrize(
    ("text", "value"), [("auto", "auto"), ("4", 4.0), ("0.25", 0.25), ("64", 64.0), ("2.5", 2.5)]
)
def test_valid_values_of_the_option(text, value):
    assert object_size.parse_shrink(text) == value


@pytest.mark.parametrize("text", ["0", "0.2", "65", "-2", "nan", "inf", "", "Auto", "x" * 99])
def test_other_values_are_refused(text):
    with pytest.raises(
        argparse.ArgumentTypeError, match=r"is not auto or a number from 0.25 to 64"
    ):
        object_size.parse_shrink(text)


# Pixel sizes


@pytest.mark.parametrize(
    ("calibration", "expected"),
    [
        (Calibration((0.2, 0.1), "um"), (0.1, 0.2)),  # width, height → height, width
        (Calibration((4.0, 4.0), "nm"), (0.004, 0.004)),
        (Calibration((1.9e-5, 1.9e-5), "cm"), (0.19, 0.19)),
        (Calibration((1 / 254000, 1 / 25400), "inch"), (1.0, 0.1)),
        (Calibration((2.0, 2.0), ""), None),
        (Calibration((2.0, 2.0), "furlong"), None),
        (Calibration(None, "um"), None),
        (Calibration(), None),
    ],
)
def test_pixel_sizes_are_in_micrometres(calibration, expected):
    found = object_size.pixel_size(calibration)
    assert found == (expected if expected is None else pytest.approx(expected, rel=1e-12))


@pytest.mark.parametrize(
    ("shrink", "trained", "here", "expected"),
    [
        (4, None, None, (4, 4)),
        (4, None, (0.1, 0.1), (4, 4)),
        (4, (0.2, 0.2), None, (4, 4)),
        (4, (0.2, 0.2), (0.2, 0.2), (4, 4)),
        (4, (0.2, 0.2), (0.1, 0.1), (8, 8)),
        (4, (0.2, 0.2), (0.4, 0.4), (2, 2)),
        (1, (0.2, 0.2), (0.4, 0.4), (0.5, 0.5)),
        (4, (0.2, 0.2), (0.1, 0.2), (8, 4)),
        # Network pixels are squares, as wide as the shrunken longer side.
        (2, (0.1, 0.2), (0.1, 0.2), (4, 2)),
        (2, (0.1, 0.2), None, (4, 2)),
        (2, (0.1, 0.2), (0.2, 0.2), (2, 2)),
        (2, (0.1, 1.0), (0.1, 1.0), (20, 2)),  # ten times as long as high
        # Nothing is shrunk in training: network pixels are image pixels, square or not.
        (1, (0.1, 0.2), (0.1, 0.2), (1, 1)),
        (1, (0.1, 0.2), None, (1, 1)),
        (1, (0.1, 0.2), (0.1, 0.1), (1, 2)),
        (1, (0.3, 0.3), (0.29, 0.29), (1.03, 1.03)),  # 1.0345, rounded
        (2, (0.1, 0.1), (1 / 20.0001, 0.0499999), (4, 4)),
    ],
)
def test_factors_follow_the_pixel_size(shrink, trained, here, expected):
    assert object_size.factors(shrink, trained, here) == pytest.approx(expected, rel=1e-12)


@pytest.mark.parametrize("here", [(0.2, 0.2), (0.203, 0.197), (0.2000001, 0.19999)])
@pytest.mark.parametrize("trained", [(0.2, 0.2), (0.2, 0.4)])
def test_rounded_metadata_change_nothing(trained, here):
    here = (here[0], here[1] * trained[1] / 0.2)
    expected = object_size.factors(3, trained, trained)
    assert object_size.factors(3, trained, here) == expected
    assert object_size.factors(3, trained, (here[0], here[1] * 0.97)) != expected


@pytest.mark.parametrize("trained", [(0.19, 0.19), (1e-7, 1e-7), (0.1, 0.3)])
@pytest.mark.parametrize("shrink", [1, 2, 3.7, 64])
def test_the_images_of_training_have_exactly_their_factor(trained, shrink):
    found = object_size.factors(shrink, trained, trained)
    assert found[trained.index(max(trained))] == shrink
    if shrink == 1:
        assert found == NONE


@pytest.mark.parametrize("here", [(0.02, 0.02), (0.2, 2.0), (1.7, 1.7), (200, 200)])
def test_pixel_sizes_that_differ_too_much_are_refused(here):
    with pytest.raises(InputError) as refused:
        object_size.factors(4, (0.2, 0.2), here)
    assert str(refused.value) == (
        f"the pixels of the image are {here[0]:g} x {here[1]:g} µm, but those of the training "
        "images were 0.2 x 0.2 µm; a ratio above 8 is probably an error: correct the metadata, "
        "or pass --shrink 4 to ignore it"
    )


@pytest.mark.parametrize("ratio", [0.125, 8])
def test_up_to_eight_times_is_accepted(ratio):
    found = object_size.factors(4, (0.2, 0.2), (0.2 / ratio, 0.2 / ratio))
    assert found == pytest.approx((4 * ratio, 4 * ratio))


@pytest.mark.parametrize(
    ("factors", "text"), [((4.0, 4.0), "4"), ((4.0, 2.0), "4 x 2"), ((8 / 3, 8 / 3), "2.667")]
)
def test_factors_in_words(factors, text):
    assert object_size.describe(factors) == text


# Annotation of small images


def test_without_factors_the_annotation_is_the_same():
    made = annotation(squares(3) > 0)
    assert object_size.shrunk(made, NONE) is made


def test_classes_get_the_majority():
    labels = np.array([[0, 0, 2, 2, 1], [0, 1, 2, 1, 1]])
    found = object_size.shrunk(annotation(labels, values=(0, 7, 9)), (2, 2))
    np.testing.assert_array_equal(found.labels, [[[0, 2, 1]]])
    assert found.labels[0].dtype == np.uint8
    assert found.cells is None
    assert found.values.values == (0, 7, 9)
    assert found.doubts == ("doubt",)
    assert found.annotated[0].all()


def test_numbered_cells_follow():
    cells = squares(4, 4, gap=0)
    found = object_size.shrunk(annotation(cells > 0, cells), (2, 2))
    np.testing.assert_array_equal(found.cells, [[[1, 1, 2, 2]] * 2])
    np.testing.assert_array_equal(found.labels, [[[1, 1, 1, 1]] * 2])
    assert (found.cells[0].dtype, found.labels[0].dtype) == (np.int32, np.uint8)


@pytest.mark.parametrize("form", ["paper", "later", "balance", "none"])
@pytest.mark.parametrize("factor", [2, 3.3, 4, 5])
def test_a_thin_membrane_still_separates_two_cells(form, factor):
    # The membrane is one pixel wide, so that no small pixel has it as its majority.
    labels = np.ones((20, 40), int)
    labels[:, 20] = 0
    small = object_size.shrunk(annotation(labels), (factor, factor))
    (made,), (cells,) = separated(small, Weighting(form))
    assert np.unique(cells).tolist() == [1, 2]
    for row, numbers in zip(made, cells, strict=True):
        background = np.flatnonzero(row == 0)
        assert background.size == 2  # one pixel of each cell
        assert {*numbers[: background[0]]} == {1}
        assert {*numbers[background[-1] + 1 :]} == {2}


@given(seed=st.integers(0, 999), f=st.sampled_from([1.2, 2, 2.5, 3, 7]))
@settings(deadline=None, max_examples=60)
def test_cells_keep_a_border_between_them(seed, f):
    # Random bricks without any background between them.
    rng = np.random.default_rng(seed)
    edges = [0, *np.cumsum(rng.integers(8, 20, 4))]
    cells = np.zeros((30, edges[-1]), np.int32)
    for number, (first, last) in enumerate(pairwise(edges), 1):
        cells[:, first:last] = number
    small = object_size.shrunk(annotation(cells > 0, cells), (f, f))
    (made,), (numbers,) = separated(small, Weighting("none"))
    inside = np.where(made > 0, numbers, 0)
    for row in inside:
        kept = row[row > 0]
        assert np.count_nonzero(np.diff(row) != 0) >= 2 * (len({*kept}) - 1)
        for left, right in pairwise(row):
            assert left == right or 0 in (left, right)


def test_a_small_pixel_is_annotated_only_if_all_of_it_is():
    known = np.ones((6, 7), bool)
    known[2, 3] = False
    labels = np.ones((6, 7), int)
    found = object_size.shrunk(annotation(labels, annotated=known), (2, 2))
    expected = np.ones((3, 4), bool)
    expected[1, 1] = False
    np.testing.assert_array_equal(found.annotated, [expected])
    np.testing.assert_array_equal(found.labels, [expected])
    np.testing.assert_array_equal(found.cells, [expected])


@pytest.mark.parametrize("f", [1.5, 2.5, 3.3])
def test_a_pixel_of_two_small_pixels_leaves_both_out(f):
    for n in range(12):
        known = np.arange(12) != n
        found = object_size.shrunk(
            annotation(np.ones((1, 12), int), annotated=known[np.newaxis]), (1, f)
        ).annotated[0][0]
        covers = [i * f < n + 1 - 1e-9 and n < (i + 1) * f - 1e-9 for i in range(len(found))]
        np.testing.assert_array_equal(~found, covers)


def test_one_pixel_of_many_counts():
    known = np.ones((512, 512), bool)
    known[100, 100] = False
    made = annotation(np.zeros((512, 512), int), annotated=known, values=(0, 1, 2))
    assert not object_size.shrunk(made, (64, 64)).annotated[0][1, 1]
    assert not object_size.shrunk(made, (512, 512)).annotated[0].any()
