"""Files of a prediction have the right layout and appear only when they are complete."""

import shutil
from collections import namedtuple

import numpy as np
import pytest
import tifffile
from PIL import Image

from minunet.errors import InputError
from minunet.prediction import output_files
from minunet.prediction.output_files import Layout

LAYOUTS = {
    (1, 2, False): (((20, 31), "YX"), ((20, 31), "YX", np.uint8)),
    (3, 2, True): (((3, 20, 31), "ZYX"), ((3, 20, 31), "ZYX", np.uint16)),
    (1, 5, False): (((5, 20, 31), "CYX"), ((20, 31), "YX", np.uint8)),
    (4, 3, False): (((4, 3, 20, 31), "ZCYX"), ((4, 20, 31), "ZYX", np.uint8)),
}


@pytest.mark.parametrize(("slices", "classes", "cells"), LAYOUTS)
def test_layouts_by_hand(slices, classes, cells):
    expected = LAYOUTS[slices, classes, cells]
    assert output_files.layouts((slices, 20, 31), classes, cells) == (
        Layout("probability.tif", *expected[0], np.float32),
        Layout("labels.tif", *expected[1]),
    )


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


def test_a_classic_file_leaves_room_for_its_tables_below_4_gib():
    assert 2**32 - 2**26 < output_files.CLASSIC < 2**32 - 2**24


def test_disk_space_is_allocated_at_once(tmp_path):
    layout = Layout("a.tif", (300, 1000, 10), "ZYX", np.float32)
    output_files.create(tmp_path, layout)
    assert 512 * (tmp_path / "a.tif").stat().st_blocks >= layout.size


def test_scratch_starts_at_zero_and_leaves_no_file(tmp_path):
    array = output_files.scratch(tmp_path, (20, 31, 2), np.dtype(np.float32))
    assert array.dtype == np.float32
    assert (array == np.zeros((20, 31, 2))).all()
    array[3, 4] = 1, 2
    assert array.sum() == 3
    assert list(tmp_path.iterdir()) == []


# Unfinished


def tree(folder):
    return {str(p.relative_to(folder)): p.read_text() for p in folder.rglob("*") if p.is_file()}


def test_finished_files_move_to_the_folder(tmp_path):
    out = tmp_path / "new" / "out"
    with output_files.unfinished(out) as folder:
        assert folder.parent == out
        (folder / "a.tif").write_text("a")
        (folder / "01_RES").mkdir()
        (folder / "01_RES" / "mask000.tif").write_text("m")
        assert [path.name for path in out.iterdir()] == [folder.name]
        assert folder.name.startswith("unfinished-")
    assert tree(out) == {"a.tif": "a", "01_RES/mask000.tif": "m"}
    assert not folder.exists()


def test_existing_files_are_kept(tmp_path):
    (tmp_path / "01_RES").mkdir()
    (tmp_path / "01_RES" / "log.txt").write_text("mine")
    (tmp_path / "notes.txt").write_text("mine")
    with output_files.unfinished(tmp_path) as folder:
        (folder / "01_RES").mkdir()
        (folder / "01_RES" / "mask000.tif").write_text("m")
    expected = {"01_RES/log.txt": "mine", "notes.txt": "mine", "01_RES/mask000.tif": "m"}
    assert tree(tmp_path) == expected


@pytest.mark.parametrize("error", [KeyboardInterrupt, OSError, InputError])
def test_a_failure_leaves_no_files(tmp_path, error):
    (tmp_path / "notes.txt").write_text("mine")
    with pytest.raises(error), output_files.unfinished(tmp_path) as folder:
        (folder / "a.tif").write_text("a")
        (folder / "01_RES").mkdir()
        (folder / "01_RES" / "mask000.tif").write_text("m")
        raise error
    assert [path.name for path in tmp_path.iterdir()] == ["notes.txt"]


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
