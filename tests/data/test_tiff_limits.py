"""Claims that a TIFF file cannot hold are refused before anything is read in proportion to them."""

import json
import struct
import zlib

import numpy as np
import pytest
import tiff_writer
import tifffile
from commands import TINY, call, refused
from pictures import assert_slices, draw, sentence

from minunet.data import image_files

PAGE = draw((8, 9))
ORDERS = pytest.mark.parametrize(("order", "big"), [("<", False), (">", False), ("<", True)])


def chain(path, pages, back=None, order="<", big=False, image=None):
    """Write pages, the last of which is followed by page number `back`."""
    writer = tiff_writer.Writer(order, big)
    offsets = []
    for _ in range(pages):
        start, link = writer.image(image or tiff_writer.Image(PAGE))
        writer.point(writer.link, start)
        writer.link = link
        offsets.append(start)
    if back is not None:
        writer.point(writer.link, offsets[back])
    path.write_bytes(writer.out)
    return path


@ORDERS
@pytest.mark.parametrize(("pages", "back"), [(1, 0), (3, 0), (3, 1), (500, 0), (500, 499)])
def test_a_chain_without_end_is_refused(tmp_path, order, big, pages, back):
    text = sentence(chain(tmp_path / "a.tif", pages, back, order, big))
    assert f"page {pages - 1} is followed by page {back} again" in text


@pytest.mark.parametrize("claim", [None, "ome z", "shaped axes", "imagej"])
def test_every_command_refuses_such_a_file_in_one_sentence(tmp_path, claim):
    path = tmp_path / "a.tif"
    if claim is None:
        chain(path, 500, 0)
    else:
        described(path, CLAIMS[claim], 2)
    tifffile.imwrite(tmp_path / "t.tif", PAGE > 128)
    truth = tmp_path / "t.tif"
    for name, *arguments in (
        ("evaluate", path, truth),
        ("evaluate", truth, path),
        ("augment", path, truth, "-o", tmp_path / "a.png"),
        ("augment", truth, path, "-o", tmp_path / "a.png"),
        ("train", *TINY, "--images", path, "--labels", truth, "--out", tmp_path / "run"),
        ("train", *TINY, "--images", truth, "--labels", path, "--out", tmp_path / "run"),
    ):
        assert "a.tif is damaged: " in refused(call(name, *arguments)), name
    assert sorted(file.name for file in tmp_path.iterdir()) == ["a.tif", "t.tif"]


@ORDERS
def test_a_chain_with_an_end_is_read(tmp_path, order, big):
    path = chain(tmp_path / "a.tif", 150, None, order, big)
    assert_slices(image_files.read(path), [PAGE] * 150)


def test_pages_that_overlap_are_refused(tmp_path):
    # Directories of 2,000 entries, the next one 18 bytes further: each in itself is in the file.
    count, entries, step = 1000, 2000, 18
    data = bytearray(8 + count * step + entries * 12 + 100)
    data[:8] = b"II*\0" + struct.pack("<I", 8)
    for k in range(count):
        start = 8 + k * step
        struct.pack_into("<H", data, start, entries)
        after = start + step if k + 1 < count else 0
        struct.pack_into("<I", data, start + 2 + 12 * entries, after)
    path = tmp_path / "a.tif"
    path.write_bytes(data)
    assert "its pages overlap" in sentence(path)


@pytest.mark.parametrize("first", [0, 7, 10**9])
def test_a_chain_that_leaves_the_file_is_reported_by_the_reader(tmp_path, first):
    path = chain(tmp_path / "a.tif", 1)
    data = bytearray(path.read_bytes())
    data[4:8] = struct.pack("<I", first)
    path.write_bytes(data)
    sentence(path)


def described(path, text, pages=1, **how):
    """Write a TIFF file with a description."""
    image = tiff_writer.Image(PAGE, tags={270: text}, **how)
    return tiff_writer.write(path, [image, *[image._replace(tags={})] * (pages - 1)])


def ome(sizes, inside="<TiffData/>", after=""):
    attributes = " ".join(f'Size{axis}="{size}"' for axis, size in sizes.items())
    return (
        '<?xml version="1.0"?><OME xmlns="http://www.openmicroscopy.org/Schemas/OME/2016-06">'
        '<Image ID="Image:0"><Pixels DimensionOrder="XYZCT" ID="Pixels:0" Type="uint8" '
        f"{attributes}>{inside}</Pixels></Image>{after}</OME>"
    )


HUGE = 10**12
SIZES = {"X": 9, "Y": 8, "Z": 2, "C": 1, "T": 1}
MODULO = (
    '<StructuredAnnotations><XMLAnnotation ID="A:1" Namespace="a/modulo"><Value><Modulo>'
    '<ModuloAlongZ Type="phase" Start="0" End="1e12"/></Modulo></Value></XMLAnnotation>'
    "</StructuredAnnotations>"
)
CLAIMS = {
    "imagej": f"ImageJ=1.53\nimages={HUGE}\nslices={HUGE}\n",
    "imagej frames": "ImageJ=1.53\nimages=2\nslices=1000000\nframes=1000000\n",
    "imagej channels": f"ImageJ=1.53\nimages={HUGE}\nchannels={HUGE}\n",
    "shaped": json.dumps({"shape": [HUGE, 8, 9]}),
    "shaped axes": json.dumps({"shape": [HUGE, 8, 9], "axes": "ZYX"}),
    "shaped twice": json.dumps({"shape": [10**6, 10**6, 8, 9]}),
    "shaped truncated": json.dumps({"shape": [HUGE, 8, 9], "truncated": True}),
    "ome z": ome(SIZES | {"Z": HUGE}),
    "ome 10^9": ome(SIZES | {"Z": 10**9}),
    "ome zt": ome(SIZES | {"Z": 10**6, "T": 10**6}),
    "ome c": ome(SIZES | {"C": HUGE}),
    "ome planes": ome(SIZES, f'<TiffData IFD="0" PlaneCount="{HUGE}"/>'),
    "ome old planes": ome(SIZES, f'<TiffData IFD="0" NumPlanes="{HUGE}"/>'),
    "ome set": ome(
        SIZES, f'<TiffData PlaneCount="{HUGE}"><UUID FileName="b.tif">urn:b</UUID></TiffData>'
    ),
    "ome modulo": ome(SIZES, after=MODULO),
    "ome many": ome(SIZES, "</Pixels></Image><Image><Pixels/>".join(["<TiffData/>"] * 2)).replace(
        "<Pixels/>", '<Pixels DimensionOrder="XYZCT" SizeX="9" SizeY="8" SizeZ="900000" SizeC="1" '
        'SizeT="1"/>' * 2 + "<Pixels>",
    ),
}  # fmt: skip


@pytest.mark.parametrize("pages", [1, 2])
@pytest.mark.parametrize("compression", ["none", "lzw"])
@pytest.mark.parametrize("claim", CLAIMS)
def test_metadata_that_claim_too_much_are_refused(tmp_path, claim, compression, pages):
    path = described(tmp_path / "a.tif", CLAIMS[claim], pages, compression=compression)
    assert "is damaged: " in sentence(path)


@pytest.mark.parametrize("text", ["", "1e9", "9" * 5000, "x"])
def test_sizes_that_are_not_numbers_are_refused(tmp_path, text):
    path = described(tmp_path / "a.tif", ome(SIZES | {"Z": text}), 2)
    assert "cannot be read as an image" in sentence(path)


def test_metadata_of_a_large_set_are_allowed(tmp_path):
    path = described(tmp_path / "a.tif", ome(SIZES | {"Z": 300, "T": 2000}), 2)
    assert_slices(image_files.read(path), [PAGE] * 2)


@pytest.mark.parametrize("compression", ["none", "deflate", "lzw", "packbits"])
@pytest.mark.parametrize(
    "tags",
    [
        {256: 2**31 - 1, 257: 2**31 - 1, 278: 2**31 - 1},
        {256: 2**32 - 1},
        {257: 2**32 - 1, 278: 2**32 - 1},
        {32997: 2**31 - 1},
        {277: 65535},
    ],
)
def test_a_page_larger_than_its_file_is_refused(tmp_path, compression, tags):
    image = tiff_writer.Image(PAGE, compression, tags=tags)
    text = sentence(tiff_writer.write(tmp_path / "a.tif", [image]))
    assert "does not fit into a file of" in text


@pytest.mark.parametrize("tags", [{256: 0}, {257: 0}])
def test_a_page_without_pixels_is_refused(tmp_path, tags):
    path = tiff_writer.write(tmp_path / "a.tif", [tiff_writer.Image(PAGE, tags=tags)])
    assert "a page without pixels" in sentence(path)


def test_pixels_beyond_the_end_are_refused(tmp_path):
    path = tiff_writer.write(tmp_path / "a.tif", [tiff_writer.Image(PAGE, tags={273: 10**9})])
    assert "its pixels end at 1,000,000,072" in sentence(path)


@pytest.mark.parametrize("compression", ["zlib", "lzw", "packbits", "zstd", "lzma"])
def test_the_densest_file_of_each_compression_is_read(tmp_path, compression):
    page = np.zeros((3000, 3000), np.uint8)
    tifffile.imwrite(tmp_path / "a.tif", page, compression=compression)
    assert_slices(image_files.read(tmp_path / "a.tif"), [page])


def test_deflate_with_more_pixels_than_claimed_is_refused_without_unpacking_it(tmp_path):
    bomb = zlib.compress(bytes(10**8), 9)
    path = chain(tmp_path / "a.tif", 1)
    data = bytearray(path.read_bytes())
    tiff = tiff_writer.write(path, [tiff_writer.Image(PAGE, tags={259: 8, 273: len(data), 279: 1})])
    data = bytearray(tiff.read_bytes())
    at = data.index(struct.pack("<HHI", 273, 3, 1)) + 8
    data[at - 6 : at - 4] = struct.pack("<H", 4)
    data[at : at + 4] = struct.pack("<I", len(data))
    at = data.index(struct.pack("<HHI", 279, 3, 1)) + 2
    data[at : at + 10] = struct.pack("<HII", 4, 1, len(bomb))
    path.write_bytes(data + bomb)
    assert "cannot be read as an image" in sentence(path)


def test_strips_that_are_not_stored_are_zero(tmp_path):
    page = np.vstack([draw((16, 700)), np.zeros((1600, 700), np.uint8)])
    path = tmp_path / "a.tif"
    tifffile.imwrite(path, page, rowsperstrip=16, compression="none", metadata=None)
    with tifffile.TiffFile(path) as tiff:
        first = tiff.pages[0]
        places = first.tags[273].valueoffset, first.tags[279].valueoffset
        kinds = first.tags[273].dtype, first.tags[279].dtype
        end = first.dataoffsets[1]
        strips = len(first.dataoffsets)
    data = bytearray(path.read_bytes())
    for place, kind in zip(places, kinds, strict=True):
        size = 2 if kind == 3 else 4
        data[place + size : place + strips * size] = bytes((strips - 1) * size)
    path.write_bytes(data[:end])
    assert_slices(image_files.read(path), [page])
