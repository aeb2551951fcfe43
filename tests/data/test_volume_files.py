"""Arrays that other programs write are found, with their axes and the sizes of their pixels."""

import json

import pytest
from pictures import assert_slices, draw, sentence

from minunet.data.calibration import Calibration
from minunet.data.image_files import Reading, Slices
from minunet.data.sections import Sections

zarr = pytest.importorskip("zarr")
from volume_tests import read, write_ome, write_zarr  # noqa: E402  needs zarr

STACK = draw((3, 40, 50))


@pytest.mark.parametrize("driver", ["n5", "zarr", "zarr3"])
def test_what_tensorstore_writes(tmp_path, driver):
    tensorstore = pytest.importorskip("tensorstore")
    path = tmp_path / ("a.n5" if driver == "n5" else "a.zarr") / "raw"
    # N5 begins with x.
    array, chunks = (STACK.T, (20, 16, 1)) if driver == "n5" else (STACK, (1, 16, 20))
    store = tensorstore.open(
        {"driver": driver, "kvstore": f"file://{path}/"},
        create=True, dtype=tensorstore.uint8, shape=array.shape,
        chunk_layout=tensorstore.ChunkLayout(chunk_shape=chunks),
    ).result()  # fmt: skip
    store[...] = array
    assert "pass --axes, such as zyx" in sentence(path, read)
    assert_slices(read(path, axes="zyx"), STACK)
    parts = list(Sections(path, Reading(axes="zyx")).parts(1))  # chunks reach beyond the image
    assert sum(int(part.sum()) for part in parts) == STACK[1].sum()
    if driver == "n5":
        (path.parent / "attributes.json").write_text(json.dumps({"n5": "2.0.0"}))
        assert f"is a group, not an array; pass the path of {path}" in sentence(path.parent, read)
        said = json.loads((path / "attributes.json").read_text())
        said["pixelResolution"] = {"dimensions": [4.0, 4.0, 50.0], "unit": "nm"}
        said["axes"] = ["x", "y", "z"]
        (path / "attributes.json").write_text(json.dumps(said))
        slices = Slices(path)
        assert_slices(list(slices), STACK)
        assert slices.calibration == Calibration((4.0, 4.0), "nm", 50.0, None, "Z", (3,))


def test_what_ome_zarr_writes(tmp_path):
    writer = pytest.importorskip("ome_zarr.writer")
    group = zarr.create_group(tmp_path / "a.zarr", zarr_format=3)
    writer.write_image(STACK, group, axes="zyx")
    assert_slices(read(tmp_path / "a.zarr"), STACK)


def test_hdf5(tmp_path):
    h5py = pytest.importorskip("h5py")
    path = tmp_path / "a.h5"
    with h5py.File(path, "w") as file:
        file["volumes/raw"] = STACK
    inside = tmp_path / "a.h5::" / "volumes" / "raw"
    assert_slices(read(inside, axes="zyx"), STACK)
    assert_slices(read(path, axes="zyx"), STACK)  # the only dataset
    with h5py.File(path, "a") as file:
        file["volumes/labels"] = STACK
        for k, axis in enumerate("zyx"):
            file["volumes/labels"].dims[k].label = axis
        file["ilastik"] = STACK
        axes = [{"key": axis, "typeFlags": 2} for axis in "zyx"]
        file["ilastik"].attrs["axistags"] = json.dumps({"axes": axes})
        file["ilastik"].attrs["element_size_um"] = (0.05, 0.004, 0.004)
    assert_slices(read(tmp_path / "a.h5::" / "volumes" / "labels"), STACK)
    slices = Slices(tmp_path / "a.h5::" / "ilastik")
    assert_slices(list(slices), STACK)
    assert slices.calibration == Calibration((0.004, 0.004), "um", 0.05, None, "Z", (3,))
    for path in (tmp_path / "a.h5", tmp_path / "a.h5::" / "volumes"):
        text = sentence(path, read)
        assert "pass one of its datasets, such as" in text
        assert f"{tmp_path / 'a.h5'}::/volumes/raw" in text


def test_hdf5_with_a_plugin(tmp_path):
    h5py, plugin = pytest.importorskip("h5py"), pytest.importorskip("hdf5plugin")
    with h5py.File(tmp_path / "a.h5", "w") as file:
        file.create_dataset("raw", data=STACK, chunks=(1, 16, 20), **plugin.Blosc())
    assert_slices(read(tmp_path / "a.h5", axes="zyx"), STACK)


def test_a_group_names_what_it_contains(tmp_path):
    zarr.create_group(tmp_path / "a.zarr")
    path = write_zarr(tmp_path / "a.zarr" / "raw", STACK)
    assert f"is a group, not an image; pass the path of an array, such as {path}" in sentence(
        tmp_path / "a.zarr", read
    )
    zarr.create_group(tmp_path / "b.zarr")
    assert "this group is empty" in sentence(tmp_path / "b.zarr", read)


def test_a_container_of_bio_formats(tmp_path):
    path = tmp_path / "a.zarr"
    zarr.create_group(path, zarr_format=2, attributes={"bioformats2raw.layout": 3})
    write_ome(path / "0", [STACK], "0.4")
    assert_slices(read(path), STACK)
    write_ome(path / "1", [STACK + 1], "0.4")
    assert "contains 2 images; pass --series N" in sentence(path, read)
    assert_slices(read(path, series=1), STACK + 1)
