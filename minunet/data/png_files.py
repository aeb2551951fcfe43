"""PNG files: Pillow reads them, except for samples that it would cut to 8 bits."""

from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from minunet.array import Array
from minunet.data import calibration
from minunet.data.page import RGB, Channel, Contents, Page, Reading
from minunet.errors import InputError

if TYPE_CHECKING:
    from PIL.Image import Image

SIGNATURE = b"\x89PNG\r\n\x1a\n"

GREY, COLOUR, PALETTE, GREY_ALPHA, COLOUR_ALPHA = 0, 2, 3, 4, 6
"""Colour types of the PNG standard."""


SAMPLES = {GREY: 1, COLOUR: 3, PALETTE: 1, GREY_ALPHA: 2, COLOUR_ALPHA: 4}
"""Number of samples of a pixel, by colour type."""

LONGEST = 2**31 - 1
"""Maximum width and height of the PNG standard."""

DENSEST = 1032
"""Largest ratio of pixels to stored bytes that deflate, the only compression of PNG, allows."""


class Header(NamedTuple):
    """The header chunk of a PNG file."""

    width: int
    height: int
    depth: int  # bits per sample
    kind: int  # colour type


def contents(path: Path, reading: Reading) -> Contents:
    """Describe the one slice of a PNG file."""
    header = _header(path)
    indexed = header.kind == PALETTE
    colour = header.kind in (COLOUR, COLOUR_ALPHA) or (indexed and not reading.indices)
    shape = (header.height, header.width, *([RGB] if colour else []))
    load = partial(_indices if indexed and reading.indices else _pixels, path, header)
    dtype = np.uint16 if header.depth == 16 else np.uint8
    page = Page(path, load, shape, dtype, mapped=False, colour=colour)
    with _opened(path) as image:
        known = calibration.of_png(image)
    return Contents(
        [_choose(page, reading.channel) if colour else page],
        palette=_palette(path) if indexed and reading.indices else (),
        calibration=known,
    )


def _choose(page: Page, channel: Channel) -> Page:
    """Choose a channel of an image in colour, or its grey value."""
    if isinstance(channel, int) and channel >= RGB:
        raise InputError(
            f"{page.file} has {RGB} channels; --channel {channel} is not one of them: pass 0 "
            "(red), 1 (green) or 2 (blue)"
        )
    if channel == "grey":
        return page.in_grey()
    return page.select(channel) if isinstance(channel, int) else page


def _header(path: Path) -> Header:
    with path.open("rb") as file:
        start = file.read(26)
    if len(start) < 26 or not start.startswith(SIGNATURE):
        raise InputError(f"{path} is not a PNG file, or is damaged; export it again as PNG or TIFF")
    width, height = (int.from_bytes(start[k : k + 4], "big") for k in (16, 20))
    header = Header(width, height, start[24], start[25])
    _check_claim(path, header)
    return header


def _check_claim(path: Path, header: Header) -> None:
    """Raise unless a file of this size can hold the pixels that its header claims."""
    width, height, depth, kind = header
    size, claimed = path.stat().st_size, width * height * depth * SAMPLES.get(kind, 1) // 8
    if not (0 < width <= LONGEST and 0 < height <= LONGEST) or claimed > DENSEST * size:
        raise InputError(
            f"{path} is damaged: it claims to contain {height} x {width} pixels, which do not fit "
            f"into a file of {size:,} bytes; export it again"
        )


@contextmanager
def _opened(path: Path) -> Iterator["Image"]:
    """Open an image of any size; by default, Pillow refuses very large ones as possible attacks."""
    import PIL.Image

    most, PIL.Image.MAX_IMAGE_PIXELS = PIL.Image.MAX_IMAGE_PIXELS, None
    try:
        with PIL.Image.open(path) as image:
            yield image
    finally:
        PIL.Image.MAX_IMAGE_PIXELS = most


def _pixels(path: Path, header: Header) -> Array:
    """Load the pixels: (H, W), or (H, W, 3) if they are in colour."""
    if header.depth == 16 and header.kind != GREY:
        import imagecodecs

        pixels = imagecodecs.png_decode(path.read_bytes())  # Pillow would cut them to 8 bits
    else:
        with _opened(path) as image:
            pixels = np.array(image.convert("RGB") if header.kind == PALETTE else image)
    if header.kind in (GREY, GREY_ALPHA):
        pixels = pixels[..., 0] if pixels.ndim == 3 else pixels
        if header.depth in (2, 4):  # Pillow stretches the values to 0 … 255
            pixels = pixels // (255 // (2**header.depth - 1))
        return pixels.astype(np.uint8) if header.depth == 1 else pixels
    return pixels[..., :RGB]


def _indices(path: Path, header: Header) -> Array:
    """Load the palette index of every pixel, (H, W) uint8."""
    with _opened(path) as image:
        return np.array(image)


def _palette(path: Path) -> tuple[tuple[int, int, int], ...]:
    """Read the colours of a palette."""
    with _opened(path) as image:
        flat = image.getpalette("RGB") or []
    return tuple(zip(flat[0::3], flat[1::3], flat[2::3], strict=True))
