"""The average over turned and flipped versions equals one computed by hand."""

import numpy as np
import pytest

from minunet.image import AVERAGED
from minunet.network import Network, initialization
from minunet.network.architecture import Architecture
from minunet.prediction import averaging, tiling
from minunet.prediction.tiling import Tiling

ARCH = Architecture(depth=1, channels=3)
TURNS = {
    "none": [lambda x: x],
    "flips": [lambda x: x, lambda x: x[::-1], lambda x: x[:, ::-1], lambda x: x[::-1, ::-1]],
    "rotations": [lambda x, k=k: np.rot90(x, k) for k in range(4)],
}
TURNS["symmetries"] = [
    *TURNS["rotations"],
    *(lambda x, k=k: np.rot90(x, k).swapaxes(0, 1) for k in range(4)),
]
BACK = {
    "none": TURNS["none"],
    "flips": TURNS["flips"],
    "rotations": [lambda x, k=k: np.rot90(x, -k) for k in range(4)],
}
BACK["symmetries"] = [
    *BACK["rotations"],
    *(lambda x, k=k: np.rot90(x.swapaxes(0, 1), -k) for k in range(4)),
]


def draw(shape=(13, 22, 1)):
    rng = np.random.default_rng(0)
    return initialization.gaussian(ARCH, rng), rng.standard_normal(shape, np.float32)


def whole(params, image):
    return tiling.assemble(tiling.windows(Network(params, ARCH), image, Tiling(24)), image)


@pytest.mark.parametrize("average", AVERAGED)
def test_logits_are_averaged_over_versions_of_the_whole_image(average):
    params, image = draw()
    found = averaging.logits(Network(params, ARCH), image, Tiling(24, average=average))
    versions = [
        back(whole(params, turn(image)))
        for turn, back in zip(TURNS[average], BACK[average], strict=True)
    ]
    assert found.shape == (13, 22, 2)
    assert found.dtype == np.float32
    np.testing.assert_allclose(found, np.mean(versions, axis=0), atol=1e-6)  # measured: 2e-7


def test_the_average_equals_np_mean_of_the_versions_bit_for_bit():
    # np.mean keeps all versions in memory; `averaging` does not, but gives the same bits.
    params, image = draw()
    versions = [np.rot90(whole(params, np.rot90(image, k)), -k) for k in range(4)]
    found = averaging.logits(Network(params, ARCH), image, Tiling(24, average="rotations"))
    np.testing.assert_array_equal(found, np.mean(versions, axis=0))


@pytest.mark.parametrize("average", ["none", "rotations", "symmetries"])
def test_windows_cover_the_image_once(monkeypatch, average):
    monkeypatch.setattr("minunet.image.MOST", 100)  # 2 of the 13 rows
    params, image = draw()
    seen, found = np.zeros((13, 22), int), np.zeros((13, 22, 2), np.float32)
    for window, logits in averaging.windows(
        Network(params, ARCH), image, Tiling(24, average=average)
    ):
        seen[window] += 1
        found[window] = logits
    assert (seen == 1).all()
    expected = averaging.logits(Network(params, ARCH), image, Tiling(24, average=average))
    np.testing.assert_array_equal(found, expected)


def test_sums_may_be_kept_in_a_file(tmp_path):
    params, image = draw()
    expected = averaging.logits(Network(params, ARCH), image, Tiling(24, average="symmetries"))
    made = []

    def mapped(shape, dtype):
        made.append(np.memmap(tmp_path / "total", dtype, "w+", shape=shape))
        made[-1][...] = 99  # as if the file held something
        return made[-1]

    parts = averaging.windows(
        Network(params, ARCH), image, Tiling(24, average="symmetries"), mapped
    )
    np.testing.assert_array_equal(tiling.assemble(parts, image), expected)
    (total,) = made
    np.testing.assert_array_equal(total / np.float32(8), expected)  # the file was used


def test_without_averaging_the_first_window_needs_one_tile():
    params, image = draw()
    counted = []
    parts = averaging.windows(
        Network(params, ARCH), image, Tiling(24), advance=lambda: counted.append(1)
    )
    next(parts)
    assert len(counted) == 1


@pytest.mark.parametrize("average", ["flips", "rotations", "symmetries"])
def test_averaging_changes_the_logits(average):
    params, image = draw()
    assert (
        np.abs(
            averaging.logits(Network(params, ARCH), image, Tiling(24, average=average))
            - whole(params, image)
        ).max()
        > 0.01
    )


@pytest.mark.parametrize("average", ["rotations", "symmetries"])
def test_the_average_turns_with_the_image(average):
    # The average over a group of symmetries is equivariant to each of them.
    params, image = draw()
    straight = averaging.logits(Network(params, ARCH), image, Tiling(24, average=average))
    turned = averaging.logits(Network(params, ARCH), np.rot90(image), Tiling(24, average=average))
    np.testing.assert_allclose(turned, np.rot90(straight), atol=1e-6)  # measured: 3e-7


@pytest.mark.parametrize(("average", "versions"), [("none", 1), ("flips", 4), ("symmetries", 8)])
def test_progress_counts_every_tile(average, versions):
    params, image = draw()
    counted = []
    averaging.logits(
        Network(params, ARCH), image, Tiling(24, average=average), advance=lambda: counted.append(1)
    )
    tiles = Tiling(24, average=average).tile_count(image.shape, ARCH.depth)
    assert len(counted) == tiles == versions * Tiling(24).tile_count(image.shape, ARCH.depth)


def test_the_papers_step_is_passed_on():
    arch = Architecture(depth=3, channels=2)  # the two steps differ from depth 3 on
    rng = np.random.default_rng(0)
    params, image = initialization.gaussian(arch, rng), rng.standard_normal((40, 31, 1), np.float32)
    aligned, paper = (
        averaging.logits(Network(params, arch), image, Tiling(108, step)) for step in (False, True)
    )
    assert np.abs(aligned - paper).max() > 1e-3


@pytest.mark.parametrize("average", ["none", "flips"])
def test_the_aligned_step_is_the_default_at_depth_3(average):
    arch = Architecture(depth=3, channels=2)
    rng = np.random.default_rng(0)
    params, image = initialization.gaussian(arch, rng), rng.standard_normal((40, 31, 1), np.float32)
    network = Network(params, arch)
    one_tile = averaging.logits(network, image, Tiling(204, average=average))
    found = averaging.logits(network, image, Tiling(108, average=average))
    paper = averaging.logits(network, image, Tiling(108, True, average))
    np.testing.assert_allclose(found, one_tile, atol=1e-4)
    assert np.abs(paper - one_tile).max() > 1e-2
    p = averaging.probabilities(network, image, Tiling(108, average=average))
    e = np.exp(one_tile - one_tile.max(axis=-1, keepdims=True))
    np.testing.assert_allclose(p, e / e.sum(axis=-1, keepdims=True), atol=1e-4)
