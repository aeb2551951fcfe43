"""The average of turned and flipped versions, beside an image turned and flipped by hand."""

import numpy as np
import pytest

from minunet import averaging, initialization, tiling
from minunet.architecture import Architecture
from minunet.augment import symmetry

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
    return tiling.whole(tiling.segment(params, image, ARCH, 24), image)


@pytest.mark.parametrize("average", averaging.VERSIONS)
def test_scores_are_averaged_over_versions_of_the_whole_image(average):
    params, image = draw()
    found = averaging.scores(params, image, ARCH, 24, average=average)
    versions = [
        back(whole(params, turn(image)))
        for turn, back in zip(TURNS[average], BACK[average], strict=True)
    ]
    assert found.shape == (13, 22, 2)
    assert found.dtype == np.float32
    np.testing.assert_allclose(found, np.mean(versions, axis=0), atol=1e-6)  # measured: 2e-7


@pytest.mark.parametrize("which", range(8))
def test_an_inverse_undoes_its_symmetry(which):
    x = np.arange(20).reshape(4, 5)
    np.testing.assert_array_equal(symmetry(symmetry(x, which), averaging.inverse(which)), x)


@pytest.mark.parametrize("average", ["flips", "rotations", "symmetries"])
def test_a_version_changes_what_is_averaged(average):
    params, image = draw()
    assert (
        np.abs(
            averaging.scores(params, image, ARCH, 24, average=average) - whole(params, image)
        ).max()
        > 0.01
    )


@pytest.mark.parametrize("average", ["rotations", "symmetries"])
def test_the_average_turns_with_the_image(average):
    # Over a whole group of symmetries the average is equivariant to each of them.
    params, image = draw()
    straight = averaging.scores(params, image, ARCH, 24, average=average)
    turned = averaging.scores(params, np.rot90(image), ARCH, 24, average=average)
    np.testing.assert_allclose(turned, np.rot90(straight), atol=1e-6)  # measured: 3e-7


@pytest.mark.parametrize(("average", "versions"), [("none", 1), ("flips", 4), ("symmetries", 8)])
def test_every_tile_is_counted(average, versions):
    params, image = draw()
    counted = []
    averaging.scores(params, image, ARCH, 24, average=average, advance=lambda: counted.append(1))
    tiles = averaging.tile_count(image.shape, ARCH.depth, 24, average=average)
    assert len(counted) == tiles == versions * tiling.tile_count(image.shape, ARCH.depth, 24)


def test_the_papers_step_is_handed_on():
    arch = Architecture(depth=3, channels=2)  # from depth 3 on the two steps differ
    rng = np.random.default_rng(0)
    params, image = initialization.gaussian(arch, rng), rng.standard_normal((40, 31, 1), np.float32)
    aligned, paper = (
        averaging.scores(params, image, arch, 108, paper_step=step) for step in (False, True)
    )
    assert np.abs(aligned - paper).max() > 1e-3
