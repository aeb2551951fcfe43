"""Read the output of `python -m minunet.predict`: a folder with TIFF files, or OUT.ome.zarr.

Probabilities become image layers with contrast limits 0 and 1, and labels become labels layers. The
files are opened, but not loaded: TIFF files are memory-mapped, and napari reads only the chunks of
a Zarr array that it shows. Zarr arrays are passed on directly, without Dask, whose task graph is
not needed here.

The pixel size, if it is known, becomes the scale of the layer, with its unit. `predict` also writes
numbered masks for the Cell Tracking Challenge into `01_RES`; napari can read such a folder without
this plugin.
"""

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from minunet.data import calibration, volumes
from minunet.data.calibration import Calibration
from minunet.data.page import Reading, decoding
from minunet.data.volumes import UNITS
from minunet.napari_plugin.layers import LayerData

NAMES = ("probability", "labels")
"""Names of the files or folders in the output folder of `predict`."""

LENGTHS = {short: name for name, short in UNITS.items()}
"""Names of units of length: name in `calibration` → name in napari."""

PLAN = "plan.json"
"""File that `predict` writes into its OME-Zarr images, and other programs do not."""

Reader = Callable[[str | list[str]], list[LayerData]]


def reader(path: str | list[str]) -> Reader | None:
    """Return the function that reads a path, or None if `predict` did not write it.

    Parameters
    ----------
    path : str or list of str     a list is left to other plugins
    """
    if isinstance(path, list):
        return None
    here = Path(path)
    if (here / PLAN).is_file() or tiff_files(here):
        return read
    return None


def read(path: str | list[str]) -> list[LayerData]:
    """Read a path for which `reader` has returned this function.

    Raises
    ------
    InputError
        If a file is damaged, or if the library that reads it is not installed.
    """
    here = Path(str(path))
    if (here / PLAN).is_file():
        return read_zarr(here)
    return [layer for file in tiff_files(here) for layer in read_tiff(file)]


def tiff_files(path: Path) -> list[Path]:
    """List the results at a path, which is a TIFF file or the output folder of `predict`.

    For images of different sizes, `predict` writes folders of results, such as
    `probability/NAME.tif`.
    """
    if path.is_file():
        return [path]
    single = [path / f"{name}.tif" for name in NAMES]
    several = [file for name in NAMES for file in sorted((path / name).glob("*.tif"))]
    return [file for file in single if file.is_file()] + several


def read_tiff(path: Path) -> list[LayerData]:
    """Memory-map `probability.tif` or `labels.tif`.

    Returns
    -------
    list of LayerData     one; or one per class, if there are three or more
    """
    import tifffile

    with decoding(path):
        with tifffile.TiffFile(path) as tiff:
            axes = tiff.series[0].axes
            known = calibration.of_tiff(tiff, tiff.series[0])
        data = tifffile.memmap(path, mode="r")
    is_labels = "labels" in (path.stem, path.parent.name)
    name = f"{path.parent.name} {path.stem}"
    return _layers(data, axes.lower(), name, is_labels, *placed(known, axes))


def placed(known: Calibration, axes: str) -> tuple[list[float], list[str]]:
    """Return the scale and unit of each axis except the channels; 1 and "pixel" if unknown.

    Parameters
    ----------
    known : Calibration
    axes : str              axis letters of TIFF, such as ZCYX
    """
    width, height = known.pixel or (None, None)
    unit = LENGTHS.get(known.unit, "pixel")
    sizes = {"X": width, "Y": height, "Z": known.spacing} if unit != "pixel" else {}
    known_axes = {axis: (size, unit) for axis, size in sizes.items() if size}
    if known.interval:
        known_axes["T"] = (known.interval, "second")
    found = [known_axes.get(axis, (1.0, "pixel")) for axis in axes if axis != "C"]
    return [size for size, _ in found], [unit for _, unit in found]


def read_zarr(path: Path) -> list[LayerData]:
    """Read an OME-Zarr image that `predict` wrote, with its labels and all levels."""
    found = pyramid(path, f"{path.name.split('.')[0]} probability", is_labels=False)
    for labels in sorted((path / "labels").glob("*/0")):
        found += pyramid(labels.parent, f"{path.name.split('.')[0]} {labels.parent.name}", True)
    return found


def pyramid(path: Path, name: str, is_labels: bool) -> list[LayerData]:
    """Open all levels of an OME-Zarr image."""
    levels = [volumes.open_volume(path, Reading(level=0)).stored]
    while (path / str(len(levels))).is_dir():
        levels.append(volumes.open_volume(path, Reading(level=len(levels))).stored)
    axes, scale, units = levels[0].axes, levels[0].scale, levels[0].units
    kept = [k for k, axis in enumerate(axes) if axis != "c"]
    arrays: Any = [one.array for one in levels] if len(levels) > 1 else levels[0].array
    return _layers(
        arrays, axes, name, is_labels, [scale[k] for k in kept], [units[k] or "pixel" for k in kept]
    )


def _layers(
    data: Any,
    axes: str,
    name: str,
    is_labels: bool,
    scale: Sequence[float],
    units: Sequence[str],
) -> list[LayerData]:
    """Return a labels layer, or an image layer that napari splits along the axis of the classes."""
    shown: dict[str, Any] = {"name": name, "scale": list(scale), "units": list(units)}
    if isinstance(data, list):
        shown["multiscale"] = True
    if is_labels:
        return [(data, shown, "labels")]
    shown |= {"contrast_limits": (0.0, 1.0), "colormap": "gray"}
    if "c" in axes:
        shown["channel_axis"] = axes.index("c")
    return [(data, shown, "image")]
