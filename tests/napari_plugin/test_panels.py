"""The panels, without a window: what they do is in other modules, so here is how it is connected.

Qt draws them into memory. A viewer with a window needs OpenGL as well, and is not tested here.
"""

import time

import numpy as np
import pytest
from commands import draw_stack

from minunet.data.synthetic import em_stack

LONGEST = 120
"""Seconds after which a worker is taken to hang."""


@pytest.fixture
def app(monkeypatch, napari):
    """Return the application of Qt, which needs no display."""
    monkeypatch.setenv("QT_QPA_PLATFORM", "offscreen")
    widgets = pytest.importorskip("qtpy.QtWidgets", exc_type=ImportError)
    return widgets.QApplication.instance() or widgets.QApplication([])


@pytest.fixture
def shown(monkeypatch, napari):
    """Collect the error messages that are shown."""
    messages = []
    monkeypatch.setattr(napari.utils.notifications, "show_error", messages.append)
    return messages


def opened(name, viewer):
    """Open a panel next to a viewer, whose layers it offers as napari does."""
    from minunet.napari_plugin import panels

    panel = getattr(panels, name)(viewer)
    kinds = {"image": "Image", "labels": "Labels", "result": "Labels"}

    def refresh():
        for choice, kind in kinds.items():
            layers = [one for one in viewer.layers if type(one).__name__ == kind]
            if hasattr(panel, choice):
                getattr(panel, choice).choices = layers

    refresh()
    viewer.layers.events.inserted.connect(refresh)
    return panel


def wait(app, panel):
    """Let the worker end."""
    started = time.monotonic()
    while panel.worker is not None:
        assert time.monotonic() - started < LONGEST
        app.processEvents()
        time.sleep(0.01)
    return panel.status.value


def test_segment_adds_a_layer_where_the_image_is(app, shown, napari):
    viewer = napari.components.ViewerModel()
    images = em_stack((2, 64, 80), np.random.default_rng(0)).images
    viewer.add_image(images, name="em", scale=(50, 4, 4), translate=(5, 6, 7), units=["nm"] * 3)
    panel = opened("SegmentPanel", viewer)
    panel.show.value = "cells"
    panel.start.changed.emit(True)
    assert not panel.start.enabled
    assert wait(app, panel) == "done"
    assert panel.start.enabled
    cells = viewer.layers["em em cells"]
    assert isinstance(cells, napari.layers.Labels)
    assert (tuple(cells.scale), tuple(cells.translate)) == ((50, 4, 4), (5, 6, 7))
    assert cells.units == viewer.layers["em"].units
    assert cells.data.max() > 1
    assert shown == []


def test_a_pixel_size_overrides_that_of_the_layer(app, napari):
    viewer = napari.components.ViewerModel()
    viewer.add_image(np.zeros((20, 30)), scale=(4, 5), units=["nm"] * 2)
    panel = opened("SegmentPanel", viewer)
    assert panel.pixel_size() == (0.004, 0.005)
    panel.pixel.value = 8
    assert panel.pixel_size() == (0.008, 0.008)


def test_errors_are_one_sentence(app, shown, napari):
    viewer = napari.components.ViewerModel()
    panel = opened("SegmentPanel", viewer)
    panel.start.changed.emit(True)
    viewer.add_image(np.full((20, 30), np.nan))
    panel.start.changed.emit(True)
    assert wait(app, panel) == "failed"
    viewer = napari.components.ViewerModel()
    viewer.add_image(np.zeros((2, 20, 30)))
    panel = opened("TrainPanel", viewer)
    panel.start.changed.emit(True)
    panel.adopt.changed.emit(True)
    there_is_no_image, not_finite, no_annotations, no_result = shown
    assert "open one first" in there_is_no_image
    assert "not finite" in not_finite
    assert "add a labels layer" in no_annotations
    assert "train first" in no_result


def test_annotate_train_adopt_train_on(app, shown, napari, tmp_path):
    viewer = napari.components.ViewerModel()
    images, labels = draw_stack((3, 40, 50))
    viewer.add_image(images, name="em")
    paint = viewer.add_labels(np.zeros_like(labels), name="paint")
    paint.data[0] = labels[0] + 1
    panel = opened("TrainPanel", viewer)
    panel.folder.value, panel.unit.value, panel.amount.value = tmp_path / "runs/napari", "steps", 2
    panel.start.changed.emit(True)
    assert wait(app, panel) == "done"
    first = tmp_path / "runs/napari/run/best.npz"
    assert (panel.model.value, panel.file.value) == ("a file", first)
    assert panel.folder.value == tmp_path / "runs/napari-2"
    assert len(panel.figure.axes[0].lines) == 2
    result = viewer.layers[-1]
    assert (panel.labels.value, panel.result.value) == (paint, result)
    assert set(np.unique(result.data)) <= {1, 2}
    assert viewer.layers.selection.active is paint

    viewer.dims.set_point(0, 1.8)  # where napari shows slice 2
    panel.adopt.changed.emit(True)
    np.testing.assert_array_equal(paint.data[2], result.data[2])
    np.testing.assert_array_equal(paint.data[:2], [labels[0] + 1, 0 * labels[1]])
    paint.undo()
    assert not paint.data[2].any()
    paint.redo()
    assert not result.visible
    assert viewer.layers.selection.active is paint

    panel.start.changed.emit(True)
    assert wait(app, panel) == "done"
    assert (tmp_path / "runs/napari-2/run/best.npz").is_file()
    assert not result.visible
    assert shown == []


def training_panel(app, napari, folder):
    """Start a long training in a viewer; return the panel once it trains."""
    viewer = napari.components.ViewerModel()
    images, labels = draw_stack((2, 40, 50))
    viewer.add_image(images, name="em")
    viewer.add_labels(labels + 1, name="paint")
    panel = opened("TrainPanel", viewer)
    panel.folder.value, panel.unit.value, panel.amount.value = folder, "steps", 10**5
    panel.start.changed.emit(True)
    started = time.monotonic()
    while "training" not in panel.status.value:
        assert time.monotonic() - started < LONGEST
        app.processEvents()
    return panel


def test_stop_keeps_what_was_learnt(app, shown, napari, tmp_path):
    panel = training_panel(app, napari, tmp_path / "a")
    panel.stop.changed.emit(True)
    assert wait(app, panel) == "done"
    assert panel.file.value == tmp_path / "a/run/last.npz"
    assert panel.viewer.layers[-1].name == "em a classes"
    assert shown == []


def test_a_panel_that_is_closed_stops_its_run(app, shown, napari, tmp_path):
    panel = training_panel(app, napari, tmp_path / "a")
    started = time.monotonic()
    panel.container.native.deleteLater()
    while panel.run.process.poll() is None:
        assert time.monotonic() - started < LONGEST
        app.sendPostedEvents(None, 52)  # QEvent.DeferredDelete
        app.processEvents()
    assert "everything is saved" in panel.run.printed.read_text("utf-8")
    assert len(panel.viewer.layers) == 2
    assert shown == []
