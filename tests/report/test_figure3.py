"""Figure 3 is written with the right contents in every panel."""

import numpy as np
import pytest
from matplotlib.figure import Figure
from pictures import in_grey
from PIL import Image

from minunet.data import weight_map
from minunet.errors import InputError
from minunet.report import figure3

INSTANCES = np.zeros((6, 9), np.uint16)
INSTANCES[1:5, 1:4] = 40_000
INSTANCES[1:5, 4:8] = 7  # touches the first

WEIGHTS = weight_map.paper(INSTANCES, np.array([1.5, 0.75]))


@pytest.fixture
def drawn(monkeypatch):
    """Return the list that collects every figure drawn during the test."""
    seen, savefig = [], Figure.savefig

    def save(self, *args, **how):
        seen.append(self)
        savefig(self, *args, **how)

    monkeypatch.setattr(Figure, "savefig", save)
    return seen


def image(shape=(6, 9)):
    return np.random.default_rng(0).random(shape, np.float32)


def shown(axes):
    """Return the pixels of a panel."""
    (picture,) = axes.get_images()
    return np.asarray(picture.get_array())


def test_the_four_panels(tmp_path, drawn):
    figure3.figure3(tmp_path / "figure3.png", image(), INSTANCES, WEIGHTS)
    with Image.open(tmp_path / "figure3.png") as picture:
        assert picture.format == "PNG"
        assert len(np.unique(np.asarray(picture.convert("L")))) > 10  # not blank
    assert [p.name for p in tmp_path.iterdir()] == ["figure3.png"]
    *panels, bar = drawn[0].axes
    titles = ["(a) image", "(b) cells", "(c) label, cells separated", "(d) weight map"]
    assert [ax.get_title() for ax in panels] == titles
    np.testing.assert_allclose(shown(panels[0]), in_grey(image()))
    label = (INSTANCES > 0).astype(int)
    label[:, 3:5] = 0  # the border
    np.testing.assert_array_equal(shown(panels[2]), label)
    assert panels[2].get_images()[0].get_clim() == (0, 1)
    np.testing.assert_array_equal(shown(panels[3]), WEIGHTS)
    assert panels[3].get_images()[0].get_clim() == (0, WEIGHTS.max())
    assert bar.get_ylim() == pytest.approx((0, WEIGHTS.max()))


def test_every_cell_has_its_own_colour_and_background_is_black(tmp_path, drawn):
    cells = np.arange(-1, 300).reshape(7, 43) * 3  # the first two are background
    figure3.figure3(tmp_path / "figure3.png", image((7, 43)), cells, image((7, 43)))
    colours = shown(drawn[0].axes[1]).reshape(-1, 3)
    np.testing.assert_array_equal(colours[:2], 0)
    assert len(np.unique(colours, axis=0)) == 300
    assert colours[2:].max(axis=1).min() > 0.5  # no colour is as dark as the background
    # Cells with consecutive numbers often touch: their colours differ clearly.
    assert np.linalg.norm(np.diff(colours[2:], axis=0), axis=1).min() > 0.3
    assert ((colours >= 0) & (colours <= 1)).all()


def test_all_pixels_of_a_cell_have_the_same_colour(tmp_path, drawn):
    figure3.figure3(tmp_path / "figure3.png", image(), INSTANCES, WEIGHTS)
    colours = shown(drawn[0].axes[1])
    for k in (0, 7, 40_000):
        assert len(np.unique(colours[INSTANCES == k], axis=0)) == 1


def test_channels_are_averaged(tmp_path, drawn):
    colour = image((6, 9, 3))
    figure3.figure3(tmp_path / "figure3.png", colour, INSTANCES, WEIGHTS)
    expected = in_grey(colour.sum(axis=-1, dtype=np.float64) / 3)
    np.testing.assert_allclose(shown(drawn[0].axes[0]), expected, atol=1e-6)


def test_a_map_without_cells_can_be_drawn(tmp_path):
    none = np.zeros((6, 9), int)
    figure3.figure3(tmp_path / "figure3.png", image(), none, weight_map.later(none))
    assert (tmp_path / "figure3.png").is_file()


def test_instances_must_be_an_integer_map(tmp_path):
    with pytest.raises(InputError, match="must be integers"):
        figure3.figure3(tmp_path / "figure3.png", image(), image(), WEIGHTS)
    assert not list(tmp_path.iterdir())


def test_an_interrupted_write_keeps_the_old_picture(tmp_path, monkeypatch):
    path = tmp_path / "figure3.png"
    figure3.figure3(path, image(), INSTANCES, WEIGHTS)
    before = path.read_bytes()

    def crash(self, target, **how):
        target.write_bytes(b"half")
        raise KeyboardInterrupt

    monkeypatch.setattr(Figure, "savefig", crash)
    with pytest.raises(KeyboardInterrupt):
        figure3.figure3(path, image(), INSTANCES, 2 * WEIGHTS)
    assert path.read_bytes() == before


def test_the_picture_has_the_proportions_of_the_image(tmp_path):
    heights = []
    for rows, columns in ((20, 60), (40, 41), (60, 20)):
        cells = np.ones((rows, columns), int)
        figure3.figure3(tmp_path / "figure3.png", cells, cells, cells)
        with Image.open(tmp_path / "figure3.png") as picture:
            assert picture.width == 1860  # four panels of 4.5 inches and a colour bar
            heights.append(picture.height)
    for height, panel in zip(heights, (450 / 3, 450 * 40 / 41, 450 * 3), strict=True):
        assert panel <= height <= panel + 60
