"""Labels and pairs of every supported layout are read; anything else is refused clearly."""

import numpy as np
import pytest
import tifffile
from pictures import assert_slices, draw, sentence
from PIL import Image

from minunet.data import readers
from minunet.errors import InputError

# Labels


def as_masks(*pages):
    return [np.asarray(page)[..., np.newaxis] for page in pages]


@pytest.mark.parametrize(
    ("values", "dtype"),
    [
        ((0, 255), np.uint8),
        ((0, 255), np.uint16),
        ((0, 1), np.uint8),
        ((0, 1), bool),
        ((0, 1), np.float32),
        ((0, 1, 2), np.uint16),
        (tuple(range(16)), np.uint8),
    ],
)
def test_label_values_become_classes(values, dtype):
    classes = np.random.default_rng(0).integers(len(values), size=(2, 30, 21))
    masks = as_masks(*np.array(values)[classes].astype(dtype))
    labels, found = readers.classes(masks, "somewhere")
    for label, expected in zip(labels, classes, strict=True):
        assert label.dtype == np.uint8
        np.testing.assert_array_equal(label, expected)
    assert found.values == values
    fractions = np.bincount(classes.ravel()) / classes.size
    np.testing.assert_allclose(found.fractions, fractions, rtol=1e-12)


def test_label_values_are_collected_over_the_whole_stack():
    # The first slice alone would be refused because it has a single value.
    labels, found = readers.classes(as_masks([[0, 0, 0]], [[255, 255, 0]]), "somewhere")
    np.testing.assert_array_equal(labels[0], [[0, 0, 0]])
    np.testing.assert_array_equal(labels[1], [[1, 1, 0]])
    assert found == ((0, 255), (4 / 6, 2 / 6))


@pytest.mark.parametrize(
    ("page", "message"),
    [
        ([[0, 128, 255]], ["values 0, 128, 255", "0 … K-1", "0 → 0, 128 → 1, 255 → 2"]),
        ([[1, 2]], ["values 1, 2", "1 → 0, 2 → 1"]),
        ([[0.0, 0.5]], ["0, 0.5"]),
        ([[-1, 0]], ["-1, 0"]),
        ([[7, 7]], ["all", "7", "at least two classes"]),
        ([[0, 2]], ["values 0, 2", "--labels-are cells"]),
        ([range(61)], ["61 values (0, 1, 2, 3, 4, 5, …)", "threshold smoothed masks first"]),
        ([range(17)], ["17 values", "≤ 16"]),
    ],
)
def test_label_values_that_are_refused(page, message):
    with pytest.raises(InputError) as refused:
        readers.classes(as_masks(page), "mask.tif")
    for words in ["mask.tif", *message]:
        assert words in str(refused.value)


def test_labels_in_colour_are_refused(tmp_path):
    Image.fromarray(draw((20, 31))).save(tmp_path / "image.png")
    Image.fromarray(draw((20, 31, 3))).save(tmp_path / "labels.png")
    with pytest.raises(InputError, match=r"labels\.png is in colour"):
        readers.read_pair(tmp_path / "image.png", tmp_path / "labels.png")


# Numbered cells


def test_numbered_cells():
    found = readers.annotate(as_masks([[0, 3, 3]], [[700, 0, 1]]), "cells", "somewhere")
    for cells, expected in zip(found.cells, ([[0, 3, 3]], [[700, 0, 1]]), strict=True):
        assert cells.dtype == np.int32
        np.testing.assert_array_equal(cells, expected)
    np.testing.assert_array_equal(found.labels, [[[0, 1, 1]], [[1, 0, 1]]])
    assert found.labels[0].dtype == np.uint8
    assert found.values.values == (0, 1)
    assert found.values.fractions == pytest.approx((2 / 6, 4 / 6), rel=1e-15)
    assert found.ignored is None


@pytest.mark.parametrize(
    ("page", "numbered"),
    [
        (range(16), False),  # 0 … 15 may be classes
        (range(17), True),
        ([0, *range(100, 116)], True),
        ([0, 0, 255], False),
    ],
)
def test_many_numbers_are_treated_as_cells(page, numbered):
    found = readers.annotate(as_masks([np.repeat(list(page), 9)]), "auto", "somewhere")
    assert (found.cells is not None) == numbered


def test_an_image_is_not_treated_as_cells():
    with pytest.raises(InputError, match=r"mask\.tif have \d+ values"):
        readers.annotate(as_masks(draw((40, 50))), "auto", "mask.tif")


def test_few_numbers_are_cells_on_request():
    found = readers.annotate(as_masks([[0, 1, 2]]), "cells", "somewhere")
    np.testing.assert_array_equal(found.labels[0], [[0, 1, 1]])
    assert len(readers.annotate(as_masks([[0, 1, 2]]), "auto", "somewhere").values.values) == 3


@pytest.mark.parametrize(
    ("page", "message"),
    [
        ([[0.5, 1, 0]], "is not a map of numbered cells"),
        ([[-1, 1, 0]], "is not a map of numbered cells"),
        ([[0, 0, 0]], "0 everywhere"),
    ],
)
def test_invalid_cell_numbers_are_refused(page, message):
    with pytest.raises(InputError, match=rf"mask\.tif.*{message}"):
        readers.annotate(as_masks(page), "cells", "mask.tif")


def test_many_smoothed_values_are_not_cells():
    smooth = np.linspace(0, 1, 40)[np.newaxis]
    with pytest.raises(InputError, match="40 values"):
        readers.annotate(as_masks(smooth), "auto", "mask.tif")


def test_cells_in_colour_are_refused():
    with pytest.raises(InputError, match="colour"):
        readers.annotate([np.zeros((4, 5, 3), np.uint8)], "cells", "mask.png")


# Pairs


def write(folder, **pages):
    """Write pages as PNG, or as TIFF if the name ends in _tif; return the folder."""
    folder.mkdir(parents=True)
    for name, page in pages.items():
        stem, _, suffix = name.partition("_")
        Image.fromarray(page).save(folder / f"{stem.replace('0', '.')}.{suffix or 'png'}")
    return folder


def halves(shape):
    """Make labels whose left half is 0 and whose right half is 1."""
    return np.repeat([np.arange(shape[1]) >= shape[1] // 2], shape[0], axis=0).astype(np.uint8)


def test_a_pair_of_stacks(tmp_path):
    images, labels = draw((2, 6, 8)), np.stack([halves((6, 8))] * 2) * np.uint8(255)
    tifffile.imwrite(tmp_path / "i.tif", images, photometric="minisblack")
    tifffile.imwrite(tmp_path / "l.tif", labels, photometric="minisblack")
    x, annotation = readers.read_pair(tmp_path / "i.tif", tmp_path / "l.tif")
    assert_slices(x, images)
    np.testing.assert_array_equal(annotation.labels, labels // 255)
    assert annotation.values == ((0, 255), (0.5, 0.5))
    assert annotation.cells is None


def test_a_pair_of_folders_is_matched_by_stem(tmp_path):
    # ".TIF" sorts before ".b.TIF", but ".tif" sorts after it. If whole names were sorted, the
    # labels of "a" would be paired with the image of "a.b".
    small, large = (4, 6), (8, 10)
    images = write(tmp_path / "i", a_TIF=draw(small), a0b_TIF=draw(large))
    labels = write(tmp_path / "l", a_tif=halves(small), a0b_tif=halves(large))
    x, annotation = readers.read_pair(images, labels)
    sizes = [label.shape for label in annotation.labels]
    assert [image.shape[:2] for image in x] == sizes == [small, large]


def test_mismatched_pairs_are_refused(tmp_path):
    page, mask = draw((6, 8)), halves((6, 8))
    images = write(tmp_path / "i", a=page, b=page, c=page)
    one_less = write(tmp_path / "less", a=mask, b=mask)
    one_more = write(tmp_path / "more", a=mask, b=mask, c=mask, d=mask)
    other_size = write(tmp_path / "size", a=mask, b=halves((6, 9)), c=mask)
    longer = write(tmp_path / "longer", a=mask, b=mask)
    tifffile.imwrite(longer / "c.tif", np.stack([mask] * 2), photometric="minisblack")
    for labels, message in [
        (one_less, f"1 of 3 files in {images} have no match in {one_less}: c"),
        (one_more, f"1 of 4 files in {one_more} have no match in {images}: d"),
        (
            other_size,
            f"image 1 of {images} is 6 x 8 pixels, but its labels in {other_size} are 6 x 9",
        ),
        (longer, f"{images} holds 3 images, but {longer} holds 4"),
        (other_size / "a.png", "must both be files or both be folders"),
    ]:
        with pytest.raises(InputError) as refused:
            readers.read_pair(images, labels)
        assert message in str(refused.value)


# Finding pairs


@pytest.mark.parametrize(
    ("images", "labels"),
    [
        ("train-volume.tif", "train-labels.tif"),
        ("train-volume.tiff", "train-labels.tiff"),
        ("images/", "labels/"),
        ("images/", "masks/"),
    ],
)
def test_find(tmp_path, images, labels):
    for name in (images, labels):
        if name.endswith("/"):
            (tmp_path / name).mkdir()
        else:
            (tmp_path / name).touch()
    assert readers.find(tmp_path) == (tmp_path / images, tmp_path / labels)


def test_find_prefers_the_stack_layout(tmp_path):
    for name in ("images", "labels", "masks"):
        (tmp_path / name).mkdir()
    assert readers.find(tmp_path) == (tmp_path / "images", tmp_path / "labels")
    for name in ("train-volume.tif", "train-labels.tif"):
        (tmp_path / name).touch()
    found = readers.find(tmp_path)
    assert found == (tmp_path / "train-volume.tif", tmp_path / "train-labels.tif")


def test_find_names_the_layouts_it_looked_for(tmp_path):
    (tmp_path / "images").mkdir()
    (tmp_path / "train-labels.tif").touch()
    for words in ("train-volume.tif", "images/", "masks/", "01_GT/SEG", "--images and --labels"):
        assert words in sentence(tmp_path, readers.find)
    assert "not a folder" in sentence(tmp_path / "train-labels.tif", readers.find)
