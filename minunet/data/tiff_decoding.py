"""Decode the pages of TIFF files with tifffile and imagecodecs, where these need help."""

from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from minunet.array import Array
from minunet.errors import InputError

if TYPE_CHECKING:
    from tifffile import TiffFrame, TiffPage

SEPARATE = 2
"""Planar configuration: the samples of a page are stored one after the other."""


def check_codec(path: Path, page: "TiffPage") -> None:
    """Raise unless the compression of a page can be decoded."""
    import tifffile

    try:
        if page.compression != tifffile.COMPRESSION.NONE:
            import imagecodecs  # noqa: F401  which tifffile decodes with

        tifffile.TIFF.DECOMPRESSORS[page.compression]
    except (ImportError, KeyError):
        name = getattr(page.compression, "name", page.compression)
        raise InputError(
            f"{path} is compressed with {name}, which cannot be decoded here; run pip install "
            "--upgrade imagecodecs, or save the file without compression"
        ) from None


def decode(page: "TiffPage | TiffFrame", keyframe: "TiffPage") -> Array:
    """Decode a page; its file is open only for as long as that takes."""
    import tifffile

    if keyframe.compression == tifffile.COMPRESSION.JPEG and keyframe.planarconfig == SEPARATE:
        # Each segment holds a single sample, whatever the samples mean together.
        keyframe.photometric = tifffile.PHOTOMETRIC.MINISBLACK
    file = page.parent.filehandle
    file.open()
    try:
        if keyframe.compression == tifffile.COMPRESSION.LERC:
            _check_lerc(page, keyframe)
        return page.asarray()
    finally:
        file.close()


def _check_lerc(page: "TiffPage | TiffFrame", keyframe: "TiffPage") -> None:
    """Raise if LERC marks pixels as missing, such as NaN: tifffile would read them as 0."""
    import imagecodecs

    parameters = keyframe.tags.get("LercParameters")
    inner = parameters.value[1] if parameters else 0
    file = page.parent.filehandle
    for k, (offset, size) in enumerate(zip(page.dataoffsets, page.databytecounts, strict=True)):
        file.seek(offset)
        packed = file.read(size)
        _, (*_, top, left, _), _ = keyframe.decode(packed, k)
        rows, columns = keyframe.imagelength - top, keyframe.imagewidth - left  # without padding
        unpack = {1: imagecodecs.zlib_decode, 2: imagecodecs.zstd_decode}.get(inner, bytes)
        _, mask = imagecodecs.lerc_decode(unpack(packed), masks=True)
        if mask is not None and not np.all(mask[:rows, :columns]):
            raise InputError(
                f"{file.path} contains missing values or NaN; replace them with finite numbers"
            )
