"""What is a slice of a TIFF file: not a channel, a thumbnail or the page of another file."""

import numpy as np
import pytest
import tifffile
from pictures import assert_slices, draw, sentence

from minunet.data import image_files
from minunet.data.image_files import Slices
from minunet.data.page import Reading


def read(path, **how):
    return image_files.read(path, Reading(**how))


@pytest.mark.parametrize("axes", ["CYX", "ZCYX", "TZCYX"])
@pytest.mark.parametrize("compression", [None, "lzw"])
def test_one_of_several_channels_is_read(tmp_path, axes, compression):
    shape = {"T": 2, "Z": 3, "C": 2, "Y": 20, "X": 31}
    stack = draw(tuple(shape[axis] for axis in axes), np.uint16)
    how = {"imagej": True} if compression is None else {"ome": True, "compression": compression}
    path = tmp_path / "a.tif"
    tifffile.imwrite(path, stack, metadata={"axes": axes}, photometric="minisblack", **how)
    assert f"2 channels (axes {axes}); pass --channel N" in sentence(path)
    for channel in (0, 1):
        expected = stack.take(channel, axis=axes.index("C")).reshape(-1, 20, 31)
        assert_slices(read(path, channel=channel), expected)
    assert "--channel 2 is not one of them: pass a number from 0 to 1" in sentence(
        path, lambda path: read(path, channel=2)
    )
    assert "pass --channel N" in sentence(path, lambda path: read(path, channel="grey"))


def test_a_channel_of_a_colour_image(tmp_path):
    colours = draw((20, 31, 3))
    tifffile.imwrite(tmp_path / "a.tif", colours, photometric="rgb")
    for channel in range(3):
        assert_slices(read(tmp_path / "a.tif", channel=channel), [colours[..., channel]])
    (grey,) = read(tmp_path / "a.tif", channel="grey")
    assert grey.shape == (20, 31, 1)


def test_the_only_channel_is_read_whatever_channel_is_wanted(tmp_path):
    tifffile.imwrite(tmp_path / "a.tif", draw((20, 31)))
    assert_slices(read(tmp_path / "a.tif", channel=1), [draw((20, 31))])


def test_samples_that_are_not_colours_are_channels(tmp_path):
    samples = draw((20, 31, 4))
    tifffile.imwrite(tmp_path / "a.tif", samples, photometric="minisblack", planarconfig="contig")
    assert "4 channels" in sentence(tmp_path / "a.tif")
    assert_slices(read(tmp_path / "a.tif", channel=3), [samples[..., 3]])


@pytest.mark.parametrize("mark", [True, False])
def test_the_levels_of_a_pyramid_are_not_slices(tmp_path, mark):
    page = draw((64, 96))
    with tifffile.TiffWriter(tmp_path / "a.tif") as file:
        for step in (1, 2, 4):
            kind = {"subfiletype": 1} if mark and step > 1 else {}
            file.write(page[::step, ::step], metadata=None, **kind)
    slices = Slices(tmp_path / "a.tif")
    assert_slices(list(slices), [page])


def test_the_levels_in_subifds_are_not_slices(tmp_path):
    page = draw((64, 96))
    with tifffile.TiffWriter(tmp_path / "a.tif") as file:
        file.write(page, subifds=2, tile=(16, 16))
        for step in (2, 4):
            file.write(page[::step, ::step], subfiletype=1, tile=(16, 16))
    assert_slices(image_files.read(tmp_path / "a.tif"), [page])


@pytest.mark.parametrize("first", [True, False])
def test_a_thumbnail_is_not_a_slice(tmp_path, first):
    stack, small = draw((3, 20, 30)), draw((7, 9))
    with tifffile.TiffWriter(tmp_path / "a.tif") as file:
        if first:
            file.write(small, subfiletype=1, metadata=None)
        for page in stack:
            file.write(page, metadata=None)
        if not first:
            file.write(small, subfiletype=1, metadata=None)
    slices = Slices(tmp_path / "a.tif")
    assert_slices(list(slices), stack)
    assert "1 smaller image" in slices.notes[0]


def test_the_largest_series_is_read_unless_another_is_wanted(tmp_path):
    small, large = draw((2, 20, 31)), draw((3, 40, 50), seed=1)
    with tifffile.TiffWriter(tmp_path / "a.ome.tif", ome=True) as file:
        for stack in (small, large):
            file.write(stack, photometric="minisblack", metadata={"axes": "ZYX"})
    path = tmp_path / "a.ome.tif"
    slices = Slices(path)
    assert_slices(list(slices), large)
    assert "--series N" in slices.notes[0]
    assert_slices(read(path, series=0), small)
    assert "no series 2; valid series are 0 … 1" in sentence(path, lambda p: read(p, series=2))


def test_a_series_that_the_only_one_is_not(tmp_path):
    path = tmp_path / "a.tif"
    tifffile.imwrite(path, draw((3, 40, 50)), photometric="minisblack")
    assert "no series 3; the only one is 0" in sentence(path, lambda p: read(p, series=3))


def test_series_of_one_size_are_all_read(tmp_path):
    stack = draw((3, 20, 31))
    with tifffile.TiffWriter(tmp_path / "a.tif") as file:
        for page in stack:
            file.write(page)  # tifffile makes each a series of its own
    slices = Slices(tmp_path / "a.tif")
    assert_slices(list(slices), stack)
    assert not slices.notes


def test_several_images_of_an_ome_file_are_all_read_and_named_in_a_note(tmp_path):
    first, second = draw((2, 20, 31)), draw((3, 20, 31), seed=1)
    with tifffile.TiffWriter(tmp_path / "a.ome.tif", ome=True) as file:
        for stack in (first, second):
            file.write(stack, photometric="minisblack", metadata={"axes": "ZYX"})
    slices = Slices(tmp_path / "a.ome.tif")
    assert_slices(list(slices), np.concatenate([first, second]))
    (note,) = slices.notes
    assert "contains 2 images (series)" in note
    assert "--series N reads one" in note


def test_a_codec_that_is_missing_is_named(tmp_path):
    path = tmp_path / "a.tif"
    tifffile.imwrite(path, draw((20, 31)), compression="deflate")
    written = path.read_bytes()
    tag = (259).to_bytes(2, "little") + b"\3\0\1\0\0\0"
    at = written.index(tag) + len(tag)
    path.write_bytes(written[:at] + (34676).to_bytes(2, "little") + written[at + 2 :])
    text = sentence(path)
    assert "compressed with SGILOG," in text
    assert "pip install --upgrade imagecodecs" in text


def test_labels_of_imagej_are_names(tmp_path):
    stack = draw((2, 20, 31))
    labels = {"axes": "ZYX", "Labels": ["dish 1\nInfo: more", "dish 2"]}
    tifffile.imwrite(tmp_path / "a.tif", stack, imagej=True, metadata=labels)
    assert Slices(tmp_path / "a.tif").names == ["dish 1", "dish 2"]


def test_the_label_of_a_single_image_of_imagej_is_its_name(tmp_path):
    path = tmp_path / "a.tif"
    pixels = np.zeros((8, 9), np.uint8)
    tifffile.imwrite(path, pixels, imagej=True, metadata={"Labels": ["dish 1"]})
    assert Slices(path).pages[0].label == "dish 1"


def test_the_labels_of_imagej_belong_to_planes_also_if_one_channel_is_read(tmp_path):
    path = tmp_path / "a.tif"
    labels = [f"z{z} c{c}" for z in range(3) for c in range(2)]
    about = {"axes": "ZCYX", "Labels": labels}
    tifffile.imwrite(path, np.zeros((3, 2, 8, 9), np.uint8), imagej=True, metadata=about)
    pages = Slices(path, Reading(1)).pages
    assert [page.label for page in pages] == ["z0 c1", "z1 c1", "z2 c1"]


def test_a_palette_is_kept_beside_the_stored_values(tmp_path):
    table = np.zeros((3, 256), np.uint16)
    table[:, 1] = 256 * np.array([10, 20, 30])
    page = draw((20, 31)) % 2
    tifffile.imwrite(tmp_path / "a.tif", page, colormap=table, photometric="palette")
    slices = Slices(tmp_path / "a.tif")
    assert_slices(list(slices), [page])
    assert slices.palette[:2] == ((0, 0, 0), (10, 20, 30))
