"""Write images and labels as OME-Zarr 0.4 (Zarr v2) or 0.5 (Zarr v3), with a pyramid.

Every chunk is written by itself and at once, so that several processes can write one array, and a
chunk that is there is complete.
"""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Literal, NamedTuple, get_args

import numpy as np
from numpy.typing import DTypeLike

from minunet.array import Array

Version = Literal["0.5", "0.4"]
"""Versions of OME-Zarr: 0.5 is stored as Zarr v3, 0.4 as Zarr v2, which more programs read."""

VERSIONS = get_args(Version)

TYPES = {"t": "time", "c": "channel"}
"""Types of axes in OME-Zarr; the others are of type space."""


class Layout(NamedTuple):
    """An image to write: level 0 of its pyramid, and what is known about it."""

    name: str
    axes: str  # one letter each
    shape: tuple[int, ...]
    chunks: tuple[int, ...]
    dtype: DTypeLike
    fill: float  # value of chunks that are not there yet
    scale: tuple[float, ...]  # size of a pixel along each axis
    units: tuple[str, ...]
    labels: bool = False  # labels of another image

    @property
    def levels(self) -> list[tuple[int, ...]]:
        """Shapes of the levels: height and width are halved until a slice is one chunk."""
        found = [self.shape]
        while any(n > c for n, c in zip(found[-1][-2:], self.chunks[-2:], strict=True)):
            *leading, height, width = found[-1]
            found.append((*leading, -(-height // 2), -(-width // 2)))
        return found


def create(folder: Path, layout: Layout, version: Version, more: Mapping[str, Any]) -> None:
    """Create the arrays of an image, without any chunk, and its metadata.

    Parameters
    ----------
    folder : Path
    layout : Layout
    version : {"0.5", "0.4"}
    more : dict                more metadata, such as `omero` or `image-label`
    """
    import zarr
    from numcodecs import Zstd  # for Zarr v2
    from zarr.codecs import ZstdCodec

    v3 = version == "0.5"
    multiscales = {"name": layout.name, "axes": _axes(layout), "datasets": _datasets(layout)}
    said: dict[str, Any] = {"multiscales": [multiscales], **more}
    if v3:
        attributes = {"ome": {"version": version, **said}}
    else:
        multiscales["version"] = version
        attributes = said
    group = zarr.create_group(
        folder, zarr_format=3 if v3 else 2, attributes=attributes, overwrite=False
    )
    for k, shape in enumerate(layout.levels):
        group.create_array(
            str(k),
            shape=shape,
            dtype=layout.dtype,
            chunks=layout.chunks,
            fill_value=layout.fill,
            compressors=ZstdCodec() if v3 else Zstd(),
            chunk_key_encoding={"name": "default" if v3 else "v2", "separator": "/"},
            dimension_names=list(layout.axes) if v3 else None,
        )


def create_labels(folder: Path, layout: Layout, version: Version, more: Mapping[str, Any]) -> None:
    """Create labels of the image in `folder`, see `create`."""
    import zarr

    v3, names = version == "0.5", {"labels": [layout.name]}
    zarr.create_group(
        folder / "labels",
        zarr_format=3 if v3 else 2,
        attributes={"ome": {"version": version, **names}} if v3 else names,
    )
    source = {"image-label": {"version": version, "source": {"image": "../../"}, **more}}
    create(folder / "labels" / layout.name, layout, version, source)


def _axes(layout: Layout) -> list[dict[str, str]]:
    axes = []
    for name, unit in zip(layout.axes, layout.units, strict=True):
        axes.append(
            {"name": name, "type": TYPES.get(name, "space")} | ({"unit": unit} if unit else {})
        )
    return axes


def _datasets(layout: Layout) -> list[dict[str, Any]]:
    datasets = []
    for k in range(len(layout.levels)):
        factors = [2**k if axis in "yx" else 1 for axis in layout.axes]
        scale = [float(s * f) for s, f in zip(layout.scale, factors, strict=True)]
        # The middle of the first pixel of a level is not at that of level 0.
        shift = [s * (f - 1) / 2 for s, f in zip(layout.scale, factors, strict=True)]
        changes = [{"type": "scale", "scale": scale}, {"type": "translation", "translation": shift}]
        datasets.append({"path": str(k), "coordinateTransformations": changes})
    return datasets


class Chunks:
    """One level of an image, which is written and looked up chunk by chunk."""

    def __init__(self, folder: Path, level: int = 0) -> None:
        import zarr

        # By default, a chunk of fill values, such as background, is not written.
        with zarr.config.set({"array.write_empty_chunks": True}):
            self.array = zarr.open_array(folder / str(level), mode="r+")
        self.folder = folder / str(level)

    def place(self, number: int) -> tuple[slice, ...]:
        """Return which part of the array chunk `number` is; the last axis counts fastest."""
        return tuple(
            slice(k * size, min((k + 1) * size, length))
            for k, size, length in zip(
                self._key(number), self.array.chunks, self.array.shape, strict=True
            )
        )

    def write(self, number: int, values: Array) -> None:
        """Write a whole chunk, so that it is there completely or not at all."""
        self.array[self.place(number)] = values

    def is_there(self, number: int) -> bool:
        """Return whether a chunk has been written."""
        key = self.array.metadata.encode_chunk_key(self._key(number))
        return (self.folder / key).is_file()

    def __len__(self) -> int:
        """Return the number of chunks."""
        return int(np.prod(self.array.cdata_shape))

    def _key(self, number: int) -> tuple[int, ...]:
        return tuple(map(int, np.unravel_index(number, self.array.cdata_shape)))


def halve(above: Any, place: Sequence[slice], labels: bool) -> Array:
    """Compute a part of a level from the level above: 2 x 2 means, or for labels every other pixel.

    Parameters
    ----------
    above : array              (…, H, W), only read where needed
    place : tuple of slices    the part of the level (…, ceil(H/2), ceil(W/2))
    labels : bool
    """
    leading, (rows, columns) = tuple(place[:-2]), place[-2:]
    pixels = above[
        (*leading, slice(2 * rows.start, 2 * rows.stop), slice(2 * columns.start, 2 * columns.stop))
    ]
    if labels:
        return pixels[..., ::2, ::2]
    odd = [(0, 0)] * (pixels.ndim - 2) + [(0, n % 2) for n in pixels.shape[-2:]]
    pixels = np.pad(pixels, odd, mode="edge")
    h, w = pixels.shape[-2:]
    return pixels.reshape(*pixels.shape[:-2], h // 2, 2, w // 2, 2).mean(
        (-3, -1), dtype=pixels.dtype
    )
