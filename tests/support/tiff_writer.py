"""A TIFF writer that shares no code with tifffile or libtiff; from the TIFF 6.0 specification.

It writes what microscopes and other programs write and tifffile's own writer cannot: any mixture of
tags, pages of different kinds, and pyramid levels. `write` takes images, each with its own layout:

    write(path, [Image(pixels, "lzw", predictor=2, rows=7), Image(thumbnail, tags={254: 1})], ">")
"""

import struct
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any, Literal, NamedTuple

import numpy as np
from tiff_codecs import CODECS

SHORT, LONG, LONG8 = 3, 4, 16
FORMATS = {"u": 1, "i": 2, "f": 3, "c": 6}
"""Values of the tag SampleFormat."""


class Image(NamedTuple):
    """One image of a file: its pixels, and how they are stored."""

    pixels: np.ndarray  # (H, W) or (H, W, S)
    compression: str = "none"  # a name in CODECS
    predictor: int = 1  # 2: horizontal differences, 3: floating point
    rows: int = 0  # of a strip; 0: all
    tile: tuple[int, int] | None = None  # height and width of a tile, instead of strips
    planar: bool = False  # each sample in segments of its own
    bits: int = 0  # of a sample; 0: as many as the dtype has
    # Further tags, or other values; a tuple of values makes a tag for each, as Micro-Manager does.
    tags: dict[int, Any] = {}  # noqa: RUF012  (nothing changes it)
    subs: Sequence["Image"] = ()  # images in SubIFDs

    @property
    def samples(self) -> np.ndarray:
        """Pixels (H, W, S)."""
        return self.pixels if self.pixels.ndim == 3 else self.pixels[..., np.newaxis]


def segments(image: Image) -> Iterator[tuple[tuple[slice, slice, slice], np.ndarray]]:
    """Yield the place (rows, columns, samples) and the pixels (h, w, s) of each strip or tile.

    Tiles are padded at the edges by repeating pixels; the last strip is shorter.
    """
    height, width, count = image.samples.shape
    rows, columns = image.tile or (image.rows or height, width)
    s = 1 if image.planar else count
    for c in range(0, count, s):
        for y in range(0, height, rows):
            for x in range(0, width, columns):
                place = slice(y, y + rows), slice(x, x + columns), slice(c, c + s)
                pixels = image.samples[place]
                if image.tile:
                    h, w, _ = pixels.shape
                    pixels = np.pad(pixels, ((0, rows - h), (0, columns - w), (0, 0)), "edge")
                yield place, pixels


def predicted(pixels: np.ndarray, predictor: int, order: str) -> np.ndarray:
    """Return the differences between neighbours in a row that are stored instead of pixels."""
    h, w, s = pixels.shape
    size = pixels.dtype.itemsize
    if predictor == 2:  # of integers, modulo 2**bits; bits of a float count as an integer
        values = pixels.astype(pixels.dtype.newbyteorder("=")).view(f"u{size}")
        values = np.diff(values, axis=1, prepend=np.zeros((h, 1, s), values.dtype))
        return values.astype(values.dtype.newbyteorder(order))
    if predictor == 3:  # all first bytes of a row, all second bytes …; then differences of bytes
        most_first = np.ascontiguousarray(pixels, pixels.dtype.newbyteorder(">")).view(np.uint8)
        planes = most_first.reshape(h, w * s, size).transpose(0, 2, 1).reshape(h, -1, s)
        return np.diff(planes, axis=1, prepend=np.zeros((h, 1, s), np.uint8))
    return pixels.astype(pixels.dtype.newbyteorder(order))


def raw_bytes(pixels: np.ndarray, image: Image, order: str) -> bytes:
    """Return the bytes of a segment before compression; each row begins with a new byte."""
    bits = image.bits or 8 * pixels.dtype.itemsize
    if bits == 8 * pixels.dtype.itemsize:
        return predicted(pixels, image.predictor, order).tobytes()
    digits = pixels.reshape(len(pixels), -1, 1) >> np.arange(bits - 1, -1, -1) & 1
    return np.packbits(digits.reshape(len(pixels), -1).astype(bool), axis=1).tobytes()


def tags_of(image: Image) -> dict[int, Any]:
    """Return the tags of an image, without the places of its segments."""
    height, width, count = image.samples.shape
    dtype = image.pixels.dtype
    tags = {
        256: width,
        257: height,
        258: [image.bits or 8 * dtype.itemsize] * count,
        259: CODECS[image.compression].number,
        262: 2 if count in (3, 4) else 1,  # RGB, or BlackIsZero
        277: count,
        284: 2 if image.planar else 1,
        317: image.predictor,
        339: [FORMATS[dtype.kind]] * count,
    }
    if image.tile:
        tags |= {322: image.tile[1], 323: image.tile[0]}
    else:
        tags |= {278: image.rows or height}
    if count in (2, 4):
        tags[338] = 2  # the last sample is unassociated alpha
    return tags | CODECS[image.compression].tags | image.tags


class Writer:
    """The bytes of a file, as far as they are written."""

    def __init__(self, order: Literal["<", ">"], big: bool) -> None:
        self.order, self.big = order, big
        self.offset = "Q" if big else "I"
        head = struct.pack(order + "HHHQ", 43, 8, 0, 0) if big else struct.pack(order + "HI", 42, 0)
        self.out = bytearray((b"II" if order == "<" else b"MM") + head)
        self.link = len(self.out) - struct.calcsize(order + self.offset)

    def append(self, data: bytes) -> int:
        """Append bytes at an even offset, and return the offset."""
        self.out += b"\0" * (len(self.out) % 2)
        self.out += data
        return len(self.out) - len(data)

    def point(self, where: int, offset: int) -> None:
        """Write an offset at a place."""
        struct.pack_into(self.order + self.offset, self.out, where, offset)

    def field(self, value: Any) -> tuple[int, int, bytes]:
        """Return type, count and bytes of the value of a tag: text, bytes, floats or integers."""
        if isinstance(value, str):
            return 2, len(value.encode()) + 1, value.encode() + b"\0"
        if isinstance(value, bytes):
            return 1, len(value), value
        values = value if isinstance(value, list) else [value]
        if isinstance(values[0], float):  # as fractions of a million
            parts = [n for v in values for n in (round(v * 10**6), 10**6)]
            return 5, len(values), struct.pack(f"{self.order}{len(parts)}I", *parts)
        kind, code = (SHORT, "H") if max(values) < 1 << 16 else (LONG, "I")
        if max(values) >= 1 << 32:
            kind, code = LONG8, "Q"
        return kind, len(values), struct.pack(f"{self.order}{len(values)}{code}", *values)

    def directory(self, tags: dict[int, Any]) -> tuple[int, int]:
        """Append a directory of tags; return its offset, and the place of the next one's offset."""
        room = struct.calcsize(self.order + self.offset)
        entries = [
            (code, one)
            for code, value in sorted(tags.items())
            for one in (value if isinstance(value, tuple) else [value])
        ]
        table = struct.pack(self.order + ("Q" if self.big else "H"), len(entries))
        for code, value in entries:
            kind, count, data = self.field(value)
            if len(data) > room:
                data = struct.pack(self.order + self.offset, self.append(data))
            table += struct.pack(self.order + "HH" + self.offset, code, kind, count)
            table += data.ljust(room, b"\0")
        start = self.append(table + b"\0" * room)
        return start, len(self.out) - room

    def image(self, image: Image) -> tuple[int, int]:
        """Append an image with its SubIFDs; return what `directory` returns."""
        tags = tags_of(image)
        if image.subs:
            tags[330] = [self.image(sub)[0] for sub in image.subs]
        offsets, counts = [], []
        for _, pixels in segments(image):
            raw = raw_bytes(pixels, image, self.order)
            data = CODECS[image.compression].encode(raw, len(raw) // len(pixels), pixels)
            offsets.append(self.append(data))
            counts.append(len(data))
        places = {324: offsets, 325: counts} if image.tile else {273: offsets, 279: counts}
        return self.directory(places | tags)


def write(
    path: Path,
    images: Sequence[Image | np.ndarray],
    order: Literal["<", ">"] = "<",
    big: bool = False,
) -> Path:
    """Write a TIFF file of images, in a byte order, as classic TIFF or BigTIFF; return its path."""
    writer = Writer(order, big)
    for image in images:
        start, link = writer.image(image if isinstance(image, Image) else Image(image))
        writer.point(writer.link, start)
        writer.link = link
    path.write_bytes(writer.out)
    return path
