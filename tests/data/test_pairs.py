"""Images and labels are paired in every supported layout; anything else is refused clearly."""

from pathlib import Path

import numpy as np
import pytest
import tifffile
from datasets import read_pair
from pictures import assert_slices, draw, sentence
from PIL import Image

from minunet.data import pairs
from minunet.data.image_files import Reading
from minunet.errors import InputError


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
    x, annotation = read_pair(tmp_path / "i.tif", tmp_path / "l.tif")
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
    x, annotation = read_pair(images, labels)
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
            f"{images / 'b.png'} is 6 x 8 pixels, but its labels in {other_size / 'b.png'} are "
            "6 x 9",
        ),
        (longer, f"{images / 'c.png'} holds 1 image, but {longer / 'c.tif'} holds 2 label maps"),
        (
            other_size / "a.png",
            f"{images} is a folder, but {other_size / 'a.png'} is a file; they must both be",
        ),
    ]:
        with pytest.raises(InputError) as refused:
            read_pair(images, labels)
        assert message in str(refused.value)


def stacks(folder, **lengths):
    """Write stacks of these lengths, filled with the file's number and the slice's; return it."""
    folder.mkdir()
    for n, (name, length) in enumerate(lengths.items()):
        stack = np.stack([np.full((4, 6), 10 * n + k, np.uint8) for k in range(length)])
        tifffile.imwrite(folder / f"{name}.tif", stack, photometric="minisblack")
    return folder


def values(images):
    return [int(image[0, 0, 0]) for image in images]


def test_stacks_in_folders_are_paired_file_by_file(tmp_path):
    images = stacks(tmp_path / "i", img1=2, img2=1, img10=3)
    # Written in another order, so that the numbers of the files are not those of the images.
    labels = stacks(tmp_path / "l", img10=3, img1=2, img2=1)
    found = pairs.read((images, labels))
    assert values(found.images) == [0, 1, 10, 20, 21, 22]
    assert values(found.masks) == [10, 11, 20, 0, 1, 2]
    assert found.names == ["img1 0", "img1 1", "img2", "img10 0", "img10 1", "img10 2"]
    assert [file.name for file in found.files] == ["img1.tif"] * 2 + ["img2.tif"] + 3 * [
        "img10.tif"
    ]


def test_label_files_in_another_order_than_their_images(tmp_path):
    # "a" sorts before "a b", but "a b_mask" sorts before "a_mask".
    images = stacks(tmp_path / "i", **{"a": 1, "a b": 2})
    labels = stacks(tmp_path / "l", **{"a_mask": 1, "a b_mask": 2})
    assert values(pairs.read((images, labels)).masks) == [0, 10, 11]


@pytest.mark.parametrize(
    ("lengths", "message"),
    [
        # The totals agree, but the pages of two files would be paired with those of others.
        ((1, 1, 2), "{}/i/a.tif holds 2 images, but {}/l/a.tif holds 1 label map;"),
        ((2, 1, 2), "{}/i/c.tif holds 1 image, but {}/l/c.tif holds 2 label maps;"),
        ((2, 2, 1), "{}/i/b.tif holds 1 image, but {}/l/b.tif holds 2 label maps;"),
    ],
)
def test_a_file_with_a_page_too_many_is_named(tmp_path, lengths, message):
    images = stacks(tmp_path / "i", a=2, b=1, c=1)
    labels = stacks(tmp_path / "l", **dict(zip("abc", lengths, strict=True)))
    with pytest.raises(InputError) as refused:
        pairs.read((images, labels))
    assert str(refused.value).startswith(message.replace("{}", str(tmp_path)))


def test_a_slice_of_another_size_is_named(tmp_path):
    images = stacks(tmp_path / "i", a=3)
    with tifffile.TiffWriter(write(tmp_path / "l") / "a.tif") as file:
        for width in (6, 6, 7):
            file.write(halves((4, width)), photometric="minisblack", metadata=None)
    with pytest.raises(InputError) as refused:
        pairs.read((images, tmp_path / "l"), reading=Reading())
    assert str(refused.value) == (
        f"slice 2 of {tmp_path / 'i' / 'a.tif'} is 4 x 6 pixels, but its labels in "
        f"{tmp_path / 'l' / 'a.tif'} are 4 x 7; both must have the same size"
    )


def test_a_second_source_is_appended_and_named_after_its_folder(tmp_path):
    (tmp_path / "val").mkdir()
    first = stacks(tmp_path / "i", a=1, b=1), stacks(tmp_path / "l", a=1, b=1)
    second = stacks(tmp_path / "val" / "images", c=2), stacks(tmp_path / "val" / "labels", c=2)
    found = pairs.read(first, second)
    assert values(found.images) == values(found.masks) == [0, 10, 0, 1]
    assert found.names == ["a", "b", "val/c 0", "val/c 1"]
    # A colour image in one of them makes all of them coloured.
    Image.fromarray(draw((4, 6, 3))).save(tmp_path / "i" / "a.png")
    (tmp_path / "i" / "a.tif").unlink()
    assert {image.shape for image in pairs.read(first, second).images} == {(4, 6, 3)}


def test_images_of_several_types_are_mentioned(tmp_path):
    images, labels = (stacks(tmp_path / name, a=1, b=1) for name in "il")
    assert pairs.read((images, labels)).notes == []
    tifffile.imwrite(images / "b.tif", np.full((4, 6), 3000, np.uint16), photometric="minisblack")
    (note,) = pairs.read((images, labels)).notes
    assert note.startswith("the images are uint16 and uint8; if their ranges of values differ")


# Matching names


def paths(folder, names):
    return [Path(folder) / name for name in names.split()]


@pytest.mark.parametrize(
    ("images", "labels"),
    [
        ("a.png b.TIF", "a.tif b.PNG"),
        ("a.png a.b.tif", "a.tif a.b.png"),
        ("a.ome.tif b.tif", "a.png b.ome.tiff"),
        ("img1.png img2.png", "img1_mask.png img2_mask.png"),
        ("img1.png img2.png", "img1_label.png img2-labels.tif"),
        ("img1.png img10.png img2.png", "img1_seg.tif img10_seg.tif img2_seg.tif"),
        ("img1.png img2.png", "img1_masks.png img2_cp_masks.png"),
        ("img1_img.png img2_img.png", "img1_masks.png img2_masks.png"),
        ("x_raw.tif y_raw.tif", "x_GT.tif y_ground_truth.tif"),
        ("image_01.png image_02.png", "mask_01.png mask_02.png"),
        ("img1.png img2.png", "label1.png label2.png"),
        ("cell_seg.png cell.png", "cell_seg.png cell.png"),  # no word is left out without need
        ("Pr\u00e4parat.png", "Pra\u0308parat.png"),  # composed and decomposed
        ("Pra\u0308parat.png", "Pr\u00e4parat_mask.png"),
    ],
)
def test_names_that_match(images, labels):
    ours, theirs = paths("i", images), paths("l", labels)
    assert pairs.match(ours, theirs) == dict(zip(ours, theirs, strict=True))
    assert pairs.match(ours, theirs[::-1]) == dict(zip(ours, theirs, strict=True))


@pytest.mark.parametrize(
    ("images", "labels", "message"),
    [
        (
            "img1.png img2.png",
            "img1.png img3.png",
            "1 of 2 files in i have no match in l: img2 (the name closest to img2 is img3)",
        ),
        (
            "img1.png img2.png img3.png",
            "img1_mask.png img2_mask.png",
            "1 of 3 files in i have no match in l: img3; give an image",
        ),
        (
            "img1.png",
            "img1_mask.png img2_mask.png",
            "1 of 2 files in l have no match in i: img2_mask; give an image",
        ),
        ("img1.png", "img1_mask.png img1_seg.png", "l/img1_mask.png and img1_seg.png have the sa"),
        ("a.png a.tif", "a.png", "i/a.png and a.tif have the same name, a, apart"),
        ("a.png", "a.png a.tif", "l/a.png and a.tif have the same name, a, apart"),
        ("img1.png img2.png", "mask11.png mask12.png", "2 of 2 files in i have no match in l: img"),
        ("a.png", "b.png", "1 of 1 files in i have no match in l: a; give an image and its lab"),
        ("image.png", "imagemask.png", "1 of 1 files in i have no match in l: image (the name"),
    ],
)
def test_names_that_do_not_match_are_refused(images, labels, message):
    with pytest.raises(InputError) as refused:
        pairs.match(paths("i", images), paths("l", labels))
    assert str(refused.value).startswith(message)


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
    assert pairs.find(tmp_path) == (tmp_path / images, tmp_path / labels)


@pytest.mark.parametrize("labels", ["labels", "masks"])
def test_find_in_the_subfolder_train(tmp_path, labels):
    for part in ("train", "test", "val"):
        for name in ("images", labels):
            (tmp_path / part / name).mkdir(parents=True)
    assert pairs.find(tmp_path) == (tmp_path / "train" / "images", tmp_path / "train" / labels)
    assert pairs.find(tmp_path / "val") == (
        tmp_path / "val" / "images",
        tmp_path / "val" / labels,
    )


def test_find_validation(tmp_path):
    assert pairs.find_validation(tmp_path) is None
    (tmp_path / "test").mkdir()
    (tmp_path / "val").mkdir()
    assert pairs.find_validation(tmp_path) is None  # empty
    (tmp_path / "validation" / "images").mkdir(parents=True)
    assert pairs.find_validation(tmp_path) == tmp_path / "validation"
    (tmp_path / "val" / "images").mkdir(parents=True)
    assert pairs.find_validation(tmp_path) == tmp_path / "val"


def test_find_prefers_the_stack_layout(tmp_path):
    for name in ("images", "labels", "masks"):
        (tmp_path / name).mkdir()
    assert pairs.find(tmp_path) == (tmp_path / "images", tmp_path / "labels")
    for name in ("train-volume.tif", "train-labels.tif"):
        (tmp_path / name).touch()
    found = pairs.find(tmp_path)
    assert found == (tmp_path / "train-volume.tif", tmp_path / "train-labels.tif")


def test_find_names_the_layouts_it_looked_for(tmp_path):
    (tmp_path / "images").mkdir()
    (tmp_path / "train-labels.tif").touch()
    for words in ("train-volume.tif", "images/", "masks/", "01_GT/SEG", "--images and --labels"):
        assert words in sentence(tmp_path, pairs.find)
    assert "not a folder" in sentence(tmp_path / "train-labels.tif", pairs.find)


def test_labels_in_colour_are_refused(tmp_path):
    Image.fromarray(draw((20, 31))).save(tmp_path / "image.png")
    Image.fromarray(draw((20, 31, 3))).save(tmp_path / "labels.png")
    with pytest.raises(InputError, match=r"labels\.png is in colour"):
        read_pair(tmp_path / "image.png", tmp_path / "labels.png")


def test_a_test_folder_is_found_only_with_labels(tmp_path):
    assert pairs.find_test(tmp_path) is None
    (tmp_path / "test" / "images").mkdir(parents=True)
    assert pairs.find_test(tmp_path) is None  # as in many data sets
    (tmp_path / "test" / "masks").mkdir()
    assert pairs.find_test(tmp_path) == tmp_path / "test"
    other = tmp_path / "other" / "test"
    (other / "01").mkdir(parents=True)
    assert pairs.find_test(other.parent) is None
    (other / "01_GT" / "SEG").mkdir(parents=True)
    assert pairs.find_test(other.parent) == other
