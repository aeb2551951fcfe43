"""What a file says about its pixels and slices besides their values: sizes, times and axes.

Microscopes and Fiji store the calibration in different places of a TIFF file: OME-XML, the
metadata of Micro-Manager, the description of an ImageJ hyperstack, or only the resolution tags. All
are read into one `Calibration`, which can be written as an ImageJ hyperstack or as an OME-TIFF.
"""

import math
import re
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any, NamedTuple

if TYPE_CHECKING:
    from PIL.Image import Image
    from tifffile import TiffFile, TiffPageSeries

METRES = {
    **{"pm": 1e-12, "Å": 1e-10, "nm": 1e-9, "um": 1e-6, "mm": 1e-3, "cm": 1e-2, "dm": 1e-1},
    **{"m": 1.0, "km": 1e3, "inch": 0.0254},
}
"""Units of length in metres, by the names that `_unit` returns."""

NAMES = {"µm": "um", "μm": "um", "micron": "um", "microns": "um", "micrometer": "um", "in": "inch"}
"""Other names of units; the first two differ in the character for micro."""

KEPT = ("nm", "um", "mm", "cm", "inch")
"""Units of OME-XML that are kept; lengths in others are converted to um."""

SECONDS = {
    **{"ps": 1e-12, "ns": 1e-9, "us": 1e-6, "µs": 1e-6, "ms": 1e-3, "msec": 1e-3},
    **{"s": 1.0, "sec": 1.0, "second": 1.0, "seconds": 1.0, "min": 60.0, "minute": 60.0},
    **{"h": 3600.0, "hour": 3600.0, "hours": 3600.0, "d": 86400.0, "day": 86400.0},
}
"""Units of time in seconds, as in OME-XML and in ImageJ."""

UNCALIBRATED = ("", "pixel", "pixels", "reference frame")
"""Units of ImageJ and OME-XML that are not units of length."""

TAGS = {2: "inch", 3: "cm"}
"""Units of the resolution tags of TIFF, by their code in ResolutionUnit; 1 is none."""

SCREEN = 72
"""Pixels per inch that many programs store if the resolution is unknown; ImageJ ignores it, too."""

SCREENS = (SCREEN, 96)
"""The same for PNG images, whose resolution ImageJ never reads; 96 is usual on Windows."""


class Calibration(NamedTuple):
    """Size of a pixel, distance between slices, time between frames, and axes of the slices."""

    pixel: tuple[float, float] | None = None  # width and height of a pixel, in `unit`
    unit: str = ""  # of length, such as um, nm or inch; may be any text
    spacing: float | None = None  # distance between neighbouring slices, in `unit`
    interval: float | None = None  # time between frames, in seconds
    axes: str = ""  # of the slices: T, Z, TZ or ZT, the slowest first; empty for a single slice
    lengths: tuple[int, ...] = ()  # number of frames or slices along each of `axes`

    def of_slices(self, count: int) -> "Calibration":
        """Return this calibration for a stack of `count` slices, along Z if its axes do not fit."""
        if math.prod(self.lengths) == count:
            return self
        return self._replace(axes="Z", lengths=(count,)) if count > 1 else self.of_plane()

    def of_plane(self) -> "Calibration":
        """Return this calibration for a single slice."""
        return self._replace(axes="", lengths=())


def common(known: Sequence[Calibration], count: int) -> Calibration:
    """Return what is known about a stack of `count` slices from one or several files.

    From several files, only the size of a pixel is kept, provided that it is the same in all. If
    every file contains one slice, as in an OME-TIFF set, and all calibrations are the same, spacing
    and interval are kept, too; slices with a frame interval, but no spacing, are then frames.
    """
    first = known[0]
    if len(known) == 1:
        return first.of_slices(count)
    same = len({one[:2] for one in known}) == 1
    if count == len(known) and len({one.of_plane() for one in known}) == 1:
        axis = "T" if first.interval and not first.spacing else "Z"
        return first._replace(axes=axis, lengths=(count,))
    pixel, unit = first[:2] if same else (None, "")
    return Calibration(pixel, unit if pixel else "").of_slices(count)


def differing(known: Sequence[Calibration]) -> list[str]:
    """Return a note on files whose pixel sizes differ; none if all are the same."""
    sizes = dict.fromkeys(_in_words(one) for one in known)
    if len(sizes) < 2:
        return []
    return [
        f"the images have several pixel sizes, such as {' and '.join(list(sizes)[:2])}; minunet "
        "trains as if all pixels had the same, unknown size"
    ]


def _in_words(known: Calibration) -> str:
    if known.pixel is None:
        return "unknown"
    return f"{known.pixel[0]:.9g} x {known.pixel[1]:.9g} {known.unit}".strip()


# Reading


def of_tiff(tiff: "TiffFile", series: "TiffPageSeries") -> Calibration:
    """Read the calibration of a series of a TIFF file; what the file does not say stays unknown."""
    axes, lengths = _axes(series.axes, series.shape)
    for read in (_of_ome, _of_micromanager, _of_imagej, _of_tags):
        try:
            known = read(tiff, series)
        except Exception:  # the pixels can be read even if the metadata are damaged
            continue
        if known != Calibration():
            return known._replace(axes=axes, lengths=lengths)
    return Calibration(axes=axes, lengths=lengths)


def of_png(image: "Image") -> Calibration:
    """Read the size of a pixel from a PNG image, unless it is a usual one of screens."""
    width, height = image.info.get("dpi", (0, 0))
    screen = round(width) == round(height) and round(width) in SCREENS
    if not (width > 0 and height > 0) or screen:
        return Calibration()
    return Calibration((25400 / width, 25400 / height), "um")


def _axes(axes: str, shape: tuple[int, ...]) -> tuple[str, tuple[int, ...]]:
    """Return the axes of the slices, and their lengths, from the axes of a series."""
    found = [(a, n) for a, n in zip(axes, shape, strict=True) if a not in "YXSC" and n > 1]
    names, lengths = "".join(a for a, _ in found), tuple(n for _, n in found)
    if names in ("", "T", "Z", "TZ", "ZT"):
        return names, lengths
    return "Z", (math.prod(lengths),)  # positions, angles and others count as slices


def _of_ome(tiff: "TiffFile", series: "TiffPageSeries") -> Calibration:
    """Read the calibration from OME-XML."""
    pixels = _ome_pixels(tiff, series)
    lengths = {axis: _positive(pixels.get(f"PhysicalSize{axis}")) for axis in "XYZ"}
    units = {axis: _unit(pixels.get(f"PhysicalSize{axis}Unit", "µm")) for axis in "XYZ"}
    unit = units["X"] if units["X"] in KEPT else "um"

    def converted(axis: str) -> float | None:
        length, metres = lengths[axis], METRES.get(units[axis])
        if length is None or units[axis] == unit:
            return length
        # Rounded: 0.05 um is 50 nm, not 49.99999999999999.
        return None if metres is None else float(f"{length * metres / METRES[unit]:.12g}")

    width, height, spacing = (converted(axis) for axis in "XYZ")
    return Calibration(
        (width, height) if width and height else None,
        unit if (width and height) or spacing else "",
        spacing,
        _seconds(pixels.get("TimeIncrement"), pixels.get("TimeIncrementUnit", "s")),
    )


def _ome_pixels(tiff: "TiffFile", series: "TiffPageSeries") -> Mapping[str, str]:
    """Return the attributes of the element Pixels that belongs to a series; empty if unknown."""
    from xml.etree import ElementTree

    try:
        # Not `ome_metadata`, which is None if the file is opened without the others of its set.
        root = ElementTree.fromstring(tiff.pages.first.description or "<OME/>")
    except ElementTree.ParseError:
        return {}
    images = root.findall("{*}Image")
    if len(images) == len(tiff.series) > 1:
        images = [images[tiff.series.index(series)]]
    elif len(images) > 1:
        images = [image for image in images if image.get("Name") == series.name]
    pixels = images[0].find("{*}Pixels") if len(images) == 1 else None
    return {} if pixels is None else pixels.attrib


def _of_micromanager(tiff: "TiffFile", _: "TiffPageSeries") -> Calibration:
    """Read the calibration from the summary of Micro-Manager."""
    summary = (tiff.micromanager_metadata or {}).get("Summary") or {}
    size, spacing = _positive(summary.get("PixelSize_um")), _positive(summary.get("z-step_um"))
    return Calibration(
        (size, size) if size else None,
        "um" if size or spacing else "",
        spacing,
        _seconds(summary.get("Interval_ms"), "ms"),
    )


def _of_imagej(tiff: "TiffFile", series: "TiffPageSeries") -> Calibration:
    """Read the calibration from the description of ImageJ, or from that of tifffile."""
    said = tiff.imagej_metadata or next(iter(tiff.shaped_metadata or ()), {})
    if not said:
        return Calibration()
    unit = _unit(str(said.get("unit", "")))
    if unit or _tag_unit(series) is None:
        pixel = _size(series)
    else:
        pixel, unit, *_ = _of_tags(tiff, series)
    if pixel == (1, 1) and not unit:
        pixel = None
    # Units of other axes are stored only if they differ from `unit`.
    other_y, other_z = (_unit(str(said.get(f"{axis}unit", unit))) != unit for axis in "yz")
    return Calibration(
        None if other_y else pixel,
        unit,
        None if other_z else _positive(said.get("spacing")),
        _seconds(said.get("finterval"), said.get("tunit", "sec")),
    )


def _of_tags(_: "TiffFile", series: "TiffPageSeries") -> Calibration:
    """Read the size of a pixel from the resolution tags, unless it is a usual one of screens."""
    pixel, unit = _size(series), _tag_unit(series)
    screen = unit == "inch" and pixel == (1 / SCREEN, 1 / SCREEN)
    if pixel in (None, (1, 1)) or unit is None or screen:
        return Calibration()
    return Calibration(pixel, unit)


def _size(series: "TiffPageSeries") -> tuple[float, float] | None:
    """Return the width and the height of a pixel in the unit of the resolution tags."""
    tags = series.keyframe.tags
    try:
        (across, of_x), (down, of_y) = (tags[f"{axis}Resolution"].value for axis in "XY")
        width, height = _positive(of_x / across), _positive(of_y / down)
    except (KeyError, TypeError, ValueError, ZeroDivisionError):
        return None
    return (width, height) if width and height else None


def _tag_unit(series: "TiffPageSeries") -> str | None:
    tag = series.keyframe.tags.get("ResolutionUnit")
    return TAGS.get(int(tag.value)) if tag else TAGS[2]  # inch is the default of TIFF


def _unit(text: str) -> str:
    """Return the usual name of a unit, such as um for µm or its escape; empty if it is none."""
    decoded = re.sub(r"\\u([0-9a-fA-F]{4})", lambda match: chr(int(match[1], 16)), text).strip()
    name = NAMES.get(decoded, decoded)
    return "" if name in UNCALIBRATED else name


def _positive(value: object) -> float | None:
    """Return a length or a time; None if it is missing or too small or large for a TIFF tag."""
    try:
        number = abs(float(value))  # type: ignore[arg-type]
    except (TypeError, ValueError):
        return None
    return number if 1e-9 < number < 1e9 else None


def _seconds(value: object, unit: object) -> float | None:
    """Convert a time to seconds; return None if it or its unit is unknown."""
    time, factor = _positive(value), SECONDS.get(str(unit))
    return time * factor if time and factor else None


# Writing


def to_imagej(known: Calibration) -> tuple[dict[str, Any], dict[str, Any]]:
    """Return the arguments of `tifffile.imwrite`, and its metadata, for an ImageJ hyperstack."""
    metadata: dict[str, Any] = {}
    if known.unit:
        metadata["unit"] = "".join(c if c.isascii() else f"\\u{ord(c):04X}" for c in known.unit)
    if known.spacing:
        metadata["spacing"] = known.spacing
    if known.interval:
        metadata["finterval"] = known.interval
    if known.pixel is None:
        return {}, metadata
    width, height = known.pixel
    code = next((code for code, unit in TAGS.items() if unit == known.unit), 1)
    return {"resolution": (1 / width, 1 / height), "resolutionunit": code}, metadata


def to_ome(known: Calibration) -> tuple[dict[str, Any], dict[str, Any]]:
    """Return the arguments of `tifffile.imwrite`, and its metadata, for an OME-TIFF.

    Lengths need a known unit. Programs that do not read OME-XML, such as ImageJ without
    Bio-Formats, get the size of a pixel from the resolution tags.
    """
    metadata: dict[str, Any] = {}
    width, height = known.pixel or (None, None)
    unit = {"um": "µm", "inch": "in"}.get(known.unit, known.unit)
    for axis, length in (("X", width), ("Y", height), ("Z", known.spacing)):
        if length and known.unit in METRES:
            metadata |= {f"PhysicalSize{axis}": length, f"PhysicalSize{axis}Unit": unit}
    if known.interval:
        metadata |= {"TimeIncrement": known.interval, "TimeIncrementUnit": "s"}
    if not (width and height and known.unit in METRES):
        return {}, metadata
    pixel = METRES[known.unit] / METRES["cm"]
    per_cm = _positive(1 / (pixel * width)), _positive(1 / (pixel * height))
    return {"resolution": per_cm, "resolutionunit": 3} if all(per_cm) else {}, metadata
