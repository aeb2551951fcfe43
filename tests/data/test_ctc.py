"""Data of the Cell Tracking Challenge is read, and results are written in its layout."""

import numpy as np
import pytest
import tifffile
from pictures import draw, sentence
from PIL import Image
from real_data import folder

from minunet.data import ctc, image_files
from minunet.data.page import Reading
from minunet.errors import InputError

IMAGES, GOLD, SILVER = "01", "01_GT/SEG", "01_ST/SEG"
CELLS = np.array([[1, 1, 0, 0, 2], [1, 0, 0, 7, 7], [0, 0, 0, 0, 7]], np.uint16)


def save(path, page):
    path.parent.mkdir(parents=True, exist_ok=True)
    tifffile.imwrite(path, page, photometric="rgb" if page.shape[2:] == (3,) else "minisblack")


def challenge(root, frames, gold=(), silver=(), sequence="01", digits=3):
    """Write frames and masks with the given numbers; every file has different values."""
    for k in frames:
        save(root / sequence / f"t{k:0{digits}}.tif", draw(CELLS.shape, seed=k))
    for kind, masks in (("GT", gold), ("ST", silver)):
        for k in masks:
            number = f"{k:0{digits}}"
            save(root / f"{sequence}_{kind}" / "SEG" / f"man_seg{number}.tif", mask_of(k, kind))
    return root


def mask_of(k, kind):
    """Return the mask that `challenge` writes for frame k."""
    return np.where(CELLS == 0, 0, CELLS + k + (100 if kind == "ST" else 0)).astype(np.uint16)


def refusal(root, truth="both"):
    return sentence(root, lambda path: ctc.read(path, truth))


# Reading


@pytest.mark.parametrize(
    ("truth", "expected"),
    [
        ("gold", [(2, "GT"), (3, "GT")]),
        ("silver", [(1, "ST"), (2, "ST")]),
        ("both", [(1, "ST"), (2, "GT"), (3, "GT")]),
    ],
)
def test_frames_with_a_mask_are_read(tmp_path, truth, expected):
    challenge(tmp_path, frames=range(5), gold=(2, 3), silver=(1, 2))
    frames = ctc.read(tmp_path, truth)
    assert frames.names == [f"01/t{k:03}" for k, _ in expected]
    for (k, kind), image, cells, annotated in zip(expected, *frames[:3], strict=True):
        np.testing.assert_array_equal(image, draw(CELLS.shape, seed=k)[..., np.newaxis])
        np.testing.assert_array_equal(cells, mask_of(k, kind))
        assert (cells.dtype, annotated.dtype) == (np.uint16, bool)
        assert annotated.all()


@pytest.mark.parametrize("truth", ["gold", "silver", "both"])
def test_the_gold_mask_of_a_frame_is_returned_by_itself(tmp_path, truth):
    challenge(tmp_path, frames=range(3), gold=(0, 2), silver=(0, 1))
    extra = mask_of(0, "ST")
    extra[2, 0] = 200  # a cell that the gold mask lacks
    save(tmp_path / SILVER / "man_seg000.tif", extra)
    frames = ctc.read(tmp_path, truth)
    for name, gold in zip(frames.names, frames.gold, strict=True):
        if name == "01/t001":
            assert gold is None
        else:
            np.testing.assert_array_equal(gold[0], mask_of(int(name[-1]), "GT"))
            assert gold[1].all()
    assert frames.annotated[0].all() == (truth != "both")


def test_both_is_the_default(tmp_path):
    challenge(tmp_path, frames=range(3), gold=[0], silver=[0, 1])
    assert [cells.max() for cells in ctc.read(tmp_path).instances] == [7, 7 + 1 + 100]


@pytest.mark.parametrize("digits", [3, 4])
def test_sequences_are_read_in_order_and_frames_by_time(tmp_path, digits):
    challenge(tmp_path, (998, 999, 1000), gold=(998, 1000), sequence="02", digits=digits)
    challenge(tmp_path, (0, 1), silver=(0, 1), digits=digits)
    challenge(tmp_path, (5,), sequence="03")  # no truth
    assert ctc.find(tmp_path) == ["01", "02"]
    names = ctc.read(tmp_path).names
    zero = "0" * (digits - 1)
    last = "" if digits == 3 else "0"
    assert names == [f"01/t{zero}0", f"01/t{zero}1", f"02/t{last}998", "02/t1000"]


def test_other_files_are_ignored(tmp_path):
    challenge(tmp_path, frames=[0], gold=[0])
    for name in ("._t001.tif", "t001.tif.txt", "notes.tif", "t001_old.tif", "old_t001.tif"):
        (tmp_path / IMAGES / name).write_text("no image")
    for name in ("Thumbs.db", "man_seg001_old.tif", "_man_seg001.tif"):
        (tmp_path / GOLD / name).write_text("no image")
    challenge(tmp_path / "01_GT" / "TRA", frames=[0])
    (tmp_path / "copy of 01").mkdir()
    assert ctc.read(tmp_path).names == ["01/t000"]


def test_masks_of_other_integer_types_and_suffixes(tmp_path):
    challenge(tmp_path, frames=[0, 1])
    save(tmp_path / GOLD / "man_seg000.TIF", CELLS.astype(np.uint8))
    save(tmp_path / GOLD / "man_seg001.tiff", CELLS.astype(np.int32) * 300)
    frames = ctc.read(tmp_path)
    assert {cells.dtype for cells in frames.instances} == {np.dtype(np.uint16)}
    np.testing.assert_array_equal(frames.instances[0], CELLS)
    np.testing.assert_array_equal(frames.instances[1], CELLS * 300)


def test_other_layouts_are_not_found(tmp_path):
    for name in ("01", "images", "01_GT/TRA", "1_GT/SEG", "1"):
        (tmp_path / name).mkdir(parents=True)
    assert ctc.find(tmp_path) == []
    assert ctc.find(tmp_path / "not there") == []
    (tmp_path / SILVER).mkdir(parents=True)
    assert ctc.find(tmp_path) == ["01"]


# Pixels that are not annotated


@pytest.mark.parametrize("kind", ["GT", "ST"])
def test_pixels_marked_65535_are_ignored(tmp_path, kind):
    challenge(tmp_path, frames=[0])
    mask = np.array([[3, 65535, 0], [3, 65534, 255]], np.uint16)
    save(tmp_path / IMAGES / "t000.tif", draw(mask.shape))
    save(tmp_path / f"01_{kind}" / "SEG" / "man_seg000.tif", mask)
    _, (cells,), (annotated,), *_ = ctc.read(tmp_path)
    np.testing.assert_array_equal(cells, [[3, 0, 0], [3, 65534, 255]])
    np.testing.assert_array_equal(annotated, [[1, 0, 1], [1, 1, 1]])


def test_another_value_can_mark_pixels_as_well(tmp_path):
    mask = np.array([[3, 65535, 0], [3, 7, 255]], np.uint16)
    save(tmp_path / IMAGES / "t000.tif", draw(mask.shape))
    save(tmp_path / GOLD / "man_seg000.tif", mask)
    _, (cells,), (annotated,), *_ = ctc.read(tmp_path, ignore=255)
    np.testing.assert_array_equal(cells, [[3, 0, 0], [3, 7, 0]])
    np.testing.assert_array_equal(annotated, [[1, 0, 1], [1, 1, 0]])


def test_cells_that_only_silver_has_are_ignored(tmp_path):
    # Silver 5 is gold 1 with another outline. Gold covers half of silver 6 (2 of 4 pixels), so
    # silver 6 is not ignored. Gold covers 1 of 4 pixels of silver 9, so the other 3 are ignored.
    silver = np.array([[5, 5, 5, 0, 6, 6], [5, 5, 0, 0, 6, 6], [0, 9, 9, 9, 9, 0]], np.uint16)
    gold = np.array([[1, 1, 0, 0, 0, 2], [1, 1, 0, 0, 0, 2], [1, 1, 0, 0, 0, 2]], np.uint16)
    save(tmp_path / IMAGES / "t000.tif", draw(gold.shape))
    save(tmp_path / GOLD / "man_seg000.tif", gold)
    save(tmp_path / SILVER / "man_seg000.tif", silver)
    _, (cells,), (annotated,), *_ = ctc.read(tmp_path, "both")
    np.testing.assert_array_equal(cells, gold)
    expected = [[1, 1, 1, 1, 1, 1], [1, 1, 1, 1, 1, 1], [1, 1, 0, 0, 0, 1]]
    np.testing.assert_array_equal(annotated, expected)
    for truth in ("gold", "silver"):
        assert ctc.read(tmp_path, truth).annotated[0].all()


def test_cells_missing_from_gold_and_marked_pixels_are_ignored(tmp_path):
    gold = np.array([[65535, 0, 0, 0, 4]], np.uint16)
    silver = np.array([[0, 0, 8, 0, 9]], np.uint16)
    save(tmp_path / IMAGES / "t000.tif", draw(gold.shape))
    save(tmp_path / GOLD / "man_seg000.tif", gold)
    save(tmp_path / SILVER / "man_seg000.tif", silver)
    _, (cells,), (annotated,), *_ = ctc.read(tmp_path)
    np.testing.assert_array_equal(cells, [[0, 0, 0, 0, 4]])
    np.testing.assert_array_equal(annotated, [[0, 1, 0, 1, 1]])


# Refusals


def test_a_folder_without_masks_is_refused(tmp_path):
    for frames, gold, silver, truth, message in [
        ([], [], [], "both", "no frame with a mask"),
        ([0], [], [], "both", "01_GT/SEG/man_seg000.tif"),
        ([0], [0], [], "silver", "no frame with a silver mask"),
        ([0], [], [0], "gold", "no frame with a gold mask"),
    ]:
        root = tmp_path / f"{message} {len(frames)}"
        assert message in refusal(challenge(root, frames, gold, silver), truth)


def test_a_mask_without_a_frame_is_refused(tmp_path):
    challenge(tmp_path, frames=[0, 1], gold=[1, 2])
    assert "man_seg002.tif has no frame" in refusal(tmp_path)
    (tmp_path / "no frames" / "01").mkdir(parents=True)
    challenge(tmp_path / "no frames", frames=[], silver=[0])
    assert "man_seg000.tif has no frame" in refusal(tmp_path / "no frames")


@pytest.mark.parametrize(
    ("name", "page", "message"),
    [
        (f"{GOLD}/man_seg000.tif", CELLS[:, :4], "is 3 x 4 pixels, but its frame is 3 x 5"),
        (f"{GOLD}/man_seg000.tif", CELLS.T, "is 5 x 3 pixels, but its frame is 3 x 5"),
        (f"{GOLD}/man_seg000.tif", draw((3, 5, 3)), "in colour"),
        (f"{GOLD}/man_seg000.tif", np.stack([CELLS] * 2), "holds 2 slices"),
        (f"{GOLD}/man_seg000.tif", CELLS.astype(np.float32), "from 0 to 7 (float32)"),
        (f"{GOLD}/man_seg000.tif", CELLS.astype(np.int16) - 1, "from -1 to 6 (int16)"),
        (f"{SILVER}/man_seg_000_012.tif", CELLS, "one slice of a 3D image"),
        (f"{IMAGES}/t000.tif", draw((4, 3, 5)), "t000.tif holds 4 slices"),
        (f"{IMAGES}/t001.tif", draw((3, 5, 3)), "channels"),
        (f"{IMAGES}/t0001.tif", draw((3, 5)), "and t0001.tif have the same number"),
        (f"{GOLD}/man_seg001.TIFF", CELLS, "man_seg001.TIFF have the same number"),
    ],
)
def test_pages_that_are_refused(tmp_path, name, page, message):
    challenge(tmp_path, frames=[0, 1], gold=[0, 1])
    save(tmp_path / name, page)
    assert message in refusal(tmp_path)


@pytest.mark.parametrize("dtype", [np.uint32, np.uint64])
def test_numbers_of_more_than_16_bits_are_renumbered(tmp_path, dtype):
    challenge(tmp_path, frames=[0], gold=[0])
    save(tmp_path / GOLD / "man_seg000.tif", np.where(CELLS, CELLS + dtype(2**31), 0).astype(dtype))
    (found,) = ctc.read(tmp_path).instances
    assert found.dtype == np.uint16
    np.testing.assert_array_equal(found > 0, CELLS > 0)
    numbers, there = (np.unique(one) for one in (found, CELLS))
    np.testing.assert_array_equal(there[np.searchsorted(numbers, found)], CELLS)


def test_a_negative_value_can_mark_pixels(tmp_path):
    challenge(tmp_path, frames=[0], gold=[0])
    mask = CELLS.astype(np.int16)
    mask[0] = -1
    save(tmp_path / GOLD / "man_seg000.tif", mask)
    assert "--ignore" in refusal(tmp_path)
    found = ctc.read(tmp_path, ignore=-1)
    np.testing.assert_array_equal(found.annotated[0], mask >= 0)
    np.testing.assert_array_equal(found.instances[0], mask * (mask >= 0))


def test_a_damaged_mask_is_refused(tmp_path):
    challenge(tmp_path, frames=[0], gold=[0])
    (tmp_path / GOLD / "man_seg000.tif").write_bytes(b"II*\0 and nothing more")
    assert "man_seg000.tif is damaged" in refusal(tmp_path)


# Writing


def results(count, shape=(4, 3)):
    """Make masks with the full range of numbers; a shape of 4 x 3 could be mistaken for colour."""
    masks = [draw(shape, np.uint16, seed=k) for k in range(count)]
    masks[0][0, :2] = 0, 65535
    return masks


@pytest.mark.parametrize("digits", [["000", "001", "002"], ["0007", "0998", "1000"]])
@pytest.mark.parametrize("shape", [(4, 3), (3, 17), (1, 6)])
def test_masks_are_written_exactly_and_numbered_like_their_frames(tmp_path, digits, shape):
    masks = results(3, shape)
    ctc.write(tmp_path / "new", "02", masks, digits)
    written = sorted((tmp_path / "new").rglob("*.tif"))
    assert written == [tmp_path / "new" / "02_RES" / f"mask{number}.tif" for number in digits]
    for path, mask in zip(written, masks, strict=True):
        with tifffile.TiffFile(path) as tiff:
            page = tiff.pages[0]
            assert (len(tiff.pages), page.compression, page.description) == (1, 1, "")
            assert page.photometric == tifffile.PHOTOMETRIC.MINISBLACK
        with Image.open(path) as image:
            assert image.mode == "I;16"
            np.testing.assert_array_equal(np.array(image), mask)
        for back in (tifffile.imread(path), image_files.read(path)[0][..., 0]):
            assert back.dtype == np.uint16
            np.testing.assert_array_equal(back, mask)


def test_written_results_can_be_read_back_as_truth(tmp_path):
    challenge(tmp_path, frames=(3, 4, 9), digits=4)
    digits = ctc.numbers(tmp_path / IMAGES)
    assert digits == ["0003", "0004", "0009"]
    images = image_files.read(tmp_path / IMAGES)
    masks = [image[..., 0].astype(np.uint16) for image in images]
    ctc.write(tmp_path, "01", masks, digits)
    (tmp_path / "01_ST").mkdir()
    (tmp_path / "01_RES").rename(tmp_path / SILVER)
    for path in (tmp_path / SILVER).iterdir():
        path.rename(path.with_name(path.name.replace("mask", "man_seg")))
    frames = ctc.read(tmp_path)
    assert frames.names == ["01/t0003", "01/t0004", "01/t0009"]
    for image, cells in zip(frames.images, frames.instances, strict=True):
        np.testing.assert_array_equal(image[..., 0], cells)


def test_files_not_named_like_frames_are_refused(tmp_path):
    challenge(tmp_path, frames=[0])
    for name in ("t00.tif", "t000_old.tif", "tile000.tif"):
        save(tmp_path / IMAGES / name, CELLS)
        assert f"{name} is not named like a frame" in sentence(tmp_path / IMAGES, ctc.numbers)
        (tmp_path / IMAGES / name).unlink()


def test_is_sequence(tmp_path):
    for path in ("01/t000.tif", "02/a.tif", "03/man_seg000.tif", "frames/t000.tif", "x/04"):
        (tmp_path / path).parent.mkdir(exist_ok=True)
        (tmp_path / path).touch()
    names = ("01", "02", "03", "frames", "x/04", "05")
    assert [ctc.is_sequence(tmp_path / name) for name in names] == [True] + 5 * [False]


def test_nothing_is_overwritten(tmp_path):
    assert ctc.check_out(tmp_path, "01") == tmp_path / "01_RES"
    ctc.write(tmp_path, "01", results(2), ["000", "001"])
    before = (tmp_path / "01_RES" / "mask001.tif").read_bytes()
    # Masks of two runs must not be mixed either: a scorer reads all masks in the folder.
    for number in ("001", "002"):
        with pytest.raises(InputError, match=r"01_RES already contains mask000\.tif, mask001\.tif"):
            ctc.write(tmp_path, "01", [CELLS], [number])
    assert len(list((tmp_path / "01_RES").iterdir())) == 2
    assert (tmp_path / "01_RES" / "mask001.tif").read_bytes() == before
    ctc.write(tmp_path, "02", [CELLS], ["001"])


def test_a_file_in_place_of_the_results_folder_is_refused(tmp_path):
    (tmp_path / "01_RES").touch()
    with pytest.raises(InputError, match="01_RES is a file"):
        ctc.check_out(tmp_path, "01")


def test_the_number_of_masks_must_match_the_number_of_frames(tmp_path):
    with pytest.raises(InputError, match="2 masks for the 3 frames of 01"):
        ctc.write(tmp_path, "01", results(2), ["000", "001", "002"])
    assert not list(tmp_path.iterdir())


def test_cell_numbers_above_16_bits_are_refused(tmp_path):
    with pytest.raises(TypeError):
        ctc.write(tmp_path, "01", [np.array([[0, 65536]])], ["000"])


def test_the_challenge_scorer_reads_the_written_masks(tmp_path, capsys):
    # Cell 1 lost one of three pixels, cell 2 its only pixel, and cell 7 gained one: the Jaccard
    # indices are 2/3, 0 and 3/4. For SEG alone the scorer needs no res_track.txt, but it needs
    # as many masks as TRA has.
    evaluate = pytest.importorskip("ctc_metrics.scripts.evaluate").evaluate_sequence
    challenge(tmp_path, frames=(0, 1), gold=())
    save(tmp_path / GOLD / "man_seg001.tif", CELLS)
    for k in range(2):
        save(tmp_path / "01_GT" / "TRA" / f"man_track{k:03}.tif", CELLS)
    found = np.array([[9, 9, 0, 0, 0], [0, 0, 4, 4, 4], [0, 0, 0, 0, 4]], np.uint16)
    ctc.write(tmp_path, "01", [np.zeros_like(found), found], ctc.numbers(tmp_path / IMAGES))
    scores = evaluate(str(tmp_path / "01_RES"), str(tmp_path / "01_GT"), metrics=["SEG"], threads=1)
    assert scores["SEG"] == pytest.approx((2 / 3 + 0 + 3 / 4) / 3)


# Real frames


def test_real_hela_frames():
    at = folder("DIC-C2DH-HeLa")
    assert ctc.find(at) == ["01"]
    gold, silver, both = (ctc.read(at, truth) for truth in ("gold", "silver", "both"))
    annotated = (2, 5, 21, 31, 33, 34)
    assert gold.names == [f"01/t{k:03}" for k in annotated]
    assert [np.unique(cells).size - 1 for cells in gold.instances] == [10, 10, 11, 13, 13, 12]
    assert silver.names == both.names == [f"01/t{k:03}" for k in range(35)]
    for k, cells in enumerate(both.instances):
        expected = gold.instances[annotated.index(k)] if k in annotated else silver.instances[k]
        np.testing.assert_array_equal(cells, expected)
    # Gold has every cell that silver has, so every pixel is annotated.
    assert all(annotated.all() for annotated in both.annotated)
    images = image_files.read(at / "01")
    for image, expected in zip(both.images, images, strict=True):
        np.testing.assert_array_equal(image, expected)
    assert ctc.numbers(at / "01") == [f"{k:03}" for k in range(35)]


def test_one_channel_of_frames_in_colour(tmp_path):
    colours = np.random.default_rng(0).integers(0, 256, (13, 21, 3), np.uint8)
    mask = np.ones((13, 21), np.uint16)
    for name, array in (("01/t000.tif", colours), ("01_GT/SEG/man_seg000.tif", mask)):
        (tmp_path / name).parent.mkdir(parents=True)
        kind = "rgb" if array.ndim == 3 else "minisblack"
        tifffile.imwrite(tmp_path / name, array, photometric=kind)
    (image,) = ctc.read(tmp_path, reading=Reading(1)).images
    np.testing.assert_array_equal(image, colours[..., 1:2])
