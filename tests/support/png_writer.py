"""A PNG writer, from the PNG specification: all depths and colour types, with interlacing.

Pillow, which reads most PNG files for minunet, cannot write 16-bit colours or interlaced images.
"""

import struct
import zlib

import numpy as np

KINDS = {"grey": 0, "rgb": 2, "palette": 3, "grey+alpha": 4, "rgba": 6}
PASSES = [(0, 0, 8, 8), (0, 4, 8, 8), (4, 0, 8, 4), (0, 2, 4, 4), (2, 0, 4, 2), (0, 1, 2, 2)]
PASSES += [(1, 0, 2, 1)]
"""First row and column, and steps, of the passes of Adam7."""


def chunk(kind, data):
    """Return a chunk: length, kind, data, checksum."""
    body = kind + data
    return struct.pack(">I", len(data)) + body + struct.pack(">I", zlib.crc32(body))


def rows(pixels, depth):
    """Return the bytes (H, N) of pixels (H, W, S); samples of less than 8 bits share a byte."""
    if depth >= 8:
        raw = np.ascontiguousarray(pixels, f">u{depth // 8}").view(np.uint8)
        return raw.reshape(len(pixels), -1)
    bits = pixels.reshape(len(pixels), -1, 1) >> np.arange(depth - 1, -1, -1) & 1
    return np.packbits(bits.reshape(len(pixels), -1).astype(bool), axis=1)


def filtered(raw, step):
    """Return rows (H, N) as bytes with their filters: none, left and above, one after another."""
    left = np.pad(raw, ((0, 0), (step, 0)))[:, : raw.shape[1]]
    above = np.pad(raw, ((1, 0), (0, 0)))[:-1]
    out = bytearray()
    for k, row in enumerate(raw):
        kind = k % 3
        out += bytes([kind]) + (row - [0, left[k], above[k]][kind]).astype(np.uint8).tobytes()
    return bytes(out)


def write(path, pixels, kind="grey", depth=8, interlaced=False, chunks=()):
    """Write pixels (H, W) or (H, W, S) of a kind in KINDS; chunks: (kind, data) before the pixels.

    Return the path.
    """
    height, width = pixels.shape[:2]
    pixels = pixels.reshape(height, width, -1)
    step = max(1, depth * pixels.shape[2] // 8)
    parts = [pixels[y::h, x::w] for y, x, h, w in PASSES] if interlaced else [pixels]
    data = b"".join(filtered(rows(part, depth), step) for part in parts if part.size)
    head = struct.pack(">IIBBBBB", width, height, depth, KINDS[kind], 0, 0, int(interlaced))
    body = [(b"IHDR", head), *chunks, (b"IDAT", zlib.compress(data, 1)), (b"IEND", b"")]
    path.write_bytes(b"\x89PNG\r\n\x1a\n" + b"".join(chunk(*part) for part in body))
    return path
