"""Validation scores match those computed here from masks and logarithms."""

import numpy as np
import pytest

from minunet.data.dataset import Dataset
from minunet.image import Sample
from minunet.metrics import em, seg, segments
from minunet.network import Network, initialization
from minunet.prediction.averaging import probabilities
from minunet.prediction.instances import Rule
from minunet.prediction.tiling import Tiling
from minunet.runs.settings import from_options
from minunet.training import validation

SHAPES = [(13, 21), (9, 30), (24, 17)]


def draw(classes=3, held_out=(1, 2)):
    rng = np.random.default_rng(0)
    images = [rng.standard_normal((*shape, 1), np.float32) for shape in SHAPES]
    labels = [rng.integers(0, classes, shape).astype(np.uint8) for shape in SHAPES]
    weights = np.array([0.5, 1, 4][:classes], np.float32)
    known = [np.ones(shape, bool) for shape in SHAPES]
    whole = zip(images, labels, [weights[label] for label in labels], known, strict=True)
    cells = [segments.components(label) for label in labels] if classes == 2 else None
    training = [k for k in range(3) if k not in held_out]
    return Dataset(
        *(images, labels, [Sample(*one) for one in whole], known, cells, False),
        *(training, list(held_out), tuple(range(classes)), "", [], ["0", "1", "2"], ()),
    )


def settings(classes=3, **changed):
    given = {"depth": 1, "channels": 3, "tile": 24, "label_values": tuple(range(classes))}
    return from_options(**given | changed)


@pytest.mark.parametrize("held_out", [(1, 2), (2,), ()])
def test_scores_and_probabilities(held_out):
    data = draw(held_out=held_out)
    arch = settings().architecture
    params = initialization.gaussian(arch, np.random.default_rng(1))
    weights = np.array([0.5, 1, 4], np.float32)
    scores, found = validation.validate(params, data, settings())

    slices = held_out or (0, 1, 2)
    truth = np.concatenate([data.labels[k].ravel() for k in slices])
    p = [probabilities(Network(params, arch), data.images[k], Tiling(24)) for k in slices]
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

    for one, other in zip(found, p, strict=True):
        np.testing.assert_array_equal(one, other)


def test_validation_uses_no_dropout_and_modifies_nothing():
    data = draw()
    dropped = settings(dropout=0.9)
    params = initialization.gaussian(dropped.architecture, np.random.default_rng(1))
    for array in (*params.values(), *data.images, *data.labels):
        array.flags.writeable = False
    first, again = (validation.validate(params, data, dropped)[0] for _ in range(2))
    assert first == again


def test_an_overflow_gives_a_nonfinite_energy_and_no_warning():
    data = draw()
    params = initialization.gaussian(settings().architecture, np.random.default_rng(1))
    huge = {name: array * np.float32(1e30) for name, array in params.items()}
    scores, _ = validation.validate(huge, data, settings())
    assert not np.isfinite(scores.energy)


def test_baseline_error():
    data = draw(classes=2)
    for k, ones in ((1, 200), (2, 100)):  # the slices have 270 and 408 pixels
        data.labels[k].ravel()[:] = np.arange(data.labels[k].size) < ones
    data.labels[0][:] = 1
    assert validation.baseline_error(data) == pytest.approx(300 / 678)
    # Without held-out slices, all slices count: 573 of 951 pixels are 1.
    everything = data._replace(training=[0, 1, 2], held_out=[])
    assert validation.baseline_error(everything) == pytest.approx(378 / 951)


def test_pixels_that_are_not_annotated_do_not_count():
    data = draw()
    params = initialization.gaussian(settings().architecture, np.random.default_rng(1))
    data.samples[1].weight_map[:, 5:] = 0
    data.annotated[1][:, 5:] = False
    before, _ = validation.validate(params, data, settings())
    data.labels[1][:, 5:] = (data.labels[1][:, 5:] + 1) % 3
    after, _ = validation.validate(params, data, settings())
    assert after == before
    network = Network(params, settings().architecture)
    narrow = [np.s_[:, :5], np.s_[:, :]]
    truth = np.concatenate(
        [data.labels[k][at].ravel() for k, at in zip((1, 2), narrow, strict=True)]
    )
    answer = [
        probabilities(network, data.images[k], Tiling(24)).argmax(-1)[at]
        for k, at in zip((1, 2), narrow, strict=True)
    ]
    wrong = np.mean(truth != np.concatenate([one.ravel() for one in answer]))
    assert after.pixel_error == pytest.approx(wrong, rel=1e-12)
    p = [
        probabilities(network, data.images[k], Tiling(24))[at].reshape(-1, 3)
        for k, at in zip((1, 2), narrow, strict=True)
    ]
    p_true = np.concatenate(p).astype(np.float64)[np.arange(truth.size), truth]
    energy = -np.mean(np.array([0.5, 1, 4])[truth] * np.log(p_true))
    assert after.energy == pytest.approx(energy, rel=1e-6)


def test_slices_with_gold_truth_validate_if_there_are_any():
    data = draw()
    assert validation.validation_slices(data._replace(silver=[0, 2])) == [1]
    assert validation.validation_slices(data._replace(silver=[0, 1, 2])) == [1, 2]
    everything = data._replace(training=[0, 1, 2], held_out=[], silver=[1])
    assert validation.validation_slices(everything) == [0, 2]


def test_only_the_selecting_score_is_computed():
    data = draw(classes=2)
    params = initialization.gaussian(settings(2).architecture, np.random.default_rng(1))
    network = Network(params, settings(2).architecture)
    p = [probabilities(network, data.images[k], Tiling(24)) for k in (1, 2)]
    odds = [np.log(one[..., 1] / one[..., 0]) for one in p]
    params["out.b"][1] -= min(map(np.median, odds))  # at least half of each slice becomes cell
    p = [
        probabilities(Network(params, settings(2).architecture), data.images[k], Tiling(24))[..., 1]
        for k in (1, 2)
    ]
    truth = [data.cells[k] for k in (1, 2)]
    iou, v_rand, segs = (
        validation.validate(params, data, settings(2, score=score, smallest=3))[0]
        for score in ("iou", "v_rand", "seg")
    )
    assert (iou.v_rand, iou.seg) == (None, None)
    assert v_rand.seg is None
    assert v_rand.v_rand == em.v_rand(truth, p).value
    eight = settings(2, score="seg", smallest=3, connectivity=8)
    for scores, count in ((segs, 4), (validation.validate(params, data, eight)[0], 8)):
        found = [Rule(0.5, None, 3, count).cells(one) for one in p]
        assert min(one.max() for one in found) > 0
        each = np.concatenate([seg.jaccard(a, b) for a, b in zip(truth, found, strict=True)])
        assert scores.seg == each.mean() > 0
        swapped = np.concatenate([seg.jaccard(b, a) for a, b in zip(truth, found, strict=True)])
        assert scores.seg != swapped.mean()
    assert iou[:3] == v_rand[:3] == segs[:3]
    assert "V_Rand" in v_rand.summary("v_rand")


def test_classes_have_no_cells_to_score():
    scores, _ = validation.validate(
        initialization.gaussian(settings().architecture, np.random.default_rng(1)),
        draw(),
        settings(score="v_rand"),
    )
    assert scores.v_rand is None


def test_slices_without_a_cell_score_0():
    data = draw(classes=2)
    for k in (1, 2):
        data.cells[k][:] = 0
    params = initialization.gaussian(settings(2).architecture, np.random.default_rng(1))
    assert validation.validate(params, data, settings(2, score="seg"))[0].seg == 0


def test_pixels_without_weight_count_if_they_are_annotated():
    # The weight of a class that no training slice contains is 0.
    data = draw()
    params = initialization.gaussian(settings().architecture, np.random.default_rng(1))
    before, _ = validation.validate(params, data, settings())
    baseline = validation.baseline_error(data)
    for k in (1, 2):
        data.samples[k].weight_map[data.labels[k] == 2] = 0
    after, _ = validation.validate(params, data, settings())
    assert (after.pixel_error, after.iou) == (before.pixel_error, before.iou)
    assert after.energy < before.energy
    assert validation.baseline_error(data) == baseline


def test_seg_counts_cells_only_where_they_are_annotated():
    data, p = two_cells()
    p[1:5, 6] = (0, 1)  # the network makes the first cell too wide
    chosen = settings(2, score="seg")
    assert validation._cell_score(data, [p], chosen)["seg"] == pytest.approx((20 / 24 + 1) / 2)
    data.annotated[1][:, 6] = False
    assert validation._cell_score(data, [p], chosen)["seg"] == 1


def test_v_rand_counts_cells_only_where_they_are_annotated():
    data, p = two_cells()
    p[3:7, 5:10] = (0, 1)  # the network merges the two cells
    chosen = settings(2, score="v_rand")
    assert validation._cell_score(data, [p], chosen)["v_rand"] < 0.8
    data.annotated[1][:, 6:8] = False
    assert validation._cell_score(data, [p], chosen)["v_rand"] == pytest.approx(1)


def two_cells():
    """Make data whose only held-out slice has two cells, and a perfect prediction of it."""
    data = draw(classes=2, held_out=(1,))
    data.cells[1][:] = 0
    data.cells[1][1:5, 1:6] = 1
    data.cells[1][5:8, 9:14] = 2
    return data, np.stack([data.cells[1] == 0, data.cells[1] > 0], axis=-1).astype(np.float32)


def test_baseline_error_counts_only_annotated_pixels():
    data = draw(classes=2)
    for k in (1, 2):
        data.labels[k][:] = 1
        data.labels[k][:, :3] = 0  # 27 of 270 pixels, and 72 of 408
        data.annotated[k][:, 4:] = False
    assert validation.baseline_error(data) == pytest.approx(33 / 132)


@pytest.mark.parametrize(("smallest", "score"), [(1, 1), (4, 1), (5, 0)])
def test_seg_ignores_cells_below_the_smallest_size_of_the_settings(smallest, score):
    data = draw(classes=2, held_out=(1,))
    data.cells[1][:] = 0
    data.cells[1][2:4, 5:7] = 1
    p = np.stack([data.cells[1] == 0, data.cells[1] == 1], axis=-1).astype(np.float32)
    chosen = settings(2, score="seg", smallest=smallest)
    assert validation._cell_score(data, [p], chosen) == {"seg": score}


def test_the_summary_names_the_score_that_chooses():
    scores = validation.Validation(1.5, 0.25, 0.5, 0.75, 0.125)
    assert scores.summary("iou") == "pixel error 0.2500, IoU 0.500"
    assert scores.summary("v_rand") == "pixel error 0.2500, V_Rand 0.750"
    assert scores.summary("seg") == "pixel error 0.2500, SEG 0.125"


def test_infinite_logits_give_no_warning():
    params = initialization.gaussian(settings().architecture, np.random.default_rng(1))
    params["out.b"][:] = np.inf
    scores, _ = validation.validate(params, draw(), settings())
    assert not np.isfinite(scores.energy)


def test_seg_is_the_mean_over_true_cells_not_over_found_ones():
    data, p = two_cells()
    chosen = settings(2, score="seg")
    p[5:8, 9:14] = (1, 0)  # the network misses the second cell
    assert validation._cell_score(data, [p], chosen)["seg"] == pytest.approx(1 / 2)
    data, p = two_cells()
    p[1:4, 22:27] = (0, 1)  # the network finds a third cell
    assert validation._cell_score(data, [p], chosen)["seg"] == pytest.approx(1)


def test_the_baseline_counts_pixels_with_one_weight_each():
    # 2 slices: of the annotated pixels, 40 are class 0 and 60 class 1. All others are class 0.
    data = draw(classes=2)
    for k, zeros, ones in ((1, 10, 50), (2, 30, 10)):
        data.labels[k][:], data.annotated[k][:], data.samples[k].weight_map[:] = 0, False, 7
        data.annotated[k].ravel()[: zeros + ones] = True
        data.labels[k].ravel()[:ones] = 1
        data.samples[k].weight_map.ravel()[zeros + ones :] = 0
    assert validation.baseline_error(data) == pytest.approx(0.4)


def test_averaged_down_the_energy_is_of_the_sample_and_the_scores_of_the_whole_image():
    # Every sample pixel is 2 x 3 image pixels: along x, the pixel size in training was larger.
    data = draw()._replace(shrink=3.0, pixel_size=(1.5, 1.0))
    assert data.factors == (3.0, 4.5)
    params = initialization.gaussian(settings().architecture, np.random.default_rng(1))
    rng = np.random.default_rng(2)
    samples = []
    for height, width in SHAPES:
        small = -(-height // 3), -(-2 * width // 9)
        x = rng.standard_normal((*small, 1), np.float32)
        labels = rng.integers(0, 3, small).astype(np.uint8)
        known = rng.random(small) < 0.8
        weights = rng.uniform(1, 2, small).astype(np.float32) * known
        samples.append(Sample(x, labels, weights, known))
    data = data._replace(samples=samples)
    scores, found = validation.validate(params, data, settings())
    network = Network(params, settings().architecture)
    energy, pixels, wrong = 0.0, 0, []
    for k, p in zip((1, 2), found, strict=True):
        sample = samples[k]
        small = probabilities(network, sample.x, Tiling(24)).astype(np.float64)
        p_true = np.take_along_axis(small, sample.labels[..., np.newaxis].astype(int), 2)[..., 0]
        energy -= (sample.weight_map * np.log(p_true)).sum()
        pixels += sample.annotated.sum()
        # Of the interpolated logits: at the centre of the sample pixels of 3 rows, as they are.
        assert p.shape == (*SHAPES[k], 3)
        np.testing.assert_allclose(p.sum(axis=-1), 1, rtol=1e-6)
        wrong.append(p.argmax(axis=-1) != data.labels[k])
    assert scores.energy == pytest.approx(energy / pixels, rel=1e-6)
    errors = np.concatenate([one.ravel() for one in wrong])
    assert scores.pixel_error == pytest.approx(errors.mean(), rel=1e-12)


def test_scores_are_interpolated_before_the_soft_max(monkeypatch):
    data = draw(held_out=(1,))._replace(shrink=3.0)
    sample = Sample(np.zeros((3, 10, 1), np.float32), *(np.zeros((3, 10), int) for _ in range(2)))
    data.samples[1] = sample._replace(weight_map=np.ones((3, 10), np.float32))
    logits = np.zeros((3, 10, 3), np.float32)
    logits[:, 5:, 1] = 9  # at the centres of the columns 13 and 16 of the image: 0 and 9
    monkeypatch.setattr(validation, "assemble", lambda *args: logits)
    params = initialization.gaussian(settings().architecture, np.random.default_rng(1))
    _, (p,) = validation.validate(params, data, settings())
    between = np.exp([0, 3, 6, 9])
    np.testing.assert_allclose(p[4, 13:17, 1], between / (between + 2), rtol=1e-5)


def test_without_true_cells_seg_is_0():
    data = draw(classes=2)
    params = initialization.gaussian(settings(2).architecture, np.random.default_rng(1))
    empty = [np.zeros(shape, np.int32) for shape in SHAPES]
    scores, _ = validation.validate(params, data._replace(cells=empty), settings(2, score="seg"))
    assert scores.seg == 0
