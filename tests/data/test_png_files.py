"""PNG files are read with the values that they store, whatever their depth and colour type."""

import struct
import zlib

import numpy as np
import pytest
from pictures import draw, sentence
from PIL import Image

from minunet.data import image_files
from minunet.data.page import Reading

GREY, COLOUR, PALETTE, GREY_ALPHA, COLOUR_ALPHA = 0, 2, 3, 4, 6
SAMPLES = {GREY: 1, COLOUR: 3, PALETTE: 1, GREY_ALPHA: 2, COLOUR_ALPHA: 4}


def chunk(name, data):
    body = name + data
    return struct.pack(">I", len(data)) + body + struct.pack(">I", zlib.crc32(body))


def write(path, samples, depth, kind, palette=b""):
    """Write a PNG file, from the samples (H, W, S), by the standard alone."""
    height, width, _ = samples.shape
    if depth == 16:
        rows = samples.astype(">u2").reshape(height, -1).view(np.uint8)
    else:
        bits = np.unpackbits(samples.astype(np.uint8)[..., np.newaxis], axis=-1)[..., 8 - depth :]
        rows = np.packbits(bits.reshape(height, -1), axis=1)
    raw = b"".join(b"\0" + row.tobytes() for row in rows)  # filter 0: none
    header = struct.pack(">IIBBBBB", width, height, depth, kind, 0, 0, 0)
    parts = chunk(b"IHDR", header) + (chunk(b"PLTE", palette) if palette else b"")
    end = chunk(b"IDAT", zlib.compress(raw)) + chunk(b"IEND", b"")
    path.write_bytes(b"\x89PNG\r\n\x1a\n" + parts + end)
    return path


@pytest.mark.parametrize(("depth", "kind"), [(8, GREY), (8, PALETTE), (16, COLOUR), (1, GREY)])
@pytest.mark.parametrize(
    ("width", "height"),
    [(2**31 - 1, 2**31 - 1), (2**32 - 1, 1), (1, 2**31), (10**5, 10**5), (0, 5), (5, 0)],
)
def test_more_pixels_than_the_file_can_hold_are_refused(tmp_path, width, height, depth, kind):
    path = write(tmp_path / "a.png", np.zeros((4, 5, SAMPLES[kind])), depth, kind, bytes(6))
    data = path.read_bytes()
    header = b"IHDR" + struct.pack(">II", width, height) + data[24:29]
    path.write_bytes(data[:12] + header + struct.pack(">I", zlib.crc32(header)) + data[33:])
    assert f"claims to contain {height} x {width} pixels" in sentence(path)


def test_the_densest_png_is_read(tmp_path):
    path = write(tmp_path / "a.png", np.zeros((3000, 3000, 1)), 8, GREY)
    (image,) = image_files.read(path)
    assert image.shape == (3000, 3000, 1)
    assert not image.any()


@pytest.mark.parametrize(
    ("depth", "kind"),
    [
        *((depth, GREY) for depth in (1, 2, 4, 8, 16)),
        *((depth, kind) for depth in (8, 16) for kind in (COLOUR, GREY_ALPHA, COLOUR_ALPHA)),
    ],
)
def test_values_are_read_as_stored(tmp_path, depth, kind):
    rng = np.random.default_rng(depth)
    samples = rng.integers(2**depth, size=(13, 21, SAMPLES[kind]))
    (image,) = image_files.read(write(tmp_path / "a.png", samples, depth, kind))
    assert image.dtype == (np.uint16 if depth == 16 else np.uint8)
    np.testing.assert_array_equal(image, samples[..., : 3 if kind & COLOUR else 1])


@pytest.mark.parametrize("depth", [1, 2, 4, 8])
def test_a_palette_gives_colours_or_indices(tmp_path, depth):
    rng = np.random.default_rng(0)
    count = min(2**depth, 200)
    colours = rng.integers(256, size=(count, 3), dtype=np.uint8)
    samples = rng.integers(count, size=(13, 21, 1))
    path = write(tmp_path / "a.png", samples, depth, PALETTE, colours.tobytes())
    (image,) = image_files.read(path)
    np.testing.assert_array_equal(image, colours[samples[..., 0]])
    slices = image_files.Slices(path, Reading(indices=True))
    np.testing.assert_array_equal(slices[0], samples)
    assert slices.palette[:count] == tuple(map(tuple, colours.tolist()))


def test_an_interlaced_file(tmp_path):
    colours = draw((20, 31, 3))
    Image.fromarray(colours).save(tmp_path / "a.png", interlace=1)
    np.testing.assert_array_equal(image_files.read(tmp_path / "a.png")[0], colours)


def test_a_file_too_large_for_pillows_own_limit(tmp_path):
    path = tmp_path / "a.png"
    page = np.zeros((14000, 13000), bool)  # 182 megapixels; Pillow refuses more than 179
    page[-1, -1] = True
    Image.fromarray(page).save(path, compress_level=1)
    limit = Image.MAX_IMAGE_PIXELS
    assert image_files.Slices(path)[0].sum() == 1
    assert limit == Image.MAX_IMAGE_PIXELS


def test_a_file_that_is_no_png_is_refused(tmp_path):
    (tmp_path / "a.png").write_bytes(b"GIF89a" + bytes(40))
    assert "a.png is not a PNG file" in sentence(tmp_path / "a.png")


@pytest.mark.parametrize("depth", [8, 16])
def test_a_channel_or_the_grey_value_of_colours(tmp_path, depth):
    samples = np.random.default_rng(depth).integers(2**depth, size=(13, 21, 3))
    path = write(tmp_path / "a.png", samples, depth, COLOUR)
    for channel in range(3):
        (image,) = image_files.read(path, Reading(channel))
        np.testing.assert_array_equal(image[..., 0], samples[..., channel])
    (image,) = image_files.read(path, Reading("grey"))
    exact = samples @ (0.299, 0.587, 0.114)  # ITU-R BT.601
    np.testing.assert_allclose(image[..., 0], exact, atol=0.51)
    assert "--channel 3 is not one of them: pass 0 (red)" in sentence(
        path, lambda path: image_files.read(path, Reading(3))
    )
