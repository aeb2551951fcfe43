"""Pictures of a run have the right panels, contents and colours of errors."""

import numpy as np
import pytest
from matplotlib.figure import Figure
from pictures import in_grey
from PIL import Image

from minunet.report import drawing, run_pictures
from minunet.report.run_pictures import Segmented

LOG = [{"step": float(k), "energy": 1 / k, "learning_rate": 0.1, "seconds": 1.0} for k in (1, 2, 3)]
LOG[2] |= {"validation_energy": 0.5, "validation_pixel_error": 0.25, "validation_iou": 0.75}


@pytest.fixture
def drawn(monkeypatch):
    """Return the list that collects every figure drawn during the test."""
    seen, write = [], drawing.write
    monkeypatch.setattr(drawing, "write", lambda f, path: (seen.append(f), write(f, path)))
    return seen


def segmented(classes=2, shape=(6, 9), labelled=True, channels=1, seed=0):
    rng = np.random.default_rng(seed)
    p = rng.dirichlet(np.ones(classes), shape).astype(np.float32)
    labels = rng.integers(0, classes, shape).astype(np.uint8) if labelled else None
    return Segmented(rng.random((*shape, channels), np.float32), p, labels)


def shown(axes):
    """Return the pixels of a panel."""
    (picture,) = axes.get_images()
    return np.asarray(picture.get_array())


def assert_png(path):
    with Image.open(path) as image:
        assert image.format == "PNG"
        assert min(image.size) > 100
        assert len(np.unique(np.asarray(image.convert("L")))) > 10  # not blank
    assert [p.name for p in path.parent.iterdir()] == [path.name]


def test_curves(tmp_path, drawn):
    run_pictures.curves(tmp_path / "curves.png", LOG, constant_error=0.2)
    assert_png(tmp_path / "curves.png")
    left, right = drawn[0].axes
    lines = {line.get_label(): line for axes in (left, right) for line in axes.get_lines()}
    np.testing.assert_allclose(lines["each tile"].get_ydata(), [1, 1 / 2, 1 / 3])
    np.testing.assert_allclose(lines["mean of 3 tiles"].get_xydata(), [[3, 11 / 18]])
    np.testing.assert_array_equal(lines["validation"].get_xydata(), [[3, 0.5]])
    np.testing.assert_array_equal(lines["pixel error"].get_xydata(), [[3, 0.25]])
    np.testing.assert_array_equal(lines["IoU, mean over classes"].get_xydata(), [[3, 0.75]])
    np.testing.assert_array_equal(lines["pixel error, baseline"].get_ydata(), [0.2, 0.2])
    assert left.get_yscale() == "log"


@pytest.mark.parametrize(("score", "label"), [("v_rand", "V_Rand after thinning"), ("seg", "SEG")])
def test_the_selecting_score_is_drawn_where_it_was_computed(tmp_path, drawn, score, label):
    run_pictures.curves(tmp_path / "a.png", LOG, 0.2)
    log = [*LOG[:2], LOG[2] | {f"validation_{score}": 0.625}]
    run_pictures.curves(tmp_path / "b.png", log, 0.2)
    without, with_it = (
        {line.get_label(): line for line in figure.axes[1].get_lines()} for figure in drawn
    )
    assert label not in without
    np.testing.assert_array_equal(with_it[label].get_xydata(), [[3, 0.625]])


def test_the_running_mean_ends_at_its_last_tile(tmp_path, drawn):
    energy = np.random.default_rng(0).random(120)
    log = [{"step": float(k + 1), "energy": e} for k, e in enumerate(energy)]
    run_pictures.curves(tmp_path / "curves.png", log, 0.2)
    (line,) = [x for x in drawn[0].axes[0].get_lines() if "mean" in x.get_label()]
    x, y = line.get_data()
    np.testing.assert_array_equal(x, np.arange(50, 121))
    np.testing.assert_allclose(y, [energy[k - 50 : k].mean() for k in range(50, 121)])


@pytest.mark.parametrize("slices", [1, 2])
def test_a_preview_with_labels_has_four_panels_per_slice(tmp_path, drawn, slices):
    given = [segmented(seed=k) for k in range(slices)]
    run_pictures.preview(tmp_path / "preview.png", given, "step 3")
    assert_png(tmp_path / "preview.png")
    (figure,) = drawn
    panels = figure.axes
    assert len(panels) == 4 * slices
    assert [ax.get_title() for ax in panels[:4]] == ["image", "label", "probability", "errors"]
    assert figure.get_suptitle() == "step 3"
    for one, row in zip(given, np.reshape(panels, (slices, 4)), strict=True):
        np.testing.assert_allclose(shown(row[0]), in_grey(one.image[..., 0]))
        np.testing.assert_array_equal(shown(row[1]), one.labels)
        np.testing.assert_array_equal(shown(row[2]), one.p[..., 1])


def test_a_preview_without_labels_has_three_panels(tmp_path, drawn):
    one = segmented(labelled=False)
    run_pictures.preview(tmp_path / "preview.png", [one], "")
    assert [ax.get_title() for ax in drawn[0].axes] == ["image", "probability", "class"]
    np.testing.assert_array_equal(shown(drawn[0].axes[1]), one.p[..., 1])
    np.testing.assert_array_equal(shown(drawn[0].axes[2]), one.p[..., 1] > 0.5)


def test_more_classes_and_a_colour_image(tmp_path, drawn):
    one = segmented(classes=4, channels=3)
    run_pictures.preview(tmp_path / "preview.png", [one], "")
    image, label, predicted, errors = drawn[0].axes
    assert predicted.get_title() == "class"
    np.testing.assert_allclose(shown(image), in_grey(one.image.mean(axis=-1)), rtol=1e-6)
    np.testing.assert_array_equal(shown(label), drawing.coloured(one.labels))
    np.testing.assert_array_equal(shown(predicted), drawing.coloured(one.p.argmax(axis=-1)))
    wrong = one.labels != one.p.argmax(axis=-1)
    red = np.isclose(shown(errors), run_pictures.TOO_LOW, atol=1 / 255).all(axis=-1)
    np.testing.assert_array_equal(red, wrong)
    assert errors.get_xlabel() == "red: wrong class"


def test_errors_are_red_for_too_low_a_class_and_blue_for_too_high(tmp_path, drawn):
    labels = np.array([[0, 0, 1, 1]])
    predicted = np.array([[0, 1, 0, 1]])
    p = np.stack([predicted == 0, predicted == 1], axis=-1).astype(np.float32)
    image = np.array([[[10.0], [99.0], [99.0], [20.0]]])
    image[0, 1:3] = 15
    run_pictures.preview(tmp_path / "preview.png", [Segmented(image, p, labels)], "")
    errors = drawn[0].axes[3]
    (right, high, low, right_too) = shown(errors)[0]
    assert len(set(right)) == len(set(right_too)) == 1  # grey
    assert right[0] < right_too[0]  # as in the image
    red, _, blue = low
    assert red > 2 * blue
    red, _, blue = high
    assert blue > 2 * red
    assert errors.get_xlabel() == "red: 0 instead of 1, blue: 1 instead of 0"


def test_a_constant_image_can_be_drawn(tmp_path, drawn):
    one = segmented()
    run_pictures.preview(tmp_path / "preview.png", [one._replace(image=np.ones((6, 9, 1)))], "")
    assert np.isfinite(shown(drawn[0].axes[3])).all()


@pytest.mark.filterwarnings("error")
def test_the_largest_grey_values_can_be_drawn(tmp_path, drawn):
    image = np.linspace(-3e38, 3e38, 54, dtype=np.float32).reshape(6, 9, 1)
    run_pictures.preview(tmp_path / "preview.png", [segmented()._replace(image=image)], "")
    red = shown(drawn[0].axes[0])[..., 0]
    np.testing.assert_allclose(red.ravel(), np.linspace(0, 1, 54), atol=1e-6)


def test_an_interrupted_write_keeps_the_old_picture(tmp_path, monkeypatch):
    path = tmp_path / "preview.png"
    run_pictures.preview(path, [segmented()], "")
    before = path.read_bytes()

    def crash(self, target, **how):
        target.write_bytes(b"half")
        raise KeyboardInterrupt

    monkeypatch.setattr(Figure, "savefig", crash)
    with pytest.raises(KeyboardInterrupt):
        run_pictures.preview(path, [segmented(seed=1)], "")
    assert path.read_bytes() == before


def test_a_preview_has_the_proportions_of_its_image(tmp_path):
    heights = []
    for rows, columns in ((20, 60), (40, 40), (60, 20)):
        slices = [segmented(shape=(rows, columns), labelled=False)] * 2
        run_pictures.preview(tmp_path / "preview.png", slices, "")
        with Image.open(tmp_path / "preview.png") as picture:
            assert picture.width == 960  # three panels of 3.2 inches at 100 dots per inch
            heights.append(picture.height)
    # A panel is 320 dots wide and as high as its image, without empty space between rows.
    for height, panel in zip(heights, (320 / 3, 320, 320 * 3), strict=True):
        assert 2 * panel <= height <= 2 * panel + 120


def test_a_score_by_threshold_of_two_parts():
    curves = {"training": [0.1 * k for k in range(10)], "validation": [np.nan] + [0.5] * 9}
    (ax,) = run_pictures.by_threshold(curves, 0.7, "SEG").axes
    lines = {line.get_label(): line for line in ax.get_lines()}
    assert set(lines) == {"training", "validation", "chosen: 0.7"}
    thresholds = [0, 0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9]
    for name, values in curves.items():
        np.testing.assert_allclose(lines[name].get_xdata(), thresholds)
        np.testing.assert_array_equal(lines[name].get_ydata(), values)
    np.testing.assert_allclose(lines["chosen: 0.7"].get_xdata(), [0.7, 0.7])
    assert ax.get_ylabel() == "SEG"
    assert ax.get_ylim() == (0, 1)
    assert {text.get_text() for text in ax.get_legend().get_texts()} == set(lines)
