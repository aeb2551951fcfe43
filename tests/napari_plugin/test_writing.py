"""The writers: what they write, `train` reads; and nothing is overwritten."""

from pathlib import Path

import numpy as np
import pytest
import tifffile

from minunet.data import object_size, pairs
from minunet.errors import InputError
from minunet.napari_plugin import writing
from minunet.napari_plugin.layers import LayerSlices
from minunet.napari_plugin.writing import WriteError


def drawn():
    """Draw five slices, of which 1 and 3 are annotated: with 1 and 2, and 0 elsewhere."""
    rng = np.random.default_rng(0)
    images = rng.integers(0, 4000, (5, 20, 31)).astype(np.uint16)
    labels = np.zeros((5, 20, 31), np.int64)
    labels[1] = 1 + (images[1] > 2000)
    labels[3, :9] = 1 + (images[3, :9] > 2000)
    return images, labels


def layers(images, labels, **shown):
    return [(labels, {"name": "paint"}, "labels"), (images, {"name": "em"} | shown, "image")]


def test_train_reads_the_annotated_slices(tmp_path):
    images, labels = drawn()
    units = {"scale": (50, 4, 5), "units": ("nanometer",) * 3}
    paths = writing.write_training_folder(str(tmp_path / "new"), layers(images, labels, **units))
    assert list(map(str, pairs.find(tmp_path / "new"))) == paths
    found = pairs.read(tuple(map(Path, paths)))
    np.testing.assert_array_equal([one[..., 0] for one in found.images], images[[1, 3]])
    np.testing.assert_array_equal([one[..., 0] for one in found.masks], labels[[1, 3]])
    assert found.images[0].dtype == np.uint16
    assert object_size.pixel_size(found.calibration) == (0.004, 0.005)


def test_a_training_folder_of_colour_images(tmp_path):
    images = np.arange(3 * 20 * 31 * 3, dtype=np.uint8).reshape(3, 20, 31, 3)
    labels = np.ones((3, 20, 31), int)
    writing.write_training_folder(str(tmp_path / "new"), layers(images, labels, rgb=True))
    found = pairs.read(pairs.find(tmp_path / "new"))
    np.testing.assert_array_equal(found.images, images)


def test_a_folder_that_is_not_empty_is_refused(tmp_path):
    (tmp_path / "mine.txt").write_text("kept", encoding="utf-8")
    with pytest.raises(WriteError, match="already exists and is not empty") as error:
        writing.write_training_folder(str(tmp_path), layers(*drawn()))
    assert "\n" not in str(error.value)
    assert [path.name for path in tmp_path.iterdir()] == ["mine.txt"]


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda labels: labels[:, :9], "choose a labels layer of the same size"),
        (lambda labels: 0 * labels, "no slice has annotations"),
        (lambda labels: -labels, "use values of 0 or more"),
    ],
)
def test_annotations_that_do_not_fit(tmp_path, change, message):
    images, labels = drawn()
    with pytest.raises(InputError, match=message):
        writing.write_annotated(tmp_path / "new", LayerSlices(images), change(labels), None)
    assert not (tmp_path / "new").exists()


@pytest.mark.parametrize(
    ("largest", "dtype"), [(255, np.uint8), (256, np.uint16), (65536, np.uint32)]
)
def test_labels_become_one_file_with_all_slices(tmp_path, largest, dtype):
    _, labels = drawn()
    labels[0, 0, 0] = largest
    (path,) = writing.write_labels(str(tmp_path / "a.tif"), labels, {})
    found = tifffile.imread(path)
    assert found.dtype == dtype
    np.testing.assert_array_equal(found, labels)


def test_a_file_is_never_overwritten(tmp_path):
    path = tmp_path / "a.tif"
    path.write_bytes(b"kept")
    with pytest.raises(WriteError, match="already exists; choose another name"):
        writing.write_labels(str(path), drawn()[1], {})
    assert path.read_bytes() == b"kept"
    link = tmp_path / "link.tif"
    link.symlink_to(tmp_path / "nothing")
    with pytest.raises(WriteError, match="already exists"):
        writing.write_labels(str(link), drawn()[1], {})


def test_napari_saves_layers(tmp_path, napari):
    viewer = napari.components.ViewerModel()
    images, labels = drawn()
    viewer.add_image(images)
    paint = viewer.add_labels(labels)
    viewer.layers.selection = set(viewer.layers)
    found = viewer.layers.save(str(tmp_path / "new"), selected=True, plugin="minunet")
    assert len(found) == 2
    viewer.layers.selection = {paint}
    (path,) = viewer.layers.save(str(tmp_path / "a.tif"), selected=True, plugin="minunet")
    np.testing.assert_array_equal(tifffile.imread(path), labels)
    with pytest.raises(WriteError, match="already exists"):
        viewer.layers.save(str(tmp_path / "a.tif"), selected=True, plugin="minunet")
