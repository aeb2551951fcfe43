"""Samples, series, folders and refusals, with right values known by hand.

Each layout was found in a file of the program named, and is built here without it.
"""

import subprocess
import sys

import numpy as np
import pytest
import tifffile
from layouts import SHAPE, page, stack, values
from pictures import assert_slices, sentence
from png_writer import write as write_png
from tiff_writer import Image, write

from minunet.data import image_files
from minunet.data.image_files import Reading, Slices

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
