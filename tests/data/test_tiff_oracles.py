"""TIFF and PNG files by writers that share no code with ours: libtiff, libpng, and packaged files.

rasterio (GDAL's libtiff) and OpenCV (its own libtiff and libpng) are in the extra `oracles`. The
packaged files are those of stardist and scikit-image; nothing is downloaded.
"""

import importlib.util
import itertools
import warnings
from pathlib import Path

import numpy as np
import pytest
from pictures import draw, sentence

from minunet.data import image_files

INTEGERS = ("uint8", "uint16", "uint32", "int8", "int16", "int32", "int64")
FLOATS = ("float32", "float64")


def colours(dtype, seed=0):
    """Make pixels (H, W, 3) over the whole range of a dtype, half of them in runs."""
    random = np.random.default_rng(seed)
    shape = (45, 70, 3)
    if dtype in FLOATS:
        pixels = random.normal(0, 1000, shape).astype(dtype)
    else:
        of = np.iinfo(dtype)
        pixels = random.integers(of.min, of.max, shape, dtype, endpoint=True)
    pixels[:, :30] = pixels[:1, :1]
    return pixels


# libtiff, through GDAL

LAYOUTS = [{}, {"tiled": True, "blockxsize": 16, "blockysize": 32}, {"blockysize": 7}]
GDAL = [
    (compression, predictor, dtype)
    for compression in ("NONE", "LZW", "DEFLATE", "PACKBITS", "LZMA", "ZSTD", "LERC")
    for dtype in INTEGERS + FLOATS
    for predictor in ((1, 3 if dtype in FLOATS else 2) if compression[0] in "LDZ" else (1,))
    if compression not in ("LERC", "LZMA") or predictor == 1
    if (compression, dtype) != ("LERC", "int64")
]


@pytest.mark.parametrize(("compression", "predictor", "dtype"), GDAL)
def test_files_written_by_gdal(tmp_path, compression, predictor, dtype):
    rasterio = pytest.importorskip("rasterio")
    pixels, path = colours(dtype), tmp_path / "a.tif"
    if compression == "LERC":  # in big-endian files it loses values whose bytes backwards are NaN
        pixels = np.round(pixels)
    for layout, order, interleave in itertools.product(
        LAYOUTS, ("LITTLE", "BIG"), ("PIXEL", "BAND")
    ):
        if (predictor, order) == (3, "BIG"):
            continue  # what libtiff writes here, libtiff cannot read
        options = {"compress": compression, "predictor": predictor, "endianness": order, **layout}
        options |= {"interleave": interleave, "photometric": "RGB", "alpha": "NO"}
        options = {k: v for k, v in options.items() if compression[0] in "LDZ" or k != "predictor"}
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # there is no place on earth
            with rasterio.open(
                path, "w", "GTiff", width=70, height=45, count=3, dtype=dtype, **options
            ) as file:
                file.write(np.moveaxis(pixels, -1, 0))
        (image,) = image_files.read(path)
        assert image.dtype == dtype
        np.testing.assert_array_equal(image, pixels, err_msg=str(options))


@pytest.mark.parametrize("count", [1, 3])
@pytest.mark.parametrize("compression", ["NONE", "LZW", "LERC"])
def test_nan_written_by_gdal_is_noticed(tmp_path, compression, count):
    # LERC stores no NaN, but a mask of the pixels that are valid.
    rasterio = pytest.importorskip("rasterio")
    pixels = np.arange(count * 20 * 30, dtype=np.float32).reshape(count, 20, 30)
    pixels[0, 3, 4] = np.nan
    size = {"width": 30, "height": 20, "count": count, "dtype": "float32"}
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        options = size | {"compress": compression, "photometric": "RGB" if count > 1 else None}
        options = {key: value for key, value in options.items() if value is not None}
        with rasterio.open(tmp_path / "a.tif", "w", "GTiff", **options) as file:
            file.write(pixels)
    sentence(tmp_path / "a.tif")


# OpenCV


@pytest.mark.parametrize("dtype", ["uint8", "uint16", "int16", "float32", "float64"])
@pytest.mark.parametrize("compression", [1, 5, 8, 32773, 32946])
def test_tiff_files_written_by_opencv(tmp_path, compression, dtype):
    cv2 = pytest.importorskip("cv2")
    pixels = colours(dtype)
    for predictor in (1, 2) if dtype == "uint16" and compression in (5, 8) else (1,):
        options = [cv2.IMWRITE_TIFF_COMPRESSION, compression]
        options += [cv2.IMWRITE_TIFF_PREDICTOR, predictor, cv2.IMWRITE_TIFF_ROWSPERSTRIP, 8]
        assert cv2.imwrite(str(tmp_path / "a.tif"), pixels[..., ::-1], options)
        (image,) = image_files.read(tmp_path / "a.tif")
        np.testing.assert_array_equal(image, pixels)
    grey = [np.ascontiguousarray(pixels[..., k]) for k in range(3)]
    assert cv2.imwritemulti(str(tmp_path / "a.tif"), grey, [259, compression])
    found = image_files.read(tmp_path / "a.tif")
    np.testing.assert_array_equal(np.concatenate(found, axis=-1), pixels)


@pytest.mark.parametrize("dtype", ["uint8", "uint16"])
@pytest.mark.parametrize("samples", [1, 3, 4])
def test_png_files_written_by_opencv(tmp_path, samples, dtype):
    # Rows with every filter of PNG, which libpng chooses.
    cv2 = pytest.importorskip("cv2")
    y, x, c = np.indices((45, 70, samples))
    pixels = (draw((45, 70, samples), dtype) >> 3) + (300 * y + 7 * x * y + 50 * c).astype(dtype)
    written = pixels if samples == 1 else pixels[..., [2, 1, 0, 3][:samples]]
    assert cv2.imwrite(str(tmp_path / "a.png"), written)
    (image,) = image_files.read(tmp_path / "a.png")
    np.testing.assert_array_equal(image, pixels[..., :3])


# Packaged files


def packaged(package, *parts):
    """Return the path of a file in an installed package; skip the test if it is not there."""
    found = importlib.util.find_spec(package)
    path = Path(found.submodule_search_locations[0], *parts) if found else None
    if path is None or not path.exists():
        pytest.skip(f"{'/'.join(parts)} of {package} is not installed")
    return path


@pytest.mark.parametrize(
    ("name", "slices", "shape", "total"),  # sums of what OpenCV reads
    [
        ("img2d", 1, (512, 512, 1), 8331268),
        ("mask2d", 1, (512, 512, 1), 4978481),
        ("img3d", 31, (61, 57, 1), 21342435),
        ("mask3d", 31, (61, 57, 1), 3198014),
    ],
)
def test_images_of_stardist(name, slices, shape, total):
    found = image_files.read(packaged("stardist", "data", "images", f"{name}.tif"))
    assert len(found) == slices
    assert all(image.shape == shape and image.dtype == np.uint16 for image in found)
    assert sum(int(image.sum(dtype=np.int64)) for image in found) == total


def test_images_of_scikit_image():
    first, second = image_files.read(packaged("skimage", "data", "multipage.tif"))
    assert first.shape == second.shape == (15, 10, 1)
    assert (int(first.sum()), int(second.sum())) == (19125, 19019)
    planar = image_files.read(packaged("skimage", "data", "multipage_rgb.tif"))
    assert [(image.shape, image.dtype) for image in planar] == [((10, 10, 3), np.float64)] * 2
    (cell,) = image_files.read(packaged("skimage", "data", "cell.png"))
    assert cell.shape == (660, 550, 1)
    assert int(cell.sum(dtype=np.int64)) == 24669746
