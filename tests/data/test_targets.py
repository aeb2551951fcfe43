"""Training targets have separated labels and the weights computed here by hand."""

import numpy as np
import pytest

from minunet.data.annotation import Annotation, LabelValues
from minunet.data.label_files import of_cells
from minunet.data.targets import PAPER, Weighting, targets


def two_touching_cells():
    """Make cells 5 and 9, which touch between columns 4 and 5."""
    cells = np.zeros((12, 20), np.int32)
    cells[2:9, 2:5], cells[2:9, 5:9] = 5, 9
    return cells


def plain(labels, classes=2):
    annotated = [np.ones(np.shape(label), bool) for label in labels]
    return Annotation(list(labels), LabelValues(tuple(range(classes)), ()), annotated)


@pytest.mark.parametrize("form", ["paper", "later", "balance", "none"])
def test_numbered_cells_are_separated_with_any_weights(form):
    cells = two_touching_cells()
    made = targets(of_cells([cells]), [0], Weighting(form))
    expected = (cells > 0).astype(np.uint8)
    expected[2:9, 4:6] = 0  # each cell loses one column
    np.testing.assert_array_equal(made.labels[0], expected)
    assert made.labels[0].dtype == np.uint8
    np.testing.assert_array_equal(made.cells[0], cells)


@pytest.mark.parametrize("form", ["balance", "none"])
def test_without_a_border_term_plain_labels_do_not_change(form):
    labels = np.eye(4, 6, dtype=np.uint8)  # four pixels that touch at corners
    made = targets(plain([labels]), [0], Weighting(form))
    np.testing.assert_array_equal(made.labels[0], labels)
    assert made.cells[0].max() == 4


def test_with_a_border_term_components_touching_at_corners_are_separated():
    labels = np.zeros((9, 12), np.uint8)
    labels[1:4, 1:4] = labels[4:8, 4:9] = 1
    made = targets(plain([labels]), [0], Weighting())
    labels[3, 3] = labels[4, 4] = 0
    np.testing.assert_array_equal(made.labels[0], labels)


def test_the_border_term_by_hand():
    # 7 * (2 + 3) cell pixels remain; in the gap, d1 + d2 = 3 in both columns.
    cells = two_touching_cells()
    made = targets(of_cells([cells]), [0], Weighting("paper", w0=7.0, sigma=2.0))
    n1, n = 7 * (2 + 3), 12 * 20
    w_c = [n / (2 * (n - n1)), n / (2 * n1)]
    w = made.weight_maps[0]
    assert w.dtype == np.float32
    assert w[5, 3] == pytest.approx(w_c[1], rel=1e-6)
    for column in (4, 5):
        gap = w_c[0] + 7 * np.exp(-(3**2) / (2 * 2**2))
        assert w[5, column] == pytest.approx(gap, rel=1e-6)
    assert w[11, 19] == pytest.approx(w_c[0], rel=1e-4)  # far from both: d1 + d2 > 20


@pytest.mark.parametrize(("form", "distinct"), [("none", 1), ("balance", 2)])
def test_weight_maps_of_the_forms_none_and_balance(form, distinct):
    labels = [np.array([[0, 0, 0, 1]], np.uint8), np.array([[0, 1, 1, 1]], np.uint8)]
    made = targets(plain(labels), [0], Weighting(form))  # balanced over the first image
    assert len(np.unique(made.weight_maps)) == distinct
    w_c = np.array([4 / 6, 4 / 2] if form == "balance" else [1, 1])
    for w, label in zip(made.weight_maps, labels, strict=True):
        np.testing.assert_allclose(w, w_c[label], rtol=1e-6)


def test_the_later_form_differs_from_the_papers():
    paper, later = (
        targets(of_cells([two_touching_cells()]), [0], Weighting(form)).weight_maps[0]
        for form in ("paper", "later")
    )
    assert later[5, 2] == 1  # cell
    assert later[5, 4] > 45  # about 50 where the cells touch
    assert paper[5, 4] < 12


def test_more_than_two_classes_have_no_cells():
    labels = [np.array([[0, 1, 2], [2, 1, 0]], np.uint8)]
    made = targets(plain(labels, 3), [0], Weighting())
    assert made.cells is None
    np.testing.assert_allclose(made.weight_maps[0], 1, rtol=1e-6)
    assert "no border term" in made.description


@pytest.mark.parametrize("form", ["paper", "later", "balance", "none"])
def test_pixels_that_are_not_annotated_have_no_weight(form):
    cells = two_touching_cells()
    ignored = np.zeros(cells.shape, bool)
    ignored[9:] = True
    made = targets(of_cells([cells], [~ignored]), [0], Weighting(form))
    w = made.weight_maps[0]
    assert (w[ignored] == 0).all()
    assert (w[~ignored] > 0).all()
    if form == "balance":
        assert w[~ignored].mean() == pytest.approx(1, rel=1e-6)


def test_by_default_the_constants_are_those_of_the_paper():
    assert Weighting() == PAPER == ("paper", 10.0, 5.0)
    w = targets(of_cells([two_touching_cells()]), [0], Weighting()).weight_maps[0]
    w_c = 240 / (2 * (240 - 35))  # of the background: 35 of 240 pixels remain cell
    assert w[5, 4] == pytest.approx(w_c + 10 * np.exp(-9 / 50), rel=1e-6)
    assert w[5, 4] == pytest.approx(8.938, abs=1e-3)
