"""Before a prediction, every slice is read once: to find damaged files and to compute the scale."""

import numpy as np
import pytest
import tifffile

from minunet.data import image_files
from minunet.data.image_files import Slices
from minunet.data.scaling import Scale
from minunet.errors import InputError
from minunet.prediction.survey import survey

ARRAYS = [np.array([[3, 9], [5, 7]], np.uint8), np.array([[4, 8], [20, 4]], np.uint8)]


def write(folder, names=("a", "b")):
    folder.mkdir()
    for name, array in zip(names, ARRAYS, strict=True):
        tifffile.imwrite(folder / f"{name}.tif", array, compression="deflate")
    images = Slices(folder, keep_going=True)
    images.channels = 1
    return images


# Mean of all values 7.5; squared deviations 20.25 + 2.25 + 6.25 + 0.25 + 12.25 + 0.25 + 156.25 +
# 12.25 = 210.
SCALES = {
    "minmax": Scale(3, 17),
    "standard": Scale(7.5, (210 / 8) ** 0.5),
    "none": Scale(0, 1),
    "image": None,
}


@pytest.mark.parametrize("scaling", SCALES)
def test_the_scale_of_all_images(tmp_path, scaling):
    assert survey(write(tmp_path / "in"), scaling) == SCALES[scaling]


@pytest.mark.parametrize(("scaling", "times"), [("minmax", 1), ("none", 1), ("image", 1)])
def test_every_slice_is_read_once(tmp_path, monkeypatch, scaling, times):
    read, load = [], image_files._load
    images = write(tmp_path / "in")
    monkeypatch.setattr(image_files, "_load", lambda page: (read.append(page.file), load(page))[1])
    survey(images, scaling)
    assert read == [tmp_path / "in" / name for name in ("a.tif", "b.tif")] * times


def damage(path, pages=3):
    """Write a file whose first page has large values, and whose last page is NaN."""
    stack = np.full((pages, 2, 2), 99, np.float32)
    stack[-1] = np.nan
    tifffile.imwrite(path, stack, photometric="minisblack")


@pytest.mark.parametrize("scaling", SCALES)
@pytest.mark.parametrize("name", ["0", "aa", "z"])
def test_a_damaged_file_is_left_out_with_all_of_its_pages(tmp_path, scaling, name):
    write(tmp_path / "in")
    damage(tmp_path / "in" / f"{name}.tif")
    images = Slices(tmp_path / "in", keep_going=True)
    images.channels = 1
    assert survey(images, scaling) == SCALES[scaling]
    assert images.names == ["a", "b"]
    (path,) = images.broken
    assert path.name == f"{name}.tif"
    assert "NaN" in images.broken[path]


@pytest.mark.parametrize("scaling", SCALES)
def test_nothing_is_left(tmp_path, scaling):
    (tmp_path / "in").mkdir()
    damage(tmp_path / "in" / "a.tif")
    for path in (tmp_path / "in", tmp_path / "in" / "a.tif"):
        images = Slices(path, keep_going=True)
        images.channels = 1
        with pytest.raises(InputError, match=r"a\.tif contains NaN"):
            survey(images, scaling)
