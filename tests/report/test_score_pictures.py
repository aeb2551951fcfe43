"""Pictures of splits, mergers and cells have the right colours and panels at any size."""

import numpy as np
import pytest
from matplotlib import colormaps

from minunet.report import drawing, score_pictures
from minunet.report.drawing import coloured

WHITE = (1.0, 1.0, 1.0)
RED, BLUE = score_pictures.SPLIT, score_pictures.MERGER


def two_cells():
    """Make two cells; the prediction has a gap in the wall and an extra wall in the right cell."""
    truth = np.ones((9, 13), int)
    truth[:, 4], truth[:, 5:] = 0, 2
    p = np.where(truth > 0, 0.9, 0.2)
    p[7, 4], p[:, 9] = 0.8, 0.1
    return truth, p


def shown(figure):
    """Return the pixels drawn in each panel, without colour bars."""
    return [ax.images[0].get_array() for ax in figure.axes if ax.images]


def test_splits_are_red_and_mergers_blue():
    truth, p = two_cells()
    *_, panel = score_pictures.em_panels(None, truth, p, 0.5)
    colours = panel.pixels.reshape(-1, 3)
    red, blue = (np.all(panel.pixels == colour, axis=-1) for colour in (RED, BLUE))
    # The wall grows from above until only one pixel connects the cell. Errors are drawn thicker.
    expected = np.zeros((2, 9, 13), bool)
    expected[0, 7:9, 8:11] = expected[1, 6:9, 3:6] = True
    np.testing.assert_array_equal([red, blue], expected)
    # The rest shows the probability, from FAINT to white.
    assert len(np.unique(colours, axis=0)) == 2 + len(np.unique(p[~red & ~blue]))
    np.testing.assert_allclose(panel.pixels[0, 9], score_pictures.FAINT)
    np.testing.assert_allclose(panel.pixels[0, 0], 1)
    (splits, split_colour), (mergers, merger_colour) = panel.rings
    assert (split_colour, merger_colour) == (RED, BLUE)
    np.testing.assert_allclose(splits, [[7.5, 9]])
    np.testing.assert_allclose(mergers, [[7, 4]])
    ax = score_pictures.em_slice(None, truth, p, 0.5).axes[-1]
    np.testing.assert_allclose(
        [rings.get_offsets()[0] for rings in ax.collections], [[9, 7.5], [4, 7]]
    )
    assert panel.note == "splits (red): 1 px in 1 place; mergers (blue): 1 px in 1 place"
    assert panel.title == "splits and mergers at threshold 0.5"


def test_errors_depend_on_the_threshold():
    truth, p = two_cells()
    assert "splits (red): 0 px in 0 places; mergers (blue): 9" in (
        score_pictures.em_panels(None, truth, p, 0.05)[-1].note
    )
    perfect = score_pictures.em_panels(None, truth, (truth > 0).astype(np.float32), 0.5)[-1]
    assert perfect.note == "splits (red): 0 px in 0 places; mergers (blue): 0 px in 0 places"
    assert all(places.shape == (0, 2) for places, _ in perfect.rings)


def test_cells_are_coloured_by_iou():
    # Cell 1 and segment 5 share 4 of 5 pixels; cell 2 is missed; segment 6 matches no cell.
    truth = np.array([[1, 1, 1, 1, 0, 2, 2, 0, 0, 0, 0]])
    proposal = np.array([[5, 5, 5, 5, 5, 0, 0, 0, 6, 6, 6]])
    renamed, panel = score_pictures.cells_panels(None, truth, proposal)[1:]
    green = colormaps[score_pictures.IOU](4 / 5)[:3]
    expected = [[green] * 4 + [(0, 0, 0)] + [RED] * 2 + [WHITE] + [BLUE] * 3]
    np.testing.assert_allclose(panel.pixels, expected)
    assert panel.note == "2 cells: 1 missed (red), 0 merged; 2 segments: 1 unmatched (blue)"
    assert panel.colours == score_pictures.IOU
    # The matching segment has the colour of its cell; the other one has its own.
    np.testing.assert_array_equal(renamed.pixels[0, :5], coloured(truth)[0, [0, 0, 0, 0, 0]])
    colours = np.unique(renamed.pixels[0], axis=0)
    assert len(colours) == 3
    assert not np.any(np.all(coloured(truth)[0, 5] == colours, axis=-1))


def test_outlines_of_the_proposal_are_black_and_blue():
    truth = np.ones((7, 9), int)
    proposal = np.full((7, 9), 3)
    proposal[2:5, 3:6] = 8
    pixels = score_pictures.cells_panels(None, truth, proposal)[-1].pixels
    green = colormaps[score_pictures.IOU](54 / 63)[:3]
    expected = np.full((7, 9, 3), green)
    # Pixels of segment 3 next to segment 8, and all of segment 8 but its centre, are edges.
    for y, x in [(1, 3), (1, 4), (1, 5), (5, 3), (5, 4), (5, 5), (2, 2), (3, 2), (4, 2)]:
        expected[y, x] = 0
    expected[2:5, 6] = 0
    expected[2:5, 3:6] = BLUE
    expected[3, 4] = green
    np.testing.assert_allclose(pixels, expected)


def test_wrong_classes_are_red():
    truth, predicted = np.array([[0, 1, 2, 1]]), np.array([[0, 2, 2, 0]])
    annotated = np.array([[False, True, True, True]])
    first, second, errors = score_pictures.classes_panels(
        None, truth, predicted, ["0", "7", "9"], annotated
    )
    unknown = score_pictures.UNKNOWN
    np.testing.assert_array_equal(first.pixels[0, 1:], coloured(truth)[0, 1:])
    np.testing.assert_allclose(first.pixels[0, 0], unknown)
    np.testing.assert_array_equal(second.pixels, coloured(predicted))
    np.testing.assert_allclose(errors.pixels, [[unknown, RED, WHITE, RED]])
    assert errors.note == "wrong class (red): 2 px, 66.67%"
    assert [name for _, name in first.legend] == ["0", "7", "9"]
    assert first.legend[0][0] == "#000000"
    figure = score_pictures.draw([[first, second, errors]])
    texts = [text.get_text() for text in figure.axes[0].get_legend().get_texts()]
    assert texts == ["0", "7", "9"]


def test_pixels_that_are_not_annotated_are_no_errors():
    truth, p = two_cells()
    annotated = np.ones(truth.shape, bool)
    annotated[:, 8:] = False  # the wall that splits a cell; the gap in the other wall remains
    panels = score_pictures.em_panels(None, truth, p, 0.5, annotated)
    assert panels[-1].note == "splits (red): 0 px in 0 places; mergers (blue): 1 px in 1 place"
    np.testing.assert_allclose(panels[0].pixels[:, 8:], np.full((9, 5, 3), score_pictures.UNKNOWN))
    truth = np.array([[1, 1, 0, 2, 2, 0]])
    proposal = np.array([[5, 5, 0, 0, 0, 6]])
    annotated = np.array([[True, True, True, False, False, False]])
    *_, panel = score_pictures.cells_panels(None, truth, proposal, annotated)
    assert panel.note == "1 cells: 0 missed (red), 0 merged; 1 segments: 0 unmatched (blue)"
    np.testing.assert_allclose(panel.pixels[0, 3:], [score_pictures.UNKNOWN] * 3)


def test_merged_cells_and_empty_maps():
    truth, proposal = np.array([[1, 1, 0, 2, 2]]), np.array([[4, 4, 4, 4, 4]])
    assert "0 missed (red), 2 merged" in score_pictures.cells_panels(None, truth, proposal)[-1].note
    nothing = np.zeros_like(truth)
    for one, other in ((nothing, proposal), (truth, nothing), (nothing, nothing)):
        assert len(shown(score_pictures.cells_slice(None, one, other))) == 3


@pytest.mark.parametrize("dtype", [np.uint8, np.float32, np.int16])
def test_four_panels_with_an_image_and_three_without(dtype):
    truth, p = two_cells()
    image = (np.arange(truth.size).reshape(truth.shape) % 100).astype(dtype)
    for array in (truth, p, image):
        array.flags.writeable = False
    scaled = np.repeat(image[..., np.newaxis] / 99, 3, axis=-1)
    for with_image, without, titles in (
        (
            score_pictures.em_slice(image, truth, p, 0.5),
            score_pictures.em_slice(None, truth, p, 0.5),
            ["image", "truth", "probability of cell", "splits and mergers at threshold 0.5"],
        ),
        (
            score_pictures.cells_slice(image, truth, 2 * truth),
            score_pictures.cells_slice(None, truth, 2 * truth),
            [
                *("image", "truth", "proposal, coloured by matching cell"),
                "IoU of the true cells, proposal outlined",
            ],
        ),
    ):
        assert [" ".join(ax.get_title().split()) for ax in with_image.axes if ax.images] == titles
        assert [" ".join(ax.get_title().split()) for ax in without.axes if ax.images] == titles[1:]
        first, second, *_ = shown(with_image)
        np.testing.assert_allclose(first, scaled, atol=1e-7)
        np.testing.assert_allclose(second, coloured(truth))
    np.testing.assert_array_equal(shown(score_pictures.em_slice(image, truth, p, 0.5))[2], p)


def test_errors_are_painted_over_the_image_if_given():
    truth, p = two_cells()
    image = np.where(np.arange(13) < 6, 10, 30) * np.ones((9, 1), int)
    pixels = score_pictures.em_panels(image, truth, p, 0.5)[-1].pixels
    np.testing.assert_allclose(pixels[0, [0, 12]], [[score_pictures.FAINT] * 3, WHITE])
    pixels = score_pictures.cells_panels(image, 0 * truth, 0 * truth)[-1].pixels
    np.testing.assert_allclose(pixels[0, [0, 12]], [[score_pictures.FAINT] * 3, WHITE])


@pytest.mark.parametrize(
    ("shapes", "height"),
    [
        # 5 inches for a square image, limited to 0.3 … 3 times that, plus 0.6 for text.
        ([(9, 13)], 5 * 9 / 13 + 0.6),
        ([(9, 13), (30, 8)], 5 * 9 / 13 + 0.6 + 15.6),
        ([(2, 2), (1, 40), (40, 2)], 5.6 + 2.1 + 15.6),
    ],
)
def test_pictures_with_slices_of_any_size_are_written(tmp_path, shapes, height):
    rng = np.random.default_rng(0)
    for k, panels in enumerate((score_pictures.em_panels, score_pictures.cells_panels)):
        rows = [
            panels(None, rng.integers(0, 3, shape), rng.integers(0, 2, shape), *[0.5] * (k == 0))
            for shape in shapes
        ]
        figure = score_pictures.draw(rows, [f"slice {shape}" for shape in shapes])
        np.testing.assert_allclose(figure.get_size_inches(), (5 * len(rows[0]), height))
        drawing.write(figure, tmp_path / f"{k}.png")
        assert [
            ax.get_ylabel() for ax in figure.axes if ax.images and ax.get_title() == "truth"
        ] == [f"slice {shape}" for shape in shapes]
        assert (tmp_path / f"{k}.png").stat().st_size > 1000
