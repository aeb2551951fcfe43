"""A data set to train on: what is held out, what it is called, and when it counts as changed."""

import numpy as np
import pytest
import tifffile
from commands import draw_stack, write_stack

from minunet.data import dataset
from minunet.errors import InputError


def load(folder, validation="none", scaling="minmax"):
    paths = (str(folder / name) for name in ("train-volume.tif", "train-labels.tif"))
    return dataset.load(*paths, validation, scaling)


# Splitting


@pytest.mark.parametrize(
    ("block", "count", "held_out"),
    [
        ("none", 7, []),
        ("0", 7, []),
        ("0.2", 10, [8, 9]),
        ("0.2", 24, [19, 20, 21, 22, 23]),
        ("0.2", 2, [1]),  # a fraction of several is at least one
        ("0.01", 30, [29]),
        ("0.2", 1, []),  # a single one is there to train on
        ("0.75", 4, [1, 2, 3]),
        ("0:3", 7, [0, 1, 2]),
        ("2:4", 7, [2, 3]),
        ("6:7", 7, [6]),
    ],
)
def test_blocks(block, count, held_out):
    training, validation = dataset.split(block, count)
    assert validation == held_out
    assert training == [k for k in range(count) if k not in held_out]


@pytest.mark.parametrize("count", [1, 2, 5, 24])
@pytest.mark.parametrize("percent", range(0, 75, 7))
def test_a_fraction_is_one_contiguous_block_at_the_end(count, percent):
    training, held_out = dataset.split(f"{percent / 100}", count)
    assert training + held_out == list(range(count))
    assert training
    if count > 1 and percent:
        assert held_out
        assert len(held_out) <= max(1, count * percent / 100 + 0.5)


@pytest.mark.parametrize(
    "block",
    ["1", "1.5", "-0.1", "nan", "all", "", "3", "2:2", "4:2", "-1:2", "5:8", "1:2:3", "a:b"],
)
def test_blocks_that_are_refused(block):
    with pytest.raises(InputError, match=r"FIRST:END within 0:7, a fraction.*none") as refused:
        dataset.split(block, 7)
    assert f"validation is {block};" in str(refused.value)


def test_something_must_be_left_to_train_on():
    for block, count in (("0:7", 7), ("0:1", 1)):
        with pytest.raises(InputError, match=f"{block} leaves none of the {count} slices"):
            dataset.split(block, count)
    assert dataset.split("0.95", 7) == ([0], [1, 2, 3, 4, 5, 6])
    assert dataset.split("0.95", 1) == ([0], [])


# Loading


def test_images_labels_and_what_was_found(tmp_path):
    images, labels = draw_stack()
    data = load(write_stack(tmp_path), validation="1:3")
    low, high = float(images.min()), float(images.max())
    for found, wanted in zip(data.images, images, strict=True):
        assert found.dtype == np.float32
        np.testing.assert_allclose(found[..., 0], (wanted - low) / (high - low), atol=1e-7)
    np.testing.assert_array_equal(data.labels, labels)
    assert (data.training, data.held_out) == ([0, 3], [1, 2])
    assert data.label_values == (0, 1)
    text = "\n".join(data.description)
    for words in (
        "4 slices, 30 x 41 pixels, uint8",
        f"{low:g} … {high:g}, scaled: minmax",
        f"0 → class 0 ({np.mean(labels == 0):.1%} of the pixels)",
        f"1 → class 1 ({np.mean(labels == 1):.1%} of the pixels)",
        "2 slices to train on; validation on slice 1 … 2",
    ):
        assert words in text


def test_part_keeps_images_and_labels_together(tmp_path):
    data = load(write_stack(tmp_path))
    images, labels = data.part([2, 0])
    assert images[0] is data.images[2]
    assert images[1] is data.images[0]
    assert labels[0] is data.labels[2]
    assert labels[1] is data.labels[0]


def test_images_of_one_bit_can_be_described(tmp_path):
    folder = write_stack(tmp_path)
    page = draw_stack()[1].astype(bool)
    tifffile.imwrite(folder / "train-volume.tif", page, photometric="minisblack")
    data = load(folder)
    np.testing.assert_array_equal(np.stack(data.images)[..., 0], page)


def test_the_fingerprint_is_of_pixels_and_labels(tmp_path):
    images, labels = draw_stack()
    first = load(write_stack(tmp_path / "a")).fingerprint
    same = write_stack(tmp_path / "b")
    assert load(same, validation="1:2", scaling="standard").fingerprint == first
    labels[1, 2, 3] ^= 1
    tifffile.imwrite(same / "train-labels.tif", labels, photometric="minisblack")
    other_labels = load(same).fingerprint
    images[1, 2, 3] ^= 1
    tifffile.imwrite(same / "train-volume.tif", images, photometric="minisblack")
    assert len({first, other_labels, load(same).fingerprint}) == 3


def test_without_paths_it_is_synthetic_and_the_same_each_time(monkeypatch):
    assert dataset.SYNTHETIC_SHAPE == (10, 256, 256)
    monkeypatch.setattr(dataset, "SYNTHETIC_SHAPE", (10, 32, 48))  # which is drawn in no time
    data, again = (dataset.load(None, None, "0.2", "minmax") for _ in range(2))
    assert data.fingerprint == again.fingerprint
    assert len(data.images) == len(data.labels) == 10
    assert data.images[0].shape == (32, 48, 1)
    assert data.held_out == [8, 9]
    assert "synthetic EM" in data.description[0]


@pytest.mark.parametrize("paths", [("a.tif", None), (None, "a.tif")])
def test_images_and_labels_belong_together(paths):
    with pytest.raises(InputError, match="--images and --labels belong together"):
        dataset.load(*paths, "none", "minmax")
