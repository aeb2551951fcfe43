"""The logits of every rectangle equal those of the whole image, and nothing else is read."""

import numpy as np
import pytest

from minunet.errors import InputError
from minunet.image import AVERAGED
from minunet.network import Network, initialization
from minunet.network.architecture import Architecture
from minunet.prediction import averaging, rectangle
from minunet.prediction.tiling import Tiling

TILES = {1: 40, 2: 84, 3: 140}


def network(depth, seed=0):
    arch = Architecture(depth=depth, channels=3)
    return Network(initialization.gaussian(arch, np.random.default_rng(seed)), arch)


def draw(shape, dtype=np.float32):
    return (np.random.default_rng(1).random(shape) * 200).astype(dtype)


class Read:
    """An image that notes which parts of it are read."""

    def __init__(self, image):
        self.image, self.shape, self.dtype, self.parts = image, image.shape, image.dtype, []

    def __getitem__(self, part):
        """Note the part, and read it."""
        self.parts.append(part)
        return self.image[part]


def assembled(net, image, tiling):
    """Return the logits of an image from rectangles; every pixel belongs to one of them."""
    height, width = image.shape[:2]
    down, across = rectangle.sides(image.shape, tiling, net.arch.depth)
    whole = np.full((height, width, net.arch.classes), np.nan, np.float32)
    for top in range(0, height, down):
        for left in range(0, width, across):
            at = slice(top, top + down), slice(left, left + across)
            whole[at] = rectangle.logits(net, image, tiling, at)
    return whole


@pytest.mark.parametrize("shrink", [(1.0, 1.0), (2.0, 2.0), (1.7, 2.3), (0.8, 1.1)])
@pytest.mark.parametrize("average", AVERAGED)
@pytest.mark.parametrize("depth", [1, 2, 3])
def test_rectangles_equal_the_whole_image(depth, average, shrink):
    net, tiling = network(depth), Tiling(TILES[depth], average=average, shrink=shrink)
    for shape in ((61, 53, 1), (1, 40, 1)):
        image = draw(shape)
        expected = averaging.logits(net, image, tiling)
        found = assembled(net, image, tiling)
        # Tiles of other sizes add in another order.
        np.testing.assert_allclose(found, expected, atol=3e-6 * np.abs(expected).max())


def test_with_the_same_tiles_they_are_equal_bit_for_bit():
    net, tiling, image = network(3), Tiling(140), draw((96, 144, 1))
    assert rectangle.sides(image.shape, tiling, 3) == (48, 48)
    whole = averaging.logits(net, image, tiling)
    np.testing.assert_array_equal(assembled(net, image, tiling), whole)


@pytest.mark.parametrize("average", AVERAGED)
def test_integers_are_equal_bit_for_bit_with_any_tiles(average):
    # Sums of small integers are exact, whatever their order.
    arch = Architecture(depth=2, channels=2)
    rng = np.random.default_rng(0)
    params = {k: rng.integers(-1, 2, s).astype(np.float32) for k, s in arch.shapes().items()}
    net, image = Network(params, arch), rng.integers(0, 3, (61, 83, 1)).astype(np.float32)
    whole = averaging.logits(net, image, Tiling(300, average=average))
    assert np.abs(whole).max() > 100
    for tile in (60, 84, 132):
        found = assembled(net, image, Tiling(tile, average=average))
        np.testing.assert_array_equal(found, whole)


@pytest.mark.parametrize(
    ("average", "shrink"), [("none", (1.0, 1.0)), ("symmetries", (1.0, 1.0)), ("none", (2.0, 3.0))]
)
def test_only_what_the_tile_shows_is_read(average, shrink):
    image, tiling = Read(draw((400, 600, 1))), Tiling(140, average=average, shrink=shrink)
    at = slice(200, 210), slice(300, 330)
    rectangle.logits(network(3), image, tiling, at)
    margin, unit = 44, 8
    for part in image.parts:
        for one, wanted, factor in zip(part, at, shrink, strict=True):
            slack = (margin + 2 * unit + 2) * factor
            assert wanted.start - slack <= one.start <= wanted.start - margin * factor
            assert wanted.stop + margin * factor <= one.stop <= wanted.stop + slack


def test_sides_are_even_and_as_large_as_the_tile_allows():
    assert rectangle.sides((1024, 4000, 1), Tiling(348), 3) == (256, 256)  # the step of 348
    assert rectangle.sides((1025, 100, 1), Tiling(348), 3) == (208, 104)  # 5 rows of blocks
    assert rectangle.sides((1000, 1000, 1), Tiling(348, average="flips"), 3) == (200, 200)
    assert rectangle.sides((1000, 1000, 1), Tiling(348, shrink=(2.0, 1.0)), 3) == (334, 200)


@pytest.mark.parametrize("shrink", [(1.0, 1.0), (2.5, 0.7), (3.0, 1.3)])
@pytest.mark.parametrize("average", ["none", "symmetries"])
def test_the_tile_is_large_enough_for_every_rectangle(monkeypatch, average, shrink):
    used = []
    tile_size = rectangle.tile_size
    monkeypatch.setattr(rectangle, "tile_size", lambda *a: used.append(tile_size(*a)) or used[-1])
    monkeypatch.setattr(Network, "logits", lambda _, tile: np.zeros((*tile.shape[:2], 2)))
    net, image = network(3), draw((301, 257, 1))
    tiling = Tiling(148, average=average, shrink=shrink)
    down, across = rectangle.sides(image.shape, tiling, 3)
    for top in range(0, 301, down):
        for left in range(0, 257, across):
            rectangle.logits(
                net, image, tiling, (slice(top, top + down), slice(left, left + across))
            )
    assert 148 - 16 <= max(used) <= 148


def test_a_tile_that_is_too_small_for_what_else_it_must_cover():
    with pytest.raises(
        InputError, match=r"100 pixels is too small for --shrink or --average; pass --tile 116"
    ):
        rectangle.sides((500, 500, 1), Tiling(100, average="flips"), 3)
    rectangle.sides((500, 500, 1), Tiling(116, average="flips"), 3)
    with pytest.raises(InputError, match="92 pixels is too small"):
        rectangle.sides((500, 500, 1), Tiling(92), 3)
