"""Training tiles are consistent, sampled uniformly and made ahead by one thread."""

import sys
import threading
import time
from collections import defaultdict
from contextlib import closing
from itertools import product

import numpy as np
import pytest

from minunet import augmentation
from minunet.errors import InputError
from minunet.image import Sample
from minunet.training import sampling

NONE, SYMMETRIES, PAPER = (augmentation.SETS[name] for name in ("none", "symmetries", "paper"))


def positions(height, width, first=0):
    """Make an image of pixel coordinates, and labels that number the pixels from `first`."""
    rows, columns = np.indices((height, width))
    number = first + np.arange(height * width).reshape(height, width)
    return np.stack([rows, columns, number], axis=-1).astype(np.float32), number


def several(*shapes):
    """Make images of several shapes; labels and weights number the pixels of all of them."""
    images, labels, first = [], [], 0
    for shape in shapes:
        image, number = positions(*shape, first)
        images.append(image)
        labels.append(number)
        first += number.size
    weights = [number.astype(np.float32) for number in labels]
    return list(map(Sample, images, labels, weights))


@pytest.mark.parametrize(("depth", "size"), [(1, 24), (2, 52)])
@pytest.mark.parametrize("shapes", [[(30, 41)], [(5, 7), (1, 6), (9, 2)]])
def test_image_labels_and_weights_show_the_same_pixels(depth, size, shapes):
    data = several(*shapes)
    margin = {1: 8, 2: 20}[depth]  # 6·2^d - 4
    output = size - 2 * margin
    rng = np.random.default_rng(0)
    for _ in range(60):
        x, label, weight_map, _ = sampling.sample(data, size, depth, SYMMETRIES, rng)
        assert x.shape == (size, size, 3)
        assert label.shape == weight_map.shape == (output, output)
        assert x.dtype == weight_map.dtype == np.float32
        middle = x[margin:-margin, margin:-margin, 2]
        np.testing.assert_array_equal(label, middle)
        np.testing.assert_array_equal(weight_map, middle)


def test_labels_and_weights_of_an_augmented_tile_agree():
    image = np.zeros((30, 41, 1), np.float32)
    ((_, labels, _, _),) = several((30, 41))
    rows, columns = np.divmod(labels, 41)
    weights = (rows + columns / 1024).astype(np.float32)
    rng = np.random.default_rng(0)
    for _ in range(20):
        tile = sampling.sample([Sample(image, labels, weights)], 52, 2, PAPER, rng)
        assert tile.x.shape == (52, 52, 1)
        assert tile.labels.shape == tile.weight_map.shape == (12, 12)
        row, column = np.divmod(tile.labels, 41)
        # Weights are interpolated and labels are not, so they differ by at most half a pixel.
        assert np.abs(tile.weight_map - row - column / 1024).max() < 0.5 + 0.5 / 1024 + 1e-4


def test_a_tile_is_a_window_of_the_mirrored_image_in_one_of_eight_symmetries():
    image, labels = positions(9, 13)
    padded = np.pad(image, [(30, 30), (30, 30), (0, 0)], mode="reflect")
    windows = defaultdict(set)  # all windows, turned and flipped by hand, by their bytes
    for row, column in product(range(9), range(13)):
        top, left = 30 + row - 2 - 8, 30 + column - 2 - 8  # a tile of 20 pixels segments 4
        window = padded[top : top + 20, left : left + 20]
        for symmetry, view in enumerate(symmetries(window)):
            windows[view.tobytes()].add(symmetry)
    rng, seen = np.random.default_rng(0), set()
    for _ in range(500):
        x = sampling.sample([Sample(image, labels, labels)], 20, 1, SYMMETRIES, rng).x
        key = np.ascontiguousarray(x).tobytes()
        assert key in windows
        if len(windows[key]) == 1:  # near an edge, windows may be mirror images of each other
            seen |= windows[key]
    assert seen == set(range(8))


def symmetries(window):
    for flipped in (window, window[::-1], window[:, ::-1], window[::-1, ::-1]):
        yield np.ascontiguousarray(flipped)
        yield np.ascontiguousarray(flipped.swapaxes(0, 1))


def test_every_pixel_of_every_image_is_a_centre_equally_often():
    data = several((2, 3), (7, 5), (1, 4))
    draws, counts = 9000, np.zeros(45)
    rng = np.random.default_rng(0)
    for _ in range(draws):
        label = sampling.sample(data, 18, 1, NONE, rng).labels
        counts[label[1, 1]] += 1  # the output has 2 x 2 pixels; this one is the centre
    expected = draws / 45
    chi_square = np.sum((counts - expected) ** 2) / expected
    # 44 degrees of freedom: mean 44, standard deviation √88 = 9.4. Drawing images instead of pixels
    # equally often would give more than 10 000.
    assert chi_square < 44 + 4 * 9.4  # measured: 51


def test_an_augmented_tile_is_centred_on_a_uniformly_drawn_pixel():
    # Apart from the rotation, only the pixel and a shift within it are random.
    turning = augmentation.Augmentation(rotation="any")
    image, labels = positions(40, 51)
    rng, centres = np.random.default_rng(0), []
    for _ in range(400):
        x = sampling.sample([Sample(image, labels, image[..., 0])], 18, 1, turning, rng).x
        centres.append(x[8:10, 8:10, :2].mean(axis=(0, 1)))
    for centre, size in zip(np.transpose(centres), (40, 51), strict=True):
        assert 0 <= centre.min() < size / 50
        assert size - 1 - size / 50 < centre.max() <= size - 1
        # Uniform: standard deviation n/√12, with a relative error of 1/√800.
        assert centre.std() == pytest.approx(size / 12**0.5, rel=4 / 800**0.5)  # measured: 4 %


def test_an_invalid_tile_is_refused():
    with pytest.raises(InputError, match="a tile of 25 pixels is not valid at depth 1"):
        sampling.sample(several((9, 13)), 25, 1, NONE, np.random.default_rng(0))


@pytest.mark.parametrize("name", augmentation.SETS)
def test_the_same_generator_draws_the_same_tile(name):
    data = several((30, 41), (25, 38))
    first, again, other = (
        sampling.sample(data, 24, 1, augmentation.SETS[name], np.random.default_rng(seed))
        for seed in (5, 5, 6)
    )
    for a, b in zip(first[:3], again[:3], strict=True):
        np.testing.assert_array_equal(a, b)
    assert (first.x != other.x).any()


@pytest.mark.parametrize("name", augmentation.SETS)
def test_the_arguments_are_not_modified(name):
    data = several((30, 41))
    given = [array for part in data for array in part[:3]]
    for array in given:
        array.flags.writeable = False
    rng = np.random.default_rng(0)
    for array in sampling.sample(data, 24, 1, augmentation.SETS[name], rng)[:3]:
        assert not any(np.shares_memory(array, other) for other in given)


def test_each_step_has_its_own_generator():
    # The generators are those of the seed's children, which are independent of it.
    children = np.random.SeedSequence(7).spawn(4)
    for step, child in enumerate(children):
        expected = np.random.default_rng(child).random(5)
        np.testing.assert_array_equal(sampling.tile_rng(7, step).random(5), expected)
    streams = [sampling.tile_rng(seed, step) for seed, step in product(range(5), range(5))]
    streams += [np.random.default_rng(seed) for seed in range(5)]
    assert len({stream.random() for stream in streams}) == 30


def tiles_of(steps):
    data = several((30, 41), (25, 38))

    def make(step):
        return sampling.sample(data, 24, 1, PAPER, sampling.tile_rng(3, step))

    return make, [make(step) for step in steps]


@pytest.mark.parametrize(("first", "last"), [(0, 7), (4, 6), (5, 6)])
def test_ahead_yields_what_a_loop_makes(first, last):
    make, expected = tiles_of(range(first, last))
    found = list(sampling.ahead(make, first, last))
    assert len(found) == last - first
    for tile, same in zip(found, expected, strict=True):
        for a, b in zip(tile, same, strict=True):
            np.testing.assert_array_equal(a, b)
    assert len({tile.x.tobytes() for tile in found}) == last - first  # steps differ


def test_a_run_resumed_at_any_step_sees_the_same_tiles():
    make, expected = tiles_of(range(6))
    with closing(sampling.ahead(make, 0, 6)) as tiles:
        begun = [next(tiles) for _ in range(2)]
    for tile, same in zip([*begun, *sampling.ahead(make, 2, 6)], expected, strict=True):
        np.testing.assert_array_equal(tile.x, same.x)


@pytest.mark.parametrize(("first", "last"), [(0, 0), (3, 3), (4, 2)])
def test_without_steps_nothing_is_made(first, last):
    made = []
    assert list(sampling.ahead(made.append, first, last)) == []
    assert made == []


def test_one_thread_makes_one_thing_ahead():
    made, before = [], threading.active_count()
    started = {step: threading.Event() for step in range(5)}

    def make(step):
        made.append((step, threading.current_thread()))
        started[step].set()
        return step

    for step in sampling.ahead(make, 0, 5):
        if step < 4:
            assert started[step + 1].wait(10)  # without a thread it would not have started
        time.sleep(0.01)
        assert [s for s, _ in made] == list(range(min(step + 2, 5)))
        assert threading.active_count() <= before + 1
    assert {thread for _, thread in made} == {made[0][1]} != {threading.current_thread()}
    assert threading.active_count() == before


def test_an_error_of_make_is_raised_at_its_step():
    before = threading.active_count()

    def make(step):
        if step == 2:
            raise ZeroDivisionError("of step 2")
        return step

    seen = []
    with pytest.raises(ZeroDivisionError, match="of step 2"):
        for step in sampling.ahead(make, 0, 9):
            seen.append(step)
    assert seen == [0, 1]
    assert threading.active_count() == before


@pytest.mark.parametrize("taken", [0, 1, 3])
def test_closing_leaves_no_thread(taken):
    made, before = [], threading.active_count()
    tiles = sampling.ahead(made.append, 0, 100)
    for _ in range(taken):
        next(tiles)
    tiles.close()
    assert threading.active_count() == before
    assert len(made) <= taken + 1


@pytest.mark.parametrize("interruption", [KeyboardInterrupt, SystemExit])
def test_an_interruption_leaves_no_thread(interruption):
    before = threading.active_count()
    tiles = sampling.ahead(lambda step: step, 0, 100)
    assert next(tiles) == 0
    with pytest.raises(interruption):
        tiles.throw(interruption())
    assert threading.active_count() == before
    with pytest.raises(StopIteration):
        next(tiles)


def test_without_threads_each_thing_is_made_when_it_is_needed(monkeypatch):
    def refused(thread):
        raise RuntimeError("can't start new thread")

    monkeypatch.setattr(sys, "platform", "emscripten")
    monkeypatch.setattr(threading.Thread, "start", refused)
    made = []
    upcoming = sampling.ahead(lambda step: made.append(step) or step, 3, 6)
    assert made == []
    assert (next(upcoming), made) == (3, [3])
    assert (list(upcoming), made) == ([4, 5], [3, 4, 5])
