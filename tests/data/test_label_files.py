"""Label values become classes or cells; anything else is refused clearly."""

import numpy as np
import pytest
from pictures import draw

from minunet.data import label_files
from minunet.data.annotation import Meaning
from minunet.errors import InputError


def as_masks(*pages):
    return [np.asarray(page)[..., np.newaxis] for page in pages]


def read(*pages, **meaning):
    return label_files.annotate(as_masks(*pages), Meaning(**meaning), "mask.tif")


# Numbered cells


def test_numbered_cells():
    found = read([[0, 3, 3]], [[700, 0, 1]], kind="cells")
    for cells, expected in zip(found.cells, ([[0, 3, 3]], [[700, 0, 1]]), strict=True):
        assert cells.dtype == np.int32
        np.testing.assert_array_equal(cells, expected)
    np.testing.assert_array_equal(found.labels, [[[0, 1, 1]], [[1, 0, 1]]])
    assert found.labels[0].dtype == np.uint8
    assert found.values.values == (0, 1)
    assert found.values.fractions == pytest.approx((2 / 6, 4 / 6), rel=1e-15)
    assert all(annotated.all() for annotated in found.annotated)


@pytest.mark.parametrize(
    ("dtype", "first"),
    [(np.uint32, 3_000_000_000), (np.uint64, 2**40), (np.int64, 2**31), (np.float64, 2**45)],
)
def test_large_numbers_are_renumbered_alike_in_all_maps(dtype, first):
    pages = [
        np.array(page, dtype) for page in ([[0, first, first + 7]], [[first + 7, 0, first + 2]])
    ]
    found = read(*pages, kind="cells")
    np.testing.assert_array_equal(found.cells, [[[0, 1, 3]], [[3, 0, 2]]])
    assert found.cells[0].dtype == np.int32


def test_if_all_cells_have_one_number_each_region_is_a_cell():
    found = read([[255, 0, 255], [255, 0, 0]], [[0, 0, 0], [0, 255, 255]], kind="cells")
    np.testing.assert_array_equal(found.cells[0], [[1, 0, 2], [1, 0, 0]])
    np.testing.assert_array_equal(found.cells[1], [[0, 0, 0], [0, 1, 1]])


@pytest.mark.parametrize(
    ("page", "message"),
    [
        ([[0.5, 1, 0]], "is not a map of numbered cells"),
        ([[-1, 1, 0]], "is not a map of numbered cells: it contains -1;.*--ignore -1"),
        ([[0, 0, 0]], "0 everywhere"),
    ],
)
def test_invalid_cell_numbers_are_refused(page, message):
    with pytest.raises(InputError, match=rf"mask\.tif.*{message}"):
        read(page, kind="cells")


def test_cells_in_colour_are_refused():
    with pytest.raises(InputError, match="colour"):
        label_files.annotate([np.zeros((4, 5, 3), np.uint8)], Meaning("cells"), "mask.png")


# What the values mean


def squares(values):
    """Draw a square of 3×3 pixels for every value, with one pixel of background between them."""
    map_ = np.zeros((5, 4 * len(values) + 1), np.asarray(values).dtype)
    for k, value in enumerate(values):
        map_[1:4, 4 * k + 1 : 4 * k + 4] = value
    return map_


def test_many_numbers_are_cells():
    assert read(squares(range(1, 18))).cells is not None
    assert read(squares([255, 255])).cells is None


def test_few_numbers_may_be_either_and_are_asked_for():
    page = squares(range(1, 16))
    with pytest.raises(InputError, match=r"16 values .*--labels-are classes or --labels-are cells"):
        read(page)
    assert read(page, kind="cells").cells is not None
    assert len(read(page, kind="classes").values.values) == 16


def test_if_cells_are_expected_few_numbers_are_cells():
    for numbers in (range(1, 16), [1, 2, 1, 2, 1], [255, 255]):
        found = read(squares(numbers), expected="cells")
        assert len(np.unique(found.cells[0])) - 1 == (2 if len(numbers) < 15 else 15)
    assert read(squares([1, 2]), kind="classes", expected="cells").cells is None


def test_grey_values_are_refused_even_if_cells_are_expected():
    y, x = np.mgrid[:64, :64]
    soft = np.rint(255 * np.clip(18.5 - np.hypot(y - 31.2, x - 30.7), 0, 1)).astype(np.uint8)
    for page in (soft, draw((40, 50))):
        with pytest.raises(InputError, match=r"pass --label-threshold 128 "):
            read(page, expected="cells")
    assert read(soft, threshold=128, expected="cells").cells[0].max() == 1


def test_a_value_in_several_regions_is_a_class():
    found = read(squares([1, 2, 1, 2, 1]))
    assert found.cells is None
    assert found.values.values == (0, 1, 2)


def test_an_image_is_not_treated_as_cells():
    with pytest.raises(InputError, match=r"mask\.tif have \d+ values .* look like grey values"):
        read(draw((40, 50)))


@pytest.mark.parametrize(("high", "half"), [(255, 128), (65535, 32768), (100, 50), (1.0, 0.5)])
def test_soft_edges_are_recognized_and_a_threshold_is_proposed(high, half):
    y, x = np.mgrid[:64, :64]
    soft = np.clip(18.5 - np.hypot(y - 31.2, x - 30.7), 0, 1) * high
    page = soft if isinstance(high, float) else np.rint(soft).astype(np.uint16)
    with pytest.raises(InputError, match=rf"soft edges; pass --label-threshold {half} "):
        read(page)
    found = read(page, threshold=half)
    assert found.cells is None
    np.testing.assert_array_equal(found.labels[0], soft >= half - 0.5 * (high > 1))
    assert found.values.values == ((0, 255) if high > 1 else (0, 1))
    assert found.values.fractions[1] == pytest.approx(found.labels[0].mean())


def test_each_region_above_the_threshold_is_a_cell_on_request():
    found = read([[255, 130, 0, 200], [0, 90, 0, 0]], threshold=128, kind="cells")
    np.testing.assert_array_equal(found.cells[0], [[1, 1, 0, 2], [0, 0, 0, 0]])
    np.testing.assert_array_equal(found.labels[0], [[1, 1, 0, 1], [0, 0, 0, 0]])
    assert found.values.values == (0, 1)


def test_a_threshold_that_separates_nothing_is_refused():
    for threshold in (300, 0):
        with pytest.raises(InputError, match=r"values are from 0 to 255; pass a value above 0"):
            read([[0, 100, 255]], threshold=threshold)


# Pixels that are not annotated


@pytest.mark.parametrize("ignore", [255, 65535, -1, 7])
def test_classes_with_pixels_that_are_not_annotated(ignore):
    page = np.array([[0, 1, 1, ignore], [0, ignore, 2, 0]])
    found = read(page, ignore=ignore)
    np.testing.assert_array_equal(found.annotated[0], page != ignore)
    np.testing.assert_array_equal(found.labels[0], [[0, 1, 1, 0], [0, 0, 2, 0]])
    assert found.values.values == (0, 1, 2)
    assert found.values.fractions == pytest.approx((3 / 6, 2 / 6, 1 / 6))


def test_cells_with_pixels_that_are_not_annotated():
    found = read([[0, 900, 900, -1], [0, 0, 4, -1]], kind="cells", ignore=-1)
    np.testing.assert_array_equal(found.cells[0], [[0, 900, 900, 0], [0, 0, 4, 0]])
    assert found.values.fractions == pytest.approx((0.5, 0.5))
    assert not found.annotated[0][:, 3].any()


def test_classes_from_1_if_0_is_not_annotated():
    found = read([[0, 1, 0, 2]], ignore=0)
    np.testing.assert_array_equal(found.labels[0], [[0, 0, 0, 1]])
    assert found.values.values == (1, 2)
    assert found.values.fractions == pytest.approx((0.5, 0.5))


def test_a_mask_with_a_threshold_and_pixels_that_are_not_annotated():
    found = read([[0, 90, 200, 255]], threshold=128, ignore=255)
    np.testing.assert_array_equal(found.labels[0], [[0, 0, 1, 0]])
    np.testing.assert_array_equal(found.annotated[0], [[1, 1, 1, 0]])
    assert found.values.fractions == pytest.approx((2 / 3, 1 / 3))


def test_labels_without_any_annotation_are_refused():
    with pytest.raises(InputError, match=r"all labels in mask\.tif are 255, which --ignore"):
        read([[255, 255]], ignore=255)


@pytest.mark.parametrize(
    ("dtype", "value"), [(np.uint8, 255), (np.uint16, 65535), (np.uint32, 2**32 - 1)]
)
def test_a_number_that_may_stand_for_not_annotated_is_doubted(dtype, value):
    page = np.array([[0, 3, 3], [4, 0, value]], dtype)
    (doubt,) = read(page, kind="cells").doubts
    assert f"pass --ignore {value} if" in doubt
    assert read(page, kind="cells", ignore=value).doubts == ()
    page[0, 0] = value - 1  # cells are counted up to the last number
    assert read(page, kind="cells").doubts == ()


def test_an_ignored_value_that_does_not_occur_is_doubted():
    (doubt,) = read([[0, 1, 1]], ignore=77).doubts
    assert "no label has the value 77" in doubt
    assert read([[0, 1, 77]], ignore=77).doubts == ()


# Membranes


def net(inside=0, membrane=255, dtype=np.uint8):
    """Draw a net of lines around 5 x 6 cells, 20 % of the pixels or more."""
    map_ = np.full((41, 49), inside, dtype)
    map_[::8], map_[:, ::8] = membrane, membrane
    return map_


def test_class_1_that_looks_like_membranes_is_doubted_if_nobody_was_asked():
    for given in ({}, {"threshold": 128}):
        (doubt,) = read(net(), **given).doubts
        assert "255 looks like membranes" in doubt
        assert "pass --labels-are membranes" in doubt
        assert read(net(255, 0), **given).doubts == ()  # ISBI 2012
    for kind in ("classes", "membranes", "cells"):
        assert read(net(), kind=kind).doubts == ()


def test_membranes_are_class_0():
    found = read(net(), kind="membranes")
    assert found.values.values == (255, 0)
    assert found.cells is None
    np.testing.assert_array_equal(found.labels[0], net() == 0)
    assert found.values.fractions[0] == pytest.approx((net() == 255).mean())


def test_membranes_stay_classes_if_cells_are_expected():
    for given in ({}, {"threshold": 9}):
        found = read(net(), kind="membranes", expected="cells", **given)
        assert found.cells is None
        np.testing.assert_array_equal(found.labels[0], net() == 0)


def test_membranes_with_soft_edges_and_pixels_that_are_not_annotated():
    found = read([[0, 100, 255, 7], [140, 0, 7, 7]], kind="membranes", threshold=128, ignore=7)
    np.testing.assert_array_equal(found.labels[0], [[1, 1, 0, 0], [0, 1, 0, 0]])
    np.testing.assert_array_equal(found.annotated[0], [[1, 1, 1, 0], [1, 1, 0, 0]])
    assert found.values.values == (255, 0)
    assert found.values.fractions == pytest.approx((2 / 5, 3 / 5))
    found = read([[3, 9, 7]], kind="membranes", ignore=7)
    np.testing.assert_array_equal(found.labels[0], [[1, 0, 0]])
    assert found.values.values == (9, 3)
