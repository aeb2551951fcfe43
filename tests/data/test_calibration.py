"""Calibrations are read from every place where files store them, and written so that Fiji reads."""

import math
import struct
import zlib
from types import SimpleNamespace

import numpy as np
import pytest
import tifffile
from PIL import Image

from minunet.data import calibration
from minunet.data.calibration import Calibration

MICRO, GREEK_MU = "\N{MICRO SIGN}", "\N{GREEK SMALL LETTER MU}"


def pixels(*shape):
    return np.arange(math.prod(shape), dtype=np.uint8).reshape(shape)


def read(path, series=0):
    with tifffile.TiffFile(path) as tiff:
        return calibration.of_tiff(tiff, tiff.series[series])


# Reading: ImageJ


def write_imagej(path, description, shape=(3, 6, 9), resolution=(250.0, 250.0), **more):
    """Write a file with an ImageJ description that is given word for word."""
    text = f"ImageJ=1.52i\nimages={shape[0]}\n{description}\n"
    tifffile.imwrite(
        path,
        pixels(*shape),
        photometric="minisblack",
        description=text,
        metadata=None,
        resolution=resolution,
        resolutionunit=more.pop("resolutionunit", 1),
        **more,
    )


def test_a_time_series_of_imagej(tmp_path):
    write_imagej(tmp_path / "a.tif", "frames=3\nunit=um\nfinterval=2.5")
    assert read(tmp_path / "a.tif") == Calibration((1 / 250, 1 / 250), "um", None, 2.5, "T", (3,))


def test_a_hyperstack_of_imagej(tmp_path):
    shape = (2, 3, 2, 6, 9)
    metadata = {"axes": "TZCYX", "unit": "nm", "spacing": -50.0, "finterval": 1.0}
    tifffile.imwrite(
        tmp_path / "a.tif", pixels(*shape), imagej=True, resolution=(0.25, 0.2), metadata=metadata
    )
    assert read(tmp_path / "a.tif") == Calibration((4, 5), "nm", 50, 1, "TZ", (2, 3))


@pytest.mark.parametrize(
    ("written", "unit"),
    [
        *[("um", "um"), ("micron", "um"), ("microns", "um"), (r"\u00B5m", "um"), ("nm", "nm")],
        *[("mm", "mm"), ("inch", "inch"), ("parsec", "parsec"), (r"\u00C5", "Å")],
    ],
)
def test_units_of_imagej(tmp_path, written, unit):
    write_imagej(tmp_path / "a.tif", f"slices=3\nunit={written}\nspacing=0.5")
    assert read(tmp_path / "a.tif") == Calibration((0.004, 0.004), unit, 0.5, None, "Z", (3,))


def test_pixels_are_not_a_unit_of_imagej(tmp_path):
    write_imagej(tmp_path / "a.tif", "slices=3\nunit=pixel", resolution=(1, 1))
    assert read(tmp_path / "a.tif") == Calibration(axes="Z", lengths=(3,))
    write_imagej(tmp_path / "b.tif", "slices=3\nspacing=2.0", resolution=(1, 1))
    assert read(tmp_path / "b.tif") == Calibration(None, "", 2, None, "Z", (3,))


def test_the_tags_have_the_unit_if_imagej_does_not(tmp_path):
    write_imagej(tmp_path / "a.tif", "slices=3", resolution=(50, 40), resolutionunit=3)
    assert read(tmp_path / "a.tif") == Calibration((0.02, 0.025), "cm", None, None, "Z", (3,))


def test_other_units_of_time_and_of_the_other_axes(tmp_path):
    write_imagej(tmp_path / "a.tif", "frames=3\nunit=um\nfinterval=40\ntunit=ms\nzunit=mm")
    assert read(tmp_path / "a.tif").interval == pytest.approx(0.04)
    write_imagej(tmp_path / "a.tif", "slices=3\nunit=um\nzunit=mm\nspacing=7")
    assert read(tmp_path / "a.tif")[:3] == ((0.004, 0.004), "um", None)
    write_imagej(tmp_path / "a.tif", "frames=3\nunit=um\nfinterval=2\ntunit=generation")
    assert read(tmp_path / "a.tif").interval is None


def test_the_description_of_tifffile(tmp_path):
    metadata = {"axes": "TYX", "unit": "um", "finterval": 3}
    tifffile.imwrite(
        tmp_path / "a.tif",
        pixels(3, 6, 9),
        photometric="minisblack",
        resolution=(10, 10),
        metadata=metadata,
    )
    assert read(tmp_path / "a.tif") == Calibration((0.1, 0.1), "um", None, 3, "T", (3,))


# Reading: OME-XML

OME = (
    '<?xml version="1.0" encoding="UTF-8"?>'
    '<OME xmlns="http://www.openmicroscopy.org/Schemas/OME/2016-06">{}</OME>'
)
PIXELS = (
    '<Image ID="Image:{k}" Name="{name}"><Pixels ID="Pixels:{k}" DimensionOrder="{order}" '
    'Type="uint8" SizeX="9" SizeY="6" SizeC="1" SizeZ="{z}" SizeT="{t}" {more}>'
    '<Channel ID="Channel:{k}:0" SamplesPerPixel="1"/>'
    '<TiffData IFD="{ifd}" PlaneCount="{planes}"/></Pixels></Image>'
)


def element(more, z=1, t=1, k=0, ifd=0, order="XYCZT", name="a"):
    return PIXELS.format(k=k, name=name, order=order, z=z, t=t, more=more, ifd=ifd, planes=z * t)


def write_ome(path, images, planes):
    """Write pages with an OME-XML that is given word for word."""
    with tifffile.TiffWriter(path) as file:
        for k in range(planes):
            text = OME.format("".join(images)).encode() if k == 0 else None
            file.write(pixels(6, 9), description=text, metadata=None, contiguous=False)


def test_an_ome_tiff(tmp_path):
    more = (
        'PhysicalSizeX="0.25" PhysicalSizeY="0.5" PhysicalSizeZ="2" '
        'TimeIncrement="40" TimeIncrementUnit="ms"'
    )
    write_ome(tmp_path / "a.tif", [element(more, z=3, t=2)], 6)
    assert read(tmp_path / "a.tif") == Calibration((0.25, 0.5), "um", 2, 0.04, "TZ", (2, 3))
    write_ome(tmp_path / "b.tif", [element(more, z=3, t=2, order="XYTZC")], 6)
    assert read(tmp_path / "b.tif")[4:] == ("ZT", (3, 2))


@pytest.mark.parametrize(
    ("x", "z", "expected"),
    [
        (f"0.004|{MICRO}m", f"0.05|{MICRO}m", ((0.004, 0.004), "um", 0.05)),
        ("4|nm", "50|nm", ((4, 4), "nm", 50)),
        ("4|nm", f"0.05|{MICRO}m", ((4, 4), "nm", 50)),
        ("2|mm", "1|cm", ((2, 2), "mm", 10)),
        ("5|Å", "2|nm", ((0.0005, 0.0005), "um", 0.002)),
        ("0.001|in", "0.0254|cm", ((0.001, 0.001), "inch", 0.01)),
        ("4|reference frame", "1|reference frame", (None, "", None)),
        ("4|pixel", f"0.5|{MICRO}m", (None, "um", 0.5)),
        ("0|nm", "-1|x", (None, "", None)),
        ("1e-99|nm", "NaN|nm", (None, "", None)),
    ],
)
def test_units_of_ome(tmp_path, x, z, expected):
    more = ""
    for axis, (value, unit) in zip("XYZ", (x.split("|"), x.split("|"), z.split("|")), strict=True):
        more += f'PhysicalSize{axis}="{value}" PhysicalSize{axis}Unit="{unit}" '
    write_ome(tmp_path / "a.tif", [element(more, z=3)], 3)
    pixel, unit, spacing, *_ = read(tmp_path / "a.tif")
    assert unit == expected[1]
    assert pixel == (expected[0] and pytest.approx(expected[0]))
    assert spacing == (expected[2] and pytest.approx(expected[2]))


@pytest.mark.parametrize(
    ("value", "seconds"), [('2.5"', 2.5), ('2" TimeIncrementUnit="min"', 120), ('-"', None)]
)
def test_times_of_ome(tmp_path, value, seconds):
    write_ome(tmp_path / "a.tif", [element(f'TimeIncrement="{value}', t=3)], 3)
    assert read(tmp_path / "a.tif") == Calibration(interval=seconds, axes="T", lengths=(3,))


def test_each_series_of_an_ome_tiff_has_its_own_calibration(tmp_path):
    sizes = ('PhysicalSizeX="1" PhysicalSizeY="1"', 'PhysicalSizeX="2" PhysicalSizeY="2"')
    images = [element(sizes[0], z=3), element(sizes[1], t=2, k=1, ifd=3)]
    write_ome(tmp_path / "a.tif", images, 5)
    assert read(tmp_path / "a.tif", 0) == Calibration((1, 1), "um", axes="Z", lengths=(3,))
    assert read(tmp_path / "a.tif", 1) == Calibration((2, 2), "um", axes="T", lengths=(2,))


# Reading: others


@pytest.mark.parametrize(
    ("resolution", "code", "pixel", "unit"),
    [
        ((25400, 25400), 2, (1 / 25400, 1 / 25400), "inch"),
        ((10000, 5000), 3, (1e-4, 2e-4), "cm"),
        ((10000, 5000), 1, None, ""),  # only a ratio
        ((72, 72), 2, None, ""),  # of a screen
        ((1, 1), 2, None, ""),
        ((0, 0), 2, None, ""),
    ],
)
def test_resolution_tags(tmp_path, resolution, code, pixel, unit):
    tifffile.imwrite(
        tmp_path / "a.tif", pixels(6, 9), resolution=resolution, resolutionunit=code, metadata=None
    )
    assert read(tmp_path / "a.tif") == Calibration(pixel, unit)


def test_a_file_that_says_nothing(tmp_path):
    tifffile.imwrite(tmp_path / "a.tif", pixels(4, 6, 9), photometric="minisblack")
    found = read(tmp_path / "a.tif")
    assert found == Calibration(axes=found.axes, lengths=(4,))
    Image.fromarray(pixels(6, 9)).save(tmp_path / "b.tif")
    assert read(tmp_path / "b.tif") == Calibration()


def test_micromanager(tmp_path, monkeypatch):
    summary = {"PixelSize_um": 0.25, "z-step_um": 2.0, "Interval_ms": 500}
    monkeypatch.setattr(tifffile.TiffFile, "micromanager_metadata", {"Summary": summary})
    write_imagej(tmp_path / "a.tif", "slices=3", resolution=(1, 1))
    assert read(tmp_path / "a.tif") == Calibration((0.25, 0.25), "um", 2, 0.5, "Z", (3,))
    summary["PixelSize_um"] = 0  # not calibrated
    assert read(tmp_path / "a.tif") == Calibration(None, "um", 2, 0.5, "Z", (3,))


def test_damaged_metadata_hide_neither_the_pixels_nor_the_tags(tmp_path):
    write_imagej(tmp_path / "a.tif", "slices=3", resolution=(50, 50), resolutionunit=3)
    with tifffile.TiffFile(tmp_path / "a.tif") as tiff:
        found = calibration.of_tiff(SimpleNamespace(), tiff.series[0])  # no metadata can be read
    assert found == Calibration((0.02, 0.02), "cm", None, None, "Z", (3,))


@pytest.mark.parametrize(("axes", "read_as"), [("QYX", "Z"), ("RYX", "Z"), ("TYX", "T")])
def test_other_axes_are_slices(tmp_path, axes, read_as):
    metadata = {"axes": axes}
    tifffile.imwrite(
        tmp_path / "a.tif", pixels(3, 6, 9), photometric="minisblack", metadata=metadata
    )
    assert read(tmp_path / "a.tif")[4:] == (read_as, (3,))
    metadata["axes"] = "T" + axes.replace("T", "P")
    tifffile.imwrite(
        tmp_path / "a.tif", pixels(2, 3, 6, 9), photometric="minisblack", metadata=metadata
    )
    assert read(tmp_path / "a.tif")[4:] == ("Z", (6,))


def save_png(path, per_metre, unit=1):
    """Write a PNG image with a chunk pHYs after its header, which is 33 bytes long."""
    Image.fromarray(pixels(6, 9)).save(path)
    body = b"pHYs" + struct.pack(">IIB", *per_metre, unit)
    chunk = struct.pack(">I", 9) + body + struct.pack(">I", zlib.crc32(body))
    written = path.read_bytes()
    path.write_bytes(written[:33] + chunk + written[33:])


@pytest.mark.parametrize(
    ("per_metre", "unit", "pixel"),
    [
        ((250_000_000, 250_000_000), 1, (0.004, 0.004)),
        ((1_000_000, 500_000), 1, (1, 2)),
        ((2835, 2835), 1, None),  # 72 per inch
        ((3780, 3780), 1, None),  # 96 per inch
        ((3, 2), 0, None),  # only a ratio
    ],
)
def test_png(tmp_path, per_metre, unit, pixel):
    save_png(tmp_path / "a.png", per_metre, unit)
    with Image.open(tmp_path / "a.png") as image:
        found = calibration.of_png(image)
    assert found == (Calibration(pytest.approx(pixel), "um") if pixel else Calibration())
    Image.fromarray(pixels(6, 9)).save(tmp_path / "b.png")
    with Image.open(tmp_path / "b.png") as image:
        assert calibration.of_png(image) == Calibration()


# The axes of a stack


def test_axes_that_do_not_fit_become_slices():
    known = Calibration((1, 1), "um", 2, 3, "TZ", (2, 3))
    assert known.of_slices(6) == known
    assert known.of_slices(7) == Calibration((1, 1), "um", 2, 3, "Z", (7,))
    assert known.of_slices(1) == known.of_plane() == Calibration((1, 1), "um", 2, 3)
    assert Calibration().of_slices(1) == Calibration()
    assert Calibration().of_slices(3) == Calibration(axes="Z", lengths=(3,))


def test_several_pixel_sizes_are_noted():
    one, other = Calibration((1, 2), "um", 3.0), Calibration((0.5, 2), "um")
    assert calibration.differing([]) == []
    assert calibration.differing([one, one._replace(spacing=None, axes="Z")]) == []
    assert calibration.differing([Calibration(), Calibration(unit="um")]) == []
    assert calibration.differing([one, other, Calibration()]) == [
        "the images have several pixel sizes, such as 1 x 2 um and 0.5 x 2 um; minunet trains as "
        "if all pixels had the same, unknown size"
    ]
    assert "such as unknown and 1 x 2 um" in calibration.differing([Calibration(), one])[0]


def test_what_several_files_have_in_common():
    one = Calibration((1, 1), "um", 2, 3, "TZ", (2, 3))
    assert calibration.common([one], 6) == one
    assert calibration.common([one, one], 12) == Calibration((1, 1), "um", axes="Z", lengths=(12,))
    for other in (one._replace(unit="nm"), one._replace(pixel=(1, 2)), Calibration()):
        found = calibration.common([one, other], 12)
        assert found == Calibration(axes="Z", lengths=(12,))


@pytest.mark.parametrize(
    ("spacing", "interval", "axis"),
    [(None, 3, "T"), (2, None, "Z"), (2, 3, "Z"), (None, None, "Z")],
)
def test_what_files_of_one_slice_have_in_common(spacing, interval, axis):
    one = Calibration((1, 1), "um", spacing, interval)
    found = calibration.common([one] * 4, 4)
    assert found == Calibration((1, 1), "um", spacing, interval, axis, (4,))
    found = calibration.common([one, one._replace(interval=5)], 2)
    assert found == Calibration((1, 1), "um", None, None, "Z", (2,))


# Writing

KNOWN = [
    Calibration((0.004, 0.005), "um", 0.05, 2.5, "TZ", (2, 3)),
    Calibration((4, 4), "nm", None, None, "Z", (6,)),
    Calibration((1 / 25400, 1 / 25400), "inch", None, None, "Z", (6,)),
    Calibration((0.02, 0.02), "cm", 0.1, None, "Z", (6,)),
    Calibration(None, "", None, 0.125, "T", (6,)),
    Calibration((0.108333, 0.108333), "um", None, None, "Z", (6,)),
    Calibration(axes="Z", lengths=(6,)),
]


def write(path, known, how):
    to = calibration.to_imagej if how == "imagej" else calibration.to_ome
    arguments, metadata = to(known)
    tifffile.imwrite(
        path,
        pixels(*known.lengths, 6, 9),
        photometric="minisblack",
        metadata=metadata | {"axes": known.axes + "YX"},
        **{how: True},
        **arguments,
    )


@pytest.mark.parametrize("how", ["imagej", "ome"])
@pytest.mark.parametrize("known", KNOWN)
def test_what_is_written_is_read(tmp_path, known, how):
    write(tmp_path / "a.tif", known, how)
    found = read(tmp_path / "a.tif")
    assert found[1:] == known[1:]
    # The tags are fractions of 32-bit integers.
    assert found.pixel == (known.pixel and pytest.approx(known.pixel, rel=1e-9))


def raw(path):
    """Return the description and the three resolution tags, read with Pillow."""
    with Image.open(path) as image:
        tags = image.tag_v2
        resolution = tuple((tags[k].numerator, tags[k].denominator) for k in (282, 283))
        return tags[270], resolution, tags[296]


def test_the_raw_tags_of_an_imagej_hyperstack(tmp_path):
    write(tmp_path / "a.tif", KNOWN[0], "imagej")
    description, resolution, code = raw(tmp_path / "a.tif")
    assert resolution == ((250, 1), (200, 1))
    assert code == 1
    lines = description.splitlines()
    for line in ("frames=2", "slices=3", "unit=um", "spacing=0.05", "finterval=2.5"):
        assert line in lines
    write(tmp_path / "a.tif", KNOWN[3], "imagej")
    description, resolution, code = raw(tmp_path / "a.tif")
    assert resolution == ((50, 1), (50, 1))
    assert code == 3
    assert "unit=cm" in description.splitlines()


def test_the_raw_description_of_an_ome_tiff(tmp_path):
    write(tmp_path / "a.tif", KNOWN[0], "ome")
    with tifffile.TiffFile(tmp_path / "a.tif") as tiff:
        description = tiff.pages[0].tags["ImageDescription"].value
    for words in (
        'PhysicalSizeX="0.004"',
        f'PhysicalSizeXUnit="{MICRO}m"',
        'PhysicalSizeY="0.005"',
        'PhysicalSizeZ="0.05"',
        'TimeIncrement="2.5"',
        'SizeT="2"',
        'SizeZ="3"',
    ):
        assert words in description


@pytest.mark.parametrize(
    ("pixel", "unit", "per_cm"),
    [
        ((0.004, 0.005), "um", ((2_500_000, 1), (2_000_000, 1))),
        ((4, 8), "nm", ((2_500_000, 1), (1_250_000, 1))),
        ((0.5, 0.25), "mm", ((20, 1), (40, 1))),
        ((1, 2), "inch", ((50, 127), (25, 127))),
    ],
)
def test_the_raw_resolution_of_an_ome_tiff_is_in_cm(tmp_path, pixel, unit, per_cm):
    write(tmp_path / "a.tif", Calibration(pixel, unit, axes="Z", lengths=(3,)), "ome")
    _, resolution, code = raw(tmp_path / "a.tif")
    assert (resolution, code) == (per_cm, 3)


def test_pixels_too_small_for_the_tags_of_an_ome_tiff(tmp_path):
    known = Calibration((0.1, 0.1), "pm", axes="Z", lengths=(3,))
    write(tmp_path / "a.tif", known, "ome")
    assert read(tmp_path / "a.tif").pixel == pytest.approx((1e-7, 1e-7))


@pytest.mark.parametrize(
    ("unit", "written"), [("Å", r"\u00C5"), (f"{GREEK_MU}x", r"\u03BCx"), ("a b", "a b")]
)
def test_units_in_any_script_are_escaped_as_by_imagej(tmp_path, unit, written):
    known = Calibration((2, 2), unit, None, None, "Z", (3,))
    write(tmp_path / "a.tif", known, "imagej")
    assert f"unit={written}" in raw(tmp_path / "a.tif")[0].splitlines()
    assert read(tmp_path / "a.tif") == known
    assert calibration.to_ome(known._replace(unit="parsec")) == ({}, {})


def test_nothing_is_written_if_nothing_is_known(tmp_path):
    assert calibration.to_imagej(Calibration(axes="Z", lengths=(3,))) == ({}, {})
    assert calibration.to_ome(Calibration(axes="Z", lengths=(3,))) == ({}, {})
