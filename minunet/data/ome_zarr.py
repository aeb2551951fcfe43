"""Write images and labels as OME-Zarr 0.4 (Zarr v2) or 0.5 (Zarr v3), with a pyramid.

Every chunk is written by itself and at once, so that several processes can write one array, and a
chunk that is there is complete.
"""

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, Literal, NamedTuple, get_args

import numpy as np
from numpy.typing import DTypeLike

from minunet.array import Array
from minunet.data.volumes import as_input_error
from minunet.errors import InputError

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


def levels(shape: tuple[int, ...], chunks: tuple[int, ...]) -> list[tuple[int, ...]]:
    """Return the shapes of all levels: height and width are halved until a slice is one chunk."""
    found = [shape]
    while any(n > c for n, c in zip(found[-1][-2:], chunks[-2:], strict=True)):
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
    with as_input_error(folder):
        from numcodecs import Zstd  # for Zarr v2
        from zarr.codecs import ZstdCodec

    v3 = version == "0.5"
    multiscales = {"name": layout.name, "axes": _axes(layout), "datasets": _datasets(layout)}
    if not v3:
        multiscales["version"] = version
    group = _group(folder, {"multiscales": [multiscales], **more}, version)
    for k, shape in enumerate(levels(layout.shape, layout.chunks)):
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


def create_labels(folder: Path, layout: Layout, version: Version) -> None:
    """Create labels of the image in `folder`, see `create`."""
    _group(folder / "labels", {"labels": [layout.name]}, version)
    of_image = {"image-label": {"version": version, "source": {"image": "../../"}}}
    create(folder / "labels" / layout.name, layout, version, of_image)


def _group(folder: Path, said: dict[str, Any], version: Version) -> Any:
    """Create a group with OME-Zarr metadata."""
    import zarr

    if version == "0.4":
        return zarr.create_group(folder, zarr_format=2, attributes=said)
    attributes = {"ome": {"version": version, **said}}
    return zarr.create_group(folder, zarr_format=3, attributes=attributes)


def window(p: Layout) -> dict[str, Any]:
    """Return metadata that make viewers show probabilities from black, 0, to white, 1."""
    count = p.shape[p.axes.index("c")] if "c" in p.axes else 1
    names = [f"class {k}" for k in range(count)] if count > 1 else ["probability"]
    limits = {"start": 0.0, "end": 1.0, "min": 0.0, "max": 1.0}
    shown = {"color": "FFFFFF", "active": True, "window": limits}
    return {"omero": {"channels": [{"label": name, **shown} for name in names]}}


def _axes(layout: Layout) -> list[dict[str, str]]:
    return [
        {"name": name, "type": TYPES.get(name, "space")} | ({"unit": unit} if unit else {})
        for name, unit in zip(layout.axes, layout.units, strict=True)
    ]


def _datasets(layout: Layout) -> list[dict[str, Any]]:
    datasets = []
    for k in range(len(levels(layout.shape, layout.chunks))):
        factors = [2**k if axis in "yx" else 1 for axis in layout.axes]
        scale = [float(s * f) for s, f in zip(layout.scale, factors, strict=True)]
        # The centre of the first pixel of a level is not that of level 0.
        shift = [s * (f - 1) / 2 for s, f in zip(layout.scale, factors, strict=True)]
        changes = [{"type": "scale", "scale": scale}, {"type": "translation", "translation": shift}]
        datasets.append({"path": str(k), "coordinateTransformations": changes})
    return datasets


class Chunks:
    """One level of an image, which is written and looked up chunk by chunk."""

    def __init__(self, folder: Path, level: int = 0) -> None:
        import zarr

        self.folder = folder / str(level)
        # By default, a chunk of fill values, such as background, is not written.
        with as_input_error(self.folder), zarr.config.set({"array.write_empty_chunks": True}):
            self.array = zarr.open_array(self.folder, mode="r+")

    def place(self, number: int) -> tuple[slice, ...]:
        """Return which part of the array chunk `number` is; the last axis counts fastest."""
        return tuple(
            slice(k * size, min((k + 1) * size, length))
            for k, size, length in zip(
                self._key(number), self.array.chunks, self.array.shape, strict=True
            )
        )

    def write(self, number: int, values: Array) -> None:
        """Write a whole chunk at once; its axes of length 1 may be missing from `values`."""
        place = self.place(number)
        self.array[place] = values.reshape([part.stop - part.start for part in place])

    def halve(self, above: "Chunks", how: Callable[[Array], Array], number: int) -> None:
        """Compute a chunk from up to 2 x 2 chunks of the level above."""
        *leading, i, j = self._key(number)
        high, wide = above.array.cdata_shape[-2:]
        square = [
            [above.read(above.number((*leading, y, x))) for x in range(2 * j, min(2 * j + 2, wide))]
            for y in range(2 * i, min(2 * i + 2, high))
        ]
        self.write(number, how(np.block(square)))

    def read(self, number: int) -> Array:
        """Read a chunk.

        Raises
        ------
        InputError
            If it is damaged.
        """
        try:
            return np.asarray(self.array[self.place(number)])
        except (MemoryError, OSError):
            raise
        except Exception:
            raise InputError(
                f"{self._path(number)} is damaged; delete it, and repeat the command"
            ) from None

    def is_there(self, number: int) -> bool:
        """Return whether a chunk has been written."""
        return self._path(number).is_file()

    def _path(self, number: int) -> Path:
        key: str = self.array.metadata.encode_chunk_key(self._key(number))
        return self.folder / key

    def __len__(self) -> int:
        """Return the number of chunks."""
        return int(np.prod(self.array.cdata_shape))

    def number(self, key: tuple[int, ...]) -> int:
        """Return the number of the chunk at a place in the grid of chunks."""
        return int(np.ravel_multi_index(key, self.array.cdata_shape))

    def _key(self, number: int) -> tuple[int, ...]:
        return tuple(map(int, np.unravel_index(number, self.array.cdata_shape)))


def means(pixels: Array) -> Array:
    """Average 2 x 2 pixels of an array (…, H, W); the last row or column counts twice if odd."""
    odd = [(0, 0)] * (pixels.ndim - 2) + [(0, n % 2) for n in pixels.shape[-2:]]
    pixels = np.pad(pixels, odd, mode="edge")
    *leading, height, width = pixels.shape
    pairs = pixels.reshape(*leading, height // 2, 2, width // 2, 2)
    return pairs.mean(axis=(-3, -1), dtype=pixels.dtype)


def every_other(pixels: Array) -> Array:
    """Return every other pixel of an array (…, H, W): labels cannot be averaged."""
    return pixels[..., ::2, ::2]
