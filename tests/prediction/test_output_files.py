"""Files of a prediction have the right layout and appear only when they are complete."""

import errno
import os
import shutil
import sys
from collections import namedtuple

import numpy as np
import pytest
import tifffile
from commands import largest_file
from PIL import Image

from minunet.data import calibration
from minunet.data.calibration import Calibration
from minunet.errors import InputError
from minunet.prediction import output_files
from minunet.prediction.output_files import About, Layout

LAYOUTS = {
    (1, 2, False): (((20, 31), "YX"), ((20, 31), "YX", np.uint8)),
    (3, 2, True): (((3, 20, 31), "ZYX"), ((3, 20, 31), "ZYX", np.uint16)),
    (1, 5, False): (((5, 20, 31), "CYX"), ((20, 31), "YX", np.uint8)),
    (4, 3, False): (((4, 3, 20, 31), "ZCYX"), ((4, 20, 31), "ZYX", np.uint8)),
}


@pytest.mark.parametrize(("slices", "classes", "cells"), LAYOUTS)
def test_layouts_by_hand(slices, classes, cells):
    expected = LAYOUTS[slices, classes, cells]
    found = output_files.layouts((slices, 20, 31), classes, cells)
    assert [layout[:4] for layout in found] == [
        ("probability.tif", *expected[0], np.float32),
        ("labels.tif", *expected[1]),
    ]


@pytest.mark.parametrize(
    ("axes", "lengths", "of_p"), [("T", (6,), "TCYX"), ("TZ", (2, 3), "TZCYX")]
)
def test_layouts_along_the_axes_of_the_input(axes, lengths, of_p):
    names = tuple("abcdef")
    about = About(Calibration((1, 1), "um", None, 2.0, axes, lengths), names)
    p, labels = output_files.layouts((6, 20, 31), 3, False, about)
    assert p[:3] == ("probability.tif", (*lengths, 3, 20, 31), of_p)
    assert labels[:3] == ("labels.tif", (*lengths, 20, 31), axes + "YX")
    assert labels.about.names == names
    assert p.about.names[:4] == ("a, class 0", "a, class 1", "a, class 2", "b, class 0")
    assert len(p.about.names) == 18
    unnamed = about._replace(names=("a", "", *"cdef"))
    p, _ = output_files.layouts((6, 20, 31), 3, False, unnamed)
    assert p.about.names[2:5] == ("a, class 2", "class 0", "class 1")
    fewer = output_files.layouts((5, 20, 31), 2, False, about)[1]
    assert fewer[1:3] == ((5, 20, 31), "ZYX")


def test_the_size_by_hand():
    assert Layout("a.tif", (4, 3, 20, 31), "ZCYX", np.float32).size == 4 * 3 * 20 * 31 * 4
    assert Layout("a.tif", (20, 31), "YX", np.uint16).size == 1240


CREATED = pytest.mark.parametrize(
    ("shape", "axes", "dtype"),
    [
        *[((20, 31), "YX", np.float32), ((3, 20, 31), "ZYX", np.uint8)],
        *[((2, 3, 20, 31), "ZCYX", np.float32), ((4, 20, 31), "CYX", np.float32)],
        *[((4, 20, 3), "ZYX", np.uint16), ((3, 1, 9), "ZYX", np.uint8)],
    ],
)


def drawn(shape, dtype):
    return np.random.default_rng(0).integers(0, 200, shape).astype(dtype)


@CREATED
def test_a_created_file_equals_an_imagej_hyperstack_by_tifffile(tmp_path, shape, axes, dtype):
    array = drawn(shape, dtype)
    tifffile.imwrite(tmp_path / "b.tif", array, imagej=True, metadata={"axes": axes})
    mapped = output_files.create(tmp_path, Layout("a.tif", shape, axes, dtype))
    mapped[...] = array
    mapped.flush()
    with tifffile.TiffFile(tmp_path / "a.tif") as a, tifffile.TiffFile(tmp_path / "b.tif") as b:
        assert a.is_imagej
        assert a.imagej_metadata == b.imagej_metadata
        assert len(a.pages) == len(b.pages)
        assert a.series[0].axes == b.series[0].axes == axes
        assert a.series[0].dtype == dtype
        np.testing.assert_array_equal(a.asarray(), array)
    with Image.open(tmp_path / "a.tif") as image:  # other software can read it, too
        image.seek(image.n_frames - 1)
        np.testing.assert_array_equal(np.array(image), array.reshape(-1, *shape[-2:])[-1])


@CREATED
def test_larger_files_are_bigtiff(tmp_path, monkeypatch, shape, axes, dtype):
    layout = Layout("a.tif", shape, axes, dtype)
    monkeypatch.setattr(output_files, "CLASSIC", layout.size - 1)
    mapped = output_files.create(tmp_path, layout)
    mapped[...] = drawn(shape, dtype)
    mapped.flush()
    with tifffile.TiffFile(tmp_path / "a.tif") as tiff:
        assert tiff.is_bigtiff
        assert not tiff.is_imagej
        assert len(tiff.series) == 1
        assert tiff.series[0].axes == axes
        np.testing.assert_array_equal(tiff.asarray(), drawn(shape, dtype))
    monkeypatch.setattr(output_files, "CLASSIC", layout.size)
    output_files.create(tmp_path, layout)
    with tifffile.TiffFile(tmp_path / "a.tif") as tiff:
        assert tiff.is_imagej


KNOWN = Calibration((0.004, 0.005), "um", 0.05, 2.5, "TZ", (2, 3))
COLOURS = np.arange(256 * 3, dtype=np.uint16).reshape(256, 3) % 251
ABOUT = About(KNOWN, tuple("abcdeé"), COLOURS.astype(np.uint8))


@pytest.mark.parametrize("most", [10**6, 100])
@pytest.mark.parametrize(("axes", "lengths"), [("TZ", (2, 3)), ("ZT", (3, 2))])
def test_what_is_known_is_written(tmp_path, monkeypatch, most, axes, lengths):
    monkeypatch.setattr(output_files, "CLASSIC", most)
    about = ABOUT._replace(calibration=KNOWN._replace(axes=axes, lengths=lengths))
    (tmp_path / "labels").mkdir()
    layout = Layout("labels/a.tif", (*lengths, 20, 31), axes + "YX", np.uint8, about)
    array = drawn(layout.shape, layout.dtype)
    mapped = output_files.create(tmp_path, layout)
    mapped[...] = array
    mapped.flush()
    with tifffile.TiffFile(tmp_path / "labels" / "a.tif") as tiff:
        assert tiff.series[0].axes == axes + "YX"
        np.testing.assert_array_equal(tiff.asarray(), array)
        # ImageJ has no stacks with the frames inside; they are written as OME-TIFF.
        assert tiff.is_imagej == (most > 100 and axes == "TZ")
        assert tiff.is_bigtiff == (most == 100)
        found = calibration.of_tiff(tiff, tiff.series[0])
        assert found == about.calibration._replace(pixel=pytest.approx((0.004, 0.005)))
        if tiff.is_imagej:
            assert tiff.imagej_metadata["Labels"] == [*"abcdeé"]
        else:
            assert "a\nb\nc\nd\ne\né" in tiff.ome_metadata
        np.testing.assert_array_equal(tiff.pages[0].colormap.T, COLOURS * 257)
        assert tiff.pages[0].photometric == tifffile.PHOTOMETRIC.MINISBLACK


def test_results_named_after_inputs(tmp_path):
    assert output_files.in_folder("labels.tif", "") == "labels.tif"
    assert output_files.in_folder("labels.tif", "a.b") == "labels/a.b.tif"
    output_files.check_folders(tmp_path / "new", ["a"])
    (tmp_path / "preview").mkdir()
    (tmp_path / "preview" / "[a].png").write_text("mine")
    output_files.check_folders(tmp_path, ["a", "b"])
    with pytest.raises(InputError, match=r"preview already contains \[a\].png; .*-o"):
        output_files.check_folders(tmp_path, ["b", "[a]"])
    (tmp_path / "labels").write_text("mine")
    with pytest.raises(InputError, match="labels is a file"):
        output_files.check_folders(tmp_path, ["c"])


def test_a_classic_file_leaves_room_for_its_tables_below_4_gib():
    assert 2**32 - 2**26 < output_files.CLASSIC < 2**32 - 2**24


def test_disk_space_is_allocated_at_once(tmp_path):
    layout = Layout("a.tif", (300, 1000, 10), "ZYX", np.float32)
    output_files.create(tmp_path, layout)
    assert 512 * (tmp_path / "a.tif").stat().st_blocks >= layout.size


@pytest.mark.parametrize("platform", [sys.platform, "emscripten"])
def test_scratch_starts_at_zero_and_leaves_no_file(tmp_path, monkeypatch, platform):
    monkeypatch.setattr(sys, "platform", platform)
    array = output_files.scratch(tmp_path, (20, 31, 2), np.dtype(np.float32))
    assert array.dtype == np.float32
    assert (array == np.zeros((20, 31, 2))).all()
    array[3, 4] = 1, 2
    assert array.sum() == 3
    assert list(tmp_path.iterdir()) == []


# The disk


def test_a_full_disk_is_detected_in_advance(tmp_path, monkeypatch):
    usage = namedtuple("usage", "total used free")
    asked = []

    def disk_usage(path):
        asked.append(path)
        return usage(10**10, 9 * 10**9, 10**9)

    monkeypatch.setattr(shutil, "disk_usage", disk_usage)
    out = tmp_path / "new" / "out"
    output_files.check_space(out, 10**9)
    with pytest.raises(InputError, match=r"need 1\.01GB, but .* has 1\.00GB free.*-o"):
        output_files.check_space(out, 10**9 + 1)
    out.mkdir(parents=True)
    output_files.check_space(out, 5)
    assert asked == [tmp_path, tmp_path, out]  # the folder, or its nearest existing parent


@pytest.mark.parametrize("platform", [sys.platform, "emscripten"])
def test_a_file_is_reopened_with_its_pixels(tmp_path, monkeypatch, platform):
    monkeypatch.setattr(sys, "platform", platform)
    layout = Layout("a.tif", (1, 3, 20, 31), "TZYX", np.float32)
    array = np.random.default_rng(0).random(layout.shape).astype(np.float32)
    first = output_files.create(tmp_path, layout)
    first[0] = array[0]
    first.flush()
    again = output_files.reopen(tmp_path, layout)
    assert isinstance(again, output_files.InMemory) == (platform == "emscripten")
    assert again.shape == layout.shape
    np.testing.assert_array_equal(again, array)
    again[0, 1] = 7
    again.flush()
    np.testing.assert_array_equal(tifffile.imread(tmp_path / "a.tif")[1], np.full((20, 31), 7))


def test_a_file_that_has_changed_is_not_reopened(tmp_path):
    layout = Layout("a.tif", (3, 20, 31), "ZYX", np.float32)
    output_files.create(tmp_path, layout)
    os.truncate(tmp_path / "a.tif", 3 * 20 * 31 * 4 - 1)
    for other in (layout, layout._replace(shape=(4, 20, 31)), layout._replace(name="b.tif")):
        with pytest.raises(InputError, match=r"[ab]\.tif is missing or has changed; remove"):
            output_files.reopen(tmp_path, other)


@pytest.mark.skipif(sys.platform != "linux", reason="space is reserved on Linux only")
def test_a_full_disk_is_an_error_before_anything_is_written_to_the_map(tmp_path):
    with pytest.raises(OSError) as error, largest_file(10**5):
        output_files.create(tmp_path, Layout("a.tif", (300, 1000), "YX", np.float32))
    assert error.value.errno == errno.EFBIG
