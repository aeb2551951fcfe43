"""Volumes that other programs write are read: slices, axes, channels, levels and pixel sizes."""

import numpy as np
import pytest
from pictures import assert_slices, draw, sentence

from minunet.data import volume_files, volumes
from minunet.data.calibration import Calibration
from minunet.data.image_files import Reading, Slices
from minunet.errors import InputError

zarr = pytest.importorskip("zarr")
from volume_tests import read, write_ome, write_zarr  # noqa: E402  needs zarr

STACK = draw((3, 40, 50))


@pytest.mark.parametrize("version", ["0.4", "0.5"])
def test_an_ome_zarr_image(tmp_path, version):
    path = write_ome(tmp_path / "a.ome.zarr", [STACK, STACK[:, ::2, ::2]], version)
    slices = Slices(path)
    assert_slices(list(slices), STACK)
    assert slices.calibration == Calibration((4.0, 4.0), "nm", 50.0, None, "Z", (3,))
    assert_slices(read(path, level=1), STACK[:, ::2, ::2])
    assert Slices(path, Reading(level=1)).calibration.pixel == (8.0, 8.0)
    assert "is a single array without levels; leave out --level 1" in sentence(
        write_zarr(tmp_path / "plain.zarr", STACK), lambda p: read(p, level=1, axes="zyx")
    )
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
    assert "an array of 3 x 40 x 50, does not name its axes; pass --axes, such as zyx" in sentence(
        plain, read
    )
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
        assert f"has 2 channels, but no channel {channel}" in text
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
    assert np.abs(np.array(grey)[..., 0] - weighted).max() <= 0.5 + 1e-9  # ties round either way


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


def test_without_the_library_the_message_says_what_to_install(tmp_path, monkeypatch):
    path = write_zarr(tmp_path / "a.zarr", STACK)

    def missing(*_):
        raise ModuleNotFoundError("No module named 'zarr'", name="zarr")

    monkeypatch.setattr(volume_files, "zarr_array", missing)
    with pytest.raises(InputError) as error:
        read(path)
    text = "volumes need zarr, which is not installed; run pip install 'minunet[volumes]'"
    assert str(error.value) == text


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
