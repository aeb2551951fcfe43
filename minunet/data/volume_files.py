"""Open arrays in OME-Zarr, Zarr, N5 and HDF5, and read what their metadata say.

- OME-Zarr 0.4 (Zarr v2) and 0.5 (Zarr v3) name the axes. So do some other arrays: Zarr v3, those
  of xarray and ilastik, and HDF5 with dimension labels.
- N5 stores the axes from the fastest to the slowest, x first. They are reversed here.
"""

import json
from collections.abc import Iterable
from contextlib import suppress
from itertools import islice
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from minunet.array import Array
from minunet.data.file_names import INSIDE, MARKS
from minunet.data.page import AXES
from minunet.errors import InputError

WORDS = {"time": "t", "channel": "c", "ch": "c"}
"""Other names of axes."""

N5_UNITS = {"nm": "nanometer", "um": "micrometer", "µm": "micrometer"}
"""Units of length of N5, as in OME-Zarr."""


class Stored(NamedTuple):
    """An array in a file, and what its metadata say."""

    array: Any  # has `shape` and `dtype`; returns NumPy arrays when indexed
    axes: str = ""  # one letter of `AXES` per axis; empty if unknown
    chunks: tuple[int, ...] = ()
    scale: tuple[float, ...] = ()  # size of a pixel along each axis; empty if unknown
    units: tuple[str, ...] = ()  # of the scale, as in OME-Zarr
    channels: tuple[str, ...] = ()  # names


def zarr_array(path: Path, level: int, series: int | None) -> Stored:
    """Open a Zarr array, or a level of an OME-Zarr image."""
    import zarr
    from zarr import open as open_node

    node = open_node(path, mode="r")
    if isinstance(node, zarr.Array):
        check_no_level(path, level)
        own = _plain(node)
        return own if own.axes else _as_level(path, own)
    said = dict(node.attrs.get("ome", node.attrs))
    if "multiscales" in said:
        return _level(path, node, said, level)
    images = [name for name, _ in node.groups() if name.isdecimal()]
    if "bioformats2raw.layout" in said and images:
        if series is None and len(images) > 1:
            raise InputError(
                f"{path} contains {len(images)} images; pass --series N to read one of them, or "
                f"the path of one, such as {path / images[0]}"
            )
        return zarr_array(path / str(series or 0), level, None)
    raise InputError(f"{path} is a group, not an image; pass the path of {_inside(path, node)}")


def check_no_level(path: Path, level: int | None) -> None:
    """Raise an `InputError` if a level of a single array is asked for."""
    if level:
        raise InputError(
            f"{path} is a single array without levels; leave out --level {level}, or pass the path "
            "of an OME-Zarr image"
        )


def _inside(path: Path, node: Any) -> str:
    """Name what a group contains."""
    names = sorted([name for name, _ in node.arrays()] + [name for name, _ in node.groups()])
    listed = " or ".join(str(path / name) for name in names[:3])
    return f"an array, such as {listed}" if names else "an array; this group is empty"


def _plain(array: Any) -> Stored:
    """Return a Zarr array with the axes of Zarr v3 or xarray."""
    named = getattr(array.metadata, "dimension_names", None) or array.attrs.get("_ARRAY_DIMENSIONS")
    return Stored(array, _letters(named or ()), _chunks(array))


def _chunks(array: Any) -> tuple[int, ...]:
    return tuple(getattr(array, "shards", None) or array.chunks)


def _as_level(path: Path, own: Stored) -> Stored:
    """Return an array with what the OME-Zarr image that contains it says about it, if any does."""
    import zarr

    for parent in path.parents[:2]:
        if not any((parent / mark).is_file() for mark in MARKS):
            break
        node = zarr.open_group(parent, mode="r")
        said = dict(node.attrs.get("ome", node.attrs))
        paths = [one["path"] for one in (said.get("multiscales") or [{}])[0].get("datasets", ())]
        name = path.relative_to(parent).as_posix()
        if name in paths:
            return _level(parent, node, said, paths.index(name))
    return own


def _level(path: Path, node: Any, said: dict[str, Any], level: int) -> Stored:
    """Open a level of an OME-Zarr image; `said` is what the metadata say."""
    image = (said["multiscales"] or [{}])[0]
    levels = image.get("datasets") or []
    if not levels:
        raise InputError(f"{path} is an OME-Zarr image without levels; pass the path of an array")
    if level >= len(levels):
        raise InputError(
            f"{path} has no level {level}; its last one is {len(levels) - 1}: pass --level "
            f"{len(levels) - 1}"
        )
    array = node[levels[level]["path"]]
    given = image.get("axes") or list(AXES)[-array.ndim :]  # 0.1 and 0.2 have no axes
    axes = [axis if isinstance(axis, str) else axis["name"] for axis in given]
    units = tuple("" if isinstance(axis, str) else axis.get("unit", "") for axis in given)
    scale = np.ones(array.ndim)
    for one in (levels[level], image):
        for change in one.get("coordinateTransformations", ()):
            scale *= change.get("scale", 1)
    names = [one.get("label", "") for one in (said.get("omero") or {}).get("channels") or ()]
    return Stored(array, _letters(axes), _chunks(array), tuple(scale), units, tuple(names))


def n5_array(path: Path) -> Stored:
    """Open an N5 array."""
    said = json.loads((path / "attributes.json").read_text(encoding="utf-8"))
    if "dimensions" not in said:
        files = sorted(path.rglob("attributes.json"))
        arrays = (one for one in files if "dimensions" in one.read_text(encoding="utf-8"))
        listed = " or ".join(str(one.parent) for one in islice(arrays, 3)) or "an array"
        raise InputError(f"{path} is a group, not an array; pass the path of {listed}")
    import tensorstore

    store = tensorstore.open({"driver": "n5", "kvstore": f"file://{path.resolve()}/"}).result()
    resolution = said.get("pixelResolution", {})
    named = isinstance(resolution, dict) and len(resolution.get("dimensions", ())) == store.ndim
    scale = tuple(map(float, reversed(resolution["dimensions"]))) if named else ()
    unit = N5_UNITS.get(resolution.get("unit", ""), "") if named else ""
    axes = _letters(reversed(said.get("axes", ())))
    return Stored(
        _Reversed(store.T), axes, tuple(reversed(said["blockSize"])), scale, (unit,) * store.ndim
    )


class _Reversed:
    """An array of tensorstore that returns NumPy arrays."""

    def __init__(self, store: Any) -> None:
        self.store, self.shape, self.dtype = store, store.shape, store.dtype.numpy_dtype

    def __getitem__(self, index: tuple[Any, ...]) -> Array:
        read: Array = self.store[index].read().result()
        return read


def hdf5_array(file: Path, inside: str) -> Stored:
    """Open a dataset of an HDF5 file."""
    import h5py

    with suppress(ModuleNotFoundError):
        import hdf5plugin  # noqa: F401, which decompresses more
    opened = h5py.File(file, "r")
    found = opened[inside] if inside and inside in opened else None
    if not isinstance(found, h5py.Dataset):
        names: list[str] = []
        opened.visititems(
            lambda name, one: names.append(name) if isinstance(one, h5py.Dataset) else None
        )
        if not inside and len(names) == 1:
            found = opened[names[0]]
        else:
            listed = " or ".join(f"{file}{INSIDE}/{name}" for name in names[:3])
            what = f"{file}{INSIDE}/{inside} is not a dataset" if inside else f"{file} is a file"
            raise InputError(f"{what}; pass one of its datasets, such as {listed or 'none'}")
    if found.shape is None:
        raise InputError(f"{file}{INSIDE}/{inside} is an empty dataset; pass another one")
    axes = _letters([one.label for one in found.dims]) or _axistags(found.attrs.get("axistags"))
    size = found.attrs.get("element_size_um", ())  # of Fiji's HDF5 plugin, along z, y, x
    scale = tuple(map(float, size)) if len(size) == found.ndim else ()
    return Stored(found, axes, found.chunks or (), scale, ("micrometer",) * len(scale))


def _axistags(text: Any) -> str:
    """Return the axes that ilastik stores as JSON; empty if there are none."""
    if not isinstance(text, str):
        return ""
    return _letters([one.get("key", "") for one in json.loads(text).get("axes", ())])


def _letters(names: Iterable[Any]) -> str:
    """Return the axes as letters; empty unless all of them are known.

    Examples
    --------
    >>> _letters(["t", "channel", "z", "y", "x"]), _letters(["a", "y", "x"])
    ('tczyx', '')
    """
    letters = [WORDS.get(str(name).lower(), str(name).lower()) for name in names]
    known = all(letter in AXES and len(letter) == 1 for letter in letters)
    return "".join(letters) if known else ""
