"""Files laid out as OME-TIFF, ImageJ and Micro-Manager write them.

Pixels tell which page they are of: page k has the values `page(k)`.
"""

import json
import struct

import numpy as np
from tiff_writer import Image, write

from minunet.data import image_files
from minunet.data.image_files import Reading

SHAPE = (12, 18)
THUMBNAIL = {254: 1}  # NewSubfileType: a reduced image
PAGE = {254: 2}  # one page of several, as ImageMagick and Bio-Formats write


def page(k, shape=SHAPE, dtype="uint16"):
    """Make the pixels of page k; they differ from those of other pages everywhere."""
    y, x = np.indices(shape)
    return (1000 * k + 20 * y + x).astype(dtype)


def stack(n, **how):
    return [page(k, **how) for k in range(n)]


def values(path, reading=Reading()):  # noqa: B008
    """Return the thousands of the first pixel of each slice: its page."""
    return [int(image.flat[0]) // 1000 for image in image_files.read(path, reading)]


def ome(size_z=1, size_c=1, size_t=1, order="XYCZT", inside=None):
    """Describe an image of OME-TIFF; inside: TiffData elements, or None for pages in order."""
    return (
        '<?xml version="1.0" encoding="UTF-8"?><OME xmlns="http://www.openmicroscopy.org/Schemas/'
        'OME/2016-06"><Image ID="Image:0"><Pixels BigEndian="true" DimensionOrder="'
        f'{order}" ID="Pixels:0" SizeC="{size_c}" SizeT="{size_t}" SizeX="{SHAPE[1]}" '
        f'SizeY="{SHAPE[0]}" SizeZ="{size_z}" Type="uint16">'
        + "".join(f'<Channel ID="Channel:0:{c}" SamplesPerPixel="1"/>' for c in range(size_c))
        + (inside or "<TiffData/>")
        + "</Pixels></Image></OME>"
    )


def set_of_files(folder, files, **size):
    """Write a set of OME-TIFF files of one plane each, as Bio-Formats does."""
    axis = {"size_z": "Z", "size_c": "C", "size_t": "T"}[next(iter(size))]
    inside = "".join(
        f'<TiffData First{axis}="{k}" IFD="0" PlaneCount="1"><UUID FileName="{name}">'
        f"urn:uuid:00000000-0000-0000-0000-00000000000{k}</UUID></TiffData>"
        for k, name in enumerate(files)
    )
    folder.mkdir()
    for k, name in enumerate(files):
        text = ome(**size, inside=inside).replace(
            "<OME ", f'<OME UUID="urn:uuid:00000000-0000-0000-0000-00000000000{k}" '
        )
        write(folder / name, [Image(page(k), "lzw", tags={270: text})], ">")


def several(shapes):
    """Describe an OME-TIFF file of several images, one page each."""
    text = ome()
    head, image = text[: text.index("<Image")], text[text.index("<Image") :].removesuffix("</OME>")
    for k, (height, width) in enumerate(shapes):
        one = image.replace('Image:0"', f'Image:{k}"').replace('Pixels:0"', f'Pixels:{k}"')
        one = one.replace('SizeX="18"', f'SizeX="{width}"').replace(
            'SizeY="12"', f'SizeY="{height}"'
        )
        head += one.replace("<TiffData/>", f'<TiffData IFD="{k}" PlaneCount="1"/>')
    return head + "</OME>"


def imagej(n, labels=(), **axes):
    """Return the tags of the first page of an ImageJ stack."""
    lines = ["ImageJ=1.53t", f"images={n}", *(f"{key}={value}" for key, value in axes.items())]
    tags = {270: "\n".join([*lines, "hyperstack=true", "loop=false", ""])}
    if labels:
        texts = [label.encode("utf-16-be") for label in labels]
        head = b"IJIJ" + b"labl" + struct.pack(">I", len(texts))
        tags |= {50838: [len(head), *map(len, texts)], 50839: head + b"".join(texts)}
    return tags


def imagej_file(path, n, compression="none", **how):
    pages = [Image(pixels, compression) for pixels in stack(n)]
    return write(path, [pages[0]._replace(tags=imagej(n, **how)), *pages[1:]], ">")


def micro_manager(path, n, channels=1, prolog=0):
    """Write a stack as Micro-Manager 1.4 and 2 do: an index at the start, IJ and OME metadata."""
    summary = json.dumps(
        {
            "MicroManagerVersion": "1.4.23",
            "Channels": channels,
            "Slices": n // channels,
            "Frames": 1,
            "Positions": 1,
            "SlicesFirst": False,
            "TimeFirst": False,
            "PixelType": "GRAY16",
        }
    ).encode()
    tags = [
        {51123: json.dumps({"Slice": k // channels, "Channel": k % channels})} for k in range(n)
    ]
    axes = {"channels": channels} if channels > 1 else {}
    first = imagej(n, **axes, slices=n // channels)
    tags[0] |= first | {270: (ome(n // channels, channels), first[270])}
    pages = [Image(pixels, tags=own) for pixels, own in zip(stack(n), tags, strict=True)]
    write(path, pages, head=bytes(32) + summary)
    data = bytearray(path.read_bytes())
    (at,) = struct.unpack_from("<I", data, 4)
    index = []
    while at:
        index.append(at)
        (count,) = struct.unpack_from("<H", data, at)
        (at,) = struct.unpack_from("<I", data, at + 2 + 12 * count)
    struct.pack_into("<8I", data, 8, 54773648, len(data), 483765892, 0, 99384722, 0, 2355492,
                     len(summary))  # fmt: skip
    data += struct.pack("<2I", 3453623, n)
    for k, place in enumerate(index):
        data += struct.pack("<5I", k % channels, k // channels, 0, 0, place)
    path.write_bytes(data)
    return path
