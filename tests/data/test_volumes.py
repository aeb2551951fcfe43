"""Volumes that other programs write are read: slices, axes, channels, levels and pixel sizes."""

import json

import numpy as np
import pytest
from pictures import assert_slices, draw, sentence

from minunet.data import sections, volume_files, volumes
from minunet.data.calibration import Calibration
from minunet.data.file_names import absolute, files, is_folder, is_volume
from minunet.data.image_files import Reading, Slices
from minunet.errors import InputError

zarr = pytest.importorskip("zarr")

STACK = draw((3, 40, 50))


def write_zarr(path, array, version=3, chunks=None, **more):
    chunks = chunks or (*(1 for _ in array.shape[2:]), 16, 20)
    written = zarr.create_array(
        path, shape=array.shape, chunks=chunks, dtype=array.dtype, zarr_format=version, **more
    )
    written[...] = array
    return path


def write_ome(path, levels, version="0.5", axes="zyx", scale=(50.0, 4.0, 4.0), names=(), **more):
    """Write an OME-Zarr image as the specification says, with lengths in nanometres."""
    kinds = {"t": ("time", "second"), "c": ("channel", None)}
    said = []
    for axis in axes:
        kind, unit = kinds.get(axis, ("space", "nanometer"))
        said.append({"name": axis, "type": kind} | ({"unit": unit} if unit else {}))
    datasets = []
    for k in range(len(levels)):
        sizes = [s * 2**k if a in "yx" else s for a, s in zip(axes, scale, strict=True)]
        change = {"type": "scale", "scale": sizes}
        datasets.append({"path": f"s{k}", "coordinateTransformations": [change]})
    image = {"multiscales": [{"name": "a", "axes": said, "datasets": datasets, **more}]}
    if names:
        image["omero"] = {"channels": [{"label": name} for name in names]}
    v3 = version == "0.5"
    if not v3:
        image["multiscales"][0]["version"] = version
    attributes = {"ome": {"version": version, **image}} if v3 else image
    zarr.create_group(path, zarr_format=3 if v3 else 2, attributes=attributes)
    for k, array in enumerate(levels):
        write_zarr(path / f"s{k}", array, 3 if v3 else 2)
    return path


def read(path, **reading):
    return list(Slices(path, Reading(**reading)))


@pytest.mark.parametrize("version", ["0.4", "0.5"])
def test_an_ome_zarr_image(tmp_path, version):
    path = write_ome(tmp_path / "a.ome.zarr", [STACK, STACK[:, ::2, ::2]], version)
    slices = Slices(path)
    assert_slices(list(slices), STACK)
    assert slices.calibration == Calibration((4.0, 4.0), "nm", 50.0, None, "Z", (3,))
    assert_slices(read(path, level=1), STACK[:, ::2, ::2])
    assert Slices(path, Reading(level=1)).calibration.pixel == (8.0, 8.0)
    assert "has no level 2; its last one is 1" in sentence(path, lambda p: read(p, level=2))


def test_a_level_by_its_path_has_the_metadata_of_the_image(tmp_path):
    path = write_ome(tmp_path / "a.zarr", [STACK, STACK[:, ::2, ::2]])
    slices = Slices(path / "s1")
    assert_slices(list(slices), STACK[:, ::2, ::2])
    assert slices.calibration == Calibration((8.0, 8.0), "nm", 50.0, None, "Z", (3,))


def test_the_scale_of_the_whole_image_counts_too(tmp_path):
    whole = [{"type": "scale", "scale": [1.0, 0.5, 0.5]}]
    path = write_ome(tmp_path / "a.zarr", [STACK], coordinateTransformations=whole)
    assert Slices(path).calibration.pixel == (2.0, 2.0)


def test_times_and_sections_are_slices(tmp_path):
    array = draw((2, 3, 40, 50))
    path = write_ome(tmp_path / "a.zarr", [array], axes="tzyx", scale=(30.0, 50.0, 4.0, 4.0))
    slices = Slices(path)
    assert_slices(list(slices), array.reshape(6, 40, 50))
    assert slices.calibration == Calibration((4.0, 4.0), "nm", 50.0, 30.0, "TZ", (2, 3))


def test_axes_in_another_order(tmp_path):
    path = write_zarr(tmp_path / "a.zarr", STACK.T.copy(), chunks=(20, 16, 1))
    assert_slices(read(path, axes="xyz"), STACK)


@pytest.mark.parametrize("version", [2, 3])
def test_a_plain_array_needs_axes_unless_it_names_them(tmp_path, version):
    plain = write_zarr(tmp_path / "a.zarr", STACK, version)
    assert "it is an array of 3 x 40 x 50: pass --axes, such as zyx" in sentence(plain, read)
    assert_slices(read(plain, axes="zyx"), STACK)
    if version == 3:
        named = write_zarr(tmp_path / "b.zarr", STACK, dimension_names=["z", "y", "x"])
    else:
        named = write_zarr(tmp_path / "b.zarr", STACK, 2)
        zarr.open_array(named).attrs["_ARRAY_DIMENSIONS"] = ["z", "y", "x"]  # xarray
    assert_slices(read(named), STACK)


@pytest.mark.parametrize("axes", ["yx", "zyy", "zyxc", "zya", "zcx", "q"])
def test_axes_that_do_not_fit(tmp_path, axes):
    path = write_zarr(tmp_path / "a.zarr", STACK)
    text = sentence(path, lambda p: read(p, axes=axes))
    assert f"the axes {axes} do not fit" in text
    assert "one letter for each axis" in text


CHANNELS = draw((3, 2, 40, 50))


def test_a_channel_by_number_or_name(tmp_path):
    path = write_ome(
        tmp_path / "a.zarr", [CHANNELS], axes="zcyx", scale=(1,) * 4, names=["DAPI", "GFP"]
    )
    for channel in (1, "GFP"):
        assert_slices(read(path, channel=channel), CHANNELS[:, 1])
    assert "pass --channel N to read one of them: DAPI, GFP" in sentence(path, read)
    for channel in (2, "RFP"):
        text = sentence(path, lambda p, one=channel: read(p, channel=one))
        assert f"has 2 channels, and {channel} is none of them" in text
        assert "DAPI, GFP" in text


def test_one_channel_needs_no_choice_and_three_are_colour(tmp_path):
    one = write_zarr(tmp_path / "a.zarr", CHANNELS[:, :1], chunks=(1, 1, 16, 20))
    assert_slices(read(one, axes="zcyx"), CHANNELS[:, 0])
    colours = draw((2, 3, 40, 50))
    three = write_zarr(tmp_path / "b.zarr", colours, chunks=(1, 3, 16, 20))
    for image, expected in zip(read(three, axes="zcyx"), colours, strict=True):
        np.testing.assert_array_equal(image, np.moveaxis(expected, 0, -1))
    grey = read(three, axes="zcyx", channel="grey")
    weighted = np.tensordot((0.299, 0.587, 0.114), colours, (0, 1))
    assert np.abs(np.array(grey)[..., 0] - weighted).max() <= 0.5


def test_a_container_of_bio_formats(tmp_path):
    path = tmp_path / "a.zarr"
    zarr.create_group(path, zarr_format=2, attributes={"bioformats2raw.layout": 3})
    write_ome(path / "0", [STACK], "0.4")
    assert_slices(read(path), STACK)
    write_ome(path / "1", [STACK + 1], "0.4")
    assert "contains 2 images; pass --series N" in sentence(path, read)
    assert_slices(read(path, series=1), STACK + 1)


def test_a_group_names_what_it_contains(tmp_path):
    zarr.create_group(tmp_path / "a.zarr")
    path = write_zarr(tmp_path / "a.zarr" / "raw", STACK)
    assert f"is a group, not an image; pass the path of an array, such as {path}" in sentence(
        tmp_path / "a.zarr", read
    )
    zarr.create_group(tmp_path / "b.zarr")
    assert "this one is empty" in sentence(tmp_path / "b.zarr", read)


def test_damaged_files_are_one_sentence(tmp_path):
    path = write_zarr(tmp_path / "a.zarr", STACK)
    (path / "c" / "0" / "0" / "0").write_bytes(b"damaged")
    assert "cannot be read as a volume" in sentence(path, lambda p: read(p, axes="zyx"))
    (path / "zarr.json").write_text("{")
    assert "cannot be read as a volume" in sentence(path, read)
    assert "does not exist" in sentence(tmp_path / "none.zarr", read)


def test_values_that_are_not_real_numbers(tmp_path):
    path = write_zarr(tmp_path / "a.zarr", STACK.astype(np.complex64))
    assert "contains complex64 values" in sentence(path, lambda p: read(p, axes="zyx"))
    booleans = write_zarr(tmp_path / "b.zarr", STACK > 100)
    assert_slices(read(booleans, axes="zyx"), (STACK > 100).astype(np.uint8))


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
        assert "is not a dataset" in text
        assert f"{tmp_path / 'a.h5'}::/volumes/raw" in text


def test_hdf5_with_a_plugin(tmp_path):
    h5py, plugin = pytest.importorskip("h5py"), pytest.importorskip("hdf5plugin")
    with h5py.File(tmp_path / "a.h5", "w") as file:
        file.create_dataset("raw", data=STACK, chunks=(1, 16, 20), **plugin.Blosc())
    assert_slices(read(tmp_path / "a.h5", axes="zyx"), STACK)


def test_without_the_library_the_message_says_what_to_install(tmp_path, monkeypatch):
    path = write_zarr(tmp_path / "a.zarr", STACK)

    def missing(*_):
        raise ModuleNotFoundError("No module named 'zarr'", name="zarr")

    monkeypatch.setattr(volume_files, "zarr_array", missing)
    text = sentence(path, read)
    assert text.endswith("cannot be read without zarr; pip install 'minunet[volumes]'")


def test_which_paths_are_volumes(tmp_path):
    path = write_zarr(tmp_path / "data" / "noname", STACK)
    assert is_volume(path)
    assert files(path) == [path]
    assert not is_folder(path)
    for name in ("a.zarr", "a.OME.ZARR", "a.n5", "a.h5", "a.hdf5", "a.h5::/raw", "b::/raw"):
        assert is_volume(tmp_path / name)
    (tmp_path / "images").mkdir()
    for name in ("images", "a.tif", "none"):
        assert not is_volume(tmp_path / name)
    assert absolute(tmp_path / "x" / ".." / "a.h5::" / "raw") == tmp_path / "a.h5::" / "raw"


def test_files_other_than_volumes_have_no_names_of_channels(tmp_path):
    import tifffile

    tifffile.imwrite(tmp_path / "a.tif", STACK[0])
    text = sentence(tmp_path / "a.tif", lambda p: read(p, channel="DAPI"))
    assert "has no channel DAPI" in text


class Spy:
    """An array that notes what is read of it."""

    def __init__(self, array):
        self.array, self.shape, self.dtype, self.read = array, array.shape, array.dtype, []

    def __getitem__(self, index):
        """Note the index, and read it."""
        self.read.append(index)
        return self.array[index]


def test_a_section_reads_only_what_is_indexed():
    spy = Spy(draw((2, 3, 40, 50)))
    volume = volumes.Volume("a", volume_files.Stored(spy, "zcyx"))
    part = volume.section(1, 2)[5:9, 7:20]
    np.testing.assert_array_equal(part[..., 0], spy.array[1, 2, 5:9, 7:20])
    assert spy.read == [(1, 2, slice(5, 9), slice(7, 20))]


def test_parts_of_a_slice_are_read_chunk_by_chunk_and_once(tmp_path, monkeypatch):
    array = STACK.astype(np.float32)
    path = write_zarr(tmp_path / "a.zarr", array, chunks=(1, 16, 20))
    one = sections.Sections(path, Reading(axes="zyx"))
    assert (len(one), one.shape, one.axes, one.counts) == (3, (40, 50, 1), "z", (3,))
    monkeypatch.setattr(sections, "MOST", 2 * 16 * 20)
    shapes = [part.shape for part in one.parts(2)]
    assert shapes == [(h, w, 1) for h in (16, 16, 8) for w in (40, 10)]
    total = sum(float(part.sum(dtype=np.float64)) for part in one.parts(2))
    assert total == array[2].sum(dtype=np.float64)
    zarr.open_array(path)[2, 30, 30] = np.nan
    with pytest.raises(InputError, match=r"slice 2 of .* contains NaN"):
        list(one.parts(2))


def test_sections_of_other_files(tmp_path):
    import tifffile

    tifffile.imwrite(tmp_path / "a.tif", STACK, photometric="minisblack")
    one = sections.Sections(tmp_path / "a.tif", Reading())
    assert (len(one), one.shape, one.axes, one.counts) == (3, (40, 50, 1), "z", (3,))
    np.testing.assert_array_equal(one[1][3:5, 4:9], STACK[1, 3:5, 4:9, np.newaxis])
    (tmp_path / "folder").mkdir()
    for k, image in enumerate((STACK[0], STACK[0, 1:])):
        tifffile.imwrite(tmp_path / "folder" / f"{k}.tif", image)
    with pytest.raises(InputError, match="several sizes, such as 39 x 50 and 40 x 50 pixels"):
        sections.Sections(tmp_path / "folder", Reading())
