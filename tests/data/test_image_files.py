"""Images of every supported format are read; anything else is refused in one sentence."""

import os
import sys
import tracemalloc
from pathlib import Path

import numpy as np
import pytest
import tifffile
from pictures import assert_slices, draw, sentence
from PIL import Image

from minunet.data import image_files
from minunet.data.calibration import Calibration
from minunet.data.image_files import Slices
from minunet.errors import InputError


@pytest.mark.parametrize("compression", [None, "deflate"])
@pytest.mark.parametrize("dtype", [np.uint8, np.uint16, np.float32])
def test_a_stack(tmp_path, dtype, compression):
    stack = draw((3, 20, 31), dtype)
    path = tmp_path / "stack.tif"
    tifffile.imwrite(path, stack, photometric="minisblack", compression=compression)
    assert_slices(image_files.read(path), stack)


@pytest.mark.parametrize("dtype", [np.uint8, np.uint16, np.float32])
@pytest.mark.parametrize("compression", ["tiff_lzw", "packbits"])
def test_a_stack_compressed_by_libtiff(tmp_path, dtype, compression):
    stack = draw((3, 20, 31), dtype)
    first, *others = (Image.fromarray(page) for page in stack)
    path = tmp_path / "stack.TIF"
    first.save(path, "TIFF", save_all=True, append_images=others, compression=compression)
    assert_slices(image_files.read(path), stack)


@pytest.mark.parametrize("predictor", [1, 2])
def test_deflate_with_a_predictor(tmp_path, predictor):
    page = draw((20, 31))
    path = tmp_path / "page.tif"
    Image.fromarray(page).save(path, compression="tiff_adobe_deflate", tiffinfo={317: predictor})
    assert_slices(image_files.read(path), [page])


@pytest.mark.parametrize("slices", [2, 3, 4])
@pytest.mark.parametrize("imagej", [False, True])
def test_two_to_four_slices_are_not_channels(tmp_path, slices, imagej):
    stack = draw((slices, 20, 31))
    how = {"imagej": True, "metadata": {"axes": "ZYX"}} if imagej else {"photometric": "minisblack"}
    tifffile.imwrite(tmp_path / "stack.tif", stack, **how)
    assert_slices(image_files.read(tmp_path / "stack.tif"), stack)


@pytest.mark.parametrize("shape", [(3, 20, 3), (2, 20, 4), (1, 20, 31)])
def test_a_narrow_stack_is_not_colour(tmp_path, shape):
    stack = draw(shape)
    tifffile.imwrite(tmp_path / "stack.tif", stack, photometric="minisblack")
    assert_slices(image_files.read(tmp_path / "stack.tif"), stack)


@pytest.mark.parametrize("axes", ["TZYX", "TYX"])
def test_time_counts_as_slices(tmp_path, axes):
    stack = draw((2, 3, 20, 31) if axes == "TZYX" else (6, 20, 31))
    tifffile.imwrite(tmp_path / "stack.tif", stack, imagej=True, metadata={"axes": axes})
    assert_slices(image_files.read(tmp_path / "stack.tif"), stack.reshape(6, 20, 31))


@pytest.mark.parametrize(("shape", "axes"), [((2, 20, 31), "CYX"), ((3, 2, 20, 31), "ZCYX")])
def test_channels_are_refused_instead_of_read_as_slices(tmp_path, shape, axes):
    tifffile.imwrite(tmp_path / "c.tif", draw(shape), imagej=True, metadata={"axes": axes})
    assert axes in sentence(tmp_path / "c.tif")


def test_planar_colour_is_colour(tmp_path):
    channels, path = draw((3, 20, 31)), tmp_path / "planar.tif"
    tifffile.imwrite(path, channels, photometric="rgb", planarconfig="separate")
    (image,) = image_files.read(path)
    np.testing.assert_array_equal(image, np.stack(list(channels), axis=-1))


def test_pages_of_different_sizes(tmp_path):
    pages = [draw((20, 31)), draw((12, 9)), draw((20, 31), seed=1)]
    with tifffile.TiffWriter(tmp_path / "pages.tif") as file:
        for page in pages:
            file.write(page)
    assert_slices(image_files.read(tmp_path / "pages.tif"), pages)


def test_a_single_page(tmp_path):
    page = draw((20, 31))
    tifffile.imwrite(tmp_path / "page.tiff", page)
    assert_slices(image_files.read(tmp_path / "page.tiff"), [page])


@pytest.mark.parametrize("shape", [(1, 1), (1, 9), (9, 1)])
def test_images_one_pixel_wide(tmp_path, shape):
    page = draw(shape)
    tifffile.imwrite(tmp_path / "page.tif", page)
    Image.fromarray(page).save(tmp_path / "page.png")
    for name in ("page.tif", "page.png"):
        assert_slices(image_files.read(tmp_path / name), [page])


@pytest.mark.parametrize("dtype", [np.uint8, np.uint16])
def test_a_png(tmp_path, dtype):
    page = draw((20, 31), dtype)
    Image.fromarray(page).save(tmp_path / "page.png")
    assert_slices(image_files.read(tmp_path / "page.png"), [page])


@pytest.mark.parametrize("suffix", [".png", ".tif"])
def test_colour_loses_its_alpha(tmp_path, suffix):
    page = draw((20, 31, 4))
    Image.fromarray(page).save(tmp_path / f"page{suffix}")
    (image,) = image_files.read(tmp_path / f"page{suffix}")
    np.testing.assert_array_equal(image, page[..., :3])


@pytest.mark.parametrize("suffix", [".png", ".tif"])
@pytest.mark.parametrize("alpha", [False, True])
def test_three_equal_channels_are_grey(tmp_path, alpha, suffix):
    grey = draw((20, 31))
    channels = [grey, grey, grey] + [draw((20, 31), seed=1)] * alpha
    Image.fromarray(np.stack(channels, axis=-1)).save(tmp_path / f"page{suffix}")
    assert_slices(image_files.read(tmp_path / f"page{suffix}"), [grey])


def test_grey_with_alpha_is_grey(tmp_path):
    grey = draw((20, 31))
    page = Image.merge("LA", [Image.fromarray(grey), Image.fromarray(draw((20, 31), seed=1))])
    page.save(tmp_path / "page.png")
    assert_slices(image_files.read(tmp_path / "page.png"), [grey])


def test_a_palette_is_looked_up(tmp_path):
    page = Image.fromarray(np.array([[0, 1, 2, 1]], np.uint8), "P")
    page.putpalette([10, 20, 30, 40, 50, 60, 70, 80, 90])
    page.save(tmp_path / "page.png")
    (image,) = image_files.read(tmp_path / "page.png")
    expected = [[[10, 20, 30], [40, 50, 60], [70, 80, 90], [40, 50, 60]]]
    np.testing.assert_array_equal(image, expected)


@pytest.mark.parametrize(
    ("name", "how"),
    [
        ("a.png", {}),
        ("a.tif", {}),
        ("a.tif", {"compression": "group4"}),
        ("a.tif", {"compression": "tiff_lzw"}),
    ],
)
def test_one_bit_images_are_read_as_0_and_1(tmp_path, name, how):
    page = draw((20, 31)) > 99
    Image.fromarray(page).save(tmp_path / name, **how)
    assert_slices(image_files.read(tmp_path / name), [page.astype(np.uint8)])


def test_a_folder_is_read_in_order_of_names(tmp_path):
    pages = {name: draw((5, 6), seed=k) for k, name in enumerate(["b.png", "a.tif", "c.tiff"])}
    for name, page in pages.items():
        Image.fromarray(page).save(tmp_path / name)
    (tmp_path / "README.txt").write_text("not an image")
    (tmp_path / "._a.png").write_bytes(b"what macOS leaves behind")
    found = image_files.read(tmp_path)
    assert_slices(found, [pages["a.tif"], pages["b.png"], pages["c.tiff"]])


def test_a_folder_with_a_multi_page_file(tmp_path):
    stack, page = draw((2, 5, 6)), draw((7, 8))
    tifffile.imwrite(tmp_path / "a.tif", stack, photometric="minisblack")
    Image.fromarray(page).save(tmp_path / "b.png")
    assert_slices(image_files.read(tmp_path), [*stack, page])


def test_grey_drops_the_channel_axis():
    maps = [draw((4, 6)), draw((5, 3))]
    for found, expected in zip(
        image_files.grey([page[..., np.newaxis] for page in maps], "a.tif"), maps, strict=True
    ):
        np.testing.assert_array_equal(found, expected)
    with pytest.raises(InputError, match=r"a\.tif is in colour"):
        image_files.grey([maps[0][..., np.newaxis], draw((4, 6, 3))], "a.tif")


# Slice by slice


def is_mapped(array):
    while array is not None and not isinstance(array, np.memmap):
        array = array.base
    return array is not None


@pytest.mark.parametrize("dtype", [np.uint8, np.uint16, np.float32])
@pytest.mark.parametrize("byteorder", ["<", ">"])
@pytest.mark.parametrize("kind", ["plain", "imagej", "bigtiff", "one table", "page by page"])
def test_an_uncompressed_stack_is_mapped(tmp_path, dtype, byteorder, kind):
    stack, path = draw((3, 20, 31), dtype), tmp_path / "stack.tif"
    big, imagej = kind == "bigtiff", kind in ("imagej", "one table")
    with tifffile.TiffWriter(path, byteorder=byteorder, imagej=imagej, bigtiff=big) as file:
        if kind == "page by page":
            for page in stack:  # each page has its own table before the pixels of the next
                file.write(page, contiguous=False, metadata=None)
        else:
            truncate = kind == "one table"  # as ImageJ writes files above 4 GB
            file.write(stack, photometric="minisblack", metadata={"axes": "ZYX"}, truncate=truncate)
    slices = Slices(path)
    assert slices.mapped
    assert len(slices) == 3
    for found, page in zip(slices, stack, strict=True):
        assert is_mapped(found)
        assert not found.flags.writeable
        np.testing.assert_array_equal(found, page[..., np.newaxis])
    assert_slices(image_files.read(path), stack)
    assert not any(is_mapped(image) for image in image_files.read(path))


def test_colour_is_mapped(tmp_path):
    stack = draw((3, 20, 31, 4))
    tifffile.imwrite(tmp_path / "a.tif", stack, photometric="rgb")
    slices = Slices(tmp_path / "a.tif")
    assert slices.mapped
    for found, page in zip(slices, stack, strict=True):
        assert is_mapped(found)
        np.testing.assert_array_equal(found, page[..., :3])


def test_a_folder_is_mapped_if_all_its_files_are(tmp_path):
    tifffile.imwrite(tmp_path / "a.tif", draw((2, 20, 31)), photometric="minisblack")
    assert Slices(tmp_path).mapped
    Image.fromarray(draw((20, 31))).save(tmp_path / "b.png")
    assert not Slices(tmp_path).mapped


def test_compressed_files_are_read_slice_by_slice(tmp_path):
    stack = np.zeros((8, 400, 500), np.uint8)
    stack += np.arange(8, dtype=np.uint8)[:, np.newaxis, np.newaxis]
    first, *others = (Image.fromarray(page) for page in stack)
    first.save(tmp_path / "b.tif", save_all=True, append_images=others, compression="tiff_lzw")
    tifffile.imwrite(tmp_path / "a.tif", stack, photometric="minisblack", compression="deflate")
    slices = Slices(tmp_path)
    assert not slices.mapped
    assert [int(image.max()) for image in slices] == 2 * list(range(8))
    tracemalloc.start()
    for k in range(len(slices)):
        assert (slices[k] == k % 8).all()
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 5 * stack[0].nbytes  # 16 slices in all; measured: 4.1, including decoding


def test_a_page_with_several_slices(tmp_path):
    stack = draw((16, 32, 48))
    tifffile.imwrite(tmp_path / "a.tif", stack, volumetric=True, tile=(16, 16, 16))
    assert_slices(image_files.read(tmp_path / "a.tif"), stack)


@pytest.mark.skipif(sys.platform != "linux", reason="no /proc elsewhere")
def test_slices_keep_no_file_open(tmp_path):
    for k in range(5):
        tifffile.imwrite(tmp_path / f"{k}.tif", draw((2, 20, 31)), photometric="minisblack")
    before = len(os.listdir("/proc/self/fd"))
    slices = Slices(tmp_path)
    assert sum(image.size for image in slices) == 10 * 20 * 31
    assert len(os.listdir("/proc/self/fd")) == before


def test_a_file_that_shrinks_is_refused(tmp_path):
    path = tmp_path / "a.tif"
    tifffile.imwrite(path, draw((3, 20, 31)), photometric="minisblack")
    slices = Slices(path)
    os.truncate(path, path.stat().st_size // 2)
    with pytest.raises(InputError, match=r"a\.tif is damaged or was cut short: it has 1,224 bytes"):
        slices[2]


def test_every_band_of_an_image_is_checked(tmp_path, monkeypatch):
    # The bands have two rows, and the fault is in the last band.
    monkeypatch.setattr("minunet.image.MOST", 24)
    page = np.ones((7, 4), np.float32)
    page[6, 3] = np.nan
    tifffile.imwrite(tmp_path / "a.tif", page)
    assert "finite" in sentence(tmp_path / "a.tif")
    colour = np.ones((7, 4, 3), np.uint8)
    colour[6, 3, 2] = 2
    Image.fromarray(colour).save(tmp_path / "b.png")
    (image,) = image_files.read(tmp_path / "b.png")
    np.testing.assert_array_equal(image, colour)


def test_slices_can_be_indexed_and_sliced(tmp_path):
    stack = draw((5, 4, 6))
    tifffile.imwrite(tmp_path / "a.tif", stack, photometric="minisblack")
    slices = Slices(tmp_path / "a.tif")
    for k in (0, 4, -1, np.int64(3)):
        assert_slices([slices[k]], [stack[k]])
    for part in (slice(1, 3), slice(None, None, -2), slice(7, 9)):
        assert_slices(slices[part], stack[part])
    with pytest.raises(IndexError):
        slices[5]


# What cannot be read


def test_missing_files_and_empty_folders_are_refused(tmp_path):
    assert "does not exist" in sentence(tmp_path / "nothing.tif")
    text = sentence(tmp_path)
    assert "no image" in text
    assert all(kind in text for kind in (".tif", ".tiff", "PNG"))


def test_the_content_of_a_file_counts_and_not_its_suffix(tmp_path):
    page = draw((20, 31), np.uint16)
    Image.fromarray(page).save(tmp_path / "a.tif", "PNG")
    tifffile.imwrite(tmp_path / "b.png", page, byteorder=">")
    for name in ("a.tif", "b.png"):
        (image,) = image_files.read(tmp_path / name)
        np.testing.assert_array_equal(image[..., 0], page)


def test_other_formats_are_refused(tmp_path):
    Image.fromarray(draw((20, 31))).save(tmp_path / "a.jpg")
    text = sentence(tmp_path / "a.jpg")
    assert "TIFF" in text
    assert "PNG" in text


@pytest.mark.parametrize("suffix", [".png", ".tif"])
@pytest.mark.parametrize("content", [b"", b"hello", b"II*\0", b"II*\0\x08\0\0\0"])
def test_a_file_that_is_not_an_image_is_refused(tmp_path, suffix, content, capfd):
    path = tmp_path / f"a{suffix}"
    path.write_bytes(content)
    sentence(path)
    assert capfd.readouterr() == ("", "")


def contents(kind, tmp_path):
    """Return the bytes of an intact file of three slices (PNG: of one)."""
    path = tmp_path / "intact.tif"
    stack = draw((3, 20, 31))
    if kind == "png":
        Image.fromarray(stack[0]).save(path, "PNG")
    elif kind == "imagej":
        tifffile.imwrite(path, stack, imagej=True, metadata={"axes": "ZYX"})
    elif kind == "lzw":
        first, *others = (Image.fromarray(page) for page in stack)
        first.save(path, save_all=True, append_images=others, compression="tiff_lzw")
    else:
        compression = None if kind == "plain" else kind
        tifffile.imwrite(path, stack, photometric="minisblack", compression=compression)
    return path.read_bytes()


@pytest.mark.parametrize("kind", ["plain", "deflate", "lzw", "imagej", "png"])
def test_a_truncated_file_is_refused_wherever_it_ends(tmp_path, kind, capfd):
    # Half a stack must not be read as a shorter stack. Only the last few bytes may be missing: the
    # end marker and checksum of a PNG, or a resolution, which is not used.
    whole = contents(kind, tmp_path)
    path = tmp_path / ("cut.png" if kind == "png" else "cut.tif")
    for length in np.linspace(2, len(whole) - 40, 40).astype(int):
        path.write_bytes(whole[:length])
        sentence(path)
    out, err = capfd.readouterr()
    assert out == ""
    assert "tifffile" not in err  # libtiff, in C, may print something


@pytest.mark.parametrize("kind", ["plain", "deflate", "imagej", "png"])
def test_a_damaged_file_is_read_or_refused(tmp_path, kind):
    # After random bytes change, the file is read or refused, but no other exception is raised.
    whole = contents(kind, tmp_path)
    path = tmp_path / ("damaged.png" if kind == "png" else "damaged.tif")
    rng, noticed = np.random.default_rng(0), 0
    for _ in range(60):
        damaged = bytearray(whole)
        for k in rng.integers(len(whole), size=6):
            damaged[k] ^= int(rng.integers(1, 256))
        path.write_bytes(damaged)
        try:
            image_files.read(path)
        except InputError as refused:
            assert str(path) in str(refused)
            noticed += 1
    assert noticed >= 15  # measured: 36 plain, 35 ImageJ, 60 deflate and PNG


@pytest.mark.parametrize("value", [np.nan, np.inf, -np.inf])
def test_values_that_are_not_finite_are_refused(tmp_path, value):
    page = np.ones((4, 5), np.float32)
    page[1, 2] = value
    tifffile.imwrite(tmp_path / "a.tif", page)
    assert "finite" in sentence(tmp_path / "a.tif")


def test_complex_numbers_are_refused(tmp_path):
    tifffile.imwrite(tmp_path / "a.tif", np.ones((4, 5), np.complex64))
    assert "real" in sentence(tmp_path / "a.tif")


def test_grey_and_colour_together_are_read_in_colour(tmp_path):
    grey, colour = draw((20, 31)), draw((20, 31, 3))
    Image.fromarray(grey).save(tmp_path / "a.png")
    Image.fromarray(colour).save(tmp_path / "b.png")
    first, second = image_files.read(tmp_path)
    np.testing.assert_array_equal(first, np.stack([grey] * 3, axis=-1))
    np.testing.assert_array_equal(second, colour)


def test_a_blank_colour_page_does_not_change_the_channels_of_a_set(tmp_path):
    blank, colours = np.full((20, 31, 3), 200, np.uint8), draw((20, 31, 3))
    Image.fromarray(blank).save(tmp_path / "a.png")
    assert Slices(tmp_path).channels == 1
    Image.fromarray(colours).save(tmp_path / "b.png")
    slices = Slices(tmp_path)
    assert slices.channels == 3
    assert_slices = [
        np.array_equal(one, x) for one, x in zip(slices, (blank, colours), strict=True)
    ]
    assert assert_slices == [True, True]


def test_colours_are_refused_where_grey_is_needed(tmp_path):
    Image.fromarray(draw((20, 31, 3))).save(tmp_path / "a.png")
    slices = Slices(tmp_path)
    slices.channels = 1  # as a model for grey images needs
    with pytest.raises(InputError, match=r"a\.png is in colour; pass --grey .* or --channel N"):
        slices[0]


# Names


def test_folders_are_in_natural_order(tmp_path):
    for name in ("img10", "img2", "img1", "Img3", "a1b10", "a1b9"):
        Image.fromarray(draw((5, 6))).save(tmp_path / f"{name}.png")
    slices = Slices(tmp_path)
    assert slices.names == ["a1b9", "a1b10", "img1", "img2", "Img3", "img10"]
    assert [file.stem for file in slices.files] == slices.names


def test_names_are_in_normal_form(tmp_path):
    composed, decomposed = "Präparat", "Pra\u0308parat"
    assert composed != decomposed
    Image.fromarray(draw((5, 6))).save(tmp_path / f"{decomposed}.png")
    assert Slices(tmp_path).names == [composed]


def test_pages_of_a_file_in_a_folder_are_numbered(tmp_path):
    tifffile.imwrite(tmp_path / "b.ome.tif", draw((2, 5, 6)), metadata={"axes": "ZYX"})
    Image.fromarray(draw((5, 6))).save(tmp_path / "a.png")
    assert Slices(tmp_path).names == ["a", "b 0", "b 1"]
    assert Slices(tmp_path / "b.ome.tif").names == ["0", "1"]


def test_files_whose_names_differ_only_in_the_suffix(tmp_path):
    for name in ("a.png", "a.tif", "b.png"):
        Image.fromarray(draw((5, 6))).save(tmp_path / name)
    assert Slices(tmp_path).names == ["a.png", "a.tif", "b.png"]


def test_broken_files_can_be_left_out(tmp_path):
    Image.fromarray(draw((5, 6))).save(tmp_path / "a.png")
    (tmp_path / "b.png").write_bytes(b"nothing")
    assert "b.png" in sentence(tmp_path)
    slices = Slices(tmp_path, keep_going=True)
    assert slices.names == ["a"]
    assert list(slices.broken) == [tmp_path / "b.png"]
    slices.leave_out(tmp_path / "a.png", "damaged")
    assert len(slices) == 0
    (tmp_path / "a.png").unlink()
    with pytest.raises(InputError, match=r"b\.png"):
        Slices(tmp_path, keep_going=True)


# Calibration


def write_calibrated(folder, **sizes):
    """Write files with the given numbers of pixels per um."""
    folder.mkdir(exist_ok=True)
    for name, size in sizes.items():
        path, metadata = folder / f"{name}.tif", {"unit": "um", "spacing": 3.0}
        tifffile.imwrite(
            path, draw((6, 9)), imagej=True, resolution=(size, size), metadata=metadata
        )


def test_the_calibration_of_a_file(tmp_path):
    write_calibrated(tmp_path, a=10)
    assert Slices(tmp_path / "a.tif").calibration == Calibration((0.1, 0.1), "um", 3)
    Image.fromarray(draw((6, 9))).save(tmp_path / "b.png", dpi=(254, 254))
    found = Slices(tmp_path / "b.png").calibration
    assert found == Calibration(pytest.approx((100, 100)), "um")


def test_a_file_of_an_ome_set_keeps_its_calibration(tmp_path):
    metadata = {"axes": "YX", "PhysicalSizeX": 0.5, "PhysicalSizeY": 0.25}
    tifffile.imwrite(tmp_path / "a.ome.tif", draw((6, 9)), metadata=metadata)
    assert Slices(tmp_path / "a.ome.tif").calibration == Calibration((0.5, 0.25), "um")


def test_the_calibration_of_a_folder_is_what_its_files_agree_on(tmp_path):
    write_calibrated(tmp_path / "same", a=10, b=10)
    same = Slices(tmp_path / "same")
    assert same.calibration == Calibration((0.1, 0.1), "um", 3, axes="Z", lengths=(2,))
    write_calibrated(tmp_path / "other", a=10, b=20)
    other = Slices(tmp_path / "other")
    assert other.calibration == Calibration(axes="Z", lengths=(2,))
    assert [one.calibration.pixel for one in other.by_file()] == [(0.1, 0.1), (0.05, 0.05)]
    other.leave_out(tmp_path / "other" / "b.tif", "broken")
    assert other.calibration == Calibration((0.1, 0.1), "um", 3)


def test_the_slices_of_each_file(tmp_path):
    stack = draw((2, 6, 9))
    tifffile.imwrite(tmp_path / "a.tif", stack, photometric="minisblack")
    Image.fromarray(stack[0]).save(tmp_path / "b.png")
    first, second = Slices(tmp_path).by_file()
    assert_slices(list(first), stack)
    assert_slices(list(second), stack[:1])
    assert first.names == ["0", "1"]


def test_names_are_printable_whatever_files_and_labels_are_called(tmp_path):
    for k, name in enumerate([b"caf\xe9", b"esc\x1b[2J\n", "üµ".encode()]):
        path = Path(os.fsdecode(os.fsencode(tmp_path) + b"/" + name + b".png"))
        Image.fromarray(draw((4, 5), seed=k)).save(path)
    assert Slices(tmp_path).names == [r"caf\udce9", r"esc\x1b[2J\n", "üµ"]
    labels = {"axes": "ZYX", "Labels": ["a\x1bb", "c"]}
    tifffile.imwrite(tmp_path / "a.tif", draw((2, 8, 9)), imagej=True, metadata=labels)
    assert Slices(tmp_path / "a.tif").names == [r"a\x1bb", "c"]
