"""The same pixels are read whatever a writer of TIFF chose: compression, byte order, layout, dtype.

`tiff_writer` writes the files; it shares no code with the libraries that read them. First every
class of combinations, one after another; then combinations that Hypothesis draws.
"""

import io
import itertools

import numpy as np
import PIL.Image
import pytest
from hypothesis import assume, given
from hypothesis import strategies as st
from pictures import draw
from tiff_codecs import CODECS
from tiff_writer import Image, segments, write

from minunet.data import image_files

INTEGERS = ("uint8", "uint16", "uint32", "uint64", "int8", "int16", "int32", "int64")
FLOATS = ("float16", "float32", "float64")
PREDICTING = ("lzw", "deflate", "old-deflate", "lzma", "zstd")
LERC = ("lerc", "lerc-deflate")
JPEG2000 = ("jpeg2000", "jpeg2000-aperio")
DTYPES = {
    **dict.fromkeys(("none", "packbits", *PREDICTING), INTEGERS + FLOATS),
    **dict.fromkeys(LERC, ("uint8", "int8", "uint16", "int16", "uint32", "int32", *FLOATS[1:])),
    **dict.fromkeys(JPEG2000, ("uint8", "uint16")),
}
"""Lossless compression schemes, with the dtypes that each can store."""


def predictors(compression, dtype):
    """List the predictors that a file may have: 1 is none, 2 horizontal, 3 floating point."""
    return [1] if compression not in PREDICTING else [1, 3] if dtype in FLOATS else [1, 2]


def samples(compression, dtype):
    """List the numbers of samples per pixel that the encoder takes: grey, RGB, with alpha."""
    if compression in JPEG2000:  # Pillow encodes no 16-bit colours
        return [1, 3] if dtype == "uint8" else [1]
    return [1, 3] if compression in LERC else [1, 3, 2, 4]


def fill(shape, dtype, seed=0):
    """Make pixels (H, W, S) over the whole range of a dtype: noise, and a flat part with runs."""
    random = np.random.default_rng(seed)
    if dtype in FLOATS:
        pixels = random.normal(0, 1000, shape).astype(dtype)
    else:
        of = np.iinfo(dtype)
        pixels = random.integers(of.min, of.max, shape, dtype, endpoint=True)
    pixels[..., 0] = np.where(pixels[..., 0] == pixels[..., -1], 7, pixels[..., 0])
    pixels[:, : shape[1] // 2] = pixels[0, 0]
    return pixels


def check(path, pages, **file):
    """Write pages, and check that exactly their pixels are read, without alpha."""
    write(path, pages, **file)
    found = image_files.read(path)
    assert len(found) == len(pages), file
    for image, page in zip(found, pages, strict=True):
        expected = page.samples[..., : 3 if page.samples.shape[2] > 2 else 1]
        assert image.dtype == expected.dtype, (page._replace(pixels=image.dtype), file)
        assert image.dtype.isnative
        layout = page._replace(pixels=page.pixels.shape)
        np.testing.assert_array_equal(image, expected, err_msg=f"{layout}, {file}")


COMBINATIONS = [
    (compression, predictor, dtype)
    for compression, dtypes in DTYPES.items()
    for dtype in dtypes
    for predictor in predictors(compression, dtype)
]


@pytest.mark.parametrize(("compression", "predictor", "dtype"), COMBINATIONS)
def test_every_compression_of_every_dtype(tmp_path, compression, predictor, dtype):
    for count in samples(compression, dtype):
        pixels = fill((18, 23, count), dtype)
        if compression in LERC:  # which may not keep NaN, and the bytes of a big-endian file are
            pixels = pixels.round()  # encoded as they are; those of whole numbers are never NaN
        page = Image(pixels, compression, predictor)
        layouts = [{}, {"rows": 8}, {"tile": (16, 16)}]
        for layout, planar in itertools.product(layouts, [False, True] if count > 1 else [False]):
            for order in "<>":
                check(tmp_path / "a.tif", [page._replace(planar=planar, **layout)], order=order)


@pytest.mark.parametrize("order", "<>")
@pytest.mark.parametrize("pages", [2, 3, 4, 5])
@pytest.mark.parametrize("count", [1, 3])
@pytest.mark.parametrize("compression", ["none", "lzw", "zstd"])
def test_every_number_of_pages(tmp_path, compression, count, pages, order):
    stack = [Image(fill((9, 14, count), "uint16", k), compression, rows=4) for k in range(pages)]
    for big in (False, True):
        check(tmp_path / "a.tif", stack, order=order, big=big)


@pytest.mark.parametrize("compression", ["none", "lzw", "deflate", "packbits", "lzma", "zstd"])
@pytest.mark.parametrize("bits", [1, 2, 4, 12])
def test_samples_smaller_than_their_dtype(tmp_path, bits, compression):
    # 1 bit reads as 0 and 1, in uint8; 12 bits of a camera in uint16.
    pixels = draw((21, 37), np.uint16) >> (16 - bits)
    page = Image(pixels.astype(np.uint8 if bits < 8 else np.uint16), compression, bits=bits)
    for layout, order in itertools.product([{}, {"rows": 8}, {"tile": (16, 32)}], "<>"):
        check(tmp_path / "a.tif", [page._replace(**layout)], order=order)


@pytest.mark.parametrize("compression", ["none", "lzw", "packbits"])
@pytest.mark.parametrize("dtype", ["uint8", "uint16", "float32"])
def test_values_are_those_stored_even_if_white_is_zero(tmp_path, dtype, compression):
    # As in ImageJ and tifffile: WhiteIsZero says how to display values, not what they are.
    page = Image(draw((9, 14), dtype), compression, tags={262: 0})
    check(tmp_path / "a.tif", [page])
    check(tmp_path / "a.tif", [Image((draw((9, 14)) > 99).view(np.uint8), bits=1, tags={262: 0})])


@pytest.mark.parametrize("orientation", range(1, 9))
def test_pixels_stay_where_they_are_stored(tmp_path, orientation):
    # As in ImageJ, Bio-Formats and tifffile, whatever the tag Orientation says.
    for compression in ("none", "lzw"):
        check(tmp_path / "a.tif", [Image(draw((9, 14)), compression, tags={274: orientation})])


@pytest.mark.parametrize("compression", ["none", "lzw"])
def test_palette_indices_are_the_values_of_a_tiff(tmp_path, compression):
    # ImageJ stores a lookup table, such as Fire, as the palette of a greyscale image.
    colours = list(range(65535, 65535 - 768 * 80, -80))
    check(tmp_path / "a.tif", [Image(draw((9, 14)), compression, tags={262: 3, 320: colours})])


def test_bits_filled_from_the_lowest(tmp_path):
    mask = (draw((9, 14)) > 99).view(np.uint8)
    backwards = np.packbits(mask, axis=1, bitorder="little")
    # The same bytes as a file of 8-bit values, whose tags say: 14 columns, one bit, FillOrder 2.
    write(tmp_path / "a.tif", [Image(backwards, tags={256: 14, 258: 1, 266: 2})])
    np.testing.assert_array_equal(image_files.read(tmp_path / "a.tif")[0][..., 0], mask)


# JPEG loses grey values; Pillow decodes each strip or tile by itself.


def decoded(page):
    """Return the pixels (H, W, S) of a page, each segment encoded and decoded with Pillow."""
    compression = page.compression.removesuffix("-tables")
    out = np.zeros_like(page.samples)
    for place, pixels in segments(page):
        data = CODECS[compression].encode(b"", 0, pixels)
        with PIL.Image.open(io.BytesIO(data)) as image:
            back = np.array(image).reshape(pixels.shape)
        view = out[place]
        view[:] = back[: view.shape[0], : view.shape[1]]
    return out


def smooth(shape):
    """Make pixels (H, W, S) that JPEG keeps to a few grey values."""
    y, x, c = np.indices(shape)
    return (128 + 100 * np.sin(y / 9 + c) * np.cos(x / 7)).astype(np.uint8)


@pytest.mark.parametrize("layout", [{}, {"rows": 16}, {"tile": (32, 48)}])
@pytest.mark.parametrize(
    ("compression", "count", "planar"),
    [
        *(("jpeg", 1, False), ("jpeg", 3, False), ("jpeg", 3, True), ("jpeg-ycbcr", 3, False)),
        *(("jpeg-tables", 1, False), ("jpeg-tables", 3, True)),
    ],
)
def test_jpeg(tmp_path, compression, count, planar, layout):
    # libtiff writes the tables once for all strips, in a tag: tiffcp -c jpeg, GDAL, ImageMagick.
    pages = [smooth((41, 70, count))[k:] for k in range(2)]
    pages = [Image(page, compression, planar=planar, **layout) for page in pages]
    for order in "<>":
        write(tmp_path / "a.tif", pages, order)
        found = image_files.read(tmp_path / "a.tif")
        assert len(found) == 2
        for image, page in zip(found, pages, strict=True):
            assert image.dtype == np.uint8
            difference = image.astype(int) - decoded(page)
            assert np.abs(difference).max() <= 2  # measured: 0


# Any combination


@st.composite
def pages(draw):
    """Draw the pages of a file, all in one layout."""
    compression = draw(st.sampled_from(list(DTYPES)))
    dtype = draw(st.sampled_from(DTYPES[compression]))
    height, width = draw(st.integers(1, 70)), draw(st.integers(1, 70))
    assume(height != width)
    count = draw(st.sampled_from(samples(compression, dtype)))
    sides = st.sampled_from([16, 32, 48])
    layout = Image(
        fill((height, width, count), dtype, draw(st.integers(0, 99))),
        compression,
        predictor=draw(st.sampled_from(predictors(compression, dtype))),
        rows=draw(st.integers(0, height)),
        tile=draw(st.none() | st.tuples(sides, sides)),
        planar=draw(st.booleans()) and count > 1,
    )
    further = [layout._replace(pixels=layout.pixels[::-1]), layout]
    return [layout, *further[: draw(st.integers(0, 2))]]


@given(pages(), st.sampled_from("<>"), st.booleans())
def test_any_combination(tmp_path_factory, pages, order, big):
    check(tmp_path_factory.mktemp("any") / "a.tif", pages, order=order, big=big)
