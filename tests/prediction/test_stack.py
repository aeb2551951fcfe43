"""A stack slice by slice: nothing is kept of a slice, and which slices are drawn how."""

import weakref

import numpy as np
import pytest
import tifffile

from minunet.data.image_files import Slices
from minunet.network import initialization
from minunet.prediction import stack
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
    return Task(model, SHAPE, Tiling(24, average=average), Labelling((0, 1), False, None, 1))


def maps(labels=np.uint8):
    return Maps(np.zeros((3, 1, 20, 31), np.float32), np.zeros(SHAPE, labels))


class Watched(Slices):
    """Slices that see to it that the one before is gone when one is asked for."""

    def __init__(self, path):
        super().__init__(path)
        self.last = None

    def __getitem__(self, k):
        """Load a slice, and tell whether the last one is still there."""
        image = super().__getitem__(k)
        owner = image if image.base is None else image.base
        if self.last is not None:
            assert self.last() is None, "two slices in memory at once"
        self.last = weakref.ref(owner)
        return image


@pytest.mark.parametrize("scaling", ["none", "image"])
def test_a_slice_is_gone_before_the_next_is_segmented(tmp_path, scaling):
    write_stack(tmp_path / "a.tif", compression="deflate")
    images, this = Watched(tmp_path / "a.tif"), task(scaling=scaling)
    stack.fill(this, images, maps())
    assert images.last is not None


def test_tiles_by_hand():
    # Outputs of 8 pixels: three for 20, four for 31; four versions of a flip.
    assert task().tiles == 12
    assert task("flips").tiles == 48


def test_cells_are_drawn_beside_their_slice(tmp_path, monkeypatch):
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
