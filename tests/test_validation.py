"""Validation: scores of whole slices beside masks and logarithms written out here."""

import numpy as np
import pytest

from minunet import initialization, tiling, validation
from minunet.architecture import Architecture
from minunet.data.dataset import Dataset

SHAPES = [(13, 21), (9, 30), (24, 17)]


def draw(classes=3, held_out=(1, 2)):
    rng = np.random.default_rng(0)
    images = [rng.standard_normal((*shape, 1), np.float32) for shape in SHAPES]
    labels = [rng.integers(0, classes, shape).astype(np.uint8) for shape in SHAPES]
    training = [k for k in range(3) if k not in held_out]
    return Dataset(images, labels, training, list(held_out), tuple(range(classes)), "", [])


@pytest.mark.parametrize("held_out", [(1, 2), (2,), ()])
def test_scores_and_what_is_shown(held_out):
    data = draw(held_out=held_out)
    arch = Architecture(depth=1, channels=3, classes=3)
    params = initialization.gaussian(arch, np.random.default_rng(1))
    weights = np.array([0.5, 1, 4], np.float32)
    scores, shown = validation.validate(params, data, arch, 24, weights)

    slices = held_out or (0, 1, 2)
    truth = np.concatenate([data.labels[k].ravel() for k in slices])
    p = [tiling.probabilities(params, data.images[k], arch, 24) for k in slices]
    flat = np.concatenate([one.reshape(-1, 3) for one in p]).astype(np.float64)
    answer = flat.argmax(axis=1)
    energy = -np.mean(weights[truth] * np.log(flat[np.arange(truth.size), truth]))
    ious = [
        np.sum((truth == k) & (answer == k)) / np.sum((truth == k) | (answer == k))
        for k in range(3)
    ]
    assert scores.energy == pytest.approx(energy, rel=1e-6)  # measured: 5e-8 at most
    assert scores.pixel_error == pytest.approx(np.mean(truth != answer), rel=1e-12)
    assert scores.iou == pytest.approx(np.mean(ious), rel=1e-12)

    ends = sorted({slices[0], slices[-1]})
    assert len(shown) == len(ends)
    for one, k in zip(shown, ends, strict=True):
        assert one.image is data.images[k]
        assert one.labels is data.labels[k]
        np.testing.assert_array_equal(one.p, p[slices.index(k)])


def test_nothing_is_dropped_and_nothing_changes():
    data = draw()
    arch = Architecture(depth=1, channels=3, classes=3, dropout=0.9)
    params = initialization.gaussian(arch, np.random.default_rng(1))
    for array in (*params.values(), *data.images, *data.labels):
        array.flags.writeable = False
    first, again = (
        validation.validate(params, data, arch, 24, np.ones(3, np.float32))[0] for _ in range(2)
    )
    assert first == again


def test_an_overflow_is_no_warning_but_an_energy_that_is_not_finite():
    data = draw()
    arch = Architecture(depth=1, channels=3, classes=3)
    params = initialization.gaussian(arch, np.random.default_rng(1))
    huge = {name: array * np.float32(1e30) for name, array in params.items()}
    scores, _ = validation.validate(huge, data, arch, 24, np.ones(3, np.float32))
    assert not np.isfinite(scores.energy)


def test_the_constant_answer():
    data = draw(classes=2)
    for k, ones in ((1, 200), (2, 100)):  # of 270 and of 408 pixels
        data.labels[k].ravel()[:] = np.arange(data.labels[k].size) < ones
    data.labels[0][:] = 1
    assert validation.constant_error(data) == pytest.approx(300 / 678)
    # With none held out, all slices count: 573 of 951 are 1.
    everything = data._replace(training=[0, 1, 2], held_out=[])
    assert validation.constant_error(everything) == pytest.approx(378 / 951)
