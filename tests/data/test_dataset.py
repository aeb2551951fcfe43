"""A data set is split, described and fingerprinted correctly."""

import numpy as np
import pytest
import tifffile
from commands import draw_stack, write_stack

from minunet.data import ctc, dataset
from minunet.data.annotation import Annotation, LabelValues, Meaning
from minunet.data.targets import Weighting
from minunet.errors import InputError


def load(folder, validation="none", scaling="minmax", form="balance"):
    paths = (str(folder / name) for name in ("train-volume.tif", "train-labels.tif"))
    return dataset.load(dataset.Source(*paths), validation, scaling, Weighting(form))


# Loading


def test_images_labels_and_their_description(tmp_path):
    images, labels = draw_stack()
    data = load(write_stack(tmp_path), validation="1:3")
    low, high = float(images.min()), float(images.max())
    first = images[[0, 3]]  # the training slices determine the scale
    offset, spread = float(first.min()), float(np.ptp(first))
    assert data.scale == (offset, spread)
    for found, wanted in zip(data.images, images, strict=True):
        assert found.dtype == np.float32
        np.testing.assert_allclose(found[..., 0], (wanted - offset) / spread, atol=1e-6)
    np.testing.assert_array_equal(data.labels, labels)
    assert (data.training, data.held_out) == ([0, 3], [1, 2])
    assert data.label_values == (0, 1)
    text = "\n".join(data.description)
    for words in (
        "4 slices, 30 x 41 pixels, uint8",
        f"{low:g} … {high:g}, scaling: minmax",
        f"0 → class 0 ({np.mean(labels == 0):.1%} of the pixels)",
        f"1 → class 1 ({np.mean(labels == 1):.1%} of the pixels)",
        "4 slices: 2 for training, 2 held out for validation (1 … 2)",
    ):
        assert words in text


def test_part_keeps_images_labels_and_weights_together(tmp_path):
    data = load(write_stack(tmp_path))
    part = data.part([2, 0])
    wanted = (data.images, data.labels, [one.weight_map for one in data.samples])
    for found, k in zip(part, (2, 0), strict=True):
        assert all(one is whole[k] for one, whole in zip(found[:3], wanted, strict=True))
        assert found.annotated is None


def test_one_bit_images_can_be_described(tmp_path):
    folder = write_stack(tmp_path)
    page = draw_stack()[1].astype(bool)
    tifffile.imwrite(folder / "train-volume.tif", page, photometric="minisblack")
    data = load(folder)
    np.testing.assert_array_equal(np.stack(data.images)[..., 0], page)


def test_the_fingerprint_covers_pixels_and_labels(tmp_path):
    images, labels = draw_stack()
    first = load(write_stack(tmp_path / "a")).fingerprint
    same = write_stack(tmp_path / "b")
    assert load(same, validation="1:2", scaling="standard").fingerprint == first
    labels[1, 2, 3] ^= 1
    tifffile.imwrite(same / "train-labels.tif", labels, photometric="minisblack")
    other_labels = load(same).fingerprint
    images[1, 2, 3] ^= 1
    tifffile.imwrite(same / "train-volume.tif", images, photometric="minisblack")
    assert len({first, other_labels, load(same).fingerprint}) == 3


def test_numbered_cells(tmp_path):
    cells = np.zeros((2, 30, 41), np.uint16)
    cells[0, 3:9, 4:9], cells[0, 3:9, 9:15] = 700, 3  # these two touch
    cells[1, 20:, 30:] = 1
    images, _ = draw_stack(shape=(2, 30, 41))
    for name, stack in (("train-volume.tif", images), ("train-labels.tif", cells)):
        tifffile.imwrite(tmp_path / name, stack, photometric="minisblack")
    paths = (str(tmp_path / name) for name in ("train-volume.tif", "train-labels.tif"))
    data = dataset.load(dataset.Source(*paths, meaning=Meaning("cells")), "none", "minmax")
    assert data.numbered
    assert data.label_values == (0, 1)
    np.testing.assert_array_equal(data.cells, cells)
    apart = (cells > 0).astype(np.uint8)
    apart[0, 3:9, 8:10] = 0
    np.testing.assert_array_equal(data.labels, apart)
    assert "3 cells in 2 slices" in data.description[-1]


def test_frames_of_the_cell_tracking_challenge(tmp_path):
    mask = np.zeros((30, 41), np.uint16)
    mask[3:9, 4:9], mask[20:, 30:], mask[0, :5] = 1, 2, ctc.IGNORED
    for path, page in (
        ("01/t000.tif", draw_stack()[0][0]),
        ("01/t001.tif", draw_stack()[0][1]),
        ("01_GT/SEG/man_seg001.tif", mask),
    ):
        (tmp_path / path).parent.mkdir(parents=True, exist_ok=True)
        tifffile.imwrite(tmp_path / path, page, photometric="minisblack")
    data = dataset.load(dataset.Source(str(tmp_path), None), "none", "minmax")
    assert len(data.images) == 1  # the frame without a mask is skipped
    np.testing.assert_array_equal(data.labels[0], (mask > 0) & (mask < ctc.IGNORED))
    assert (data.samples[0].weight_map[0, :5] == 0).all()
    assert (data.samples[0].weight_map == 0).sum() == 5


def write_frames(folder, *masks):
    """Write frames with these masks in the layout of the Cell Tracking Challenge."""
    for k, mask in enumerate(masks):
        for path, page in (
            (f"01/t{k:03}.tif", draw_stack()[0][k]),
            (f"01_GT/SEG/man_seg{k:03}.tif", mask),
        ):
            (folder / path).parent.mkdir(parents=True, exist_ok=True)
            tifffile.imwrite(folder / path, page, photometric="minisblack")
    return str(folder)


@pytest.mark.parametrize("meaning", [Meaning("classes"), Meaning(threshold=2)])
def test_masks_of_the_cell_tracking_challenge_have_one_meaning(tmp_path, meaning):
    source = dataset.Source(write_frames(tmp_path, np.ones((30, 41), np.uint16)), None, meaning)
    with pytest.raises(InputError, match="leave out --labels-are and --label-threshold"):
        dataset.load(source, "none", "minmax")


def test_masks_of_the_cell_tracking_challenge_with_soft_edges_are_refused(tmp_path):
    y, x = np.mgrid[:30, :41]
    soft = np.rint(np.clip(10.5 - np.hypot(y - 14.2, x - 20.7), 0, 1) * 255).astype(np.uint16)
    folder = write_frames(tmp_path, soft)
    with pytest.raises(InputError, match="look like grey values, but masks of the Cell"):
        dataset.load(dataset.Source(folder, None), "none", "minmax")
    assert dataset.load(dataset.Source(folder, None, Meaning("cells")), "none", "minmax").numbered


def test_masks_without_any_annotation_are_refused(tmp_path):
    mask = np.full((30, 41), ctc.IGNORED, np.uint16)
    with pytest.raises(InputError, match="none of the training slices has annotated pixels"):
        dataset.load(dataset.Source(write_frames(tmp_path, mask), None), "none", "minmax")


def test_the_fingerprint_covers_what_is_annotated(tmp_path):
    found = set[str]()
    for column in (1, 2, None):
        labels = draw_stack()[1].astype(np.int16)
        labels[..., :3] = 0
        if column:
            labels[..., column] = -1  # the label of such pixels is 0, too
        folder = write_stack(tmp_path / str(column))
        tifffile.imwrite(folder / "train-labels.tif", labels, photometric="minisblack")
        paths = (str(folder / name) for name in ("train-volume.tif", "train-labels.tif"))
        source = dataset.Source(*paths, meaning=Meaning(ignore=-1))
        found.add(dataset.load(source, "none", "minmax").fingerprint)
    assert len(found) == 3


def test_doubts_about_the_labels_are_part_of_the_description(tmp_path):
    folder = write_stack(tmp_path)
    paths = (str(folder / name) for name in ("train-volume.tif", "train-labels.tif"))
    source = dataset.Source(*paths, meaning=Meaning(ignore=77))
    lines = dataset.load(source, "none", "minmax").description
    assert "warning   no label has the value 77, which was passed with --ignore" in lines


def test_without_paths_the_data_is_synthetic_and_reproducible(monkeypatch):
    assert dataset.sources.SYNTHETIC_SHAPE == (10, 256, 256)
    monkeypatch.setattr(dataset.sources, "SYNTHETIC_SHAPE", (10, 32, 48))  # small, to be fast
    source = dataset.Source(None, None)
    data, again = (dataset.load(source, "0.2", "minmax") for _ in range(2))
    assert data.fingerprint == again.fingerprint
    assert len(data.images) == len(data.labels) == 10
    assert data.images[0].shape == (32, 48, 1)
    assert data.held_out == [8, 9]
    assert "synthetic EM" in data.description[0]


@pytest.mark.parametrize("paths", [("somewhere", None), (None, "a.tif")])
def test_images_without_labels_are_refused_and_vice_versa(paths):
    with pytest.raises(InputError, match="give --images and --labels together"):
        dataset.load(dataset.Source(*paths), "none", "minmax")


@pytest.mark.parametrize("part", ["images", "labels", "annotated"])
def test_the_fingerprint_covers_shape_and_dtype(part):
    # The bytes of all these arrays are the same.
    page = np.arange(24, dtype=np.uint8).reshape(4, 6, 1)
    labels = page[..., 0] % 2
    known = labels == 0

    def fingerprint(change):
        parts = {"images": page, "labels": labels, "annotated": known}
        parts[part] = change(parts[part])
        annotation = Annotation(
            [parts["labels"]], LabelValues((0, 1), (0.5, 0.5)), [parts["annotated"]]
        )
        return dataset._fingerprint([parts["images"]], annotation, b"", False)

    changes = [
        lambda a: a,
        lambda a: a.reshape(6, 4, *a.shape[2:]),
        lambda a: a.reshape(8, 3, *a.shape[2:]),
        lambda a: a.view(np.int8),
    ]
    assert len({fingerprint(change) for change in changes}) == len(changes)
    assert fingerprint(np.copy) == fingerprint(changes[0])


def test_the_weight_map_of_the_paper_is_the_default(tmp_path):
    folder = write_stack(tmp_path)
    source = dataset.Source(*(str(folder / f"train-{name}.tif") for name in ("volume", "labels")))
    default = dataset.load(source, "none", "minmax")
    paper = dataset.load(source, "none", "minmax", Weighting("paper", 10.0, 5.0))
    for one, other in zip(default.samples, paper.samples, strict=True):
        np.testing.assert_array_equal(one.weight_map, other.weight_map)
    assert "border term" in "".join(default.description)


# A test part


def write_test_slice(folder, image, label):
    """Write a stack of four slices with another last one."""
    images, labels = draw_stack()
    images[3], labels[3] = image, label
    folder.mkdir(exist_ok=True)
    for name, stack in (("train-volume.tif", images), ("train-labels.tif", labels)):
        tifffile.imwrite(folder / name, stack, photometric="minisblack")
    paths = (str(folder / name) for name in ("train-volume.tif", "train-labels.tif"))
    return dataset.load(dataset.Source(*paths), "2:3", "minmax", test="3:4")


def test_a_test_slice_changes_nothing_but_itself(tmp_path):
    images, labels = draw_stack()
    first = write_test_slice(tmp_path / "a", images[3], labels[3])
    bright = np.full_like(images[3], 255)
    second = write_test_slice(tmp_path / "b", bright, 1 - labels[3])
    assert (first.training, first.held_out, first.test) == ([0, 1], [2], [3])
    for one, other in zip(first, second, strict=True):
        if one is first.samples:
            for a, b in zip(one[:3], other[:3], strict=True):
                for x, y in zip(a[:3], b[:3], strict=True):
                    np.testing.assert_array_equal(x, y)
        elif isinstance(one, list) and one and isinstance(one[0], np.ndarray):
            for a, b in zip(one[:3], other[:3], strict=True):
                np.testing.assert_array_equal(a, b)
        elif one is not first.description:
            assert one == other
    assert [line.replace("/a/", "/b/") for line in first.description] == second.description
    assert not second.samples[3].weight_map.any()
    assert second.samples[2].weight_map.all()
    np.testing.assert_array_equal(second.cells[3] > 0, labels[3] == 0)
    assert (second.images[3] == second.images[3].max()).all()


def test_a_label_that_occurs_only_in_a_test_slice_is_refused(tmp_path):
    images, labels = draw_stack()
    labels[3, 2, 2] = 2
    with pytest.raises(InputError) as refused:
        write_test_slice(tmp_path / "a", images[3], labels[3])
    assert str(refused.value) == (
        "a test slice has the label 2, but the labels of the other slices are 0, 1; correct its "
        "labels, pass --ignore for pixels that are not annotated, or test on other slices with "
        "--test"
    )


def test_the_fingerprint_covers_which_files_are_tested(tmp_path):
    for k, image in enumerate(draw_stack()[0]):
        for part, page in (("images", image), ("labels", (image > 90).astype(np.uint8))):
            (tmp_path / part).mkdir(exist_ok=True)
            tifffile.imwrite(tmp_path / part / f"{k}.tif", page, photometric="minisblack")
    source = dataset.Source(str(tmp_path / "images"), str(tmp_path / "labels"))
    found = {dataset.load(source, "0.2", "minmax", test=t).fingerprint for t in ("0.tif", "1.tif")}
    assert len(found) == 2


def test_gold_truth_scores_and_silver_truth_trains(tmp_path):
    images, _ = draw_stack()
    gold, silver = np.zeros((2, 30, 41), np.uint16)
    gold[3:9, 4:9], silver[3:9, 5:9], silver[20:, 30:] = 1, 1, 2
    for k in range(4):
        for path, page, there in (
            (f"01/t{k:03}.tif", images[k], True),
            (f"01_GT/SEG/man_seg{k:03}.tif", gold, k in (0, 2)),
            (f"01_ST/SEG/man_seg{k:03}.tif", silver, True),
        ):
            if there:
                (tmp_path / path).parent.mkdir(parents=True, exist_ok=True)
                tifffile.imwrite(tmp_path / path, page, photometric="minisblack")

    def load(truth, validation="2:4", test="none"):
        source = dataset.Source(str(tmp_path), None, truth=truth)
        return dataset.load(source, validation, "minmax", test=test)

    both = load("both")
    assert not both.annotated[0][20:, 30:].any()  # silver says that the gold mask omits a cell
    np.testing.assert_array_equal(both.cells[2], gold)
    assert both.annotated[2].all()  # held out: only the gold mask counts
    assert both.samples[2].weight_map.all()
    assert [*both.silver] == [1, 3]
    assert both.scored(both.held_out) == [2]
    line = "truth     frames: training 1 gold and 1 silver, validation 1 gold and 1 silver"
    assert f"{line} (only gold is scored)" in both.description
    trained = load("silver")
    np.testing.assert_array_equal(trained.cells[0], silver)
    np.testing.assert_array_equal(trained.cells[2], gold)
    assert [*trained.silver] == [0, 1, 3]
    tested = load("silver", "none", "2:4")
    np.testing.assert_array_equal(tested.cells[2], gold)
    assert tested.annotated[2].all()
    assert tested.scored(tested.test) == [2]
    only = load("both", "3:4")
    assert only.scored(only.held_out) == [3]
    np.testing.assert_array_equal(only.cells[3], silver)
    assert (
        "warning   no validation frame has gold truth, so the validation scores are against silver "
        "truth; hold out frames with gold truth with --validation"
    ) in only.description
