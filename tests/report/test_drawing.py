"""Shared drawing helpers give the right size, layout and colours, and write complete files."""

import numpy as np
import pytest
from matplotlib.figure import Figure
from PIL import Image

from minunet.report import drawing


def test_a_figure_has_its_size_and_its_panels_do_not_overlap():
    figure = drawing.figure(3, 1.5)
    assert figure.get_size_inches().tolist() == [3, 1.5]
    upper, lower = figure.subplots(2)
    upper.set_xlabel("below")
    lower.set_title("above")
    figure.draw_without_rendering()
    # By default, Matplotlib would draw the label and the title on top of each other.
    label, title = upper.xaxis.label.get_window_extent(), lower.title.get_window_extent()
    assert label.y0 > title.y1


@pytest.mark.parametrize("dtype", [np.uint16, np.int32])
def test_cells_are_coloured_by_number_on_black(dtype):
    cells = np.array([[0, 1, 1], [2, 40_000, 0]], dtype)
    colours = drawing.coloured(cells)
    assert colours.shape == (2, 3, 3)
    np.testing.assert_array_equal(colours[cells == 0], 0)
    np.testing.assert_array_equal(colours[0, 1], colours[0, 2])
    np.testing.assert_array_equal(drawing.coloured(np.array([[2]]))[0, 0], colours[1, 0])
    np.testing.assert_array_equal(drawing.coloured(np.array([[-1]]))[0, 0], 0)


def test_hundreds_of_colours_are_distinct_and_nearby_ones_differ_clearly():
    colours = drawing.coloured(np.arange(1, 400)[np.newaxis])[0]
    assert len(np.unique(colours, axis=0)) == 399
    assert colours.max(axis=1).min() > 0.5  # no colour is as dark as the background
    assert np.linalg.norm(np.diff(colours, axis=0), axis=1).min() > 0.3
    assert ((colours >= 0) & (colours <= 1)).all()


def test_a_complete_picture_replaces_the_old_one(tmp_path, monkeypatch):
    path = tmp_path / "a.png"
    path.write_text("before")
    seen, savefig = [], Figure.savefig

    def save(self, target, **how):
        seen.append((target, path.read_text()))
        savefig(self, target, **how)

    monkeypatch.setattr(Figure, "savefig", save)
    drawing.write(Figure(figsize=(2, 1)), path)
    ((beside, text),) = seen
    assert (beside.parent, beside != path, text) == (tmp_path, True, "before")
    with Image.open(path) as image:
        assert (image.format, image.size) == ("PNG", (200, 100))
    assert list(tmp_path.iterdir()) == [path]
