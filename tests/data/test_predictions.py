"""A prediction and its truth are read and interpreted correctly, or refused."""

import numpy as np
import pytest
import tifffile
from PIL import Image

from minunet.data import ctc, predictions
from minunet.errors import InputError
from minunet.metrics.score import THRESHOLDS

RNG = np.random.default_rng(0)
P = RNG.random((3, 5, 8)).astype(np.float32)
CELLS = RNG.integers(1, 40, (3, 5, 8)).astype(np.uint16)
CELLS[:2, 1:3, :4] = 0  # the third slice has no background
WALLS = (RNG.random((3, 5, 8)) < 0.7).astype(np.uint8)
SIZES = [(5, 8), (7, 4), (6, 9)]


def write(path, stack):
    """Write a stack as TIFF or an image as PNG, according to the suffix; return the path."""
    path.parent.mkdir(parents=True, exist_ok=True)
    if path.suffix == ".png":
        Image.fromarray(stack).save(path)
    else:
        tifffile.imwrite(path, stack, photometric="minisblack")
    return path


def same_cells(found, expected):
    """Return whether both have the same cells, numbered 1, 2, …, n in `found`."""
    pairs = {*zip(found.ravel().tolist(), expected.ravel().tolist(), strict=True)}
    ids, others = ({pair[k] for pair in pairs} for k in (0, 1))
    count = len(ids - {0})
    same = len(pairs) == len(ids) == len(others) and all((a == 0) == (b == 0) for a, b in pairs)
    return same and max(ids) == count


def flood(cells):
    """Label 4-connected regions: repeatedly give neighbours the lowest of their numbers."""
    numbers = np.where(cells > 0, 1 + np.arange(cells.size).reshape(cells.shape), 0)
    for _ in range(cells.size // 2):
        for y, x in zip(*np.nonzero(cells), strict=True):
            near = [(y, x), (y - 1, x), (y + 1, x), (y, x - 1), (y, x + 1)]
            inside = [n for n in near if 0 <= n[0] < len(cells) and 0 <= n[1] < len(cells[0])]
            numbers[y, x] = min(numbers[n] for n in inside if cells[n])
    return numbers


@pytest.mark.parametrize("value", [1, 255, 7])
@pytest.mark.parametrize("dtype", [np.uint8, np.uint16, np.float32])
def test_a_probability_against_walls(tmp_path, value, dtype):
    truth = write(tmp_path / "truth.tif", WALLS.astype(dtype) * dtype(value))
    prediction = write(tmp_path / "p.tif", P)
    pair = predictions.read(prediction, truth)
    assert pair.source == prediction
    assert pair.names == ["0", "1", "2"]
    assert pair.thresholds == THRESHOLDS
    np.testing.assert_array_equal(pair.prediction, P)
    for found, walls in zip(pair.truth, WALLS, strict=True):
        assert same_cells(found, flood(walls))


@pytest.mark.parametrize("dtype", [np.uint16, np.int16, np.uint32, np.uint64])
def test_numbered_cells_against_numbered_cells(tmp_path, dtype):
    # Numbers may be consecutive and as large as the dtype allows; in the truth, up to 2³¹ - 1.
    largest = np.iinfo(dtype).max
    found = np.where(
        CELLS == 7, dtype(largest), np.where(CELLS == 8, dtype(largest - 1), CELLS.astype(dtype))
    )
    truth = np.where(CELLS == 7, dtype(min(2**31 - 1, largest)), CELLS.astype(dtype))
    assert found.dtype == truth.dtype == dtype
    pair = predictions.read(write(tmp_path / "p.tif", found), write(tmp_path / "t.tif", truth))
    assert pair.thresholds == ()
    assert all(map(same_cells, pair.prediction, CELLS))
    assert all(map(same_cells, pair.truth, CELLS))


def test_two_values_other_than_0_are_cells(tmp_path):
    cells = np.array([[1, 1, 2, 0, 1, 0, 2, 2]], np.uint8)
    one = write(tmp_path / "cells.tif", cells)
    pair = predictions.read(one, one)
    np.testing.assert_array_equal(pair.truth, cells[np.newaxis])
    np.testing.assert_array_equal(pair.prediction, cells[np.newaxis])
    assert pair.thresholds == ()


def test_8_bit_files_with_more_values_number_cells(tmp_path):
    truth = write(tmp_path / "t.tif", CELLS.astype(np.uint8))
    pair = predictions.read(truth, truth)
    assert pair.thresholds == ()
    assert all(map(same_cells, pair.prediction, CELLS))


@pytest.mark.parametrize("value", [1, 255])
def test_a_binary_prediction_is_read_as_a_probability(tmp_path, value):
    prediction = write(tmp_path / "p.tif", WALLS * np.uint8(value))
    pair = predictions.read(prediction, write(tmp_path / "t.tif", CELLS))
    assert pair.thresholds == (0.5,)
    np.testing.assert_array_equal(pair.prediction, WALLS)
    assert {one.dtype for one in pair.prediction} == {np.dtype(np.float32)}
    assert all(map(same_cells, pair.truth, CELLS))


def test_a_prediction_without_cells_is_valid(tmp_path):
    nothing = write(tmp_path / "p.tif", np.zeros_like(CELLS))
    pair = predictions.read(nothing, write(tmp_path / "t.tif", CELLS))
    assert pair.thresholds == ()
    assert not np.any(pair.prediction)


@pytest.mark.parametrize(
    "labels, truth, chosen",
    [
        (CELLS, CELLS, "labels.tif"),
        (CELLS, WALLS, "probability.tif"),
        (WALLS, CELLS, "probability.tif"),
        (WALLS, WALLS, "probability.tif"),
    ],
)
def test_a_folder_that_predict_wrote(tmp_path, labels, truth, chosen):
    write(tmp_path / "out" / "probability.tif", P)
    write(tmp_path / "out" / "labels.tif", labels)
    (tmp_path / "out" / "preview.png").touch()
    pair = predictions.read(tmp_path / "out", write(tmp_path / "t.tif", truth))
    assert pair.source == tmp_path / "out" / chosen
    assert bool(pair.thresholds) == (chosen == "probability.tif")


def test_folders_of_images_of_several_sizes(tmp_path):
    for k, shape in enumerate(SIZES):
        numbered = np.arange(np.prod(shape)).reshape(shape)
        write(tmp_path / "p" / f"image {k}.tif", numbered.astype(np.uint16))
        write(tmp_path / "t" / f"image {k}.png", numbered.astype(np.uint8))
    pair = predictions.read(tmp_path / "p", tmp_path / "t")
    assert [one.shape for one in pair.prediction] == [one.shape for one in pair.truth] == SIZES
    assert pair.names == ["image 0", "image 1", "image 2"]


def write_ctc(folder, frames=(2, 5, 31)):
    """Write results for 40 frames, and truth for some of them, in the challenge's layout."""
    rng = np.random.default_rng(1)
    results = rng.integers(0, 9, (40, 6, 7)).astype(np.uint16)
    truth = rng.integers(0, 5, (40, 6, 7)).astype(np.uint16)
    ctc.write(folder / "out", "01", list(results), [f"{k:03}" for k in range(40)])
    for k in frames:
        write(folder / "01_GT" / "SEG" / f"man_seg{k:03}.tif", truth[k])
    return results, truth


@pytest.mark.parametrize("prediction", ["out", "out/01_RES"])
@pytest.mark.parametrize("truth", ["01_GT", "01_GT/SEG"])
def test_frames_of_the_challenge_are_matched_by_number(tmp_path, prediction, truth):
    results, cells = write_ctc(tmp_path)
    pair = predictions.read(tmp_path / prediction, tmp_path / truth)
    assert pair.source == tmp_path / "out" / "01_RES"
    assert pair.names == ["002", "005", "031"]
    assert pair.thresholds == ()
    for k, found, expected in zip((2, 5, 31), pair.prediction, pair.truth, strict=True):
        assert same_cells(found, results[k])
        assert same_cells(expected, cells[k])


def test_unannotated_challenge_pixels_are_background_in_both(tmp_path):
    results, cells = write_ctc(tmp_path, frames=(3,))
    cells[3, :, :2] = ctc.IGNORED
    write(tmp_path / "01_GT" / "SEG" / "man_seg003.tif", cells[3])
    pair = predictions.read(tmp_path / "out", tmp_path / "01_GT")
    assert not pair.truth[0][:, :2].any()
    assert not pair.prediction[0][:, :2].any()
    results[3, :, :2] = cells[3, :, :2] = 0
    assert same_cells(pair.prediction[0], results[3])
    assert same_cells(pair.truth[0], cells[3])


# Refusals


def refused(prediction, truth):
    with pytest.raises(InputError) as error:
        predictions.read(prediction, truth)
    message = str(error.value)
    assert "\n" not in message
    return message


def test_mismatched_slice_counts_and_sizes_are_refused(tmp_path):
    p, t = tmp_path / "p.tif", tmp_path / "t.tif"
    assert (
        refused(write(p, P[:2]), write(t, WALLS))
        == f"{p} holds 2 slices, but {t} holds 3; they must match"
    )
    message = refused(write(p, P[:, :, :7]), t)
    assert message == f"slice 0 of {p} is 5 x 7 pixels, but {t} has 5 x 8; they must match"


def test_mismatched_names_are_refused(tmp_path):
    for k in range(3):
        write(tmp_path / "p" / f"{k}.tif", CELLS[k])
        write(tmp_path / "t" / f"{k + k // 2}.tif", CELLS[k])
    message = refused(tmp_path / "p", tmp_path / "t")
    assert message.startswith(f"{tmp_path / 'p'} has 2 where {tmp_path / 't'} has 3")


def test_values_without_a_meaning_are_refused(tmp_path):
    p, t = tmp_path / "p.tif", write(tmp_path / "t.tif", CELLS)
    assert "from 0 to 3" in refused(write(p, np.linspace(0, 3, 120).reshape(3, 5, 8)), t)
    assert "holds -1" in refused(write(p, CELLS.astype(np.int16) - 1), t)
    write(p, P)
    assert "is not a map of numbered cells" in refused(p, write(tmp_path / "half.tif", CELLS / 2))
    assert "scoring needs at least one cell" in refused(p, write(tmp_path / "0.tif", 0 * WALLS))
    colour = tmp_path / "colour.png"
    Image.fromarray(RNG.integers(0, 256, (5, 8, 3), np.uint8)).save(colour)
    one = write(tmp_path / "one.tif", P[0])
    assert f"{colour} is in colour" in refused(one, colour)
    assert f"{colour} is in colour" in refused(colour, write(tmp_path / "cell.tif", CELLS[0]))
    assert "does not exist" in refused(tmp_path / "none.tif", t)
    assert "does not exist" in refused(p, tmp_path / "none.tif")


def test_mismatched_challenge_frames_are_refused(tmp_path):
    write_ctc(tmp_path)
    result, truth = tmp_path / "out" / "01_RES", tmp_path / "01_GT"
    man_seg = truth / "SEG" / "man_seg002.tif"
    assert "such as 01_RES" in refused(truth, truth)
    assert "such as 01_RES" in refused(write(tmp_path / "p.tif", P), truth)
    write(man_seg, CELLS[0])
    assert "6 x 7 pixels, but" in refused(result, truth)
    write(man_seg, np.zeros((6, 7), np.float32))
    assert "is not a mask" in refused(result, truth)
    write(man_seg, np.zeros((2, 6, 7), np.uint16))
    assert "holds 2 slices" in refused(result, truth)
    write(man_seg, np.zeros((6, 7), np.uint16) - 0)
    (result / "mask005.tif").unlink()
    message = refused(result, truth)
    assert message == (
        f"{result} has no mask005.tif to compare with {truth / 'SEG' / 'man_seg005.tif'}; "
        "each frame of the truth needs one"
    )
