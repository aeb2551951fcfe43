"""Encoders of TIFF segments, independent of tifffile.

LZW and PackBits are written from the TIFF 6.0 specification, sections 13 and 9. Python's zlib and
lzma, Pillow (JPEG, JPEG 2000) and the Zstandard and LERC encoders of imagecodecs are the others.
"""

import io
import lzma
import re
import zlib
from collections.abc import Callable
from typing import NamedTuple

import numpy as np
from PIL import Image

CLEAR, END, FIRST, LAST = 256, 257, 258, 4094
"""Codes of LZW: clear the table, end of data, first and last entry of the table."""


def lzw(raw):
    """Compress bytes with LZW; the width of the codes grows from 9 to 12 bits."""
    single = {bytes([k]): k for k in range(256)}
    table, free, width, prefix, bits = dict(single), FIRST, 9, b"", [f"{CLEAR:09b}"]
    for byte in (raw[k : k + 1] for k in range(len(raw))):
        if prefix + byte in table:
            prefix += byte
            continue
        bits.append(f"{table[prefix]:0{width}b}")
        table[prefix + byte] = free
        free, prefix = free + 1, byte
        if free > LAST:
            bits.append(f"{CLEAR:0{width}b}")
            table, free, width = dict(single), FIRST, 9
        width += free == 1 << width
    if prefix:
        bits.append(f"{table[prefix]:0{width}b}")
        width += free + 1 == 1 << width and width < 12
    bits.append(f"{END:0{width}b}")
    whole = "".join(bits)
    whole += "0" * (-len(whole) % 8)
    return int(whole, 2).to_bytes(len(whole) // 8, "big")


def packbits(raw, row):
    """Compress bytes with PackBits, row by row: runs of one value, and literal bytes."""
    out = bytearray()
    for start in range(0, len(raw), row):
        for match in re.finditer(
            rb"(.)\1{1,127}|(?:(.)(?!\2)){1,128}", raw[start : start + row], re.DOTALL
        ):
            piece, n = match[0], len(match[0])
            out += bytes([257 - n]) + piece[:1] if match[1] else bytes([n - 1]) + piece
    return bytes(out)


def with_pillow(pixels, kind, **how):
    """Encode pixels (H, W, 1 or 3) in a format of Pillow."""
    file = io.BytesIO()
    Image.fromarray(pixels[..., 0] if pixels.shape[2] == 1 else pixels).save(file, kind, **how)
    return file.getvalue()


class Codec(NamedTuple):
    """A compression scheme: its number in the tag Compression, encoder, and further tags."""

    number: int
    encode: Callable  # (bytes, bytes per row, pixels (H, W, S)) -> bytes
    tags: dict = {}  # noqa: RUF012  (nothing changes it)


def zstd(raw, row, pixels):
    """Compress bytes with Zstandard."""
    import imagecodecs

    return imagecodecs.zstd_encode(raw)


def lerc(raw, row, pixels):
    """Compress pixels (H, W, 1 or S) with LERC, without loss.

    Like libtiff, encode the bytes of the file's byte order as if they were native.
    """
    import imagecodecs

    values = np.frombuffer(raw, pixels.dtype.newbyteorder("=")).reshape(pixels.shape)
    return imagecodecs.lerc_encode(values[..., 0] if pixels.shape[2] == 1 else values)


def jpeg(**how):
    """Return an encoder of JPEG; how: options of Pillow."""
    return lambda raw, row, pixels: with_pillow(pixels, "JPEG", quality=90, **how)


def jpeg_without_tables(raw, row, pixels):
    """Compress grey pixels (H, W, 1) with JPEG; the tables are in a tag, and there is no marker."""
    data = with_pillow(pixels, "JPEG", quality=90, streamtype=2)
    marker = data[2:4] == b"\xff\xe0"  # JFIF, which Pillow writes and libtiff does not
    return data[:2] + data[20:] if marker else data


TABLES = with_pillow(np.zeros((8, 8, 1), np.uint8), "JPEG", quality=90, streamtype=1)


def jpeg2000(raw, row, pixels):
    """Compress 8- or 16-bit pixels with JPEG 2000 without loss, as a bare codestream."""
    return with_pillow(pixels, "JPEG2000", irreversible=False, no_jp2=True, mct=0)


CODECS = {
    "none": Codec(1, lambda raw, row, pixels: raw),
    "lzw": Codec(5, lambda raw, row, pixels: lzw(raw)),
    "jpeg": Codec(7, jpeg(keep_rgb=True)),
    "jpeg-ycbcr": Codec(7, jpeg(subsampling="4:2:0"), {262: 6, 530: [2, 2]}),
    "jpeg-tables": Codec(7, jpeg_without_tables, {347: TABLES}),
    "deflate": Codec(8, lambda raw, row, pixels: zlib.compress(raw)),
    "packbits": Codec(32773, lambda raw, row, pixels: packbits(raw, row)),
    "old-deflate": Codec(32946, lambda raw, row, pixels: zlib.compress(raw)),
    "jpeg2000-aperio": Codec(33005, jpeg2000),
    "jpeg2000": Codec(34712, jpeg2000),
    "lerc": Codec(34887, lerc, {50674: [4, 0]}),
    "lerc-deflate": Codec(34887, lambda *of: zlib.compress(lerc(*of)), {50674: [4, 1]}),
    "lzma": Codec(34925, lambda raw, row, pixels: lzma.compress(raw)),
    "zstd": Codec(50000, zstd),
}
