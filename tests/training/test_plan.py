"""The plan of a run states the right numbers, estimates memory well and changes nothing."""

import os
import re
import subprocess
import sys
from dataclasses import replace

import numpy as np
import pytest
from datasets import dataset_of
from networks import flop_by_hand

from minunet import training
from minunet.errors import InputError
from minunet.runs.settings import from_options
from minunet.training import plan

SETTINGS = from_options(depth=1, channels=2, tile=24, steps=25, validate_every=10, device="cpu")


@pytest.fixture(autouse=True)
def nothing_saved(monkeypatch):
    """Leave out the time of saving and drawing, which is not computed from the settings."""
    monkeypatch.setattr(plan, "SAVING", 0.0)


def small_data():
    rng = np.random.default_rng(0)
    images = [rng.random((30, 41, 1), np.float32) for _ in range(3)]
    labels = [(rng.random((30, 41)) < 0.3).astype(np.uint8) for _ in range(3)]
    return dataset_of(images, labels, [0, 1], [2], ["data      a line of its own"])


def test_the_lines_of_the_plan():
    data = small_data()
    state = training.start(SETTINGS, "cpu")
    lines = plan.plan(SETTINGS, data, state, "a device in words")
    text = "\n".join(lines)
    wrong = min(data.labels[2].mean(), 1 - data.labels[2].mean())
    for words in (
        "data      a line of its own",
        f"to beat   pixel error {wrong:.4f}: the baseline, which gives every pixel the most ",
        "network   434 parameters: depth 1, 2 channels",  # counted by hand below
        "tile      24 → 8 pixels",
        "device    a device in words",
        "steps 1 … 25, 3 validations and the final scores",
    ):
        assert words in text
    assert all("\n" not in line for line in lines)


def test_the_plan_warns_of_folded_tiles():
    def warned(augment):
        settings = replace(SETTINGS, augment=augment)
        lines = plan.plan(settings, small_data(), training.start(settings, "cpu"), "")
        return [line for line in lines if line.startswith("warning")]

    (line,) = warned("paper")
    assert "in more than 1 % of tiles of 24 pixels; pass --tile 139 or more" in line
    assert warned("symmetries") == []


def test_the_434_parameters_by_hand():
    def conv(kernel, c, o):
        return kernel * kernel * c * o + o

    contract, bottom = conv(3, 1, 2) + conv(3, 2, 2), conv(3, 2, 4) + conv(3, 4, 4)
    expand = conv(2, 4, 2) + conv(3, 4, 2) + conv(3, 2, 2)
    assert contract + bottom + expand + conv(1, 2, 2) == 434


def test_resuming_counts_only_the_remaining_steps():
    state = training.start(SETTINGS, "cpu")
    state.step = 12
    (line,) = [x for x in plan.plan(SETTINGS, small_data(), state, "") if x.startswith("time")]
    assert "steps 13 … 25, 2 validations and the final scores" in line


def test_the_time_covers_steps_and_validations(monkeypatch):
    # 2 s per step and 3 s per tile: 25 steps, and 3 validations of 4 · 6 tiles (30 x 41 pixels).
    # At the end, two checkpoints segment the validation slice, and one a training slice.
    monkeypatch.setattr(plan, "_measure", lambda *args: (2.0, 3.0))
    lines = plan.plan(SETTINGS, small_data(), training.start(SETTINGS, "cpu"), "")
    (line,) = [line for line in lines if line.startswith("time")]
    assert re.match(r"time      2\.00 s per step; .* about 8 min 2 s, ending at ", line)


def test_validation_uses_smaller_tiles_if_no_more_are_needed(monkeypatch):
    # A tile of 40 pixels segments 24; two outputs of 16 rows cover 30, and two of 22 columns cover
    # 41. One second per operation is pretended, so the time is that of these four smaller tiles.
    tried = flop_by_hand(40, 40)
    monkeypatch.setattr(plan, "_measure", lambda *args: (0.0, tried))
    monkeypatch.setattr(plan, "duration", lambda seconds: f"<{round(seconds)}>")
    settings = replace(SETTINGS, tile=40, steps=7)
    lines = plan.plan(settings, small_data(), training.start(settings, "cpu"), "")
    # One validation and three slices for the final scores; their metrics take less than 1 s.
    assert f"about <{4 * 4 * flop_by_hand(32, 38)}>, ending at " in lines[-1]


def test_planning_changes_nothing():
    state = training.start(replace(SETTINGS, dropout=0.5), "cpu")
    tensors = [(t, {k: a.copy() for k, a in t.items()}) for t in (state.params, state.velocity)]
    before = state.rng.bit_generator.state
    plan.plan(SETTINGS, small_data(), state, "")
    assert state.rng.bit_generator.state == before
    assert (state.step, state.best) == (0, -1.0)
    for tensor, copied in tensors:
        for name, array in tensor.items():
            np.testing.assert_array_equal(array, copied[name])
    assert state.params is tensors[0][0]


MEASURE = """
import re
from pathlib import Path
import numpy as np
from minunet import training
from minunet.image import Sample
from minunet.runs.settings import from_options

settings = from_options(depth=3, channels=32, tile=252)
state, rng = training.start(settings, "cpu"), np.random.default_rng(0)
tile = Sample(rng.random((252, 252, 1), np.float32), np.zeros((164, 164), np.uint8),
              np.ones((164, 164), np.float32))
for _ in range(2):
    training.step(state, tile, settings.architecture, 0.01, 0.99)
print(1024 * int(re.search(r"VmHWM:\\s*(\\d+) kB", Path("/proc/self/status").read_text())[1]))
"""


@pytest.mark.skipif(sys.platform != "linux", reason="no /proc elsewhere")
def test_the_memory_estimate_matches_two_steps():
    done = subprocess.run(
        [sys.executable, "-c", MEASURE],
        capture_output=True,
        text=True,
        check=True,
        env={name: value for name, value in os.environ.items() if "NUM_THREADS" not in name},
    )
    ratio = plan.memory(from_options(depth=3, channels=32, tile=252)) / float(done.stdout)
    assert 0.8 < ratio < 1.25  # measured: 1.03


def test_choosing_the_rule_for_cells_takes_time(monkeypatch):
    # The slices of 30 x 41 pixels: one second per pixel is pretended, and nothing else.
    monkeypatch.setattr(plan, "_measure", lambda *args: (0.0, 0.0))
    monkeypatch.setattr(plan, "CHOOSING", 1.0)
    monkeypatch.setattr(plan, "SCORING", 2.0)
    monkeypatch.setattr(plan, "duration", lambda seconds: f"<{seconds:.0f}>")

    def said(score, data):
        settings = replace(SETTINGS, score=score)
        return plan.plan(settings, data, training.start(settings, "cpu"), "")[-1]

    data = small_data()
    numbered = data._replace(numbered=True)
    assert "about <1230>" in said("seg", numbered)
    assert "about <0>" in said("iou", numbered)
    assert "about <2460>" in said("v_rand", data)
    assert "about <0>" in said("iou", data._replace(cells=None))


def test_saving_and_drawing_take_time(monkeypatch):
    # By hand: of 100 s, a last validation takes 2 s; ten steps and a validation take 10 + 2 s.
    monkeypatch.setattr(plan, "SAVING", 2.0)
    assert steps(monkeypatch, 100 / 60, 1.0, 0.0) == int(98 / 1.2) == 81


# As many steps as fit into a time


def steps(monkeypatch, minutes, per_step, per_tile, **changed):
    monkeypatch.setattr(plan, "_measure", lambda *args: (per_step, per_tile))
    monkeypatch.setattr(plan, "SCORING", 0.0)
    settings = replace(SETTINGS, **changed)
    return plan.steps_in(minutes, settings, small_data(), training.start(settings, "cpu"))


def test_the_steps_that_fit_into_a_time_by_hand(monkeypatch):
    # 600 s; a validation has 24 tiles of 0.5 s, and the final scores have 3 x 24. A step takes
    # 0.8 s, and every 10th is followed by a validation. One validation follows the last step.
    fixed = 24 * 0.5 + 3 * 24 * 0.5
    expected = (600 - fixed) / (0.8 + 24 * 0.5 / 10)
    assert expected == 276
    assert steps(monkeypatch, 10.0, 0.8, 0.5) == 276
    assert steps(monkeypatch, 10.0, 0.8, 0.0) == 750
    # Validated less often than it ends: only the last validation.
    assert steps(monkeypatch, 10.0, 0.8, 0.5, validate_every=10**9) == (600 - fixed) // 0.8


def test_the_planned_steps_take_no_longer_than_the_time(monkeypatch):
    monkeypatch.setattr(plan, "duration", lambda seconds: f"<{seconds}>")
    for minutes in (1.7, 2.0, 3.3, 12.0, 100.0):
        count = steps(monkeypatch, minutes, 0.8, 0.5)
        settings = replace(SETTINGS, steps=count)
        line = plan.plan(settings, small_data(), training.start(settings, "cpu"), "")[-1]
        seconds = float(re.search("about <(.*)>", line)[1])
        assert 60 * minutes - 2 * (0.8 + 24 * 0.5) < seconds <= 60 * minutes


def test_a_time_that_is_too_short_says_how_much_is_needed(monkeypatch):
    # 48 s for validation and scores, 2 s for a step with its part of a validation: 50 s, and a
    # tenth more because timings vary, are 0.917 minutes.
    with pytest.raises(InputError) as error:
        steps(monkeypatch, 0.8, 0.8, 0.5)
    assert str(error.value) == (
        "0.8 minutes is not enough for one step and the final scores; pass --minutes 1 or more"
    )
    assert steps(monkeypatch, 1.0, 0.8, 0.5) == 6
    with pytest.raises(InputError, match=r"pass --minutes 5\.4 or more"):
        steps(monkeypatch, 0.8, 240.0, 0.5)
    assert steps(monkeypatch, 5.4, 240.0, 0.5) == 1


def test_counting_the_steps_changes_nothing():
    state = training.start(replace(SETTINGS, dropout=0.5), "cpu")
    before = {name: array.copy() for name, array in state.params.items()}, state.rng.bit_generator
    rng = state.rng.bit_generator.state
    assert plan.steps_in(60.0, SETTINGS, small_data(), state) > 0
    assert (state.step, state.uniform, state.rng.bit_generator.state) == (0, 0, rng)
    for name, array in state.params.items():
        np.testing.assert_array_equal(array, before[0][name])
