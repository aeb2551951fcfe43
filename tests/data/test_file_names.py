"""Files of a folder are listed in natural order, by names in Unicode normal form."""

import os
from pathlib import Path

import pytest
from pictures import sentence

from minunet.data.file_names import (
    absolute,
    different_names,
    files,
    in_order,
    is_folder,
    is_volume,
    name_of,
)
from minunet.errors import InputError


@pytest.mark.parametrize(
    "names",
    [
        ["img1", "img2", "Img3", "img10"],
        ["a1b9", "a1b10", "a2b1"],
        ["1", "2", "10", "a"],
        ["t000", "t001", "t010", "t100"],
        ["a", "a1", "a01x", "a1x"],
    ],
)
def test_numbers_count_by_their_value(names):
    assert in_order(reversed(names)) == in_order(names)
    assert in_order(sorted(names, reverse=True)) == names


@pytest.mark.parametrize(
    ("file", "name"),
    [
        ("a.png", "a"),
        ("x/a.b.TIF", "a.b"),
        ("a.ome.tif", "a"),
        ("a.OME.TIFF", "a"),
        ("Pra\u0308parat.png", "Präparat"),
    ],
)
def test_the_name_of_a_file(file, name):
    assert name_of(Path(file)) == name


@pytest.mark.parametrize(
    ("files", "names"),
    [
        (["a.tif", "b.png"], ["a", "b"]),
        (["a.ome.tif", "b.tif"], ["a", "b"]),
        (["a.tif", "a.png", "b.png"], ["a.tif", "a.png", "b.png"]),
        (["a.tif", "A.png"], ["a.tif", "A.png"]),  # the same name on some systems
        (["a.png", "a.tif", "a.png.tif"], ["a.png", "a.tif", "a.png.tif"]),
    ],
)
def test_files_with_equal_names_keep_their_suffix(files, names):
    paths = [Path("in") / file for file in files]
    assert different_names(paths) == dict(zip(paths, names, strict=True))


def test_files_are_sorted_by_name_whatever_their_suffix(tmp_path):
    for name in ("b.png", "a.b.TIF", "a.TIF", "a.10.tif", "a.9.png", ".hidden.png", "c.txt"):
        (tmp_path / name).touch()
    found = [path.name for path in files(tmp_path)]
    assert found == ["a.TIF", "a.9.png", "a.10.tif", "a.b.TIF", "b.png"]
    assert files(tmp_path / "c.txt") == [tmp_path / "c.txt"]


def test_folders_inside_a_folder_are_not_its_files(tmp_path):
    (tmp_path / "a.tif").touch()
    (tmp_path / "b.tif").mkdir()
    assert files(tmp_path) == [tmp_path / "a.tif"]


def test_a_folder_without_images_is_refused(tmp_path):
    assert "does not exist" in sentence(tmp_path / "no", files)
    assert "contains no images" in sentence(tmp_path, files)


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="Windows has no named pipes in folders")
def test_pipes_and_devices_are_refused_instead_of_read_without_end(tmp_path):
    os.mkfifo(tmp_path / "a.tif")
    for path in (tmp_path / "a.tif", tmp_path, Path("/dev/zero")):
        with pytest.raises(InputError, match=r"(a\.tif|/dev/zero) is a pipe or a device"):
            files(path)


def test_which_paths_are_volumes(tmp_path):
    path = tmp_path / "data" / "noname"
    path.mkdir(parents=True)
    (path / "zarr.json").write_text("{}", encoding="utf-8")
    assert is_volume(path)
    assert files(path) == [path]
    assert not is_folder(path)
    for name in ("a.zarr", "a.OME.ZARR", "a.n5", "a.h5", "a.hdf5", "a.h5::/raw", "b::/raw"):
        assert is_volume(tmp_path / name)
    (tmp_path / "images").mkdir()
    for name in ("images", "a.tif", "none"):
        assert not is_volume(tmp_path / name)
    assert absolute(tmp_path / "x" / ".." / "a.h5::" / "raw") == tmp_path / "a.h5::" / "raw"
