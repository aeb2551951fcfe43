"""PNG files of every kind in the standard, with right values known by hand."""

import struct
import zlib

import numpy as np
import pytest
from pictures import draw, sentence
from png_writer import chunk, write

from minunet.data import image_files
from minunet.data.image_files import Reading, Slices


def numbers(shape, depth):
    """Make pixels over the whole range of `depth` bits."""
    pixels = draw(shape, np.uint16) >> (16 - depth)
    return pixels.astype(np.uint8) if depth <= 8 else pixels


@pytest.mark.parametrize("interlaced", [False, True])
@pytest.mark.parametrize(
    ("kind", "samples", "depth"),
    [
        *(("grey", 1, depth) for depth in (1, 2, 4, 8, 16)),
        *((kind, n, depth) for kind, n in (("grey+alpha", 2), ("rgb", 3), ("rgba", 4))
          for depth in (8, 16)),
    ],
)  # fmt: skip
def test_values_are_those_stored(tmp_path, kind, samples, depth, interlaced):
    # 2 bits read as 0 … 3, not stretched to 0 … 255; 16 bits are not cut to 8; alpha is dropped.
    for shape in ((21, 37), (1, 5), (6, 1)):
        pixels = numbers((*shape, samples), depth)
        write(tmp_path / "a.png", pixels, kind, depth, interlaced)
        (image,) = image_files.read(tmp_path / "a.png")
        expected = pixels[..., : 3 if samples > 2 else 1]
        assert image.dtype == (np.uint16 if depth == 16 else np.uint8)
        np.testing.assert_array_equal(image, expected)


def test_16_bit_colours_that_8_bits_would_merge(tmp_path):
    # 300 … 499 all become 1 if only the upper byte is kept.
    pixels = np.arange(300, 492, dtype=np.uint16).reshape(8, 8, 3)
    write(tmp_path / "a.png", pixels, "rgb", 16)
    np.testing.assert_array_equal(image_files.read(tmp_path / "a.png")[0], pixels)
    write(tmp_path / "a.png", pixels[..., :2], "grey+alpha", 16)
    np.testing.assert_array_equal(image_files.read(tmp_path / "a.png")[0], pixels[..., :1])


def test_a_transparent_grey_value_or_colour_is_still_that_value(tmp_path):
    pixels = numbers((9, 14, 3), 8)
    transparent = (b"tRNS", struct.pack(">3H", *pixels[0, 0].tolist()))
    write(tmp_path / "a.png", pixels, "rgb", chunks=[transparent])
    np.testing.assert_array_equal(image_files.read(tmp_path / "a.png")[0], pixels)
    for depth in (1, 2, 8, 16):
        grey = numbers((9, 14), depth)
        transparent = (b"tRNS", struct.pack(">H", int(grey[0, 0])))
        write(tmp_path / "a.png", grey, depth=depth, chunks=[transparent])
        np.testing.assert_array_equal(image_files.read(tmp_path / "a.png")[0][..., 0], grey)


def test_gamma_and_profiles_do_not_change_values(tmp_path):
    pixels = numbers((9, 14), 16)
    profile = (b"iCCP", b"grey\0\0" + zlib.compress(b"not a profile"))
    write(tmp_path / "a.png", pixels, depth=16, chunks=[(b"gAMA", b"\0\0\xb1\x8f"), profile])
    np.testing.assert_array_equal(image_files.read(tmp_path / "a.png")[0][..., 0], pixels)


COLOURS = ((0, 0, 0), (230, 25, 75), (60, 180, 75))


@pytest.mark.parametrize("interlaced", [False, True])
@pytest.mark.parametrize("depth", [2, 4, 8])
@pytest.mark.parametrize("transparent", [b"", b"\0"])
def test_a_palette_has_colours_and_indices(tmp_path, transparent, depth, interlaced):
    labels = (draw((9, 14)) % 3).astype(np.uint8)
    chunks = [(b"PLTE", bytes(np.array(COLOURS, np.uint8))), (b"tRNS", transparent)]
    chunks = chunks if transparent else chunks[:1]
    path = write(tmp_path / "a.png", labels, "palette", depth, interlaced, chunks)
    (image,) = image_files.read(path)
    np.testing.assert_array_equal(image, np.array(COLOURS, np.uint8)[labels])
    (indices,) = image_files.read(path, Reading(indices=True))
    np.testing.assert_array_equal(indices[..., 0], labels)
    assert Slices(path, Reading(indices=True)).palette[:3] == COLOURS


def test_a_one_bit_palette_has_indices_too(tmp_path):
    # As ImageJ saves a binary mask with an inverting lookup table: 0 is shown white.
    mask = (draw((9, 14)) > 99).view(np.uint8)
    chunks = [(b"PLTE", bytes([255, 255, 255, 0, 0, 0]))]
    path = write(tmp_path / "a.png", mask, "palette", 1, chunks=chunks)
    (indices,) = image_files.read(path, Reading(indices=True))
    np.testing.assert_array_equal(indices[..., 0], mask)
    np.testing.assert_array_equal(image_files.read(path)[0][..., 0], 255 * (1 - mask))


def test_indices_of_a_png_without_a_palette_are_its_values(tmp_path):
    labels = numbers((9, 14), 8)
    slices = Slices(write(tmp_path / "a.png", labels), Reading(indices=True))
    np.testing.assert_array_equal(slices[0][..., 0], labels)
    assert slices.palette == ()


def test_a_png_of_180_megapixels(tmp_path):
    # Pillow warns from 90 megapixels on, and refuses from 179.
    head = struct.pack(">IIBBBBB", 20000, 9000, 1, 0, 0, 0, 0)
    row, marked = bytes(1 + 2500), bytes([0, 0x40]) + bytes(2499)
    data = zlib.compress(row * 8999 + marked, 1)
    parts = [(b"IHDR", head), (b"IDAT", data), (b"IEND", b"")]
    path = tmp_path / "large.png"
    path.write_bytes(b"\x89PNG\r\n\x1a\n" + b"".join(chunk(*part) for part in parts))
    (image,) = Slices(path)
    assert image.shape == (9000, 20000, 1)
    assert int(image.sum(dtype=np.int64)) == image[8999, 1, 0] == 1


@pytest.mark.parametrize("depth", [8, 16])
@pytest.mark.parametrize("kind", ["grey", "rgb"])
def test_a_damaged_png_is_refused(tmp_path, kind, depth):
    pixels = numbers((21, 37, 3 if kind == "rgb" else 1), depth)
    path = write(tmp_path / "a.png", pixels, kind, depth)
    whole = path.read_bytes()
    for length in (0, 7, 30, len(whole) // 2, len(whole) - 40):
        path.write_bytes(whole[:length])
        sentence(path)
    path.write_bytes(whole.replace(b"IDAT\x78\x01", b"IDAT\x78\x02"))
    sentence(path)
