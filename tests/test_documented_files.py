"""Each row of the tables in "Images and labels: what minunet reads, and why" is a test.

A test has the text of the first cell of its row. It makes such files, with values known by hand.
"""

import re
import unicodedata
from pathlib import Path

import numpy as np
import PIL.Image
import png_writer
import pytest
import tifffile
from commands import TINY, call, refused, write_stack
from layouts import PAGE, SHAPE, THUMBNAIL, imagej_file, page, set_of_files, several, values
from pictures import draw, sentence
from tiff_codecs import CODECS
from tiff_writer import Image, write

from minunet.data import image_files, label_files, predictions
from minunet.data.annotation import Meaning
from minunet.data.image_files import Reading, Slices
from minunet.errors import InputError
from minunet.network import initialization
from minunet.runs import checkpoint, places
from minunet.runs.checkpoint import Checkpoint
from minunet.runs.settings import from_options
from minunet.training import preparation

TEXT = (Path(__file__).parents[1] / "tutorials/pages/image_and_label_files.md").read_text("utf-8")
HEAD = re.compile(r"^\|.*\n(?=\|---)", re.MULTILINE)
FIRST_CELLS = re.findall(r"^\| (.+?) \|", HEAD.sub("", TEXT), re.MULTILINE)

TESTS = {}


def row(first_cell):
    """Register a function as the test of the row with this first cell."""

    def register(function):
        assert first_cell not in TESTS, first_cell
        TESTS[first_cell] = function
        return function

    return register


def test_every_row_has_a_test_and_every_test_a_row():
    assert FIRST_CELLS == list(TESTS)


@pytest.mark.parametrize("first_cell", TESTS)
def test_row(tmp_path, first_cell):
    TESTS[first_cell](tmp_path)


# Image files


def check(path, *expected, **reading):
    """Check the slices of a path: their values (H, W) or (H, W, C), and their dtype."""
    found = image_files.read(path, Reading(**reading))
    assert len(found) == len(expected)
    for image, pixels in zip(found, expected, strict=True):
        assert image.dtype == pixels.dtype
        np.testing.assert_array_equal(image, pixels.reshape(*pixels.shape[:2], -1))


def refusal(path, *words, **reading):
    """Check that a path is refused, in a sentence with these words."""
    text = sentence(path, lambda path: image_files.read(path, Reading(**reading)))
    for word in words:
        assert word in text


@row("a compressed TIFF: LZW, deflate, Zstandard, LZMA, PackBits, JPEG, JPEG 2000 or LERC")
def _(folder):
    ramp = np.add.outer(np.arange(24), np.arange(40)).astype(np.uint8)
    names = CODECS.keys() - {"jpeg", "jpeg-tables", "jpeg-ycbcr"}
    assert len(names) >= 9
    for name in names:
        check(write(folder / "a.tif", [Image(ramp, name)]), ramp)
    (image,) = image_files.read(write(folder / "a.tif", [Image(ramp, "jpeg")]))
    np.testing.assert_allclose(image[..., 0], ramp, atol=3)


@row("a compression that cannot be decoded")
def _(folder):
    path = write(folder / "a.tif", [Image(page(1), tags={259: 34676})])
    refusal(path, "SGILOG", "pip install --upgrade imagecodecs", "without compression")


@row("big-endian or little-endian values, strips or tiles, a predictor")
def _(folder):
    for how in ({}, {"rows": 5}, {"tile": (16, 16)}, {"predictor": 2, "rows": 5}):
        for order in "<>":
            check(write(folder / "a.tif", [Image(page(1), "lzw", **how)], order), page(1))


@row("integers of 8 to 64 bits, signed or not; floats of 16, 32 or 64 bits")
def _(folder):
    types = [f"{kind}{8 * size}" for kind in ("int", "uint") for size in (1, 2, 4, 8)]
    for dtype in types:
        limits = np.iinfo(dtype)
        pixels = np.array([[limits.min, limits.max, 7]] * 2, dtype)
        check(write(folder / "a.tif", [Image(pixels, "deflate")], ">"), pixels)
    for dtype in ("float16", "float32", "float64"):
        pixels = np.array([[-7.125, 0, 60000]] * 2, dtype)
        check(write(folder / "a.tif", [Image(pixels, "deflate")], ">"), pixels)


@row("1-bit pixels")
def _(folder):
    bits = (draw(SHAPE) > 99).astype(np.uint8)
    check(write(folder / "a.tif", [Image(bits, "packbits", bits=1)]), bits)


@row("MinIsWhite, or an orientation")
def _(folder):
    for compression in ("none", "lzw"):
        pixels = Image(page(1), compression, tags={262: 0, 274: 3})
        check(write(folder / "a.tif", [pixels]), page(1))


@row("slices along Z, frames along T")
def _(folder):
    for axes in ({"slices": 6}, {"frames": 6}, {"slices": 3, "frames": 2}):
        assert values(imagej_file(folder / "a.tif", 6, **axes)) == [0, 1, 2, 3, 4, 5]


@row("several channels")
def _(folder):
    path = imagej_file(folder / "a.tif", 6, channels=2, slices=3)
    refusal(path, "2 channels", "--channel N", "0 … 1")
    assert values(path, Reading(channel=1)) == [1, 3, 5]


@row("a set of OME-TIFF files with one channel each")
def _(folder):
    set_of_files(folder / "set", ["dapi.ome.tif", "gfp.ome.tif"], size_c=2)
    refusal(folder / "set", "--channel N")
    assert values(folder / "set", Reading(channel=1)) == [1]


@row("RGB, its samples interleaved or planar")
def _(folder):
    colours = draw((*SHAPE, 3))
    for planar in (False, True):
        check(write(folder / "a.tif", [Image(colours, "lzw", planar=planar)]), colours)


@row("RGB, with `--grey` or `--channel N`")
def _(folder):
    colours = np.full((*SHAPE, 3), (10, 20, 35), np.uint8)
    path = write(folder / "a.tif", [Image(colours)])
    check(path, np.full(SHAPE, 19, np.uint8), channel="grey")  # 2.99 + 11.74 + 3.99 = 18.72
    check(path, np.full(SHAPE, 20, np.uint8), channel=1)


@row("alpha")
def _(folder):
    pixels = draw((*SHAPE, 4))
    check(write(folder / "a.tif", [Image(pixels)]), pixels[..., :3])
    check(write(folder / "a.tif", [Image(pixels[..., :2])]), pixels[..., 0])
    check(png_writer.write(folder / "a.png", pixels, "rgba"), pixels[..., :3])


@row("grey values stored as RGB, in every file")
def _(folder):
    grey = draw(SHAPE)
    for name in "ab":
        write(folder / f"{name}.tif", [Image(np.stack(3 * [grey], axis=-1))])
    check(folder, grey, grey)


@row("a folder of grey and colour files")
def _(folder):
    grey, colours = draw(SHAPE), draw((*SHAPE, 3))
    blank = np.full((*SHAPE, 3), 255, np.uint8)
    for name, pixels in (("a", grey), ("b", blank), ("c", colours)):
        write(folder / f"{name}.tif", [Image(pixels)])
    check(folder, np.stack(3 * [grey], axis=-1), blank, colours)
    assert {image.shape for image in image_files.read(folder, Reading("grey"))} == {(*SHAPE, 1)}


@row("a thumbnail, a smaller level of a pyramid, or a transparency mask")
def _(folder):
    whole = page(1, (96, 144))
    smaller = [Image(whole[::s, ::s], "lzw") for s in (2, 4)]
    thumbnail = Image(whole[::8, ::8], tags=THUMBNAIL)
    for extra in ([thumbnail], smaller):
        check(write(folder / "a.tif", [Image(whole, "lzw"), *extra]), whole)
    check(write(folder / "a.tif", [Image(whole, "lzw", subs=smaller)]), whole)
    mask = Image(np.ones_like(whole, np.uint8), bits=1, tags={254: 4, 262: 4})
    check(write(folder / "a.tif", [Image(whole, "lzw"), mask]), whole)


@row("several series, such as the images of a slide")
def _(folder):
    shapes = [(10, 15), SHAPE, (5, 9)]
    pages = [Image(page(k, shape)) for k, shape in enumerate(shapes)]
    pages[0] = pages[0]._replace(tags={270: several(shapes)})
    path = write(folder / "a.ome.tif", pages)
    check(path, page(1))
    assert "--series N" in Slices(path).notes[0]
    check(path, page(2, (5, 9)), series=2)


@row("pages of different sizes")
def _(folder):
    pages = [page(0, (30, 41)), page(1, (28, 41))]
    path = write(folder / "a.tif", [Image(pixels, tags=PAGE) for pixels in pages])
    check(path, *pages)
    result = call("predict", model(folder), path, "-o", folder / "out", "--device", "cpu")
    assert "--series N" in refused(result)
    check(path, pages[1], series=1)


@row("one file of a multi-file OME-TIFF")
def _(folder):
    names = ["a_0.ome.tif", "a_1.ome.tif", "a_2.ome.tif"]
    set_of_files(folder / "set", names, size_z=3)
    assert values(folder / "set") == [0, 1, 2]
    assert values(folder / "set" / names[1]) == [1]
    (folder / "set" / names[0]).unlink()
    assert values(folder / "set") == [1, 2]


COLOURS = ((0, 0, 0), (230, 25, 75), (60, 180, 75))


def palette_png(path, indices):
    """Write a PNG file with the palette COLOURS."""
    return png_writer.write(
        path, indices, "palette", 2, chunks=[(b"PLTE", bytes(sum(COLOURS, ())))]
    )


def palette_tiff(path, indices):
    """Write a TIFF file with a palette that starts with COLOURS."""
    table = np.zeros((3, 256), int)
    table[:, :3] = np.transpose(COLOURS) * 257
    return write(path, [Image(indices, "lzw", tags={262: 3, 320: table.ravel().tolist()})])


def three_classes(shape=SHAPE):
    """Make a map of 0, 1 and 2, each in several regions."""
    y, x = np.indices(shape)
    return ((y // 3 + x // 3) % 3).astype(np.uint8)


@row("a palette in a TIFF file")
def _(folder):
    path = palette_tiff(folder / "a.tif", three_classes())
    check(path, three_classes())
    check(path, three_classes(), indices=True)


@row("a palette in a PNG file")
def _(folder):
    path = palette_png(folder / "a.png", three_classes())
    check(path, np.array(COLOURS, np.uint8)[three_classes()])
    check(path, three_classes(), indices=True)


@row("PNG with 1, 2 or 4 bits")
def _(folder):
    for depth in (1, 2, 4):
        pixels = draw(SHAPE) >> (8 - depth)
        assert pixels.max() == 2**depth - 1
        check(png_writer.write(folder / "a.png", pixels, depth=depth), pixels)


@row("PNG with 16 bits: grey, grey with alpha, RGB, RGBA")
def _(folder):
    for kind, samples in (("grey", 1), ("grey+alpha", 2), ("rgb", 3), ("rgba", 4)):
        pixels = draw((*SHAPE, samples), np.uint16)
        kept = pixels[..., : 3 if samples > 2 else 1]
        check(png_writer.write(folder / "a.png", pixels, kind, 16), kept)


@row("PNG with more than 90 megapixels")
def _(folder):
    path = png_writer.write(folder / "a.png", draw((30, 41)))
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(PIL.Image, "MAX_IMAGE_PIXELS", 100)  # a smaller limit for a smaller image
        with pytest.raises(PIL.Image.DecompressionBombError):
            PIL.Image.open(path)
        check(path, draw((30, 41)))


@row("NaN or infinity")
def _(folder):
    for value in (np.nan, -np.inf):
        pixels = page(1).astype(np.float32)
        pixels[3, 4] = value
        path = write(folder / "a.tif", [Image(page(1)), Image(pixels)])
        refusal(path, "page 1 of", "NaN", "Remove NaNs", "numpy.nan_to_num")


@row("CMYK, CIELAB or complex values")
def _(folder):
    for photometric, count in ((5, 4), (8, 3)):
        tags = {262: photometric, 338: ()}
        refusal(write(folder / "a.tif", [Image(draw((*SHAPE, count)), tags=tags)]), "convert")
    refusal(write(folder / "a.tif", [Image(page(1).astype(complex))]), "complex", "real numbers")


@row("JPEG, CZI, ND2, LIF or another format")
def _(folder):
    PIL.Image.fromarray(draw(SHAPE)).save(folder / "a.jpg")
    refusal(folder / "a.jpg", "TIFF", "PNG", "convert")
    write(folder / "b.tif", [page(1)])
    check(folder, page(1))


@row("hidden files in a folder")
def _(folder):
    write(folder / "img1.tif", [page(1)])
    (folder / "._img1.tif").write_bytes(b"from macOS")
    check(folder, page(1))


@row("`img1`, `img2` and `img10` in a folder")
def _(folder):
    for k in (1, 10, 2):
        write(folder / f"img{k}.tif", [page(k)])
    assert values(folder) == [1, 2, 10]
    assert Slices(folder).names == ["img1", "img2", "img10"]


def model(folder, **found):
    """Write a checkpoint of an untrained network into a folder; return its path."""
    config = from_options(depth=1, channels=2, tile=24, device="cpu", **found)
    params = initialization.gaussian(config.architecture, np.random.default_rng(0))
    state = np.random.default_rng(0).bit_generator.state
    path = folder / "model.npz"
    checkpoint.save(path, Checkpoint(params, params, 1, state, 0.5, config.to_json()))
    return path


def predict(folder, image, **kind):
    """Segment an image; return the result, and the folder with its files."""
    out = folder / "out"
    return call("predict", model(folder, **kind), image, "-o", out, "--device", "cpu"), out


@row("names of the slices in an ImageJ stack")
def _(folder):
    names = ["top", "bottom"]
    path = imagej_file(folder / "a.tif", 2, slices=2, labels=names)
    assert Slices(path).names == names
    result, out = predict(folder, path)
    assert "0 top, 1 bottom" in result.out
    for name in ("labels", "probability"):
        assert Slices(out / f"{name}.tif").names == names


@row("pixel size, unit, spacing, frame interval, Z or T")
def _(folder):
    sizes = {"unit": "um", "spacing": 2.5, "finterval": 30.0}
    for axes in ("ZYX", "TYX"):
        (folder / axes).mkdir()
        path = folder / axes / "a.tif"
        how = {"resolution": (4.0, 5.0), "metadata": {"axes": axes} | sizes}
        tifffile.imwrite(path, np.stack([page(1), page(2)]), imagej=True, **how)
        _, out = predict(path.parent, path)
        for name in ("labels", "probability"):
            with tifffile.TiffFile(out / f"{name}.tif") as tiff:
                assert tiff.series[0].axes == axes
                assert sizes.items() <= tiff.imagej_metadata.items()
                assert tiff.pages[0].get_resolution() == (4, 5)


@row("a damaged file in a folder")
def _(folder):
    data = pairs(folder / "data", a=three_classes(), b=three_classes())
    (data / "images" / "b.tif").write_bytes(b"II*\0and no more")
    with pytest.raises(InputError, match=r"b\.tif"):
        load(data)
    result, out = predict(folder, data / "images")
    assert result.code == 2
    assert "b.tif" in result.err.splitlines()[-1]
    assert Slices(out / "labels.tif").names == ["a"]


@row("files of different sizes in a folder")
def _(folder):
    data = pairs(folder / "data", a=three_classes((30, 41)), b=three_classes((24, 33)))
    assert [image.shape for image in load(data).images] == [(30, 41, 1), (24, 33, 1)]
    result, out = predict(folder, data / "images")
    assert result.code == 0
    for name, shape in (("a", (30, 41)), ("b", (24, 33))):
        assert tifffile.imread(out / "labels" / f"{name}.tif").shape == shape
        assert tifffile.imread(out / "probability" / f"{name}.tif").shape == shape


@row("files of different pixel sizes in a folder")
def _(folder):
    for name, size in (("a", 0.2), ("b", 0.1)):
        data = pairs(folder / "data", **{name: three_classes()})
        how = {"imagej": True, "resolution": (1 / size, 1 / size), "metadata": {"unit": "um"}}
        tifffile.imwrite(data / "images" / f"{name}.tif", three_classes(), **how)
    (note,) = (line for line in load(data).description if line.startswith("note"))
    assert "several pixel sizes, such as 0.2 x 0.2 um and 0.1 x 0.1 um" in note
    result, out = predict(folder, data / "images", pixel_size=(0.2, 0.2))
    assert result.code == 0
    assert "size      1 image pixels per network pixel of a, as in training" in result.out
    assert "size      2 image pixels per network pixel of b, in training 1" in result.out
    assert {path.name for path in (out / "labels").iterdir()} == {"a.tif", "b.tif"}


@row("files of different dtypes in a folder")
def _(folder):
    data = pairs(folder, a=three_classes(), b=three_classes())
    write(folder / "images" / "b.tif", [page(1)])
    (note,) = (line for line in load(data).description if line.startswith("note"))
    assert "uint16 and uint8" in note
    assert "--scaling image" in note


# Label files


def save(folder, *maps):
    """Write label maps as a stack; return its path."""
    return write(folder / "labels.tif", [Image(np.asarray(map_), "lzw") for map_ in maps])


def annotate(path, *meaning, **more):
    """Read a label file with a `Meaning`."""
    return label_files.annotate(
        image_files.read(path, Reading(indices=True)), Meaning(*meaning, **more), path
    )


def labels_refused(path, *words, **meaning):
    """Check that a label file is refused, in a sentence with these words."""
    text = sentence(path, lambda path: annotate(path, **meaning))
    for word in words:
        assert word in text


def squares(count, dtype=np.uint16):
    """Draw up to 36 numbered squares of 3×3 pixels that do not touch."""
    k = np.arange(36).reshape(6, 6) + 1
    square = np.pad(np.ones((3, 3), int), 1)
    return np.kron(k * (k <= count), square).astype(dtype)


def soft():
    """Draw an 8-bit mask of a disc whose edge was smoothed."""
    y, x = np.mgrid[:40, :50]
    return np.rint(255 * np.clip(13.5 - np.hypot(y - 19.3, x - 24.8), 0, 1)).astype(np.uint8)


def grey():
    """Draw an 8-bit probability map without flat parts."""
    return draw((40, 50))


@row("0 and 255, or 0 and 1")
def _(folder):
    mask = three_classes() % 2
    for largest in (1, 255):
        found = annotate(save(folder, mask * np.uint8(largest)))
        np.testing.assert_array_equal(found.labels[0], mask)
        assert found.values.values == (0, largest)
        assert found.cells is None


@row("0 … K-1, with K ≤ 16, in several regions per image")
def _(folder):
    found = annotate(save(folder, three_classes()))
    np.testing.assert_array_equal(found.labels[0], three_classes())
    assert found.values.values == (0, 1, 2)
    assert found.cells is None


@row("a few other values, such as 0, 128 and 255")
def _(folder):
    path = save(folder, np.array([0, 128, 255], np.uint8)[three_classes()])
    labels_refused(
        path, "0 → 0, 128 → 1, 255 → 2", "pass --labels-are classes", "--labels-are cells"
    )
    found = annotate(path, threshold=128)
    np.testing.assert_array_equal(found.labels[0], three_classes() > 0)


@row("2 to 16 whole numbers from 0 to 255, with `--labels-are classes`")
def _(folder):
    path = save(folder, np.array([32, 128, 255], np.uint8)[three_classes()])
    found = annotate(path, "classes")
    np.testing.assert_array_equal(found.labels[0], three_classes())
    assert found.values.values == (32, 128, 255)
    _, out = predict(folder, write(folder / "a.tif", [draw(SHAPE)]), label_values=(32, 128, 255))
    assert np.isin(tifffile.imread(out / "labels.tif"), (32, 128, 255)).all()
    assert predictions.read(out / "labels.tif", path, Meaning("classes")).kind == "classes"
    labels_refused(save(folder, three_classes() * np.uint16(200)), "400 is not", kind="classes")


def net():
    """Draw membranes (1) around 15 cells (0)."""
    y, x = np.mgrid[:40, :50]
    return ((y % 10 == 9) | (x % 13 == 12)).astype(np.uint8)


@row("0 and 255, of which 255 looks like membranes")
def _(folder):
    (warning,) = annotate(save(folder, net() * np.uint8(255))).doubts
    assert "--labels-are membranes" in warning
    assert annotate(save(folder, (1 - net()) * np.uint8(255))).doubts == ()


@row("two values, with `--labels-are membranes`")
def _(folder):
    found = annotate(save(folder, net() * np.uint8(255)), "membranes")
    np.testing.assert_array_equal(found.labels[0], 1 - net())
    assert found.values.values == (255, 0)
    image = write(folder / "a.tif", [draw(net().shape)])
    kind = {"labels_are": "membranes", "label_values": (255, 0)}
    _, out = predict(folder, image, **kind)
    cell = tifffile.imread(out / "probability.tif") > 0.5
    np.testing.assert_array_equal(tifffile.imread(out / "labels.tif"), np.where(cell, 0, 255))
    found = annotate(save(folder, 255 - soft()), "membranes", threshold=128)
    np.testing.assert_array_equal(found.labels[0], soft() > 127)


@row("one value only")
def _(folder):
    labels_refused(save(folder, np.ones(SHAPE, np.uint8)), "at least two classes")


@row("more than 16, most of them in one or a few regions each")
def _(folder):
    found = annotate(save(folder, squares(30)))
    np.testing.assert_array_equal(found.cells[0], squares(30))
    np.testing.assert_array_equal(found.labels[0], squares(30) > 0)


@row("more than 16, most of them in many regions each")
def _(folder):
    y, x = np.indices((24, 40))
    tissue = np.kron((7 * y + 3 * x) % 20, np.ones((3, 3), int)).astype(np.uint8)
    path = save(folder, tissue)
    labels_refused(path, "20 values", "16")
    np.testing.assert_array_equal(annotate(path, "cells").cells[0], tissue)


@row("up to 16, each of them a single region in every image")
def _(folder):
    path = save(folder, squares(5))
    labels_refused(path, "--labels-are classes or --labels-are cells")
    assert annotate(path, "classes").values.values == (0, 1, 2, 3, 4, 5)
    np.testing.assert_array_equal(annotate(path, "cells").cells[0], squares(5))


@row("up to 16, with `--labels-are cells` or `--experiment cells`")
def _(folder):
    for meaning in ({"kind": "cells"}, {"expected": "cells"}):
        found = annotate(save(folder, three_classes()), **meaning)
        np.testing.assert_array_equal(found.cells[0], three_classes())


@row("0 and one other, with `--labels-are cells` or `--experiment cells`")
def _(folder):
    for value in (1, 255):
        (cells,) = annotate(save(folder, (squares(7) > 0) * np.uint8(value)), "cells").cells
        assert sorted(np.unique(cells)) == list(range(8))
        for k in range(1, 8):
            assert len(np.unique(cells[squares(7) == k])) == 1


@row("ids above 1,048,576, such as 2³¹")
def _(folder):
    ids = np.array([0, *range(1, 30), 2**31], np.uint32)[squares(30)]
    (cells,) = annotate(save(folder, ids)).cells
    assert cells.dtype == np.int32
    np.testing.assert_array_equal(cells, squares(30))


@row("a mask with soft edges: smoothed, resized, or saved as JPEG")
def _(folder):
    path = save(folder, soft())
    labels_refused(path, "soft edges", "--label-threshold 128")
    np.testing.assert_array_equal(annotate(path, threshold=128).labels[0], soft() >= 128)


@row("grey values: a probability, or an image")
def _(folder):
    labels_refused(save(folder, grey()), "grey values", "--label-threshold")
    labels_refused(save(folder, (grey() / 255).astype(np.float32)), "--label-threshold 0.5")


@row("any, with `--label-threshold V`")
def _(folder):
    found = annotate(save(folder, grey()), threshold=100)
    np.testing.assert_array_equal(found.labels[0], grey() >= 100)
    found = annotate(save(folder, soft()), "cells", threshold=128)
    np.testing.assert_array_equal(found.cells[0], soft() >= 128)


@row("0 … K-1, and 255, 65535 or -1")
def _(folder):
    for value, dtype in ((255, "uint8"), (65535, "uint16"), (-1, "int16")):
        map_ = three_classes().astype(dtype)
        map_[:2] = value
        labels_refused(save(folder, map_), f"pass --ignore {value}")


@row("cell numbers, and the largest value of an integer type, such as 255 or 65535")
def _(folder):
    map_ = squares(30)
    map_[:4] = 65535
    found = annotate(save(folder, map_))
    np.testing.assert_array_equal(found.cells[0], map_)
    assert "--ignore 65535" in found.doubts[0]
    found = annotate(save(folder, map_), ignore=65535)
    np.testing.assert_array_equal(found.cells[0], np.where(map_ == 65535, 0, map_))
    assert found.doubts == ()


@row("any, with `--ignore V`")
def _(folder):
    map_ = three_classes()
    map_[:2] = 255
    found = annotate(save(folder, map_), ignore=255)
    np.testing.assert_array_equal(found.annotated[0], map_ != 255)
    np.testing.assert_array_equal(found.labels[0], np.where(map_ == 255, 0, map_))
    assert found.values.values == (0, 1, 2)
    data = load(pairs(folder / "data", a=map_, b=three_classes()), ignore=255.0)
    assert (data.samples[0].weight_map[:2] == 0).all()
    assert (data.samples[0].weight_map[2:] > 0).all()
    (warning,) = annotate(save(folder, three_classes()), ignore=255).doubts
    assert "255" in warning


@row("1 … K, with `--ignore 0`")
def _(folder):
    found = annotate(save(folder, three_classes()), ignore=0)
    assert found.values.values == (1, 2)
    inside = three_classes() > 0
    np.testing.assert_array_equal(found.annotated[0], inside)
    np.testing.assert_array_equal(found.labels[0][inside], three_classes()[inside] - 1)


def challenge(folder, mask):
    """Write a frame and its mask in the layout of the Cell Tracking Challenge."""
    for name, pixels in (("01/t000", draw(mask.shape)), ("01_GT/SEG/man_seg000", mask)):
        (folder / name).parent.mkdir(parents=True)
        write(folder / f"{name}.tif", [pixels])


@row("65535 in masks of the Cell Tracking Challenge")
def _(folder):
    mask = squares(3)
    mask[:5] = 65535
    challenge(folder, mask)
    data = load(folder, validation="none")
    np.testing.assert_array_equal(data.annotated[0], mask != 65535)
    np.testing.assert_array_equal(data.cells[0], np.where(mask == 65535, 0, mask))


@row("a mask of the Cell Tracking Challenge with soft edges")
def _(folder):
    y, x = np.mgrid[:64, :96]
    distance = np.minimum(np.hypot(y - 31.2, x - 20.7), np.hypot(y - 31.2, x - 70.7))
    challenge(folder, np.rint(np.clip(18.5 - distance, 0, 1) * 255).astype(np.uint16))
    with pytest.raises(InputError, match="look like grey values"):
        load(folder, validation="none")


@row("indices of a palette")
def _(folder):
    for k, how in enumerate((palette_png, palette_tiff)):
        data = folder / str(k)
        pairs(data, a=three_classes((30, 41)))
        (data / "labels" / "a.tif").unlink()
        how(data / "labels" / ("a.png" if how is palette_png else "a.tif"), three_classes((30, 41)))
        found = load(data, validation="none")
        np.testing.assert_array_equal(found.labels[0], three_classes((30, 41)))
        assert found.label_colours == COLOURS
        kind = {"label_values": (0, 1, 2), "label_colours": found.label_colours}
        _, out = predict(data, data / "images", **kind)
        with tifffile.TiffFile(out / "labels.tif") as tiff:
            table = tiff.pages[0].tags["ColorMap"].value
        np.testing.assert_array_equal(np.reshape(table, (3, 256))[:, :3].T // 257, COLOURS)


@row("colours (RGB)")
def _(folder):
    labels_refused(save(folder, draw((*SHAPE, 3))), "in colour")


@row("negative or fractional, with `--labels-are cells`")
def _(folder):
    labels_refused(save(folder, squares(3).astype(int) - 1), "-1", "--ignore -1", kind="cells")
    labels_refused(save(folder, squares(3) / np.float32(2)), "0.5", kind="cells")


@row("a class that only held-out images contain")
def _(folder):
    data = load(pairs(folder, a=three_classes() % 2, b=three_classes()), validation="b")
    (warning,) = (line for line in data.description if line.startswith("warning"))
    assert "class 2" in warning
    assert "--validation" in warning
    assert data.label_values == (0, 1, 2)


# Which labels belong to which image


def pairs(folder, labels_named="{}", **maps):
    """Write images and label maps (H, W), or stacks of them, by name; return the folder.

    The values of an image are those of its labels times 50.
    """
    for kind in ("images", "labels"):
        (folder / kind).mkdir(parents=True, exist_ok=True)
    for name, map_ in maps.items():
        stack = map_.reshape(-1, *map_.shape[-2:])
        write(folder / "images" / f"{name}.tif", list((50 * (stack % 5)).astype(np.uint8)))
        write(folder / "labels" / f"{labels_named.format(name)}.tif", list(stack))
    return folder


def load(folder, **settings):
    """Load the data in a folder as `train --data FOLDER` does."""
    return preparation.load(from_options(**places.of_new_run(settings, folder)))


def assert_paired(data, count):
    """Check that the labels of each image are its own."""
    assert len(data.images) == count
    for image, labels in zip(data.images, data.labels, strict=True):
        np.testing.assert_allclose(image[..., 0] * data.labels[0].max(), labels, atol=1e-6)


def shifted(k):
    """Make a map of three classes that differs from that of other k."""
    return np.roll(three_classes(), k, axis=1)


@row("`images/a.tif` and `labels/a.png`")
def _(folder):
    pairs(folder, a=shifted(0), b=shifted(1))
    for name, k in (("a.png", 0), ("b.PNG", 1)):
        (folder / "labels" / f"{name[0]}.tif").unlink()
        png_writer.write(folder / "labels" / name, shifted(k))
    (folder / "images" / "b.tif").rename(folder / "images" / "b.TIFF")
    assert_paired(load(folder), 2)


@row("`img1.png` and `img1_cp_masks.png`, or `image_1.png` and `mask_1.png`")
def _(folder):
    maps = {"img1": shifted(0), "img1_2": shifted(1), "img10": shifted(2)}
    for k, name in enumerate(("{}_cp_masks", "{}_mask", "{}_seg", "label_{}")):
        assert_paired(load(pairs(folder / str(k), name, **maps)), 3)
    data = pairs(folder / "other", image_1=shifted(0), image_2=shifted(1))
    for k in "12":
        (data / f"labels/image_{k}.tif").rename(data / f"labels/mask_{k}.tif")
    assert_paired(load(data), 2)


@row("names with accents, such as é: one character, or e and an accent")
def _(folder):
    names = [unicodedata.normalize(form, "Zellé") for form in ("NFC", "NFD")]
    assert names[0] != names[1]
    data = pairs(folder, **{names[0]: shifted(0), "b": shifted(1)})
    (data / "labels" / f"{names[0]}.tif").rename(data / "labels" / f"{names[1]}.tif")
    assert_paired(load(data), 2)
    assert load(data, validation=names[1]).held_out == [1]


@row("a file without a partner")
def _(folder):
    data = pairs(folder, a=shifted(0), b=shifted(1))
    (data / "labels" / "b.tif").unlink()
    with pytest.raises(InputError, match=r"images have no match in .*labels: b"):
        load(data)


@row("two images in a file, but one label map")
def _(folder):
    data = pairs(folder, a=np.stack([shifted(0), shifted(1)]), c=shifted(2))
    two = [Image(shifted(k)) for k in (0, 1)]
    write(data / "labels" / "a.tif", two[:1])
    write(data / "labels" / "c.tif", two)
    with pytest.raises(InputError, match=r"images/a\.tif holds 2 images, but .*labels/a\.tif"):
        load(data)


@row("an image and labels of different sizes")
def _(folder):
    data = pairs(folder, a=shifted(0), b=shifted(1))
    write(data / "labels" / "b.tif", [shifted(1)[1:]])
    with pytest.raises(InputError, match=r"b\.tif is 12 x 18 pixels, .* are 11 x 18"):
        load(data)


@row("`train/` and `val/` in FOLDER")
def _(folder):
    for k, name in enumerate(("train", "val")):
        pairs(folder / name, **{name: shifted(k)})
    data = load(folder)
    assert data.names == ["train", "val/val"]
    assert (data.training, data.held_out, data.test) == ([0], [1], [])


@row("`test/` in FOLDER, with labels")
def _(folder):
    for k, name in enumerate(("train", "val", "test")):
        pairs(folder / name, **{name: shifted(k)})
    data = load(folder)
    assert data.names == ["train", "val/val", "test/test"]
    assert (data.training, data.held_out, data.test) == ([0], [1], [2])
    for path in (folder / "test" / "labels").iterdir():
        path.unlink()
    (folder / "test" / "labels").rmdir()
    assert load(folder).names == ["train", "val/val"]


@row("a stack, or a folder")
def _(folder):
    data = load(pairs(folder / "folder", **{f"img{k}": shifted(k) for k in range(1, 11)}))
    assert [data.names[k] for k in data.held_out] == ["img9", "img10"]
    assert "held out for validation (img9, img10)" in " ".join(data.description)
    data = load(write_stack(folder / "stack", shape=(10, 30, 41)))
    assert data.held_out == [8, 9]


NAMED = dict.fromkeys(("img1", "img3", "spec2_a", "spec2_b"), three_classes())


@row("`--validation 'img3,spec2_*'`")
def _(folder):
    data = load(pairs(folder, **NAMED), validation="img3,spec2_*")
    assert data.held_out == [1, 2, 3]


@row("`--validation OTHER`, a folder with images and labels")
def _(folder):
    other = pairs(folder / "other", a=three_classes(), b=three_classes())
    data = load(pairs(folder / "data", **NAMED), validation=str(other))
    assert data.training == [0, 1, 2, 3]
    assert [data.names[k] for k in data.held_out] == ["other/a", "other/b"]


@row("`--test OTHER`, a block, a fraction or names")
def _(folder):
    other = pairs(folder / "other", a=three_classes())
    pairs(folder / "data", **NAMED)
    for value, tested in ((str(other), [4]), ("1:2", [1]), ("0.5", [2, 3]), ("img1", [0])):
        data = load(folder / "data", validation="spec2_a" if value != "0.5" else "1:2", test=value)
        assert data.test == tested


@row("a label value that only a test slice has")
def _(folder):
    other = three_classes()
    other[0, 0] = 3
    pairs(folder, a=three_classes(), b=three_classes(), c=other)
    with pytest.raises(InputError, match="a test slice has the label 3, but the labels of the"):
        load(folder, validation="a", test="c")


@row("`--resume RUN --data NEWPLACE`")
def _(folder):
    data = write_stack(folder / "data")
    run, moved, other = (folder / name for name in ("run", "moved", "other"))
    assert call("train", "--data", data, "--out", run, "--steps", 1, *TINY).code == 0
    data.rename(moved)
    more = ("--resume", run, "--steps", 2)
    assert "--data NEWPLACE" in refused(call("train", *more))
    write_stack(other, seed=1)
    assert "differ" in refused(call("train", *more, "--data", other))
    assert call("train", *more, "--data", moved).code == 0


# Predictions and their truth


def score(folder, prediction, truth, wanted="auto", **meaning):
    """Read a prediction (H, W) and its truth (H, W) as `evaluate` does."""
    for name, pixels in (("prediction", prediction), ("truth", truth)):
        write(folder / f"{name}.tif", [Image(np.asarray(pixels), "lzw")])
    paths = (folder / f"{name}.tif" for name in ("prediction", "truth"))
    return predictions.read(*paths, Meaning(**meaning), wanted)


def mask():
    return (squares(36) > 0) * np.uint8(255)


def smooth(dtype):
    """Draw a probability over the full range of an integer dtype, such as uint8."""
    y, x = np.indices(mask().shape)
    return (np.iinfo(dtype).max * (0.5 + 0.5 * np.sin(y / 3.1) * np.sin(x / 4.3))).astype(dtype)


@row("a folder written by `predict`")
def _(folder):
    numbered, classes = squares(36), three_classes(mask().shape)
    for k, (kind, truth, expected) in enumerate(
        (
            ({}, mask(), ("probability", "probability.tif")),
            ({"cells": True}, mask(), ("probability", "probability.tif")),
            ({"cells": True}, numbered, ("cells", "labels.tif")),
            ({"label_values": (0, 1, 2)}, classes, ("classes", "labels.tif")),
        )
    ):
        here = folder / str(k)
        here.mkdir()
        image, path = write(here / "a.tif", [draw(truth.shape)]), write(here / "t.tif", [truth])
        _, out = predict(here, image, **kind)
        found = predictions.read(out, path)
        assert (found.kind, found.source.name) == expected


@row("floats from 0 to 1")
def _(folder):
    p = (smooth(np.uint8) / 255).astype(np.float32)
    found = score(folder, p, mask())
    assert found.kind == "probability"
    assert len(found.thresholds) == 10
    np.testing.assert_array_equal(found.prediction[0], p)


@row("8- or 16-bit integers that look like grey values")
def _(folder):
    for dtype in (np.uint8, np.uint16):
        p = smooth(dtype)
        found = score(folder, p, mask())
        assert found.kind == "probability"
        np.testing.assert_array_equal(found.prediction[0], p / np.iinfo(dtype).max)
    assert score(folder, p, mask(), "cells").kind == "cells"


@row("one value other than 0")
def _(folder):
    for value in (1, 255):
        found = score(folder, (mask() > 0) * np.uint8(value), mask())
        assert found.kind == "probability"
        np.testing.assert_array_equal(found.prediction[0], mask() > 0)


@row("more than 16 values, most of them in one or a few regions each")
def _(folder):
    found = score(folder, squares(30), squares(36))
    assert found.kind == "cells"
    np.testing.assert_array_equal(found.prediction[0], squares(30))


@row("whole floats beyond 1")
def _(folder):
    assert score(folder, squares(30).astype(np.float32), squares(36)).kind == "cells"
    assert "from 0 to 1" in score_refused(folder, squares(30) + np.float32(0.5), squares(36))


@row("`mask000.tif` … in `01_RES`")
def _(folder):
    names = ("01_RES/mask000", "01_RES/mask007", "01_GT/SEG/man_seg007")
    for name, count in zip(names, (3, 4, 5), strict=True):
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        write(folder / f"{name}.tif", [squares(count)])
    found = predictions.read(folder / "01_RES", folder / "01_GT" / "SEG")
    assert (found.kind, found.names) == ("cells", ["007"])
    np.testing.assert_array_equal(found.prediction[0], squares(4))


@row("slices whose names differ from those of the truth")
def _(folder):
    pairs(folder, img1=squares(30), img2=squares(31))
    stack = imagej_file(folder / "p.tif", 2, slices=2, labels=["img1", "other"])
    with pytest.raises(InputError, match="other"):
        predictions.read(stack, folder / "labels")
    write(stack, [Image(squares(30)), Image(squares(31))])
    assert predictions.read(stack, folder / "labels").names == ["img1", "img2"]


def score_refused(folder, prediction, truth):
    """Return the message that refuses a prediction."""
    with pytest.raises(InputError) as error:
        score(folder, prediction, truth)
    return str(error.value)


@row("any, with `--prediction-is membranes`")
def _(folder):
    truth = (mask() == 0) * np.uint8(255)
    found = score(folder, truth, truth, "membranes", kind="membranes")
    np.testing.assert_array_equal(found.prediction[0], mask() > 0)
    np.testing.assert_array_equal(found.truth[0] > 0, mask() > 0)
    p = (smooth(np.uint8) / 255).astype(np.float32)
    found = score(folder, p, truth, "membranes", kind="membranes")
    np.testing.assert_array_equal(found.prediction[0], 1 - p)


KINDS = {
    "mask": mask(),
    "probability": (smooth(np.uint8) / 255).astype(np.float32),
    "numbered cells": squares(30),
    "a few regions": squares(5, np.uint8),
    "classes": three_classes(mask().shape),
}
"""A map of each kind, by the heads of the columns of the last table."""


def check_scores_with(truth):
    """Return a test that a truth is scored with every kind as its row of the last table says."""

    def check(folder):
        (line,) = (line for line in TEXT.splitlines() if line.startswith(f"| {truth}"))
        cells = line.strip("| ").split(" | ")[1:]
        assert len(cells) == len(KINDS)
        for kind, cell in zip(KINDS, cells, strict=True):
            known, found = KINDS[truth.split(":")[0]], KINDS[kind]
            if "classes" in (truth, kind):  # which match by value
                known, found = (np.where(one == 255, 1, one) for one in (known, found))
            if cell == "refused":
                assert "pass --" in score_refused(folder, found, known)
            else:
                assert score(folder, found, known).kind == cell

    return check


for first_cell in FIRST_CELLS[-4:]:
    row(first_cell)(check_scores_with(first_cell))
