"""Training matches steps by hand, overfits one tile, and ends cleanly when it diverges."""

import csv
import math
import re
import threading
from types import SimpleNamespace

import ledger
import numpy as np
import pytest
from commands import draw_stack
from datasets import dataset_of
from standin import StandIn, to_device

from minunet import augmentation, runs
from minunet.data.synthetic import em_stack
from minunet.errors import InputError
from minunet.image import Sample
from minunet.network import initialization, unet
from minunet.network.architecture import Architecture
from minunet.ops import cross_entropy
from minunet.runs.settings import from_options
from minunet.training import journal, loop, sampling, sgd
from minunet.training import state as states
from minunet.training.sampling import tile_rng
from minunet.training.state import DivergedError, State

SMALL = from_options(
    depth=1,
    channels=2,
    tile=24,
    dropout=0.5,
    learning_rate=0.01,
    momentum=0.99,
    clip=0.0,
    augment="symmetries",
    score="iou",
    device="cpu",
    seed=7,
)


@pytest.fixture
def no_pictures(monkeypatch):
    """Draw no pictures, which would take longer than the steps."""
    for name in ("curves", "preview"):
        monkeypatch.setattr(f"minunet.report.run_pictures.{name}", lambda *args: None)


def small_data(held_out=(3,)):
    images, labels = draw_stack()
    x = [(image / 255).astype(np.float32)[..., np.newaxis] for image in images]
    training_ = [k for k in range(4) if k not in held_out]
    return dataset_of(x, list(labels), training_, list(held_out))


def draw_tile(arch, size, rng):
    x = rng.standard_normal((size, size, arch.in_channels), np.float32)
    output = size - 2 * (6 * 2**arch.depth - 4)
    labels = rng.integers(0, arch.classes, (output, output)).astype(np.uint8)
    return Sample(x, labels, rng.uniform(0.5, 2, labels.shape).astype(np.float32))


def state_tile():
    """Return an image that the network of `SMALL` segments."""
    return np.random.default_rng(0).random((24, 24, 1), np.float32)


def copies(state):
    return [{k: a.copy() for k, a in t.items()} for t in (state.params, state.velocity)]


@pytest.mark.parametrize("clip", [0.0, 0.125])
def test_ten_steps_bit_for_bit_by_hand(tmp_path, no_pictures, clip):
    # The same ten steps written out here: momentum, schedule, class weights and mean energy.
    changed = {"steps": 10, "validate_every": 4, "warm_up": 3, "clip": clip}
    settings = from_options(**SMALL.__dict__ | changed)
    data, arch = small_data(), settings.architecture
    state = states.start(settings, "cpu")
    loop.train(tmp_path, settings, data, state)

    rng = np.random.default_rng(7)
    w = initialization.gaussian(arch, rng)
    v = {name: np.zeros_like(array) for name, array in w.items()}
    n1 = sum(int(labels.sum()) for labels in data.labels[:3])
    n = 3 * data.labels[0].size
    class_weights = np.array([n / (2 * (n - n1)), n / (2 * n1)], np.float32)
    maps = [class_weights[labels] for labels in data.labels[:3]]
    slices = list(map(Sample, data.images[:3], data.labels[:3], maps))
    symmetries = augmentation.SETS["symmetries"]
    energies, lengths = [], []
    for t in range(10):
        rate = 0.01 * min(1.0, (t + 1) / 3) * (1 + math.cos(math.pi * t / 10)) / 2
        tile_rng = np.random.default_rng(np.random.SeedSequence(7, spawn_key=(t,)))
        tile = sampling.sample(slices, 24, 1, symmetries, tile_rng)
        logits, activations = unet.forward(w, tile.x, arch, rng)
        weight_map = class_weights[tile.labels] / 64
        energy, p = cross_entropy.forward(logits, tile.labels, weight_map)
        dlogits = cross_entropy.backward(p, tile.labels, weight_map)
        g = unet.backward(w, activations, dlogits, arch)
        length = np.sqrt(sum(np.vdot(one, one) for one in g.values()))
        lengths.append(length)
        if 0 < clip < length:
            g = {name: one * (clip / length) for name, one in g.items()}
        v = {name: 0.99 * v[name] - rate * g[name] for name in w}
        w = {name: w[name] + v[name] for name in w}
        energies.append((float(energy), rate))

    assert min(lengths) < 0.125 < max(lengths)  # some gradients are clipped and some are not
    with (tmp_path / "log.csv").open(newline="") as file:
        rows = list(csv.DictReader(file))
    assert [(float(row["energy"]), float(row["learning_rate"])) for row in rows] == energies
    assert [int(row["step"]) for row in rows] == list(range(1, 11))
    assert [int(row["step"]) for row in rows if row["validation_iou"]] == [4, 8, 10]
    for name in w:
        assert state.params[name].dtype == np.float32
        np.testing.assert_array_equal(state.params[name], w[name])
        np.testing.assert_array_equal(state.velocity[name], v[name])
    assert state.rng.bit_generator.state == rng.bit_generator.state
    assert state.step == 10


# The cost of a step on a GPU

SENT = [52 * 52 * 4, 12 * 12, 12 * 12 * 4]  # image, labels, weight map
DROPPED = [20 * 20 * 6, 6 * 6 * 12]  # a byte for each value of the two lowest contracting stages


@pytest.mark.parametrize("clip", [0.0, 1e-3, 1e3])  # off; clips every gradient; clips none
@pytest.mark.parametrize(("dropout", "bits"), [(0.0, []), (0.5, DROPPED)])
@pytest.mark.parametrize("variant", ["paper", "release"])
def test_a_step_copies_one_tile_in_and_one_number_out(variant, dropout, bits, clip):
    arch = Architecture(depth=2, channels=3, variant=variant, dropout=dropout)
    state, rng = device_state(arch), np.random.default_rng(1)
    for _ in range(2):
        tile = draw_tile(arch, 52, rng)
        with ledger.kept() as entries:
            energy = loop.step(state, tile, arch, 0.1, 0.9, clip)
        assert ledger.of(entries, "in") == [*SENT, *bits]
        assert [e[1:3] for e in entries if e.kind == "out"] == [("loop.step", 4)]
        assert type(energy) is float
    assert all(isinstance(w, StandIn) for w in (*state.params.values(), *state.velocity.values()))


@pytest.mark.parametrize("wrong", [-1, 2, 255])
@pytest.mark.parametrize("where", ["cpu", "cuda"])
def test_a_label_out_of_range_is_refused_before_anything_is_copied(wrong, where):
    arch = Architecture(depth=1, channels=2)
    state, tile = device_state(arch), draw_tile(arch, 24, np.random.default_rng(1))
    if where == "cpu":
        params = initialization.gaussian(arch, np.random.default_rng(0))
        state = State(params, sgd.start(params), np.random.default_rng(2))
    labels = tile.labels.astype(np.int16)
    labels[3, 5] = wrong
    before = state.params
    with (
        ledger.kept() as entries,
        pytest.raises(InputError, match=f"contain {wrong}; with 2 classes, .* from 0 to 1"),
    ):
        loop.step(state, tile._replace(labels=labels), arch, 0.1, 0.9)
    assert entries == []
    assert state.params is before
    assert state.step == 0


def test_a_larger_tile_needs_no_more_kernels_and_no_array_above_a_map():
    arch = Architecture(depth=2, channels=3)
    launches = set()
    for size in (52, 76, 116):
        tile = draw_tile(arch, size, np.random.default_rng(1))
        state = device_state(arch)
        with ledger.kept() as entries:
            loop.step(state, tile, arch, 0.1, 0.9, clip=1.0)
        launches.add(len(ledger.of(entries, "launch")))
        # The first map, each pixel beside its two neighbours to the right.
        assert max(ledger.of(entries, "array")) == (size - 2) * (size - 4) * 9 * 4
    assert len(launches) == 1


def device_state(arch):
    params = to_device(initialization.gaussian(arch, np.random.default_rng(0)))
    return State(params, sgd.start(params), np.random.default_rng(2))


def test_the_next_tile_is_started_before_a_step_begins(tmp_path, monkeypatch, no_pictures):
    begun = [threading.Event() for _ in range(5)]
    settings = from_options(**SMALL.__dict__ | {"steps": 5})
    data, step, sample = small_data(), loop.step, sampling.sample

    def make(k):
        begun[k].set()
        return sample(data.part(data.training), 24, 1, augmentation.SETS["none"], tile_rng(7, k))

    def checked(state, *args):
        # A GPU step ends when the energy is read, which has not happened yet.
        assert state.step == 4 or begun[state.step + 1].wait(10)
        return step(state, *args)

    monkeypatch.setattr(loop, "tiles", lambda *args: make)
    monkeypatch.setattr(loop, "step", checked)
    state = states.start(settings, "cpu")
    loop.train(tmp_path, settings, data, state)
    assert state.step == 5


def test_a_step_adjusts_the_gradients_after_it_clips_them():
    # Plain: w - η g. With λ and κ: w - η (g + λ w) for a kernel, w - η κ g for a bias, where g is
    # the clipped gradient in both.
    arch = Architecture(depth=1, channels=2, dropout=0.0)
    first = initialization.gaussian(arch, np.random.default_rng(0), np.float64)
    first = {name: array + 0.1 for name, array in first.items()}  # biases other than 0
    tile = draw_tile(arch, 24, np.random.default_rng(1))
    tile = tile._replace(x=tile.x.astype(np.float64))

    def after(*terms):
        state = State(dict(first), sgd.start(first), np.random.default_rng(2))
        loop.step(state, tile, arch, 0.5, 0.9, 1e-3, *terms)
        return state.params

    plain, adjusted = after(), after(sgd.Terms(0.25, 2.0))
    for name, w in first.items():
        moved = plain[name] - w
        expected = 2 * moved if w.ndim == 1 else moved - 0.5 * 0.25 * w
        assert np.abs(moved).max() > 0
        np.testing.assert_allclose(adjusted[name] - w, expected, rtol=1e-9, atol=1e-15)


def test_training_uses_the_terms_of_the_settings(tmp_path, monkeypatch, no_pictures):
    given, step = [], loop.step
    monkeypatch.setattr(
        loop, "step", lambda *args: (given.append((args[5], args[6])), step(*args))[1]
    )
    for changed in ({}, {"weight_decay": 0.25}, {"bias_rate": 2.0, "clip": 0.5}):
        settings = from_options(**SMALL.__dict__ | {"steps": 1} | changed)
        folder = tmp_path / str(len(given))
        folder.mkdir()
        loop.train(folder, settings, small_data(), states.start(settings, "cpu"))
    assert given == [(0.0, (0.0, 1.0)), (0.0, (0.25, 1.0)), (0.5, (0.0, 2.0))]


def test_an_output_layer_of_zeros_has_the_energy_of_guessing():
    # An output layer of zeros makes all K classes equally likely: E = mean(w) · ln K.
    arch = Architecture(depth=2, channels=3, classes=5)
    rng = np.random.default_rng(0)
    params = initialization.gaussian(arch, rng)
    params["out.w"][:] = 0
    state = State(params, {k: np.zeros_like(a) for k, a in params.items()}, rng)
    tile = draw_tile(arch, 52, rng)
    energy = loop.step(state, tile, arch, 0.1, 0.9)
    expected = float(np.mean(tile.weight_map, dtype=np.float64)) * math.log(5)
    assert energy == pytest.approx(expected, rel=1e-6)  # measured: 1e-8


def test_the_energy_is_a_mean_over_annotated_pixels_and_the_step_is_not(tmp_path):
    # Of a tile of K equally likely classes, a fraction is annotated: E = mean(w there) · ln K.
    arch = Architecture(depth=2, channels=3, classes=5)
    rng = np.random.default_rng(0)
    params = initialization.gaussian(arch, rng)
    params["out.w"][:] = 0
    tile = draw_tile(arch, 52, rng)
    known = np.zeros(tile.labels.shape, bool)
    known[1:4, 2:] = True
    tile = tile._replace(weight_map=np.where(known, tile.weight_map, 0), annotated=known)
    states = []
    for one in (tile, tile._replace(annotated=None)):
        velocity = {k: np.zeros_like(a) for k, a in params.items()}
        states.append(State(dict(params), velocity, np.random.default_rng(1)))
        states.append(loop.step(states[-1], one, arch, 0.1, 0.9))
    first, energy, second, over_all = states
    expected = float(np.mean(tile.weight_map[known], dtype=np.float64)) * math.log(5)
    assert energy == pytest.approx(expected, rel=1e-6)  # measured: 1e-8
    assert over_all == pytest.approx(expected * known.mean(), rel=1e-6)
    for name, array in first.params.items():
        np.testing.assert_array_equal(array, second.params[name])
    nothing = tile._replace(weight_map=0 * tile.weight_map, annotated=np.zeros_like(known))
    assert loop.step(first, nothing, arch, 0.1, 0.9) == 0


def test_balanced_class_weights_make_that_energy_ln_2(tmp_path, no_pictures):
    # With class weights, mean(w) over the whole set is 1 for any class balance.
    settings = from_options(**SMALL.__dict__ | {"steps": 1, "tile": 24})
    images = [np.zeros((8, 8, 1), np.float32)]
    labels = [np.zeros((8, 8), np.uint8)]
    labels[0][:, 0] = 1
    data = dataset_of(images, labels, [0], [])
    state = states.start(settings, "cpu")
    state.params["out.w"] = np.zeros_like(state.params["out.w"])
    loop.train(tmp_path, settings, data, state)
    with (tmp_path / "log.csv").open(newline="") as file:
        (row,) = csv.DictReader(file)
    # Validation uses all 64 pixels, so its mean is over the whole set.
    assert float(row["validation_energy"]) == pytest.approx(math.log(2), rel=1e-6)  # measured: 3e-9


def test_overfits_one_tile():
    stack = em_stack((1, 64, 64), np.random.default_rng(1))
    arch = Architecture(depth=2, channels=8, dropout=0)
    rng = np.random.default_rng(0)
    params = initialization.gaussian(arch, rng)
    state = State(params, {k: np.zeros_like(a) for k, a in params.items()}, rng)
    x = (stack.images[0, :60, :60] / 255).astype(np.float32)[..., np.newaxis]
    labels = stack.labels[0, 20:40, 20:40]
    assert 0.1 < labels.mean() < 0.9
    tile = Sample(x, labels, np.ones(labels.shape, np.float32))
    energies = [loop.step(state, tile, arch, 0.02, 0.9) for _ in range(150)]
    assert energies[0] > 0.4  # measured: 0.70, slightly more than ln 2
    assert energies[-1] < 0.01  # measured: 9e-5
    assert state.step == 150


def test_the_rate_warms_up_and_falls_along_a_cosine_by_hand():
    settings = from_options(learning_rate=1.2, warm_up=3, steps=12)
    rates = [loop.learning_rate(step, settings) for step in (0, 1, 2, 3, 4, 6, 8, 12)]
    # cos 0, 15°, 30°, 45°, 60°, 90°, 120°, 180°
    cosines = [1, (6**0.5 + 2**0.5) / 4, 3**0.5 / 2, 2**0.5 / 2, 0.5, 0, -0.5, -1]
    warm = [1 / 3, 2 / 3, 1, 1, 1, 1, 1, 1]
    expected = [1.2 * w * (1 + c) / 2 for w, c in zip(warm, cosines, strict=True)]
    assert rates == pytest.approx(expected, rel=1e-12, abs=1e-15)


def test_without_warm_up_the_first_rate_is_the_highest():
    settings = from_options(learning_rate=1.2, warm_up=0, steps=100)
    assert loop.learning_rate(0, settings) == 1.2
    rates = [loop.learning_rate(step, settings) for step in range(100)]
    assert rates == sorted(rates, reverse=True)
    assert rates[-1] > 0


# When it diverges

DEPTH_2 = Architecture(depth=2, channels=2)
STAGES = ["contract0", "contract1", "bottom", "expand1", "expand0", "out"]


@pytest.mark.parametrize(
    ("name", "stage"),
    [(name, name.split(".")[0]) for name in DEPTH_2.shapes() if ".w" in name],
)
@pytest.mark.parametrize("value", [np.nan, np.inf])
def test_nonfinite_weights_are_traced_to_their_stage(name, stage, value):
    assert stage in STAGES
    rng = np.random.default_rng(0)
    params = initialization.gaussian(DEPTH_2, rng)
    params[name].flat[0] = value
    velocity = {k: np.ones_like(a) for k, a in params.items()}
    state = State(params, velocity, rng, step=3)
    before = copies(state)
    tile = draw_tile(DEPTH_2, 52, rng)
    tile.x[:] = np.abs(tile.x)  # a dead ReLU would hide the value before it
    with pytest.raises(DivergedError) as diverged:
        loop.step(state, tile, DEPTH_2, 0.1, 0.9)
    assert str(diverged.value).endswith(f"first occur in stage {stage}")
    assert state.step == 3
    for tensors, copied in zip((state.params, state.velocity), before, strict=True):
        for key, array in tensors.items():
            np.testing.assert_array_equal(array, copied[key])


def test_too_high_a_rate_leaves_the_checkpoint_finite(tmp_path, no_pictures):
    settings = from_options(**SMALL.__dict__ | {"learning_rate": 1e30, "warm_up": 0, "steps": 50})
    state = states.start(settings, "cpu")
    first = {name: array.copy() for name, array in state.params.items()}
    with pytest.raises(
        DivergedError, match=r"first occur in stage (contract0|bottom|expand0|out)$"
    ):
        loop.train(tmp_path, settings, small_data(), state)
    saved, _, _ = states.restore(tmp_path / "last.npz", "cpu")
    assert saved.step == 0
    for name, array in first.items():
        np.testing.assert_array_equal(saved.params[name], array)


# When it gives all pixels one class


@pytest.fixture
def lines(monkeypatch):
    """Return the lines that are printed during training, each with its step."""
    printed = []

    class Watched(loop.Progress):
        def line(self, text):
            printed.append((self.done, text))

    monkeypatch.setattr(loop, "Progress", Watched)
    return printed


def trained(folder, data, **changed):
    """Train with an energy that is not validated; return the state."""
    given = {"validate_every": 1000, "steps": 230, "warm_up": 0, "dropout": 0.0}
    settings = from_options(**SMALL.__dict__ | given | changed)
    state = states.start(settings, "cpu")
    folder.mkdir()
    loop.train(folder, settings, data, state)
    return state


def test_a_dead_network_is_said_once_within_200_steps_and_with_the_remedy(
    tmp_path, no_pictures, lines
):
    state = trained(tmp_path / "a", small_data(), learning_rate=50.0, warm_up=7)
    for name, array in unet.forward(state.params, state_tile(), SMALL.architecture)[1].items():
        if name == "expand0.relu2":
            assert not array.any()  # all ReLUs of the last layer are dead
    ((step, line),) = lines
    assert step <= 201  # it died within the first steps
    assert line == (
        "warning   for 200 steps, all pixels of a tile got the same class, although their labels "
        "differ; unless this changes soon, start a new run with --learning-rate 25 --warm-up 200"
    )
    long = from_options(**SMALL.__dict__ | {"learning_rate": 0.1, "warm_up": 300})
    assert loop.warning_of_one_class(long).endswith(" --learning-rate 0.05 --warm-up 600")


def test_a_healthy_network_is_not_warned_of(tmp_path, no_pictures, lines):
    state = trained(tmp_path / "a", small_data(), channels=8, learning_rate=0.1, momentum=0.9)
    assert state.uniform == 0
    assert lines == []


def test_tiles_whose_labels_are_all_of_one_class_do_not_count(tmp_path, no_pictures, lines):
    data = small_data()
    for sample in data.samples:
        sample.labels[...] = 1
    assert trained(tmp_path / "a", data, learning_rate=0.1).uniform == 0
    assert lines == []


def p_of(classes):
    """Return probabilities (H, W, 3) with these most probable classes."""
    return np.eye(3, dtype=np.float32)[np.array(classes)]


MIXED, SAME = [[0, 1, 1]], [[1, 1, 1]]


@pytest.mark.parametrize(
    ("predicted", "labels", "annotated", "expected"),
    [
        (SAME, MIXED, None, 60),
        ([[2, 2, 2]], MIXED, None, 60),
        (MIXED, MIXED, None, 0),
        ([[1, 1, 2]], SAME, None, 0),
        (SAME, SAME, None, 50),  # right, perhaps
        (SAME, MIXED, [[False, True, True]], 50),
        (SAME, MIXED, [[True, True, False]], 60),
        (SAME, MIXED, [[False, False, False]], 50),
    ],
)
def test_steps_with_one_class_are_counted(predicted, labels, annotated, expected):
    known = None if annotated is None else np.array(annotated)
    tile = Sample(np.zeros((1, 3, 1)), np.array(labels, np.uint8), np.ones((1, 3)), known)
    assert loop._uniform(50, p_of(predicted), tile) == expected


# Saving


@pytest.mark.parametrize("name", augmentation.SETS)
def test_tiles_are_augmented_according_to_the_settings(name):
    settings, data = from_options(**SMALL.__dict__ | {"augment": name}), small_data()
    slices = data.part([0, 1, 2])
    for step in range(3):
        found = loop.tiles(settings, data)(step)
        expected = sampling.sample(slices, 24, 1, augmentation.SETS[name], tile_rng(7, step))
        for one, other in zip(found, expected, strict=True):
            np.testing.assert_array_equal(one, other)


def test_a_run_starts_on_its_device(monkeypatch):
    monkeypatch.setattr(states.device, "to_device", lambda tensors, name: to_device(tensors))
    state = states.start(SMALL, "cuda")
    arrays = (*state.params.values(), *state.velocity.values())
    assert all(isinstance(array, StandIn) for array in arrays)


@pytest.mark.parametrize("wanted", ["cpu", "cuda"])
def test_the_device_is_passed_on(monkeypatch, wanted):
    passed = []
    monkeypatch.setattr(states.device, "to_device", lambda t, name: passed.append(name) or t)
    states.start(SMALL, wanted)
    assert passed == [wanted]


def test_the_seconds_of_a_step_exclude_validation(tmp_path, monkeypatch, no_pictures):
    # Each reading of the clock adds a second. So does each validation, which must not count.
    clock = iter(range(100))
    monkeypatch.setattr(loop, "time", SimpleNamespace(monotonic=lambda: next(clock)))
    settings = from_options(**SMALL.__dict__ | {"steps": 4, "validate_every": 2})
    state = states.start(settings, "cpu")
    loop.train(tmp_path, settings, small_data(), state, lambda scores, p: next(clock))
    assert [row["seconds"] for row in runs.read(tmp_path)] == [1, 1, 1, 1]


def test_the_step_is_saved_even_if_a_picture_cannot_be_drawn(tmp_path):
    settings = from_options(**SMALL.__dict__ | {"steps": 4, "validate_every": 2})

    def fail(scores, p):
        raise OSError("the disk is full")

    with pytest.raises(OSError, match="full"):
        loop.train(tmp_path, settings, small_data(), states.start(settings, "cpu"), fail)
    for name in ("best", "last"):
        assert states.restore(tmp_path / f"{name}.npz", "cpu")[0].step == 2


def test_the_progress_shows_the_energy_and_the_last_validation(tmp_path, monkeypatch, no_pictures):
    begun, shown = [], []

    class Watched(loop.Progress):
        def __init__(self, *given):
            begun.append(given)
            super().__init__(*given)

        def advance(self, text):
            shown.append(text)
            super().advance(text)

    monkeypatch.setattr(loop, "Progress", Watched)
    settings = from_options(**SMALL.__dict__ | {"steps": 3, "validate_every": 2})
    state = states.start(settings, "cpu")
    loop.train(tmp_path, settings, small_data(), state)
    assert "validation" not in shown[0]
    for text in shown[1:]:
        assert re.fullmatch(
            r"energy \d\.\d{3}  validation pixel error 0\.\d{4}, IoU 0\.\d{3}", text
        )
    loop.train(tmp_path, from_options(**settings.__dict__ | {"steps": 5}), small_data(), state)
    assert begun == [(3, "step", 0), (5, "step", 3)]


def test_a_score_that_was_not_computed_leaves_its_column_empty(tmp_path, no_pictures):
    settings = from_options(**SMALL.__dict__ | {"steps": 1})
    loop.train(tmp_path, settings, small_data(), states.start(settings, "cpu"))
    (row,) = runs.read(tmp_path)
    assert "validation_iou" in row
    assert not {"validation_v_rand", "validation_seg"} & set(row)


def test_the_first_score_is_the_best_even_if_it_is_0(tmp_path, monkeypatch, no_pictures):
    monkeypatch.setattr(journal, "validate", lambda *args: (journal.Validation(1.0, 1.0, 0.0), []))
    settings = from_options(**SMALL.__dict__ | {"steps": 1})
    loop.train(tmp_path, settings, small_data(), states.start(settings, "cpu"))
    assert states.restore(tmp_path / "best.npz", "cpu")[0].best == 0.0


def test_the_requested_device_overrides_that_of_the_settings(tmp_path):
    settings = from_options(**SMALL.__dict__ | {"device": "cuda"})
    states.save(tmp_path / "last.npz", settings, states.start(settings, "cpu"))
    assert states.restore(tmp_path / "last.npz", "cpu")[2] == "NumPy on the CPU"
