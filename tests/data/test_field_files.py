"""TIFF files laid out as other programs write them, with right values known by hand.

Each layout was found in a file of the program named, and is built here without it. Pixels tell
which page they are of: page k has the values `page(k)`.
"""

import json
import struct

import numpy as np
import pytest
import tifffile
from pictures import assert_slices, sentence
from tiff_writer import Image, write

from minunet.data import image_files
from minunet.data.image_files import Reading, Slices

SHAPE = (12, 18)
THUMBNAIL = {254: 1}  # NewSubfileType: a reduced image
PAGE = {254: 2}  # one page of several, as ImageMagick and Bio-Formats write


def page(k, shape=SHAPE, dtype="uint16"):
    """Make the pixels of page k; they differ from those of other pages everywhere."""
    y, x = np.indices(shape)
    return (1000 * k + 20 * y + x).astype(dtype)


def stack(n, **how):
    return [page(k, **how) for k in range(n)]


def values(path, reading=Reading()):  # noqa: B008
    """Return the thousands of the first pixel of each slice: its page."""
    return [int(image.flat[0]) // 1000 for image in image_files.read(path, reading)]


def ome(size_z=1, size_c=1, size_t=1, order="XYCZT", inside=None):
    """Describe an image of OME-TIFF; inside: TiffData elements, or None for pages in order."""
    return (
        '<?xml version="1.0" encoding="UTF-8"?><OME xmlns="http://www.openmicroscopy.org/Schemas/'
        'OME/2016-06"><Image ID="Image:0"><Pixels BigEndian="true" DimensionOrder="'
        f'{order}" ID="Pixels:0" SizeC="{size_c}" SizeT="{size_t}" SizeX="{SHAPE[1]}" '
        f'SizeY="{SHAPE[0]}" SizeZ="{size_z}" Type="uint16">'
        + "".join(f'<Channel ID="Channel:0:{c}" SamplesPerPixel="1"/>' for c in range(size_c))
        + (inside or "<TiffData/>")
        + "</Pixels></Image></OME>"
    )


def set_of_files(folder, files, **size):
    """Write a set of OME-TIFF files of one plane each, as Bio-Formats does."""
    axis = {"size_z": "Z", "size_c": "C", "size_t": "T"}[next(iter(size))]
    inside = "".join(
        f'<TiffData First{axis}="{k}" IFD="0" PlaneCount="1"><UUID FileName="{name}">'
        f"urn:uuid:00000000-0000-0000-0000-00000000000{k}</UUID></TiffData>"
        for k, name in enumerate(files)
    )
    folder.mkdir()
    for k, name in enumerate(files):
        text = ome(**size, inside=inside).replace(
            "<OME ", f'<OME UUID="urn:uuid:00000000-0000-0000-0000-00000000000{k}" '
        )
        write(folder / name, [Image(page(k), "lzw", tags={270: text})], ">")


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


def several(shapes):
    """Describe an OME-TIFF file of several images, one page each."""
    text = ome()
    head, image = text[: text.index("<Image")], text[text.index("<Image") :].removesuffix("</OME>")
    for k, (height, width) in enumerate(shapes):
        one = image.replace('Image:0"', f'Image:{k}"').replace('Pixels:0"', f'Pixels:{k}"')
        one = one.replace('SizeX="18"', f'SizeX="{width}"').replace(
            'SizeY="12"', f'SizeY="{height}"'
        )
        head += one.replace("<TiffData/>", f'<TiffData IFD="{k}" PlaneCount="1"/>')
    return head + "</OME>"


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
    assert slices.notes == []


# ImageJ


def imagej(n, labels=(), **axes):
    """Return the tags of the first page of an ImageJ stack."""
    lines = ["ImageJ=1.53t", f"images={n}", *(f"{key}={value}" for key, value in axes.items())]
    tags = {270: "\n".join([*lines, "hyperstack=true", "loop=false", ""])}
    if labels:
        texts = [label.encode("utf-16-be") for label in labels]
        head = b"IJIJ" + b"labl" + struct.pack(">I", len(texts))
        tags |= {50838: [len(head), *map(len, texts)], 50839: head + b"".join(texts)}
    return tags


def imagej_file(path, n, compression="none", **how):
    pages = [Image(pixels, compression) for pixels in stack(n)]
    return write(path, [pages[0]._replace(tags=imagej(n, **how)), *pages[1:]], ">")


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


def micro_manager(path, n, channels=1, prolog=0):
    """Write a stack as Micro-Manager 1.4 and 2 do: an index at the start, IJ and OME metadata."""
    summary = json.dumps(
        {
            "MicroManagerVersion": "1.4.23",
            "Channels": channels,
            "Slices": n // channels,
            "Frames": 1,
            "Positions": 1,
            "SlicesFirst": False,
            "TimeFirst": False,
            "PixelType": "GRAY16",
        }
    ).encode()
    tags = [
        {51123: json.dumps({"Slice": k // channels, "Channel": k % channels})} for k in range(n)
    ]
    axes = {"channels": channels} if channels > 1 else {}
    first = imagej(n, **axes, slices=n // channels)
    tags[0] |= first | {270: (ome(n // channels, channels), first[270])}
    pages = [Image(pixels, tags=own) for pixels, own in zip(stack(n), tags, strict=True)]
    write(path, pages, head=bytes(32) + summary)
    data = bytearray(path.read_bytes())
    (at,) = struct.unpack_from("<I", data, 4)
    index = []
    while at:
        index.append(at)
        (count,) = struct.unpack_from("<H", data, at)
        (at,) = struct.unpack_from("<I", data, at + 2 + 12 * count)
    struct.pack_into("<8I", data, 8, 54773648, len(data), 483765892, 0, 99384722, 0, 2355492,
                     len(summary))  # fmt: skip
    data += struct.pack("<2I", 3453623, n)
    for k, place in enumerate(index):
        data += struct.pack("<5I", k % channels, k // channels, 0, 0, place)
    path.write_bytes(data)
    return path


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


# Samples


@pytest.mark.parametrize("compression", ["none", "lzw"])
@pytest.mark.parametrize("planar", [False, True])
@pytest.mark.parametrize("n", [1, 2])
def test_samples_that_are_channels(tmp_path, n, planar, compression):
    # Zeiss LSM, Leica, GDAL: two or more samples, MinIsBlack, none of them alpha
    for count in (2, 3, 4, 5):
        tags = {262: 1, 338: [0] * (count - 1)}
        pages = [
            Image(
                np.stack([page(5 * k + c) for c in range(count)], axis=-1),
                compression,
                planar=planar,
                tags=tags,
            )
            for k in range(n)
        ]
        path = write(tmp_path / "a.tif", pages)
        assert "--channel" in sentence(path)
        assert values(path, Reading(channel=1)) == [1, 6][:n]


def test_a_channel_or_the_grey_value_of_colours(tmp_path):
    colours = np.random.default_rng(0).integers(0, 256, (*SHAPE, 3), np.uint8)
    colours[0, 0] = 77
    for compression, planar in [("none", False), ("lzw", False), ("none", True), ("lzw", True)]:
        path = write(tmp_path / "a.tif", [Image(colours, compression, planar=planar)])
        (image,) = image_files.read(path, Reading(channel=1))
        np.testing.assert_array_equal(image, colours[..., 1:2])
        (image,) = image_files.read(path, Reading(channel="grey"))
        assert image.shape == (*SHAPE, 1)
        assert image[0, 0, 0] == 77
        assert (image >= colours.min(axis=-1, keepdims=True)).all()
        assert (image <= colours.max(axis=-1, keepdims=True)).all()
        text = sentence(path, lambda path: image_files.read(path, Reading(channel=3)))
        assert "--channel 3" in text


@pytest.mark.parametrize("photometric", [5, 8, 6])
@pytest.mark.parametrize("compression", ["none", "lzw"])
def test_colours_that_are_not_rgb_are_refused(tmp_path, photometric, compression):
    # ImageMagick: -colorspace CMYK, Lab, YCbCr. Inks and opponents are not red, green and blue.
    count = 4 if photometric == 5 else 3
    pixels = np.random.default_rng(0).integers(0, 256, (*SHAPE, count), np.uint8)
    tags = {262: photometric, 530: [1, 1], 338: ()}
    sentence(write(tmp_path / "a.tif", [Image(pixels, compression, tags=tags)]))


# Several series


@pytest.mark.parametrize("how", [{}, {"ome": True}, {"imagej": False, "shaped": False}])
@pytest.mark.parametrize("compression", [None, "lzw", "zlib"])
def test_slices_written_one_by_one_with_tifffile(tmp_path, how, compression):
    with tifffile.TiffWriter(tmp_path / "a.tif", **how) as file:
        for pixels in stack(5):
            file.write(pixels, compression=compression, photometric="minisblack")
    assert values(tmp_path / "a.tif") == [0, 1, 2, 3, 4]


def test_pages_of_several_dtypes(tmp_path):
    # convert a.tif b.tif c.tif all.tif: pages of one size, with different dtypes
    pages = [page(0, dtype="uint8"), page(1), page(2).astype(np.float32)]
    assert_slices(image_files.read(write(tmp_path / "a.tif", pages)), pages)


# Refusals


def codec_missing(path):
    """Read a file with the interpreter, as if imagecodecs were not installed; return the output."""
    import subprocess
    import sys

    code = (
        "import sys; sys.modules['imagecodecs'] = None\n"
        "from pathlib import Path\nfrom minunet.data import image_files\n"
        f"try: image_files.read(Path({str(path)!r}))\nexcept ValueError as error: print(error)"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True, timeout=60
    )
    return done.stdout


@pytest.mark.parametrize("compression", ["lzw", "zstd"])
def test_a_missing_decoder_is_named_with_the_command_that_installs_it(tmp_path, compression):
    text = codec_missing(write(tmp_path / "a.tif", [Image(page(0), compression)]))
    assert compression.upper() in text
    assert "pip install" in text
    assert "imagecodecs" in text


@pytest.mark.parametrize(
    ("number", "name"), [(34661, "JBIG"), (32809, "THUNDERSCAN"), (777, "777")]
)
def test_a_scheme_that_nobody_decodes_is_named(tmp_path, number, name):
    text = sentence(write(tmp_path / "a.tif", [Image(page(0), tags={259: number})]))
    assert name in text
    assert "without compression" in text


@pytest.mark.parametrize("compression", ["lzw", "deflate", "packbits", "lzma", "zstd"])
def test_a_strip_that_is_cut_off_is_refused(tmp_path, compression):
    # The tables of the file are whole: only the pixels are missing.
    for pages in ([page(1)], stack(2)):
        images = [Image(pixels, compression, tags={279: 20}) for pixels in pages]
        sentence(write(tmp_path / "a.tif", images))


@pytest.mark.parametrize("layout", [{"rows": 4}, {"tile": (16, 16)}])
@pytest.mark.parametrize("compression", ["none", "lzw", "jpeg"])
def test_an_image_without_pixels_is_refused_not_read_as_black(tmp_path, compression, layout):
    # What vips, GDAL and ImageMagick leave behind if their encoder fails: places and lengths of 0
    count = 3 if "rows" in layout else 2
    tags = {273: [0] * count, 279: [0] * count}
    tags = {324: [0] * count, 325: [0] * count} if "tile" in layout else tags
    pixels = page(1).astype(np.uint8)
    sentence(write(tmp_path / "a.tif", [Image(pixels, compression, tags=tags, **layout)]))


@pytest.mark.parametrize("value", [np.nan, np.inf])
@pytest.mark.parametrize("compression", ["none", "lzw"])
def test_nan_names_the_file_and_a_cure(tmp_path, compression, value):
    bad = page(1).astype(np.float32)
    bad[3, 4] = value
    pages = [Image(page(0).astype(np.float32), compression), Image(bad, compression)]
    text = sentence(write(tmp_path / "a.tif", pages))
    assert "NaN" in text
    assert "page 1" in text
    assert "nan_to_num" in text


# Folders


def test_a_folder_is_in_natural_order_and_slices_are_named_after_files(tmp_path):
    for k, name in enumerate(["img1", "img2", "IMG3", "img10", "img10b", "img100"]):
        write(tmp_path / f"{name}.tif", [page(k)])
    slices = Slices(tmp_path)
    assert slices.names == ["img1", "img2", "IMG3", "img10", "img10b", "img100"]
    assert values(tmp_path) == [0, 1, 2, 3, 4, 5]
    assert [file.name for file in slices.files] == [f"{name}.tif" for name in slices.names]


def test_slices_of_several_files_have_numbers(tmp_path):
    write(tmp_path / "b.tif", stack(2))
    write(tmp_path / "a.TIFF", [page(5)])
    slices = Slices(tmp_path)
    assert slices.names == ["a", "b 0", "b 1"]
    assert [entry.number for entry in slices.pages] == [0, 0, 1]
    assert Slices(tmp_path / "b.tif").names == ["0", "1"]


def test_accents_are_compared_in_one_form(tmp_path):
    composed, decomposed = "z\u00e9bre", "ze\u0301bre"
    assert composed != decomposed
    for k, name in enumerate(["za", decomposed, "zz"]):
        write(tmp_path / f"{name}.tif", [page(k)])
    assert Slices(tmp_path).names == ["za", "zz", composed]


def colour(pixels):
    return np.stack([pixels] * 3, axis=-1).astype(np.uint8)


def test_a_folder_is_grey_or_in_colour_as_a_whole(tmp_path):
    # A blank page stored in colour is in colour if others are, and grey if all could be.
    from png_writer import write as write_png

    tinted = colour(page(0)) + np.array([0, 1, 2], np.uint8)
    write(tmp_path / "a.tif", [Image(colour(page(1)), "lzw")])
    write_png(tmp_path / "b.png", colour(page(0)), "rgb")
    assert Slices(tmp_path).channels == 1
    assert [image.shape[2] for image in image_files.read(tmp_path)] == [1, 1]
    write_png(tmp_path / "c.png", tinted, "rgb")
    slices = Slices(tmp_path)
    assert slices.channels == 3
    np.testing.assert_array_equal(list(slices), [colour(page(1)), colour(page(0)), tinted])
    for reading in (Reading(channel="grey"), Reading(channel=1)):
        assert Slices(tmp_path, reading).channels == 1
        assert [image.shape[2] for image in image_files.read(tmp_path, reading)] == [1, 1, 1]
    np.testing.assert_array_equal(
        image_files.read(tmp_path, Reading(channel=1))[2], tinted[..., 1:2]
    )


def test_a_model_may_decide_on_the_channels(tmp_path):
    write(tmp_path / "a.tif", [colour(page(0))])
    slices = Slices(tmp_path)
    slices.channels = 3
    np.testing.assert_array_equal(slices[0], colour(page(0)))


def test_a_broken_file_in_a_folder(tmp_path):
    write(tmp_path / "a.tif", [page(0)])
    (tmp_path / "b.tif").write_bytes(b"")
    write(tmp_path / "c.tif", [page(2)])
    assert "b.tif" in sentence(tmp_path / "b.tif")
    slices = Slices(tmp_path, keep_going=True)
    assert slices.names == ["a", "c"]
    assert list(slices.broken) == [tmp_path / "b.tif"]
    assert str(tmp_path / "b.tif") in slices.broken[tmp_path / "b.tif"]
