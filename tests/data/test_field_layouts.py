"""Stacks of OME-TIFF, ImageJ and Micro-Manager, pyramids and thumbnails: what is a slice.

Each layout was found in a file of the program named, and is built here without it.
"""

import numpy as np
import pytest
from layouts import (
    PAGE,
    SHAPE,
    THUMBNAIL,
    imagej,
    imagej_file,
    micro_manager,
    ome,
    page,
    set_of_files,
    several,
    stack,
    values,
)
from pictures import assert_slices, sentence
from tiff_writer import Image, write

from minunet.data import image_files
from minunet.data.image_files import Reading, Slices

# OME-TIFF


@pytest.mark.parametrize("axis", ["size_z", "size_t"])
def test_a_set_of_ome_files_is_read_once(tmp_path, axis):
    names = ["a_0.ome.tif", "a_1.ome.tif", "a_2.ome.tif"]
    set_of_files(tmp_path / "set", names, **{axis: 3})
    assert values(tmp_path / "set") == [0, 1, 2]
    for k, name in enumerate(names):
        assert values(tmp_path / "set" / name) == [k]
    assert Slices(tmp_path / "set").names == ["a_0", "a_1", "a_2"]


def test_a_file_of_a_set_that_is_alone_is_its_own_page(tmp_path):
    names = ["a_0.ome.tif", "a_1.ome.tif", "a_2.ome.tif"]
    set_of_files(tmp_path / "set", names, size_z=3)
    for name in names[:2]:
        (tmp_path / "set" / name).unlink()
    assert values(tmp_path / "set" / names[2]) == [2]
    assert values(tmp_path / "set") == [2]
    (tmp_path / "set" / names[2]).rename(tmp_path / "renamed.tif")
    assert values(tmp_path / "renamed.tif") == [2]


def test_a_set_of_stacks_is_each_file_with_its_own_pages(tmp_path):
    # Micro-Manager and OMERO write one file for each position or time, all naming each other.
    tiff_data = "".join(
        f'<TiffData FirstT="{t}" FirstZ="{z}" IFD="{z}" PlaneCount="1"><UUID FileName='
        f'"t{t}.ome.tif">urn:uuid:00000000-0000-0000-0000-00000000000{t}</UUID></TiffData>'
        for t in range(2)
        for z in range(3)
    )
    for t in range(2):
        pages = [Image(page(3 * t + z)) for z in range(3)]
        pages[0] = pages[0]._replace(tags={270: ome(3, 1, 2, inside=tiff_data)})
        write(tmp_path / f"t{t}.ome.tif", pages)
    assert values(tmp_path) == [0, 1, 2, 3, 4, 5]
    assert values(tmp_path / "t1.ome.tif") == [3, 4, 5]
    (tmp_path / "t0.ome.tif").unlink()
    assert values(tmp_path / "t1.ome.tif") == [3, 4, 5]


def test_a_set_of_files_that_are_channels_is_not_a_stack(tmp_path):
    set_of_files(tmp_path / "set", ["dapi.ome.tif", "gfp.ome.tif"], size_c=2)
    assert "channel" in sentence(tmp_path / "set").lower()


@pytest.mark.parametrize("compression", ["none", "lzw"])
@pytest.mark.parametrize(
    ("order", "second"), [("XYCZT", [1, 3, 5]), ("XYZCT", [3, 4, 5]), ("XYZTC", [3, 4, 5])]
)
def test_one_channel_of_an_ome_file(tmp_path, order, second, compression):
    pages = [Image(pixels, compression) for pixels in stack(6)]
    pages[0] = pages[0]._replace(tags={270: ome(3, 2, 1, order)})
    path = write(tmp_path / "a.ome.tif", pages, ">")
    assert "--channel" in sentence(path)
    assert values(path, Reading(channel=1)) == second
    text = sentence(path, lambda path: image_files.read(path, Reading(channel=2)))
    assert "--channel 2" in text


@pytest.mark.parametrize("compression", ["none", "lzw", "deflate"])
def test_a_big_endian_ome_stack(tmp_path, compression):
    # Bio-Formats: big-endian, one plane per page, one row per strip, the XML in the first page.
    pages = [Image(pixels, compression, rows=1, tags=PAGE) for pixels in stack(4)]
    pages[0] = pages[0]._replace(tags=PAGE | {270: ome(2, 1, 2)})
    assert values(write(tmp_path / "a.ome.tif", pages, ">")) == [0, 1, 2, 3]


def test_the_largest_images_of_an_ome_file_are_read(tmp_path):
    # A slide: a label, an overview and the specimen, of different sizes.
    shapes = [(10, 15), SHAPE, (5, 9)]
    pages = [Image(page(k, shape)) for k, shape in enumerate(shapes)]
    pages[0] = pages[0]._replace(tags={270: several(shapes)})
    path = write(tmp_path / "a.ome.tif", pages)
    slices = Slices(path)
    assert_slices(list(slices), [page(1)])
    assert len(slices.notes) == 1
    assert "--series" in slices.notes[0]
    for k, shape in enumerate(shapes):
        (image,) = image_files.read(path, Reading(series=k))
        np.testing.assert_array_equal(image[..., 0], page(k, shape))
    assert "series 3" in sentence(path, lambda path: image_files.read(path, Reading(series=3)))


def test_all_images_of_one_size_of_an_ome_file_are_read(tmp_path):
    pages = [Image(pixels) for pixels in stack(3)]
    pages[0] = pages[0]._replace(tags={270: several([SHAPE] * 3)})
    slices = Slices(write(tmp_path / "a.ome.tif", pages))
    assert_slices(list(slices), stack(3))
    (note,) = slices.notes
    assert "3 images" in note


# ImageJ


@pytest.mark.parametrize("compression", ["none", "lzw", "deflate", "packbits"])
@pytest.mark.parametrize("axes", [{"slices": 6}, {"frames": 6}, {"slices": 3, "frames": 2}])
def test_slices_and_frames_of_imagej(tmp_path, axes, compression):
    assert values(imagej_file(tmp_path / "a.tif", 6, compression, **axes)) == [0, 1, 2, 3, 4, 5]


@pytest.mark.parametrize("compression", ["none", "lzw", "deflate"])
@pytest.mark.parametrize("other", [{"slices": 3}, {"frames": 3}])
def test_one_channel_of_an_imagej_hyperstack(tmp_path, other, compression):
    path = imagej_file(tmp_path / "a.tif", 6, compression, channels=2, **other)
    assert "--channel" in sentence(path)
    assert values(path, Reading(channel=0)) == [0, 2, 4]
    assert values(path, Reading(channel=1)) == [1, 3, 5]


def test_labels_of_imagej_name_the_slices(tmp_path):
    path = imagej_file(tmp_path / "a.tif", 3, slices=3, labels=["top", "Mitte µ", "bottom"])
    assert Slices(path).names == ["top", "Mitte µ", "bottom"]
    # As ImageJ labels imported images: the name of the file, and a line of metadata.
    path = imagej_file(tmp_path / "a.tif", 2, slices=2, labels=["a.dcm\n0018,0050 x", "b.dcm\ny"])
    assert Slices(path).names == ["a.dcm", "b.dcm"]


def test_an_imagej_colour_stack(tmp_path):
    colours = np.random.default_rng(0).integers(0, 256, (2, *SHAPE, 3), np.uint8)
    pages = [Image(colours[0], tags=imagej(2, slices=2)), Image(colours[1])]
    found = image_files.read(write(tmp_path / "a.tif", pages, ">"))
    np.testing.assert_array_equal(found, colours)


@pytest.mark.parametrize("n", [2, 3])
@pytest.mark.parametrize("rows", [0, 5])
def test_an_imagej_stack_copied_by_another_program(tmp_path, n, rows):
    # tiffcp keeps ImageJ's description but not its layout, in which all pixels follow each other.
    pages = [Image(pixels, rows=rows) for pixels in stack(n)]
    pages[0] = pages[0]._replace(tags=imagej(n, slices=n))
    for order in "<>":
        assert_slices(image_files.read(write(tmp_path / "a.tif", pages, order)), stack(n))


def test_a_micro_manager_stack(tmp_path):
    path = micro_manager(tmp_path / "a_MMStack_Pos0.ome.tif", 4)
    assert values(path) == [0, 1, 2, 3]
    assert "--channel" in sentence(micro_manager(path, 6, channels=2))
    assert values(path, Reading(channel=1)) == [1, 3, 5]


# Pages that are not slices


@pytest.mark.parametrize("compression", ["none", "lzw"])
@pytest.mark.parametrize("n", [1, 3])
def test_pyramid_levels_in_subifds_are_not_slices(tmp_path, n, compression):
    # vips tiffsave --pyramid --subifd, Bio-Formats, QuPath
    pages = [
        Image(
            pixels,
            compression,
            tile=(16, 16),
            subs=[Image(pixels[::s, ::s], compression, tags=THUMBNAIL) for s in (2, 4)],
        )
        for pixels in stack(n)
    ]
    assert_slices(image_files.read(write(tmp_path / "a.tif", pages)), stack(n))


@pytest.mark.parametrize("compression", ["none", "lzw"])
@pytest.mark.parametrize("tags", [THUMBNAIL, PAGE, {}, {255: 2}])
def test_pyramid_levels_after_the_image_are_not_slices(tmp_path, tags, compression):
    # vips tiffsave --pyramid and gdaladdo mark them as reduced, ImageMagick's ptif: does not.
    # 255: SubfileType, which NewSubfileType has replaced
    whole = page(0, (96, 144))
    pages = [Image(whole, compression, tags=PAGE if tags == PAGE else {})]
    pages += [Image(whole[::s, ::s], compression, tags=tags) for s in (2, 4, 8)]
    slices = Slices(write(tmp_path / "a.tif", pages))
    assert_slices(list(slices), [whole])


@pytest.mark.parametrize("compression", ["none", "lzw"])
@pytest.mark.parametrize("order", ["thumbnail first", "thumbnail last"])
@pytest.mark.parametrize("n", [1, 3])
def test_a_thumbnail_is_not_a_slice(tmp_path, n, order, compression):
    pages = [Image(pixels, compression) for pixels in stack(n)]
    small = Image(page(9, (5, 7)), compression, tags=THUMBNAIL)
    pages = [small, *pages] if order == "thumbnail first" else [*pages, small]
    assert_slices(image_files.read(write(tmp_path / "a.tif", pages)), stack(n))


@pytest.mark.parametrize("compression", ["none", "lzw"])
def test_a_thumbnail_after_every_slice_is_not_a_slice(tmp_path, compression):
    # Zeiss LSM: each slice, planar, is followed by a thumbnail.
    pages = []
    for pixels in stack(3):
        pages.append(Image(pixels, compression, tags={254: 0}))
        pages.append(Image(pixels[::3, ::3].astype(np.uint8), tags=THUMBNAIL))
    assert_slices(image_files.read(write(tmp_path / "a.tif", pages)), stack(3))


@pytest.mark.parametrize("compression", ["none", "deflate"])
def test_a_transparency_mask_is_not_a_slice(tmp_path, compression):
    # GDAL: NewSubfileType 4 and photometric interpretation 4
    mask = np.ones(SHAPE, np.uint8)
    pages = [Image(page(1), compression), Image(mask, compression, bits=1, tags={254: 4, 262: 4})]
    assert_slices(image_files.read(write(tmp_path / "a.tif", pages)), [page(1)])
