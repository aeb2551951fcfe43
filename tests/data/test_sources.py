"""Images and labels of all parts are read, those of a validation and of a test folder last."""

import numpy as np
import pytest
import tifffile
from commands import draw_stack

from minunet.data import sources
from minunet.data.sources import Source
from minunet.errors import InputError


def write(folder, names, first=0, colour=False):
    """Write images and labels with these names; return the two folders."""
    images, labels = draw_stack(shape=(9, 12, 14))
    for k, name in enumerate(names, first):
        image = np.stack([images[k], images[k] // 2, images[k]], -1) if colour else images[k]
        for part, page in (("images", image), ("labels", labels[k])):
            (folder / part).mkdir(parents=True, exist_ok=True)
            photometric = "rgb" if page.ndim == 3 else "minisblack"
            tifffile.imwrite(folder / part / f"{name}.tif", page, photometric=photometric)
    return str(folder / "images"), str(folder / "labels")


def test_folders_to_hold_out_come_last(tmp_path):
    paths = write(tmp_path, "ab")
    write(tmp_path / "test", "c", 2)
    write(tmp_path / "val", "d", 3)
    raw = sources.read(Source(*paths), str(tmp_path / "val"), str(tmp_path / "test"))
    assert raw.names == ["a", "b", "val/d", "test/c"]
    assert [file.name for file in raw.files] == ["a.tif", "b.tif", "d.tif", "c.tif"]
    images, labels = draw_stack(shape=(9, 12, 14))
    np.testing.assert_array_equal(np.stack(raw.images)[..., 0], images[[0, 1, 3, 2]])
    np.testing.assert_array_equal(np.stack(raw.masks)[..., 0], labels[[0, 1, 3, 2]])


def test_a_coloured_test_folder_does_not_make_the_others_coloured(tmp_path):
    paths = write(tmp_path, "ab")
    write(tmp_path / "other", "c", 2, colour=True)
    validated = sources.read(Source(*paths), str(tmp_path / "other"))
    assert {image.shape[2] for image in validated.images} == {3}
    with pytest.raises(InputError, match="is in colour; pass --grey"):
        sources.read(Source(*paths), "none", str(tmp_path / "other"))


@pytest.mark.parametrize("value", ["2:3", "c", "0.3"])
def test_test_slices_do_not_determine_the_number_of_channels(tmp_path, value):
    paths = write(tmp_path, "ab", colour=True)
    for path in (tmp_path / "images").iterdir():  # grey values, stored as colours
        grey = np.repeat(tifffile.imread(path)[..., :1], 3, axis=2)
        tifffile.imwrite(path, grey, photometric="rgb")
    write(tmp_path, "c", 2, colour=True)
    assert {image.shape[2] for image in sources.read(Source(*paths), "none").images} == {3}
    with pytest.raises(InputError, match="is in colour; pass --grey"):
        sources.read(Source(*paths), "none", value)


def test_a_test_folder_without_labels_is_refused_with_its_option(tmp_path):
    paths = write(tmp_path, "ab")
    (tmp_path / "test").mkdir()
    with pytest.raises(InputError, match=r"pass something else to --test$"):
        sources.read(Source(*paths), "none", str(tmp_path / "test"))


def test_only_labels_are_refused():
    with pytest.raises(InputError, match="give --images and --labels together; got only --labels"):
        sources.read(Source(None, "l"), "none")
