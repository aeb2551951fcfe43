"""A data set is split, described and fingerprinted correctly."""

import numpy as np
import pytest
import tifffile
from commands import draw_stack, write_stack

from minunet.data import ctc, dataset
from minunet.data.annotation import Annotation, LabelValues, Meaning
from minunet.data.object_size import Wanted
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


# Images that are shrunk


def write_cells(folder, pixel=(0.2, 0.2), sequence="01", frames=3):
    """Write frames with 3 x 4 touching square cells of 20 pixels, and a pixel size (y, x) in µm."""
    cells = np.arange(1, 13, dtype=np.uint16).reshape(3, 4).repeat(20, axis=0).repeat(20, axis=1)
    metadata = {"unit": "um", "axes": "YX"}
    for part in (sequence, f"{sequence}_GT/SEG"):
        (folder / part).mkdir(parents=True, exist_ok=True)
    for k in range(frames):
        image = np.random.default_rng(k).integers(0, 256, cells.shape).astype(np.uint8)
        how = {"resolution": (1 / pixel[1], 1 / pixel[0]), "metadata": metadata} if pixel else {}
        tifffile.imwrite(folder / sequence / f"t{k:03}.tif", image, imagej=True, **how)
        tifffile.imwrite(folder / f"{sequence}_GT/SEG" / f"man_seg{k:03}.tif", cells)
    return dataset.Source(str(folder), None)


def load_cells(source, shrink, form="paper", receptive_field=17):
    wanted = Wanted(shrink, receptive_field)
    return dataset.load(source, "1:2", "image", Weighting(form), wanted=wanted)


@pytest.mark.parametrize("shrink", [1.0, 4.0, 2.5, "auto"])
def test_the_network_sees_small_images(tmp_path, shrink):
    data = load_cells(write_cells(tmp_path), shrink)
    # 20 pixels wide squares: discs of 22.6 pixels, three of which are 4 times 17 pixels.
    factor = 4.0 if shrink == "auto" else shrink
    height, width = round(60 / factor), round(80 / factor)
    assert (data.shrink, data.factors, data.pixel_size) == (
        *(factor, (factor, factor)),
        pytest.approx((0.2, 0.2)),
    )
    for k, sample in enumerate(data.samples):
        assert sample.x.shape == (height, width, 1)
        assert sample.labels.shape == sample.weight_map.shape == (height, width)
        assert (sample.x.dtype, sample.weight_map.dtype) == (np.float32, np.float32)
        image = np.random.default_rng(k).integers(0, 256, (60, 80)) / 1.0
        scaled = (image - image.min()) / np.ptp(image)
        np.testing.assert_allclose(data.images[k][..., 0], scaled, atol=1e-6)
        assert sample.x.mean() == pytest.approx(scaled.mean(), abs=1e-4)
        if factor == 4:
            blocks = scaled.reshape(15, 4, 20, 4).mean((1, 3))
            np.testing.assert_allclose(sample.x[..., 0], blocks, atol=1e-6)
    assert data.labels[0].shape == data.cells[0].shape == (60, 80)  # as they are scored
    lines = [line for line in data.description if line.startswith("size")]
    assert len(lines) == (shrink != 1)
    if shrink == "auto":
        assert lines == [
            "size      4 image pixels per network pixel: the median diameter of the training cells "
            "is 23 pixels, and 3 of them should fit into the 17 pixels that the network sees"
        ]


def small_cells():
    # By hand: each cell is 5 x 5 small pixels, of which those beside another cell are background.
    with_border = np.array([0] + [1] * 3 + [0])
    row = np.concatenate([[1] * 4 + [0], with_border, with_border, [0] + [1] * 4])
    column = np.concatenate([[1] * 4 + [0], with_border, [0] + [1] * 4])
    return np.outer(column, row)


@pytest.mark.parametrize("form", ["paper", "balance", "none"])
def test_the_border_is_one_small_pixel_on_each_side(tmp_path, form):
    expected = small_cells()
    data = load_cells(write_cells(tmp_path), 4.0, form)
    for sample in data.samples:
        np.testing.assert_array_equal(sample.labels, expected)
    w = data.samples[0].weight_map
    if form == "none":
        assert (w == 1).all()
    else:
        share = expected.mean()
        assert w[0, 0] == pytest.approx(0.5 / share, rel=1e-6)
    if form == "paper":
        # A pixel of the border between two cells: d1 + d2 = 1 + 2 small pixels, sigma 5 of them.
        border = w[0, 4] - 0.5 / (1 - share)
        assert border == pytest.approx(10 * np.exp(-9 / 50), rel=1e-5)


def test_the_fingerprint_does_not_depend_on_the_factor(tmp_path):
    source = write_cells(tmp_path)
    first, second = (load_cells(source, shrink) for shrink in (1.0, 4.0))
    assert first.fingerprint == second.fingerprint


def test_logits_are_enlarged_to_the_image(tmp_path):
    data = load_cells(write_cells(tmp_path, (0.1, 0.2)), 2.0)
    assert data.factors == pytest.approx((4.0, 2.0))
    assert data.samples[0].x.shape == (15, 40, 1)
    logits = np.zeros((15, 40, 2), np.float32)
    logits[..., 1] = 3
    np.testing.assert_array_equal(data.enlarged(logits, 0), np.full((60, 80, 2), (0, 3)))
    whole = load_cells(write_cells(tmp_path / "b"), 1.0)
    assert whole.enlarged(logits, 0) is logits


@pytest.mark.parametrize("pixel", [None, (0.1, 0.1)])
def test_frames_of_several_pixel_sizes_are_noted(tmp_path, pixel):
    source = write_cells(tmp_path)
    write_cells(tmp_path, pixel, "02")
    data = load_cells(source, 2.0)
    assert data.pixel_size is None
    (note,) = (line for line in data.description if line.startswith("note"))
    second = "unknown" if pixel is None else "0.1 x 0.1 um"
    assert f"several pixel sizes, such as 0.2 x 0.2 um and {second}; minunet trains" in note


def test_pixel_sizes_of_pairs_are_read(tmp_path):
    for name in ("images", "labels"):
        (tmp_path / name).mkdir()
    images, labels = draw_stack()
    how = {"imagej": True, "resolution": (10, 10), "metadata": {"unit": "um", "axes": "YX"}}
    for k in range(4):
        tifffile.imwrite(tmp_path / "images" / f"{k}.tif", images[k], **how)
        tifffile.imwrite(tmp_path / "labels" / f"{k}.tif", labels[k], photometric="minisblack")
    source = dataset.Source(str(tmp_path / "images"), str(tmp_path / "labels"))
    data = dataset.load(source, "0", "minmax", Weighting("balance"), wanted=Wanted(2.0))
    assert (data.pixel_size, data.factors) == ((0.1, 0.1), (2.0, 2.0))
    assert not any("several pixel sizes" in line for line in data.description)
    tifffile.imwrite(tmp_path / "images" / "2.tif", images[2], photometric="minisblack")
    data = dataset.load(source, "0", "minmax", Weighting("balance"), wanted=Wanted(2.0))
    assert data.pixel_size is None
    assert any("several pixel sizes" in line for line in data.description)


@pytest.mark.parametrize("classes", [3, 9])
def test_several_classes_get_the_majority(tmp_path, classes):
    images, labels = draw_stack((2, 12, 16), classes)
    blocks = labels.repeat(3, axis=1).repeat(3, axis=2)
    for name, stack in (("i.tif", images.repeat(3, 1).repeat(3, 2)), ("l.tif", blocks)):
        tifffile.imwrite(tmp_path / name, stack, photometric="minisblack")
    source = dataset.Source(str(tmp_path / "i.tif"), str(tmp_path / "l.tif"))
    data = dataset.load(source, "0", "minmax", Weighting(), wanted=Wanted(3.0))
    np.testing.assert_array_equal([sample.labels for sample in data.samples], labels)
    assert data.cells is None
    np.testing.assert_array_equal(data.labels, blocks)


def test_what_is_not_annotated_has_no_weight(tmp_path):
    source = write_cells(tmp_path)
    path = tmp_path / "01_GT/SEG/man_seg000.tif"
    mask = tifffile.imread(path)
    mask[13, 22] = 65535  # a single pixel that is not annotated
    tifffile.imwrite(path, mask)
    data = load_cells(source._replace(meaning=Meaning(ignore=65535)), 4.0)
    known = np.ones((15, 20), bool)
    known[3, 5] = False
    np.testing.assert_array_equal(data.samples[0].annotated, known)
    np.testing.assert_array_equal(data.samples[0].weight_map > 0, known)
    assert data.samples[1].annotated is None


@pytest.mark.parametrize("frame", [0, 1])
def test_annotation_too_sparse_for_small_pixels_is_refused(tmp_path, frame):
    source = write_cells(tmp_path)
    path = tmp_path / f"01_GT/SEG/man_seg00{frame}.tif"
    mask = tifffile.imread(path)
    mask[::4] = 65535  # every small pixel lacks one row
    others = [2] if frame == 0 else []  # the only held-out frame is 1
    tifffile.imwrite(path, mask)
    for other in others:
        tifffile.imwrite(tmp_path / f"01_GT/SEG/man_seg00{other}.tif", mask)
    source = source._replace(meaning=Meaning(ignore=65535))
    with pytest.raises(InputError, match=r"no area of 4 x 4 pixels is .* smaller --shrink"):
        load_cells(source, 4.0)
    assert load_cells(source, 1.0).shrink == 1


def test_a_class_that_vanishes_in_small_images_is_named(tmp_path):
    labels = np.zeros((3, 12, 16), np.uint8)
    labels[:, :, :8] = 1
    labels[:, 4, ::4] = 2  # single pixels
    for name in ("i.tif", "l.tif"):
        tifffile.imwrite(tmp_path / name, labels, photometric="minisblack")
    meaning = Meaning("classes")
    source = dataset.Source(str(tmp_path / "i.tif"), str(tmp_path / "l.tif"), meaning)
    said = "class 2 (label value 2) does not occur in the training slices once these are averaged"
    for shrink, expected in ((1.0, 0), (3.0, 1)):
        data = dataset.load(source, "0", "minmax", Weighting(), wanted=Wanted(shrink))
        assert sum(said in line for line in data.description) == expected
