"""Images and labels are paired in every supported layout; anything else is refused clearly."""

import numpy as np
import pytest
import tifffile
from pictures import assert_slices, draw, sentence
from PIL import Image

from minunet.data import pairs
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
    x, annotation = pairs.read_pair(tmp_path / "i.tif", tmp_path / "l.tif")
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
    x, annotation = pairs.read_pair(images, labels)
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
            pairs.read_pair(images, labels)
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
    assert pairs.find(tmp_path) == (tmp_path / images, tmp_path / labels)


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
        pairs.read_pair(tmp_path / "image.png", tmp_path / "labels.png")
