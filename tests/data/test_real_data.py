"""Real data, where available, is read as its READMEs say and can be trained on."""

import numpy as np
import pytest
from commands import TINY, call
from datasets import read_pair
from real_data import folder

from minunet import runs
from minunet.data import image_files, label_files, pairs, split
from minunet.data.annotation import Meaning
from minunet.errors import InputError


def test_isbi2012():
    images, (labels, values, *_) = read_pair(*pairs.find(folder("isbi2012")))
    assert len(images) == len(labels) == 24
    assert {image.shape for image in images} == {(512, 512, 1)}
    assert {image.dtype for image in images} == {np.dtype(np.uint8)}
    assert values.values == (0, 255)
    assert values.fractions[0] == pytest.approx(0.225, abs=0.001)  # membrane


def test_two_steps_on_isbi2012(tmp_path):
    # Hold out only one slice, because validation with tiles that segment 148 pixels is slow.
    result = call(
        *("train", "--data", folder("isbi2012"), "--out", tmp_path / "run", *TINY),
        *("--tile", 164, "--steps", 2, "--validation", "23:24"),
    )
    assert result.code == 0, result.err
    assert "24 slices, 512 x 512 pixels, uint8" in result.out
    assert "0 → class 0 (22.5% of the pixels), 255 → class 1 (77.5% of the pixels)" in result.out
    assert [row["step"] for row in runs.read(tmp_path / "run")] == [1, 2]
    assert (tmp_path / "run" / "best.npz").exists()


def test_membranes_of_vnc_sstem():
    at = folder("vnc-sstem")
    images, (labels, values, *_) = read_pair(at / "raw-00-15.tif", at / "membranes-00-15.tif")
    assert len(images) == len(labels) == 16
    assert {image.shape for image in images} == {(1024, 1024, 1)}
    assert values.values == (0, 255)
    assert values.fractions[1] == pytest.approx(0.207, abs=0.001)  # here, 255 is membrane


def test_classes_of_vnc_sstem():
    at = folder("vnc-sstem") / "labels-00-15.tif"
    masks = image_files.read(at)
    values = (0, 32, 64, 96, 128, 159, 191, 223, 255)
    found = label_files.annotate(masks, Meaning("classes"), at)
    assert found.values.values == values
    for label, mask in zip(found.labels, masks, strict=True):
        np.testing.assert_array_equal(np.array(values)[label], mask[..., 0])
    with pytest.raises(InputError, match="pass --labels-are classes"):
        label_files.annotate(masks, Meaning(), at)


def test_membranes_of_vnc_sstem_in_the_other_convention():
    at = folder("vnc-sstem") / "membranes-00-15.tif"
    masks = image_files.read(at)
    (doubt,) = label_files.annotate(masks, Meaning(), at).doubts
    assert "--labels-are membranes" in doubt
    found = label_files.annotate(masks, Meaning("membranes"), at)
    assert found.values.values == (255, 0)
    assert found.values.fractions[0] == pytest.approx(0.207, abs=0.001)
    assert found.doubts == ()
    np.testing.assert_array_equal(found.labels[3], masks[3][..., 0] == 0)


def test_mitochondria_of_vnc_sstem():
    at = folder("vnc-sstem") / "mitochondria-00-15.tif"
    found = label_files.annotate(image_files.read(at), Meaning(threshold=128), at)
    assert found.values.fractions[1] == pytest.approx(0.053, abs=0.001)
    assert found.doubts == ()


def test_nuclei():
    at = folder("nuclei-dsb2018")
    images = image_files.read(at / "images")
    assert len(images) == 39
    assert len({image.shape for image in images}) == 4


def test_numbered_nuclei():
    at = folder("nuclei-dsb2018")
    _, annotation = read_pair(at / "images", at / "masks")
    assert sum(len(np.unique(cells)) - 1 for cells in annotation.cells) == 2456


def test_frames_of_the_cell_tracking_challenge():
    # Compressed with LZW, which tifffile leaves to Pillow.
    images = image_files.read(folder("DIC-C2DH-HeLa") / "01")
    assert len(images) >= 30
    assert {image.shape for image in images} == {(512, 512, 1)}
    assert all(np.ptp(image) > 50 for image in images)
    training, held_out, _ = split.split("0.2", image_files.files(folder("DIC-C2DH-HeLa") / "01"))
    assert len(training) + len(held_out) == len(images)
