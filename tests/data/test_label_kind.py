"""Cells, classes, soft masks, probabilities and images are told apart, however they were made."""

import io

import numpy as np
import pytest
import scipy
from PIL import Image
from real_data import folder

from minunet.data import image_files, synthetic
from minunet.data.label_kind import judge

RNG = np.random.default_rng(0)
CENTRES = RNG.uniform(12, 116, (60, 2))


def distances(centres, side=128):
    y, x = np.mgrid[:side, :side]
    return np.stack([np.hypot(y - a, x - b) for a, b in centres])


def discs(count=4, radius=13, side=128):
    """Draw numbered discs that do not touch; at most 4×4 of them."""
    step = side / 4
    centres = [(step * (k // 4 + 0.5) + 0.3, step * (k % 4 + 0.5) - 0.2) for k in range(count)]
    found = distances(centres, side)
    return np.where(found.min(0) < radius, found.argmin(0) + 1, 0)


def soft(radius=13.4):
    found = distances([(32.2, 31.3), (30.7, 90.1), (90.4, 33.8), (92.9, 91.6)])
    return np.clip(radius + 0.5 - found, 0, 1).max(0)


def eight_bit(p):
    return np.rint(255 * p).astype(np.uint8)


def enlarged(image, factor=4):
    return np.kron(image, np.ones((factor, factor), image.dtype))


def as_jpeg(image, quality):
    file = io.BytesIO()
    Image.fromarray(image).save(file, "JPEG", quality=quality)
    return np.array(Image.open(file))


def outline(cells):
    return (cells > 0) & (scipy.ndimage.minimum_filter(cells, 3) == 0)


def halved(side):
    """Draw a mask of many small discs, and average 2×2 of its pixels."""
    radius = side / 16
    mask = distances(CENTRES * (side / 128), side).min(0) < radius / 2
    return eight_bit(mask.reshape(side // 2, 2, side // 2, 2).mean(axis=(1, 3)))


MASK = eight_bit(soft() > 0.5)
SMOOTH = scipy.ndimage.gaussian_filter((soft() > 0.5).astype(float), 3)
TILED = distances(CENTRES).argmin(0) + 1  # 60 cells without background
IN_PIECES = np.random.default_rng(1).integers(1, 25, 60)[TILED - 1]  # numbers occur several times
IMAGE = eight_bit(np.random.default_rng(2).random((128, 128)))


@pytest.mark.parametrize(
    "cells",
    [
        TILED,
        IN_PIECES,
        np.where(TILED > 0, TILED + 3_000_000_000, 0).astype(np.uint32),
        np.where(TILED % 2, TILED.astype(np.uint64) + np.uint64(2**40), np.uint64(0)),
        np.argsort(np.argsort(CENTRES[:, 0]))[TILED - 1] + 1,  # numbered from top to bottom
        enlarged(np.arange(1, 257).reshape(16, 16), 8),  # a grid of touching cells
        enlarged(np.arange(400).reshape(20, 20) * (np.indices((20, 20)).sum(0) % 2), 2),  # 2×2
        TILED.astype(np.float32),
        np.arange(1, 97 * 64 + 1).reshape(97, 64)
        * (np.indices((97, 64)) % 3 == 1).all(0),  # pixels
    ],
)
def test_many_numbered_cells(cells):
    assert judge([cells, cells[::-1]]) == "cells"


def test_cells_of_real_and_synthetic_data():
    stack = synthetic.em_stack((4, 128, 128), np.random.default_rng(0))
    assert judge([scipy.ndimage.label(label)[0] for label in stack.labels]) == "cells"


def test_real_cells():
    masks = image_files.read(folder("nuclei-dsb2018") / "masks")
    assert judge([mask[..., 0] for mask in masks]) == "cells"
    volume = image_files.read(folder("isbi2012") / "train-labels.tif")
    assert judge([scipy.ndimage.label(one[..., 0])[0] for one in volume[:3]]) == "cells"
    assert judge([one[..., 0] for one in volume]) == "classes"


def test_real_images_are_not_labels():
    volume = image_files.read(folder("isbi2012") / "train-volume.tif")
    assert judge([one[..., 0] for one in volume[:3]]) == "grey"


@pytest.mark.parametrize("count", [2, 3, 9, 15])
def test_few_numbers_with_a_region_each_may_be_either(count):
    assert judge([discs(count), discs(count)[:, ::-1]]) == "either"


@pytest.mark.parametrize(
    "labels",
    [
        MASK,
        MASK // 255,
        np.where(discs() > 0, 1, 0) + 2 * (np.arange(128) < 20),  # class 1 in several regions
        discs(16) % 4,
        np.random.default_rng(3).integers(0, 3, (64, 64)),
        np.random.default_rng(3).integers(0, 8, (64, 64)),
        np.tile(np.arange(128) // 16, (64, 2)),  # layers 0 … 7
        np.where(outline(discs(16)), 1, 2 * (discs(16) > 0)),  # a thin class between two others
    ],
)
def test_few_values_in_several_regions_are_classes(labels):
    assert judge([labels, labels]) == "classes"


@pytest.mark.parametrize(
    "mask",
    [
        eight_bit(soft()),
        np.rint(65535 * soft()).astype(np.uint16),
        soft().astype(np.float32),
        as_jpeg(MASK, 95),
        as_jpeg(MASK, 90),
        np.array(Image.fromarray(MASK).resize((256, 256), 2)),
        np.array(Image.fromarray(MASK).resize((77, 77), 3)),
        np.array(Image.fromarray(MASK).resize((1024, 1024), 3)),
        enlarged(eight_bit(soft())),
        np.rint(100 * soft()).astype(np.uint8),
        halved(256),
        enlarged(halved(1024)),
        np.rint(halved(512) / 17).astype(np.uint8),  # 0 … 15, or some of them
    ],
)
def test_masks_with_soft_edges(mask):
    assert judge([mask, mask]) == "soft"


@pytest.mark.parametrize(
    "grey",
    [
        as_jpeg(MASK, 60),
        eight_bit(SMOOTH),
        np.rint(65535 * SMOOTH).astype(np.uint16),
        SMOOTH,
        eight_bit(1 / (1 + np.exp(8 - 16 * SMOOTH))),
        enlarged(eight_bit(SMOOTH)),
        IMAGE,
        enlarged(IMAGE),
        np.tile(np.arange(2048) // 8, (64, 1)),  # a ramp
        eight_bit(np.exp(-(distances([(64, 64)], 512)[0] ** 2) / 2 / 125**2)),
        np.round(SMOOTH, 1),
    ],
)
def test_probabilities_and_images(grey):
    assert judge([grey, grey]) in ("soft", "grey")


def test_many_values_in_many_regions_are_classes():
    noise = np.random.default_rng(4).normal(size=(20, 128, 128))
    assert judge([scipy.ndimage.gaussian_filter(noise, (0, 4, 4)).argmax(0)]) == "classes"


def test_distances_to_the_edge_of_small_cells_are_grey():
    spots = discs(16, 4) > 0
    depth = np.rint(2 * scipy.ndimage.distance_transform_edt(spots)).astype(np.uint8)
    assert len(np.unique(depth)) < 17
    assert judge([depth, depth]) == "grey"


def test_many_maps_with_few_cells_each():
    maps = [np.where(discs() > 0, discs() + 4 * k, 0) for k in range(30)]
    assert judge(maps) == "cells"


def test_maps_without_any_label_do_not_matter():
    empty = np.zeros((128, 128), int)
    assert judge([empty, TILED, empty]) == "cells"
    assert judge([empty, empty]) == "classes"
