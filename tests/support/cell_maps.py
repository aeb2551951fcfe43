"""Label maps for the tests of distances, weights and scores, and distances by brute force."""

import numpy as np
import pytest
from hypothesis import strategies as st
from PIL import Image
from real_data import DATA
from scipy import ndimage

NUMBERS = [1, 2, 3, 4, 7, 200, 201, 40_000, 65_535]  # with gaps, up to the largest of uint16


@st.composite
def label_maps(draw, dtype=np.uint16):
    """Draw labelled pixels, overlapping rectangles, or a few pixels on background."""
    shape = draw(st.tuples(st.integers(1, 14), st.integers(1, 17)).filter(lambda s: s[0] != s[1]))
    rng = np.random.default_rng(draw(st.integers(0, 2**32)))
    numbers = rng.permutation(NUMBERS)[: draw(st.integers(1, len(NUMBERS)))]
    kind = draw(st.sampled_from(["pixels", "rectangles", "sparse"]))
    instances = np.zeros(shape, dtype)
    if kind == "rectangles":
        for number in numbers:
            top, left = rng.integers(shape)
            height, width = rng.integers(1, 9, 2)
            instances[top : top + height, left : left + width] = number
        return instances
    density = 0.7 if kind == "pixels" else 0.08
    cells = rng.random(shape) < density
    instances[cells] = rng.choice(numbers, cells.sum())
    return instances


@st.composite
def two_maps(draw, background=0):
    """Draw two label maps of the same non-square shape, with numbers from `background` up."""
    height, width = draw(
        st.tuples(st.integers(1, 6), st.integers(1, 8)).filter(lambda s: s[0] != s[1])
    )
    rng = np.random.default_rng(draw(st.integers(0, 2**32 - 1)))
    highest = draw(st.tuples(st.integers(1, 6), st.integers(1, 6)))
    return tuple(rng.integers(background, n + 1, (height, width)) for n in highest)


def disc(shape, row, column, radius):
    """Return a mask of the pixels no farther than `radius` from a point."""
    rows, columns = np.ogrid[: shape[0], : shape[1]]
    return (rows - row) ** 2 + (columns - column) ** 2 <= radius**2


def discs():
    """Draw 30 overlapping discs on 60 x 83 pixels."""
    rng = np.random.default_rng(0)
    instances = np.zeros((60, 83), np.uint16)
    for k in range(1, 31):
        instances[disc((60, 83), rng.integers(60), rng.integers(83), rng.integers(1, 9))] = 97 * k
    return instances


def present(instances):
    """Return the numbers of the cells in a label map."""
    return np.unique(instances[instances > 0])


def brute_force(instances):
    """Compute the distances to the two nearest cells by a distance transform for each cell."""
    far = np.full((2, *instances.shape), np.inf)
    cells = [ndimage.distance_transform_edt(instances != k) for k in present(instances)]
    return np.sort([*far, *cells], axis=0)[:2]


def real(name, page=0):
    """Read a page of an image of the real data, or skip the test if it is not there."""
    if not (DATA / name).is_file():
        pytest.skip(f"{DATA / name} is not there")
    with Image.open(DATA / name) as image:
        image.seek(page)
        return np.asarray(image)
