"""A stack is segmented slice by slice, each slice is freed, and the right ones are drawn."""

import weakref

import numpy as np
import pytest
import tifffile

from minunet.data.image_files import Slices
from minunet.network import initialization
from minunet.prediction import stack
from minunet.prediction.instances import Rule
from minunet.prediction.model import Model
from minunet.prediction.stack import Labelling, Maps, Task
from minunet.prediction.tiling import Tiling
from minunet.runs.settings import from_options

SHAPE = (3, 20, 31)


def write_stack(path, **how):
    stack = np.random.default_rng(0).integers(0, 256, SHAPE).astype(np.uint8)
    tifffile.imwrite(path, stack, photometric="minisblack", **how)
    return Slices(path)


def task(average="none", **settings):
    chosen = from_options(preset="tiny", depth=1, channels=3, tile=24, **settings)
    params = initialization.gaussian(chosen.architecture, np.random.default_rng(0))
    model = Model(params, chosen, step=0)
    return Task(
        model, SHAPE, Tiling(24, average=average), Labelling((0, 1), False, None, Rule(smallest=1))
    )


def maps(labels=np.uint8):
    return Maps(np.zeros((3, 1, 20, 31), np.float32), np.zeros(SHAPE, labels))


class Watched(Slices):
    """Slices that check that the previous slice has been freed when the next is loaded."""

    def __init__(self, path):
        super().__init__(path)
        self.last = None

    def __getitem__(self, k):
        """Load a slice, and check that the previous one has been freed."""
        image = super().__getitem__(k)
        owner = image if image.base is None else image.base
        if self.last is not None:
            assert self.last() is None, "two slices in memory at once"
        self.last = weakref.ref(owner)
        return image


@pytest.mark.parametrize("scaling", ["none", "image"])
def test_a_slice_is_freed_before_the_next_is_loaded(tmp_path, scaling):
    write_stack(tmp_path / "a.tif", compression="deflate")
    images, this = Watched(tmp_path / "a.tif"), task(scaling=scaling)
    assert len(list(stack.fill(this, images, maps()))) == 3
    assert images.last is not None


def test_tiles_by_hand():
    # Outputs of 8 pixels: three for 20 rows, four for 31 columns; `flips` has four versions.
    assert task().tiles == 12
    assert task("flips").tiles == 48


def test_the_preview_shows_slices_with_their_own_cells(tmp_path, monkeypatch):
    images, drawn = write_stack(tmp_path / "a.tif"), []
    monkeypatch.setattr("minunet.report.run_pictures.preview", lambda p, s, t: drawn.extend(s))
    rng = np.random.default_rng(1)
    found = Maps(rng.random((3, 1, 20, 31)), rng.integers(0, 9, SHAPE, np.uint16))
    stack.preview(tmp_path / "p.png", images, found, cells=True)
    for one, k in zip(drawn, (0, 2), strict=True):
        np.testing.assert_array_equal(one.image, images[k])
        np.testing.assert_array_equal(one.p[..., 1], found.p[k, 0])
        np.testing.assert_array_equal(one.cells, found.labels[k])
    stack.preview(tmp_path / "p.png", images, found, cells=False)
    assert drawn[-1].cells is None


def test_labels_are_the_values_of_the_most_probable_class():
    p = np.array([[[0.2, 0.5, 0.3], [0.1, 0.3, 0.6]], [[0.4, 0.3, 0.3], [0.4, 0.4, 0.2]]])
    found = Labelling((0, 7, 255), False, None, Rule(smallest=1)).classes(p)
    assert found.dtype == np.uint8
    np.testing.assert_array_equal(found, [[7, 255], [0, 0]])  # equal: the first class


def test_the_threshold_0_is_a_threshold():
    p = np.array([[[1.0, 0.0], [0.75, 0.25], [0.25, 0.75]]], np.float32)
    np.testing.assert_array_equal(Labelling((0, 1), False, 0.0, Rule()).classes(p), [[0, 1, 1]])
    np.testing.assert_array_equal(
        Labelling((0, 1), False, None, Rule(smallest=1)).classes(p), [[0, 0, 1]]
    )
    np.testing.assert_array_equal(Rule(0.0, smallest=1).cells(p[..., 1]), [[0, 1, 1]])


def test_class_1_needs_a_probability_above_the_threshold():
    p = np.array([[[0.75, 0.25], [0.625, 0.375], [0.5, 0.5]]])
    found = Labelling((0, 255), False, 0.375, Rule()).classes(p)
    np.testing.assert_array_equal(found, [[0, 0, 255]])


@pytest.mark.parametrize("rule", [Rule(), Rule(0.55, None, 2), Rule(0.6, 0.45, 1, 8)])
def test_cells_are_those_of_the_rule(tmp_path, rule):
    images, this, found = write_stack(tmp_path / "a.tif"), task(), maps(np.uint16)
    this = this._replace(labelling=Labelling((0, 1), True, None, rule))
    list(stack.fill(this, images, found))
    for p, labels in zip(found.p, found.labels, strict=True):
        np.testing.assert_array_equal(labels, rule.cells(p[0]))
    assert found.labels.max() > 1


@pytest.mark.parametrize("shrink", [(1.0, 1.0), (2.0, 1.5)])
def test_every_tile_is_reported_and_arrays_are_the_given_ones(tmp_path, shrink):
    images, this, calls, made = write_stack(tmp_path / "a.tif"), task("flips"), [], []
    this = this._replace(tiling=this.tiling._replace(shrink=shrink))

    def empty(shape, dtype):
        made.append((shape, dtype))
        return np.full(shape, np.nan, dtype)

    found = maps()
    list(stack.fill(this, images, found, empty, lambda: calls.append(1)))
    assert len(calls) == 3 * this.tiles
    assert np.isfinite(found.p).all()
    small = (20, 31) if shrink == (1, 1) else (10, 21)
    expected = [(*small, 2)] if shrink == (1, 1) else [(*small, 1), (*small, 2), (*small, 2)]
    assert made == [(shape, np.float32) for shape in expected * 3]


def test_the_preview_of_one_slice_and_of_every_nth_pixel(tmp_path, monkeypatch):
    drawn, titles = [], []

    def preview(path, slices, title):
        drawn.extend(slices)
        titles.append(title)

    monkeypatch.setattr("minunet.report.run_pictures.preview", preview)
    image = np.arange(6 * 1025, dtype=np.uint16).reshape(1, 6, 1025, 1)
    p = np.random.default_rng(1).random((1, 3, 6, 1025))
    stack.preview(tmp_path / "p.png", image, Maps(p, np.zeros((1, 6, 1025))), cells=False)
    (one,) = drawn  # every third of 1025 pixels, because 512 are the maximum
    np.testing.assert_array_equal(one.image, image[0, ::3, ::3])
    np.testing.assert_array_equal(one.p, np.moveaxis(p[0], 0, -1)[::3, ::3])
    assert titles == ["slices 0 of 1"]
    stack.preview(tmp_path / "p.png", image, Maps(p, np.zeros((1, 6, 1025))), False, ["img 10"])
    assert titles[1:] == ["slices 0 img 10 of 1"]


@pytest.mark.parametrize("name", ["a$b$c_{x", "\u7ec6\u80de", "z" * 200])
def test_names_of_slices_may_contain_anything(tmp_path, name):
    image, p = np.zeros((1, 6, 9, 1), np.uint8), np.full((1, 1, 6, 9), 0.5)
    stack.preview(tmp_path / "p.png", image, Maps(p, np.zeros((1, 6, 9))), False, [name])
    assert (tmp_path / "p.png").stat().st_size > 1000
