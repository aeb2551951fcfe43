"""A prediction and its truth are read and interpreted correctly, or refused."""

import numpy as np
import pytest
import tifffile
from PIL import Image

from minunet.data import ctc, predictions
from minunet.data.annotation import Meaning
from minunet.errors import InputError
from minunet.metrics.score import THRESHOLDS

RNG = np.random.default_rng(0)
P = RNG.random((3, 12, 20)).astype(np.float32)
CELLS = np.kron(1 + np.arange(48).reshape(3, 4, 4), np.ones((3, 5), int)).astype(np.uint16)
CELLS[:2, 1:3, :4] = 0  # the third slice has no background
WALLS = (RNG.random((3, 12, 20)) < 0.7).astype(np.uint8)
SIZES = [(12, 20), (21, 15), (18, 25)]
STRIPES = np.zeros((3, 12, 20), np.uint8)  # three classes, two of them in several regions
STRIPES[:, ::6], STRIPES[:, 3:5] = 1, 2
STRIPES[:, 7:9, :4] = 2


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


def blocks(height, width):
    """Make a map of cells that are blocks of 3 x 5 pixels."""
    numbers = 1 + np.arange(height * width // 15).reshape(height // 3, width // 5)
    return np.kron(numbers, np.ones((3, 5), int))


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
    # Numbers may be consecutive and as large as the dtype allows; in the truth, the largest one is
    # asked about, because it may mark pixels that are not annotated.
    largest = np.iinfo(dtype).max
    found = np.where(
        CELLS == 7, dtype(largest), np.where(CELLS == 8, dtype(largest - 1), CELLS.astype(dtype))
    )
    truth = np.where(CELLS == 7, dtype(largest - 1), CELLS.astype(dtype))
    assert found.dtype == truth.dtype == dtype
    pair = predictions.read(write(tmp_path / "p.tif", found), write(tmp_path / "t.tif", truth))
    assert pair.thresholds == ()
    assert all(map(same_cells, pair.prediction, CELLS))
    assert all(map(same_cells, pair.truth, CELLS))


@pytest.mark.parametrize(
    ("meaning", "wanted", "kind"),
    [
        (Meaning("cells"), "auto", "cells"),
        (Meaning("classes"), "auto", "classes"),
        (Meaning(), "cells", "cells"),
        (Meaning(), "classes", "classes"),
    ],
)
def test_a_few_values_are_cells_or_classes_if_an_option_says_so(tmp_path, meaning, wanted, kind):
    few = np.array([[[1, 1, 0, 2, 2], [1, 1, 0, 2, 2]], [[2, 2, 0, 1, 1], [2, 2, 0, 1, 0]]])
    one = write(tmp_path / "few.tif", few.astype(np.uint8))
    pair = predictions.read(one, one, meaning, wanted)
    assert pair.kind == kind
    np.testing.assert_array_equal(pair.truth, few)
    np.testing.assert_array_equal(pair.prediction, few)
    assert pair.thresholds == ()
    assert "--labels-are" in refused(one, one)


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
        numbered = blocks(*shape)
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


def test_challenge_pixels_that_are_not_annotated(tmp_path):
    results, cells = write_ctc(tmp_path, frames=(3,))
    cells[3, :, :2] = ctc.IGNORED
    write(tmp_path / "01_GT" / "SEG" / "man_seg003.tif", cells[3])
    pair = predictions.read(tmp_path / "out", tmp_path / "01_GT")
    assert not pair.annotated[0][:, :2].any()
    assert pair.annotated[0][:, 2:].all()
    cells[3, :, :2] = 0
    assert same_cells(pair.prediction[0], results[3])
    assert same_cells(pair.truth[0], cells[3])
    pair = predictions.read(tmp_path / "out", tmp_path / "01_GT", Meaning(ignore=4))
    np.testing.assert_array_equal(pair.annotated[0], (cells[3] != 4) & (np.arange(7) >= 2))


# What the values mean


def test_classes_match_by_value(tmp_path):
    truth = write(tmp_path / "t.tif", STRIPES * 100)
    found = STRIPES * 100
    found[0, 5:, 10:] = 50  # a class that the truth does not have
    pair = predictions.read(write(tmp_path / "p.tif", found), truth)
    assert (pair.kind, pair.classes, pair.thresholds) == ("classes", ("0", "50", "100", "200"), ())
    assert pair.reading == "4 classes"
    np.testing.assert_array_equal(pair.truth, np.array([0, 2, 3])[STRIPES])
    np.testing.assert_array_equal(np.array([0, 50, 100, 200])[pair.prediction], found)


@pytest.mark.parametrize(("dtype", "largest"), [(np.uint8, 255), (np.uint16, 65535)])
def test_integers_that_are_probabilities(tmp_path, dtype, largest):
    grey = np.rint(P * largest).astype(dtype)
    pair = predictions.read(write(tmp_path / "p.tif", grey), write(tmp_path / "t.tif", CELLS))
    assert (pair.kind, pair.thresholds) == ("probability", THRESHOLDS)
    assert pair.reading == f"probability of cell (value / {largest})"
    np.testing.assert_allclose(pair.prediction, P, atol=0.51 / largest)


def test_soft_edges_need_a_threshold(tmp_path):
    y, x = np.mgrid[:40, :50]
    coverage = np.clip(12.5 - np.hypot(y - 20.3, x - 24.6), 0, 1)
    truth = write(tmp_path / "t.tif", np.rint(255 * coverage).astype(np.uint8))
    p = write(tmp_path / "p.tif", coverage.astype(np.float32))
    message = refused(p, truth)
    assert "--label-threshold 128" in message
    for wrong in (0, 256):
        assert "pass a value above " in refused(p, truth, Meaning(threshold=wrong))
    pair = predictions.read(p, truth, Meaning(threshold=128))
    assert same_cells(pair.truth[0], coverage * 255 > 127.5)
    assert pair.truth[0].max() == 1


@pytest.mark.parametrize("ignore", [255, 200, 9])
def test_pixels_of_one_value_are_not_annotated(tmp_path, ignore):
    masks = WALLS * np.uint8(255 - ignore or 1)
    masks[:, 4:6] = ignore
    truth = write(tmp_path / "t.tif", masks)
    pair = predictions.read(write(tmp_path / "p.tif", P), truth, Meaning(ignore=ignore))
    known = np.ones((12, 20), bool)
    known[4:6] = False
    np.testing.assert_array_equal(pair.annotated, [known] * 3)
    for found, walls in zip(pair.truth, WALLS, strict=True):
        assert same_cells(found, flood(walls * known))


def test_a_value_for_not_annotated_is_no_class(tmp_path):
    masks = STRIPES.astype(np.int16) * 10
    masks[:, :, 17:] = -1
    found = np.where(masks < 0, 77, masks).astype(np.uint8)
    pair = predictions.read(
        write(tmp_path / "p.tif", found), write(tmp_path / "t.tif", masks), Meaning(ignore=-1)
    )
    assert pair.classes == ("0", "10", "20")
    np.testing.assert_array_equal(pair.annotated, masks >= 0)


# Which slices belong together


def test_a_stack_against_a_folder_by_name(tmp_path):
    names = ["img1", "img2", "img10"]
    for name, cells in zip(names, CELLS, strict=True):
        write(tmp_path / "t" / f"{name}.tif", cells)
    stack, labels = CELLS[[2, 0, 1]], ["img10", "img1", "img2"]
    tifffile.imwrite(
        tmp_path / "p.tif", stack, imagej=True, metadata={"axes": "ZYX", "Labels": labels}
    )
    pair = predictions.read(tmp_path / "p.tif", tmp_path / "t")
    assert pair.names == labels
    np.testing.assert_array_equal(pair.truth, pair.prediction)
    # Without labels, in natural order.
    pair = predictions.read(write(tmp_path / "plain.tif", CELLS), tmp_path / "t")
    assert pair.names == names
    np.testing.assert_array_equal(pair.truth, pair.prediction)


# Refusals


def refused(*arguments):
    with pytest.raises(InputError) as error:
        predictions.read(*arguments)
    message = str(error.value)
    assert "\n" not in message
    return message


def test_mismatched_slice_counts_and_sizes_are_refused(tmp_path):
    p, t = tmp_path / "p.tif", tmp_path / "t.tif"
    assert (
        refused(write(p, P[:2]), write(t, WALLS))
        == f"{p} holds 2 slices, but {t} holds 3 slices; both must have the same number of slices"
    )
    message = refused(write(p, P[:, :, :7]), t)
    assert (
        message
        == f"slice 0 of {p} is 12 x 7 pixels, but {t} has 12 x 20; both must have the same size"
    )


def test_mismatched_names_are_refused(tmp_path):
    for k in range(3):
        write(tmp_path / "p" / f"{k}.tif", CELLS[k])
        write(tmp_path / "t" / f"{k + k // 2}.tif", CELLS[k])
    message = refused(tmp_path / "p", tmp_path / "t")
    assert message == (
        f"1 of 3 files in {tmp_path / 'p'} have no match in {tmp_path / 't'}: 2; give a "
        "prediction and its truth the same name"
    )


def test_values_without_a_meaning_are_refused(tmp_path):
    p, t = tmp_path / "p.tif", write(tmp_path / "t.tif", CELLS)
    assert "from 0 to 3" in refused(write(p, np.linspace(0, 3, 720).reshape(3, 12, 20)), t)
    assert "holds -1" in refused(write(p, CELLS.astype(np.int16) - 1), t)
    write(p, P)
    half = write(tmp_path / "half.tif", CELLS / 2)
    assert "--label-threshold" in refused(p, half)
    assert "is not a map of numbered cells" in refused(p, half, Meaning("cells"))
    assert "needs a truth with at least one cell" in refused(
        p, write(tmp_path / "0.tif", 0 * WALLS)
    )
    colour = tmp_path / "colour.png"
    Image.fromarray(RNG.integers(0, 256, (12, 20, 3), np.uint8)).save(colour)
    one = write(tmp_path / "one.tif", P[0])
    assert f"{colour} is in colour" in refused(one, colour)
    assert f"{colour} is in colour" in refused(colour, write(tmp_path / "cell.tif", CELLS[0]))
    assert "does not exist" in refused(tmp_path / "none.tif", t)
    assert "does not exist" in refused(p, tmp_path / "none.tif")


def test_values_that_do_not_fit_together_are_refused(tmp_path):
    cells, classes = write(tmp_path / "c.tif", CELLS), write(tmp_path / "3.tif", STRIPES)
    p = write(tmp_path / "p.tif", P)
    message = refused(classes, cells)
    assert "--labels-are classes or --prediction-is cells" in message
    message = refused(cells, classes)
    assert "--labels-are cells or --prediction-is classes" in message
    message = refused(p, classes)
    assert f"{classes} holds 3 classes (0, 1, 2), but {p}" in message
    assert "--labels-are cells" in message
    other = write(tmp_path / "100.tif", STRIPES * 100)
    message = refused(other, classes)
    assert f"{other} holds the values 0, 100, 200, but {classes} holds 0, 1, 2" in message
    dim = write(tmp_path / "dim.tif", np.rint(200 * P).astype(np.uint16))
    assert "--prediction-is" in refused(dim, cells)
    nothing = write(tmp_path / "9.tif", 0 * STRIPES + 9)
    assert "no pixel of" in refused(p, nothing, Meaning(ignore=9))


def test_options_that_do_not_fit_the_challenge_are_refused(tmp_path):
    write_ctc(tmp_path)
    out, truth = tmp_path / "out", tmp_path / "01_GT"
    assert "leave out --labels-are" in refused(out, truth, Meaning("classes"))
    assert "--label-threshold" in refused(out, truth, Meaning(threshold=3))
    assert "leave out --prediction-is classes" in refused(out, truth, Meaning(), "classes")
    assert predictions.read(out, truth, Meaning("cells"), "cells").kind == "cells"


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


@pytest.mark.parametrize("dtype", [np.uint8, np.uint16, np.uint32])
def test_a_number_of_the_truth_that_may_mark_pixels_is_asked_for(tmp_path, dtype):
    mark = np.iinfo(dtype).max
    truth = CELLS.astype(dtype)
    truth[:, :5] = mark
    paths = write(tmp_path / "p.tif", CELLS.astype(np.uint16)), write(tmp_path / "t.tif", truth)
    assert f"pass --ignore {mark}; if it is a cell number" in refused(*paths)
    pair = predictions.read(*paths, Meaning(ignore=mark))
    assert not pair.annotated[0][:5].any()
    assert pair.annotated[0][5:].all()
    assert predictions.read(*paths, Meaning("cells")).annotated is None


@pytest.mark.parametrize("dtype", [np.float16, np.float32, np.float64])
def test_whole_floats_beyond_1_are_numbers(tmp_path, dtype):
    # ImageJ writes numbered cells as 32-bit floats.
    truth = write(tmp_path / "t.tif", CELLS.astype(np.uint16))
    pair = predictions.read(write(tmp_path / "p.tif", CELLS.astype(dtype)), truth)
    assert pair.kind == "cells"
    assert all(map(same_cells, pair.prediction, CELLS))
    classes = np.arange(CELLS[0].size).reshape(CELLS[0].shape) // 15 % 3
    classes = np.broadcast_to(classes, CELLS.shape)
    truth = write(tmp_path / "t3.tif", classes.astype(np.uint8))
    pair = predictions.read(write(tmp_path / "p3.tif", classes.astype(dtype)), truth)
    assert (pair.kind, pair.classes) == ("classes", ("0", "1", "2"))
    # Not numbers: probabilities in percent.
    percent = write(tmp_path / "p100.tif", np.rint(P * 100).astype(dtype))
    assert "a probability must be from 0 to 1" in refused(percent, write(tmp_path / "m.tif", WALLS))


def test_a_truth_without_cells_is_refused(tmp_path):
    zeros = write(tmp_path / "t.tif", np.zeros_like(WALLS))
    assert refused(write(tmp_path / "p.tif", P), zeros) == (
        f"{zeros} is 0 everywhere; scoring needs a truth with at least one cell"
    )


def test_masks_of_the_challenge_that_look_grey_or_marked_are_asked_for(tmp_path):
    y, x = np.mgrid[:64, :96]
    distance = np.minimum(np.hypot(y - 31.2, x - 20.7), np.hypot(y - 31.2, x - 70.7))
    ctc.write(tmp_path, "01", [(distance < 18).astype(np.uint16)], ["000"])
    truth = tmp_path / "01_GT" / "SEG"
    path = write(truth / "man_seg000.tif", np.rint(np.clip(18.5 - distance, 0, 1) * 255))
    tifffile.imwrite(path, tifffile.imread(path).astype(np.uint16))
    assert "look like grey values, but masks of the Cell" in refused(tmp_path, truth)
    assert predictions.read(tmp_path, truth, Meaning("cells")).kind == "cells"
    marked = np.where(x < 40, 1, 2) * (distance < 18)
    marked[:5] = 255
    tifffile.imwrite(path, marked.astype(np.uint8))
    assert "pass --ignore 255 if it marks" in refused(tmp_path, truth)
    pair = predictions.read(tmp_path, truth, Meaning(ignore=255))
    np.testing.assert_array_equal(np.unique(pair.truth), [0, 1, 2])


def test_a_negative_value_marks_pixels_of_the_challenge(tmp_path):
    _, truth = write_ctc(tmp_path, frames=(2,))
    mask = truth[2].astype(np.int16)
    mask[:, :2] = -1
    path = tmp_path / "01_GT" / "SEG" / "man_seg002.tif"
    path.unlink()
    write(path, mask)
    assert "--ignore" in refused(tmp_path / "out", tmp_path / "01_GT")
    pair = predictions.read(tmp_path / "out", tmp_path / "01_GT", Meaning("cells", ignore=-1))
    np.testing.assert_array_equal(pair.annotated, [mask >= 0])
    assert same_cells(pair.truth[0], np.maximum(mask, 0))


def test_a_marked_truth_is_asked_about_for_probabilities_too(tmp_path):
    truth = CELLS.astype(np.uint16)
    truth[:, :5] = 65535
    p, t = write(tmp_path / "p.tif", P), write(tmp_path / "t.tif", truth)
    assert "pass --ignore 65535; if it is a cell number" in refused(p, t)
    assert predictions.read(p, t, Meaning("cells")).kind == "probability"


# Membranes


def test_cells_are_the_regions_between_membranes(tmp_path):
    truth = write(tmp_path / "truth.tif", (1 - WALLS) * np.uint8(255))
    same = write(tmp_path / "same.tif", WALLS)
    prediction = write(tmp_path / "p.tif", P)
    found = predictions.read(prediction, truth, Meaning("membranes"))
    as_before = predictions.read(prediction, same)
    assert (found.kind, found.doubts) == ("probability", ())
    np.testing.assert_array_equal(found.truth, as_before.truth)
    np.testing.assert_array_equal(found.prediction, P)


def test_membranes_with_a_threshold_and_pixels_that_are_not_annotated(tmp_path):
    grey = np.where(WALLS == 1, 40, 250).astype(np.uint8)
    grey[:, :3], grey[:, 5] = 99, 120  # not annotated; below the threshold, so cell
    truth = write(tmp_path / "truth.tif", grey)
    meaning = Meaning("membranes", threshold=200, ignore=99)
    found = predictions.read(write(tmp_path / "p.tif", P), truth, meaning)
    np.testing.assert_array_equal(np.array(found.annotated), grey != 99)
    np.testing.assert_array_equal(np.array(found.truth) > 0, (grey < 200) & (grey != 99))


@pytest.mark.parametrize("kind", ["mask", "probability"])
def test_a_prediction_of_membranes_equals_that_of_cells(tmp_path, kind):
    of_cells = {"mask": WALLS * np.uint8(255), "probability": P}[kind]
    of_membranes = (255 - of_cells) if kind == "mask" else 1 - P
    truth = write(tmp_path / "truth.tif", np.where(WALLS == 1, 0, 255).astype(np.uint8))
    meaning = Meaning("membranes")
    a = predictions.read(
        write(tmp_path / "a.tif", of_membranes), truth, meaning, wanted="membranes"
    )
    b = predictions.read(write(tmp_path / "b.tif", of_cells), truth, meaning, wanted="probability")
    np.testing.assert_allclose(a.prediction, b.prediction, atol=1e-7)
    assert a.thresholds == b.thresholds
    assert "membrane" in a.reading
    assert a.kind == b.kind == "probability"


def test_a_mask_against_membranes_is_asked_for(tmp_path):
    truth = write(tmp_path / "truth.tif", WALLS)
    mask = write(tmp_path / "mask.tif", 1 - WALLS)
    with pytest.raises(InputError, match="--prediction-is membranes"):
        predictions.read(mask, truth, Meaning("membranes"))


def test_a_truth_that_looks_like_membranes_is_doubted(tmp_path):
    net = np.zeros((41, 49), np.uint8)
    net[::8], net[:, ::8] = 255, 255
    truth = write(tmp_path / "truth.tif", net)
    p = write(tmp_path / "p.tif", RNG.random(net.shape).astype(np.float32))
    (doubt,) = predictions.read(p, truth).doubts
    assert "255 looks like membranes" in doubt
    assert predictions.read(p, truth, Meaning("classes")).doubts == ()
    assert predictions.read(p, truth, Meaning("membranes")).doubts == ()
    assert predictions.read(p, write(tmp_path / "isbi.tif", 255 - net)).doubts == ()


def test_membranes_of_three_values_are_refused(tmp_path):
    truth = write(tmp_path / "truth.tif", STRIPES)
    with pytest.raises(InputError, match=r"has 3 values .* pass --label-threshold V"):
        predictions.read(write(tmp_path / "p.tif", P), truth, Meaning("membranes"))
